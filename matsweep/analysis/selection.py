"""Constraints on metrics and parameters, written as text: ``energy <= 10 nJ``.

Either side may be computed from several: ``device.g_max / device.g_min >= 10``.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from matsweep.analysis.attributes import (
    axes,
    conditions,
    resolve,
    sources,
    states,
    stored_text,
)
from matsweep.analysis.labels import choice
from matsweep.analysis.pareto import Mask
from matsweep.analysis.view import View
from matsweep.core.checks import UserError, near
from matsweep.core.dimensions import check_dimensions
from matsweep.core.specification import (
    Comparison,
    Name,
    Node,
    Operation,
    Quantity,
    operator_of,
    sides,
)
from matsweep.core.specification import parse as parse_expression
from matsweep.core.units import read_quantity

# Sums over realisations differ in the last digits: 19/20 averaged may miss 0.95 by 1e-16.
_ROUNDING = {4: 1e-6, 2: 1e-3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """``name operator value``, the value as text with an optional unit, or as an object.

    Parameters
    ----------
    name : str
    operator : {"==", "!=", "<", "<=", ">", ">="}
    value : Any
    """

    name: str
    operator: str
    value: Any

    def __str__(self) -> str:
        return f"{self.name} {self.operator} {self.value}"


def parse(text: str) -> Constraint:
    """Read one constraint such as ``accuracy >= 95 %`` or ``material == pcm_gst``.

    Parameters
    ----------
    text : str

    Returns
    -------
    Constraint

    Raises
    ------
    UserError
        If it does not read NAME OPERATOR VALUE [UNIT].
    """
    shape = "a constraint reads NAME OPERATOR VALUE [UNIT], such as 'energy <= 10 nJ'"
    if not isinstance(text, str):
        raise UserError(f"{shape}; got {text!r}")
    parts, signs = sides(text)
    if len(signs) > 1:
        raise UserError(f"{shape}; got {text!r}: write one constraint per comparison")
    if not signs or not all(parts):
        raise UserError(f"{shape}; got {text!r}")
    if re.match(r"[+-]?\.?\d", parts[0]):
        raise UserError(f"{shape}; got {text!r}: the name comes first")
    return Constraint(name=parts[0], operator=operator_of(signs[0], text), value=parts[1])


def selected(summary: xr.Dataset, constraints: Iterable[Constraint]) -> Mask:
    """Mark the done candidates of a summary that meet all constraints (NaN meets none).

    Parameters
    ----------
    summary : Dataset
        Scalars along `candidate`.
    constraints : iterable of Constraint

    Returns
    -------
    (candidate,) array of bool
    """
    mask: Mask = states(summary) == "done"
    for constraint in constraints:
        mask &= _met(summary, constraint)
    return mask


def violation(summary: xr.Dataset, constraint: Constraint) -> NDArray[np.float64]:
    """Violation of a constraint by each candidate, relative to its bound.

    Parameters
    ----------
    summary : Dataset
        Scalars along `candidate`.
    constraint : Constraint
        A bound on a number.

    Returns
    -------
    (candidate,) array, dimensionless
        0 or negative where it is met.

    Raises
    ------
    UserError
        If it is no bound, or its metric or unit is unknown.
    """
    if constraint.operator[0] not in "<>":
        raise UserError(f"{constraint}: only a bound (<, <=, >, >=) can be approached")
    name = resolve(summary, constraint.name)
    bound = _number(name, constraint.value, summary[name].attrs.get("units"))
    over = np.asarray(summary[name].values, dtype=np.float64) - bound
    return np.asarray((over if constraint.operator[0] == "<" else -over) / (abs(bound) or 1.0))


def doubts(summary: xr.Dataset, constraint: Constraint) -> Iterator[str]:
    """Yield hints where a bound without a unit may have been meant otherwise.

    That is one beyond 1 on a fraction (``accuracy >= 95``), and a plain number for a quantity that
    has a unit.

    Parameters
    ----------
    summary : Dataset
        Scalars along `candidate`.
    constraint : Constraint

    Yields
    ------
    str
    """
    if _computed(summary, constraint):
        return
    name = resolve(summary, constraint.name)
    values = np.asarray(summary[name].values)
    written = str(constraint.value).strip()
    if constraint.operator[0] not in "<>" or values.dtype.kind not in "fiu":
        return
    if not re.fullmatch(r"[+-]?[\d.]+(?:[eE][+-]?\d+)?", written):
        return
    unit, known = str(summary[name].attrs.get("units") or "1"), values[np.isfinite(values)]
    if unit != "1":
        yield f"{constraint} is in {unit}, as no unit is given"
    elif 1 < float(written) <= 100 and known.size and known.min() >= 0 and known.max() <= 1:
        yield f"{name} is a fraction: did you mean {constraint} %?"


def met_by_each(view: View, constraint: Constraint) -> Mask:
    """Mark the realisations that meet a constraint.

    Parameters
    ----------
    view : View
    constraint : Constraint

    Returns
    -------
    (candidate, realisation) bool array
        Of a constraint on text one column, the same for all.
    """
    ds = view.ds
    if _computed(ds, constraint):
        return _compared(ds, constraint, lambda name: view.realised(resolve(ds, name)))
    name = resolve(ds, constraint.name)
    if np.asarray(ds[name].values[:1]).dtype.kind not in "fiu":
        return _met(ds, constraint)[:, None]
    values = view.realised(name)
    threshold = _number(name, constraint.value, ds[name].attrs.get("units"))
    rounding = _ROUNDING.get(ds[name].dtype.itemsize, 1e-9)
    return _compare_numbers(values, constraint.operator, threshold, rounding)


def _computed(ds: xr.Dataset, constraint: Constraint) -> bool:
    """Whether a side is computed from columns, rather than a name or a plain value.

    A value that text is compared with is never computed: ``material == hfox-vcm``.
    """
    if constraint.name not in ds.variables and isinstance(_node(constraint.name), Operation):
        return True
    right = _node(constraint.value)
    if isinstance(right, Operation) and len(right.arguments) > 1 and not _names(right):
        return ds[resolve(ds, constraint.name)].dtype.kind in "fiu"  # 150 pJ - 10 pJ
    if right is None or not _names(right):
        return False
    if isinstance(right, Name) and not _known(ds, right.name):
        return False  # a slip where a number is due
    return ds[resolve(ds, constraint.name)].dtype.kind in "fiu"


def _known(ds: xr.Dataset, name: str) -> bool:
    try:
        return bool(resolve(ds, name))
    except UserError:
        return False


def _unit_of(ds: xr.Dataset, name: str) -> str | None:
    unit = ds[resolve(ds, name)].attrs.get("units")
    return str(unit) if unit else None


def _names(node: Node) -> bool:
    """Whether a name is in an expression."""
    inside = node.arguments if isinstance(node, Operation) else ()
    return isinstance(node, Name) or any(map(_names, inside))


def _node(side: object) -> Node | None:
    """Parse a side of a constraint; None where it is a text that needs no quotes."""
    try:
        return parse_expression(side) if isinstance(side, str) else None
    except UserError:
        return None


def _compared(
    ds: xr.Dataset, constraint: Constraint, column: Callable[[str], NDArray[Any]]
) -> Mask:
    """Compare two sides that are computed from columns, which are in SI units."""
    nodes = [_node(side) for side in (constraint.name, constraint.value)]
    read = tuple(node for node in nodes if node is not None)
    try:
        check_dimensions(Comparison(read, (constraint.operator,)), lambda name: _unit_of(ds, name))
    except UserError as error:
        raise UserError(f"{constraint}: {error}") from None
    left, right = (
        _value(side, node, column)
        for side, node in zip((constraint.name, constraint.value), nodes, strict=True)
    )
    return _compare_numbers(left, constraint.operator, right, 1e-9)


def _value(
    side: object, node: Node | None, column: Callable[[str], NDArray[Any]]
) -> NDArray[np.float64]:
    match node:
        case Quantity(value=number):
            return np.full((), number)
        case Name(name=name):
            values = np.asarray(column(name))
            if values.dtype.kind not in "fiu":
                raise UserError(f"{name} holds no numbers: nothing can be computed from it")
            return values.astype(np.float64)
        case Operation(operator=sign, arguments=arguments):
            with np.errstate(all="ignore"):  # nan and infinities meet nothing
                parts = [_value(side, each, column) for each in arguments]
                function = (_SIGNED if len(parts) == 1 and sign in _SIGNED else _FUNCTIONS)[sign]
                return np.asarray(functools.reduce(function, parts) if len(parts) > 1
                                  else function(*parts), dtype=np.float64)  # fmt: skip
    raise UserError(f"{side} is no number that can be computed")


_SIGNED: dict[str, Callable[..., Any]] = {"-": np.negative, "+": np.positive}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "**": np.power,
    "abs": np.abs, "log10": np.log10, "sqrt": np.sqrt, "min": np.minimum, "max": np.maximum,
}  # fmt: skip


def _met(summary: xr.Dataset, constraint: Constraint) -> Mask:
    if _computed(summary, constraint):
        return _compared(summary, constraint, lambda name: summary[resolve(summary, name)].values)
    name = resolve(summary, constraint.name)
    value = constraint.value
    if isinstance(value, (list, tuple, set, frozenset, np.ndarray)):
        masks = [_compare(summary, name, constraint.operator, item) for item in value]
        none = np.zeros(summary.sizes["candidate"], dtype=bool)
        return np.asarray(np.logical_or.reduce([none, *masks]))
    return _compare(summary, name, constraint.operator, value)


def _compare(summary: xr.Dataset, name: str, operator: str, value: Any) -> Mask:
    values = np.asarray(summary[name].values)
    if values.dtype.kind == "b":
        return _compare_numbers(values.astype(float), operator, _truth(name, value), 0.0)
    if values.dtype.kind in "fiu":
        threshold = _number(name, value, summary[name].attrs.get("units"))
        size = values.dtype.itemsize if values.dtype.kind == "f" else 8
        return _compare_numbers(values, operator, threshold, _ROUNDING.get(size, 1e-9))
    return _compare_texts(summary, name, operator, stored_text(value).strip("'\""))


def _compare_numbers(
    values: NDArray[Any], operator: str, wanted: float | NDArray[np.float64], rounding: float
) -> Mask:
    """Compare with a tolerance for rounding: numbers within it are equal."""
    values = values.astype(np.float64)
    equal = np.isclose(values, wanted, rtol=rounding, atol=0.0)
    if operator in ("==", "!="):
        result = equal if operator == "==" else ~equal
    else:
        beyond = values < wanted if operator[0] == "<" else values > wanted
        result = beyond | equal if operator.endswith("=") else beyond & ~equal
    return np.asarray(result & ~np.isnan(values))


def _compare_texts(summary: xr.Dataset, name: str, operator: str, wanted: str) -> Mask:
    if operator not in ("==", "!="):
        raise UserError(f"{name} holds text: it can only be == or !=, got {operator!r}")
    values = np.asarray(summary[name].values).astype(str)
    if name in conditions(summary):  # as people see it, and as they typed it
        values, wanted = np.array([choice(value) for value in values.tolist()]), choice(wanted)
    if not (equal := values == wanted).any():
        _check_known(summary, name, wanted, set(values.tolist()))
    return np.asarray(equal if operator == "==" else ~equal)


def _check_known(summary: xr.Dataset, name: str, wanted: str, present: set[str]) -> None:
    """Refuse a text that the study never had: a slip of the pen, not an empty answer."""
    stated = axes(summary).get(name) or ()
    write = choice if name in conditions(summary) else stored_text
    known = present | {write(value) for value in stated}
    if name == "material":
        known |= set(sources(summary)["materials"])
    if known and wanted not in known and name != "error":
        listed = near(wanted, known) or f"; it has {', '.join(sorted(known)[:30])}"
        raise UserError(f"{name} is never {wanted!r} in this study{listed}")


def _number(name: str, value: Any, unit: str | None) -> float:
    if isinstance(value, str):
        return read_quantity(value, unit, name)
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.number)):
        raise UserError(f"{name} must be compared with a number, got {value!r}")
    return float(value)


def _truth(name: str, value: Any) -> float:
    truth = {"true": 1.0, "false": 0.0}.get(str(value).strip().lower())
    if truth is None:
        raise UserError(f"{name} is true or false, got {value!r}")
    return truth
