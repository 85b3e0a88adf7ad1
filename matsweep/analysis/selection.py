"""Constraints on metrics and parameters, written as text: ``energy <= 10 nJ``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from matsweep.analysis.attributes import axes, resolve, sources, states
from matsweep.analysis.pareto import Mask
from matsweep.analysis.view import View
from matsweep.core.checks import UserError, near
from matsweep.core.units import read_quantity

_OPERATORS = ("==", "!=", "<=", ">=", "<", ">")
_SIGNS = {"≤": "<=", "≥": ">=", "≠": "!="}
_MEANT = {"=": "==", "=>": ">=", "=<": "<=", "<>": "!=", "===": "=="}
_SPLIT = re.compile(r"[<>=!~≤≥≠]+")
# Sums over realisations differ in the last digits: 19/20 averaged may miss 0.95 by 1e-16.
_ROUNDING = {4: 1e-6, 2: 1e-3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """``name operator value``, the value as text with an optional unit, or as an object."""

    name: str
    operator: str
    value: Any

    def __str__(self) -> str:
        return f"{self.name} {self.operator} {self.value}"


def parse(text: str) -> Constraint:
    """Read one constraint such as ``accuracy >= 95 %`` or ``material == pcm_gst``.

    Raises
    ------
    UserError
        If it does not read NAME OPERATOR VALUE [UNIT].
    """
    shape = "a constraint reads NAME OPERATOR VALUE [UNIT], such as 'energy <= 10 nJ'"
    if not isinstance(text, str):
        raise UserError(f"{shape}; got {text!r}")
    signs, sides = _SPLIT.findall(text), [side.strip() for side in _SPLIT.split(text)]
    if len(signs) > 1:
        raise UserError(f"{shape}; got {text!r}: write one constraint per comparison")
    if not signs or not all(sides):
        raise UserError(f"{shape}; got {text!r}")
    if re.match(r"[+-]?\.?\d", sides[0]):
        raise UserError(f"{shape}; got {text!r}: the name comes first")
    operator = _SIGNS.get(signs[0], signs[0])
    if operator not in _OPERATORS:
        meant = _MEANT.get(operator)
        hint = f"; did you mean {meant}?" if meant else near(operator, _OPERATORS)
        raise UserError(f"{text!r}: unknown operator {operator!r}{hint}")
    return Constraint(name=sides[0], operator=operator, value=sides[1])


def selected(summary: xr.Dataset, constraints: Iterable[Constraint]) -> Mask:
    """Mark the done candidates of a summary that meet all constraints (NaN meets none)."""
    mask: Mask = states(summary) == "done"
    for constraint in constraints:
        mask &= _met(summary, constraint)
    return mask


def violation(summary: xr.Dataset, constraint: Constraint) -> NDArray[np.float64]:
    """Return by how much each candidate misses a constraint, relative to its bound.

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
    """Say where a bound without a unit may have been meant otherwise.

    That is one beyond 1 on a fraction (``accuracy >= 95``), and a number on what has a unit.
    """
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
    name = resolve(ds, constraint.name)
    if np.asarray(ds[name].values[:1]).dtype.kind not in "fiu":
        return _met(ds, constraint)[:, None]
    values = view.realised(name)
    threshold = _number(name, constraint.value, ds[name].attrs.get("units"))
    rounding = _ROUNDING.get(ds[name].dtype.itemsize, 1e-9)
    return _compare_numbers(values, constraint.operator, threshold, rounding)


def _met(summary: xr.Dataset, constraint: Constraint) -> Mask:
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
    return _compare_texts(summary, name, operator, str(value).strip("'\""))


def _compare_numbers(values: NDArray[Any], operator: str, wanted: float, rounding: float) -> Mask:
    """Compare with a tolerance for rounding: what is equal within it is equal."""
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
    if not (equal := values == wanted).any():
        _check_known(summary, name, wanted, set(values.tolist()))
    return np.asarray(equal if operator == "==" else ~equal)


def _check_known(summary: xr.Dataset, name: str, wanted: str, present: set[str]) -> None:
    """Refuse a text that the study never had: a slip of the pen, not an empty answer."""
    known = present | {str(value) for value in axes(summary).get(name) or ()}
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
