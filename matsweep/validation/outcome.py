"""Outcome of a row: its points next to what was published, and the verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from matsweep.validation.row import Point, Row

type Verdict = Literal["agrees", "misses", "differs", "fails"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Result of one row.

    Parameters
    ----------
    row : Row
    points : tuple of Point
        Empty if the calculation failed.
    seconds : float, s
        Duration of the calculation.
    failure : str
        Error of a calculation that failed; empty otherwise.
    """

    row: Row
    points: tuple[Point, ...]
    seconds: float
    failure: str = ""

    @property
    def worst(self) -> Point:
        """The point that takes up most of the tolerance."""
        tolerance = self.row.tolerance
        return max(self.points, key=lambda each: tolerance.used(each.published, each.found))

    @property
    def ratio(self) -> float:
        """Computed over published value at the worst point; nan where nothing was published."""
        worst = self.worst
        return worst.found / worst.published if worst.published else math.nan

    @property
    def verdict(self) -> Verdict:
        """Whether the row agrees, misses as it is known to, differs, or could not be computed."""
        if not self.points:
            return "fails"
        if self._within(self.row.tolerance.used):
            return "agrees"
        miss = self.row.miss
        return "misses" if miss is not None and self._within(miss.used) else "differs"

    @property
    def as_stated(self) -> bool:
        """Whether the verdict is that which the row states: agreement, or a known miss."""
        return self.verdict == ("agrees" if self.row.miss is None else "misses")

    @property
    def wrong(self) -> bool:
        """Whether a result that should agree does not, or a miss is larger than is known."""
        return self.verdict in ("differs", "fails")

    def _within(self, used: Any) -> bool:
        return all(used(each.published, each.found) <= 1 for each in self.points)


def record(outcome: Outcome) -> dict[str, Any]:
    """Describe an outcome by plain values, for JSON.

    Parameters
    ----------
    outcome : Outcome

    Returns
    -------
    dict
        The statement of the row, its points and the verdict.
    """
    row = outcome.row
    return {
        "name": row.name,
        "subject": row.subject,
        "title": row.title,
        "unit": row.unit,
        "citation": row.source.citation,
        "doi": row.source.doi,
        "conditions": row.conditions,
        "tolerance": {"bound": str(row.tolerance), "reason": row.tolerance.reason},
        "known_miss": row.miss and {"bound": str(row.miss), "reason": row.miss.reason},
        "quick": row.quick,
        "points": [asdict(each) for each in outcome.points],
        "verdict": outcome.verdict,
        "failure": outcome.failure,
    }


def restored(records: Sequence[Mapping[str, Any]], rows: Mapping[str, Row]) -> list[Outcome]:
    """Outcomes from their records, by the rows of today.

    Parameters
    ----------
    records : sequence of mapping
        As of `record`.
    rows : mapping of str to Row

    Returns
    -------
    list of Outcome
        Those of rows that there are.
    """
    return [
        Outcome(
            row=rows[each["name"]],
            points=tuple(Point(**point) for point in each["points"]),
            seconds=0.0,
            failure=each["failure"],
        )
        for each in records
        if each["name"] in rows
    ]
