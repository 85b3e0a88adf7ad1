"""Edits of a YAML file as text: comments and the form of all other entries stay."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from matsweep.core.checks import UserError
from matsweep.core.yaml_bounds import check_nesting

# As configurations are read: 1e-6 is a number, which YAML 1.1 takes for text.
_EXPONENT = re.compile(r"[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+\Z")
_FLOAT = "tag:yaml.org,2002:float"


_Loader: Any = type("_Loader", (yaml.SafeLoader,), {})
_Loader.add_implicit_resolver(_FLOAT, _EXPONENT, list("-+0123456789"))


def loaded(text: str) -> Any:
    """Read YAML with the numbers of configurations.

    Parameters
    ----------
    text : str

    Returns
    -------
    object

    Raises
    ------
    yaml.YAMLError
        If the text is no YAML.
    UserError
        If it is nested too deeply.
    """
    check_nesting("the material", text)
    return yaml.load(text, Loader=_Loader)


def with_entry(text: str, path: Sequence[str], value: Any) -> str:
    """Set an entry, and keep the rest of the text.

    Parameters
    ----------
    text : str
        YAML, a mapping.
    path : sequence of str
        Keys that lead to the entry. Those but the first need not exist.
    value : plain content

    Returns
    -------
    str

    Raises
    ------
    UserError
        If the text has a form that cannot be edited.
    """
    *parents, name = path
    section, depth = yaml.compose(text, Loader=_Loader), 0
    for key in parents:
        below = _entry(section, key)
        if below is None or not isinstance(below[1], yaml.MappingNode):
            return with_entry(text, path[: depth + 1], _nested(path[depth + 1 :], value))
        section, depth = below[1], depth + 1
    known, line = _entry(section, name), _line({name: value})
    if known is not None:
        start, end = known[0].start_mark.index, _end(text, known[1])
        edited = text[:start] + line + text[end:]
    elif section.flow_style:
        end = section.end_mark.index - 1
        comma = ", " if section.value else ""
        edited = text[:end].rstrip() + comma + line + text[end:]
    else:
        column = section.value[0][0].start_mark.column
        end = _end_of_line(text, _end(text, section))
        edited = f"{text[:end]}\n{' ' * column}{line}{text[end:]}"
    return _checked(text, edited, path, value)


def without_entry(text: str, path: Sequence[str]) -> str:
    """Remove an entry of a mapping that has others, and keep the rest of the text.

    Parameters
    ----------
    text : str
        YAML, a mapping.
    path : sequence of str
        Keys that lead to the entry.

    Returns
    -------
    str

    Raises
    ------
    UserError
        If the text has a form that cannot be edited.
    """
    section = yaml.compose(text, Loader=_Loader)
    for key in path[:-1]:
        below = _entry(section, key)
        if below is None:
            return text
        section = below[1]
    known = _entry(section, path[-1])
    if known is None:
        return text
    start, end = known[0].start_mark.index, _end(text, known[1])
    if section.flow_style:
        comma = re.match(r"\s*,\s*", text[end:])
        if comma is not None:
            end += comma.end()
        else:
            start = len(text[:start].rstrip().removesuffix(",").rstrip())
    else:
        start = text.rfind("\n", 0, start) + 1
        end = min(_end_of_line(text, end) + 1, len(text))
    return _checked(text, text[:start] + text[end:], path, None)


def _entry(section: Any, key: str) -> tuple[Any, Any] | None:
    """Return the nodes of a key and its value; None where the mapping has none."""
    if not isinstance(section, yaml.MappingNode):
        return None
    return next((pair for pair in section.value if pair[0].value == key), None)


def _end(text: str, node: Any) -> int:
    """Return the index behind the last character of a node; a block's own end lies further."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style:
        index = int(node.end_mark.index)
        return len(text[:index].rstrip()) if getattr(node, "style", None) in ("|", ">") else index
    last = node.value[-1]
    return _end(text, last[1] if isinstance(node, yaml.MappingNode) else last)


def _end_of_line(text: str, index: int) -> int:
    end = text.find("\n", index)
    return len(text) if end < 0 else end


def _line(entry: Mapping[str, Any]) -> str:
    """Return an entry on one line, as it stands in a mapping of either style."""
    dumped = yaml.safe_dump(
        dict(entry),
        default_flow_style=True,
        sort_keys=False,
        allow_unicode=True,
        width=float("inf"),
    )
    return str(dumped).strip()[1:-1]


def _nested(path: Sequence[str], value: Any) -> Any:
    return value if not path else {path[0]: _nested(path[1:], value)}


def _checked(before: str, after: str, path: Sequence[str], value: Any) -> str:
    """Refuse an edit that changes anything else, as with anchors or keys written twice."""
    content = loaded(before)
    section = content
    for key in path[:-1]:
        if not isinstance(section.get(key), dict):
            section[key] = {}
        section = section[key]
    if value is None and path[-1] in section:
        del section[path[-1]]
    else:
        section[path[-1]] = value
    try:
        same = loaded(after) == content
    except yaml.YAMLError:
        same = False
    if not same:
        raise UserError(
            f"{'.'.join(path)} cannot be changed in this file, whose form is unusual (anchors, a "
            f"key twice): change it by hand to {_line({path[-1]: value})}"
        )
    return after
