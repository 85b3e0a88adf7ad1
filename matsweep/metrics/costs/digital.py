"""Costs of digital units behind products: additions, multiplications, divisions and functions.

Units work on words of `periphery.accumulator_bits` and give one result a cycle.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from hwcomponents.scaling import tech_node_area, tech_node_energy, tech_node_latency

from matsweep.core.checks import one_of
from matsweep.metrics.costs import cited, components
from matsweep.metrics.costs.components import Cost
from matsweep.metrics.costs.technology import leakage

UNITS = {
    "comparison": "activation",
    "addition": "additions",
    "multiplication": "multiplications",
    "division": "divisions",
    "function": "functions",
}
"""Component of the bill by kind of operation (`machine.matrix.OPERATIONS`), in the order in which
units follow each other."""

# PUMA's vector unit of 16 bits (A. Ankit et al., ASPLOS 2019, doi:10.1145/3297858.3304049; the
# constants of its simulator, of 45 nm and 1 GHz: seen). Division: 1.52 mW; with it the unit takes
# 5,670 µm² and leaks 0.27 mW, without it 2,326 µm² and 0.05 mW.
_DIVISION = {"energy": 1.52e-12, "area": (5670 - 2326) * 1e-12, "leakage": (0.27 - 0.05) * 1e-3}
_DIVISION_NODE = 45e-9
# The unit of sigmoids and hyperbolic tangents that PUMA takes from ISAAC (A. Shafiee et al.,
# ISCA 2016, doi:10.1109/ISCA.2016.12), 16 bits at 32 nm: 0.26 mW at 1 GHz, a tenth of it leakage,
# and 300 µm² (as above: seen).
_FUNCTION = {"energy": 2.34e-13, "area": 300e-12, "leakage": 2.6e-5}
_FUNCTION_NODE = 32e-9
_CYCLE = 1e-9  # s: both at 1 GHz
_BITS = 16


def unit(kind: str, bits: int, node: float) -> Cost:
    """Return the cost of one digital unit and of one operation.

    Parameters
    ----------
    kind : str
        A name in `UNITS`.
    bits : int
        Of its words.
    node : float, m

    Returns
    -------
    Cost

    Raises
    ------
    UserError
        If the kind is unknown, or the node is not supported.
    """
    one_of("kind of operation", kind, _COSTS)
    return _COSTS[kind](bits, node)


@functools.cache
def multiplier(bits: int, node: float) -> Cost:
    """Return the cost of one multiplier and of one multiplication.

    Energy: 0.2 pJ for 8 bits at 45 nm (M. Horowitz, ISSCC 2014, doi:10.1109/ISSCC.2014.6757323,
    seen where quoted), quadratic in bits: 3.2 pJ for 32, where that is 3.1, and 0.80 pJ for 16,
    where PUMA's unit has 0.795. Area, time and leakage: those of the library
    (`AladdinMultiplier`), whose energy is four times as large.

    Parameters
    ----------
    bits : int
    node : float, m

    Returns
    -------
    Cost
    """
    own = components.multiplier(bits, node)
    energy = cited.multiplication(bits) * float(tech_node_energy(components.supported(node), 45e-9))
    return Cost(energy=energy, latency=own.latency, area=own.area, leakage=own.leakage)


@functools.cache
def divider(bits: int, node: float) -> Cost:
    """Return the cost of one divider and of one division.

    The share of division in PUMA's vector unit of 16 bits, quadratic in bits, as an array of
    subtractors grows: 1.52 pJ, 3,344 µm² at 45 nm.

    Parameters
    ----------
    bits : int
    node : float, m

    Returns
    -------
    Cost
    """
    return _scaled(_DIVISION, (bits / _BITS) ** 2, node, _DIVISION_NODE)


@functools.cache
def function(bits: int, node: float) -> Cost:
    """Return the cost of one unit of functions of one number, and of one function.

    ISAAC's sigmoid as PUMA has it, from a table: 0.23 pJ and 300 µm² for 16 bits at 32 nm, linear
    in bits; exponentials, square roots and error functions are taken to cost the same.

    Parameters
    ----------
    bits : int
    node : float, m

    Returns
    -------
    Cost
    """
    return _scaled(_FUNCTION, bits / _BITS, node, _FUNCTION_NODE)


_COSTS: dict[str, Callable[[int, float], Cost]] = {
    "comparison": components.comparator,
    "addition": components.adder,
    "multiplication": multiplier,
    "division": divider,
    "function": function,
}


def _scaled(figures: dict[str, float], size: float, node: float, known: float) -> Cost:
    """Return the cost of a unit of another size at another node."""
    node = components.supported(node)
    return Cost(
        energy=size * figures["energy"] * float(tech_node_energy(node, known)),
        latency=_CYCLE * float(tech_node_latency(node, known)),
        area=size * figures["area"] * float(tech_node_area(node, known)),
        leakage=size * figures["leakage"] * leakage(node, known),
    )
