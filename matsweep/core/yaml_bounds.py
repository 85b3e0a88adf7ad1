"""Bounds of YAML that comes from elsewhere, judged before anything is built of it."""

from __future__ import annotations

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
    depth = 0
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.AliasEvent):
                raise UserError(f"{name} must not refer to parts of itself (*{event.anchor[:60]})")
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                raise UserError(f"{name} must not be nested more than {_DEEPEST} times")
    except (yaml.YAMLError, ValueError) as problem:
        if isinstance(problem, UserError):
            raise
        said = " ".join(str(problem).split())[:120]
        raise UserError(f"{name} must be YAML, got what is none: {said}") from None
