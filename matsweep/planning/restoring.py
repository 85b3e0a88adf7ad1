"""The scenario of one stored candidate, from its study's stored configuration and its values."""

from __future__ import annotations

import ast
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf
from yaml import YAMLError

from matsweep.core.checks import UserError
from matsweep.core.yaml_bounds import check_yaml
from matsweep.planning.assembly import Assembly
from matsweep.planning.axes import Axis, Values, fixed_overrides, written_value
from matsweep.planning.bases import Bases
from matsweep.planning.config import compose_with_choices, groups
from matsweep.planning.kinds import is_kind
from matsweep.planning.parsed import parsed_yaml
from matsweep.planning.quantities import resolve_quantities
from matsweep.planning.unknowns import Unknowns
from matsweep.scenario import Scenario

_VALUED = ("--config-dir", "-cd", "--config-name", "-cn")
type Start = tuple[DictConfig, dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A candidate as its store describes it: texts and numbers, no objects.

    Parameters
    ----------
    config : str
        YAML of the study's configuration, resolved, without the axes.
    command : str
        As the study was typed last.
    axes : str
        JSON of the axes.
    values : mapping of str to object
        The candidate's value of each axis, as stored along `candidate`.
    times : tuple of float, s
    identity : str
        32 hexadecimal digits.
    """

    config: str
    command: str
    axes: str
    values: Mapping[str, object]
    times: tuple[float, ...]
    identity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """A scenario built again.

    Parameters
    ----------
    scenario : Scenario
    same : bool
        Whether its identity is the stored one, so that it is the candidate, parameter by parameter,
        by the same version of the model.
    """

    scenario: Scenario
    same: bool


def restored(record: Record) -> Restored:
    """Build the scenario of a stored candidate again; call it inside `composer`.

    The stored configuration is taken first. Where the study sweeps choices of groups, such as
    materials, it holds one of them only: then, and where the first does not have the stored
    identity, the overrides of the study's command are composed with the present configurations.

    Parameters
    ----------
    record : Record

    Returns
    -------
    Restored

    Raises
    ------
    UserError
        If the record is damaged, or nothing can be built of it any more.
    """
    axes = tuple(_axes(record))
    known = groups()
    chosen = tuple(i for i, each in enumerate(axes) if each.name in known or is_kind(each.name))
    point = tuple(each.at(0.0) for each in axes)
    fixed = _fixed(record.command)
    built: list[Scenario] = []
    problem: UserError | None = None
    for start in _starts(record, fixed, composed=bool(chosen)):
        stated = Unknowns.of([each.name for each in axes], fixed, start[1].get("experiment"))
        bases = Bases(
            axes=axes, groups=chosen, fixed=fixed, name="explore", start=start,
            resolve=resolve_quantities,
        )  # fmt: skip
        assembly = Assembly(bases=bases, times=record.times, unknowns=stated)
        try:
            scenario = assembly.scenario(point)
        except UserError as error:
            problem = problem or error
            continue
        if assembly.identity(scenario) == record.identity:
            return Restored(scenario=scenario, same=True)
        built.append(scenario)
    if not built:
        raise UserError(f"the candidate cannot be built again: {problem}{_folder(record.command)}")
    return Restored(scenario=built[0], same=False)


def _starts(record: Record, fixed: Sequence[str], *, composed: bool) -> Iterator[Start]:
    """Yield configurations to start from, with the choices of their groups."""
    try:
        again = compose_with_choices(fixed)
        resolve_quantities(again[0])
    except UserError:
        if composed:
            raise
        again = None
    if not composed:
        choices = {} if again is None else again[1]
        yield _stored(record.config), choices
    if again is not None:
        yield again


def _stored(text: str) -> DictConfig:
    """Parse a stored configuration.

    Raises
    ------
    UserError
        If it is not what a study stores.
    """
    check_yaml("the store's configuration", text)
    try:
        config = parsed_yaml(text)
    except YAMLError as error:
        raise UserError(f"the store's configuration is no valid YAML: {error}") from None
    if not isinstance(config, dict) or "${" in text:
        raise UserError("the store's configuration must be a mapping without references (${…})")
    stored: DictConfig = OmegaConf.create(config)
    return stored


def _fixed(command: str) -> list[str]:
    """Return the overrides of a command that sweep nothing, without flags and folders."""
    try:
        words = shlex.split(command)
    except ValueError:
        raise UserError("the store's command cannot be read: it has an open quote") from None
    if words[:2] != ["matsweep", "explore"]:
        return []
    valued = {at + 1 for at, word in enumerate(words) if word in _VALUED}
    overrides = [
        word for at, word in enumerate(words[2:], start=2)
        if at not in valued and not word.startswith("-") and "=" in word.lstrip("+~")
    ]  # fmt: skip
    fixed = fixed_overrides(overrides)
    return [each for each in fixed if not each.lstrip("+~").startswith("hydra")]


def _folder(command: str) -> str:
    """Hint at the user's own configurations, where the study had some."""
    words = command.split()
    if not {"--config-dir", "-cd"} & set(words):
        return ""
    return " (the study was run with --config-dir: give the same folder here)"


def _axes(record: Record) -> Iterator[Axis]:
    """Yield the axes with the candidate's value alone."""
    try:
        listed = [(str(axis["name"]), axis.get("values")) for axis in json.loads(record.axes)]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise UserError("the store's attribute 'axes' must be JSON of matsweep") from None
    for name, values in listed:
        if name not in record.values:
            raise UserError(f"the store has no values of its axis {name}: it is damaged")
        yield Values(name=name, values=(swept_value(record.values[name], values),))


def swept_value(stored: object, listed: object) -> object:
    """Return a value of an axis as it was swept: columns of several types are stored as texts.

    Parameters
    ----------
    stored : object
        Of the coordinate along `candidate`.
    listed : list or object
        Values of the axis, where they are known.

    Returns
    -------
    object
    """
    value = stored.item() if isinstance(stored, np.generic) else stored
    for each in listed if isinstance(listed, list) else ():
        if value == each or value == ("null" if each is None else str(each)):
            return each
    if not isinstance(value, str):
        return value
    if value.startswith(("[", "{")):
        try:
            parsed: Any = ast.literal_eval(value)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            return value
        return parsed
    try:
        return written_value(value)
    except UserError:
        return value
