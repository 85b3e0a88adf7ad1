"""Features of I-V sweeps: switching voltages, both resistances, and the direction of switching."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.identification.measurements import Loop
from matsweep.identification.measurements.loop import halves, where
from matsweep.identification.measurements.noise import point_noise
from matsweep.identification.measurements.sequence import BoolArray

_LEAST = 3  # points of a branch
_DARK = 1e-7  # of the largest current: less counts as this
_START = 0.1  # of the peak, from which branches are compared
_CLEAR, _NOISES = 0.1, 4.0  # least hysteresis, as a logarithm, and in standard deviations
_EARLY, _CLEAR_EARLY = 0.25, 0.4  # part of the peak below which a hysteresis may end; the least
_FEWEST = 6  # points of such a part
_READ = 0.2  # of the largest voltage: of resistances that nobody asks for


class Excursion(NamedTuple):
    """One half of a loop: the voltage leaves zero and comes back.

    Parameters
    ----------
    cycle : int
    peak : float, V
        With its sign.
    change : float
        Of ln G by the excursion: of the state it ends in from the state it began in, both read
        below half of the peak.
    switching : float, V
        With its sign, at which half of the hysteresis is passed; NaN where there is none.
    before, after : float, Ω
        At the read voltage; NaN where no points are near it.
    before_error, after_error : float
        Standard errors of ln R by the noise of the points.
    size, noise : float
        Of the hysteresis, as a logarithm of currents: nearly its largest, and what noise of the
        points makes of it (standard deviation).
    """

    cycle: int
    peak: float
    change: float
    switching: float
    before: float
    after: float
    before_error: float
    after_error: float
    size: float
    noise: float

    @property
    def switches(self) -> bool:
        """Whether there is a hysteresis."""
        return bool(np.isfinite(self.switching))


def excursions(loop: Loop, current: FloatArray, read_voltage: float) -> list[Excursion]:
    """Find the features of each half of a loop.

    Way out and way back are compared at the same voltages, so that a nonlinear but unchanging
    conductor has no hysteresis. The switching voltage is the largest at which the logarithm of
    the ratio of the currents still has half of its full size.

    Parameters
    ----------
    loop : Loop
    current : (n,) array, A
        Measured or modelled, at the loop's voltages.
    read_voltage : float, V

    Returns
    -------
    list of Excursion
        Without halves of which a way has fewer than three points.
    """
    floor = _DARK * np.abs(loop.current).max()
    size, voltage = np.maximum(np.abs(current), floor), np.abs(loop.voltage)
    found = []
    for part in halves(loop):
        peak = int(np.argmax(voltage[part]))
        out, back = part[: peak + 1], part[peak:]
        if min(out.size, back.size) < _LEAST:
            continue
        sign = float(np.sign(loop.voltage[part[peak]]))
        top = float(voltage[part[peak]])
        ways = _compared((voltage[out], size[out]), (voltage[back][::-1], size[back][::-1]), top)
        near = min(read_voltage, 0.9 * top)
        before = _resistance(voltage[out], size[out], ~loop.limited[out], near)
        after = _resistance(voltage[back], size[back], ~loop.limited[back], near)
        found.append(
            Excursion(
                cycle=int(loop.cycle[part[0]]),
                peak=sign * top,
                change=ways.change,
                switching=sign * ways.switching,
                before=before[0],
                after=after[0],
                before_error=before[1],
                after_error=after[1],
                size=ways.size,
                noise=ways.noise,
            )
        )
    return found


def sets(loop: Loop) -> int:
    """Return the sign of the voltage under which the conductance rises.

    A device that conducts better on the way back than on the way out, at the same voltages, was set
    between both.

    Parameters
    ----------
    loop : Loop

    Returns
    -------
    int
        1 or -1.
    """
    every = _measured(loop)
    clear = [half for half in every if half.switches] or every
    return 1 if sum(half.change * np.sign(half.peak) for half in clear) >= 0 else -1


def refuse_unswitched(loops: Sequence[Loop]) -> None:
    """Refuse sweeps from which no switching device can be identified.

    Parameters
    ----------
    loops : sequence of Loop

    Raises
    ------
    UserError
        If the halves of a device show no hysteresis, or devices set under different polarities.
    """
    for loop in loops:
        every = _measured(loop)
        if not any(_mostly(every, sign) for sign in (1, -1)):
            count = sum(half.switches for half in every)
            size = max((np.expm1(half.size) for half in every), default=0.0)
            noise = max((np.expm1(half.noise) for half in every), default=0.0)
            raise UserError(
                f"{where(loop)} have hysteresis in {count} of {len(every)} halves: currents on the "
                f"way out and on the way back differ by up to {size:.1%}, with a noise of "
                f"{noise:.1%}; at least {np.expm1(_CLEAR):.1%} and {_NOISES:g} times the noise are "
                "needed. A device that does not switch (a resistor, a diode) has no such model: "
                "leave it out"
            )
    signs = {sets(loop): loop.device for loop in reversed(loops) if _one_way(_measured(loop))}
    if len(signs) > 1:
        raise UserError(
            f"device {signs[1]} sets under positive voltages, device {signs[-1]} under negative "
            "ones: they have no common model; calibrate them apart, or give all voltages and "
            "currents the sign of one electrode"
        )


def _measured(loop: Loop) -> list[Excursion]:
    return excursions(loop, loop.current, _READ * float(np.abs(loop.voltage).max()))


def _mostly(every: Sequence[Excursion], sign: int) -> bool:
    """Whether more than half of the excursions of one polarity switch."""
    own = [half.switches for half in every if half.peak * sign > 0]
    return 2 * sum(own) > len(own)


def _one_way(every: Sequence[Excursion]) -> bool:
    """Whether the polarities change the conductance in opposite directions, by and large."""
    changes = np.array([half.change * np.sign(half.peak) for half in every if half.switches])
    return bool(abs(changes.sum()) > 0.5 * np.abs(changes).sum())


class _Ways(NamedTuple):
    """Way out and way back compared: change of ln G, switching voltage, size and noise."""

    change: float
    switching: float
    size: float
    noise: float


def _compared(
    out: tuple[FloatArray, FloatArray], back: tuple[FloatArray, FloatArray], top: float
) -> _Ways:
    """Compare voltages and currents of the way out with those of the way back."""
    ways = []
    for voltage, size in (out, back):
        order = np.argsort(voltage, kind="stable")
        ways.append((voltage[order], np.log(size[order])))
    low = max(_START * top, ways[0][0][0], ways[1][0][0])
    grid = np.linspace(low, top, max(out[0].size, back[0].size))
    ratio = np.interp(grid, *ways[1]) - np.interp(grid, *ways[0])
    smooth = _medians(ratio) if grid.size >= 4 * _LEAST else ratio
    noise = _ratio_noise(ratio)
    lower = ratio[grid <= 0.5 * top]
    # Not the median: a device that switches far below the peak differs in a small part of it.
    change = float(np.mean(lower if lower.size else ratio))
    whole = _sized(grid, smooth, change, noise, grid.size, _CLEAR)
    early = int((grid <= _EARLY * top).sum())
    if np.isfinite(whole.switching) or early < _FEWEST:
        return whole
    # Of a device that switches below a fifth of the peak, most points have no hysteresis. There
    # offsets and noise are a larger part of the current: more is asked for.
    change, noise = float(np.mean(ratio[:early])), max(noise, _ratio_noise(ratio[:early]))
    low = _sized(grid, smooth, change, noise, early, _CLEAR_EARLY)
    return low if np.isfinite(low.switching) else whole


def _sized(
    grid: FloatArray, ratio: FloatArray, change: float, noise: float, count: int, least: float
) -> _Ways:
    """Return the hysteresis of the lowest points of a grid, if it is as large as the least."""
    along = np.sign(change) * ratio
    full = float(np.quantile(np.maximum(along[:count], 0), 0.9))
    if full < max(least, _NOISES * noise):
        return _Ways(change, float("nan"), full, noise)
    last = int(np.flatnonzero(along[:count] >= 0.5 * full)[-1])
    if last == grid.size - 1 or along[last + 1] >= 0.5 * full:
        return _Ways(change, float(grid[last]), full, noise)
    share = float((along[last] - 0.5 * full) / (along[last] - along[last + 1]))
    return _Ways(change, float(grid[last] + share * (grid[last + 1] - grid[last])), full, noise)


def _ratio_noise(ratio: FloatArray) -> float:
    """Return the deviation of one point of a ratio, by that of the difference of two."""
    return float(np.median(np.abs(np.diff(ratio)))) / 0.954


def _medians(values: FloatArray) -> FloatArray:
    """Return the running medians of three."""
    inner = np.median(np.stack([values[:-2], values[1:-1], values[2:]]), axis=0)
    return np.concatenate([values[:1], inner, values[-1:]])


def _resistance(
    voltage: FloatArray, size: FloatArray, free: BoolArray, read_voltage: float
) -> tuple[float, float]:
    """Return the median resistance [Ω] within a half of the read voltage, and its error of ln R."""
    near = free & (np.abs(voltage - read_voltage) <= 0.5 * read_voltage)
    if not near.any():
        return float("nan"), float("nan")
    ohm = voltage[near] / size[near]
    return float(np.median(ohm)), point_noise(np.log(ohm)) / float(np.sqrt(ohm.size))
