"""Feasible points: those that meet a study's constraints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from matsweep.core.checks import UserError, near
from matsweep.planning.assembly import Assembly
from matsweep.planning.bases import Base, at_point, related
from matsweep.planning.config import leaves
from matsweep.planning.constraints import PointConstraint
from matsweep.planning.designs import Point


@dataclass(slots=True, kw_only=True)
class Feasibility:
    """The constraints of a study, on the whole configuration of a point.

    A name is a swept or unswept parameter, or a group, which stands for its choice.

    Parameters
    ----------
    constraints : sequence of PointConstraint
    assembly : Assembly
        Composes the configuration of a point.
    """

    constraints: Sequence[PointConstraint]
    assembly: Assembly
    _axes: dict[str, int] = field(init=False)
    _overlapping: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        axes = self.assembly.bases.axes
        named = {name for each in self.constraints for name in each.names}
        near_by = {
            name: [index for index, axis in enumerate(axes) if related(axis.name, name)]
            for name in named
        }
        self._axes = {
            name: places[0]
            for name, places in near_by.items()
            if len(places) == 1 and axes[places[0]].name == name
        }
        self._overlapping = frozenset(
            name for name, places in near_by.items() if places and name not in self._axes
        )

    def violated(self, point: Point) -> str | None:
        """Return the first constraint that a point violates.

        Parameters
        ----------
        point : tuple
            One value per axis.

        Returns
        -------
        str or None
            As the user wrote it; None: the point meets all.

        Raises
        ------
        UserError
            If a constraint cannot be computed there; the message names the point.
        """
        if not self.constraints:
            return None
        base = self.assembly.bases.of(point)
        plain: dict[str, Any] | None = None

        def value(name: str) -> object:
            nonlocal plain
            if name in self._axes:
                return point[self._axes[name]]
            if name in base.choices:
                return base.choices[name]
            if plain is None:
                plain = self._configuration(base, point)
            return _value(plain, name)

        try:
            for constraint in self.constraints:
                try:
                    if not constraint.holds(value):
                        return constraint.text
                except KeyError as absent:
                    raise self._unknown(constraint, absent.args[0], [base]) from None
        except UserError as error:
            raise at_point(error, self.assembly.bases.axes, point) from None
        return None

    def check_names(self) -> None:
        """Refuse a constraint on a name that no configuration of the study has."""
        bases = self.assembly.bases.known()
        for constraint in self.constraints:
            for name in constraint.names:
                if name not in self._axes and not any(_has(base, name) for base in bases):
                    raise self._unknown(constraint, name, bases)

    def _configuration(self, base: Base, point: Point) -> dict[str, Any]:
        """Point's configuration; the base's where no constraint names part of an axis."""
        if self._overlapping:
            return self.assembly.configuration(base, point)
        return self.assembly.bases.resolved(base, point)

    def _unknown(self, constraint: PointConstraint, name: str, bases: Sequence[Base]) -> UserError:
        known = {leaf for base in bases for leaf in [*leaves(base.plain), *base.choices]}
        return UserError(
            f"constraint {constraint.text!r} names no parameter: {name} is none{near(name, known)}"
        )


def _has(base: Base, name: str) -> bool:
    try:
        _value(base.plain, name)
    except KeyError:
        return name in base.choices
    return True


def _value(plain: Any, name: str) -> object:
    """Return the value at a dotted name; KeyError with the whole name if there is none."""
    for key in name.split("."):
        if not isinstance(plain, dict) or key not in plain:
            raise KeyError(name)
        plain = plain[key]
    return plain
