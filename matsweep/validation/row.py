"""Row of the table of truth: a published result, and the calculation that should reproduce it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from matsweep.core.checks import UserError, positive
from matsweep.core.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Publication of a result.

    Parameters
    ----------
    citation : str
        Authors, journal, year, equation or table.
    doi : str or None
        None where there is none: a manual, a closed form of a textbook.
    """

    citation: str
    doi: str | None = None

    def __str__(self) -> str:
        return f"{self.citation}, doi:{self.doi}" if self.doi else self.citation


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """Largest difference from a published value, and its reason.

    Parameters
    ----------
    relative : float or None
        Of the published value.
    absolute : float or None
        In the unit of the row. With `relative`: the larger of both counts.
    factor : float or None
        Alone: the ratio lies between 1 / factor and factor.
    reason : str
        Reason of the bound, or of the miss that it bounds.

    Raises
    ------
    UserError
        If no bound is given, one is not positive, or there is no reason.
    """

    relative: float | None = None
    absolute: float | None = None
    factor: float | None = None
    reason: str

    def __post_init__(self) -> None:
        for name in ("relative", "absolute", "factor"):
            if (value := getattr(self, name)) is not None:
                positive(f"tolerance.{name}", value)
        plain = self.relative is not None or self.absolute is not None
        if plain == (self.factor is not None) or (self.factor or 2.0) <= 1:
            raise UserError(
                "tolerance must have relative, absolute or both, or a factor > 1, got "
                f"relative={self.relative}, absolute={self.absolute}, factor={self.factor}"
            )
        if not self.reason.strip():
            raise UserError("tolerance.reason must be a text, got none")

    def used(self, published: float, found: float) -> float:
        """Part of the tolerance that a difference takes up.

        Parameters
        ----------
        published : float
        found : float

        Returns
        -------
        float
            At most 1 within the tolerance; inf where either value is not finite.
        """
        if not (math.isfinite(published) and math.isfinite(found)):
            return math.inf
        if self.factor is not None:
            if published * found <= 0:
                return math.inf
            return abs(math.log(found / published)) / math.log(self.factor)
        allowed = max((self.relative or 0.0) * abs(published), self.absolute or 0.0)
        difference = abs(found - published)
        if allowed == 0:
            return 0.0 if difference == 0 else math.inf
        return difference / allowed

    def __str__(self) -> str:
        if self.factor is not None:
            return f"× {self.factor:g}"
        parts = []
        if self.relative is not None:
            parts.append(_share(self.relative))
        if self.absolute is not None:
            parts.append(f"±{self.absolute:g}")
        return ", ".join(parts)


def _share(relative: float) -> str:
    return f"{100 * relative:g} %" if relative >= 1e-5 else f"{relative:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One published value next to the value computed here.

    Parameters
    ----------
    label : str
        Conditions that tell the points of a row apart, as in "1 day, 10 µS"; empty for one alone.
    published, found : float
        In the unit of the row.
    error : float
        Standard error of `found`, and of a sampled `published`; 0: neither is random.
    """

    label: str = ""
    published: float
    found: float
    error: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Study that a calculation reads: it has its store, and may serve several rows.

    Parameters
    ----------
    name : str
        Of the store in the folder of the table.
    overrides : tuple of str
        As on the command line of `matsweep explore`. ``{mnist}`` stands for the folder of MNIST,
        ``{data}`` for the folder of `write`.
    write : callable or None
        Writes files of data into a folder, given it and the folder of MNIST (None: downloaded); the
        same bytes each time.
    """

    name: str
    overrides: tuple[str, ...]
    write: Callable[[Path, str | None], None] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One published result.

    Parameters
    ----------
    name : str
        By which it is selected; lower case, its subject first, as in `chip_isaac_tops`.
    subject : str
        Heading under which it stands.
    title : str
        The result in words.
    unit : str
        "1": dimensionless.
    source : Source
    conditions : str
        Under which the result was published, and what is assumed here where they leave it open.
    tolerance : Tolerance
    miss : Tolerance or None
        Wider bound of a result that is known to miss `tolerance`, with the reason; None: the
        result should agree.
    study : Study or None
        Study whose Dataset the calculation takes; None: it takes nothing.
    quick : bool
        Whether it is part of the quick table.
    calculate : callable
        Returns the points of the row, from nothing or from the Dataset of `study`.

    Raises
    ------
    UserError
        If a text is missing.
    """

    name: str
    subject: str
    title: str
    unit: str
    source: Source
    conditions: str
    tolerance: Tolerance
    miss: Tolerance | None = None
    study: Study | None = None
    quick: bool = True
    calculate: Callable[..., Sequence[Point]] = field(compare=False)

    def __post_init__(self) -> None:
        for name in ("name", "subject", "title", "unit", "conditions"):
            if not getattr(self, name).strip():
                raise UserError(f"row.{name} must be a text, got none (row={self.name})")
        if not self.source.citation.strip():
            raise UserError(f"row.source.citation must be a text, got none (row={self.name})")


ROWS: Registry[Row] = Registry("row of the table of truth", "matsweep.validation", named="name")
"""All rows by name: the package's own, and those of installed packages."""


def points(
    labels: Sequence[str], published: ArrayLike, found: ArrayLike, error: ArrayLike = 0.0
) -> list[Point]:
    """Points of arrays.

    Parameters
    ----------
    labels : sequence of str
    published : (point,) array
    found : (point,) array
    error : (point,) array or float

    Returns
    -------
    list of Point

    Raises
    ------
    ValueError
        If the arrays do not have one value for each label.
    """
    columns = np.broadcast_arrays(*(np.asarray(each, float) for each in (published, found, error)))
    if columns[0].shape != (len(labels),):
        raise ValueError(f"{len(labels)} labels for values of shape {columns[0].shape}")
    return [
        Point(label=label, published=float(one), found=float(other), error=float(spread))
        for label, one, other, spread in zip(labels, *columns, strict=True)
    ]
