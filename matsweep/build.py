"""Frozen parameter objects from plain configuration, and back.

A configuration names parts of this package only: which class a mapping becomes is decided by
the field's annotation and, where several will do, by its `kind` looked up in an explicit
registry. No import path is ever read from a configuration.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Hashable, Mapping
from typing import Any, ClassVar, Protocol

from matsweep.checks import UserError, near, one_of


class Part(Protocol):
    """A frozen dataclass of parameters, checked when built."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


def build[T](cls: type[T], config: object, path: str = "") -> T:
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

    Raises
    ------
    UserError
        For an unknown or missing key, a value of the wrong type, or one that a check refuses;
        the message begins with the parameter's whole path.
    """
    if isinstance(config, cls):
        return config
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
    values = {
        key: _convert(fields[key][0], value, _join(path, key)) for key, value in config.items()
    }
    try:
        return typing.cast(T, _located(path, functools.partial(cls, **values)))
    except TypeError:  # of arithmetic with what is no number
        _numbers(fields, values, path)
        raise


def _numbers(fields: dict[str, tuple[Any, bool]], values: dict[str, Any], path: str) -> None:
    """Refuse the first value that should be a number and is none."""
    for name, value in values.items():
        wanted = {fields[name][0], *typing.get_args(fields[name][0])}
        if wanted & {int, float} and not isinstance(value, (int, float, types.NoneType)):
            raise UserError(
                f"{_join(path, name)} must be a number in SI units, such as 2.2e-8, got {value!r}"
            ) from None


def plain(part: object) -> Any:
    """Return a parameter object as plain mappings, lists and numbers (the inverse of `build`)."""
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        values = {f.name: plain(getattr(part, f.name)) for f in dataclasses.fields(part)}
        registry = getattr(type(part), "registry", None)
        if registry is not None:
            kind = next(kind for kind, cls in registry.items() if cls is type(part))
            if kind != getattr(part, "default", None):
                values["kind"] = kind
        return values
    if isinstance(part, dict):
        return {key: plain(value) for key, value in part.items()}
    if isinstance(part, (tuple, list)):
        return [plain(item) for item in part]
    return part


def _located(path: str, make: Any, *args: object) -> object:
    try:
        return make(*args)
    except UserError as error:
        raise UserError(_join(path, str(error))) from None


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


@functools.cache
def _fields(cls: Hashable) -> dict[str, tuple[Any, bool]]:
    hints = typing.get_type_hints(typing.cast(type, cls))
    return {
        f.name: (
            hints[f.name],
            f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING,
        )
        for f in dataclasses.fields(typing.cast(Any, cls))
    }


def _convert(hint: Any, value: object, path: str) -> Any:
    """Convert a plain value to an annotated type; numbers and names are checked by the object."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        options = [option for option in typing.get_args(hint) if option is not type(None)]
        if value is None:
            if len(options) == len(typing.get_args(hint)):
                raise UserError(f"{path} must not be null")
            return None
        hint, origin = options[0], typing.get_origin(options[0])
    if dataclasses.is_dataclass(hint) or hasattr(hint, "registry"):
        return build(hint, value, path)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise UserError(f"{path} must be a mapping, got {value!r}")
        inner = typing.get_args(hint)[1]
        return {str(key): _convert(inner, item, _join(path, key)) for key, item in value.items()}
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise UserError(f"{path} must be a list, got {value!r}")
        return tuple(_convert(typing.get_args(hint)[0], item, path) for item in value)
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
