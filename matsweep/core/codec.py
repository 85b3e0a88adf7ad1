"""Frozen parameter objects from plain configuration, and back.

A configuration names parts of this package only: which class a mapping becomes is decided by
the field's annotation and, where several will do, by its `kind` looked up in an explicit
registry. No import path is ever read from a configuration.

A number may be written with its unit, as the text ``25uS``: it is converted to the unit that the
field's annotation states (`matsweep.core.quantities`), exactly as if that number had been typed.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import types
import typing
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

from matsweep.core.checks import UserError, near, one_of
from matsweep.core.packages import is_own
from matsweep.core.registry import any_foreign
from matsweep.core.units import Unit, read_parameter


@dataclasses.dataclass(slots=True)
class Memory:
    """Parts that were built before, so that what many candidates share is built once.

    All is found by the identity of what it was made from, which is kept with it and must not
    change; parts must be frozen, and keep the values that they are made of as they are. Who
    hands a memory over clears it when it grows large.

    Parameters
    ----------
    objects : dict
        What was built, by (class, id of the configuration).
    values : dict
        The converted values of an object that variants are made of, likewise.
    likes : dict
        Of a variant, by its id, the object that it is like and the names that differ.
    texts : dict
        Of a part, by its id, its canonical text and the pieces of it by name.
    foreign : dict
        Of a part, by its id, the classes in it that are not matsweep's own.
    """

    objects: dict[tuple[Any, ...], tuple[object, Any]] = dataclasses.field(default_factory=dict)
    values: dict[tuple[Any, ...], tuple[Any, dict[str, Any]] | None] = dataclasses.field(
        default_factory=dict
    )
    likes: dict[int, tuple[object, object, tuple[str, ...]]] = dataclasses.field(
        default_factory=dict
    )
    texts: dict[int, tuple[object, str, dict[str, str]]] = dataclasses.field(default_factory=dict)
    foreign: dict[int, tuple[object, frozenset[type]]] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        """Return how many objects are kept."""
        return len(self.objects)

    def clear(self) -> None:
        """Forget all."""
        for kept in (self.objects, self.values, self.likes, self.texts, self.foreign):
            kept.clear()


class Variant(dict[str, Any]):
    """A mapping that differs from another in some values: what is built of both is shared.

    Parameters
    ----------
    origin : dict
        The other, which must not change.
    changed : mapping
        The values that differ, of keys that are there.
    """

    def __init__(self, origin: dict[str, Any], changed: Mapping[str, Any]) -> None:
        super().__init__(origin)
        self.update(changed)
        self.origin = origin
        self.changed = changed


def build[T](cls: type[T], config: object, path: str = "", memory: Memory | None = None) -> T:
    """Build a frozen parameter object from a plain mapping.

    Nested dataclasses are built from nested mappings. A class with a method `from_number` also
    takes one number. A class with a `registry` (kind -> class) takes a mapping with `kind`, which
    may be left out where the class has a `default` one.

    Parameters
    ----------
    cls : dataclass
    config : mapping, number or an object of the class already
    path : str
        Where in the configuration it stands, for messages (`device.drift`).
    memory : Memory or None
        What was built before from the very same mappings (not from equal ones) is taken from
        there, and what is built is put there.

    Raises
    ------
    UserError
        For an unknown or missing key, a value of the wrong type, or one that a check refuses;
        the message begins with the parameter's whole path.
    """
    if isinstance(config, cls):
        return config
    if memory is None:
        return _built(cls, config, path, None)
    number = isinstance(config, (int, float))
    key = (cls, repr(config) if number else id(config))
    known = memory.objects.get(key)
    if known is None:
        found = _varied(cls, config, path, memory) if isinstance(config, Variant) else None
        known = (config, found or _built(cls, config, path, memory))
        memory.objects[key] = known
    return typing.cast(T, known[1])


def _varied[T](cls: type[T], config: Variant, path: str, memory: Memory) -> T | None:
    """Build an object like that of a variant's origin, converting only what differs.

    None where that cannot be: another kind, or an origin that is not valid by itself.
    """
    key = (cls, id(config.origin))
    if key not in memory.values:
        memory.values[key] = _values(cls, config.origin, path, memory)
    origin = memory.values[key]
    if origin is None:
        return None
    like, values = origin
    concrete: Any = type(like)
    fields: dict[str, tuple[Any, bool]] = _fields(concrete)
    if not fields.keys() >= config.changed.keys():
        return None
    values = values.copy()
    for name, value in config.changed.items():
        values[name] = _convert(fields[name][0], value, f"{path}.{name}", memory)
    made = _made(concrete, fields, values, path)
    memory.likes[id(made)] = (made, like, (*config.changed, *_computed(concrete)))
    return typing.cast(T, made)


@functools.cache
def _computed(cls: Any) -> tuple[str, ...]:
    """Return the fields that an object gives itself."""
    return tuple(f.name for f in dataclasses.fields(cls) if not f.init)


def _values(
    cls: Any, origin: dict[str, Any], path: str, memory: Memory
) -> tuple[Any, dict[str, Any]] | None:
    """Return the object of a configuration and the values it is made of; None if it is invalid."""
    try:
        like = build(cls, origin, path, memory)
    except UserError:
        return None
    kind: Any = type(like)
    return like, {name: getattr(like, name) for name in _fields(kind)}


def _built[T](cls: type[T], config: object, path: str, memory: Memory | None) -> T:
    """Build an object that is in no way there yet."""
    config = _number(cls, config, path)
    if isinstance(config, (int, float)) and not isinstance(config, bool):
        shorthand = getattr(cls, "from_number", None)
        if shorthand is not None:
            return typing.cast(T, _located(path, shorthand, config))
    if not isinstance(config, Mapping):
        raise UserError(f"{path or cls.__name__} must be a mapping, got {config!r}")
    config = dict(config)
    registry = getattr(cls, "registry", None)
    if registry is not None:
        kind = one_of(
            _join(path, "kind"), config.pop("kind", getattr(cls, "default", None)), registry
        )
        cls = registry[kind]
    fields: dict[str, tuple[Any, bool]] = _fields(typing.cast(Hashable, cls))
    unknown = [str(key) for key in config if key not in fields]
    if unknown:
        name = unknown[0]
        raise UserError(
            f"{_join(path, name)} is not a parameter{near(name, fields)} "
            f"(there are {', '.join(fields)})"
        )
    missing = [name for name, (_, required) in fields.items() if required and name not in config]
    if missing:
        raise UserError(f"{_join(path, missing[0])} is missing: give it a value")
    inside = f"{path}." if path else ""
    values = {
        key: _convert(fields[key][0], value, f"{inside}{key}", memory)
        for key, value in config.items()
    }
    return typing.cast(T, _made(cls, fields, values, path))


def _made(
    cls: Any, fields: dict[str, tuple[Any, bool]], values: dict[str, Any], path: str
) -> object:
    """Make an object of converted values; what it refuses is named by its whole path."""
    try:
        return cls(**values)
    except UserError as error:
        raise UserError(_join(path, str(error))) from None
    except TypeError:  # of arithmetic with what is no number
        _numbers(fields, values, path)
        raise


def _numbers(fields: dict[str, tuple[Any, bool]], values: dict[str, Any], path: str) -> None:
    """Refuse the first value that should be a number and is none."""
    for name, value in values.items():
        if _shape(fields[name][0]).numeric and not isinstance(value, (int, float, types.NoneType)):
            raise UserError(
                f"{_join(path, name)} must be a number in SI units, such as 2.2e-8, got {value!r}"
            ) from None


def plain(part: object) -> Any:
    """Return a parameter object as plain mappings, lists and numbers (the inverse of `build`)."""
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        values = {f.name: plain(getattr(part, f.name)) for f in dataclasses.fields(part)}
        kind = _kind(type(part))
        return values if kind is None else {**values, "kind": kind}
    if isinstance(part, dict):
        return {key: plain(value) for key, value in part.items()}
    if isinstance(part, (tuple, list)):
        return [plain(item) for item in part]
    return part


def canonical(part: Any, memory: Memory | None = None) -> str:
    """Return the one text of a parameter object: `plain` of it as JSON, keys sorted, no spaces.

    Parameters
    ----------
    part : dataclass, dict, list, tuple, number, text or None
    memory : Memory or None
        Texts of parts seen before are taken from there, and those of new ones put there.
    """
    kind: Any = type(part)
    if part is None:
        return "null"
    if kind is int or (kind is float and math.isfinite(part)):
        return repr(part)
    if kind is not tuple and not _is_part(kind):
        return _json(plain(part))
    known = None if memory is None else memory.texts.get(id(part))
    if known is None:
        if kind is tuple:
            known = (part, _json(plain(part)), {})
        else:
            pieces = _pieces(part, memory)
            known = (part, "{" + ",".join(pieces.values()) + "}", pieces)
        if memory is not None:
            memory.texts[id(part)] = known
    return known[1]


def _pieces(part: object, memory: Memory | None) -> dict[str, str]:
    """Return what a part's text is made of, by name, in order; of a variant, from its like."""
    like, cls = None if memory is None else memory.likes.get(id(part)), typing.cast(Any, type(part))
    if like is None or memory is None:
        return {
            name: f"{key}{canonical(getattr(part, name), memory) if kind is None else kind}"
            for name, key, kind in _keys(cls)
        }
    _, other, changed = like
    canonical(other, memory)
    pieces = memory.texts[id(other)][2].copy()
    for name in changed:
        pieces[name] = f'"{name}":{canonical(getattr(part, name), memory)}'
    return pieces


_json = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
_is_part = functools.cache(dataclasses.is_dataclass)


@functools.cache
def _keys(cls: Any) -> list[tuple[str, str, str | None]]:
    """Return a class's keys, sorted: name, as it is written, and the text of its kind if it is."""
    found: dict[str, str | None] = {f.name: None for f in dataclasses.fields(cls)}
    kind = _kind(cls)
    if kind is not None:
        found["kind"] = _json(kind)
    return [(name, f'"{name}":', found[name]) for name in sorted(found)]


@functools.cache
def _kind(cls: Any) -> str | None:
    """Return the kind that a class is found by in its registry, None where it needs none."""
    registry = getattr(cls, "registry", None)
    if registry is None:
        return None
    kind = next(kind for kind, known in registry.items() if known is cls)
    return None if kind == getattr(cls, "default", None) else str(kind)


def foreign(part: object, memory: Memory | None = None) -> frozenset[type]:
    """Return the classes of a part, and of all parts in it, that are not matsweep's own.

    Parameters
    ----------
    part : dataclass, dict, list, tuple, number, text or None
    memory : Memory or None
        What was seen before is taken from there, and what is new put there.
    """
    if not any_foreign():
        return frozenset()
    if isinstance(part, (tuple, list)):
        return frozenset[type]().union(*(foreign(item, memory) for item in part))
    if isinstance(part, dict):
        return frozenset[type]().union(*(foreign(item, memory) for item in part.values()))
    cls: Any = type(part)
    if not _is_part(cls):
        return frozenset()
    known = None if memory is None else memory.foreign.get(id(part))
    if known is None:
        inside = (foreign(getattr(part, f.name), memory) for f in dataclasses.fields(cls))
        found = frozenset[type]().union(*inside, () if is_own(cls) else (cls,))
        known = (part, found)
        if memory is not None:
            memory.foreign[id(part)] = known
    return known[1]


def _located(path: str, make: Any, *args: object) -> object:
    try:
        return make(*args)
    except UserError as error:
        raise UserError(_join(path, str(error))) from None


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


@functools.cache
def _fields(cls: Hashable) -> dict[str, tuple[Any, bool]]:
    hints = typing.get_type_hints(typing.cast(type, cls), include_extras=True)
    return {
        f.name: (
            hints[f.name],
            f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING,
        )
        for f in dataclasses.fields(typing.cast(Any, cls))
        if f.init
    }


class _Shape(NamedTuple):
    """What an annotation asks for.

    Parameters
    ----------
    hint : type
        Without null and unit; of several, the first that is no text.
    origin : type or None
        Of a generic one.
    union, nullable : bool
        Whether several may be, and null among them.
    text : bool
        Whether a text is taken as it is.
    part : bool
        Whether it is built from a mapping.
    unit : str or None
        That a number is in; None where none is stated.
    numeric : bool
        Whether a number is among what may be.
    """

    hint: Any
    origin: Any
    union: bool
    nullable: bool
    text: bool
    part: bool
    unit: str | None
    numeric: bool


@functools.cache
def _shape(hint: Any) -> _Shape:
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    options = typing.get_args(hint) if union else (hint,)
    units = [each.symbol for option in options for each in getattr(option, "__metadata__", ())
             if isinstance(each, Unit)]  # fmt: skip
    every = [_bare(option) for option in options if option is not type(None)]
    bare = [option for option in every if option is not str] or every
    return _Shape(
        hint=bare[0],
        origin=typing.get_origin(bare[0]),
        union=union,
        nullable=len(every) < len(options),
        text=len(bare) < len(every),
        part=dataclasses.is_dataclass(bare[0]) or hasattr(bare[0], "registry"),
        unit=units[0] if units else None,
        numeric=bool({int, float} & set(bare)),
    )


def _bare(hint: Any) -> Any:
    """Return an annotation without its unit."""
    return typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint


def _number(hint: Any, value: object, path: str) -> object:
    """Return the number of a text with a unit, in the unit of the annotation; else the value."""
    if not isinstance(value, str):
        return value
    shape = _shape(hint)
    if shape.text:
        return value
    unit = _shorthand(shape.hint) if shape.part else shape.unit
    number = None if unit is None else read_parameter(value, unit, path)
    if number is None:
        return value
    return int(number) if shape.hint is int and number == int(number) else number


@functools.cache
def _shorthand(cls: Any) -> str | None:
    """Return the unit of the number that stands for a whole object; None where none does."""
    make = getattr(cls, "from_number", None)
    if make is None:
        return None
    hints = typing.get_type_hints(make, include_extras=True)
    return next((_shape(each).unit for name, each in hints.items() if name != "return"), None)


def in_units(hint: Any, value: Any, path: str = "") -> Any:
    """Return a configuration with its quantities as numbers, in the units of the parameters.

    Parameters
    ----------
    hint : type or annotation
        What is built from it.
    value : mapping, list, number or text
        Plain; it is not changed.
    path : str
        Where it stands, for messages.

    Returns
    -------
    mapping, list, number or text
        Everything else is as it was, also what cannot be built.

    Raises
    ------
    UserError
        If a unit does not fit its parameter.
    """
    shape = _shape(hint)
    if isinstance(value, str):
        return _number(hint, value, path)
    if isinstance(value, Mapping):
        fields = _fields(cls) if shape.part and (cls := _class(shape.hint, value)) else {}
        every = typing.get_args(shape.hint)[1] if shape.origin is dict else None
        return {
            key: in_units(fields[key][0] if key in fields else every, item, _join(path, str(key)))
            if key in fields or every is not None
            else item
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)) and shape.origin in (tuple, list, Sequence):
        return [in_units(typing.get_args(shape.hint)[0], item, path) for item in value]
    return value


def arguments(function: Callable[..., Any], config: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return the arguments of a function, with quantities in the units of its annotations.

    Parameters
    ----------
    function : callable
    config : mapping of str to value
        Plain.
    path : str
        Where it stands, for messages.

    Raises
    ------
    UserError
        If a unit does not fit its argument.
    """
    hints = typing.get_type_hints(function, include_extras=True)
    return {
        name: in_units(hints.get(name), value, _join(path, name)) for name, value in config.items()
    }


def units_at(hint: Any, keys: Sequence[str], node: object) -> set[str | None]:
    """Return the units that a parameter has, by the kinds that it may be a parameter of.

    Parameters
    ----------
    hint : type or annotation
        Of the section that the parameter is in.
    keys : sequence of str
        Its name within the section, taken apart.
    node : mapping or None
        The section's configuration; None: any kind may be.

    Returns
    -------
    set of str or None
        None among them where a kind has it without a unit; empty where none has it.
    """
    shape = _shape(hint)
    if not keys:
        return {_shorthand(shape.hint) if shape.part else shape.unit}
    if shape.origin is dict:
        return units_at(typing.get_args(shape.hint)[1], keys[1:], None)
    if not shape.part:
        return set()
    mapping = node if isinstance(node, Mapping) else {}
    cls = _class(shape.hint, mapping) if mapping else None
    registry = getattr(shape.hint, "registry", {})
    found: set[str | None] = set()
    for each in [cls] if cls is not None else list(registry.values()) or [shape.hint]:
        fields = _fields(each)
        if keys[0] in fields:
            found |= units_at(fields[keys[0]][0], keys[1:], mapping.get(keys[0]))
    return found


def _class(cls: Any, config: Mapping[Any, Any]) -> Any:
    """Return the class that a mapping is built as; None where its kind is unknown."""
    registry = getattr(cls, "registry", None)
    if registry is None:
        return cls
    kind = config.get("kind", getattr(cls, "default", None))
    return registry.get(kind) if isinstance(kind, str) else None


def _convert(hint: Any, value: object, path: str, memory: Memory | None) -> Any:
    """Convert a plain value to an annotated type; numbers and names are checked by the object."""
    value = _number(hint, value, path)
    hint, origin, union, nullable, text, part, _, _ = _shape(hint)
    if value is None and union:
        if not nullable:
            raise UserError(f"{path} must not be null")
        return None
    if isinstance(value, str) and text:
        return value
    if part:
        return build(hint, value, path, memory)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise UserError(f"{path} must be a mapping, got {value!r}")
        inner = typing.get_args(hint)[1]
        return {
            str(key): _convert(inner, item, _join(path, key), memory) for key, item in value.items()
        }
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise UserError(f"{path} must be a list, got {value!r}")
        return tuple(_convert(typing.get_args(hint)[0], item, path, memory) for item in value)
    if value is None:
        raise UserError(f"{path} must have a value, got null")
    if hint is bool and not isinstance(value, bool):
        raise UserError(f"{path} must be true or false, got {value!r}")
    if hint is str and not isinstance(value, str):
        raise UserError(f"{path} must be text, got {value!r}")
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is int and isinstance(value, float) and value == int(value):
        return int(value)
    return value
