"""Composed configurations that points start from, one for each combination of group choices."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from omegaconf import DictConfig, OmegaConf

from matsweep.core.checks import UserError
from matsweep.materials import Material
from matsweep.planning.axes import Axis, Values
from matsweep.planning.config import compose_with_choices, plain_config
from matsweep.planning.designs import Point
from matsweep.planning.loading import material_of

SECTIONS = (
    "device", "tile", "wires", "dac", "adc", "periphery", "workload", "physics", "protocol",
)  # fmt: skip
"""Sections of a configuration that define a candidate, next to its material and the times."""

_MOST = 10_000  # resolved configurations kept at most

_REFERENCE = re.compile(r"\$\{\s*([A-Za-z_]\w*(?:\.\w+)*)\s*\}")
"""A reference to a plain absolute path: neither relative, nor nested, nor a resolver's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The configuration of one combination of group choices, before axes replace numbers.

    Parameters
    ----------
    config : DictConfig
    plain : dict
        The same, resolved.
    material : Material
    choices : dict of str to str
        By group, of every group.
    linked : tuple of int
        Axes whose values others follow by reference (`${…}`).
    """

    config: DictConfig
    plain: dict[str, Any]
    material: Material
    choices: dict[str, str]
    linked: tuple[int, ...]


@dataclass(slots=True, kw_only=True)
class Bases:
    """The bases of a study, each composed when a point first needs it.

    Parameters
    ----------
    axes : tuple of Axis
    groups : tuple of int
        Axes that decide which parameters there are: group choices, and kinds of parts.
    fixed : list of str
        Overrides that sweep nothing.
    name : str
        Primary configuration.
    start : (DictConfig, dict)
        Composition of the fixed overrides alone, and its choices.
    resolve : callable
        Replaces the quantities of a composed configuration by numbers, in place.
    """

    axes: tuple[Axis, ...]
    groups: tuple[int, ...]
    fixed: Sequence[str]
    name: str
    start: tuple[DictConfig, dict[str, str]]
    resolve: Callable[[DictConfig], None]
    _found: dict[Point, Base] = field(default_factory=dict)
    _resolved: dict[tuple[int, Point], dict[str, Any]] = field(default_factory=dict)

    def of(self, point: Point) -> Base:
        """Return the base of a point; inside `composer`, unless its choices were composed before.

        Parameters
        ----------
        point : tuple
            One value per axis.

        Returns
        -------
        Base

        Raises
        ------
        UserError
            If its choices cannot be composed.
        """
        choices = tuple([point[index] for index in self.groups])
        if choices not in self._found:
            named = zip(self.groups, choices, strict=True)
            self._found[choices] = self._base([f"{self.axes[i].name}={c}" for i, c in named])
        return self._found[choices]

    def known(self) -> list[Base]:
        """Return the bases composed so far, in the order in which points asked for them.

        Returns
        -------
        list of Base
        """
        return list(self._found.values())

    def resolved(self, base: Base, point: Point) -> dict[str, Any]:
        """Convert a base to plain containers; references to swept values follow the point.

        Parameters
        ----------
        base : Base
        point : tuple
            One value per axis.

        Returns
        -------
        dict
        """
        if not base.linked:
            return base.plain
        values = tuple([point[index] for index in base.linked])
        key = (id(base), (repr(values),))
        if key not in self._resolved:
            if len(self._resolved) >= _MOST:
                self._resolved.clear()
            config = OmegaConf.merge(base.config)
            changes = [(self.axes[i].name, v) for i, v in zip(base.linked, values, strict=True)]
            for path, value in sorted(changes, key=lambda change: change[0].count(".")):
                OmegaConf.update(config, path, value, merge=False)
            self._resolved[key] = plain_config(config)
        return self._resolved[key]

    def _base(self, chosen: list[str]) -> Base:
        config, choices = self.start
        if chosen:
            config, choices = compose_with_choices([*self.fixed, *chosen], self.name)
            self.resolve(config)
        return Base(
            config=config,
            plain=plain_config(config),
            material=material_of(config),
            choices=choices,
            linked=linked(config, self.axes, self.groups),
        )


def linked(config: DictConfig, axes: Sequence[Axis], groups: Sequence[int]) -> tuple[int, ...]:
    """Return the axes whose values others follow: those that a reference names, or part of.

    All numeric axes, where a reference cannot be read without resolving it.

    Parameters
    ----------
    config : DictConfig
        Unresolved.
    axes : sequence of Axis
    groups : sequence of int
        Axes that are group choices.

    Returns
    -------
    tuple of int
        Positions in `axes`.
    """
    numeric = tuple(index for index in range(len(axes)) if index not in groups)
    if any(_refers(value) for index in numeric for value in _listed(axes[index])):
        return numeric
    parts = OmegaConf.masked_copy(config, [name for name in SECTIONS if name in config])
    if "${" not in OmegaConf.to_yaml(parts, resolve=False):
        return ()
    text = OmegaConf.to_yaml(config, resolve=False)
    named = set(_REFERENCE.findall(text))
    if text.count("${") > len(_REFERENCE.findall(text)):
        return numeric
    return tuple(
        index for index in numeric if any(related(axes[index].name, name) for name in named)
    )


def related(one: str, other: str) -> bool:
    """Whether two dotted names are the same, or one is within the other.

    Parameters
    ----------
    one : str
    other : str

    Returns
    -------
    bool
    """
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def _listed(axis: Axis) -> tuple[object, ...]:
    return axis.values if isinstance(axis, Values) else ()


def _refers(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_refers, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_refers, value))
    return isinstance(value, str) and "${" in value


def told(axes: Sequence[Axis], point: Point) -> str:
    """Write a point for messages: ` (device.g_max=1e-05, material=pcm_gst)`.

    Parameters
    ----------
    axes : sequence of Axis
    point : tuple
        One value per axis.

    Returns
    -------
    str
        Empty without axes.
    """
    swept = ", ".join(f"{axis.name}={value}" for axis, value in zip(axes, point, strict=True))
    return f" ({swept})" if swept else ""


def at_point(error: UserError, axes: Sequence[Axis], point: Point) -> UserError:
    """Add a point to an error's message.

    Parameters
    ----------
    error : UserError
    axes : sequence of Axis
    point : tuple
        One value per axis.

    Returns
    -------
    UserError
    """
    return UserError(f"{error}{told(axes, point)}")
