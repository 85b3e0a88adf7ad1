"""Attributes of a study in its store: of the form that its readers rely on.

Each is a text, a number, or JSON as text. They may come from elsewhere, so their form is checked
whenever they are read, at every depth that a reader looks into. Attributes that are not listed may
be any JSON.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from matsweep.store.document import check_depth
from matsweep.store.errors import StoreError

type Rule = Callable[[object], bool]
"""Whether a value has a form."""


def _text(value: object) -> bool:
    return isinstance(value, str)


def _number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return isinstance(value, float) or abs(value) < 2**127


def _whole(value: object) -> bool:
    return type(value) is int and abs(value) < 2**127


def _count(value: object) -> bool:
    return type(value) is int and 0 <= value <= 10**9


def _scalar(value: object) -> bool:
    return value is None or isinstance(value, (str, bool)) or _number(value)


def _anything(value: object) -> bool:
    return True


def _maybe(rule: Rule) -> Rule:
    return lambda value: value is None or rule(value)


def _listed(rule: Rule, length: int | None = None) -> Rule:
    def holds(value: object) -> bool:
        if not isinstance(value, list) or length not in (None, len(value)):
            return False
        return all(map(rule, value))

    return holds


def _mapped(rule: Rule) -> Rule:
    return lambda value: isinstance(value, dict) and all(map(rule, value.values()))


def _either(*rules: Rule) -> Rule:
    return lambda value: any(rule(value) for rule in rules)


def _fields(required: Mapping[str, Rule], /, **others: Rule) -> Rule:
    """Return the rule of a mapping: with required fields, and the forms of those that may be."""

    def holds(value: object) -> bool:
        if not isinstance(value, dict) or not set(required) <= set(value):
            return False
        known = {**others, **required}
        return all(known[name](value[name]) for name in value if name in known)

    return holds


def _consistent(value: object) -> bool:
    """Whether the rows of a design that repeat others are rows of it."""
    if not isinstance(value, dict) or "repeated" not in value:
        return True
    rows, candidates = value["rows"], value["candidates"]
    repeating = {row for row, _ in value["repeated"]}
    within = all(0 <= row < rows and 0 <= c < candidates for row, c in value["repeated"])
    return within and rows - len(repeating) <= candidates


_PAIR = _listed(_count, 2)
_SOURCES = _either(_text, _listed(_text))
_MATERIAL = _fields(
    {},
    label=_maybe(_text), short=_maybe(_text), misfit=_maybe(_text),
    unknown=_maybe(_either(_listed(_text), _mapped(_text))),  # once with labels
    given=_maybe(_listed(_text)), cautions=_maybe(_listed(_text)),
    numbers=_maybe(
        _mapped(
            _fields(
                {}, status=_maybe(_text), source=_maybe(_SOURCES), note=_maybe(_text),
                prior=_maybe(_text), prior_sources=_maybe(_SOURCES),
            )
        )
    ),
)  # fmt: skip
_DESIGN = _fields(
    {},
    kind=_text, rows=_count, candidates=_count, dropped=_count, constraints=_listed(_text),
    repeated=_listed(_PAIR),
    problem=_fields(
        {"num_vars": _count, "names": _listed(_text), "bounds": _listed(_listed(_number, 2))}
    ),
)  # fmt: skip
_SALTELLI = _fields({"rows": _count, "candidates": _count})

_TEXTS: Mapping[str, Rule] = {
    "study": _text, "merit": _text, "command": _text, "optuna": _text, "config": _text,
    "fingerprint": _text, "seed": _whole, "float_accuracy": _number,
}  # fmt: skip
"""Attributes that are stored as they are."""

_JSON: Mapping[str, tuple[Rule, str]] = {
    "objectives": (_listed(_text), "a list of texts"),
    "data": (_listed(_text), "a list of texts"),
    "without_effect": (_listed(_text), "a list of texts"),
    "conditions": (_listed(_text), "a list of texts"),
    "axes": (
        _listed(_fields({"name": _text}, values=_maybe(_listed(_anything)))),
        "a list of axes with name and values",
    ),
    "design": (
        lambda value: isinstance(value, dict)
        and _DESIGN(value)
        and ("repeated" not in value or _SALTELLI(value))
        and _consistent(value),
        "the facts of a design",
    ),
    "sources": (
        _fields({}, materials=_mapped(_MATERIAL), references=_mapped(_maybe(_mapped(_scalar)))),
        "materials and references",
    ),
    "converter_costs": (
        _fields(
            {"used": _text, "joules": _mapped(_number)}, bits=_number, node=_number
        ),
        "costs by source",
    ),
    "provenance": (
        _fields(
            {},
            versions=_mapped(_scalar), git=_scalar, outside=_mapped(_scalar),
            extended=_listed(_fields({}, outside=_mapped(_scalar))),
        ),
        "facts on versions and times",
    ),
    "networks": (_mapped(_text), "texts by network"),
    "groundwork": (
        _mapped(_fields({"words": _text, "digest": _text})), "words and digests by key"
    ),
    "reference": (_mapped(_number), "numbers by metric"),
    "chance": (_mapped(_number), "numbers by metric"),
    "merged": (_listed(_mapped(_anything)), "a list of records"),
}  # fmt: skip
"""Attributes that hold JSON, the rule of each and its words."""


def check_facts(attrs: Mapping[str, Any]) -> None:
    """Check the attributes of a study.

    Parameters
    ----------
    attrs : mapping
        Root attributes.

    Raises
    ------
    StoreError
        If one has not the form that matsweep writes.
    """
    for name, value in attrs.items():
        if name in _TEXTS:
            if not _TEXTS[name](value):
                kind = "a text" if _TEXTS[name] is _text else "a number"
                raise _wrong(name, kind, value)
        elif name in _JSON:
            rule, words = _JSON[name]
            if not rule(_decoded(name, value)):
                raise _wrong(name, f"JSON of {words}", value)
        if isinstance(value, float) and not math.isfinite(value):
            raise _wrong(name, "finite", value)


def _decoded(name: str, value: object) -> object:
    if not isinstance(value, str):
        raise _wrong(name, "a text of JSON", value)
    try:
        decoded: object = json.loads(value)
        check_depth(decoded)
    except (ValueError, RecursionError):
        raise _wrong(name, "JSON", value) from None
    return decoded


def _wrong(name: str, rule: str, value: object) -> StoreError:
    return StoreError(f"attribute {name!r} must be {rule}, got {repr(value)[:60]}")
