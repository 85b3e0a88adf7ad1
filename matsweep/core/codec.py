"""Conversion of plain configurations to frozen parameter objects, and back.

A configuration names parts of this package only: the class of a mapping is determined by the
field's annotation and, where there are several, by its `kind` in an explicit registry. No import
path is ever read from a configuration.

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
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from matsweep.core.checks import LARGEST, UserError, finite, near, one_of, whole
from matsweep.core.direction import Worse
from matsweep.core.packages import is_own
from matsweep.core.plausible import Number, Plausible
from matsweep.core.printing import shown
from matsweep.core.registry import any_foreign
from matsweep.core.units import Unit, read_parameter


@dataclasses.dataclass(slots=True)
class Memory:
    """Parts built before, so that parts common to many candidates are built once.

    Entries are found by the identity of their sources, which are kept with them and must not
    change; parts must be frozen, and keep the values that they are made of as they are. The owner
    of a memory clears it when it grows large.

    Parameters
    ----------
    objects : dict
        Built objects, by (class, id of the configuration).
    values : dict
        The converted values of an object that has variants, by the same key.
    likes : dict
        By the id of a variant, the object that it is like and the names that differ.
    texts : dict
        By the id of a part, its canonical text and the pieces of it by name.
    foreign : dict
        By the id of a part, the classes in it that are not matsweep's own.
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
        """Return the number of objects kept."""
        return len(self.objects)

    def clear(self) -> None:
        """Remove all entries."""
        for kept in (self.objects, self.values, self.likes, self.texts, self.foreign):
            kept.clear()


_LATER = "later"


def later(default: Any) -> Any:
    """Declare a field that came to its class later: texts leave it out where it has its default.

    What a candidate does not use does not change its identity.

    Parameters
    ----------
    default : frozen value
        Of the field; it changes no result of those who do not state it.

    Returns
    -------
    dataclasses.Field
    """
    return dataclasses.field(default=default, metadata={_LATER: True})


class Variant(dict[str, Any]):
    """Mapping that differs from another in some values: common parts are built once.

    Parameters
    ----------
    origin : dict
        The other mapping, which must not change.
    changed : mapping
        The values that differ, of existing keys.
    """

    def __init__(self, origin: dict[str, Any], changed: Mapping[str, Any]) -> None:
        super().__init__(origin)
        self.update(changed)
        self.origin = origin
        self.changed = changed


def build[T](cls: type[T], config: object, path: str = "", memory: Memory | None = None) -> T:
    """Build a frozen parameter object from a plain mapping.

    Nested dataclasses are built from nested mappings. A class with a method `from_number` also
    takes one number, one with `from_flag` true and false. A class with a `registry` (kind -> class)
    takes a mapping with `kind`, which may be left out where the class has a `default` one.

    Parameters
    ----------
    cls : dataclass
    config : mapping, number or an object of the class already
    path : str
        Its place in the configuration, for messages (`device.drift`).
    memory : Memory or None
        Objects built before from the very same mappings (not from equal ones) are taken from it,
        and
        new ones are put there.

    Returns
    -------
    object of the class, or of a class in its registry

    Raises
    ------
    UserError
        If a key is unknown or missing, a value is of the wrong type, or a check refuses it; the
        message begins with the parameter's whole path.
    """
    if isinstance(config, cls):
        return config
    if memory is None:
        return _built(cls, config, path, None)
    number = isinstance(config, (int, float))
    key = (cls, repr(config) if number else id(config))
    known = memory.objects.get(key)
    if known is None:
        varied = _varied(cls, config, path, memory) if isinstance(config, Variant) else None
        known = (config, varied or _built(cls, config, path, memory))
        memory.objects[key] = known
    return typing.cast(T, known[1])


def _varied[T](cls: type[T], config: Variant, path: str, memory: Memory) -> T | None:
    """Build an object like that of a variant's origin, converting only the values that differ.

    None if that is impossible: another kind, or an origin that is not valid by itself.
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
    variant = _made(concrete, fields, values, path)
    memory.likes[id(variant)] = (variant, like, (*config.changed, *_computed(concrete)))
    return typing.cast(T, variant)


@functools.cache
def _computed(cls: Any) -> tuple[str, ...]:
    """Return the names of the fields that an object computes."""
    return tuple(f.name for f in dataclasses.fields(cls) if not f.init)


def _values(
    cls: Any, origin: dict[str, Any], path: str, memory: Memory
) -> tuple[Any, dict[str, Any]] | None:
    """Return the object of a configuration and its values; None if it is invalid."""
    try:
        like = build(cls, origin, path, memory)
    except UserError:
        return None
    kind: Any = type(like)
    return like, {name: getattr(like, name) for name in _fields(kind)}


def _form(cls: Any) -> str:
    """Write the forms that a configuration of a class may have."""
    number = "a number or " if hasattr(cls, "from_number") else ""
    registry = getattr(cls, "registry", None)
    if registry is not None:
        return f"{number}a mapping, {{kind: …}} (kinds are {', '.join(registry)})"
    names = list(_fields(typing.cast(Hashable, cls))) if dataclasses.is_dataclass(cls) else []
    listed = f", {{{names[0]}: …}} (there are {', '.join(names)})" if names else ""
    return f"{number}a mapping{listed}"


def _built[T](cls: type[T], config: object, path: str, memory: Memory | None) -> T:
    """Build a new object."""
    config = _number(cls, config, path)
    if isinstance(config, (int, float)) and not isinstance(config, bool):
        shorthand = getattr(cls, "from_number", None)
        if shorthand is not None:
            return typing.cast(T, _located(path, shorthand, config))
    if isinstance(config, bool) and (flagged := getattr(cls, "from_flag", None)) is not None:
        return typing.cast(T, flagged(config))
    if not isinstance(config, Mapping):
        raise UserError(f"{path or cls.__name__} must be {_form(cls)}, got {shown(config)}")
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
    """Create an object of converted values; errors name the whole path."""
    try:
        return cls(**values)
    except UserError as error:
        raise UserError(_join(path, str(error))) from None
    except TypeError:  # of arithmetic with a value that is no number
        _numbers(fields, values, path)
        raise


def _numbers(fields: dict[str, tuple[Any, bool]], values: dict[str, Any], path: str) -> None:
    """Refuse the first value that should be a number and is not."""
    for name, value in values.items():
        if _shape(fields[name][0]).numeric and not isinstance(value, (int, float, types.NoneType)):
            raise UserError(
                f"{_join(path, name)} must be a number in SI units, such as 2.2e-8, got "
                f"{shown(value)}"
            ) from None


def plain(part: object) -> Any:
    """Convert a parameter object to plain mappings, lists and numbers (the inverse of `build`).

    Parameters
    ----------
    part : dataclass, dict, list, tuple, number, text or None

    Returns
    -------
    dict, list, number, text or None
    """
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        values = {
            f.name: plain(value)
            for f in dataclasses.fields(part)
            if not unsaid(type(part), f.name, value := getattr(part, f.name))
        }
        kind = _kind(type(part))
        return values if kind is None else {**values, "kind": kind}
    if isinstance(part, dict):
        return {key: plain(value) for key, value in part.items()}
    if isinstance(part, (tuple, list)):
        return [plain(item) for item in part]
    return part


def canonical(part: Any, memory: Memory | None = None) -> str:
    """Return the unique text of a parameter object: `plain` of it as JSON, keys sorted, no spaces.

    Parameters
    ----------
    part : dataclass, dict, list, tuple, number, text or None
    memory : Memory or None
        Texts of known parts are taken from it, and those of new ones put there.

    Returns
    -------
    str
    """
    kind: Any = type(part)
    known = None if memory is None else memory.texts.get(id(part))
    if known is not None:
        return known[1]
    if part is None:
        return "null"
    if kind is str:
        return _quoted(part)
    if kind is int or (kind is float and math.isfinite(part)):
        return repr(part)
    if kind is not tuple and not _is_part(kind):
        return _json(plain(part))
    if kind is tuple:
        known = (part, _json(plain(part)), {})
    else:
        pieces = _pieces(part, memory)
        known = (part, "{" + ",".join(filter(None, pieces.values())) + "}", pieces)
    if memory is not None:
        memory.texts[id(part)] = known
    return known[1]


def excerpt(part: Any, without: Collection[str], memory: Memory | None = None) -> str:
    """Return the text of a parameter object as `canonical` does, without some of its fields.

    Parameters
    ----------
    part : dataclass
    without : collection of str
        Names of fields.
    memory : Memory or None
        As in `canonical`.

    Returns
    -------
    str
    """
    canonical(part, memory)
    pieces = _pieces(part, None) if memory is None else memory.texts[id(part)][2]
    kept = (piece for name, piece in pieces.items() if piece and name not in without)
    return "{" + ",".join(kept) + "}"


@functools.lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    return _json(text)


def _pieces(part: object, memory: Memory | None) -> dict[str, str]:
    """Return the pieces of a part's text by name, in order; of a variant, from its like.

    The piece of a later field is empty where it has its default.
    """
    like, cls = None if memory is None else memory.likes.get(id(part)), typing.cast(Any, type(part))
    if like is None or memory is None:
        return {
            name: _piece(part, name, memory) if kind is None else f"{key}{kind}"
            for name, key, kind in _keys(cls)
        }
    _, other, changed = like
    canonical(other, memory)
    pieces = memory.texts[id(other)][2].copy()
    for name in changed:
        pieces[name] = _piece(part, name, memory)
    return pieces


def _piece(part: object, name: str, memory: Memory | None) -> str:
    value = getattr(part, name)
    if unsaid(type(part), name, value):
        return ""
    return f'"{name}":{canonical(value, memory)}'


def unsaid(cls: Any, name: str, value: object) -> bool:
    """Whether a field came later and has its default, so that texts leave it out.

    Parameters
    ----------
    cls : dataclass
    name : str
        Of the field.
    value : object

    Returns
    -------
    bool
    """
    known = _later(cls)
    return name in known and known[name] == value


@functools.cache
def _later(cls: Any) -> dict[str, Any]:
    """Return the defaults of a class's later fields by name."""
    return {f.name: f.default for f in dataclasses.fields(cls) if _LATER in f.metadata}


_json = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
_is_part = functools.cache(dataclasses.is_dataclass)


@functools.cache
def _keys(cls: Any) -> list[tuple[str, str, str | None]]:
    """Return a class's keys, sorted: name, written form, and the text of its kind if it is one."""
    kinds: dict[str, str | None] = {f.name: None for f in dataclasses.fields(cls)}
    kind = _kind(cls)
    if kind is not None:
        kinds["kind"] = _json(kind)
    return [(name, f'"{name}":', kinds[name]) for name in sorted(kinds)]


@functools.cache
def _kind(cls: Any) -> str | None:
    """Return the name of a class in its registry, None where it needs none."""
    registry = getattr(cls, "registry", None)
    if registry is None:
        return None
    kind = next(kind for kind, known in registry.items() if known is cls)
    return None if kind == getattr(cls, "default", None) else str(kind)


def foreign(part: object, memory: Memory | None = None) -> frozenset[type]:
    """Classes of a part, and of all parts in it, that are not matsweep's own.

    Parameters
    ----------
    part : dataclass, dict, list, tuple, number, text or None
    memory : Memory or None
        Results for known parts are taken from it, and those of new ones put there.

    Returns
    -------
    frozenset of type
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
        classes = frozenset[type]().union(*inside, () if is_own(cls) else (cls,))
        known = (part, classes)
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
    """Types that an annotation admits.

    Parameters
    ----------
    hint : type
        Without null and unit; of several, the first that is no text.
    origin : type or None
        Of a generic one.
    union : bool
    nullable : bool
        Whether several are admitted, and null among them.
    text : bool
        Whether a text is taken as it is.
    part : bool
        Whether it is built from a mapping.
    unit : str or None
        Of a number; None where none is stated.
    numeric : bool
        Whether a number is admitted.
    plausible : Plausible or None
        Bounds of its plausible values, or of the numbers in a part; None where none are stated.
    worse : str or None
        Values that are never better than others (`Worse`); None where none are stated.
    """

    hint: Any
    origin: Any
    union: bool
    nullable: bool
    text: bool
    part: bool
    unit: str | None
    numeric: bool
    plausible: Plausible | None
    worse: str | None


@functools.cache
def _shape(hint: Any) -> _Shape:
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    options = typing.get_args(hint) if union else (hint,)
    stated = [each for option in options for each in getattr(option, "__metadata__", ())]
    units = [each.symbol for each in stated if isinstance(each, Unit)]
    bounds = [each for each in stated if isinstance(each, Plausible)]
    worse = [each.values for each in stated if isinstance(each, Worse)]
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
        plausible=bounds[-1] if bounds else None,
        worse=worse[-1] if worse else None,
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
    unit = _typed(shape).unit
    number = None if unit is None else read_parameter(value, unit, path)
    if number is None:
        return value
    return int(number) if shape.hint is int and number == int(number) else number


class _Typed(NamedTuple):
    """Annotations of a number that is typed for a parameter, or for a whole object."""

    unit: str | None
    plausible: Plausible | None
    worse: str | None


def _typed(shape: _Shape) -> _Typed:
    if shape.part:
        return _shorthand(shape.hint)
    return _Typed(shape.unit, shape.plausible, shape.worse)


@functools.cache
def _shorthand(cls: Any) -> _Typed:
    """Return the annotations of the number that represents a whole object."""
    make = getattr(cls, "from_number", None)
    hints = typing.get_type_hints(make, include_extras=True) if make is not None else {}
    shapes = (_shape(each) for name, each in hints.items() if name != "return")
    typed = (_Typed(shape.unit, shape.plausible, shape.worse) for shape in shapes)
    return next(typed, _Typed(None, None, None))


def in_units(hint: Any, value: Any, path: str = "") -> Any:
    """Convert the quantities of a configuration to numbers, in the units of the parameters.

    Parameters
    ----------
    hint : type or annotation
        Of the object that is built from it.
    value : mapping, list, number or text
        Plain; it is not changed.
    path : str
        Its place, for messages.

    Returns
    -------
    mapping, list, number or text
        Everything else is unchanged, also parts that cannot be built.

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
    """Arguments of a function, with quantities in the units of its annotations.

    Parameters
    ----------
    function : callable
    config : mapping of str to value
        Plain.
    path : str
        Its place, for messages.

    Returns
    -------
    dict of str to value

    Raises
    ------
    UserError
        If it is no mapping, or a unit does not fit its argument.
    """
    if not isinstance(config, Mapping):
        raise UserError(f"{path} must be a mapping, got {shown(config)}")
    hints = typing.get_type_hints(function, include_extras=True)
    return {
        name: in_units(hints.get(name), value, _join(path, name)) for name, value in config.items()
    }


def units_at(hint: Any, keys: Sequence[str], node: object) -> set[str | None]:
    """Units that a parameter has, by the kinds of part that it may belong to.

    Parameters
    ----------
    hint : type or annotation
        Of the section that the parameter is in.
    keys : sequence of str
        Its name within the section, split at the dots.
    node : mapping or None
        The section's configuration; None: any kind is possible.

    Returns
    -------
    set of str or None
        None among them where a kind has it without a unit; empty where none has it.
    """
    shape = _shape(hint)
    if not keys:
        return {_typed(shape).unit}
    if shape.origin is dict:
        return units_at(typing.get_args(shape.hint)[1], keys[1:], None)
    if not shape.part:
        return set()
    mapping = node if isinstance(node, Mapping) else {}
    cls = _class(shape.hint, mapping) if mapping else None
    registry = getattr(shape.hint, "registry", {})
    units: set[str | None] = set()
    for each in [cls] if cls is not None else list(registry.values()) or [shape.hint]:
        fields = _fields(each)
        if keys[0] in fields:
            units |= units_at(fields[keys[0]][0], keys[1:], mapping.get(keys[0]))
    return units


def worse_at(hint: Any, keys: Sequence[str], node: object) -> str | None:
    """Values of a parameter that are never better than others, as its annotation states.

    Parameters
    ----------
    hint : type or annotation
        Of the section that the parameter is in.
    keys : sequence of str
        Its name within the section, split at the dots.
    node : mapping or None
        The section's configuration, which states the kinds of its parts.

    Returns
    -------
    str or None
        "higher", "lower" or "larger"; None where no direction is stated. A part states that of the
        number that represents it.
    """
    shape = _shape(hint)
    if not keys:
        return shape.worse or _typed(shape).worse
    mapping = node if isinstance(node, Mapping) else {}
    if shape.origin is dict:
        return worse_at(typing.get_args(shape.hint)[1], keys[1:], mapping.get(keys[0]))
    cls = _class(shape.hint, mapping) if shape.part else None
    fields = _fields(cls) if cls is not None else {}
    if keys[0] not in fields:
        return None
    return worse_at(fields[keys[0]][0], keys[1:], mapping.get(keys[0]))


def numbers(
    hint: Any, value: object, path: str = "", plausible: Plausible | None = None
) -> Iterator[Number]:
    """Numbers of a configuration, with the unit and the bounds that their parameters state.

    Parameters
    ----------
    hint : type or annotation
        Of the object that is built from it.
    value : mapping, list, number, text or None
        Plain, with all quantities as numbers.
    path : str
        Its place.
    plausible : Plausible or None
        Bounds of the part that it is in, for dimensionless numbers that state none.

    Yields
    ------
    Number
    """
    shape = _shape(hint)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        unit, own, _ = _typed(shape)
        inherited = plausible if unit == "1" else None
        yield Number(path, value, unit, own or shape.plausible or inherited)
    elif isinstance(value, Mapping):
        cls = _class(shape.hint, value) if shape.part else None
        fields = _fields(cls) if cls is not None else {}
        every = typing.get_args(shape.hint)[1] if shape.origin is dict else None
        bounds = shape.plausible or plausible
        for key, item in value.items():
            inner = fields[key][0] if key in fields else every
            if inner is not None:
                within = bounds and bounds.of(str(key))
                yield from numbers(inner, item, _join(path, str(key)), within)
    elif isinstance(value, (list, tuple)) and shape.origin in (tuple, list, Sequence):
        for item in value:
            yield from numbers(typing.get_args(shape.hint)[0], item, path, plausible)


def numbers_at(
    hint: Any,
    keys: Sequence[str],
    node: object,
    value: object,
    path: str,
    plausible: Plausible | None = None,
) -> Iterator[Number]:
    """Numbers of a value that takes the place of a parameter, as `numbers` yields them.

    Parameters
    ----------
    hint : type or annotation
        Of the section that the parameter is in.
    keys : sequence of str
        Its name within the section, split at the dots.
    node : mapping or None
        The section's configuration, which states the kinds of its parts.
    value : mapping, list, number, text or None
    path : str
        Whole name of the parameter.
    plausible : Plausible or None
        As in `numbers`.

    Yields
    ------
    Number
        None where the section has no such parameter.
    """
    if not keys:
        yield from numbers(hint, value, path, plausible)
        return
    shape = _shape(hint)
    mapping = node if isinstance(node, Mapping) else {}
    if shape.origin is dict:
        inner = typing.get_args(shape.hint)[1]
    else:
        cls = _class(shape.hint, mapping) if shape.part else None
        fields = _fields(cls) if cls is not None else {}
        if keys[0] not in fields:
            return
        inner = fields[keys[0]][0]
    bounds = shape.plausible or plausible
    within = bounds and bounds.of(keys[0])
    yield from numbers_at(inner, keys[1:], mapping.get(keys[0]), value, path, within)


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
    hint, origin, union, nullable, text, part, *_ = _shape(hint)
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
            raise UserError(f"{path} must be a mapping, got {shown(value)}")
        inner = typing.get_args(hint)[1]
        return {
            str(key): _convert(inner, item, _join(path, key), memory) for key, item in value.items()
        }
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise UserError(f"{path} must be a list, got {shown(value)}")
        return tuple(_convert(typing.get_args(hint)[0], item, path, memory) for item in value)
    if value is None:
        raise UserError(f"{path} must have a value, got null")
    if hint is bool and not isinstance(value, bool):
        raise UserError(f"{path} must be true or false, got {shown(value)}")
    if hint is str and not isinstance(value, str):
        raise UserError(f"{path} must be text, got {shown(value)}")
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return finite(path, value)
    if hint is int and isinstance(value, (int, float)) and not isinstance(value, bool):
        return _whole(path, value)
    return value


def _whole(path: str, value: float) -> float:
    """Return a whole number as an int; other finite numbers are left to the object's checks."""
    if isinstance(value, float) and finite(path, value) != int(value):
        return value
    return whole(path, value, low=-LARGEST)
