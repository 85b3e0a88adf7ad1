"""Places of materials relative to the requirements, and the change that each would need."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matsweep.analysis.attributes import sources
from matsweep.analysis.levelset import Search
from matsweep.analysis.studytable import Numbers
from matsweep.analysis.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Change of one parameter that brings a family to the target.

    Parameters
    ----------
    parameter : str
    value : float
        New value, in the parameter's unit.
    relative : float
        Change relative to the present value.
    """

    parameter: str
    value: float
    relative: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Place of a material relative to a target.

    Parameters
    ----------
    material, label : str
    position : dict of str to float or None
        Its own value of each parameter; None: it states none.
    drawn : tuple of str
        Parameters that it does not state and that studies draw from a prior where they are not
        swept: the value that stands for them is no number of the material's.
    beyond : tuple of str
        Parameters whose value lies outside the swept range: judged at the end of the range.
    metric, deviation : float
        Predicted there, with unknown parameters at their best.
    inside : bool
        Whether the predicted mean meets the target.
    probability : float
        Probability that it does.
    change : Change or None
        Least relative change of one known parameter that meets the target; None if it is met,
        or no parameter alone is enough.
    """

    material: str
    label: str
    position: dict[str, float | None]
    drawn: tuple[str, ...]
    beyond: tuple[str, ...]
    metric: float
    deviation: float
    inside: bool
    probability: float
    change: Change | None

    @property
    def unknown(self) -> tuple[str, ...]:
        """Parameters that it does not state: its position, and so its verdict, is unknown."""
        return tuple(name for name, value in self.position.items() if value is None)


def families(view: View, search: Search, best: Numbers, material: str | None) -> tuple[Family, ...]:
    """Places of a study's materials, unknown parameters at `best`.

    Parameters
    ----------
    view : View
    search : Search
    best : (parameter,) array
        In the unit cube.
    material : str or None
        None: all of the study.

    Returns
    -------
    tuple of Family
    """
    known = sources(view.ds)["materials"]
    if material is not None:
        wanted = [material]
    elif view.has_materials:  # of one value, else it had to be given
        wanted = sorted(set(view.materials.tolist()))
    else:
        wanted = list(known)
    return tuple(
        _family(name, view.label(name), known[name].get("numbers") or {}, search, best)
        for name in wanted
        if name in known
    )


def _family(
    name: str, label: str, numbers: Mapping[str, Any], search: Search, best: Numbers
) -> Family:
    scales = search.surrogate.table.scales
    position = {scale.name: _own(numbers, scale.name) for scale in scales}
    u, beyond = best.copy(), []
    for index, scale in enumerate(scales):
        value = position[scale.name]
        if value is not None:
            u[index] = float(scale.to_unit(min(max(value, scale.low), scale.high)))
            if not scale.low <= value <= scale.high:
                beyond.append(scale.name)
    point = search.point(u)[None]
    mean, deviation = search.surrogate.predict(point)
    inside = bool(search.margins(u[None])[0] >= 0)
    return Family(
        material=name,
        label=label,
        position=position,
        drawn=tuple(n for n in position if position[n] is None and _has_prior(numbers, n)),
        beyond=tuple(beyond),
        metric=float(mean[0]),
        deviation=float(deviation[0]),
        inside=inside,
        probability=float(search.probabilities(u[None])[0]),
        change=None if inside else _change(position, search, u),
    )


def _change(position: dict[str, float | None], search: Search, u: Numbers) -> Change | None:
    """Find the one parameter whose least relative change meets the target."""
    changes = []
    for index, (name, value) in enumerate(position.items()):
        if value is None:
            continue
        new = search.nearest(u, index, value)
        if not math.isnan(new):
            relative = abs(new - value) / abs(value) if value else math.inf
            changes.append((relative, abs(new - value), Change(parameter=name, value=new,
                                                             relative=relative)))  # fmt: skip
    return min(changes, key=lambda each: each[:2])[2] if changes else None


def _has_prior(numbers: Mapping[str, Any], parameter: str) -> bool:
    """Whether a material's sources name a prior for a parameter."""
    parts = parameter.split(".")
    entries = (numbers.get(".".join(parts[:count])) for count in range(len(parts), 0, -1))
    entry: Mapping[str, Any] = next((each for each in entries if each is not None), {})
    return bool(entry.get("prior"))


def _own(numbers: Mapping[str, Any], parameter: str) -> float | None:
    """Value of a parameter that a material states; None if it is missing or no number.

    A number may stand within an object: ``device.drift.nu`` in that of ``device.drift``. An object
    in the place of a number, such as a read noise with its exponent, has the number that
    a configuration sets in its place.
    """
    parts = parameter.split(".")
    for count in range(len(parts), 0, -1):
        entry = numbers.get(".".join(parts[:count]))
        if entry is None:
            continue
        if entry.get("status") == "missing":
            return None
        value = entry.get("value")
        for part in parts[count:]:
            value = value.get(part) if isinstance(value, Mapping) else None
        return _number(_plain(value) if isinstance(value, Mapping) else value)
    return None


def _plain(value: Mapping[str, Any]) -> Any:
    """Find the number that stands for an object: a relative noise, or a law of one value."""
    if "relative" in value and value.get("law") is None and value.get("absolute") is None:
        return value["relative"]
    if value.get("polynomial") or value.get("saturating"):
        return None
    same = value.get("low") == value.get("high") == value.get("at_g_max")
    return value.get("at_g_max") if same else None


def _number(value: Any) -> float | None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if number and math.isfinite(value) else None
