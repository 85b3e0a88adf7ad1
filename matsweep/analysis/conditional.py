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
from matsweep.analysis.ratios import Ratio, ratios_of
from matsweep.analysis.requirements import (
    Requirements,
    of_material,
    read_target,
    requirements_of,
)
from matsweep.analysis.studytable import Scale, table_of
from matsweep.analysis.view import View
from matsweep.analysis.wording import limit_line
from matsweep.core.checks import UserError


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
    ratios : tuple of tuple of Ratio
        Of the limits under each condition to those under the baseline; empty for the baseline.
    """

    conditions: tuple[Condition, ...]
    required: tuple[Requirements, ...]
    ratios: tuple[tuple[Ratio, ...], ...]

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
        ratio = next((each for each in self.ratios[place] if each.parameter == name), None)
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

    Raises
    ------
    UserError
        As `requirements_of` does; it names the condition.
    """
    view = of_material(view, material)
    found = conditions_of(view)
    if found is None:
        return None
    derived: list[Requirements] = []
    kept: list[Condition] = []
    parts: list[View] = []
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
        parts.append(part)
    ratios = ratios_of(parts, derived, seed)
    return Conditional(conditions=tuple(kept), required=tuple(derived), ratios=ratios)


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
