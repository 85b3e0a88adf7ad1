"""Requirements of one target under each condition of a study, and their ratios."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from matsweep.analysis.attributes import short_names, spoken
from matsweep.analysis.conditions import Condition, conditions_of
from matsweep.analysis.labels import AXES
from matsweep.analysis.levelset import Limit
from matsweep.analysis.requirements import (
    Requirements,
    of_material,
    read_target,
    requirements_of,
)
from matsweep.analysis.studytable import Numbers, Scale, table_of
from matsweep.analysis.view import View
from matsweep.analysis.wording import limit_line
from matsweep.core.checks import UserError

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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conditional:
    """Requirements for one target under each condition.

    Parameters
    ----------
    conditions : tuple of Condition
        The baseline first.
    required : tuple of Requirements
        One for each condition; from the second on with the best point of the first as the
        reference, where that meets the target.
    """

    conditions: tuple[Condition, ...]
    required: tuple[Requirements, ...]

    @property
    def first(self) -> Requirements:
        """Requirements under the baseline."""
        return self.required[0]

    def scale(self, name: str) -> Scale:
        """Scale of a parameter over the ranges swept under all conditions.

        Parameters
        ----------
        name : str

        Returns
        -------
        Scale
        """
        each = [s for found in self.required for s in found.surrogate.table.scales]
        scales = [scale for scale in each if scale.name == name]
        return min(scales, key=lambda scale: scale.low - scale.high)

    def ratios(self, place: int) -> tuple[Ratio, ...]:
        """Limits under a condition relative to those under the baseline, where both have one.

        Limits are drawn from their intervals independently. As both studies share the random
        numbers of their realisations, the interval of the ratio is rather too wide.

        Parameters
        ----------
        place : int
            Of the condition.

        Returns
        -------
        tuple of Ratio
        """
        before, after = (_limits(found) for found in (self.first, self.required[place]))
        ratios = []
        for name in before:
            if name in after and (ratio := self._ratio(before[name], after[name])) is not None:
                ratios.append(ratio)
        return tuple(ratios)

    def _ratio(self, before: Limit, after: Limit) -> Ratio | None:
        scale, confidence = self.scale(before.parameter), self.first.confidence
        if before.direction not in ("<=", ">=") or before.value <= 0:
            return None
        if after.direction == "everywhere" and before.direction == "<=":
            ends = sorted((before.value, _known(before.high, before.value)))
            return Ratio(parameter=before.parameter, value=math.nan, low=scale.high / ends[1],
                         high=math.inf)  # fmt: skip
        if after.direction != before.direction:
            return None
        draws = [
            _drawn(limit, scale, confidence, seed) for seed, limit in enumerate((before, after))
        ]
        with np.errstate(divide="ignore", invalid="ignore"):
            samples = draws[1] / draws[0]
        tail = (1 - confidence) / 2
        known = np.where(np.isnan(samples), np.inf, samples)
        low, high = np.quantile(known, [tail, 1 - tail], method="nearest")
        return Ratio(parameter=before.parameter, value=after.value / before.value,
                     low=float(low), high=float(high))  # fmt: skip

    def lines(self) -> list[str]:
        """Write the requirements under each condition next to each other, with their ratios.

        Returns
        -------
        list of str
        """
        short = spoken(short_names(self.first.surrogate.names))
        shares = ", ".join(
            f"{100 * found.share:.3g} % with {condition.words}"
            for found, condition in zip(self.required, self.conditions, strict=True)
        )
        lines = [f"{self.first.target} is met in {shares} of the region swept"]
        for name, text in short.items():
            parts = [
                f"{_limit_text(found, name)} with {condition.words}{self._times(place, name)}"
                for place, (condition, found) in enumerate(
                    zip(self.conditions, self.required, strict=True)
                )
            ]
            called = AXES[name].label if name in AXES else text
            lines.append(f"{called}: {'; '.join(parts)}")
        return lines

    def _times(self, place: int, name: str) -> str:
        """Write the ratio of a limit to that under the baseline."""
        if place == 0:
            return ""
        ratio = next((each for each in self.ratios(place) if each.parameter == name), None)
        if ratio is None:
            return ""
        of = f"that with {self.conditions[0].words}"
        if math.isnan(ratio.value):
            return f", more than {math.floor(10 * ratio.low) / 10:.1f} times {of}"
        ends = [
            "beyond the swept range" if not 0 < end < math.inf else f"{end:.2f}"
            for end in (ratio.low, ratio.high)
        ]
        return f", {ratio.value:.2f} ({ends[0]} to {ends[1]}) times {of}"


def requirements_by_condition(
    ds: xr.Dataset,
    target: str,
    *,
    reference: Mapping[str, float] | None = None,
    time: float | str | None = None,
    confidence: float = 0.95,
    material: str | None = None,
    seed: int = 0,
) -> Conditional:
    """Derive the requirements of a target under each condition of a study.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`, of a study with conditions, such as
        ``workload.training.noise=null,0.05``.
    target : str
        As in `requirements`.
    reference : mapping of str to float, optional
    time : float [s] or str, optional
    confidence : float
    material : str, optional
    seed : int

    Returns
    -------
    Conditional

    Raises
    ------
    UserError
        As `requirements` does, and if the study has no conditions.
    """
    view = View(ds, time)
    found = conditional_of(view, target, reference, confidence, material, seed)
    if found is None:
        raise UserError(
            "the results have no conditions, such as workload.training.noise=null,0.05: take "
            "requirements, which needs none"
        )
    return found


def conditional_of(
    view: View,
    target: str,
    reference: Mapping[str, float] | None = None,
    confidence: float = 0.95,
    material: str | None = None,
    seed: int = 0,
) -> Conditional | None:
    """Derive the requirements under each condition in a view; see `requirements_by_condition`.

    Parameters
    ----------
    view : View
    target : str
    reference : mapping of str to float, optional
    confidence : float, in [0.5, 0.9999]
    material : str, optional
    seed : int

    Returns
    -------
    Conditional or None
        None where no condition differs between the candidates.
    """
    view = of_material(view, material)
    found = conditions_of(view)
    if found is None:
        return None
    derived: list[Requirements] = []
    kept: list[Condition] = []
    for place, condition in enumerate(found.all):
        part = view.rows(np.flatnonzero(found.of_candidates == place))
        if not part.done.any():
            continue
        try:
            own = _derived(part, target, reference, confidence, material, seed, derived[:1])
        except UserError as error:
            raise UserError(f"{condition.words}: {error}") from None
        derived.append(own)
        kept.append(condition)
    return Conditional(conditions=tuple(kept), required=tuple(derived))


def _derived(
    part: View,
    target: str,
    reference: Mapping[str, float] | None,
    confidence: float,
    material: str | None,
    seed: int,
    baseline: list[Requirements],
) -> Requirements:
    """Derive requirements at the baseline's best point where that meets the target."""
    if reference is None and baseline:
        scales = table_of(part, read_target(part, target)[0], "refuse").scales
        shared = {
            scale.name: float(np.clip(baseline[0].best[scale.name], scale.low, scale.high))
            for scale in scales
            if scale.name in baseline[0].best
        }
        fixed = requirements_of(part, target, shared, confidence, material, seed)
        if fixed.jointly is not None:
            return fixed
    return requirements_of(part, target, reference, confidence, material, seed)


def _limits(found: Requirements) -> dict[str, Limit]:
    """Limit of each parameter that has a single one."""
    names = [limit.parameter for limit in found.limits]
    return {each.parameter: each for each in found.limits if names.count(each.parameter) == 1}


def _known(value: float, otherwise: float) -> float:
    return otherwise if math.isnan(value) else value


def _drawn(limit: Limit, scale: Scale, confidence: float, seed: int) -> Numbers:
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


def _limit_text(found: Requirements, name: str) -> str:
    """Limits of a parameter in words, without its name."""
    scales = {scale.name: scale for scale in found.surrogate.table.scales}
    if name not in scales:
        return "is not swept"
    texts = [
        limit_line(each, scales[name], "", found.confidence).removeprefix(":").strip()
        for each in found.limits
        if each.parameter == name
    ]
    return " and ".join(texts)
