"""Training of a network for devices, as groundwork that candidates share."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from matsweep.core.checks import UserError, within
from matsweep.core.codec import canonical, plain
from matsweep.core.printing import one_line
from matsweep.datasets import Dataset
from matsweep.networks.load import build
from matsweep.networks.network import Network
from matsweep.networks.reading import parsed_model
from matsweep.workloads.network.data import (
    Source,
    content,
    has_training_part,
    load,
    outline,
    resolved,
    taught,
)
from matsweep.workloads.network.run import FLOAT_MERIT, PreparedNetwork, prepared
from matsweep.workloads.network.scores import SCORES
from matsweep.workloads.workload import Groundwork, Machines, Prepared

# JAX takes a second to import, which only those who train need.
if TYPE_CHECKING:
    from matsweep.networks.training.loop import Epoch, Lessons
    from matsweep.workloads.network.workload import NetworkInference

TRAINING_VERSION = 1
"""Of all that decides a trained network next to `networks.training.loop`; part of identities."""
_LIBRARIES = ("jax", "jaxlib", "optax", "numpy", "onnxruntime")
_MACHINES = 16
"""Draws of what is unknown of a device, which batches take in turn."""


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
    workload : NetworkInference
        With training.
    lessons : Hashes
    machines : Machines
        Whose errors are taken, where the noise is that of devices.
    """

    __slots__ = ("key", "machines", "source", "words", "workload")

    def __init__(self, workload: NetworkInference, lessons: Hashes, machines: Machines) -> None:
        settings = workload.training
        self.workload = workload
        self.source = lessons.source
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
        """
        from matsweep.networks.training.loop import train
        from matsweep.networks.writing import rewritten

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


def _applied(workload: NetworkInference, before: PreparedNetwork, result: bytes) -> PreparedNetwork:
    name = before.network.name
    network = build(name, parsed_model(result, f"the trained {name}"), workload.analog)
    if [*before.recorded] != [weight.name for layer in network.layers for weight in layer.weights]:
        raise UserError(f"the trained {name} has other layers than the network: train it again")
    return prepared(
        network, before.samples, output=before.output, merit=before.merit,
        measures=before.measures | {FLOAT_MERIT}, top=before.top, score=before.score,
        adapt=before.adapt, as_it_came=before,
    )  # fmt: skip


def check_training(workload: NetworkInference) -> None:
    """Refuse a training that cannot begin.

    Parameters
    ----------
    workload : NetworkInference
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
    _check_covered(workload.network)


@functools.lru_cache(maxsize=8)
def _check_covered(network: Network) -> None:
    """Check the operators of a network once."""
    from matsweep.networks.training.differentiable import covered

    covered(network)


def _targeted(workload: NetworkInference) -> bool:
    """Whether outputs are compared with targets rather than with classes."""
    return workload.score is not None and not SCORES[workload.score].whole


def _source(workload: NetworkInference) -> tuple[str, Source]:
    """Return the setting of the samples to train on, and its value."""
    own = workload.training.data
    return ("data", workload.data) if own is None else ("training.data", own)


def hashes(workload: NetworkInference) -> Hashes:
    """Return the hashes of a training, without which none can be found.

    Parameters
    ----------
    workload : NetworkInference
        With training.

    Returns
    -------
    Hashes
    """
    from matsweep.networks.training.loop import VERSION

    source = _source_digest(workload)
    settings = canonical(replace(workload.training.effective, data=None))
    facts = (source, settings, TRAINING_VERSION, VERSION, *_versions())
    return Hashes(source, _hashed(repr(facts)))


def _source_digest(workload: NetworkInference) -> str:
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


def _lessons(workload: NetworkInference) -> tuple[Network, Lessons]:
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
