"""A network with its samples, in floating point and on devices."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray, Streams
from matsweep.machine import Hardware, Matrix
from matsweep.networks.adapting import adapted
from matsweep.networks.chip import AgedNetwork, ProgrammedNetwork
from matsweep.networks.matrices import network_matrices
from matsweep.networks.network import Network
from matsweep.networks.recording import Recorded, record
from matsweep.networks.sizing import sized
from matsweep.workloads.network.data import Samples
from matsweep.workloads.network.judging import JUDGED, Judged
from matsweep.workloads.network.scores import (
    SCORES,
    among_largest,
    classes,
    most_frequent,
    relative_error,
)

type AnyArray = npt.NDArray[Any]

MEASURES = frozenset({
    "output_error", "vmm_error", "layer_vmm_error", "saturated", "array_power", "programming_error",
    "missed",
})  # fmt: skip
"""Measures of every network; those of labels and classes come to them."""
_ADAPTED = 128  # samples whose statistics are matched


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
    """

    network: Network
    samples: Samples
    recorded: Mapping[str, Recorded]
    adaptation: tuple[Mapping[str, AnyArray], Mapping[str, Recorded]] | None
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
        """
        programmed = ProgrammedNetwork.program(self.network, self.matrices, hardware, rng=rng)
        count, layers = len(rng), len(self.recorded)
        of_times = self.measures - {"layer_vmm_error", "programming_error", "missed"}
        measures = {name: np.zeros((count, len(times))) for name in of_times}
        measures["layer_vmm_error"] = np.zeros((count, len(times), layers))
        for index, time in enumerate(times):
            aged = programmed.at(time)
            for realisation in range(count):
                for name, value in self._measured(aged, realisation).items():
                    measures[name][realisation, index] = value
        return measures | _written(programmed)

    def _measured(self, aged: AgedNetwork, realisation: int) -> dict[str, float | FloatArray]:
        """Run all samples in one realisation at one time."""
        affine = None
        if self.adaptation is not None:
            affine = adapted(aged, realisation, *self.adaptation)
        products = aged.products(realisation, affine=affine)
        judged = {
            name: Judged(product, self.recorded[name], powered=True)
            for name, product in products.items()
        }
        outputs = np.asarray(aged.run(self.samples.inputs, judged)[self.output], np.float32)
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


def scored(
    outputs: FloatArray,
    wanted: FloatArray,
    samples: Samples,
    measures: frozenset[str],
    *,
    top: int | None,
    score: str | None,
) -> dict[str, float]:
    """Compare outputs with labels, targets, and the outputs in floating point.

    Parameters
    ----------
    outputs : (sample, …) array
    wanted : (sample, …) array
        In floating point.
    samples : Samples
    measures : frozenset of str
        Those asked for.
    top : int or None
    score : str or None

    Returns
    -------
    dict of str to float
    """
    result = {"output_error": relative_error(outputs, wanted)}
    labels = samples.labels
    if "agreement" in measures:
        result["agreement"] = float(np.mean(classes(outputs) == classes(wanted)))
    if labels is not None and "correct" in measures:
        result["correct"] = float(np.mean(classes(outputs) == labels))
    if labels is not None and top is not None:
        result["top_accuracy"] = among_largest(outputs, labels, top)
    if score is not None:
        targets = labels if SCORES[score].whole else samples.targets
        assert targets is not None
        result[score] = SCORES[score].compute(outputs, targets)
    return result


def prepared(
    network: Network,
    samples: Samples,
    *,
    output: str,
    merit: str,
    measures: frozenset[str],
    top: int | None,
    score: str | None,
    adapt: bool,
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
    adapt : bool
        Whether statistics are matched at each time.

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
    wanted = np.asarray(outputs[output] if isinstance(outputs, Mapping) else outputs, np.float32)
    _check(wanted, samples, top, score)
    adaptation = None
    if adapt:
        some = {name: each[:: max(1, len(each) // _ADAPTED)][:_ADAPTED] for name, each in
                samples.calibration.items()}  # fmt: skip
        if network.batch is not None:
            some = {name: each[: network.batch] for name, each in some.items()}
        adaptation = some, record(network, some).weights
    decided = wanted[0].size if "agreement" in measures else 0
    values = scored(wanted, wanted, samples, measures, top=top, score=score)
    reference = {_METRIC.get(name, name): value for name, value in values.items()}
    chance = _chance(wanted, samples, measures, top=top, score=score)
    known = {name: value for name, value in chance.items() if _worse(name, value, reference[name])}
    return PreparedNetwork(
        network=network, samples=samples, recorded=run.weights, adaptation=adaptation,
        wanted=wanted, output=output, merit=merit, measures=measures, top=top, score=score,
        matrices=network_matrices(network, run.weights, decided=decided),
        reference=reference, chance=known,
        digest=_digest(network, samples, (output, merit, sorted(measures), top, score, adapt)),
    )  # fmt: skip


_METRIC = {"correct": "accuracy"}
"""Metrics that have another name than their measure."""


def _worse(name: str, value: float, than: float) -> bool:
    lower = name == "output_error" or (name in SCORES and SCORES[name].better == "lower")
    return value > than if lower else value < than


def _chance(
    wanted: FloatArray,
    samples: Samples,
    measures: frozenset[str],
    *,
    top: int | None,
    score: str | None,
) -> dict[str, float]:
    """Return what a machine that ignores its inputs reaches, by metric."""
    mean = np.broadcast_to(wanted.mean(axis=0), wanted.shape)
    result = {"output_error": relative_error(mean, wanted)}
    if "agreement" in measures:
        result["agreement"] = most_frequent(classes(wanted))
    if samples.labels is not None and "correct" in measures:
        result["accuracy"] = most_frequent(samples.labels)
    if samples.labels is not None and top is not None:
        counts = np.sort(np.bincount(samples.labels[samples.labels >= 0]))[::-1]
        result["top_accuracy"] = float(counts[:top].sum() / counts.sum())
    if score is not None:
        targets = samples.labels if SCORES[score].whole else samples.targets
        assert targets is not None
        result[score] = SCORES[score].chance(targets)
    return result


def _check(wanted: FloatArray, samples: Samples, top: int | None, score: str | None) -> None:
    """Refuse labels and targets that do not fit the outputs."""
    if not np.isfinite(wanted).all():
        raise UserError(
            "model must give finite outputs, got nan or inf in floating point: check weights, data "
            "and preprocessing"
        )
    labels, targets = samples.labels, samples.targets
    if labels is not None:
        if labels.shape != wanted.shape[:-1]:
            raise UserError(
                f"data must hold labels of shape {wanted.shape[:-1]} for outputs of shape "
                f"{wanted.shape}, got {labels.shape}"
            )
        most = max(wanted.shape[-1], 2)
        if labels.max() >= most:
            raise UserError(
                f"data must hold labels from 0 to {most - 1}, the classes of the network, got "
                f"{labels.max()}"
            )
        if labels.min() < 0 and not (score is not None and SCORES[score].whole):
            raise UserError(
                f"data must hold labels from 0 to {most - 1}, got {labels.min()}: negative ones "
                "mark what is left out, in score=token_accuracy alone"
            )
        if top is not None and top >= most:
            raise UserError(f"top must be < {most}, the classes of the network, got {top}")
    if targets is not None and targets.shape != wanted.shape:
        raise UserError(
            f"data must hold targets of the shape of the outputs, {wanted.shape}, got "
            f"{targets.shape}"
        )


def _digest(network: Network, samples: Samples, facts: tuple[object, ...]) -> str:
    hashed = hashlib.blake2b(f"{network.digest} {JUDGED} {facts}".encode(), digest_size=16)
    arrays = [*samples.inputs.values(), *samples.calibration.values()]
    arrays += [each for each in (samples.labels, samples.targets) if each is not None]
    for array in arrays:
        hashed.update(f"{array.shape} {array.dtype}".encode())
        hashed.update(np.ascontiguousarray(array).data)
    return hashed.hexdigest()


def _written(programmed: ProgrammedNetwork) -> dict[str, FloatArray]:
    """Error of programming, and the share that write and verify missed, by realisation."""
    written = [pack.programmed.written for each in programmed.weights for pack in each.packs]
    devices = sum(each.devices for each in written)
    square = sum(each.devices / devices * np.square(each.error) for each in written)
    missed = sum(each.devices / devices * each.missed for each in written)
    return {"programming_error": np.sqrt(square), "missed": np.asarray(missed)}
