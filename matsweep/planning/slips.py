"""Slips in overrides and files that make Hydra fail without a word that helps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from yaml import YAMLError

from matsweep.core.checks import UserError
from matsweep.core.printing import one_line, shown

_DEEPEST = 40
_LONGEST = 300  # digits of a number; Python itself reads up to 4,300
_DIGITS = re.compile(rf"[0-9_]{{{_LONGEST + 1},}}")
_GROUP = "Config group override must be"  # how Hydra's error begins


def check_written(overrides: Iterable[str]) -> None:
    """Refuse overrides that Hydra's parser cannot take in: too deep, or with endless numbers.

    Parameters
    ----------
    overrides : iterable of str

    Raises
    ------
    UserError
    """
    for each in overrides:
        name = shown(each.partition("=")[0]).strip("'\"")
        if found := _DIGITS.search(each):
            raise UserError(
                f"{name} must have numbers of at most {_LONGEST} digits, got one of "
                f"{len(found[0]):,}"
            )
        depth = deepest = 0
        for char in each:
            depth += (char in "([{") - (char in ")]}")
            deepest = max(deepest, depth)
        if deepest > _DEEPEST:
            raise UserError(
                f"{name} must be nested at most {_DEEPEST} deep, got {deepest} open brackets"
            )


def slip(
    error: Exception, overrides: Sequence[str], options: Callable[[str], Sequence[str]]
) -> UserError:
    """Explain an error of another kind than Hydra's own that came up while it composed.

    Parameters
    ----------
    error : Exception
    overrides : sequence of str
    options : callable
        Choices of a group by its name; empty for what is no group.

    Returns
    -------
    UserError
    """
    text = one_line(error)
    if text.startswith(_GROUP):
        for name, value in _values(overrides):
            if (known := options(name)) and not isinstance(value, (str, list)):
                written = "null" if value is None else shown(value)
                return UserError(
                    f"{name} must be a choice of conf/{name}, got {written} (there are "
                    f"{', '.join(known)})"
                )
    if isinstance(error, RecursionError):
        return UserError("the configuration is nested too deeply: simplify it")
    if isinstance(error, YAMLError):
        return UserError(f"a configuration is no valid YAML: {' '.join(text.split())}")
    if isinstance(error, OSError):
        return UserError(f"cannot use {error.filename or 'a file'}: {error.strerror or text}")
    return UserError(f"the configuration cannot be composed: {type(error).__name__}: {text}")


def _values(overrides: Sequence[str]) -> list[tuple[str, object]]:
    """Return names and values of the overrides that can be parsed."""
    found: list[tuple[str, object]] = []
    for each in overrides:
        try:
            [parsed] = OverridesParser.create().parse_overrides([each])
            found.append((str(parsed.key_or_group), parsed.value()))
        except (HydraException, ValueError, ArithmeticError, TypeError):
            continue
    return found
