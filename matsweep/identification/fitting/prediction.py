"""Predictive check of a pulse model: simulated repetitions of the measurement it was fitted to.

Devices drawn from the written model go through the measured sequence of pulses, from the measured
conductance at the beginning of each record, and are read with the written noise of reads. Each of
many such repetitions of the whole measurement is reduced as the measurement is: to the median
conductance, the spread between devices and the spread from cycle to cycle after each pulse of a
run. Single changes are compared too: a pulse that is missing in the file, or records joined that do
not follow on, pass for noise of pulses in medians and spreads. The model describes the data where
it comes as near to them as a tolerance, or as near as its own repetitions come to each other.
Medians and single changes have an absolute limit, too: a device whose repetitions differ by more
could be far from the data and would pass.

References
----------
A. Gelman, X.-L. Meng, H. Stern, Statistica Sinica 6:733, 1996 (posterior predictive assessment).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from matsweep.core.streams import FloatArray, Rng
from matsweep.core.units import engineering
from matsweep.devices import PulseModel, ReadNoise
from matsweep.identification.measurements import PulseData

REPEATS = 100
"""Simulated repetitions of a measurement."""

_LUCK = 0.99  # of the repetitions: nearer to the others than this is as near as can be asked
_OFF = 0.05  # of the range visited: distance of medians that a device may have
_FACTOR = 2.0  # between medians, likewise
_SPREAD = 1.5  # between deviations, likewise
_CHANGE = 0.1  # of the range visited: distance of a single change from the mean one
_SMALL = 0.01  # of the range visited: deviations up to here are alike
_NOISES = 3.0  # standard deviations of a read, below which conductances have no ratio
_MOST = 3.0  # tolerances, the farthest that medians and changes of a device may ever be
_COMMON = 0.99  # of the measured changes: they show a device's own noise
_NOISE_TAIL = 2.0  # times that: the farthest of 1e6 normal changes
_VAGUE = 2.0  # tolerances, beyond which what is allowed tests little
_BAND = (0.16, 0.5, 0.84)
_STILL = 1e-3  # of the device's range, that a measurement visits at least
_LEAST = 3  # degrees of freedom of a deviation, over all positions

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Distance of one property of a measurement from that of its simulated repetitions.

    Parameters
    ----------
    distance : float
    allowed : float
        Largest distance with which the model describes the property: the tolerance, or more where
        repetitions of the measurement differ more among themselves.
    tolerance : float
    most : float
        Largest distance with which a model can be said to describe the property, however much
        repetitions differ.
    """

    distance: float
    allowed: float
    tolerance: float
    most: float = float("inf")

    @property
    def limit(self) -> float:
        """Largest distance with which the model describes the property."""
        return min(self.allowed, self.most)

    @property
    def describes(self) -> bool:
        """Whether the model describes the property."""
        return self.distance <= self.limit

    @property
    def unchecked(self) -> bool:
        """Whether the model fails only as repetitions differ too much for a test."""
        return self.most < self.distance <= self.allowed

    @property
    def vague(self) -> bool:
        """Whether repetitions differ so much that the measurement hardly tests the property."""
        return self.allowed > _VAGUE * self.tolerance


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread(Compared):
    """Standard deviation of a measurement next to those of its simulated repetitions.

    Its distance is a factor.

    Parameters
    ----------
    measured : float, S
    simulated : tuple of float, S
        Quantiles 2.5, 50 and 97.5 % of the repetitions.
    """

    measured: float
    simulated: tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Compared):
    """Farthest of all changes from one read to the next from its mean in the repetitions.

    Its distance is a fraction of the range visited.

    Parameters
    ----------
    device : str
    line : int
        Of the file, that the change ends at.
    before : (change,) array, S
        Mean conductance of the repetitions before each change.
    up : (change,) array of bool
        Polarity of its run.
    off : (change,) array
        Distance from its mean in the repetitions, in their standard deviations.
    """

    device: str
    line: int
    before: FloatArray
    up: npt.NDArray[np.bool_]
    off: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Agreement of a written device with the pulses it was fitted to.

    Parameters
    ----------
    up : (position,) array of bool
        Polarity of the run that a position belongs to.
    number : (position,) array of int
        Pulses since the run began.
    measured, simulated : (3, position) array, S
        Quantiles 16, 50 and 84 % of the reads of all devices and cycles.
    medians : Compared
        Root mean square distance of the medians, as a fraction of the range visited.
    ratio : Compared
        Largest factor between medians that exceed the noise of reads.
    change : Change
        Single change that is farthest from the simulated ones.
    between : Spread or None
        Between devices; None with one device.
    within : Spread or None
        From cycle to cycle of a device; None where no run was repeated.
    """

    up: npt.NDArray[np.bool_]
    number: IntArray
    measured: FloatArray
    simulated: FloatArray
    medians: Compared
    ratio: Compared
    change: Change
    between: Spread | None
    within: Spread | None

    @property
    def describes(self) -> bool:
        """Whether the written device describes its data."""
        return all(each.describes for each in self._properties())

    @property
    def vague(self) -> bool:
        """Whether a property is hardly tested, as devices are few or differ much."""
        return any(each.vague for each in self._properties())

    @property
    def unchecked(self) -> bool:
        """Whether the device fails only where repetitions differ too much for a test."""
        failing = [each for each in self._properties() if not each.describes]
        return bool(failing) and all(each.unchecked for each in failing)

    @property
    def badness(self) -> float:
        """Largest distance over its limit; at most 1 where the device describes its data."""
        return max(each.distance / each.limit for each in self._properties())

    def _properties(self) -> list[Compared]:
        properties = (self.medians, self.ratio, self.change, self.between, self.within)
        return [each for each in properties if each is not None]

    def failings(self) -> list[str]:
        """By how much the device departs from its data, property by property.

        Returns
        -------
        list of str
            Empty where it describes them.
        """
        texts = []
        if not self.medians.describes:
            texts.append(
                f"medians are off by {self.medians.distance:.0%} of the range visited"
                + _untested(self.medians, f"{self.medians.allowed:.0%}")
            )
        if not self.ratio.describes:
            texts.append(
                f"medians are off by up to a factor of {self.ratio.distance:.3g}"
                + _untested(self.ratio, f"a factor of {self.ratio.allowed:.3g}")
            )
        if not self.change.describes:
            off = self.change
            texts.append(
                f"the change at line {off.line} (device {off.device}) is off by {off.distance:.0%} "
                f"of the range visited, simulated ones by {off.allowed:.0%}"
                + (", too much for a test" if off.unchecked else "")
            )
        for name, each in (
            ("the spread between devices", self.between),
            ("the spread from cycle to cycle", self.within),
        ):
            if each is not None and not each.describes:
                simulated, measured = (
                    engineering(g, "S") for g in (each.simulated[1], each.measured)
                )
                texts.append(f"{name} is {simulated}, measured {measured}")
        return texts


def _untested(each: Compared, allowed: str) -> str:
    """Words on a property whose repetitions differ too much for a test."""
    return (
        f" (its own repetitions by up to {allowed}, too much for a test)" if each.unchecked else ""
    )


class _Layout(NamedTuple):
    """Reads of all devices by their place in the measurement.

    Parameters
    ----------
    reads : (n,) array, S
        Without those that begin a record.
    position, device : (n,) array of int
        Position within a run, and the device.
    up, number : (position,) array
        As of `Agreement`.
    """

    reads: FloatArray
    position: IntArray
    device: IntArray
    up: npt.NDArray[np.bool_]
    number: IntArray


def check_prediction(
    data: PulseData,
    model: PulseModel,
    *,
    g_min: float,
    g_max: float,
    read_noise: ReadNoise,
    seed: int = 0,
) -> Agreement:
    """Simulate a written device through the measured pulses, and compare.

    Parameters
    ----------
    data : PulseData
    model : PulseModel
    g_min : float, S
        Lower end of the device's range.
    g_max : float, S
        Upper end.
    read_noise : ReadNoise
    seed : int
        Of the simulated repetitions.

    Returns
    -------
    Agreement
    """
    kept, layout = _layout(data)
    rng = np.random.default_rng(seed)
    whole = _repeated(data, model, g_min, g_max, read_noise, rng)
    simulated = whole[:, kept]
    measured, repeated = _reduced(layout, layout.reads[None]), _reduced(layout, simulated)
    noise = _NOISES * float(read_noise.sigma(np.array([g_max]), g_max, 0.0)[0])
    visited = float(np.ptp(np.concatenate([each.reads for each in data.sequences])))
    span = max(visited, _STILL * (g_max - g_min))
    return Agreement(
        up=layout.up,
        number=layout.number,
        measured=_bands(layout, layout.reads[None]),
        simulated=_bands(layout, simulated),
        medians=_distance(measured.median, repeated.median, span),
        ratio=_ratio(
            measured.median, repeated.median, max(noise, 1e-4 * float(layout.reads.max()))
        ),
        change=_farthest(data, whole, kept, layout.up[layout.position], span),
        between=_deviation(measured.between, repeated.between, measured.devices, span),
        within=_deviation(measured.within, repeated.within, measured.cycles, span),
    )


def _layout(data: PulseData) -> tuple[npt.NDArray[np.bool_], _Layout]:
    """Place every read that follows a pulse of its record: which of all reads, and where."""
    reads, keys, devices, kept = [], [], [], []
    for index, each in enumerate(data.sequences):
        sign, number = 0, 0
        place = np.zeros((each.reads.size, 2), np.int64)
        for n, (pulse, linked) in enumerate(zip(each.pulses, each.linked, strict=True)):
            if not linked:
                # A run goes on at its number, where lines are missing; the read itself is given.
                gap = int(each.skipped[n]) if each.skipped is not None and sign else 0
                sign, number = (sign, number + gap) if gap else (0, 0)
                continue
            if pulse:
                way = int(np.sign(pulse))
                number = number + abs(int(pulse)) if way == sign else abs(int(pulse))
                sign = way
            place[n] = sign, number
        mask = place[:, 0] != 0
        kept.append(mask)
        reads.append(each.reads[mask])
        keys.append(place[mask])
        devices.append(np.full(int(mask.sum()), index))
    places, position = np.unique(np.concatenate(keys), axis=0, return_inverse=True)
    layout = _Layout(
        reads=np.concatenate(reads),
        position=position.reshape(-1),
        device=np.concatenate(devices),
        up=places[:, 0] > 0,
        number=places[:, 1],
    )
    return np.concatenate(kept), layout


def _repeated(
    data: PulseData,
    model: PulseModel,
    g_min: float,
    g_max: float,
    read_noise: ReadNoise,
    rng: Rng,
) -> FloatArray:
    """Return the reads (repetition, n) of repetitions of the measurement, device after device.

    Devices advance side by side, read by read.
    """
    span = g_max - g_min
    count = len(data.sequences)
    longest = max(each.reads.size for each in data.sequences)
    pulses = np.zeros((longest, count), np.int64)
    begins = np.zeros((longest, count), bool)
    start = np.zeros((longest, count))
    for k, each in enumerate(data.sequences):
        size = each.reads.size
        pulses[:size, k] = each.pulses
        begins[:size, k] = ~each.linked
        start[:size, k] = (each.reads - g_min) / span
    parameters = model.draw((REPEATS, count), rng=rng)
    low, high = parameters.get("lower", 0.0), parameters.get("upper", 1.0)
    state: FloatArray = np.zeros((REPEATS, count))
    reads = np.empty((longest, REPEATS, count))
    for n in range(longest):
        if begins[n].any():
            # A read shows the state, with its noise.
            noise = _noise(read_noise, g_min + span * start[n], g_max) / span
            drawn = start[n] + noise * rng.standard_normal(state.shape, np.float64)
            state = np.where(begins[n], np.clip(drawn, low, high), state)
        moved = np.where(begins[n], 0, pulses[n])
        if moved.any():
            state = model.apply(
                state, np.broadcast_to(moved, state.shape), rng=rng, parameters=parameters
            )
        conductance = np.asarray(g_min + span * model.written(state, rng=rng))
        noise = _noise(read_noise, conductance, g_max)
        reads[n] = conductance + noise * rng.standard_normal(state.shape, np.float64)
    parts = [reads[: each.reads.size, :, k] for k, each in enumerate(data.sequences)]
    return np.concatenate(parts).T


def _noise(read_noise: ReadNoise, conductance: FloatArray, g_max: float) -> FloatArray:
    if read_noise.absent:
        return np.zeros_like(conductance)
    return read_noise.sigma(np.maximum(conductance, 1e-3 * g_max), g_max, 0.0)


class _Reduced(NamedTuple):
    """Statistics (repetition, position) of reads; NaN where samples are too few.

    Deviations come with their degrees of freedom (position,): devices and cycles.
    """

    median: FloatArray
    between: FloatArray
    within: FloatArray
    devices: IntArray
    cycles: IntArray


def _reduced(layout: _Layout, reads: FloatArray) -> _Reduced:
    """Reduce reads (repetition, n) to medians and deviations by position."""
    places = len(layout.number)
    devices = int(layout.device.max()) + 1
    median = np.stack([np.median(each, axis=1) for each in _by_position(layout, reads)], axis=1)
    group = layout.position * devices + layout.device
    size = np.bincount(group, minlength=places * devices).reshape(places, devices)
    mean = _sums(group, reads, places * devices) / np.maximum(size.ravel(), 1)
    rest = (reads - mean[:, group]) ** 2
    mean = np.where(size > 0, mean.reshape(-1, places, devices), np.nan)
    square = _sums(group, rest, places * devices).reshape(-1, places, devices).sum(axis=2)
    freedom = np.maximum(size - 1, 0).sum(axis=1)
    within = np.sqrt(square / np.where(freedom > 0, freedom, np.nan))
    shown = (size > 0).sum(axis=1)
    known = np.where(size > 0, mean, 0.0)
    centre = known.sum(axis=2, keepdims=True) / shown[:, None]
    square = np.where(size > 0, (known - centre) ** 2, 0.0).sum(axis=2)
    between = np.sqrt(square / np.where(shown > 1, shown - 1, np.nan))
    return _Reduced(median, between, within, np.maximum(shown - 1, 0), freedom)


def _by_position(layout: _Layout, reads: FloatArray) -> Iterator[FloatArray]:
    """Yield the reads (repetition, m) of each position."""
    order = np.argsort(layout.position, kind="stable")
    ends = np.cumsum(np.bincount(layout.position, minlength=len(layout.number)))
    yield from np.split(reads[:, order], ends[:-1], axis=1)


def _sums(group: IntArray, values: FloatArray, count: int) -> FloatArray:
    """Sum values (repetition, n) by group, (repetition, count)."""
    order = np.argsort(group, kind="stable")
    held, starts = np.unique(group[order], return_index=True)
    out = np.zeros((len(values), count))
    out[:, held] = np.add.reduceat(values[:, order], starts, axis=1)
    return out


def _bands(layout: _Layout, reads: FloatArray) -> FloatArray:
    """Quantiles (3, position) of reads (repetition, n)."""
    return np.stack([np.quantile(each, _BAND) for each in _by_position(layout, reads)], axis=1)


def _allowed(distances: FloatArray, tolerance: float) -> float:
    return max(tolerance, float(np.quantile(distances, _LUCK)))


def _distance(measured: FloatArray, simulated: FloatArray, span: float) -> Compared:
    """Compare medians (1, position) with those (repetition, position) of simulations."""
    middle = np.median(simulated, axis=0)

    def off(medians: FloatArray) -> FloatArray:
        return np.asarray(np.sqrt(np.mean(((medians - middle) / span) ** 2, axis=1)))

    distances = off(simulated)
    return Compared(
        distance=float(off(measured)[0]),
        allowed=_allowed(distances, _OFF),
        tolerance=_OFF,
        most=_MOST * _OFF,
    )


def _ratio(measured: FloatArray, simulated: FloatArray, floor: float) -> Compared:
    """Compare ratios of medians, none below a floor."""
    middle = np.maximum(np.median(simulated, axis=0), floor)

    def ratio(medians: FloatArray) -> FloatArray:
        logs = np.log(np.maximum(medians, floor) / middle)
        return np.asarray(np.exp(np.abs(logs).max(axis=1)))

    distances = ratio(simulated)
    return Compared(
        distance=float(ratio(measured)[0]),
        allowed=_allowed(distances, _FACTOR),
        tolerance=_FACTOR,
        most=_FACTOR**_MOST,
    )


def _farthest(
    data: PulseData,
    simulated: FloatArray,
    kept: npt.NDArray[np.bool_],
    up: npt.NDArray[np.bool_],
    span: float,
) -> Change:
    """Compare changes to the reads kept (n,) with those of repetitions (repetition, n)."""
    at = np.flatnonzero(kept)
    reads = np.concatenate([each.reads for each in data.sequences])
    changes = simulated[:, at] - simulated[:, at - 1]
    mean = changes.mean(axis=0)
    off = (reads[at] - reads[at - 1] - mean) / span
    worst = int(np.abs(off).argmax())
    place = int(at[worst])
    names = np.repeat(data.devices, [each.reads.size for each in data.sequences])
    common = float(np.quantile(np.abs(off), _COMMON))
    return Change(
        distance=float(np.abs(off[worst])),
        allowed=_allowed((np.abs(changes - mean) / span).max(axis=1), _CHANGE),
        tolerance=_CHANGE,
        most=max(_MOST * _CHANGE, _NOISE_TAIL * common),
        device=str(names[place]),
        line=int(np.concatenate([each.line for each in data.sequences])[place]),
        before=simulated[:, at - 1].mean(axis=0),
        up=up,
        off=off / np.maximum(changes.std(axis=0) / span, _STILL),
    )


def _deviation(
    measured: FloatArray, simulated: FloatArray, freedom: IntArray, span: float
) -> Spread | None:
    """Compare deviations (repetition, position), their root mean squares over positions."""
    known = freedom > 0
    if freedom.sum() < _LEAST:
        return None
    deviation = float(np.sqrt(np.mean(measured[0, known] ** 2)))
    repeated = np.sqrt(np.mean(simulated[:, known] ** 2, axis=1))
    middle = float(np.median(repeated))
    small = _SMALL * span

    def factor(value: FloatArray | float) -> FloatArray:
        logs = np.log((np.asarray(value) + small) / (middle + small))
        return np.asarray(np.exp(np.abs(logs)))

    low, high = (float(value) for value in np.quantile(repeated, (0.025, 0.975)))
    return Spread(
        measured=deviation,
        simulated=(low, middle, high),
        distance=float(factor(deviation)),
        allowed=_allowed(factor(repeated), _SPREAD),
        tolerance=_SPREAD,
    )
