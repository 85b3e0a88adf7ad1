"""The tabulated model: measured steps without a formula, with their noise and their jumps.

Jumps are told from regular changes (`jumps`), reads from pulses: where the noise of one change is
undone by the next, reads are noisy, and steps, states and noises are those of the state-space fit
(`noisy`); else reads are the states, and the table holds the quantiles of the changes themselves.
Devices differ by a factor on all steps of a polarity, which counts pulses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.devices import ReadNoise, Tabulated
from matsweep.devices.pulses.tabulated import scaled_step
from matsweep.identification.fitting.curve import Curve
from matsweep.identification.fitting.fit import uniform_noise
from matsweep.identification.fitting.jumps import find_jumps
from matsweep.identification.fitting.noisy import NoisySteps, fit_noisy
from matsweep.identification.fitting.scales import Scaled, find_scales, spreads
from matsweep.identification.fitting.statespace import Reads
from matsweep.identification.measurements import Changes, PulseData

_PROBABILITIES = np.array([0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1])
_NORMAL = np.array([-3.0, -2.326, -1.645, -1.282, -0.674, 0, 0.674, 1.282, 1.645, 2.326, 3.0])
_LEAST = 20  # changes of a polarity
_NEAREST = 20, 400  # changes that a row's quantiles are taken from
_SURE = 3.0  # standard errors, from which on reads are noisy
_LIMIT = 1.645
_LEAST_PAIRS = 30  # of changes on each other
_EXACT = 0.03  # of a step: noise up to here is that of the curve's straight pieces
_STILL = 1e-5  # of the range: steps up to here are alike
_WIDE = 0.3  # spread of factors, from which on a Gaussian has devices that do not move
_FEWEST_SPREAD = 1e-3
_LANDINGS = 30  # jumps that a row is taken from
_PLACES = (0, 0.1, 0.25, 0.5, 0.75, 0.9, 1)
_NEAR = 1e-3  # of the range: chances of jumps are not resolved within

IntArray = npt.NDArray[np.integer]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFit:
    """A device without a formula, as measured.

    Parameters
    ----------
    model : Tabulated
    values, errors : dict of str to float
        `read_noise` as a fraction of the range, and its standard error.
    limits : dict of str to float
        Its upper limit, 95 % one-sided, where the data do not distinguish it from zero.
    g_min, g_max : float, S
        The range that states are fractions of.
    """

    model: Tabulated
    values: dict[str, float]
    errors: dict[str, float]
    limits: dict[str, float]
    g_min: float
    g_max: float

    @property
    def read_noise(self) -> ReadNoise:
        """Noise of a read, the same at all conductances; absent where data do not show it."""
        sigma = 0.0 if "read_noise" in self.limits else self.values["read_noise"]
        return uniform_noise(sigma, self.g_min, self.g_max)


class _Events(NamedTuple):
    """Changes by single pulses, fractions of the range, with the read that each ends at."""

    before: FloatArray
    after: FloatArray
    up: BoolArray
    device: IntArray
    at: IntArray

    @property
    def change(self) -> FloatArray:
        return np.asarray(self.after - self.before)


class _Rows(NamedTuple):
    """Quantiles (knot, probability) of changes at knots (knot,)."""

    knots: FloatArray
    rows: FloatArray

    def at(self, states: FloatArray) -> FloatArray:
        """Interpolate at states (state,), linearly for each probability."""
        columns = [np.interp(states, self.knots, column) for column in self.rows.T]
        return np.stack(columns, axis=1)


class _Jumps(NamedTuple):
    """Chances (knot,) of jumps at knots, and quantiles (knot, probability) of their changes."""

    knots: FloatArray
    chance: FloatArray
    rows: FloatArray


def tabulate(
    data: Changes | PulseData, *, g_min: float | None = None, g_max: float | None = None
) -> Tabulated:
    """Tabulate changes against the state, for each polarity.

    Parameters
    ----------
    data : Changes or PulseData
        Changes are taken as they are; reads in their order may be noisy (`fit_table`).
    g_min : float, S, optional
        Lower end of the range; by default the lowest conductance.
    g_max : float, S, optional
        Upper end; by default the highest conductance.

    Returns
    -------
    Tabulated

    Raises
    ------
    UserError
        If there are fewer than 20 changes of a polarity.
    """
    if isinstance(data, PulseData):
        return fit_table(data, g_min=g_min, g_max=g_max).model
    low = data.lowest if g_min is None else g_min
    high = data.highest if g_max is None else g_max
    before, after = (np.clip((g - low) / (high - low), 0, 1) for g in (data.before, data.after))
    events = _Events(before, after, data.up, data.device, np.arange(before.size))
    _enough(events, data.name)
    jumps = find_jumps(events.before, events.change, events.up, events.device)
    return _exact(events, jumps, _both(events, jumps))


def fit_table(
    data: PulseData, *, g_min: float | None = None, g_max: float | None = None
) -> TableFit:
    """Fit a device without a formula to reads between pulses.

    Parameters
    ----------
    data : PulseData
    g_min : float, S, optional
        Lower end of the range; by default the lowest conductance, less the noise of reads.
    g_max : float, S, optional
        Upper end, likewise.

    Returns
    -------
    TableFit

    Raises
    ------
    UserError
        If there are fewer than 20 changes of a polarity.
    """
    low = data.lowest if g_min is None else g_min
    high = data.highest if g_max is None else g_max
    reads = _reads(data, low, high - low)
    at = np.flatnonzero(reads.linked & (np.abs(reads.pulses) == 1))
    value = np.clip(reads.value, 0, 1) if g_min is not None or g_max is not None else reads.value
    events = _Events(value[at - 1], value[at], reads.pulses[at] > 0, reads.device[at], at)
    _enough(events, data.name)
    jumps = find_jumps(events.before, events.change, events.up, events.device)
    both = _both(events, jumps)
    variance, error = _undone(reads, events, jumps, both)
    if variance <= _SURE * error:
        limit = (max(variance, 0.0) + _LIMIT * error) ** 0.5
        return TableFit(
            model=_exact(events, jumps, both), values={"read_noise": max(variance, 0.0) ** 0.5},
            errors={"read_noise": error**0.5}, limits={"read_noise": limit}, g_min=low, g_max=high,
        )  # fmt: skip
    linked = reads.linked.copy()
    linked[events.at[jumps]] = False
    found = fit_noisy(
        Reads(devices=reads.devices, device=reads.device, value=reads.value, pulses=reads.pulses,
              linked=linked, zero=reads.zero),
        variance**0.5,
    )  # fmt: skip
    lowest, highest = _visited(found, linked)
    first = 0.0 if g_min is not None else max(lowest, reads.zero)
    width = (1.0 if g_max is not None else highest) - first
    return TableFit(
        model=_filtered(events, jumps, found, first, width),
        values={"read_noise": found.read_noise / width},
        errors={"read_noise": found.read_noise_error / width},
        limits={"read_noise": found.read_noise_limit / width} if found.read_noise_limit else {},
        g_min=low + (high - low) * first,
        g_max=low + (high - low) * (first + width),
    )


def _enough(events: _Events, name: str) -> None:
    fewest = int(min(events.up.sum(), (~events.up).sum()))
    if fewest < _LEAST:
        raise UserError(f"{name}: {fewest} changes of one polarity, at least {_LEAST} are needed")


def _reads(data: PulseData, low: float, width: float) -> Reads:
    sequences = data.sequences
    return Reads(
        devices=data.devices,
        device=np.repeat(np.arange(len(sequences)), [each.reads.size for each in sequences]),
        value=(np.concatenate([each.reads for each in sequences]) - low) / width,
        pulses=np.concatenate([each.pulses for each in sequences]).astype(np.int64),
        linked=np.concatenate([each.linked for each in sequences]),
        zero=-low / width,
    )


def _both(events: _Events, jumps: BoolArray) -> tuple[Scaled, Scaled]:
    """Return curve and factors of both polarities, from the changes that are no jumps."""
    up, down = (
        find_scales(events.before[mask], events.change[mask], events.device[mask], up=way)
        for way, mask in ((True, _regular(events, jumps, True)),
                          (False, _regular(events, jumps, False)))
    )  # fmt: skip
    return up, down


def _regular(events: _Events, jumps: BoolArray, up: bool) -> BoolArray:
    """Mark the changes of a polarity that are no jumps; all, where all are."""
    mask = events.up == up
    return mask & ~jumps if (mask & ~jumps).any() else mask


# ------------------------------------------------------------------------------ noise of reads


def _undone(
    reads: Reads, events: _Events, jumps: BoolArray, both: tuple[Scaled, Scaled]
) -> tuple[float, float]:
    """Return the variance of a read that changes show by undoing each other, and its error.

    The noise of a read is in the change before it and, inverted, in the one after it.
    """
    rest = np.full(reads.value.size, np.nan)
    still = reads.linked & (reads.pulses == 0)
    rest[still] = np.diff(reads.value, prepend=0.0)[still]
    for way, scaled in zip((True, False), both, strict=True):
        mask = (events.up == way) & ~jumps
        state, factor = events.before[mask], scaled.scales[events.device[mask]]
        mean = scaled_step(state, scaled.curve.at(state), factor)
        rest[events.at[mask]] = events.change[mask] - mean
    pairs = rest[1:] * rest[:-1]
    pairs = -pairs[np.isfinite(pairs)]
    if pairs.size < _LEAST_PAIRS:
        return 0.0, float("inf") if pairs.size < 2 else float(pairs.std() / pairs.size**0.5)
    return float(pairs.mean()), float(pairs.std(ddof=1) / pairs.size**0.5)


def _visited(found: NoisySteps, linked: BoolArray) -> tuple[float, float]:
    """Return the range of the filtered states that follow at least three reads."""
    settled = linked.copy()
    for back in (1, 2):
        settled[back:] &= linked[:-back]
    states = found.states[settled] if settled.any() else found.states
    return float(states.min()), float(states.max())


# ------------------------------------------------------------------------------------- tables


def _exact(events: _Events, jumps: BoolArray, both: tuple[Scaled, Scaled]) -> Tabulated:
    """Tabulate changes whose reads are the states."""
    rows, quiet = [], []
    own = all(_follows(events, jumps, way, scaled)
              for way, scaled in zip((True, False), both, strict=True))  # fmt: skip
    for way, scaled in zip((True, False), both, strict=True):
        mask = _regular(events, jumps, way)
        state = events.before[mask]
        mean = scaled.curve.at(state)
        rest = scaled.change - mean
        if not own:
            rest = events.change[mask] - scaled_step(
                state, mean, scaled.scales[events.device[mask]]
            )
        table, noise = _quantiles(state, rest, mean, scaled.curve)
        rows.append(table)
        quiet.append(noise <= _EXACT)
    rare = [_jumps(events.before, events.after, events.up == way, jumps, 0.0)
            for way in (True, False)]  # fmt: skip
    return _assembled(rows, rare, spreads(*both), all(quiet), own)


def _follows(events: _Events, jumps: BoolArray, way: bool, scaled: Scaled) -> bool:
    """Whether the noise of a device's pulses grows with its factor, rather than being alike."""
    mask = _regular(events, jumps, way)
    device, state = events.device[mask], events.before[mask]
    scales = scaled.scales
    mean = scaled_step(state, scaled.curve.at(state), scales[device])
    square = np.bincount(device, (events.change[mask] - mean) ** 2, scales.size)
    count = np.bincount(device, minlength=scales.size)
    known = count >= 2
    if known.sum() < 2 or scaled.variance == 0 or np.any(square[known] <= 0):
        return True
    logs = np.log(scales[known])
    slope = np.polyfit(logs, 0.5 * np.log(square[known] / count[known]), 1)[0]
    return bool(slope > 0.5)


def _quantiles(
    state: FloatArray, rest: FloatArray, mean: FloatArray, curve: Curve
) -> tuple[_Rows, float]:
    """Return quantiles of changes about the curve at its knots, and their share of the step."""
    least, most = _NEAREST
    edges = np.concatenate([[-np.inf], curve.knots, [np.inf]])
    rows = []
    grows = _grows(rest, mean)
    for k, (knot, step) in enumerate(zip(curve.knots, curve.steps, strict=True)):
        count = int(((state > edges[k]) & (state < edges[k + 2])).sum())
        count = min(max(count, least), most, state.size)
        near = np.argpartition(np.abs(state - knot), count - 1)[:count]
        ratio = 1.0
        if grows:
            ratio = np.clip((abs(step) + _STILL) / (np.abs(mean[near]) + _STILL), 1 / 3, 3)
        rows.append(step + _shape(rest[near] * ratio))
    relative = float(np.sqrt(np.mean((rest / (np.abs(mean) + _STILL)) ** 2)))
    return _Rows(curve.knots, np.array(rows)), relative


def _grows(rest: FloatArray, mean: FloatArray) -> bool:
    """Whether noise is in proportion to the step rather than alike, by the likelihood."""
    size = np.abs(mean) + _STILL
    alike, relative = (float(np.mean(each**2)) for each in (rest, rest / size))
    return relative > 0 and 0.5 * np.log(relative) + np.log(size).mean() < 0.5 * np.log(alike)


def _shape(rest: FloatArray) -> FloatArray:
    """Return quantiles (probability,) of noise, of mean zero and with its deviation."""
    values = np.quantile(rest, _PROBABILITIES)
    widths = np.diff(_PROBABILITIES)
    mean = float((widths * (values[1:] + values[:-1]) / 2).sum())
    values -= mean
    square = (values[1:] ** 2 + values[1:] * values[:-1] + values[:-1] ** 2) / 3
    deviation = float((widths * square).sum()) ** 0.5
    return np.asarray(values * (float(rest.std()) / deviation if deviation > 0 else 0.0))


def _filtered(
    events: _Events, jumps: BoolArray, found: NoisySteps, first: float, width: float
) -> Tabulated:
    """Tabulate the steps of a state-space fit, states counted from `first` in units of `width`."""
    rows = []
    for knots, steps in zip(found.knots, found.steps, strict=True):
        deviation = np.sqrt((found.of_step * steps) ** 2 + found.of_range**2)
        table = steps[:, None] + deviation[:, None] * _shape(_NORMAL_DRAWS)
        rows.append(_Rows((knots - first) / width, table / width))
    before, after = (found.states[events.at - 1] - first) / width, (events.after - first) / width
    rare = [
        _jumps(np.clip(before, 0, 1), np.clip(after, 0, 1), events.up == way, jumps,
               found.read_noise / width)
        for way in (True, False)
    ]  # fmt: skip
    own = bool(found.of_range <= found.of_step * np.abs(found.steps).mean())
    return _assembled(rows, rare, found.spread, not (found.of_step or found.of_range), own)


_NORMAL_DRAWS = np.interp((np.arange(20_000) + 0.5) / 20_000, _PROBABILITIES, _NORMAL)
_NORMAL_DRAWS /= _NORMAL_DRAWS.std()


def _jumps(
    before: FloatArray, after: FloatArray, way: BoolArray, jumps: BoolArray, noise: float
) -> _Jumps | None:
    """Return chances and changes of the jumps of a polarity; None where there are none.

    Parameters
    ----------
    before, after : (change,) array, fractions of the range
    way, jumps : (change,) array of bool
        Whether a change is of the polarity, and whether it is a jump.
    noise : float, fraction of the range
        Of a read, which is part of the state after a jump.

    Returns
    -------
    _Jumps or None
    """
    rare = jumps & way
    if not rare.any():
        return None
    x, x_rare, z = before[way], before[rare], after[rare]
    knots = np.concatenate([np.quantile(x, _PLACES), np.quantile(x_rare, _PLACES)])
    knots = np.sort(knots)
    knots = knots[np.concatenate([[True], np.diff(knots) > _NEAR])]
    hats = np.stack([np.interp(x, knots, unit) for unit in np.eye(knots.size)])
    weight = hats.sum(axis=1)
    chance = (hats * jumps[way]).sum(axis=1) / np.where(weight > 0, weight, 1)
    rows = []
    for knot in knots:
        near = np.argsort(np.abs(x_rare - knot), kind="stable")[:_LANDINGS]
        place, landing = x_rare[near], z[near]
        spread = float(np.square(place - place.mean()).sum())
        slope = 0.0
        if near.size >= _LEAST and spread > 0:
            slope = float(((place - place.mean()) * landing).sum() / spread)
        moved = landing + np.clip(slope, 0, 1) * (knot - place)
        square = float(moved.var())
        left = max(1 - noise**2 / square, 0.0) ** 0.5 if square > 0 else 0.0
        moved = np.clip(moved.mean() + left * (moved - moved.mean()), 0, 1)
        rows.append(np.quantile(moved, _PROBABILITIES) - knot)
    return _Jumps(knots, chance, np.array(rows))


def _assembled(
    rows: list[_Rows], rare: list[_Jumps | None], between: FloatArray, quiet: bool, own: bool
) -> Tabulated:
    """Return the model of steps and jumps at all their knots, and of the spreads of factors."""
    some = [each for each in rare if each is not None]
    inside = np.clip(np.concatenate([each.knots for each in (*rows, *some)]), 0, 1)
    states = np.unique(inside.round(7))
    if quiet and not some:
        probabilities, middle = (0.5,), [each.rows.mean(axis=1, keepdims=True) for each in rows]
        rows = [each._replace(rows=row) for each, row in zip(rows, middle, strict=True)]
    else:
        probabilities = tuple(map(float, _PROBABILITIES))
    up, down = (_tuples(each.at(states)) for each in rows)
    options: dict[str, Any] = {"own_noise": own or quiet}
    if some:
        none = np.zeros((1, _PROBABILITIES.size))
        each = [one or _Jumps(np.zeros(1), np.zeros(1), none) for one in rare]
        for way, one in zip(("up", "down"), each, strict=True):
            chance = np.interp(states, one.knots, one.chance)
            options[f"jump_{way}"] = tuple(map(float, chance))
            options[f"jumps_{way}"] = _tuples(_Rows(one.knots, one.rows).at(states))
    return Tabulated(
        states=tuple(map(float, states)), probabilities=probabilities, up=up, down=down,
        counts=True, device_to_device=_device_to_device(between), **options,
    )  # fmt: skip


def _tuples(rows: FloatArray) -> tuple[tuple[float, ...], ...]:
    """Return a table as plain numbers that do not decrease along a row."""
    return tuple(tuple(map(float, row)) for row in np.maximum.accumulate(rows, axis=1))


def _device_to_device(between: FloatArray) -> dict[str, float]:
    """Return the spreads of factors: Gaussian, or lognormal and shared where they are wide."""
    variances = {"scale_up": float(between[0, 0]), "scale_down": float(between[1, 1])}
    found = {}
    if max(variances.values()) > _WIDE**2:
        shared = min(max(float(between[0, 1]), 0.0), *variances.values())
        found["log_scale"] = shared**0.5
        variances = {name: value - shared for name, value in variances.items()}
    found |= {name: value**0.5 for name, value in variances.items()}
    return {name: value for name, value in found.items() if value > _FEWEST_SPREAD}
