"""Frozen objects of a configuration and a point; each part is built once."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args, get_type_hints

from matsweep.core.checks import UserError, near
from matsweep.core.codec import Memory, Variant, build
from matsweep.planning.bases import SECTIONS, Base, Bases
from matsweep.planning.config import set_path
from matsweep.planning.designs import Point
from matsweep.planning.unknowns import Unknowns
from matsweep.scenario import Scenario
from matsweep.workloads import Groundwork

DERIVING = ("physics", "protocol")
"""Sections in effect only where the device's source is derived."""

_MOST = 10_000  # parts kept at most


@dataclass(frozen=True, slots=True)
class Branch:
    """Places where axes enter a mapping.

    Parameters
    ----------
    whole : tuple of (str, int)
        Keys that an axis replaces as a whole, with the axis's position.
    below : tuple of (str, Branch)
        Keys that hold a mapping which axes enter.
    indices : tuple of int
        All axes in it.
    """

    whole: tuple[tuple[str, int], ...]
    below: tuple[tuple[str, Branch], ...]
    indices: tuple[int, ...]

    @classmethod
    def of(cls, paths: Sequence[tuple[list[str], int]]) -> Branch:
        """Sort axes into branches.

        Parameters
        ----------
        paths : sequence of (list of str, int)
            Keys and position of each axis.

        Returns
        -------
        Branch
        """
        deeper: dict[str, list[tuple[list[str], int]]] = {}
        for keys, index in paths:
            if len(keys) > 1:
                deeper.setdefault(keys[0], []).append((keys[1:], index))
        return cls(
            tuple((keys[0], index) for keys, index in paths if len(keys) == 1),
            tuple((key, cls.of(inner)) for key, inner in deeper.items()),
            tuple(index for _, index in paths),
        )


@dataclass(slots=True, kw_only=True)
class Assembly:
    """Builds the scenarios of a study, and their identities.

    A part is built, checked and written once for all candidates that share its values, as long as
    it is kept: parts that many candidates share are built once, parts of a single candidate are
    forgotten.

    Parameters
    ----------
    bases : Bases
    times : tuple of float, s
    unknowns : Unknowns
    """

    bases: Bases
    times: tuple[float, ...]
    unknowns: Unknowns
    _branches: dict[tuple[int, ...], dict[str, Branch]] = field(default_factory=dict)
    _nodes: dict[Any, tuple[object, dict[str, Any]]] = field(default_factory=dict)
    _memory: Memory = field(default_factory=Memory)
    _last: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    _foreign: set[type] = field(default_factory=set)

    @property
    def foreign(self) -> frozenset[type]:
        """Classes outside matsweep in the scenarios identified so far."""
        return frozenset(self._foreign)

    def scenario(self, point: Point) -> Scenario:
        """Build the frozen objects of a point.

        Parameters
        ----------
        point : tuple
            One value per axis.

        Returns
        -------
        Scenario

        Raises
        ------
        UserError
            If a value is out of its range.
        """
        base = self.bases.of(point)
        if len(self._nodes) + len(self._memory) > _MOST:
            self._nodes.clear()
            self._memory.clear()
            self._last.clear()
            self.unknowns.clear()
        plain = self.configuration(base, point)
        parts = {name: self._part(name, plain[name]) for name in self._sections(plain)}
        unknown = self.unknowns.find(
            plain,
            base.material,
            device=parts["device"],
            workload=parts["workload"],
            physics=parts.get("physics"),
        )
        return Scenario(material=base.material.name, times=self.times, unknown=unknown, **parts)

    def _part(self, name: str, plain: Any) -> Any:
        """Build a section; that of the candidate before, where it is the same mapping."""
        last = self._last.get(name)
        if last is None or last[0] is not plain:
            last = plain, build(_hint(name), plain, name, self._memory)
            self._last[name] = last
        return last[1]

    def identity(self, scenario: Scenario) -> str:
        """Return the identity of a scenario built here.

        Parameters
        ----------
        scenario : Scenario

        Returns
        -------
        str
            32 hexadecimal digits.
        """
        self._foreign |= scenario.foreign(self._memory)
        return scenario.identify(self._memory)

    def groundwork(self, scenario: Scenario) -> Groundwork | None:
        """Return the groundwork of a scenario built here.

        Parameters
        ----------
        scenario : Scenario

        Returns
        -------
        Groundwork or None
        """
        return scenario.needs(self._memory)

    def configuration(self, base: Base, point: Point) -> dict[str, Any]:
        """Return the plain configuration of a point.

        Parameters
        ----------
        base : Base
        point : tuple
            One value per axis.

        Returns
        -------
        dict
            Sections that no axis enters are the base's own objects.
        """
        plain = self.bases.resolved(base, point)
        branches = self._entered(base.linked)
        if not branches:
            return plain
        changed = plain.copy()
        for section, branch in branches.items():
            if plain[section] is None and section in DERIVING:
                continue  # of no effect, unless derived: then `Scenario` asks for it
            try:
                changed[section] = self._changed(plain[section], branch, point)
            except _AbsentError:
                self._refuse(plain[section], section, branch, point)
        return changed

    def _entered(self, linked: tuple[int, ...]) -> dict[str, Branch]:
        """Branches by section, without axes that are resolved already."""
        if linked not in self._branches:
            paths: dict[str, list[tuple[list[str], int]]] = {}
            for index, axis in enumerate(self.bases.axes):
                if index not in linked and index not in self.bases.groups:
                    section, *keys = axis.name.split(".")
                    paths.setdefault(section, []).append((keys, index))
            self._branches[linked] = {name: Branch.of(axes) for name, axes in paths.items()}
        return self._branches[linked]

    def _changed(self, node: Any, branch: Branch, point: Point) -> dict[str, Any]:
        """Put a point's values into a mapping; the same object for the same values."""
        values = tuple([point[index] for index in branch.indices])
        key: Any = (id(node), id(branch), values)
        try:
            known = self._nodes.get(key)
        except TypeError:  # a list or a mapping among the values
            key = (id(node), id(branch), repr(values))
            known = self._nodes.get(key)
        if known is None:
            known = (node, self._copied(node, branch, point))
            self._nodes[key] = known
        return known[1]

    def _copied(self, node: Any, branch: Branch, point: Point) -> dict[str, Any]:
        if not isinstance(node, dict):
            raise _AbsentError
        changes = {name: point[index] for name, index in branch.whole}
        for name, inner in branch.below:
            whole = changes.get(name, node.get(name))
            changes[name] = self._changed(whole, inner, point)
        if not node.keys() >= changes.keys():
            raise _AbsentError
        return Variant(node, changes)

    def _refuse(self, node: Any, section: str, branch: Branch, point: Point) -> None:
        """Raise for the axis that has no place in a section."""
        copy = copied(node)
        for index in sorted(branch.indices, key=lambda i: self.bases.axes[i].name.count(".")):
            put(copy, self.bases.axes[index].name, point[index], section)
        raise AssertionError(f"{section} takes all its axes after all")

    def _sections(self, plain: Mapping[str, Any]) -> list[str]:
        """Return the sections of a candidate; refuse an axis that changes nothing."""
        device = plain["device"]  # what is no mapping is refused where it is built
        source = device.get("source") if isinstance(device, Mapping) else None
        if source == "derived":
            none = plain["physics"] is None
            return [name for name in SECTIONS if not (none and name in DERIVING)]
        names = [axis.name for axis in self.bases.axes]
        for name in names:
            if name.partition(".")[0] in DERIVING and "device.source" not in names:
                raise UserError(
                    f"{name} changes nothing while device.source is {source}: give "
                    "device.source=derived"
                )
        return [name for name in SECTIONS if name not in DERIVING]


class _AbsentError(Exception):
    """An axis has no place in a mapping."""


def put(plain: dict[str, Any], path: str, value: object, section: str) -> None:
    """Set a value of a section; an unknown name is explained by the section's kind.

    Parameters
    ----------
    plain : dict
        The section; changed in place.
    path : str
        Dotted name, with the section.
    value : object
    section : str

    Raises
    ------
    UserError
        If the section has no such parameter.
    """
    name = path.partition(".")[2]
    kind = plain.get("kind")
    if kind is not None and name.split(".")[0] not in plain:
        there = [key for key in plain if key != "kind"]
        raise UserError(
            f"{path} is not a parameter of {section}={kind}, which has "
            f"{', '.join(there) or 'none'}{near(name, there)}: choose another {section}=…, and "
            f"leave {section}={kind} for a separate study"
        )
    set_path(plain, name, value, section)


def copied(node: Any) -> Any:
    """Copy nested mappings; other values are shared.

    Parameters
    ----------
    node : dict or any value

    Returns
    -------
    dict or any value
    """
    return {key: copied(value) for key, value in node.items()} if isinstance(node, dict) else node


@functools.cache
def _hint(section: str) -> type:
    hint = get_type_hints(Scenario)[section]
    hint = next(iter(get_args(hint)), hint)  # of `X | None`
    assert isinstance(hint, type)
    return hint
