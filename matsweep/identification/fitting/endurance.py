"""Closing of the conductance window, fitted to windows against cycles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.identification.fitting.least_squares import (
    Estimate,
    estimated,
    exponential,
)
from matsweep.identification.fitting.lives import find_lives
from matsweep.identification.measurements import EnduranceData

type Indices = np.ndarray[tuple[int], np.dtype[np.intp]]

_LEAST = 8  # cycles
_OWN = 4  # cycles of a device, from which it has a half window of its own
# Standard error of `towards` (of any value in [0, 1], it is 0.29), and of ln(half window) beyond
# the cycles of a device.
_SURE = 0.25
_STEEP = (0.7, 1.0, 2.0, 4.0, 10.0, 30.0, 100.0)  # starts of the search
_SIDES = (0.05, 0.5, 0.95)
_SEARCHES = 5  # starts that are searched from
_GRID = 80  # half windows of a start that are compared
_COMPARED = 2000  # reads that they are compared by
_SEEN = 25.0  # of chi square that a closing explains: a step at one of 1e4 reads by luck has 20
_FAR = 15.0  # of ln(cycles) beyond the last cycle: half windows that are searched
# Steepness times the distance of two reads, in ln(cycles): the largest one searched, at which the
# law is a step between them (w = 0.998 and 0.002), and the least of a closing between two reads.
_STEP, _ABRUPT = 12.0, 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EnduranceEstimate(Estimate):
    """Closing of the windows of all devices, with those of each.

    Parameters
    ----------
    devices : tuple of str
    halves, half_errors : (device,) array
        ln(half window / cycles) of each device with its standard error; all the same where one
        half window is fitted to all devices.
    low, high : (device,) array, S
        Fitted first windows.
    own : bool
        Whether each device has a half window of its own; `half_window` is their median then.
    seen_devices, open_devices : int
        Devices whose windows are seen to close, and those whose windows stay open within the
        cycles measured, where each has a half window of its own.
    spread, spread_error : float
        Standard deviation of ln(half window) between devices; 0 where one is fitted to all.
    abrupt : bool
        Whether windows close between two reads: the steepness is a lower limit, without an error.
    """

    devices: tuple[str, ...]
    halves: FloatArray
    half_errors: FloatArray
    low: FloatArray
    high: FloatArray
    own: bool
    seen_devices: int
    open_devices: int
    spread: float
    spread_error: float
    abrupt: bool

    def law(self, device: int, cycles: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Conductances of a device by the fitted law.

        Parameters
        ----------
        device : int
            Its index in `devices`.
        cycles : (n,) array

        Returns
        -------
        tuple of (n,) arrays, S
            The OFF and the ON state.
        """
        return _states(
            np.log(np.maximum(cycles, 1e-300)), self.halves[device], self.values["steepness"],
            self.values["towards"], self.low[device], self.high[device],
        )  # fmt: skip

    @property
    def closes(self) -> bool:
        """Whether the window closes within the cycles measured."""
        return bool(np.isfinite(self.errors["half_window"]))


def fit_endurance(
    data: EnduranceData, *, steepness: float | None = None, towards: float | None = None
) -> EnduranceEstimate:
    """Fit the closing of the window to all devices together.

    The window is a factor w = 1 / (1 + (cycles / half_window)^steepness) of that of the first
    cycles, and closes towards the fraction `towards` of it; each device has its own first window
    and half window, and all have one steepness and one direction. Least squares of the logarithms
    of both conductances, for noise in proportion to them.

    Parameters
    ----------
    data : EnduranceData
    steepness : float or None
    towards : float or None
        Of `devices.Endurance`; None: fitted.

    Returns
    -------
    EnduranceEstimate
        Of `half_window` [cycles], the median of devices, and of `steepness` and `towards` unless
        they are given, which are constants then; `most` is the largest number of cycles measured.
        Where the window does not close, `half_window` is not determined: it lies beyond `most`.

    Raises
    ------
    UserError
        If there are too few cycles.

    Notes
    -----
    Half windows of devices are lognormal (`find_lives`); the error of their median counts the
    spread between devices. One half window is fitted to all where a device has fewer than four
    cycles, or none of several devices closes.

    References
    ----------
    The form is that of `devices.Endurance`, of which these are the parameters.
    """
    if data.cycle.size < _LEAST:
        raise UserError(
            f"{data.name} has {data.cycle.size} cycles with both states, at least {_LEAST} are "
            "needed"
        )
    reads = _Reads.of(data)
    given = {"steepness": steepness, "towards": towards}
    constants = {name: value for name, value in given.items() if value is not None}
    several = len(reads.devices) > 1
    if several and min(own.sum() for own in reads.own) >= _OWN:
        found = _fitted(reads, constants, own=True)
        if found.closes and found.seen_devices + found.open_devices >= 2:
            return found
    return _fitted(reads, constants, own=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reads:
    """Logarithms of cycles and of both states, (n,) arrays; `device` is the index of a read's one.

    `low` and `high` are first estimates, (device,), of the logarithms of the first windows;
    `most` is the largest number of cycles.
    """

    devices: tuple[str, ...]
    device: Indices
    cycles: FloatArray
    on: FloatArray
    off: FloatArray
    low: FloatArray
    high: FloatArray
    most: float

    @classmethod
    def of(cls, data: EnduranceData) -> _Reads:
        devices, device = np.unique(data.device, return_inverse=True)
        first = np.array([
            int(np.flatnonzero(device == k)[np.argmin(data.cycle[device == k])])
            for k in range(devices.size)
        ])  # fmt: skip
        on, off = np.log(data.on), np.log(data.off)
        return cls(
            devices=tuple(str(name) for name in devices), device=device,
            cycles=np.log(np.maximum(data.cycle, 1e-300)), on=on, off=off, low=off[first],
            high=on[first], most=float(data.cycle.max()),
        )  # fmt: skip

    @property
    def own(self) -> list[np.ndarray[tuple[int], np.dtype[np.bool_]]]:
        """Reads of each device."""
        return [self.device == k for k in range(len(self.devices))]

    @property
    def positive(self) -> FloatArray:
        """Logarithms of cycles above 0, without repetitions; (0,) for a single read at least."""
        known = np.unique(self.cycles[self.cycles > -600])
        return known if known.size else np.zeros(1)

    def lasts(self) -> FloatArray:
        """Logarithm of the last cycle of each device, (device,)."""
        return np.array([float(self.cycles[own].max()) for own in self.own])

    def gaps(self, halves: FloatArray) -> FloatArray:
        """Distance, of ln(cycles), of the reads around the half window of each device."""
        gaps = np.empty(len(self.devices))
        for k, own in enumerate(self.own):
            known = np.unique(self.cycles[own & (self.cycles > -600)])
            if known.size < 2:
                gaps[k] = 1.0
                continue
            place = int(np.clip(np.searchsorted(known, halves[k]), 1, known.size - 1))
            gaps[k] = known[place] - known[place - 1]
        return gaps


def _states(
    cycles: FloatArray, half: FloatArray | float, steepness: float, side: float, low: FloatArray,
    high: FloatArray,
) -> tuple[FloatArray, FloatArray]:  # fmt: skip
    """Return both states, S, at logarithms of cycles and of the half window."""
    width = 1 / (1 + np.exp(np.clip(steepness * (cycles - half), -700, 700)))
    off = low + (high - low) * side * (1 - width)
    on = low + (high - low) * (side + (1 - side) * width)
    return np.asarray(off), np.asarray(on)


def _fitted(reads: _Reads, constants: dict[str, float], *, own: bool) -> EnduranceEstimate:
    """Fit one half window to all devices, or one to each."""
    count = len(reads.devices)
    halves = count if own else 1
    which = reads.device if own else np.zeros_like(reads.device)

    def residuals(theta: FloatArray) -> FloatArray:
        half, low, high = np.split(theta[2:], [halves, halves + count])
        off, on = _states(
            reads.cycles, half[which], float(np.exp(theta[0])), float(theta[1]),
            np.exp(low)[reads.device], np.exp(high)[reads.device],
        )  # fmt: skip
        both = np.concatenate([on, off])
        return np.asarray(np.log(np.maximum(both, 1e-300)) - np.concatenate([reads.on, reads.off]))

    starts, steepest = _starts(reads, constants, which, halves)
    names = (
        "steepness", "towards", *(f"half {k}" for k in range(halves)),
        *(f"{end} {k}" for end in ("low", "high") for k in range(count)),
    )  # fmt: skip
    first, last = float(reads.positive[0]), float(reads.positive[-1])
    limits = {name: (first - _FAR, last + _FAR) for name in names[2 : 2 + halves]}
    limits["towards"] = (0.0, 1.0)
    if "steepness" not in constants:
        limits["steepness"] = (-5.0, float(np.log(steepest)))
    search = estimated(
        residuals, starts, names, scales={"steepness": exponential}, held=tuple(constants),
        bounds=limits, sure={"towards": _SURE, **dict.fromkeys(names[2:], np.inf)},
    )  # fmt: skip
    return _summary(reads, search, constants, own=own)


def _starts(
    reads: _Reads, constants: dict[str, float], which: Indices, halves: int
) -> tuple[Sequence[FloatArray], float]:
    """Return the best starts of the search, and the largest steepness that reads can show."""
    first, last = float(reads.positive[0]), float(reads.positive[-1])
    grid = np.linspace(first - 1, last + 3, _GRID)
    # Half windows between any two reads, for windows that close between them.
    between = (reads.positive[1:] + reads.positive[:-1]) / 2
    grid = np.unique(np.concatenate([grid, between[:: -(-between.size // _GRID) or 1]]))
    kept = _thinned(which, halves)
    steep = (constants["steepness"],) if "steepness" in constants else _STEEP
    sides = (constants["towards"],) if "towards" in constants else _SIDES
    low, high = np.exp(reads.low)[reads.device], np.exp(reads.high)[reads.device]
    ranked = []
    for each in steep:
        for side in sides:
            cost = np.empty((grid.size, halves))
            for place, half in enumerate(grid.tolist()):
                off, on = _states(reads.cycles[kept], half, each, side, low[kept], high[kept])
                square = (np.log(off) - reads.off[kept]) ** 2
                square += (np.log(on) - reads.on[kept]) ** 2
                cost[place] = np.bincount(which[kept], square, halves)
            best = grid[np.argmin(cost, axis=0)]
            ranked.append((float(cost.min(axis=0).sum()), each, side, best))
    ranked.sort(key=lambda entry: entry[0])
    best = ranked[0][3]
    gap = float(np.median(reads.gaps(np.broadcast_to(best, len(reads.devices)))))
    steepest = max(_STEP / gap, 2.0)
    starts = [
        np.array([np.log(min(each, 0.9 * steepest) if "steepness" not in constants else each),
                  side, *half, *reads.low, *reads.high])
        for _, each, side, half in ranked[:_SEARCHES]
    ]  # fmt: skip
    return starts, steepest


def _thinned(which: Indices, halves: int) -> Indices:
    """Return the indices of the reads that starts are compared by: some of those of each device."""
    rank = np.empty(which.size, np.intp)
    for k in range(halves):
        own = np.flatnonzero(which == k)
        rank[own] = np.arange(own.size)
    stride = max(which.size // _COMPARED, 1)
    often = np.bincount(which, minlength=halves)[which] >= _OWN * stride
    return np.flatnonzero(~often | (rank % stride == 0))


def _gains(reads: _Reads, search: Estimate, halves: FloatArray) -> FloatArray:
    """Sum of squares of each device that its closing explains, over the variance of residuals."""
    count = len(reads.devices)
    low, high = _first_windows(search, count)
    off, on = _states(
        reads.cycles, halves[reads.device], search.values["steepness"], search.values["towards"],
        low[reads.device], high[reads.device],
    )  # fmt: skip
    gains, number = np.zeros(count), np.bincount(reads.device, minlength=count)
    for law, state in ((off, reads.off), (on, reads.on)):
        mean = np.bincount(reads.device, state, count) / number
        more = (state - mean[reads.device]) ** 2 - (state - np.log(law)) ** 2
        gains += np.bincount(reads.device, more, count)
    return np.asarray(gains / max(search.misfit**2, 1e-20))


def _first_windows(search: Estimate, count: int) -> tuple[FloatArray, FloatArray]:
    """Return the fitted first windows, S."""
    low, high = (
        np.exp([search.values[f"{end} {k}"] for k in range(count)]) for end in ("low", "high")
    )
    return low, high


def _summary(
    reads: _Reads, search: Estimate, constants: dict[str, float], *, own: bool
) -> EnduranceEstimate:
    """Return the median half window, and all that belongs to each device."""
    count = len(reads.devices)
    named = [f"half {k}" if own else "half 0" for k in range(count)]
    halves = np.array([search.values[name] for name in named])
    half_errors = np.array([search.errors[name] for name in named])
    steepness = search.values["steepness"]
    gaps = reads.gaps(halves)
    closed = halves < reads.lasts()
    abrupt = "steepness" not in constants and bool(closed.any()) and bool(
        steepness * np.median(gaps[closed]) > _ABRUPT
    )  # fmt: skip
    if abrupt:  # A step lies anywhere between two reads.
        half_errors = np.where(
            closed, np.hypot(np.where(half_errors < gaps, half_errors, 0), gaps / np.sqrt(12)),
            half_errors,
        )  # fmt: skip
    gains = _gains(reads, search, halves)
    # A closing is seen where it explains the reads: within their cycles, or surely beyond them.
    known = np.where(closed, half_errors < 1, half_errors < _SURE)
    seen = known & (gains > _SEEN)
    open_ = ~seen & ~(closed & (gains > _SEEN))
    if own and seen.any():
        lives = find_lives(halves, half_errors, np.where(open_, reads.lasts(), np.nan))
        middle, error = lives.mean, lives.mean_error
        spread, spread_error = lives.spread, lives.spread_error
    else:
        middle, error, spread, spread_error = float(halves[0]), float(half_errors[0]), 0.0, 0.0
    sure = bool(seen.any()) if own else error < 1 and float(gains.sum()) > _SEEN
    values = {
        "half_window": float(np.exp(middle)), "steepness": steepness,
        "towards": search.values["towards"], **constants,
        "most": reads.most,
    }  # fmt: skip
    errors = {"half_window": float(np.exp(middle) * error) if sure else float("inf")}
    for name in ("steepness", "towards"):
        if name not in constants and not (abrupt and name == "steepness"):
            errors[name] = search.errors[name]
    low, high = _first_windows(search, count)
    return EnduranceEstimate(
        values=values, errors=errors, misfit=search.misfit, devices=reads.devices, halves=halves,
        half_errors=half_errors, low=low, high=high, own=own,
        seen_devices=int(seen.sum()), open_devices=int(open_.sum()) if own else 0, spread=spread,
        spread_error=spread_error, abrupt=abrupt,
    )  # fmt: skip
