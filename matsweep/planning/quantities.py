"""Quantities with units in configurations and on the command line.

A parameter may be given as ``25uS`` wherever a number may: alone, in lists, and as a value, an end
or a step of a sweep. Hydra's grammar has texts such as ``25uS`` but no functions of them, such as
``interval(1uS,1mS)``, and no letters such as µ: `matsweep.planning.grammar` writes both so that
Hydra carries them, and `matsweep.planning.axes.in_unit` reads them once the parameter, and so its
unit, is known.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, get_type_hints

from omegaconf import DictConfig, OmegaConf

from matsweep.core.codec import in_units, units_at, worse_at
from matsweep.planning.bases import SECTIONS
from matsweep.scenario import Scenario

_TIMES = "times"


def resolve_quantities(config: DictConfig) -> None:
    """Replace the quantities of a composed configuration by numbers, in place.

    Parameters
    ----------
    config : DictConfig
        A study's, or a part of one.

    Raises
    ------
    UserError
        If a unit does not fit its parameter.
    """
    for name in (*SECTIONS, _TIMES):
        node = config.get(name)
        if node is None:
            continue
        before = OmegaConf.to_container(node, resolve=False) if OmegaConf.is_config(node) else node
        after = in_units(section_hint(name), before, name)
        for path, value in _changed(before, after, name):
            OmegaConf.update(config, path, value, merge=False)


def parameter_unit(name: str, plain: dict[str, Any], open_sections: Sequence[str]) -> str | None:
    """Return the unit of a swept parameter.

    Parameters
    ----------
    name : str
        Dotted.
    plain : dict
        The configuration without the axes.
    open_sections : sequence of str
        Sections whose kind is swept, and so unknown here.

    Returns
    -------
    str or None
        None where it has none, or where its kinds differ in unit.
    """
    section, *keys = name.split(".")
    if section not in SECTIONS:
        return None
    node = None if section in open_sections else plain[section]
    units = units_at(section_hint(section), keys, node)
    return units.pop() if len(units) == 1 else None


def parameter_worse(name: str, plain: Mapping[str, Any], harmed_by: Sequence[str]) -> str | None:
    """Values of a swept parameter that are never better than others, for a workload's merit.

    Parameters
    ----------
    name : str
        Dotted.
    plain : mapping
        A composed configuration.
    harmed_by : sequence of str
        As the workload states.

    Returns
    -------
    str or None
        As `matsweep.core.direction` has them; None where no direction is stated.
    """
    section, *keys = name.split(".")
    harmed = any(f"{name}.".startswith(f"{each}.") for each in harmed_by)
    if section not in SECTIONS or not harmed or not isinstance(plain.get(section), Mapping):
        return None
    return worse_at(section_hint(section), keys, plain[section])


@functools.cache
def section_hint(section: str) -> Any:
    """Return the annotation of a section of a scenario, with units.

    Parameters
    ----------
    section : str

    Returns
    -------
    type or Annotated type
    """
    return get_type_hints(Scenario, include_extras=True)[section]


def _changed(before: Any, after: Any, path: str) -> list[tuple[str, Any]]:
    """Return the leaves that differ, with their dotted paths."""
    if isinstance(before, dict):
        return [
            change
            for key in before
            for change in _changed(before[key], after[key], f"{path}.{key}")
        ]
    return [(path, after)] if after is not before and after != before else []
