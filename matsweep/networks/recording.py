"""Calibration inputs and statistics of a network's weights, from its run in floating point."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.machine.windows import IndexArray, Windows
from matsweep.networks.batches import prepared
from matsweep.networks.forward import exact, forward, micro_batch
from matsweep.networks.layer import AnyArray, Multiply, Weight
from matsweep.networks.network import Network

_ROWS = 64, 2048  # least and most windows that a weight is calibrated on
_GROUPS = 64  # of outputs, whose largest products are among them; few, as they count as often
_NUMBERS = 2**20  # in the windows of a weight, which large inputs reach before
_BLOCK = 2**19  # products in double precision at a time
_GOLDEN = 0.6180339887498949  # (√5 - 1) / 2: its multiples are spread evenly over [0, 1)


class Recorded(NamedTuple):
    """Windows of one weight in a run in floating point, and statistics of its products.

    Parameters
    ----------
    rows : (window, input) float32 array
        Some of all windows; among them those with the largest and the smallest value, and with the
        largest products without bias of some groups of outputs.
    uses : float
        Windows of one sample.
    calls : int
        Products of one sample at different steps, of a recurrent layer.
    mean, deviation : (output,) float64 arrays
        Of the products with their bias, before rectification, over all windows.
    """

    rows: FloatArray
    uses: float
    calls: int
    mean: FloatArray
    deviation: FloatArray


class Run(NamedTuple):
    """A run of a network in floating point.

    Parameters
    ----------
    weights : mapping of str to Recorded
        By the weight's name.
    outputs : mapping of str to (sample, …) array
        By the output's name.
    """

    weights: Mapping[str, Recorded]
    outputs: Mapping[str, AnyArray]


def record(network: Network, inputs: Mapping[str, AnyArray]) -> Run:
    """Run a network in floating point, and keep what its weights are calibrated on.

    Parameters
    ----------
    network : Network
    inputs : mapping of str to (sample, …) array
        Calibration inputs by name.

    Returns
    -------
    Run

    Raises
    ------
    UserError
        If a value inside the network is not finite.
    """
    samples = len(next(iter(inputs.values())))
    recorders = {
        weight.name: _Recorder(weight, samples)
        for layer in network.layers
        for weight in layer.weights
    }
    outputs = run_announced(network, inputs, recorders)
    return Run({name: each.recorded() for name, each in recorders.items()}, outputs)


class Counting(ABC):
    """Product of a weight that counts its calls within a micro-batch.

    Attributes
    ----------
    first : int
        Number of the micro-batch's first sample.
    samples : int
        In the micro-batch.
    call : int
        Number of the next call.
    """

    def __init__(self) -> None:
        self.first = self.samples = self.call = 0

    @abstractmethod
    def __call__(self, windows: Windows) -> FloatArray:
        """Multiply windows, bias and rectification included."""

    def begin(self, first: int, samples: int) -> None:
        """Begin a micro-batch.

        Parameters
        ----------
        first : int
            Number of its first sample.
        samples : int
        """
        self.first, self.samples, self.call = first, samples, 0


def run_announced(
    network: Network, inputs: Mapping[str, AnyArray], products: Mapping[str, Counting]
) -> dict[str, AnyArray]:
    """Run a network, and announce each micro-batch to the products before it is run.

    Parameters
    ----------
    network : Network
    inputs : mapping of str to (sample, …) array
        By name.
    products : mapping of str to Counting
        By the weight's name.

    Returns
    -------
    dict of str to (sample, …) array
        By the output's name.
    """
    inputs = prepared(network.inputs, inputs)
    total, size = len(next(iter(inputs.values()))), micro_batch(network)
    parts = []
    for first in range(0, total, size):
        part = {name: values[first : first + size] for name, values in inputs.items()}
        for each in products.values():
            each.begin(first, network.batch or min(size, total - first))
        parts.append(forward(network, part, products))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def covered(windows: Windows) -> npt.NDArray[np.bool_]:
    """Mark the values that some window takes.

    Parameters
    ----------
    windows : Windows

    Returns
    -------
    (value,) array of bool
    """
    taken = np.zeros(windows.values.shape[1], bool)
    for offset in windows.offsets:
        taken[windows.starts + offset] = True
    return taken


def spread(count: int, total: int, start: int) -> IndexArray:
    """Choose places that are spread evenly, others for each sample.

    Parameters
    ----------
    count : int
        Places of each sample.
    total : int
        Number of all places.
    start : int
        Number of the sample.

    Returns
    -------
    (count,) array of int
        Below `total`, sorted; all places where `count` reaches their number.
    """
    if count >= total:
        return np.arange(total)
    steps = (start * count + np.arange(count) + 0.5) * _GOLDEN
    return np.sort((steps % 1.0 * total).astype(np.int64))


def rows_at(windows: Windows, sample: int, positions: IndexArray) -> FloatArray:
    """Copy windows of one sample.

    Parameters
    ----------
    windows : Windows
    sample : int
    positions : (n,) array of int

    Returns
    -------
    (n, input) array
    """
    return np.asarray(
        windows.values[sample, windows.starts[positions, None] + windows.offsets], np.float32
    )


@dataclass(slots=True, eq=False)
class _Extreme:
    """The window with the largest value so far, in the direction of a sign."""

    sign: int
    value: float = -np.inf
    row: FloatArray | None = None

    def update(self, windows: Windows, covered: npt.NDArray[np.bool_]) -> None:
        whole = bool(covered.all())
        values = windows.values if whole else windows.values[:, covered]
        place = int(np.argmax(values) if self.sign > 0 else np.argmin(values))
        value = self.sign * float(values.flat[place])
        if value <= self.value:
            return
        sample, at = divmod(place, values.shape[1])
        at = at if whole else int(np.flatnonzero(covered)[at])
        position = int(np.argmax(np.isin(at - windows.starts, windows.offsets)))
        self.value, self.row = value, rows_at(windows, sample, np.array([position]))


class _Largest:
    """The windows with the largest products so far, of groups of outputs.

    The columns of one tile, or of one block, are converted by themselves: their largest currents
    belong to different windows.
    """

    def __init__(self, outputs: int, groups: int) -> None:
        self._starts = np.arange(groups) * outputs // groups
        self._values = np.full(groups, -np.inf)
        self._rows: list[FloatArray | None] = [None] * groups

    @property
    def rows(self) -> list[FloatArray]:
        return [row for row in self._rows if row is not None]

    def update(self, windows: Windows, products: FloatArray) -> None:
        flat = products.reshape(-1, products.shape[-1])
        high, low = flat.max(axis=0), flat.min(axis=0)
        columns = np.maximum(high, -low)
        reached = np.maximum.reduceat(columns, self._starts)
        ends = [*self._starts[1:], len(columns)]
        for group in np.flatnonzero(reached > self._values):
            column = int(self._starts[group] + columns[self._starts[group] : ends[group]].argmax())
            place = flat[:, column].argmax() if high[column] >= -low[column] else (
                flat[:, column].argmin()
            )  # fmt: skip
            sample, position = divmod(int(place), windows.positions)
            self._values[group] = reached[group]
            self._rows[group] = rows_at(windows, sample, np.array([position]))


@dataclass(slots=True, eq=False)
class Sums:
    """Sums over all products of a weight, about the mean of the first ones.

    Attributes
    ----------
    count : int
        Products so far.
    origin : (output,) float64 array
        Mean of the first ones.
    first, second : (output,) float64 arrays
        Sums of the differences from `origin`, and of their squares.
    """

    count: int = 0
    origin: FloatArray = field(default_factory=lambda: np.zeros(0))
    first: FloatArray = field(default_factory=lambda: np.zeros(0))
    second: FloatArray = field(default_factory=lambda: np.zeros(0))

    def add(self, values: FloatArray) -> None:
        """Add products, some at a time: their copies in double precision stay small.

        Parameters
        ----------
        values : (…, output) array
        """
        rows = values.reshape(-1, values.shape[-1])
        length = max(1, _BLOCK // rows.shape[1])
        for start in range(0, len(rows), length):
            self._add(rows[start : start + length].astype(np.float64))

    def _add(self, rows: FloatArray) -> None:
        if not self.count:
            self.origin = rows.mean(axis=0)
            self.first = self.second = np.zeros(rows.shape[1])
        rows -= self.origin
        self.count += len(rows)
        self.first = self.first + rows.sum(axis=0)
        self.second = self.second + np.square(rows, out=rows).sum(axis=0)

    @property
    def mean(self) -> FloatArray:
        """Mean of each output."""
        return np.asarray(self.origin + self.first / self.count)

    @property
    def deviation(self) -> FloatArray:
        """Standard deviation of each output."""
        square = self.second / self.count - np.square(self.first / self.count)
        return np.sqrt(np.maximum(square, 0))


class _Recorder(Counting):
    """Exact product of a weight that keeps windows and statistics."""

    def __init__(self, weight: Weight, samples: int) -> None:
        super().__init__()
        self._weight = weight
        self._multiply: Multiply = exact(Weight(name=weight.name, values=weight.values))
        inputs = weight.blocks * weight.values.shape[-2]
        self._most = int(np.clip(_NUMBERS // inputs, *_ROWS))
        self._of_sample = -(-self._most // samples)
        self._rows: list[FloatArray] = []
        self._every, self._seen, self._kept = 1, 0, 0
        self._ends = _Extreme(1), _Extreme(-1)
        outputs = weight.blocks * weight.values.shape[-1]
        self._largest = _Largest(outputs, min(outputs, _GROUPS, self._most // 4))
        self._sums = Sums()
        self._covered: npt.NDArray[np.bool_] | None = None
        self._windows = self._calls = self._samples = 0

    def begin(self, first: int, samples: int) -> None:
        super().begin(first, samples)
        self._samples += samples  # those that fill up a fixed batch have windows too

    def __call__(self, windows: Windows) -> FloatArray:
        values = self._multiply(windows)
        if not np.isfinite(values).all():
            raise UserError(
                f"model: the products of {self._weight.name} must be finite, got nan or inf for "
                "the calibration inputs: check weights, data and preprocessing"
            )
        if self._covered is None or len(self._covered) != windows.values.shape[1]:
            self._covered = covered(windows)
        for end in self._ends:
            end.update(windows, self._covered)
        self._largest.update(windows, values)
        if self._weight.bias is not None:
            values += self._weight.bias
        self._sums.add(values)
        self._keep(windows)
        self._windows += windows.samples * windows.positions
        self._calls = max(self._calls, self.call + 1)
        self.call += 1
        if self._weight.rectified:
            np.maximum(values, 0, out=values)
        return values

    def _keep(self, windows: Windows) -> None:
        """Keep some windows of every sample; every other one is dropped when there are too many."""
        for sample in range(windows.samples):
            number = self._seen
            self._seen += 1
            if number % self._every:
                continue
            places = spread(self._of_sample, windows.positions, number)
            self._rows.append(rows_at(windows, sample, places))
            self._kept += len(places)
            if self._kept > 2 * self._most:
                self._rows = self._rows[::2]
                self._every *= 2
                self._kept = sum(map(len, self._rows))

    def recorded(self) -> Recorded:
        if not self._windows:
            raise UserError(
                f"model: the layer of {self._weight.name} is never run for these inputs: keep it "
                "digital (analog.exclude)"
            )
        rows = np.concatenate(self._rows)
        step = -(-len(rows) // self._most)
        ends = [end.row for end in self._ends if end.row is not None]
        kept = [*ends, *self._largest.rows, rows[::step]]
        return Recorded(
            rows=np.ascontiguousarray(np.concatenate(kept)),
            uses=self._windows / self._samples,
            calls=self._calls,
            mean=self._sums.mean,
            deviation=self._sums.deviation,
        )
