"""Rows of a short ranking: the best of each material, the Pareto set, and others that differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from matsweep.analysis.pairs import Values, finest_step, paired, student
from matsweep.analysis.pareto import Mask
from matsweep.analysis.view import NO_MATERIAL, Index, View

_LOOKED = 500  # ranks that are looked at, at least
_LEVEL = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Ranks that a short table lists.

    Parameters
    ----------
    places : (row,) array of int
        Ranks from 0 on, in the order of the table.
    first : int
        Number of rows of the first part: the best of each material, and the Pareto set.
    alike : mapping of str to int
        Candidates that are left out as they cannot be told apart from one listed, by material.
    """

    places: Index
    first: int
    alike: Mapping[str, int]


def rows_of(view: View, best: Index, front: Mask, metric: str | None, top: int) -> Rows:
    """Choose the rows of a short ranking.

    Parameters
    ----------
    view : View
    best : (rank,) array of int
        Positions of the candidates, best first.
    front : (candidate,) array of bool
        The Pareto set, which is listed whole.
    metric : str or None
        That ranks.
    top : int
        Rows, if the best of each material and the Pareto set are not more.

    Returns
    -------
    Rows
    """
    names = view.materials[best].astype(str)
    _, leaders = np.unique(names, return_index=True)
    first = sorted({*np.sort(leaders)[:top].tolist(), *np.flatnonzero(front[best]).tolist()})
    looked = np.arange(min(best.size, max(top, _LOOKED)))
    near = _Near(view, best[looked], metric)
    alike = np.zeros(looked.size, dtype=bool)
    for rank in first:
        if rank < looked.size:
            alike |= (names[looked] == names[rank]) & (looked > rank) & near.to(rank)
    others: list[int] = []
    for rank in looked.tolist():
        if len(first) + len(others) >= top:
            break
        if rank not in first and not alike[rank]:
            others.append(rank)
            alike |= (names[looked] == names[rank]) & (looked > rank) & near.to(rank)
    listed = [*first, *others]
    alike[[rank for rank in listed if rank < looked.size]] = False
    counts = Counter(names[looked][alike].tolist())
    return Rows(
        places=np.array(listed, dtype=np.intp),
        first=len(first),
        alike={"" if name == NO_MATERIAL else name: count for name, count in counts.items()},
    )


class _Near:
    """Candidates that cannot be told apart from one, in pairs (95 %)."""

    def __init__(self, view: View, rows: Index, metric: str | None) -> None:
        self._values: Values | None = None
        self._plain = np.full(rows.size, np.nan)
        if metric is None:
            return
        self._plain = view.column(metric)[rows]
        if metric in view.ds and "realisation" in view.ds[metric].dims:
            part = view.rows(rows)
            self._values, self._count = part.realised(metric), part.given
            self._step = finest_step(self._values)

    def to(self, rank: int) -> Mask:
        """Mark those that cannot be told apart from the candidate of a rank."""
        if self._values is None:
            return np.asarray(self._plain == self._plain[rank])
        shared = np.minimum(self._count, self._count[rank])
        mean, error = paired(self._values, self._values[rank], shared, self._step)
        bound = np.where(shared > 1, student(_LEVEL, np.maximum(shared, 2)) * error, 0.0)
        return np.asarray(np.abs(mean) <= bound)
