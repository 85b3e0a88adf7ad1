"""Commands that messages show: quoted for Hydra's grammar, then for the shell."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

type Setting = str | float | bool | Sequence[Setting] | Mapping[str, Setting] | None

_PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./-]*")
_WORDS = {"true", "false", "null", "nan", "inf"}  # which Hydra reads as values of other kinds


def command_line(*words: str) -> str:
    """Words as they are typed in a shell.

    Parameters
    ----------
    *words : str
        Each one argument.

    Returns
    -------
    str
    """
    return shlex.join(words)


def typed(name: str, value: Setting) -> str:
    """Override of a setting, as it is typed in a shell.

    Parameters
    ----------
    name : str
    value : text, number, bool, None, or a sequence or mapping of these

    Returns
    -------
    str
        ``'columns={polarity: "Polarität"}'``, with its outer quotes.
    """
    return command_line(assignment(name, value))


def assignment(name: str, value: Setting) -> str:
    """Override of a setting, as Hydra's grammar has it.

    Parameters
    ----------
    name : str
    value : text, number, bool, None, or a sequence or mapping of these

    Returns
    -------
    str
        ``columns={polarity: "Polarität"}``.
    """
    return f"{name}={_written(value)}"


def quoted(text: str) -> str:
    """Text in double quotes, for Hydra's grammar.

    Only backslashes before a quote escape there, and ``${`` would refer to another setting.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    escaped = re.sub(
        r'(\\*)("|\Z)', lambda match: match[1] * 2 + match[2].replace('"', '\\"'), text
    )
    return '"' + escaped.replace("${", "\\${") + '"'


def _written(value: Setting) -> str:
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
        return value if plain else quoted(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_written(each)}" for key, each in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(_written, value)) + "]"
    return repr(value)
