"""Families that fail a study: even their best candidate is of no use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from matsweep.analysis.alike import USEFUL
from matsweep.analysis.objectives import order, reached, useful
from matsweep.analysis.placement import placement_of
from matsweep.analysis.view import View

_CLIPPED = 0.05  # share of the conversions
_MISPLACED = 0.1  # of the range, root mean square distance of devices from their levels


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """A family whose best candidate does not reach a useful merit.

    Parameters
    ----------
    material : str
    row : int
        Position of its best candidate.
    number : int
        Its number.
    value : float
        Its mean merit.
    threshold : float
        Merit from which a candidate is useful.
    early : (float, float) or None
        First stored time [s] and the merit then, if it was useful then.
    saturated : float or None
        Share of the conversions that saturate, if it is above 5 %.
    error : float or None, fraction of the range
        Distance of its devices from their levels, without stuck ones where draws separate them, if
        it is above 10 %.
    stuck : float or None
        Share of its devices that are stuck, where that alone puts them more than 10 % off.
    origin : str
        Source of that share.
    median : float or None
        Median merit of its realisations, if it is useful.
    """

    material: str
    row: int
    number: int
    value: float
    threshold: float
    early: tuple[float, float] | None
    saturated: float | None
    error: float | None
    stuck: float | None = None
    origin: str = ""
    median: float | None = None


def failing_families(view: View) -> Iterator[Failing]:
    """Yield the families of which no candidate reaches a useful merit.

    Useful is 90 % of the way from guessing to the ideal machine, which the store states.

    Parameters
    ----------
    view : View

    Yields
    ------
    Failing
        In alphabetic order; none where the store does not state what is useful.
    """
    threshold = useful(view, USEFUL)
    if threshold is None or not view.has_materials or not view.compared.any():
        return
    enough, merit = reached(view, threshold), view.column(view.merit)
    first = _first(view)
    ranked = order(view, view.merit)
    ranked = ranked[np.isfinite(merit[ranked])]
    for name in view.present(view.compared):
        own = ranked[view.materials[ranked] == name]
        if not own.size or enough[own].any():
            continue
        row = int(own[0])
        early = None
        if first is not None and reached(first, threshold)[row]:
            early = float(first.chosen_time or 0.0), float(first.column(view.merit)[row])
        placed = placement_of(view, row)
        rest = placed.error if placed.rest is None else placed.rest
        faulty = rest <= _MISPLACED < placed.error
        yield Failing(
            material=name, row=row, number=int(view.numbers[row]), value=float(merit[row]),
            threshold=threshold, early=early,
            saturated=_above(view, "adc_saturation", row, _CLIPPED),
            error=rest if rest > _MISPLACED else None, stuck=placed.stuck if faulty else None,
            origin=placed.origin, median=_median(view, row, threshold),
        )  # fmt: skip


def _first(view: View) -> View | None:
    """Return the study at its first time; None where it is compared then, or has no times."""
    if "time" not in view.ds.coords or view.ds["time"].size < 2:
        return None
    time = float(view.ds["time"].values.min())
    return None if time == view.chosen_time else View(view.ds, time, view.mixed)


def _median(view: View, row: int, threshold: float) -> float | None:
    """Median merit of a candidate's realisations; None if it is not useful."""
    value = float(np.nanmedian(view.realised(view.merit)[row]))
    lower = view.summary[view.merit].attrs.get("better") == "lower"
    return value if (value <= threshold if lower else value >= threshold) else None


def _above(view: View, name: str, row: int, limit: float) -> float | None:
    value = float(view.column(name)[row])
    return value if value > limit else None
