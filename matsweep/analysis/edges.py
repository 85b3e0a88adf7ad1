"""Check of a stated region: new candidates at its edges, and the comparison of their results."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from matsweep.analysis.checked import Checked
from matsweep.analysis.levelset import Box, sobol_points
from matsweep.analysis.requirements import COMPARED, Requirements
from matsweep.analysis.studytable import Numbers, errors_of
from matsweep.analysis.view import View
from matsweep.analysis.wording import metric_text
from matsweep.core.checks import UserError, whole
from matsweep.core.units import engineering

_CORNERS = 10  # parameters up to which all corners are looked at
_TRIED = 40  # points of an edge that are tried for each one wanted


def region(required: Requirements) -> tuple[str, Box] | None:
    """Box to check: the one met surely, else the one met jointly.

    Parameters
    ----------
    required : Requirements

    Returns
    -------
    name : {"surely", "jointly"}
    box : Box
        None where there is neither.
    """
    if required.surely is not None:
        return "surely", required.surely
    return None if required.jointly is None else ("jointly", required.jointly)


def edge_points(required: Requirements, count: int) -> Numbers:
    """Points at the edges of the stated region that were not fitted.

    Half of them are corners, the most doubtful first; the others lie on the sides that bound it
    within the swept range, in turn, and on those at the ends of that range where there are too few.

    Parameters
    ----------
    required : Requirements
    count : int

    Returns
    -------
    (n, parameter) array
        In the parameters' units; fewer than asked for where the region has fewer.
    """
    whole("verify", count, low=1)
    stated = region(required)
    scales = required.surrogate.table.scales
    if stated is None:
        return np.empty((0, len(scales)))
    _, box = stated
    low = np.array([s.rounded(box.low[s.name], down=False) for s in scales])
    high = np.array([s.rounded(box.high[s.name], down=True) for s in scales])
    corners = _corners(low, high)
    doubt = np.argsort(required.probability(corners, paired=True), kind="stable")
    fitted = {_key(required, each) for each in required.surrogate.table.points}
    chosen: list[Numbers] = []
    for wanted, candidates in (
        (-(-count // 2), iter(corners[doubt])),
        (count, _faces(required, low, high, count, bounding=True)),
        (count, iter(corners[doubt])),
        (count, _faces(required, low, high, count, bounding=False)),
    ):
        for point in candidates:
            if len(chosen) >= wanted:
                break
            if (key := _key(required, point)) not in fitted:
                fitted.add(key)
                chosen.append(point)
    return np.array(chosen).reshape(-1, len(scales))


def _corners(low: Numbers, high: Numbers) -> Numbers:
    """Corners of a box, (n, parameter); of many parameters, some."""
    if len(low) <= _CORNERS:
        ends = np.array(list(itertools.product((0.0, 1.0), repeat=len(low))))
    else:
        ends = np.round(sobol_points(len(low), 2**_CORNERS))
    return np.unique(np.where(ends > 0, high, low), axis=0)


def _faces(
    required: Requirements, low: Numbers, high: Numbers, count: int, *, bounding: bool
) -> Iterator[Numbers]:
    """Yield points on the sides of a box in turn: on those within the swept range, or on all."""
    scales = required.surrogate.table.scales
    sides = [(i, value) for i in range(len(scales)) for value in (low[i], high[i])]
    if bounding:
        sides = [(i, v) for i, v in sides if v not in (scales[i].low, scales[i].high)]
    if not sides:
        return
    filling = sobol_points(len(scales), 2 ** int(np.ceil(np.log2(_TRIED * count))))
    ends = np.stack(
        [[s.to_unit(a), s.to_unit(b)] for s, a, b in zip(scales, low, high, strict=True)]
    )
    for number, u in enumerate(ends[:, 0] + filling * (ends[:, 1] - ends[:, 0])):
        point = np.array([float(s.from_unit(x)) for s, x in zip(scales, u, strict=True)])
        point = np.array(
            [np.round(x) if s.whole else x for s, x in zip(scales, point, strict=True)]
        )
        index, value = sides[number % len(sides)]
        point[index] = value
        yield np.clip(point, low, high)


def _key(required: Requirements, point: Numbers) -> tuple[float, ...]:
    scales = required.surrogate.table.scales
    return tuple(round(float(s.to_unit(x)), 9) + 0.0 for s, x in zip(scales, point, strict=True))


def checked(
    required: Requirements, points: Numbers, view: View, rows: NDArray[np.intp], store: str
) -> Checked:
    """Compare results at the edges of a region with the target.

    Parameters
    ----------
    required : Requirements
    points : (n, parameter) array
    view : View
        Of the new candidates' results, at the time of the requirements.
    rows : (n,) array of int
        Position of each point's candidate in the view; -1: it cannot be built.
    store : str

    Returns
    -------
    Checked

    Raises
    ------
    UserError
        If the requirements state no region.
    """
    stated = region(required)
    if stated is None:
        raise UserError(f"{required.target} is met nowhere: there is no region to check")
    table = required.surrogate.table
    values = np.where(rows >= 0, view.column(table.metric)[rows], np.nan)
    kept = np.isfinite(values) & (rows >= 0) & view.done[rows]
    errors, own = np.full((2, len(values)), np.nan)
    if f"{table.metric}_std" in view.summary:
        spread = view.column(f"{table.metric}_std")[rows]
        errors = spread / np.sqrt(np.maximum(view.given[rows], 1.0))
    if kept.any():
        own[kept], _ = errors_of(view, table.metric, rows[kept])
    met = np.asarray(COMPARED[required.operator](values, required.bound)) & kept
    short = np.where(kept & ~met, np.abs(values - required.bound), -np.inf)
    worst, missed = "", ""
    if np.isfinite(short).any():
        at = int(np.argmax(short))
        missed = _amount(float(short[at]), required)
        place = required.in_words(dict(zip(required.surrogate.names, points[at], strict=True)))
        worst = f"{metric_text(float(values[at]), table.unit)} at {place}"
    return Checked(
        region=stated[0],
        expected=required.foreseen(points[kept], np.nan_to_num(own[kept])),
        points=points[kept],
        values=values[kept],
        errors=errors[kept],
        met=met[kept],
        worst=worst,
        missed=missed,
        failed=int(np.count_nonzero(~kept)),
        store=store,
    )


def _amount(missing: float, required: Requirements) -> str:
    """Distance from the target in words: points of a share, else in the metric's unit."""
    table = required.surrogate.table
    return f"{100 * missing:.2g} points" if table.share else engineering(missing, table.unit)
