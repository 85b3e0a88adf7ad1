"""A network with its samples, in floating point and on devices."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray, Streams
from matsweep.machine import Hardware, Matrix
from matsweep.networks.adapting import adapted
from matsweep.networks.chip import AgedNetwork, ProgrammedNetwork
from matsweep.networks.last_layer import (
    LABELS_RIDGE,
    TARGETS_RIDGE,
    Refit,
    exact_products,
    last_layer,
    refitted,
)
from matsweep.networks.matrices import network_matrices
from matsweep.networks.network import Network
from matsweep.networks.products import DeviceProduct, ProgrammedWeight
from matsweep.networks.recording import Recorded, record
from matsweep.networks.sizing import sized
from matsweep.workloads.network.data import Samples, evenly
from matsweep.workloads.network.judging import JUDGED, Judged
from matsweep.workloads.network.outputs import (
    MEASURE_OF,
    check,
    fitted,
    numbered,
    references,
    scored,
)
from matsweep.workloads.network.scores import SCORES, by_class

type AnyArray = npt.NDArray[Any]

MEASURES = frozenset({
    "output_error", "vmm_error", "layer_vmm_error", "saturated", "array_power", "programming_error",
    "missed",
})  # fmt: skip
"""Measures of every network; those of labels and classes come to them."""
FLOAT_MERIT = "float_merit"
"""Measure of a network that was trained for devices: its merit in floating point."""
_OTHERWISE = {"layer_vmm_error", "programming_error", "missed", FLOAT_MERIT}
"""Measures that are no number for each realisation and time, or the same for all."""
_ADAPTED = 128  # samples whose statistics are matched
LAST_LAYER = "last_layer"
"""Adaptation of the last layer to what it receives on the chip."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreparedNetwork:
    """A network, its matrices and its samples.

    Parameters
    ----------
    network : Network
    samples : Samples
    recorded : mapping of str to Recorded
        Of calibration inputs, by the weight's name.
    adaptation : (inputs, mapping of str to Recorded), or None
        Calibration inputs whose statistics are matched at each time, and their run in floating
        point.
    refit : Refit or None
        Calibration inputs that the last layer is fitted to again, at the first time.
    wanted : (sample, …) float32 array
        The judged output in floating point.
    output : str
        Its name.
    merit : str
    measures : frozenset of str
    top : int or None
    score : str or None
    matrices : tuple of Matrix
    reference, chance : mapping of str to float
    digest : str
    float_merit : float or None
        Of a network that was trained for devices. It is compared with the network as it came:
        `wanted`, `reference` and `chance` are of that one.
    """

    network: Network
    samples: Samples
    recorded: Mapping[str, Recorded]
    adaptation: tuple[Mapping[str, AnyArray], Mapping[str, Recorded]] | None
    refit: Refit | None
    wanted: FloatArray
    output: str
    merit: str
    measures: frozenset[str]
    top: int | None
    score: str | None
    matrices: tuple[Matrix, ...]
    reference: Mapping[str, float]
    chance: Mapping[str, float]
    digest: str
    float_merit: float | None = None

    @property
    def adapt(self) -> str:
        """Adaptation to the chip: "none", "statistics" or "last_layer"."""
        if self.adaptation is not None:
            return "statistics"
        return "none" if self.refit is None else LAST_LAYER

    @property
    def coordinates(self) -> Mapping[str, npt.NDArray[np.generic]]:
        """Names of the weights on tiles."""
        return {"layer": np.array(list(self.recorded))}

    def run(
        self, hardware: Hardware, *, times: tuple[float, ...], rng: Streams
    ) -> Mapping[str, FloatArray]:
        """Program the network into devices, and run it on its samples at given times.

        Realisations are run one by one, each a micro-batch of samples at a time.

        Parameters
        ----------
        hardware : Hardware
        times : tuple of float, s
            Since programming.
        rng : Streams
            One stream per realisation.

        Returns
        -------
        dict of str to (realisation, time) array
            correct : share of the samples classified correctly, where there are labels.
            top_accuracy : share whose class is among the largest outputs.
            agreement : share whose class is that of the network in floating point.
            output_error : root-mean-square error of the outputs, over that of the float outputs.
            The named score.
            layer_vmm_error : (realisation, time, layer), root-mean-square error of a weight's
            products, over that of the exact ones of the same inputs, of the first 100 samples;
            of many positions or steps, 16 of each sample.
            vmm_error : root mean square of that over all weights.
            array_power : W, of the drivers during all reads of one inference, from the same
            products.
            saturated : share of all conversions that saturated.
            programming_error, missed : (realisation,), as of a perceptron.
            float_merit : (realisation,), the same for all.
        """
        programmed = ProgrammedNetwork.program(self.network, self.matrices, hardware, rng=rng)
        count, layers = len(rng), len(self.recorded)
        of_times = self.measures - _OTHERWISE
        measures: dict[str, FloatArray] = {name: np.zeros((count, len(times))) for name in of_times}
        measures["layer_vmm_error"] = np.zeros((count, len(times), layers))
        last: list[ProgrammedWeight] = []
        for index, time in enumerate(times):
            aged = programmed.at(time)
            if self.refit is not None and not last:
                last = [self._refitted(aged, each, self.refit) for each in range(count)]
            for realisation in range(count):
                products = self._products(aged, realisation)
                if last:
                    products |= _alone(last[realisation], time)
                for name, value in self._measured(aged, products).items():
                    measures[name][realisation, index] = value
        if self.float_merit is not None:
            measures[FLOAT_MERIT] = np.full(count, self.float_merit)
        return measures | _written(programmed, last)

    def _refitted(self, aged: AgedNetwork, realisation: int, refit: Refit) -> ProgrammedWeight:
        place = list(self.recorded).index(refit.weight.name)
        return refitted(aged, realisation, self.matrices[place], refit)

    def _products(self, aged: AgedNetwork, realisation: int) -> dict[str, DeviceProduct]:
        affine = None
        if self.adaptation is not None:
            affine = adapted(aged, realisation, *self.adaptation)
        return aged.products(realisation, affine=affine)

    def _measured(
        self, aged: AgedNetwork, products: Mapping[str, DeviceProduct]
    ) -> dict[str, float | FloatArray]:
        """Run all samples in one realisation at one time."""
        judged = {
            name: Judged(product, self.recorded[name], powered=True)
            for name, product in products.items()
        }
        outputs = numbered(aged.run(self.samples.inputs, judged)[self.output])
        errors = np.array([each.error for each in judged.values()])
        conversions = sum(each.conversions for each in products.values())
        measured: dict[str, float | FloatArray] = {
            "layer_vmm_error": errors,
            "vmm_error": float(np.sqrt(np.mean(np.square(errors)))),
            "array_power": sum(each.power for each in judged.values()),
            "saturated": sum(each.saturated for each in products.values()) / max(conversions, 1),
        }
        return measured | scored(
            outputs, self.wanted, self.samples, self.measures, top=self.top, score=self.score
        )


def prepared(
    network: Network,
    samples: Samples,
    *,
    output: str,
    merit: str,
    measures: frozenset[str],
    top: int | None,
    score: str | None,
    adapt: str,
    as_it_came: PreparedNetwork | None = None,
) -> PreparedNetwork:
    """Run a network in floating point, and build its matrices.

    Parameters
    ----------
    network : Network
    samples : Samples
    output : str
        That is judged.
    merit : str
    measures : frozenset of str
    top : int or None
    score : str or None
    adapt : str
        "statistics": they are matched at each time; "last_layer": it is fitted again at the first.
    as_it_came : PreparedNetwork, optional
        Of the network before a training for devices, with which results are compared.

    Returns
    -------
    PreparedNetwork

    Raises
    ------
    UserError
        If labels or targets do not fit the outputs, or an output is not finite.
    """
    network = network if network.shapes else sized(network, samples.calibration)
    run = record(network, samples.calibration)
    outputs = network(samples.inputs)
    own = numbered(outputs[output] if isinstance(outputs, Mapping) else outputs)
    wanted = own if as_it_came is None else as_it_came.wanted
    samples = fitted(samples, wanted)
    check(own, samples, top, score)
    adaptation = None
    if adapt == "statistics":
        total = len(next(iter(samples.calibration.values())))
        places = evenly(total, network.batch or _ADAPTED)
        some = {name: each[places] for name, each in samples.calibration.items()}
        adaptation = some, record(network, some).weights
    refit = None
    if adapt == LAST_LAYER:
        to_targets = score is not None and not SCORES[score].whole
        refit = _refit(network, samples, output, wanted, to_targets=to_targets)
    decided = wanted[0].size if "agreement" in measures else 0
    changed = adaptation is not None
    facts: tuple[object, ...] = (output, merit, sorted(measures), top, score, changed)
    reference: Mapping[str, float]
    chance: Mapping[str, float]
    float_merit = None
    if as_it_came is None:
        reference, chance = references(wanted, samples, measures, top=top, score=score)
    else:
        reference, chance = as_it_came.reference, as_it_came.chance
        results = scored(own, wanted, samples, measures, top=top, score=score)
        float_merit = results[MEASURE_OF.get(merit, merit)]
        facts += (as_it_came.digest,)
    return PreparedNetwork(
        network=network, samples=samples, recorded=run.weights, adaptation=adaptation,
        refit=refit, wanted=wanted, output=output, merit=merit, measures=measures, top=top,
        score=score,
        matrices=network_matrices(network, run.weights, decided=decided),
        reference=reference, chance=chance,
        digest=_digest(network, samples, facts, refit), float_merit=float_merit,
    )  # fmt: skip


def _refit(
    network: Network, samples: Samples, output: str, wanted: FloatArray, *, to_targets: bool
) -> Refit:
    """Labels, targets, or products in floating point that the last layer is fitted to."""
    weight, plain = last_layer(network, output, monotonic=not to_targets)
    outputs = weight.values.shape[1]
    products = exact_products(network, weight, samples.calibration)
    labels, targets = samples.calibration_labels, samples.calibration_targets
    if wanted.shape[-1] != outputs:
        raise UserError(
            f"adapt=last_layer must find the {outputs} outputs of {weight.name} along the last "
            f"axis of the network's output, got the shape {wanted.shape}: choose another adapt"
        )
    known = products if not to_targets or targets is None else targets.reshape(-1, outputs)
    if to_targets or labels is None:
        return Refit(weight=weight, inputs=samples.calibration, labels=None, targets=known)
    flat = labels.reshape(-1)
    if len(flat) != len(products) or flat.max() >= max(outputs, 2):
        raise UserError(
            f"calibration must hold {len(products)} labels from 0 to {max(outputs, 2) - 1}, one of "
            f"each product of the last layer, got {len(flat)} up to {flat.max()}"
        )
    threshold = float(by_class(wanted, wanted).flat[0]) if outputs == 1 and plain else 0.0
    return Refit(
        weight=weight, inputs=samples.calibration, labels=flat, targets=None, threshold=threshold
    )


def _alone(weight: ProgrammedWeight, time: float) -> dict[str, DeviceProduct]:
    """Return the product of a weight that is programmed in one realisation alone."""
    packs = [pack.programmed.at(time) for pack in weight.packs]
    return {weight.weight.name: DeviceProduct(weight, packs, 0, f"{time} s", "", None)}


def _digest(
    network: Network, samples: Samples, facts: tuple[object, ...], refit: Refit | None
) -> str:
    hashed = hashlib.blake2b(f"{network.digest} {JUDGED} {facts}".encode(), digest_size=16)
    arrays = [*samples.inputs.values(), *samples.calibration.values()]
    arrays += [each for each in (samples.labels, samples.targets) if each is not None]
    if refit is not None:
        hashed.update(f"{LAST_LAYER} {LABELS_RIDGE} {TARGETS_RIDGE}".encode())
        arrays.append(refit.answers)
    for array in arrays:
        hashed.update(f"{array.shape} {array.dtype}".encode())
        hashed.update(np.ascontiguousarray(array).data)
    return hashed.hexdigest()


def _written(
    programmed: ProgrammedNetwork, last: Sequence[ProgrammedWeight]
) -> dict[str, FloatArray]:
    """Error of programming, and the share that write and verify missed, by realisation."""
    again = {each.weight.name for each in last}
    written = [
        pack.programmed.written
        for each in programmed.weights
        if each.weight.name not in again
        for pack in each.packs
    ]
    if last:
        parts = [pack.programmed.written for each in last for pack in each.packs]
        error, missed = (
            np.concatenate([getattr(each, name) for each in parts]) for name in ("error", "missed")
        )
        written.append(parts[0]._replace(error=error, missed=missed))
    devices = sum(each.devices for each in written)
    square = sum(each.devices / devices * np.square(each.error) for each in written)
    share = sum(each.devices / devices * each.missed for each in written)
    return {"programming_error": np.sqrt(square), "missed": np.asarray(share)}
