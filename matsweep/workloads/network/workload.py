"""The workload of inference by any network, which is read from a file."""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError, one_of, whole, within
from matsweep.core.codec import later, plain
from matsweep.datasets import Dataset, Images
from matsweep.datasets.arrays import file_digest
from matsweep.networks.batches import Port
from matsweep.networks.last_layer import last_layer
from matsweep.networks.load import load_network
from matsweep.networks.matrices import network_weights
from matsweep.networks.network import Network
from matsweep.networks.selection import Selection
from matsweep.networks.shipped import located
from matsweep.networks.training.settings import VERSION, Training
from matsweep.workloads.network.classes import check_classes, class_note
from matsweep.workloads.network.data import HELD_BACK, content, labelled, load, outline, resolved
from matsweep.workloads.network.preprocessing import Preprocessing
from matsweep.workloads.network.run import (
    FLOAT_MERIT,
    LAST_LAYER,
    MEASURES,
    PreparedNetwork,
    prepared,
)
from matsweep.workloads.network.scores import SCORES
from matsweep.workloads.network.training import (
    Hashes,
    NetworkTraining,
    check_training,
    hashes,
)
from matsweep.workloads.workload import COSTS, Groundwork, Machines, Workload

_ADAPTATIONS = ("none", "statistics", LAST_LAYER)
_VERSION = 1  # of what is prepared; raise it when that changes


class Facts(NamedTuple):
    """Facts of a workload that follow from its files.

    Parameters
    ----------
    content : str
        Hash of all of them.
    key : str
        Hash of all that decides what is prepared.
    layers : tuple of str
        Names of the weights on tiles.
    labelled : bool
        Whether samples have labels.
    decides : bool
        Whether outputs name a class.
    lessons : Hashes or None
        Of the training; None where there is none.
    """

    content: str
    key: str
    layers: tuple[str, ...]
    labelled: bool
    decides: bool
    lessons: Hashes | None = None


class _Carrying:
    """Place for facts that are no setting."""

    __slots__ = ("_facts",)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkInference(_Carrying, Workload):
    """Inference by a network from an ONNX file, whose products lie on devices.

    Candidates are ranked by `score` where one is given, else by the accuracy where data have
    labels, else by the agreement with the float network.

    Parameters
    ----------
    model : str
        Path of an ONNX file, or of an NPZ file with the weights of a perceptron; or the name of a
        network that is shipped.
    data : str or Dataset
        Samples that are scored: an NPZ file with `inputs` (or the network's inputs by name) and
        `labels` or `targets` if there are any; a table (CSV) with these as columns; a folder with a
        folder of images for each class; or a dataset, by its kind.
    calibration : str, Dataset or None
        Samples that converters, compensations and adaptations are calibrated on. None: the training
        part of a dataset; of other sets every fifth sample or fewer, which is then not scored.
    analog : Selection
        Layers on tiles.
    preprocessing : Preprocessing
    output : str or None
        The output that is judged, where there are several; None: the first with floats.
    score : str or None
        Of regressions and sequences: a name in `SCORES`.
    top : int or None
        Largest outputs among which the class counts as right, for `top_accuracy`; None: not asked.
    adapt : "none", "statistics" or "last_layer"
        Match mean and deviation of each output channel to those in floating point, layer by layer
        at each time (`networks.adapting`); or fit the last layer again to what it receives on the
        chip from the calibration samples, once at the first time (`networks.last_layer`).
    test_samples : int or None
        Use only the first N samples; None: all.
    calibration_samples : int
        Use at most so many for calibration, evenly spread.
    training : Training
        With the errors of devices, before the network is programmed.
    """

    kind: ClassVar[str] = "onnx"
    dimensions: ClassVar[Mapping[str, str]] = {"layer": "weights on tiles, by name"}
    preparing: ClassVar[str] = "running the network in floating point"
    conditions: ClassVar[tuple[str, ...]] = ("workload.training", "workload.adapt")

    model: str
    data: str | Dataset
    calibration: str | Dataset | None = None
    analog: Selection = Selection()
    preprocessing: Preprocessing = Preprocessing()
    output: str | None = None
    score: str | None = None
    top: int | None = None
    adapt: str = "none"
    test_samples: int | None = None
    calibration_samples: int = 512
    training: Training = later(Training())

    def __post_init__(self) -> None:
        if self.score is not None:
            one_of("score", self.score, SCORES)
        if self.top is not None:
            whole("top", self.top, low=1)
        one_of("adapt", self.adapt, _ADAPTATIONS)
        if self.test_samples is not None:
            whole("test_samples", self.test_samples, low=1)
        whole("calibration_samples", self.calibration_samples, low=1, high=2**20)
        self._check_targets()
        judged = self.judged  # so that a file that cannot be read is refused here
        if self.adapt == LAST_LAYER:
            last_layer(self.network, judged.name, monotonic=not self._to_targets)
        if self.training.none:  # its other settings have no effect
            object.__setattr__(self, "training", Training())
        else:
            check_training(self)

    def _check_targets(self) -> None:
        """Refuse a score without what it compares outputs with."""
        known = outline("data", self.data)
        if self.score is not None:
            score = SCORES[self.score]
            there = known is None or (known.labelled if score.whole else known.targeted)
            if not there or (known is None and not score.whole):
                needed = "labels" if score.whole else "targets"
                raise UserError(
                    f"score must be null for data without {needed}, got {self.score}: add "
                    f"an array {needed} to them"
                )
        if self.top is not None and not labelled("data", self.data):
            raise UserError(f"top must be null for data without labels, got {self.top}")

    @property
    def _to_targets(self) -> bool:
        """Whether targets decide the merit."""
        return self.score is not None and not SCORES[self.score].whole

    @property
    def network(self) -> Network:
        """The network, read once."""
        return _network(str(located(self.model)), self.analog)

    @property
    def facts(self) -> Facts:
        """Facts that follow from files: read once, and carried to where files are not."""
        known = getattr(self, "_facts", None)
        if known is None:
            known = self._read_facts()
            object.__setattr__(self, "_facts", known)
        return known

    def _read_facts(self) -> Facts:
        with within("workload"):
            contents = [self.network.digest, content("data", self.data)]
            if self.calibration is not None:
                contents.append(content("calibration", self.calibration))
            width = self.judged.shape[-1] if len(self.judged.shape) > 1 else 1
            there = labelled("data", self.data)
            lessons = None if self.training.none else hashes(self)
        facts = {
            **plain(self), "version": _VERSION, "numpy": np.__version__,
            "onnxruntime": version("onnxruntime"), "contents": contents,
        }  # fmt: skip
        facts.pop("training", None)
        return Facts(
            content=_hashed("\n".join(contents)),
            key=_hashed(json.dumps(facts, sort_keys=True)),
            layers=tuple(weight.name for weight in network_weights(self.network)),
            labelled=there,
            decides=there or width is None or width > 1,
            lessons=lessons,
        )

    def __getstate__(self) -> tuple[list[Any], Facts]:
        """Carry the facts along with the settings: a worker need not have the files."""
        return [getattr(self, each.name) for each in fields(self)], self.facts

    def __setstate__(self, state: tuple[list[Any], Facts]) -> None:
        """Take settings and facts."""
        values, facts = state
        for each, value in zip(fields(self), values, strict=True):
            object.__setattr__(self, each.name, value)
        object.__setattr__(self, "_facts", facts)

    @property
    def judged(self) -> Port:
        """The output that is judged.

        Raises
        ------
        UserError
            If there is none of that name, or none with floats.
        """
        ports = self.network.outputs
        floats = [port for port in ports if port.dtype.startswith("float")]
        if self.output is not None:
            one_of("output", self.output, [port.name for port in floats])
            return next(port for port in floats if port.name == self.output)
        if not floats:
            raise UserError(
                "model must have an output of floats, got "
                f"{', '.join(f'{port.name} ({port.dtype})' for port in ports)}"
            )
        return floats[0]

    @property
    def merit(self) -> str:
        """The score, else the accuracy where there are labels, else the agreement."""
        if self.score is not None:
            return self.score
        if self.facts.labelled:
            return "accuracy"
        return "agreement" if self.facts.decides else "output_error"

    @property
    def objectives(self) -> tuple[str, ...]:
        """The merit, energy, latency and area."""
        return (self.merit, "energy", "latency", "area")

    @property
    def measures(self) -> frozenset[str]:
        """Measures of all networks, and those of labels, classes and scores where there are any."""
        return self.scores | {COSTS} | ({FLOAT_MERIT} if not self.training.none else set())

    @property
    def scores(self) -> frozenset[str]:
        """Measures of a network that is not trained for devices, without costs."""
        more = set[str]()
        if self.facts.labelled and (self.score is None or not SCORES[self.score].whole):
            more.add("correct")
        if self.facts.decides:
            more.add("agreement")
        if self.top is not None:
            more.add("top_accuracy")
        if self.score is not None:
            more.add(self.score)
        return MEASURES | more

    @property
    def harmed_by(self) -> tuple[str, ...]:
        """Devices and converters: noise is no resource of inference."""
        return ("device", "adc")

    @property
    def coordinates(self) -> Mapping[str, npt.NDArray[np.generic]]:
        """Names of the weights on tiles."""
        return {"layer": np.array(self.facts.layers)}

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Shapes of the weights on tiles; of a block-diagonal one those of each block."""
        return tuple(
            (int(weight.values.shape[-2]), int(weight.values.shape[-1]))
            for weight in network_weights(self.network)
            for _ in range(weight.blocks)
        )

    @property
    def footprint(self) -> int:
        """The model twice, samples, and outputs of one realisation and of floats."""
        sizes = [math.prod(size or 1 for size in port.shape[1:]) for port in self.network.inputs]
        outputs = math.prod(size or 1 for size in self.judged.shape[1:])
        known = outline("data", self.data)
        there = 1 if known is None else known.samples
        samples = there if self.test_samples is None else min(there, self.test_samples)
        calibrating = min(self.calibration_samples, there)
        return 2 * len(self.network.model) + 4 * (
            (samples + calibrating) * sum(sizes) + 2 * samples * outputs
        )

    @property
    def preparation(self) -> str:
        """How inputs are changed, and which samples are not scored."""
        found, changes = resolved("data", self.data), []
        if isinstance(found, Dataset) and found.preparation:
            changes.append(found.preparation)
        known = outline("data", self.data)
        if known is not None and known.targeted:
            if self.score is None or SCORES[self.score].whole:
                changes.append("targets are not used (workload.score=nrmse or r2 compares outputs)")
            elif known.labelled:
                changes.append("targets give the score, labels the accuracy")
        if isinstance(found, Images):
            changes.append(class_note(found.names, self.judged))
        if not self.preprocessing.plain:
            own = self.preprocessing
            mean, std = (", ".join(f"{each:g}" for each in part) for part in (own.mean, own.std))
            changes.append(f"inputs become (x · {own.scale:g} - ({mean})) / ({std})")
        if self.calibration is None and not isinstance(found, Dataset):
            changes.append(
                f"every {HELD_BACK}th sample at most calibrates the converters and is not scored "
                "(workload.calibration gives others)"
            )
        return "; ".join(changes)

    @property
    def content(self) -> str:
        """Hash of the network, of all files with samples, and of the version of a training."""
        lessons = self.facts.lessons
        if lessons is None:
            return self.facts.content
        return _hashed(f"{self.facts.content} {lessons.source} {VERSION}")

    @property
    def key(self) -> str:
        """Hash of all that decides what is prepared: a training comes after that."""
        return self.facts.key

    def groundwork(self, machines: Machines) -> Groundwork | None:
        """Return the training of the network for devices; None where there is none.

        Parameters
        ----------
        machines : Machines

        Returns
        -------
        Groundwork or None
        """
        lessons = self.facts.lessons
        return None if lessons is None else NetworkTraining(self, lessons, machines)

    def prepare(self) -> PreparedNetwork:
        """Run the network in floating point on samples and on calibration inputs.

        Returns
        -------
        PreparedNetwork

        Raises
        ------
        UserError
            If data do not fit the network, or labels its classes.
        """
        with within("workload"):
            check_classes("data", self.data, self.judged)
            samples = load(
                self.network, self.preprocessing, self.data, self.calibration,
                test_samples=self.test_samples, calibration_samples=self.calibration_samples,
            )  # fmt: skip
            return prepared(
                self.network, samples, output=self.judged.name, merit=self.merit,
                measures=self.scores, top=self.top, score=self.score, adapt=self.adapt,
            )  # fmt: skip


def _hashed(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _network(path: str, analog: Selection) -> Network:
    """Load a network, and keep it while its file does not change."""
    file_digest("model", Path(path))
    facts = Path(path).stat()
    return _kept_network(path, facts.st_mtime_ns, facts.st_size, analog)


@functools.lru_cache(maxsize=8)
def _kept_network(path: str, time: int, size: int, analog: Selection) -> Network:
    """Return the network of a file that was last changed at `time` [ns]."""
    network = load_network(path, analog)
    if not network_weights(network):
        raise UserError(
            f"model must have a layer on tiles, got {path} with none: see analog for what is chosen"
        )
    return network
