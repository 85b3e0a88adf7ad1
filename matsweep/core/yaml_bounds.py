"""Bounds of YAML that comes from elsewhere, judged before anything is built of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from matsweep.core.checks import UserError

_DEEPEST = 64
_LARGEST = 2**24  # characters
_LOADER: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


def check_yaml(name: str, text: str) -> None:
    """Refuse YAML that is nested deeply, repeats parts by aliases, or is none.

    A parser calls itself for each level, and ten lines of aliases stand for billions of values.
    What matsweep stores has neither.

    Parameters
    ----------
    name : str
        Of the text, for the message.
    text : str

    Raises
    ------
    UserError
        If it breaks a rule.
    """
    if len(text) > _LARGEST:
        raise UserError(f"{name} must have at most {_LARGEST:,} characters, got {len(text):,}")
    try:
        for event in _events(name, text):
            if isinstance(event, yaml.AliasEvent):
                raise UserError(f"{name} must not refer to parts of itself (*{event.anchor[:60]})")
    except (yaml.YAMLError, ValueError) as problem:
        if isinstance(problem, UserError):
            raise
        said = " ".join(str(problem).split())[:120]
        raise UserError(f"{name} must be YAML, got what is none: {said}") from None


def check_nesting(name: str, text: str) -> None:
    """Refuse YAML that is nested deeply; other faults are left to the parser.

    libyaml's parser calls itself for each level in C, where endless nesting ends the process.

    Parameters
    ----------
    name : str
        Of the text, for the message.
    text : str

    Raises
    ------
    UserError
        If it is nested more than 64 times.
    """
    try:
        for _ in _events(name, text):
            pass
    except UserError:
        raise
    except (yaml.YAMLError, ValueError):  # the parser stops there too
        return


def _events(name: str, text: str) -> Iterator[yaml.Event]:
    """Yield the events of a text, as deep as is allowed."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise UserError(f"{name} must not be nested more than {_DEEPEST} times")
        yield event
