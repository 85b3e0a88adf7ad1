"""Constraints between parameters: a small language of comparisons, checked point by point.

    device.g_min < device.g_max / 5
    tile.rows * tile.columns <= 16384 and material != "pcm_gst"
    device.levels == null or log10(device.levels) >= 1

Numbers, parameters by their whole names and group choices by the group's, + - * / ** and
parentheses, abs, log10, sqrt, min, max, comparisons (which may be chained), and, or, not, texts in
quotes, true, false, null. Nothing else: expressions are parsed, never run as code. All numbers
are floating-point, so that no power takes long.
"""

from __future__ import annotations

import ast
import math
import operator
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from matsweep.core.checks import UserError

type Lookup = Callable[[str], object]
"""A parameter's value by its name."""

type _Part = Callable[[Lookup], object]

_LONGEST = 2000  # characters
_DEEPEST = 100  # operations within one another

_ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_ORDER: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_FUNCTIONS: dict[str, tuple[Callable[..., float], int]] = {
    "abs": (abs, 1),
    "log10": (math.log10, 1),
    "sqrt": (math.sqrt, 1),
    "min": (min, 0),
    "max": (max, 0),
}
"""With the number of arguments; 0: two or more."""

_CONSTANTS: dict[str, object] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """One constraint.

    Parameters
    ----------
    text : str
        As the user wrote it.
    names : tuple of str
        The parameters and groups that it names.
    """

    text: str
    names: tuple[str, ...]
    _holds: _Part

    def holds(self, value: Lookup) -> bool:
        """Return whether it is met.

        Parameters
        ----------
        value : callable
            Takes a name, gives its value; called only for names that decide.

        Raises
        ------
        UserError
            If it cannot be computed: of a text or null, or out of a function's range.
        """
        try:
            found = self._holds(value)
        except ZeroDivisionError as error:
            raise self._not(f"cannot be computed ({error}): multiply rather than divide") from None
        except ArithmeticError as error:
            raise self._not(f"cannot be computed: {error.args[-1]}") from None
        except (_NoNumberError, ValueError) as error:
            raise self._not(f"cannot be computed: {error}") from None
        if not isinstance(found, bool):
            raise self._not(f"must be true or false, got {found!r}: compare it with something")
        return found

    def _not(self, why: str) -> UserError:
        return UserError(f"constraint {self.text!r} {why}")


class _NoNumberError(Exception):
    """Something is no number where one is needed."""


def parse_constraint(text: object) -> Constraint:
    """Read one constraint.

    Raises
    ------
    UserError
        For what is not in the language, with what is.
    """
    if not isinstance(text, str) or not text.strip() or len(text) > _LONGEST:
        raise UserError(f"constraints must be comparisons such as 'a.x < b.y', got {text!r}")
    names: dict[str, None] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python's, on how a text is written
            tree = ast.parse(text.strip(), mode="eval")
        _check_depth(tree.body)
        part = _part(tree.body, names)
    except _RefusedError as error:
        raise UserError(f"constraint {text!r}: {error}") from None
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else "too deeply nested"
        raise UserError(
            f"constraint {text!r} is no comparison that can be read ({reason}); write one such as "
            "'device.g_min < device.g_max / 5'"
        ) from None
    if not names:
        raise UserError(f"constraint {text!r} names no parameter")
    return Constraint(text=text, names=tuple(names), _holds=part)


class _RefusedError(Exception):
    """What Python's grammar has and this language has not."""


def _check_depth(node: ast.expr) -> None:
    """Refuse what would take more of Python's stack than there may be left."""
    level: list[ast.AST] = [node]
    for _ in range(_DEEPEST):
        level = [child for each in level for child in ast.iter_child_nodes(each)]
        if not level:
            return
    raise _RefusedError("it is too deeply nested: split it into several constraints")


def _part(node: ast.expr, names: dict[str, None]) -> _Part:
    """Compile one node, and note the names below it."""
    match node:
        case ast.Constant(value=bool() | None) | ast.Constant(value=complex() | bytes()):
            raise _RefusedError(f"write true, false or null, not {ast.unparse(node)}")
        case ast.Constant(value=int() | float() as number):
            constant = _finite(number)
            return lambda value: constant
        case ast.Constant(value=str() as text):
            return lambda value: text
        case ast.Name() | ast.Attribute():
            return _name(node, names)
        case ast.BinOp() if type(node.op) in _ARITHMETIC:
            left, right = _part(node.left, names), _part(node.right, names)
            return _applied(_ARITHMETIC[type(node.op)], (left, right))
        case ast.UnaryOp(op=ast.USub()):
            return _applied(operator.neg, (_part(node.operand, names),))
        case ast.UnaryOp(op=ast.UAdd()):
            return _applied(operator.pos, (_part(node.operand, names),))
        case ast.UnaryOp(op=ast.Not()):
            inside = _part(node.operand, names)
            return lambda value: not _truth(inside(value))
        case ast.BoolOp():
            parts = [_part(each, names) for each in node.values]
            every = all if isinstance(node.op, ast.And) else any
            return lambda value: every(_truth(part(value)) for part in parts)
        case ast.Compare():
            return _comparison(node, names)
        case ast.Call(func=ast.Name(id=called), keywords=[]) if called in _FUNCTIONS:
            return _call(called, [_part(each, names) for each in node.args])
    raise _RefusedError(
        f"{ast.unparse(node)} is not allowed: only numbers, names of parameters, quoted texts, "
        f"+ - * / **, {', '.join(_FUNCTIONS)}, comparisons, and, or, not"
    )


def _name(node: ast.Name | ast.Attribute, names: dict[str, None]) -> _Part:
    keys: list[str] = []
    inner: ast.expr = node
    while isinstance(inner, ast.Attribute):
        keys.append(inner.attr)
        inner = inner.value
    if not isinstance(inner, ast.Name):
        raise _RefusedError(f"{ast.unparse(node)} is no name of a parameter")
    name = ".".join([inner.id, *reversed(keys)])
    if name in _CONSTANTS:
        constant = _CONSTANTS[name]
        return lambda value: constant
    names[name] = None
    return lambda value: value(name)


def _call(called: str, parts: list[_Part]) -> _Part:
    function, wanted = _FUNCTIONS[called]
    if len(parts) < 2 if wanted == 0 else len(parts) != wanted:
        raise _RefusedError(f"{called} takes {wanted or 'two or more'} arguments")
    return _applied(function, tuple(parts))


def _applied(function: Callable[..., float], parts: tuple[_Part, ...]) -> _Part:
    return lambda value: _real(function(*(_number(part(value)) for part in parts)))


def _comparison(node: ast.Compare, names: dict[str, None]) -> _Part:
    parts = [_part(each, names) for each in (node.left, *node.comparators)]
    for kind in map(type, node.ops):
        if kind not in _ORDER and kind not in (ast.Eq, ast.NotEq):
            raise _RefusedError("only <, <=, >, >=, == and != compare")
    tests = [_test(type(kind)) for kind in node.ops]

    def compare(value: Lookup) -> bool:
        left = parts[0](value)
        for test, part in zip(tests, parts[1:], strict=True):
            right = part(value)
            if not test(left, right):
                return False
            left = right
        return True

    return compare


def _test(kind: type[ast.cmpop]) -> Callable[[object, object], bool]:
    if kind in _ORDER:
        order = _ORDER[kind]
        return lambda left, right: order(_number(left), _number(right))
    wanted = kind is ast.Eq
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


def _finite(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        raise _RefusedError("a number is too large") from None


def _real(value: object) -> float:
    if isinstance(value, complex):
        raise _NoNumberError("a root of a negative number is no real number")
    assert isinstance(value, float)
    return value


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise _NoNumberError(f"{value!r} is neither true nor false")
    return value
