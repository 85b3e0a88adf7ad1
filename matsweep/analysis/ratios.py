"""Ratios of limits under two conditions, with the error that realisations and fits leave."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from matsweep.analysis.levelset import Limit, Search
from matsweep.analysis.pairs import student
from matsweep.analysis.requirements import Requirements
from matsweep.analysis.studytable import Numbers, Scale
from matsweep.analysis.summary import STATISTICS
from matsweep.analysis.surrogate import Surrogate, surrogate_of
from matsweep.analysis.view import Index, View
from matsweep.core.checks import UserError

_GROUPS = 8  # of realisations, that are left out in turn
_FEWEST = 4
_DRAWS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """Limit of a parameter under a condition relative to that under the baseline.

    Parameters
    ----------
    parameter : str
    value : float
        NaN where the target is met in the whole swept range under the condition.
    low, high : float
        Ends of its interval; infinite, or 0, where the limits' own intervals leave the swept range.
    """

    parameter: str
    value: float
    low: float
    high: float


def ratios_of(
    parts: Sequence[View], required: Sequence[Requirements], seed: int = 0
) -> tuple[tuple[Ratio, ...], ...]:
    """Limits under each condition relative to those under the baseline, where both have one.

    Realisations are left out in groups, the same under both conditions, and the metric is fitted
    again (a jackknife of the logarithm of the ratio): what is lucky under both does not count. The
    error of both fits is added in squares. With fewer than four realisations, limits are drawn
    from their own intervals independently, which is rather too wide.

    Parameters
    ----------
    parts : sequence of View
        Candidates of each condition, the baseline first.
    required : sequence of Requirements
        Theirs.
    seed : int
        Of the fits.

    Returns
    -------
    tuple of tuple of Ratio
        For each condition; none for the baseline.

    References
    ----------
    B. Efron, C. Stein, Ann. Statist. 9:586, 1981, doi:10.1214/aos/1176345462 (jackknife).
    """
    refits = [
        list(_refitted(part, found, seed)) if single_limits(found) else []
        for part, found in zip(parts, required, strict=True)
    ]
    return tuple(
        tuple(_ratios([required[0], found], [refits[0], refit])) if place else ()
        for place, (found, refit) in enumerate(zip(required, refits, strict=True))
    )


def _ratios(
    both: Sequence[Requirements], refits: Sequence[Sequence[dict[str, Limit]]]
) -> Iterator[Ratio]:
    """Yield the ratios of one condition."""
    first, confidence = both[0], both[0].confidence
    limits = [single_limits(found) for found in both]
    scales = {scale.name: scale for scale in first.surrogate.table.scales}
    for name, before in limits[0].items():
        after = limits[1].get(name)
        if after is None or before.direction not in ("<=", ">=") or not before.value > 0:
            continue
        if after.direction == before.direction:
            ratio = after.value / before.value
            logarithms = [_logarithms(each, name, before.direction) for each in refits]
            errors = [_error_of_fit(found, name) for found in both]
            ends = _interval(logarithms, errors, math.log(ratio), confidence)
            low, high = ends or _drawn_interval(before, after, confidence)
            yield Ratio(parameter=name, value=ratio, low=low, high=high)
        elif after.direction == "everywhere" and before.direction == "<=":
            yield _open(name, before, refits[0], first, scales[name])


def single_limits(found: Requirements) -> dict[str, Limit]:
    """Limit of each parameter that has a single one.

    Parameters
    ----------
    found : Requirements

    Returns
    -------
    dict of str to Limit
    """
    names = [limit.parameter for limit in found.limits]
    return {each.parameter: each for each in found.limits if names.count(each.parameter) == 1}


def _refitted(part: View, found: Requirements, seed: int) -> Iterator[dict[str, Limit]]:
    """Yield the limits without each group of realisations; none where there are too few."""
    count = part.ds.sizes.get("realisation", 1)
    if count < _FEWEST or "realisation" not in part.ds[found.metric].dims:
        return
    for group in np.array_split(np.arange(count, dtype=np.intp), min(count, _GROUPS)):
        less = View(_without(part, group), part.chosen_time, part.mixed)
        try:
            fitted = surrogate_of(less, found.metric, categorical="refuse", seed=seed,
                                  logarithmic=found.surrogate.logarithmic)  # fmt: skip
        except UserError:  # too few candidates are left
            return
        limits = _limits(fitted, found)
        names = [limit.parameter for limit in limits]
        yield {each.parameter: each for each in limits if names.count(each.parameter) == 1}


def _without(part: View, group: Index) -> xr.Dataset:
    """Results without some realisations, and without statistics over all of them."""
    kept = np.setdiff1d(np.arange(part.ds.sizes["realisation"]), group)
    gone = [name for name in part.ds.data_vars if str(name).endswith(STATISTICS)]
    ds = part.ds.drop_vars(gone).isel(realisation=kept)
    if "realisations" in ds:
        left = (kept < part.given[:, None]).sum(axis=1)
        ds = ds.assign(realisations=("candidate", left.astype(np.int64)))
    return ds


def _limits(fitted: Surrogate, found: Requirements) -> tuple[Limit, ...]:
    """Limits of a fit at the reference of requirements."""
    search = Search(surrogate=fitted, operator=found.operator, bound=found.bound,
                    confidence=found.confidence)  # fmt: skip
    point = [float(scale.to_unit(found.best[scale.name])) for scale in fitted.table.scales]
    return search.limits(np.array(point))


def _logarithms(refits: Sequence[dict[str, Limit]], name: str, direction: str) -> Numbers:
    """Logarithm of a limit in each refit; NaN where there is none."""
    values = [
        each[name].value if name in each and each[name].direction == direction else math.nan
        for each in refits
    ]
    with np.errstate(divide="ignore"):
        return np.log(np.array(values, dtype=np.float64))


def _error_of_fit(found: Requirements, name: str) -> float:
    """Estimate the error of the logarithm of a limit by its fit, without what candidates share."""
    from scipy.special import ndtri

    fitted = found.surrogate
    surface = None if fitted.surface is None else replace(fitted.surface, shared=0.0)
    alone = replace(fitted, shared=0.0, surface=surface)
    limit = next((e for e in _limits(alone, found) if e.parameter == name), None)
    if limit is None:
        return math.inf
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.abs(np.log(np.array([limit.low, limit.high]) / limit.value))
    known = ends[np.isfinite(ends)]
    return float(known.max() / ndtri(0.5 + found.confidence / 2)) if known.size else math.inf


def _interval(
    logarithms: Sequence[Numbers], errors: Sequence[float], centre: float, confidence: float
) -> tuple[float, float] | None:
    """Interval of a ratio by its jackknife; None where that is unknown."""
    values = logarithms[0] if len(logarithms) == 1 else logarithms[1] - logarithms[0]
    count = values.size
    if count < _FEWEST or not np.isfinite(values).all() or not np.isfinite(errors).all():
        return None
    spread = (count - 1) / count * float(np.sum((values - values.mean()) ** 2))
    error = math.sqrt(spread + float(np.sum(np.square(errors))))
    half = float(student(1 - confidence, np.array(count))) * error
    return math.exp(centre - half), math.exp(centre + half)


def _open(
    name: str,
    before: Limit,
    refits: Sequence[dict[str, Limit]],
    found: Requirements,
    scale: Scale,
) -> Ratio:
    """Ratio of a parameter whose whole range meets the target under the condition."""
    ends = _interval([_logarithms(refits, name, before.direction)], [_error_of_fit(found, name)],
                     math.log(before.value), found.confidence)  # fmt: skip
    high = before.value if math.isnan(before.high) else before.high
    largest = min(ends[1] if ends else high, scale.high)
    return Ratio(parameter=name, value=math.nan, low=scale.high / largest, high=math.inf)


def _drawn_interval(before: Limit, after: Limit, confidence: float) -> tuple[float, float]:
    """Interval of the ratio of two limits that are drawn from theirs independently."""
    draws = [_drawn(limit, confidence, seed) for seed, limit in enumerate((before, after))]
    with np.errstate(divide="ignore", invalid="ignore"):
        samples = draws[1] / draws[0]
    known = np.where(np.isnan(samples), np.inf, samples)
    tail = (1 - confidence) / 2
    low, high = np.quantile(known, [tail, 1 - tail], method="nearest")
    return float(low), float(high)


def _drawn(limit: Limit, confidence: float, seed: int) -> Numbers:
    """Draw a limit from its interval: a normal distribution of two widths.

    Where an end of the interval leaves the swept range, that side is drawn beyond it: below as 0,
    above as infinite.
    """
    from scipy.special import ndtri

    score = np.random.default_rng([seed, 2]).standard_normal(_DRAWS)
    one = float(ndtri(0.5 + confidence / 2))
    below, above = ((end - limit.value) / one for end in (limit.low, limit.high))
    left = np.maximum(limit.value - score * below, 0.0) if math.isfinite(below) else 0.0
    right = limit.value + score * above if math.isfinite(above) else np.inf
    return np.asarray(np.where(score < 0, left, right), dtype=np.float64)
