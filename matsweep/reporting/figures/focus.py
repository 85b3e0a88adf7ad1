"""Range of the axis of a merit: where candidates of use differ, cut where others would squeeze it.

The rule is the same in every picture. Let the span be the way from the bound of use (90 % of the
way from guessing to the ideal machine, see `Sense`) to the best value. Where something lies further
than two spans beyond the bound, the axis ends one span beyond it. What lies further is not drawn;
it is named in words, and the axis carries the mark of a cut. Without a bound, or where nothing is
of use, the axis is whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from matsweep.analysis.dominance import SENSE
from matsweep.analysis.objectives import useful
from matsweep.analysis.view import View
from matsweep.core.units import engineering
from matsweep.reporting.figures import marks as m
from matsweep.reporting.figures.style import IDEAL

_ROOM = 0.075  # of the range, that a line of text takes
_MARGIN = 0.09  # of the range, beyond its outermost values: room for a line of text
_WHOLE_SHARE = 1.02  # upper end of an axis of a share: room for markers at 100 %
USEFUL = m.Look(colour="#595959", line="dot", width=0.9)
"""The line of the least merit that is of use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Focus:
    """Part of an axis that is drawn.

    Parameters
    ----------
    limits : tuple of two floats, or None
        None: the library chooses.
    cut : {"", "low", "high"}
        End at which the axis is cut.
    edge : float
        Value of the cut; beyond it nothing is drawn.
    """

    limits: tuple[float, float] | None = None
    cut: Literal["", "low", "high"] = ""
    edge: float = np.nan

    def beyond(self, values: m.Numbers) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Mark the values that the cut leaves out.

        Parameters
        ----------
        values : (n,) array

        Returns
        -------
        (n,) array of bool
        """
        if not self.cut:
            return np.zeros(np.shape(values), dtype=bool)
        return np.asarray(values < self.edge if self.cut == "low" else values > self.edge)


WHOLE = Focus()
"""An axis without a cut."""


def focus(view: View, values: m.Numbers, spreads: m.Numbers | None = None) -> Focus:
    """Range in which the merits of a picture are drawn; see the module.

    Parameters
    ----------
    view : View
    values : (n,) array
        Merits of what is drawn.
    spreads : (n,) array, optional
        Half-lengths of their bars, which shall be seen within the range.

    Returns
    -------
    Focus
    """
    bound = bound_of_use(view)
    known = np.isfinite(values)
    own, half = values[known], np.zeros(int(known.sum()))
    if spreads is not None:
        half = np.nan_to_num(spreads[known])
    if bound is None or not own.size:
        return WHOLE
    sign = -1.0 if lower_is_better(view) else 1.0
    ideal = view.reference(view.merit)
    top = max(sign * each for each in (*own.tolist(), *(() if ideal is None else (ideal,))))
    span = top - sign * bound
    least = sign * bound - span
    kept = sign * own >= least
    if not (sign * own >= sign * bound).any() or (sign * own).min() >= least - span:
        return WHOLE
    low = min(float((sign * own - half)[kept].min()), sign * bound)
    low = max(low, least)
    high = max(top, float((sign * own + half)[kept].max()))
    if view.is_share(view.merit):
        high = min(high, 1.0)
    ends = sorted((sign * (low - _MARGIN * (high - low)), sign * (high + _MARGIN * (high - low))))
    if view.is_share(view.merit):
        ends[1] = min(ends[1], _WHOLE_SHARE)
    edge = ends[0] if sign > 0 else ends[1]
    return Focus(limits=(ends[0], ends[1]), cut="low" if sign > 0 else "high", edge=edge)


def bound_of_use(view: View) -> float | None:
    """Merit from which a candidate is of use; None where the study states no reference.

    Parameters
    ----------
    view : View

    Returns
    -------
    float or None
    """
    return useful(view, SENSE.useful)


def lower_is_better(view: View) -> bool:
    """Return whether a lower merit is the better one.

    Parameters
    ----------
    view : View

    Returns
    -------
    bool
    """
    return bool(view.summary[view.merit].attrs.get("better") == "lower")


def guides(
    view: View,
    across: Literal["x", "y"],
    limits: tuple[float, float],
    *,
    start: bool = False,
    crowded: bool = False,
) -> list[m.Guide]:
    """Lines at the merit of floating point and at the bound of use, with their words.

    Parameters
    ----------
    view : View
    across : {"x", "y"}
        Axis of the merit.
    limits : tuple of two floats
        Of that axis: the bound is drawn where it lies on it.
    start : bool
        Whether the words stand at the left end of the lines.
    crowded : bool
        Whether words stand above the panel, next to each other: they are short then.

    Returns
    -------
    list of Guide
    """
    low, high = limits
    lines: list[m.Guide] = []
    if (ideal := view.reference(view.merit)) is not None:
        lines.append(m.Guide(
            at=ideal, across=across, look=IDEAL, start=start,
            text=f"{'float' if crowded else 'floating point'}, {number(view, ideal)}",
            below=ideal > high - _ROOM * (high - low),
        ))  # fmt: skip
    bound = bound_of_use(view)
    if bound is not None and low < bound < high:
        lines.append(m.Guide(
            at=bound, across=across, look=USEFUL, start=start or crowded,
            text=f"useful from {number(view, bound)}",
            below=bound > low + _ROOM * (high - low),
        ))  # fmt: skip
    return lines


def bars(view: View, metric: str, values: m.Numbers, halves: m.Numbers) -> m.Numbers:
    """Lengths of bars of error below and above values; those of a share end at 0 and 100 %.

    Parameters
    ----------
    view : View
    metric : str
    values : (n,) array
        Middles.
    halves : (n,) array
        Half-lengths; NaN: no bar.

    Returns
    -------
    (2, n) array
    """
    below, above = (np.nan_to_num(halves) for _ in range(2))
    if view.is_share(metric):
        below = np.minimum(below, np.nan_to_num(np.maximum(values, 0.0)))
        above = np.minimum(above, np.nan_to_num(np.maximum(1.0 - values, 0.0)))
    return np.stack([below, above])


def limits_of(
    view: View, metric: str, part: Focus, values: m.Numbers, halves: m.Numbers | None = None
) -> tuple[float, float]:
    """Limits of the axis of a metric: those of a cut, or around all values and the ideal one.

    Parameters
    ----------
    view : View
    metric : str
    part : Focus
    values : (n,) array
        NaN is ignored.
    halves : (n,) array, optional
        Half-lengths of their bars, which widen the axis by half of its range at most on each side.

    Returns
    -------
    tuple of two floats
    """
    if part.limits is not None:
        return part.limits
    known, ideal = values[np.isfinite(values)], view.reference(metric)
    every = np.append(known, [] if ideal is None else [ideal])
    low, high = (float(every.min()), float(every.max())) if every.size else (0.0, 1.0)
    if halves is not None and known.size:
        room, own = 0.5 * (high - low), np.nan_to_num(halves[np.isfinite(values)])
        low = min(low, max(float((known - own).min()), low - room))
        high = max(high, min(float((known + own).max()), high + room))
    margin = _MARGIN * (high - low) or 0.05 * abs(high) or 1.0
    if view.is_share(metric):
        return low - margin, min(high + margin, _WHOLE_SHARE)
    return low - margin, high + margin


def outside(view: View, part: Focus, groups: Mapping[str, m.Numbers], noun: str = "") -> str:
    """Name in words what a cut leaves out: "Below 80 %: ECRAM (36 candidates, 36 to 51 %)".

    Parameters
    ----------
    view : View
    part : Focus
    groups : mapping of str to (n,) array
        Merits of what is drawn, by label.
    noun : str
        Of one of them; "" where they are not counted.

    Returns
    -------
    str
        Empty where nothing is left out.
    """
    texts: list[str] = []
    for name, values in groups.items():
        far = values[part.beyond(values)]
        if not far.size:
            continue
        low, high = float(far.min()), float(far.max())
        ends, last = number(view, low, 2), number(view, high, 2)
        if last != ends:
            ends = f"{ends.removesuffix(' %')} to {last}"
        count = "all" if far.size == values.size else f"{far.size} of"
        counted = f"{count} {values.size} {noun}, " if noun else ""
        texts.append(f"{name} ({counted}{ends})")
    if not texts:
        return ""
    way = "Below" if part.cut == "low" else "Above"
    return f"{way} {number(view, part.edge, 2)}, not drawn: {'; '.join(texts)}."


def number(view: View, value: float, digits: int = 3) -> str:
    """Write a merit.

    Parameters
    ----------
    view : View
    value : float
    digits : int

    Returns
    -------
    str
    """
    if view.is_share(view.merit):
        return f"{100 * value:.{digits}g} %" if value < 0.995 else f"{100 * value:.1f} %"
    return engineering(value, view.unit(view.merit), digits)
