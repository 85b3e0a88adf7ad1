"""Loop of a training: Adam over shuffled batches, with errors that are new in each step."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from matsweep.core.checks import UserError
from matsweep.core.codec import canonical
from matsweep.core.streams import FloatArray
from matsweep.machine.hardware import Hardware
from matsweep.networks.batches import prepared
from matsweep.networks.layer import AnyArray
from matsweep.networks.network import Network
from matsweep.networks.training import checkpoint, differentiable
from matsweep.networks.training.drawn import DeviceErrors
from matsweep.networks.training.errors import Errors
from matsweep.networks.training.libraries import jax
from matsweep.networks.training.losses import Aims, aims
from matsweep.networks.training.parameters import Parameters
from matsweep.networks.training.products import GaussianErrors
from matsweep.networks.training.settings import VERSION, Training
from matsweep.networks.training.step import Recipe, beginning, clipped, compiled

_DIVERGED = 100.0
"""Loss of the last epoch that no training ends with: guessing one of 10⁵ classes has 11.5, and
guessing the mean of targets has 1."""


class Lessons(NamedTuple):
    """Samples that a network is trained on.

    Parameters
    ----------
    inputs : mapping of str to (sample, …) array
        By the name of the network's input.
    labels : (sample, …) array of int, or None
    targets : (sample, …) array or None
    calibration : mapping of str to (sample, …) array
        Inputs that converters are calibrated on.
    output : str
        Name of the judged output.
    """

    inputs: Mapping[str, AnyArray]
    labels: AnyArray | None
    targets: AnyArray | None
    calibration: Mapping[str, AnyArray]
    output: str


class Epoch(NamedTuple):
    """Progress of a training.

    Parameters
    ----------
    number : int
        Epochs that are done.
    epochs : int
        Of the training.
    loss : float
        Mean over the epoch's batches.
    seconds : float
        That the epoch took.
    """

    number: int
    epochs: int
    loss: float
    seconds: float


class Trained(NamedTuple):
    """Result of a training.

    Parameters
    ----------
    parameters : Parameters
        float32 NumPy arrays.
    losses : (epoch,) array
        Mean loss of each epoch's batches.
    """

    parameters: Parameters
    losses: npt.NDArray[np.float64]


def train(
    network: Network,
    lessons: Lessons,
    settings: Training,
    *,
    hardware: Sequence[Hardware] = (),
    times: Sequence[float] = (),
    folder: Path | None = None,
    progress: Callable[[Epoch], None] | None = None,
) -> Trained:
    """Train a network on from the weights that it has, with errors of devices.

    The same bits for the same arguments on one kind of processor, on however many cores, and
    whether it was interrupted or not.

    Parameters
    ----------
    network : Network
    lessons : Lessons
    settings : Training
    hardware : sequence of Hardware
        Used in turn where errors are those of devices: draws of what is unknown.
    times : sequence of float, s
        Since programming, in turn where `settings` state no time.
    folder : Path, optional
        For the state after each epoch; a training that was interrupted goes on from it.
    progress : callable, optional
        Called after each epoch.

    Returns
    -------
    Trained

    Raises
    ------
    UserError
        If a part of the network is not covered, samples do not fit it, or the loss is not finite or
        far above that of guessing.
    """
    with threadpool_limits(1):
        differentiable.covered(network)
        work = _Work.begin(network, lessons, settings, hardware, times)
        done = None if folder is None else checkpoint.load(folder, work.key, work.start)
        done = done or checkpoint.Checkpoint(0, (), work.start)
        for number in range(done.epochs, settings.epochs):
            began = time.perf_counter()
            state, loss = work.epoch(number, done.state)
            done = checkpoint.Checkpoint(number + 1, (*done.losses, loss), state)
            if folder is not None:
                checkpoint.save(folder, work.key, done)
            if progress is not None:
                progress(Epoch(number + 1, settings.epochs, loss, time.perf_counter() - began))
    if done.losses[-1] > _DIVERGED * max(1.0, settings.temperature**2):
        raise UserError(
            f"the training diverged: its loss is {done.losses[-1]:.3g} in the last epoch with rate="
            f"{settings.rate:g}: choose a smaller workload.training.rate"
        )
    parameters, _ = done.state
    return Trained(_fetched(parameters), np.array(done.losses))


class _Work:
    """All that the epochs of a training share."""

    def __init__(
        self,
        network: Network,
        inputs: Mapping[str, AnyArray],
        wanted: Aims,
        output: str,
        settings: Training,
        errors: Errors,
        key: str,
    ) -> None:
        self._inputs, self._wanted, self._settings, self._errors = inputs, wanted, settings, errors
        self.key = key
        samples = len(next(iter(inputs.values())))
        self._batch = network.batch or min(settings.batch, samples)
        self._steps = samples // self._batch
        self._rates = _cosine(settings.rate, self._steps * settings.epochs)
        # Converters are calibrated before the first step, and weights clipped then would saturate
        # them for an epoch.
        bounded = jax().jit(clipped, static_argnums=1)
        initial = differentiable.initial(network)
        self.start: Any = beginning(_fetched(bounded(initial, settings.clip)))
        self._step = compiled(Recipe(network, output, wanted.loss, errors.products, settings.clip))

    @classmethod
    def begin(
        cls,
        network: Network,
        lessons: Lessons,
        settings: Training,
        hardware: Sequence[Hardware],
        times: Sequence[float],
    ) -> _Work:
        """Check samples, and choose errors and loss."""
        inputs = prepared(network.inputs, lessons.inputs)
        samples = len(next(iter(inputs.values())))
        if network.batch is not None and samples < network.batch:
            raise UserError(
                f"data must hold {network.batch} samples for training, the batch that the network "
                f"takes, got {samples}"
            )
        wanted = aims(network, inputs, lessons.labels, lessons.targets, lessons.output, settings)
        errors = _errors(network, lessons, settings, hardware, times)
        key = _key(network, inputs, wanted, lessons, settings, hardware, times)
        return cls(network, inputs, wanted, lessons.output, settings, errors, key)

    def epoch(self, number: int, state: Any) -> tuple[Any, float]:
        """Train for one epoch: the state after it, and the mean loss of its batches."""
        self._errors.begin(_fetched(state[0]))
        losses = []
        first = number * self._steps
        for step, places in enumerate(self._batches(number), start=first):
            batch = {name: each[places] for name, each in self._inputs.items()}
            aim = {name: each[places] for name, each in self._wanted.arrays.items()}
            drawn = self._errors.draw(step, state[0])
            data = key_data(self._settings.seed, step)
            try:
                state, loss = self._step(
                    state, batch, aim, drawn.numbers, data, self._rates[step], plan=drawn.plan
                )
            except UserError as error:  # without the notes that JAX adds
                raise UserError(str(error)) from None
            losses.append(float(loss))
            self._finite(losses[-1:], number)
        self._finite(jax().tree_util.tree_leaves(state), number)
        return state, float(np.mean(losses))

    def _finite(self, values: Sequence[Any], number: int) -> None:
        """Refuse a loss or parameters that are not finite."""
        if not all(np.isfinite(np.asarray(each)).all() for each in values):
            raise UserError(
                f"the training's loss is not finite in epoch {number + 1} with rate="
                f"{self._settings.rate:g}: choose a smaller workload.training.rate"
            )

    def _batches(self, number: int) -> Iterator[npt.NDArray[np.int64]]:
        """Yield the places of each batch's samples; those left over change with the order."""
        samples = self._steps * self._batch
        order = np.random.default_rng([self._settings.seed, number]).permutation(
            len(next(iter(self._inputs.values())))
        )
        yield from order[:samples].reshape(self._steps, self._batch)


def _errors(
    network: Network,
    lessons: Lessons,
    settings: Training,
    hardware: Sequence[Hardware],
    times: Sequence[float],
) -> Errors:
    """Choose the errors that a training states."""
    if not settings.of_device:
        return GaussianErrors(network, settings, lessons.calibration)
    times = times if settings.time is None else (settings.time,)
    if not hardware or not times:
        raise UserError(
            f'noise must be a number where there are no devices or times, got "{settings.noise}"'
        )
    return DeviceErrors(network, settings, lessons.calibration, hardware, times)


def _cosine(rate: float, steps: int) -> FloatArray:
    """Return the rate of each step: from the first it falls along half a cosine towards 0."""
    along = np.arange(steps) / steps
    return (rate * 0.5 * (1 + np.cos(np.pi * along))).astype(np.float32)


def key_data(seed: int, step: int) -> npt.NDArray[np.uint32]:
    """Return the key of the random numbers of JAX in a step.

    Parameters
    ----------
    seed : int
        Of the training.
    step : int

    Returns
    -------
    (2,) array of uint32
    """
    return np.random.SeedSequence([seed, step]).generate_state(2).astype(np.uint32)


def _fetched(parameters: Any) -> Parameters:
    """Return parameters as NumPy arrays."""
    fetched: Parameters = jax().tree_util.tree_map(np.asarray, parameters)
    return fetched


def _key(
    network: Network,
    inputs: Mapping[str, AnyArray],
    wanted: Aims,
    lessons: Lessons,
    settings: Training,
    hardware: Sequence[Hardware],
    times: Sequence[float],
) -> str:
    """Return a hash of all that decides a training, libraries included."""
    versions = [version(name) for name in ("jax", "jaxlib", "optax", "numpy", "onnxruntime")]
    machines = [canonical(each) for each in hardware] if settings.of_device else []
    facts = (
        VERSION, versions, network.digest, lessons.output,
        canonical(dataclasses.replace(settings, data=None)), machines,
        tuple(times) if settings.of_device and settings.time is None else (), wanted.loss,
    )  # fmt: skip
    hashed = hashlib.blake2b(repr(facts).encode(), digest_size=16)
    arrays = (inputs, wanted.arrays, lessons.calibration)
    for name, array in ((name, each[name]) for each in arrays for name in sorted(each)):
        hashed.update(f"{name} {array.shape} {array.dtype}".encode())
        hashed.update(np.ascontiguousarray(array).data)
    return hashed.hexdigest()
