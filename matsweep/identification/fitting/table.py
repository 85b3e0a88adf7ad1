"""The tabulated model: measured steps without a formula, with their noise and their jumps.

Jumps are separated from regular changes (`jumps`), reads from pulses: where the noise of one change
is undone by the next, reads are noisy, and steps, states and noises are those of the state-space
fit (`noisy`); else reads are the states, and the table holds the quantiles of the changes.
Devices differ by a factor on all steps of a polarity, which counts pulses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.devices import ReadNoise, Tabulated
from matsweep.devices.pulses.tabulated import scaled_step
from matsweep.identification.fitting.fit import reads_of
from matsweep.identification.fitting.jumps import find_jumps
from matsweep.identification.fitting.landings import find_landings
from matsweep.identification.fitting.noisy import NoisySteps, fit_noisy
from matsweep.identification.fitting.population import root_error
from matsweep.identification.fitting.reads import read_variance
from matsweep.identification.fitting.result import uniform_noise
from matsweep.identification.fitting.rows import Jumps, Rows, assembled, measured_rows, normal_rows
from matsweep.identification.fitting.scales import Scaled, find_scales, spreads
from matsweep.identification.fitting.statespace import Reads
from matsweep.identification.measurements import Changes, PulseData

_LEAST = 20  # changes of a polarity
_SURE = 3.0  # standard errors, from which on reads are noisy
_LIMIT = 1.645  # standard errors to the upper limit, 95 % one-sided
_EXACT = 0.03  # of a step: noise up to here is that of the curve's straight pieces

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
    converged : bool
        Whether the search ended at a maximum; else errors and limits are not to be believed.
    bic : float
        Of the reads as of `Fit`, with every device's factors counted as parameters; infinite where
        reads are not noisy, or pulses jump: such tables are not compared by likelihoods.
    """

    model: Tabulated
    values: dict[str, float]
    errors: dict[str, float]
    limits: dict[str, float]
    g_min: float
    g_max: float
    converged: bool = True
    bic: float = np.inf

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
        If there are fewer than 20 changes of a polarity, or the range does not rise.
    """
    if isinstance(data, PulseData):
        return fit_table(data, g_min=g_min, g_max=g_max).model
    low, high = _ends(data, g_min, g_max)
    before, after = (np.clip((g - low) / (high - low), 0, 1) for g in (data.before, data.after))
    events = _Events(before, after, data.up, data.device, np.arange(before.size))
    _enough(events, data.name)
    with threadpool_limits(1):
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
        If there are fewer than 20 changes of a polarity, or the range does not rise.
    """
    with threadpool_limits(1):  # the same bits on any machine
        return _fitted(data, g_min, g_max)


def _fitted(data: PulseData, g_min: float | None, g_max: float | None) -> TableFit:
    low, high = _ends(data, g_min, g_max)
    reads = reads_of(data, low, high - low)
    at = np.flatnonzero(reads.linked & (np.abs(reads.pulses) == 1))
    value = np.clip(reads.value, 0, 1) if g_min is not None or g_max is not None else reads.value
    events = _Events(value[at - 1], value[at], reads.pulses[at] > 0, reads.device[at], at)
    _enough(events, data.name)
    jumps = find_jumps(events.before, events.change, events.up, events.device)
    both = _both(events, jumps)
    linked = reads.linked.copy()
    linked[events.at[jumps]] = False
    variance, error = read_variance(reads.value, reads.pulses, linked)
    if variance <= _SURE * error:
        sigma = max(variance, 0.0) ** 0.5
        limit = (sigma**2 + _LIMIT * error) ** 0.5
        return TableFit(
            model=_exact(events, jumps, both), values={"read_noise": sigma},
            errors={"read_noise": root_error(sigma, error)}, limits={"read_noise": limit},
            g_min=low, g_max=high,
        )  # fmt: skip
    fit = fit_noisy(
        Reads(devices=reads.devices, device=reads.device, value=reads.value, pulses=reads.pulses,
              linked=linked, zero=reads.zero),
        variance**0.5,
    )  # fmt: skip
    lowest, highest = _visited(fit, linked)
    first = 0.0 if g_min is not None else max(lowest, reads.zero)
    width = (1.0 if g_max is not None else highest) - first
    used, unit = int(linked.sum()), (data.highest - data.lowest) / (high - low)
    likelihood = fit.log_likelihood + used * float(np.log(unit))
    return TableFit(
        model=_filtered(events, jumps, fit, first, width),
        values={"read_noise": fit.read_noise / width},
        errors={"read_noise": fit.read_noise_error / width},
        limits={"read_noise": fit.read_noise_limit / width} if fit.read_noise_limit else {},
        g_min=low + (high - low) * first,
        g_max=low + (high - low) * (first + width),
        converged=fit.converged,
        bic=np.inf if jumps.any() else fit.free * float(np.log(used)) - 2 * likelihood,
    )


def enough_changes(data: PulseData) -> bool:
    """Whether a measurement has the changes of each polarity that a table needs.

    Parameters
    ----------
    data : PulseData

    Returns
    -------
    bool
    """
    return _fewest(data.up) >= _LEAST


def _fewest(up: BoolArray) -> int:
    return int(min(up.sum(), (~up).sum()))


def _ends(
    data: Changes | PulseData, g_min: float | None, g_max: float | None
) -> tuple[float, float]:
    """Return the range; by default that of the reads."""
    low = data.lowest if g_min is None else g_min
    high = data.highest if g_max is None else g_max
    if not 0 <= low < high:
        raise UserError(f"g_min and g_max [S] must be >= 0 and rise, got {low:g} and {high:g}")
    return low, high


def _enough(events: _Events, name: str) -> None:
    fewest = _fewest(events.up)
    if fewest < _LEAST:
        raise UserError(f"{name}: {fewest} changes of one polarity, at least {_LEAST} are needed")


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
    regular = np.asarray(mask & ~jumps)
    return regular if regular.any() else mask


def _visited(fit: NoisySteps, linked: BoolArray) -> tuple[float, float]:
    """Return the range of the filtered states that follow at least three reads."""
    settled = linked.copy()
    for back in (1, 2):
        settled[back:] &= linked[:-back]
    states = fit.states[settled] if settled.any() else fit.states
    return float(states.min()), float(states.max())


def _exact(events: _Events, jumps: BoolArray, both: tuple[Scaled, Scaled]) -> Tabulated:
    """Tabulate changes whose reads are the states."""
    tables, quiet = list[Rows](), list[bool]()
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
        rows, noise = measured_rows(state, rest, mean, scaled.curve)
        tables.append(rows)
        quiet.append(noise <= _EXACT)
    rare = _landings(events.up, events.before, events.after, jumps)
    return assembled(tables[0], tables[1], rare, spreads(*both), quiet=all(quiet), own=own)


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


def _filtered(
    events: _Events, jumps: BoolArray, fit: NoisySteps, first: float, width: float
) -> Tabulated:
    """Tabulate the steps of a state-space fit, states counted from `first` in units of `width`."""
    up, down = (
        normal_rows((knots - first) / width, steps / width,
                    np.hypot(fit.of_step * steps, fit.of_range) / width)
        for knots, steps in zip(fit.knots, fit.steps, strict=True)
    )  # fmt: skip
    before = np.clip((fit.states[events.at - 1] - first) / width, 0, 1)
    after = np.clip((events.after - first) / width, 0, 1)
    rare = _landings(events.up, before, after, jumps, noise=fit.read_noise / width)
    return assembled(
        up, down, rare, fit.spread, quiet=not (fit.of_step or fit.of_range),
        own=bool(fit.of_range <= fit.of_step * np.abs(fit.steps).mean()),
    )  # fmt: skip


def _landings(
    up: BoolArray, before: FloatArray, after: FloatArray, jumps: BoolArray, *, noise: float = 0.0
) -> list[Jumps | None]:
    """Return the jumps of both polarities."""
    return [find_landings(before[way], after[way], jumps[way], noise=noise) for way in (up, ~up)]
