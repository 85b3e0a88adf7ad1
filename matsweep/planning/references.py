"""Size of what the references in a configuration stand for, known before any is resolved.

Ten references to an entry of ten references, and so on, are a few lines that resolve to billions of
characters.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from omegaconf import DictConfig, ListConfig
from omegaconf._utils import split_key
from omegaconf.errors import OmegaConfBaseException
from omegaconf.grammar.gen.OmegaConfGrammarParser import OmegaConfGrammarParser
from omegaconf.grammar_parser import parse

from matsweep.core.checks import UserError

_MOST = 200_000  # characters and entries
_LONGEST = 1_000  # characters of a name that is itself composed
_REFERRING = ("oc.select", "oc.dict.keys", "oc.dict.values")
_TOO_DEEP = "references are nested too deeply: write the values there"

type _Keys = tuple[str | int, ...]


class _Reference(NamedTuple):
    """Content of ``${…}``: dots before the name, and the name; "" for none."""

    dots: int
    name: str


def check_references(config: DictConfig) -> None:
    """Refuse a configuration whose references stand for far more than is written.

    Parameters
    ----------
    config : DictConfig
        As composed, unresolved.

    Raises
    ------
    UserError
        If they stand for more than 200,000 characters and entries in all, or are nested too deeply.
    """
    sizes = _Sizes(config)
    total = 0
    try:
        for keys, node in _referring(config, ()):
            total += sizes.of(keys, node)
            if total > _MOST:
                raise UserError(
                    f"{'.'.join(map(str, keys))} must not make references stand for more than "
                    f"{_MOST:,} characters and entries in all: write the value itself"
                )
    except RecursionError:
        raise UserError(_TOO_DEEP) from None


def refers(config: DictConfig) -> bool:
    """Whether an entry of a configuration refers to others.

    Parameters
    ----------
    config : DictConfig
        As written.

    Returns
    -------
    bool
    """
    return bool(_referring(config, ()))


class _Sizes:
    """Sizes of entries with their references written out, each counted once."""

    def __init__(self, config: DictConfig) -> None:
        self._config = config
        self._known: dict[_Keys, int] = {}

    def of(self, keys: _Keys, node: Any) -> int:
        """Characters and entries of a node."""
        if keys not in self._known:
            self._known[keys] = 0  # of a reference in a circle, which is reported when resolved
            self._known[keys] = self._count(keys, node)
        return self._known[keys]

    def _count(self, keys: _Keys, node: Any) -> int:
        if node._is_interpolation():
            return self._text(keys, node, str(node._value()))
        if isinstance(node, (DictConfig, ListConfig)):
            return 1 + sum(self.of((*keys, key), each) for key, each in _items(node))
        value = node._value()
        return 1 + (len(value) if isinstance(value, (str, bytes)) else 0)

    def _text(self, keys: _Keys, node: Any, text: str) -> int:
        """Characters of a text, and what its references stand for."""
        size = len(text)
        for reference in _references(text):
            name = reference.name
            if "${" in name:
                if self._text(keys, node, name) > _LONGEST:
                    raise UserError(_TOO_DEEP)
                name = _resolved(node, name)
            base = keys[: max(0, len(keys) - reference.dots)] if reference.dots else ()
            size += self._target(base, name)
        return size

    def _target(self, base: _Keys, name: str) -> int:
        """Size of an entry, or of the reference on the way to it; 0 where there is none."""
        keys: _Keys = ()
        node: Any = self._config
        for step in [*base, *(split_key(name) if name else [])]:
            if node._is_interpolation():
                break
            if isinstance(node, ListConfig) and str(step).isdecimal():
                step = int(step)
            node = dict(_items(node)).get(step)
            if node is None:
                return 0
            keys = (*keys, step)
        return self.of(keys, node)


def _items(node: Any) -> list[tuple[Any, Any]]:
    """Return keys and nodes of a container; none of another node, or of one without content."""
    if not isinstance(node, (DictConfig, ListConfig)) or node._is_none() or node._is_missing():
        return []
    content: Any = node._content
    return list(enumerate(content) if isinstance(node, ListConfig) else content.items())


def _referring(node: Any, keys: _Keys) -> list[tuple[_Keys, Any]]:
    """Return the entries that refer to others."""
    if node._is_interpolation():
        return [(keys, node)]
    return [found for key, each in _items(node) for found in _referring(each, (*keys, key))]


def _resolved(node: Any, name: str) -> str:
    """Resolve a name that is itself composed of references; "" where it cannot be."""
    try:
        value = node._get_parent().maybe_resolve_interpolation(
            parent=node._get_parent(), key=None, value=name, throw_on_resolution_failure=False
        )
    except (OmegaConfBaseException, UserError, ValueError):
        return ""
    return "" if value is None else str(value._value())


@lru_cache(maxsize=4096)
def _references(text: str) -> tuple[_Reference, ...]:
    """Return the references in a text, nested ones too; none of a text that cannot be parsed."""
    try:
        left: list[Any] = [parse(text)]
    except OmegaConfBaseException:
        return ()
    found = []
    while left:
        tree = left.pop()
        if isinstance(tree, OmegaConfGrammarParser.InterpolationNodeContext):
            name = tree.getText()[2:-1].strip()
            plain = name.lstrip(".")
            found.append(_Reference(len(name) - len(plain), plain))
        elif isinstance(tree, OmegaConfGrammarParser.InterpolationResolverContext):
            resolver, _, given = tree.getText()[2:-1].partition(":")
            first = given.partition(",")[0].strip(" '\"")
            if resolver.strip() in _REFERRING:
                plain = first.lstrip(".")
                found.append(_Reference(len(first) - len(plain), plain))
            elif resolver.strip() == "hydra":
                found.append(_Reference(0, f"hydra.{first}"))
        left += getattr(tree, "children", None) or []
    return tuple(found)
