"""Dimensions of expressions: sums and comparisons of unlike quantities are refused.

    device.g_max <= 25 uS + 1 V      a conductance and a voltage cannot be added
    device.g_max * device.read_voltage <= 5 uA      A V / V = A: both sides are currents

A number without a unit may stand for any quantity in SI units, so that nothing is refused because
of it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from matsweep.core.checks import UserError
from matsweep.core.specification import Comparison, Logic, Name, Node, Operation, Quantity
from matsweep.core.units import Dimension, dimension_of, kind_of_dimension

_ALIKE = ("+", "-", "min", "max", "abs")
"""Operators of quantities of one dimension, which they keep."""


def check_dimensions(node: Node, unit_of: Callable[[str], str | None]) -> Dimension | None:
    """Dimension of an expression whose parts fit.

    Parameters
    ----------
    node : Node
        As `parse` returns it.
    unit_of : callable
        From a name to its unit, or None where it is unknown.

    Returns
    -------
    Dimension or None
        None: unknown, as of a number without a unit, a text or a truth value.

    Raises
    ------
    UserError
        If two quantities of different dimensions are added or compared.
    """
    match node:
        case Quantity(unit=unit):
            return None if unit is None else dimension_of(unit)
        case Name(name=name):
            unit = unit_of(name)
            return None if unit is None else dimension_of(unit)
        case Comparison(values=values):
            _common([check_dimensions(each, unit_of) for each in values], "compared")
        case Logic(arguments=arguments):
            for each in arguments:
                check_dimensions(each, unit_of)
        case Operation(operator=sign, arguments=arguments):
            inner = [check_dimensions(each, unit_of) for each in arguments]
            return _common(inner, "added") if sign in _ALIKE else _scaled(sign, inner, arguments)
    return None


def _common(dimensions: list[Dimension | None], verb: str) -> Dimension | None:
    """Return the one dimension of those that are known."""
    known = [each for each in dimensions if each is not None]
    for left, right in pairwise(known):
        if left != right:
            raise UserError(
                f"{kind_of_dimension(left)} and {kind_of_dimension(right)} cannot be {verb}"
            )
    return known[0] if known else None


def _scaled(
    sign: str, dimensions: list[Dimension | None], arguments: tuple[Node, ...]
) -> Dimension | None:
    """Return the dimension of a product, quotient or power."""
    match sign, dimensions, arguments:
        case "*", (tuple(left), tuple(right)), _:
            return tuple(a + b for a, b in zip(left, right, strict=True))
        case "/", (tuple(left), tuple(right)), _:
            return tuple(a - b for a, b in zip(left, right, strict=True))
        case "**", (tuple(left), None), (_, Quantity(value=power)) if power.is_integer():
            return tuple(a * int(power) for a in left)
    return None
