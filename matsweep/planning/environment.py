"""Environment variables in configurations: which are read, and where their values may go.

A configuration may come from elsewhere, and results go elsewhere: without rules ``label:
${oc.env:TOKEN}`` in a file would copy a user's token into a store. Hence a file refers to the
configuration alone, variables are read that the user names (in an override, or by ``--allow-env``),
and their values say where data lie and where a study runs, but are in nothing that is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, NamedTuple

from omegaconf import Container, DictConfig, ListConfig, Node, OmegaConf
from omegaconf.base import Box
from omegaconf.basecontainer import BaseContainer
from omegaconf.errors import OmegaConfBaseException
from omegaconf.grammar.gen.OmegaConfGrammarParser import OmegaConfGrammarParser
from omegaconf.grammar_parser import parse
from omegaconf.resolvers import oc

from matsweep.core.checks import UserError
from matsweep.core.printing import shown

FLAG = "--allow-env"
"""Option that names the variables that files may read."""

RESOLVERS = ("oc.select", "oc.dict.keys", "oc.dict.values")
"""Resolvers in files: they refer to the configuration, and evaluate no text."""

HYDRAS = ("now", "hydra")
"""More of them for Hydra's own node: names of its folders and files."""

PLACES = ("store", "results", "folder", "to", "into", "stores", "pictures", "output", "data",
          "log", "executor", "hydra")  # fmt: skip
"""Settings whose values no result keeps: where data lie, and where a study runs."""

_ENV = "oc.env"
_NAMED = re.compile(r"oc\.env:\s*['\"]?([A-Za-z_]\w*)")
_CLUSTER = re.compile(r"\+{0,2}executor(?:\.address=|=\{.*\baddress\b)")
_DEEPEST = 40
_MOST = 200_000  # entries of a file, its aliases written out
_LARGEST = 1 << 1100  # of a whole number: beyond, no float holds it
_ABSENT = object()

_granted: ContextVar[frozenset[str]] = ContextVar("granted", default=frozenset())
_flagged: ContextVar[tuple[str, ...]] = ContextVar("flagged", default=())
_typed: ContextVar[tuple[str, ...] | None] = ContextVar("typed", default=None)
_reads: list[str] = []
"""Variables read so far, in the order of their reading."""


class Reading(NamedTuple):
    """Entry of a configuration that reads environment variables: its keys, and its text."""

    keys: tuple[str | int, ...]
    written: str


@contextmanager
def granted(flagged: Iterable[str], overrides: Iterable[str]) -> Iterator[None]:
    """Allow variables to be read: those of the flag, and those that overrides name.

    Parameters
    ----------
    flagged : iterable of str
        Names given by ``--allow-env``, which files may read.
    overrides : iterable of str
        The user's own, with ``${oc.env:NAME}``.

    Yields
    ------
    None

    Raises
    ------
    UserError
        If a flagged name is no name of a variable.
    """
    names = tuple(dict.fromkeys(flagged))
    for name in names:
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise UserError(f"{FLAG} must be NAME or NAME,NAME of variables, got {shown(name)}")
    typed = tuple(overrides)
    own = {name for each in typed for name in _NAMED.findall(each)}
    before, files = _granted.set(frozenset(own) | set(names)), _flagged.set(names)
    words = _typed.set(typed)
    try:
        yield
    finally:
        _typed.reset(words)
        _granted.reset(before)
        _flagged.reset(files)


def check_cluster(address: object) -> None:
    """Refuse a Ray cluster that a file names and the user did not: its nodes exchange code.

    Parameters
    ----------
    address : object
        Setting `executor.address`.

    Raises
    ------
    UserError
        If it is neither "local" nor given by an override of the user.
    """
    typed = _typed.get()
    if address in (None, "local") or typed is None:  # None: Python code gave it
        return
    if not any(_CLUSTER.match(each) for each in typed):
        raise UserError(
            f"executor.address={shown(address)} comes from a file, and whoever runs that cluster "
            "could run code here: give it as an override if you trust it"
        )


def flags() -> list[str]:
    """Return the words of a command line that allow what is allowed to files now.

    Returns
    -------
    list of str
        Empty, or one word.
    """
    names = _flagged.get()
    return [f"{FLAG}={','.join(names)}"] if names else []


@contextmanager
def gated() -> Iterator[None]:
    """Have configurations read no other variables than those granted.

    Yields
    ------
    None
    """
    resolvers: dict[str, Any] = BaseContainer._resolvers
    before = resolvers[_ENV]
    OmegaConf.register_new_resolver(_ENV, _read, replace=True)
    try:
        yield
    finally:
        resolvers[_ENV] = before


def _read(name: Any, default: Any = _ABSENT) -> Any:
    """Read a variable as OmegaConf does, if it is granted."""
    if name not in _granted.get():
        raise UserError(
            f"the environment variable {shown(name)} is read only if an override names it, or "
            f"{FLAG}={name} allows it"
        )
    _reads.append(str(name))
    return oc.env(name) if default is _ABSENT else oc.env(name, default)


def check_kept(config: DictConfig) -> None:
    """Refuse a configuration whose kept values come from the environment.

    Parameters
    ----------
    config : DictConfig
        As composed.

    Raises
    ------
    UserError
        With the first such entry.
    """
    for keys, written in readings(config):
        if keys[0] not in PLACES:
            raise UserError(
                f"{'.'.join(map(str, keys))} must not come from the environment, as results keep "
                f"it, got {shown(written)}: write the value itself; only places may come from "
                "there, as in store= and executor.address="
            )


def kept_yaml(config: DictConfig) -> str:
    """Write a configuration as results keep it: resolved, null where the environment is read.

    Parameters
    ----------
    config : DictConfig

    Returns
    -------
    str
        YAML.
    """
    if not (found := readings(config)):
        return OmegaConf.to_yaml(config, resolve=True)
    plain: Any = OmegaConf.to_container(config, resolve=True)
    for keys, _ in found:
        node = plain
        for key in keys[:-1]:
            node = node[key]
        node[keys[-1]] = None
    return OmegaConf.to_yaml(OmegaConf.create(plain))


def readings(config: DictConfig) -> list[Reading]:
    """Entries of a configuration that read environment variables, Hydra's node left out.

    Call it inside `gated`.

    Parameters
    ----------
    config : DictConfig

    Returns
    -------
    list of Reading
    """
    found = []
    for keys, node in _references(config, ()):
        before = len(_reads)
        # What cannot be resolved is reported where its value is needed.
        with suppress(OmegaConfBaseException, UserError, RecursionError):
            target = node._dereference_node()
            if isinstance(target, Container):
                OmegaConf.to_container(target, resolve=True)
        if len(_reads) > before:
            found.append(Reading(keys, str(node._value())))
    del _reads[:]
    return found


def _references(
    node: Box, keys: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], Node]]:
    """Yield the entries that refer to others."""
    if node._is_interpolation():
        yield keys, node
        return
    if not isinstance(node, (DictConfig, ListConfig)) or node._is_none() or node._is_missing():
        return
    content: Any = node._content
    items = enumerate(content) if isinstance(node, ListConfig) else content.items()
    for key, each in items:
        if keys or key != "hydra":
            yield from _references(each, (*keys, key))


def check_axis(name: str, values: Iterable[object]) -> None:
    """Refuse values of an axis that do more than refer to other settings: a store keeps them.

    Parameters
    ----------
    name : str
    values : iterable

    Raises
    ------
    UserError
    """
    for _, text in _texts(list(values), name):
        for resolver in resolvers_in(text):
            if resolver not in RESOLVERS:
                raise UserError(
                    f"axis {name} may refer to other settings only (${{NAME}}), as results keep "
                    f"its values, got {shown(text)}"
                )


def check_file(content: object, file: str) -> None:
    """Refuse what a configuration file must not hold.

    Parameters
    ----------
    content : object
        Parsed.
    file : str
        For messages: group and name.

    Raises
    ------
    UserError
        If an entry reads more than the configuration, or the file is nested too deeply or too
        large.
    """
    for path, text in _texts(content, ""):
        if "${" not in text:
            continue
        own = f"{file}/".startswith("hydra/") or path.split(".")[0] == "hydra"
        for resolver in resolvers_in(text):
            if resolver in RESOLVERS or (own and resolver in HYDRAS):
                continue
            if resolver == _ENV and set(_NAMED.findall(text)) <= set(_flagged.get()):
                continue  # other names, which only resolving shows, are refused then
            way = f", or allow it by {FLAG}=NAME" if resolver == _ENV else ""
            raise UserError(
                f"{file}: {path} must refer to the configuration only (${{NAME}}), got "
                f"{shown(text)}: write the value there{way}"
            )


def resolvers_in(text: str) -> list[str]:
    """Return the names of the resolvers in a text, wherever they are nested.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of str
        Those whose name is itself composed as ``${…}``; none of a text that cannot be parsed.

    Raises
    ------
    UserError
        If references are nested too deeply.
    """
    if "${" not in text:
        return []
    try:
        tree = parse(text)
    except OmegaConfBaseException:  # reported where the value is needed
        return []
    except RecursionError:
        raise UserError(f"references are nested too deeply, got {shown(text)}") from None
    names, left = [], [tree]
    while left:
        node = left.pop()
        if isinstance(node, OmegaConfGrammarParser.ResolverNameContext):
            names.append(node.getText())
        left += getattr(node, "children", None) or []
    return names


def _texts(content: object, path: str) -> Iterator[tuple[str, str]]:
    """Yield all texts of a content with their dotted paths; bound its depth and size."""
    left: list[tuple[str, object, int]] = [(path, content, 0)]
    count = 0
    while left:
        here, node, depth = left.pop()
        count += 1
        if depth > _DEEPEST or count > _MOST:
            name = here.split(".0.")[0][:60]
            raise UserError(
                f"{name} must be nested at most {_DEEPEST} deep, and a file may have "
                f"{_MOST:,} entries, got more: simplify it"
            )
        inside: Iterable[tuple[object, object]] = ()
        if isinstance(node, str):
            yield here, node
        elif isinstance(node, int) and abs(node) > _LARGEST:
            raise UserError(f"{here} must be a number that a float holds, got {shown(node)}")
        elif isinstance(node, Mapping):
            inside = node.items()
        elif isinstance(node, (list, tuple)):
            inside = enumerate(node)
        for key, each in inside:
            if isinstance(key, str):
                yield here, key
            left.append((f"{here}.{key}" if here else str(key), each, depth + 1))
