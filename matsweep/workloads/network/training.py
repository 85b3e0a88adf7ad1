"""Training of a network for devices, as groundwork that candidates share."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from matsweep.core.checks import UserError, within
from matsweep.core.codec import canonical, plain
from matsweep.core.printing import one_line
from matsweep.datasets import Dataset
from matsweep.networks.batches import Port
from matsweep.networks.load import build
from matsweep.networks.network import Network
from matsweep.networks.reading import contained_model
from matsweep.networks.selection import Selection
from matsweep.networks.training.settings import VERSION, Training
from matsweep.workloads.network.data import (
    Source,
    content,
    has_training_part,
    load,
    outline,
    resolved,
    taught,
)
from matsweep.workloads.network.preprocessing import Preprocessing
from matsweep.workloads.network.run import FLOAT_MERIT, PreparedNetwork, prepared
from matsweep.workloads.network.scores import SCORES
from matsweep.workloads.workload import Groundwork, Machines, Prepared

# JAX takes a second to import, which only those who train need.
if TYPE_CHECKING:
    from matsweep.networks.training.loop import Epoch, Lessons

_LIBRARIES = ("jax", "jaxlib", "optax", "numpy", "onnxruntime")
_MACHINES = 16
"""Draws of what is unknown of a device, which batches take in turn."""


class TrainedWorkload(Protocol):
    """Settings and data of a workload that its training reads, of `NetworkInference`."""

    @property
    def model(self) -> str:
        """Path of the network, or its name."""

    @property
    def data(self) -> Source:
        """Samples that are scored."""

    @property
    def calibration(self) -> Source | None:
        """Samples that converters are calibrated on."""

    @property
    def analog(self) -> Selection:
        """Layers on tiles."""

    @property
    def preprocessing(self) -> Preprocessing:
        """Preparation of inputs."""

    @property
    def score(self) -> str | None:
        """Score of regressions and sequences."""

    @property
    def test_samples(self) -> int | None:
        """Number of samples that are scored."""

    @property
    def calibration_samples(self) -> int:
        """Number of samples for calibration, at most."""

    @property
    def training(self) -> Training:
        """Settings of the training."""

    @property
    def network(self) -> Network:
        """The network as it came."""

    @property
    def judged(self) -> Port:
        """The output that is judged."""


class Hashes(NamedTuple):
    """Hashes of a training.

    Parameters
    ----------
    source : str
        Of the network and the samples that it is trained on.
    key : str
        Of all that decides the trained network, but for machines and times.
    """

    source: str
    key: str


class NetworkTraining(Groundwork):
    """A network trained with the errors of devices, as an ONNX file.

    Parameters
    ----------
    workload : TrainedWorkload
        With training.
    lessons : Hashes
    machines : Machines
        Whose errors are taken, where the noise is that of devices.
    """

    __slots__ = ("key", "machines", "source", "versions", "words", "workload")

    def __init__(self, workload: TrainedWorkload, lessons: Hashes, machines: Machines) -> None:
        settings = workload.training
        self.workload = workload
        self.source = lessons.source
        self.versions = _versions()
        name = one_line(Path(workload.model).stem)
        if settings.of_device:
            times = machines.times if settings.time is None else ()
            parts = (lessons.key, machines.digest, repr(times), str(_MACHINES))
            self.key = _hashed("\0".join(parts))
            self.machines: Machines | None = machines
            self.words = f"training {name} with the errors of {machines.material}"
        else:
            self.key, self.machines = lessons.key, None
            self.words = f"training {name} with noise {settings.noise:g}"

    def load(self) -> tuple[Network, Lessons]:
        """Load the network and the samples that it is trained on.

        Returns
        -------
        (Network, Lessons)

        Raises
        ------
        UserError
            If samples cannot be read, or do not fit the network.
        """
        return _lessons(self.workload)

    def compute(
        self,
        data: tuple[Network, Lessons],
        *,
        folder: Path,
        progress: Callable[[Epoch], None] | None = None,
    ) -> bytes:
        """Train the network.

        Parameters
        ----------
        data : (Network, Lessons)
        folder : Path
        progress : callable, optional
            Called after each epoch.

        Returns
        -------
        bytes
            An ONNX file.

        Raises
        ------
        UserError
            If this process has other versions of libraries than the key is of, or the training
            fails.
        """
        from matsweep.networks.training.libraries import jax
        from matsweep.networks.training.loop import train
        from matsweep.networks.writing import rewritten

        jax()
        if unlike := sorted(set(_versions()) - set(self.versions)):
            raise UserError(
                f"a node trains with {', '.join(map(' '.join, unlike))}, the study with "
                f"{', '.join(map(' '.join, self.versions))}: give all nodes the same versions"
            )
        network, lessons = data
        settings = replace(self.workload.training.effective, data=None)
        hardware = () if self.machines is None else self.machines.draw(settings.seed, _MACHINES)
        times = () if self.machines is None else self.machines.times
        trained = train(
            network, lessons, settings, hardware=hardware, times=times, folder=folder,
            progress=progress,
        )  # fmt: skip
        return rewritten(network, trained.parameters, self._facts())

    def _facts(self) -> dict[str, str]:
        """Facts of the training for the file's metadata."""
        settings = plain(self.workload.training.effective)
        return {
            "training": json.dumps({**settings, "data": None}, sort_keys=True),
            "training_key": self.key,
            "training_data": self.source,
            "training_versions": json.dumps(dict(_versions())),
        }

    def applied(self, prepared: Prepared, result: bytes) -> PreparedNetwork:
        """Prepare the trained network on the samples of the network as it came.

        Parameters
        ----------
        prepared : PreparedNetwork
        result : bytes

        Returns
        -------
        PreparedNetwork
            Compared with the network as it came.

        Raises
        ------
        UserError
            If the file holds no such network.
        """
        assert isinstance(prepared, PreparedNetwork)
        return _applied(self.workload, prepared, result)


def _applied(workload: TrainedWorkload, before: PreparedNetwork, result: bytes) -> PreparedNetwork:
    name = before.network.name
    network = build(name, contained_model(result, f"the trained {name}"), workload.analog)
    if [*before.recorded] != [weight.name for layer in network.layers for weight in layer.weights]:
        raise UserError(f"the trained {name} has other layers than the network: train it again")
    return prepared(
        network, before.samples, output=before.output, merit=before.merit,
        measures=before.measures | {FLOAT_MERIT}, top=before.top, score=before.score,
        adapt=before.adapt, as_it_came=before,
    )  # fmt: skip


def check_training(workload: TrainedWorkload) -> None:
    """Refuse a training that cannot begin.

    Parameters
    ----------
    workload : TrainedWorkload
        With training.

    Raises
    ------
    UserError
        If a library is missing, an operator has no gradient, or there is nothing to train on.
    """
    from matsweep.networks.training.libraries import jax, optax

    jax(), optax()
    settings = workload.training
    if settings.data is None and not has_training_part(workload.data, workload.calibration):
        raise UserError(
            "training.data must name samples to train on, got null: workload.data has no training "
            "part that is not scored (workload.training.data=FILE, or noise=null)"
        )
    source = _source(workload)
    known = outline(*source)
    targeted = _targeted(workload)
    if (
        known is not None
        and settings.distillation < 1
        and not (known.targeted if targeted else known.labelled or known.targeted)
    ):
        wanted = "targets" if targeted else "labels"
        raise UserError(
            f"training.distillation must be 1 for samples without {wanted}, got "
            f"{settings.distillation:g}: add an array {wanted} to {source[0]}, or train on outputs "
            "alone (workload.training.distillation=1)"
        )
    if known is None and targeted and settings.distillation < 1:
        raise UserError(
            f"training.data must hold targets for score={workload.score}, got a dataset, which has "
            "classes: give an NPZ file with targets, or workload.training.distillation=1"
        )
    if isinstance(settings.data, str) and settings.distillation < 1 and not targeted:
        padded = workload.score is not None and SCORES[workload.score].whole
        digest = content("training.data", settings.data)
        network, classes = workload.network, workload.judged.shape[-1]
        _check_labels(network, workload.preprocessing, settings.data, digest, classes, padded)
    _check_covered(workload.network)


@functools.lru_cache(maxsize=8)
def _check_labels(
    network: Network,
    preprocessing: Preprocessing,
    path: str,
    digest: str,
    classes: int | None,
    padded: bool,
) -> None:
    """Refuse labels of a user's file that name no class; once for each content of the file."""
    labels = taught(network, preprocessing, "training.data", path).labels
    if labels is None or classes is None:
        return
    most = max(classes, 2)
    wrong = labels[(labels >= most) | ((labels < 0) & (not padded))]
    if wrong.size or labels.max() < 0:
        came = wrong.flat[0] if wrong.size else "negative ones alone, which are left out"
        raise UserError(
            f"training.data must hold labels from 0 to {most - 1}, the classes of the network, got "
            f"{came}: correct {path}, or train on outputs alone (workload.training.distillation=1)"
        )


@functools.lru_cache(maxsize=8)
def _check_covered(network: Network) -> None:
    """Check the operators of a network once."""
    from matsweep.networks.training.differentiable import covered

    covered(network)


def _targeted(workload: TrainedWorkload) -> bool:
    """Whether outputs are compared with targets rather than with classes."""
    return workload.score is not None and not SCORES[workload.score].whole


def _source(workload: TrainedWorkload) -> tuple[str, Source]:
    """Return the setting of the samples to train on, and its value."""
    own = workload.training.data
    return ("data", workload.data) if own is None else ("training.data", own)


def hashes(workload: TrainedWorkload) -> Hashes:
    """Return the hashes of a training, without which none can be found.

    Parameters
    ----------
    workload : TrainedWorkload
        With training.

    Returns
    -------
    Hashes
    """
    source = _source_digest(workload)
    settings = canonical(replace(workload.training.effective, data=None))
    facts = (source, settings, VERSION, *_versions())
    return Hashes(source, _hashed(repr(facts)))


def _source_digest(workload: TrainedWorkload) -> str:
    """Return the hash of the network and the samples that it is trained on."""
    calibrating: tuple[str, Source] = ("data", workload.data)
    if workload.calibration is not None:
        calibrating = ("calibration", workload.calibration)
    facts = {
        "network": workload.network.digest,
        "samples": _described(*_source(workload)),
        "calibration": [*_described(*calibrating), workload.calibration_samples],
        "held": workload.calibration is None,
        "preprocessing": plain(workload.preprocessing),
        "output": workload.judged.name,
        "targets": _targeted(workload),
    }
    return _hashed(json.dumps(facts, sort_keys=True))


def _described(name: str, source: Source) -> list[Any]:
    """Return all that decides samples."""
    found = resolved(name, source)
    return [plain(found) if isinstance(found, Dataset) else None, content(name, source)]


def _lessons(workload: TrainedWorkload) -> tuple[Network, Lessons]:
    from matsweep.networks.training.loop import Lessons

    with within("workload"):
        samples = taught(workload.network, workload.preprocessing, *_source(workload))
        calibration = load(
            workload.network, workload.preprocessing, workload.data, workload.calibration,
            test_samples=workload.test_samples, calibration_samples=workload.calibration_samples,
        ).calibration  # fmt: skip
    lessons = Lessons(
        inputs=samples.inputs,
        labels=None if _targeted(workload) else samples.labels,
        targets=samples.targets,
        calibration=calibration,
        output=workload.judged.name,
    )
    return workload.network, lessons


@functools.cache
def _versions() -> tuple[tuple[str, str], ...]:
    """Versions of the libraries that decide bits; those that are not installed are left out."""
    found: Mapping[str, str] = {name: _version(name) for name in _LIBRARIES}
    return tuple((name, text) for name, text in found.items() if text)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _hashed(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
