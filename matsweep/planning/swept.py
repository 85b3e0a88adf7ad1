"""Names and choices that an axis may have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matsweep.core.checks import UserError, near
from matsweep.core.printing import shown
from matsweep.planning.assembly import DERIVING, copied, put
from matsweep.planning.axes import Axis
from matsweep.planning.bases import SECTIONS
from matsweep.planning.config import elsewhere, leaves, options
from matsweep.planning.kinds import is_kind

_OF_THE_STUDY = (
    "study", "store", "seed", "realisations", "times", "metrics", "design", "racing", "executor",
    "extend", "axes", "constraints", "experiment", "references", "log", "retry_failed",
    "plausible", "unknowns", "prior", "limits",
)  # fmt: skip


class ChoiceError(UserError):
    """A group has no such choice."""

    def __init__(self, text: str, value: object) -> None:
        super().__init__(text)
        self.value = value


def check_axis(
    axis: Axis, known_groups: Sequence[str], plain: dict[str, Any], swept: Sequence[str]
) -> None:
    """Refuse an axis that is no parameter of a candidate, or has an unknown choice.

    Parameters
    ----------
    axis : Axis
    known_groups : sequence of str
    plain : dict
        The configuration without the axes.
    swept : sequence of str
        Groups that are axes: their parameters depend on the point, and are checked for each.

    Raises
    ------
    UserError
        If the axis belongs to the study, names no parameter, or lies in a section that is null.
    ChoiceError
        If a group lacks one of the axis's choices.
    """
    section = axis.name.split(".")[0]
    if is_kind(axis.name):
        for value in axis.listed(2):
            if isinstance(value, (list, dict)):
                raise UserError(f"{axis.name} must be the name of a kind, got {shown(value)}")
    if section in _OF_THE_STUDY:
        raise UserError(f"{axis.name} belongs to the study and cannot be swept")
    if axis.name in known_groups:
        _check_choices(axis)
        return
    candidates = {name: plain[name] for name in SECTIONS}
    if section not in SECTIONS or "." not in axis.name:
        known = [*leaves(candidates), *known_groups]
        raise UserError(f"axis {axis.name} names no parameter{near(axis.name, known)}")
    if section in swept or (section in DERIVING and "material" in swept):
        return
    if candidates[section] is None:
        raise UserError(
            f"axis {axis.name}: {section} is null, this material states none; choose one that does "
            "(matsweep materials lists them)"
        )
    put(copied(candidates[section]), axis.name, None, section)


def _check_choices(axis: Axis) -> None:
    listed = options(axis.name)
    for value in axis.listed(2):
        if value not in listed:
            hint = elsewhere(axis.name, str(value)) or near(value, listed)
            raise ChoiceError(
                f"{axis.name}={value}: no such {axis.name}{hint} (there are {', '.join(listed)})",
                value,
            )
