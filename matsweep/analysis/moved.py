"""Change of costs by the material alone, between candidates that are alike in all else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matsweep.analysis.alike import USEFUL, first_of_each, settings
from matsweep.analysis.objectives import reached, useful
from matsweep.analysis.pareto import Mask
from matsweep.analysis.view import Index, View

LITTLE = 0.1
"""Change by the material below which circuits decide."""
_OUTLIER = 3.0  # a material is named without which the change is smaller by this factor


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Change of a cost by the material alone, all else being equal.

    Parameters
    ----------
    metric : str
    settings : int
        Settings that at least two materials have.
    materials : int
        Materials in them.
    median, largest : float
        Of (largest - smallest) / mean over the materials of a setting, over the settings.
    component : str
        The largest part of the cost; empty where no breakdown is stored.
    part : float
        Its share, the median over the candidates of the settings; NaN where none is stored.
    moving : str
        The part that differs most between the materials of a setting; empty where none does.
    outlier : str
        The material without which the change is at most a third of it; empty: there is none.
    without : float or None
        The median change without it; None where there is none.
    """

    metric: str
    settings: int
    materials: int
    median: float
    largest: float
    component: str
    part: float
    moving: str
    outlier: str
    without: float | None

    @property
    def little(self) -> bool:
        """Whether circuits decide: the material moves it by less than a tenth."""
        return self.median < LITTLE


def moved(view: View, metric: str) -> Moved | None:
    """Find how far the material moves a cost where all else is equal.

    Candidates whose merit is not useful do not count, as far as materials are left to compare.

    Parameters
    ----------
    view : View
    metric : str
        "energy", "latency" or another cost; its parts are those of `METRIC_breakdown`.

    Returns
    -------
    Moved or None
        None where no setting has two materials, or the metric is not stored.
    """
    if metric not in view.summary or not view.has_materials:
        return None
    values = view.column(metric)
    known = view.compared & np.isfinite(values) & (values > 0)
    threshold = useful(view, USEFUL)
    masks = [known] if threshold is None else [known & reached(view, threshold), known]
    groups = next((found for mask in masks if (found := _groups(view, mask))), [])
    if not groups:
        return None
    ranges = np.array([_range(values[rows]) for rows in groups])
    outlier, without = _outlier(view, values, groups, float(np.median(ranges)))
    component, part, moving = _parts(view, metric, groups)
    return Moved(
        metric=metric, settings=len(groups),
        materials=len(set(view.materials[np.concatenate(groups)].tolist())),
        median=float(np.median(ranges)), largest=float(ranges.max()), component=component,
        part=part, moving=moving, outlier=outlier, without=without,
    )  # fmt: skip


def _groups(view: View, mask: Mask) -> list[Index]:
    """Candidates of each setting that several materials have, one a material."""
    numbers = settings(view)
    every = (first_of_each(view, np.flatnonzero(mask & (numbers == number)))
             for number in np.unique(numbers[mask]))  # fmt: skip
    return [rows for rows in every if rows.size > 1]


def _range(values: NDArray[np.float64]) -> float:
    return float(np.ptp(values) / values.mean())


def _outlier(
    view: View, values: NDArray[np.float64], groups: list[Index], change: float
) -> tuple[str, float | None]:
    """Material that is farthest from the others in most settings, and the change without it."""
    far = [str(view.materials[rows[np.argmax(np.abs(values[rows] - np.median(values[rows])))]])
           for rows in groups if rows.size > 2]  # fmt: skip
    if not far:
        return "", None
    name = max(sorted(set(far)), key=far.count)
    kept = [rows[view.materials[rows] != name] for rows in groups]
    ranges = [_range(values[rows]) for rows in kept if rows.size > 1]
    left = float(np.median(ranges))
    return (name, left) if left * _OUTLIER <= change and change > 0 else ("", None)


def _parts(view: View, metric: str, groups: list[Index]) -> tuple[str, float, str]:
    """Component that takes most and its median share, and the one that differs most."""
    name = f"{metric}_breakdown"
    if name not in view.ds or "component" not in view.ds[name].dims:
        return "", float("nan"), ""
    terms = view.at_time[name].isel(candidate=np.concatenate(groups))
    terms = terms.mean([dim for dim in terms.dims if dim not in ("candidate", "component")])
    values = np.nan_to_num(terms.transpose("candidate", "component").values.astype(np.float64))
    shares = np.median(values / values.sum(axis=1, keepdims=True), axis=0)
    most = int(np.argmax(shares))
    ends = np.cumsum([rows.size for rows in groups])[:-1]
    ranges = np.median([np.ptp(each, axis=0) for each in np.split(values, ends)], axis=0)
    moving = int(np.argmax(ranges))
    names = terms["component"].values
    return (str(names[most]), float(shares[most]), str(names[moving]) if ranges[moving] > 0 else "")
