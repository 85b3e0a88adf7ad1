"""Constraints between the parameters of a point, in the language of `matsweep.core.specification`.

    device.g_min < device.g_max / 5
    tile.rows * tile.columns <= 16384 and material != "pcm_gst"
    device.g_max <= 50 uS
    device.levels == null or log10(device.levels) >= 1

Names are parameters by their whole names, and group choices by the group's. All numbers are
floating-point, so that no power takes long.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass

from matsweep.core.checks import UserError
from matsweep.core.dimensions import check_dimensions
from matsweep.core.specification import (
    LONGEST,
    Comparison,
    Constant,
    Logic,
    Name,
    Node,
    Operation,
    Quantity,
    RefusedError,
    Text,
    UnreadableError,
    parse,
)
from matsweep.core.units import read_parameter

type Lookup = Callable[[str], object]
"""A parameter's value by its name."""

type UnitOf = Callable[[str], str | None]
"""A parameter's unit by its name; None where it has none, or none is known."""

type _Part = Callable[[Lookup], object]

_OPERATORS: dict[str, Callable[..., float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "abs": abs,
    "log10": math.log10,
    "sqrt": math.sqrt,
    "min": min,
    "max": max,
}
_SIGNED: dict[str, Callable[..., float]] = {"-": operator.neg, "+": operator.pos}
_ORDER: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PointConstraint:
    """One constraint on the parameters of a point.

    Parameters
    ----------
    text : str
        As the user wrote it.
    names : tuple of str
        Parameters and groups in it.
    """

    text: str
    names: tuple[str, ...]
    _holds: _Part

    def holds(self, value: Lookup) -> bool:
        """Evaluate the constraint.

        Parameters
        ----------
        value : callable
            Returns the value of a name; called only for names that decide.

        Returns
        -------
        bool

        Raises
        ------
        UserError
            If it cannot be computed: an operand is a text or null, or out of a function's range.
        """
        try:
            met = self._holds(value)
        except ZeroDivisionError as error:
            raise self._not(f"cannot be computed ({error}): multiply rather than divide") from None
        except ArithmeticError as error:
            raise self._not(f"cannot be computed: {error.args[-1]}") from None
        except UserError:
            raise
        except (_NoNumberError, ValueError) as error:
            raise self._not(f"cannot be computed: {error}") from None
        if not isinstance(met, bool):
            raise self._not(f"must be true or false, got {met!r}: compare it with something")
        return met

    def _not(self, why: str) -> UserError:
        return UserError(f"constraint {self.text!r} {why}")


class _NoNumberError(Exception):
    """An operand is no number where one is needed."""


def parse_constraint(text: object, unit_of: UnitOf | None = None) -> PointConstraint:
    """Parse one constraint.

    Parameters
    ----------
    text : str
    unit_of : callable or None
        Unit of a parameter, which a quantity compared with it must fit. None: units are not
        compared, and quantities are in SI.

    Returns
    -------
    PointConstraint

    Raises
    ------
    UserError
        For a text outside the language, with what the language allows, and for a unit that does not
        fit.
    """
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
        raise UserError(f"constraints must be comparisons such as 'a.x < b.y', got {text!r}")
    names: dict[str, None] = {}
    try:
        node = parse(text)
        part = _part(node, names, unit_of)
        if unit_of is not None:
            check_dimensions(node, unit_of)
    except UnreadableError as error:
        raise UserError(
            f"constraint {text!r} is no comparison that can be read ({error}); write one such as "
            "'device.g_min < device.g_max / 5'"
        ) from None
    except UserError as error:
        raise UserError(f"constraint {text!r}: {error}") from None
    if not names:
        raise UserError(f"constraint {text!r} names no parameter")
    return PointConstraint(text=text, names=tuple(names), _holds=part)


def _part(node: Node, names: dict[str, None], unit_of: UnitOf | None) -> _Part:
    """Compile one node, and collect the names below it."""
    match node:
        case Quantity(value=number):
            return lambda value: number
        case Text(value=constant) | Constant(value=constant):
            return lambda value: constant
        case Name(name=name):
            names[name] = None
            return lambda value: value(name)
        case Operation(operator=sign, arguments=arguments):
            parts = tuple([_part(each, names, unit_of) for each in arguments])
            function = (_SIGNED if len(parts) == 1 and sign in _SIGNED else _OPERATORS)[sign]
            return lambda value: _real(function(*(_number(part(value)) for part in parts)))
        case Logic(operator="not", arguments=(inner,)):
            inside = _part(inner, names, unit_of)
            return lambda value: not _truth(inside(value))
        case Logic(operator=word, arguments=arguments):
            parts = tuple([_part(each, names, unit_of) for each in arguments])
            every = all if word == "and" else any
            return lambda value: every(_truth(part(value)) for part in parts)
        case Comparison():
            return _comparison(node, names, unit_of)
    raise RefusedError(f"{node} is not allowed")


def _comparison(node: Comparison, names: dict[str, None], unit_of: UnitOf | None) -> _Part:
    values = node.values
    if unit_of is not None:
        values = tuple(_fitted(values, place, unit_of) for place in range(len(values)))
    parts = [_part(each, names, unit_of) for each in values]
    tests = [_test(sign) for sign in node.operators]

    def compare(value: Lookup) -> bool:
        left = parts[0](value)
        for test, part in zip(tests, parts[1:], strict=True):
            right = part(value)
            if not test(left, right):
                return False
            left = right
        return True

    return compare


def _fitted(values: tuple[Node, ...], place: int, unit_of: UnitOf) -> Node:
    """Convert a quantity to the unit of the adjacent parameter; other values stay."""
    node = values[place]
    if isinstance(node, Quantity):
        for other in values[max(place - 1, 0) : place + 2]:
            if isinstance(other, Name) and (unit := unit_of(other.name)) is not None:
                number = read_parameter(node.text, unit, other.name)
                return node if number is None else Quantity(number, node.text, node.unit)
    return node


def _test(sign: str) -> Callable[[object, object], bool]:
    if sign in _ORDER:
        order = _ORDER[sign]
        return lambda left, right: order(_number(left), _number(right))
    wanted = sign == "=="
    return lambda left, right: _same(left, right) == wanted


def _same(left: object, right: object) -> bool:
    """Whether two values are equal; true is not 1, as a flag is no number."""
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        if value is None:
            raise _NoNumberError("null is no number; ask first, as in 'a.x == null or a.x > 1'")
        raise _NoNumberError(f"{str(value).lower() if isinstance(value, bool) else repr(value)} "
                             "is no number")  # fmt: skip
    return float(value)


def _real(value: object) -> float:
    if isinstance(value, complex):
        raise _NoNumberError("a root of a negative number is no real number")
    assert isinstance(value, float)
    return value


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise _NoNumberError(f"{value!r} is neither true nor false")
    return value
