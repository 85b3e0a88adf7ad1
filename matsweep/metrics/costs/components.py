"""Costs of the circuits around the arrays, from the component library `hwcomponents`.

No number is fitted here: each function names the library's model, the publication behind it, the
library's scaling to the technology node, and its omissions.

References
----------
T. Andrulis et al., "CiMLoop", ISPASS 2024, doi:10.1109/ISPASS61541.2024.00012 (the library's
origin). A. Stillmaker, B. Baas, Integration 58:74, 2017, doi:10.1016/j.vlsi.2017.02.002 (scaling
energy, delay and area between nodes). Leakage is scaled by `technology.leakage`.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import Any

from hwcomponents_adc import ADC as SurveyADC
from hwcomponents_cacti import HBM2, LPDDR4
from hwcomponents_library.library.aladdin import (
    AladdinAdder,
    AladdinComparator,
    AladdinMultiplier,
    AladdinRegister,
)
from hwcomponents_library.library.brahms import BrahmsDAC
from hwcomponents_library.library.isaac import IsaacDAC, IsaacShiftAdd
from hwcomponents_library.library.misc import Wire

from matsweep.core.checks import UserError, whole
from matsweep.metrics.costs.technology import leakage

NODES = (7e-9, 130e-9)
"""Smallest and largest feature size that the library scales to, m."""
_ALADDIN = 40e-9  # m: the node of the library's figures of leakage
_STATIC_SHARE_OF = 32e-9  # m: the node at which a fifth of an ADC's energy is taken as leakage
ADC_BITS = (4, 16)
"""Fewest and most bits of the survey's ADC model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Cost of one component.

    Parameters
    ----------
    energy : float, J
        Per action.
    latency : float, s
        Per action.
    area : float, m²
    leakage : float, W
        Static power.
    """

    energy: float
    latency: float
    area: float
    leakage: float


@functools.cache
def adc(bits: int, node: float, sample_rate: float) -> Cost:
    """Return the cost of one ADC and of one conversion.

    `hwcomponents_adc.ADC`: energy and area regressed on B. Murmann's survey of published
    converters by effective bits, rate and node (T. Andrulis et al., arXiv:2404.06553); the best
    of its time rather than the typical. The library counts a fifth of the energy at the full rate
    as leakage: here at 32 nm, and at other nodes as transistors leak there; the sum is the
    regression's at all nodes. At 8 bits, 1 GS/s and 32 nm: 1.4 + 0.3 pJ; ISAAC's converter takes
    1.67 pJ.

    Parameters
    ----------
    bits : int
        Taken as effective bits.
    node : float, m
    sample_rate : float, Hz

    Returns
    -------
    Cost

    Raises
    ------
    UserError
        If the node or the bits are not supported; the message lists those that are.
    """
    whole("adc.bits", bits, *ADC_BITS)
    here, there = (
        _library(SurveyADC(n_bits=bits, tech_node=each, throughput=sample_rate), "convert")
        for each in (supported(node), _STATIC_SHARE_OF)
    )
    every = here.energy + here.leakage / sample_rate
    static = min(there.leakage * leakage(node, _STATIC_SHARE_OF), every * sample_rate)
    return replace(here, energy=every - static / sample_rate, leakage=static)


@functools.cache
def dac(bits: int, node: float) -> Cost:
    """Return the cost of one DAC and of one conversion.

    `BrahmsDAC`: the capacitive DAC inside an 8-bit 1.1 GS/s SAR converter (H. Chen et al., VLSI
    Circuits 2018, doi:10.1109/VLSIC.2018.8502370), 0.29 pJ at 40 nm; energy and area with
    2^bits, latency with bits. Left out: the driver of the word line.

    Parameters
    ----------
    bits : int
    node : float, m

    Returns
    -------
    Cost
    """
    return _scaled(BrahmsDAC, "convert", node, resolution=bits)


@functools.cache
def driver(bits: int, node: float) -> Cost:
    """Return the cost of ISAAC's row driver and of applying one voltage.

    `IsaacDAC`: 0.417 pJ for one bit at 32 nm, energy and area doubling with each more (Shafiee
    et al., ISCA 2016, doi:10.1109/ISCA.2016.12: 4 mW for 8 × 128 rows). Some 200 times
    the result of `dac` for one bit, which scales a capacitive converter down to a mere switch.

    Parameters
    ----------
    bits : int
    node : float, m

    Returns
    -------
    Cost
    """
    return _scaled(IsaacDAC, "convert", node, resolution=bits)


@functools.cache
def adder(bits: int, node: float) -> Cost:
    """Return the cost of one adder and of one addition.

    `AladdinAdder`: 0.21 pJ for 32 bits at 40 nm (Y. Shao et al., ISCA 2014,
    doi:10.1109/ISCA.2014.6853196), linear in bits.

    Parameters
    ----------
    bits : int
    node : float, m

    Returns
    -------
    Cost
    """
    return _scaled(AladdinAdder, "add", node, width=bits)


@functools.cache
def comparator(bits: int, node: float) -> Cost:
    """Return the cost of one comparator and of one comparison, such as max(0, ·).

    `AladdinComparator`: 29 fJ for 32 bits at 40 nm (as `adder`), linear in bits.

    Parameters
    ----------
    bits : int
    node : float, m

    Returns
    -------
    Cost
    """
    return _scaled(AladdinComparator, "compare", node, width=bits)


@functools.cache
def multiplier(bits: int, node: float) -> Cost:
    """Return the cost of one multiplier and of one multiplication.

    `AladdinMultiplier`: 12.7 pJ for 32 bits at 40 nm (as `adder`), quadratic in bits.

    Parameters
    ----------
    bits : int
    node : float, m

    Returns
    -------
    Cost
    """
    return _scaled(AladdinMultiplier, "multiply", node, width=bits)


@functools.cache
def wire(node: float) -> float:
    """Return the energy of raising digital wire to the supply, per length.

    `Wire`: 0.2 fF/µm at 0.7 V, whatever the node.

    Parameters
    ----------
    node : float, m

    Returns
    -------
    float, J/m
    """
    return float(Wire(length=1.0, tech_node=supported(node)).read().energy)


@functools.cache
def dram(kind: str) -> float:
    """Return the energy of moving one bit to or from memory outside the chip.

    `LPDDR4` (8 pJ) and `HBM2` (6.25 pJ): the library's figures.

    Parameters
    ----------
    kind : "lpddr4" or "hbm2"

    Returns
    -------
    float, J
    """
    memory, width = {"lpddr4": (LPDDR4, 64), "hbm2": (HBM2, 1024)}[kind]
    return float(memory(width=width).read().energy / width)


@functools.cache
def shift_add(bits: int, node: float) -> Cost:
    """Return the cost of one shift-and-add unit and of one addition.

    `IsaacShiftAdd`: 0.021 pJ for 16 bits at 32 nm (Shafiee et al., ISCA 2016,
    doi:10.1109/ISCA.2016.12), linear in bits. Left out: leakage (the library has none).

    Parameters
    ----------
    bits : int
    node : float, m

    Returns
    -------
    Cost
    """
    return _scaled(IsaacShiftAdd, "shift_add", node, width=bits)


@functools.cache
def register(bits: int, node: float) -> Cost:
    """Return the cost of one register and of writing a word to it; reading costs the same.

    `AladdinRegister`: 9 fJ a bit at 40 nm (Y. Shao et al., ISCA 2014,
    doi:10.1109/ISCA.2014.6853196), linear in bits. Left out: leakage (the library has none).

    Parameters
    ----------
    bits : int
    node : float, m

    Returns
    -------
    Cost
    """
    return _scaled(AladdinRegister, "write", node, width=bits)


def supported(node: float) -> float:
    """Return a node; refuse one outside the library's range.

    Parameters
    ----------
    node : float, m

    Returns
    -------
    float, m

    Raises
    ------
    UserError
        Outside `NODES`, where the library would extrapolate.
    """
    low, high = NODES
    if not low * (1 - 1e-9) <= node <= high * (1 + 1e-9):
        raise UserError(
            f"periphery.node [m] must be in [{low:g}, {high:g}] (the nodes that component costs "
            f"are scaled to), got {node!r}"
        )
    return node


def _scaled(make: Any, action: str, node: float, **size: int) -> Cost:
    """Return a component's cost at a node, with its leakage as transistors leak there."""
    cost, own = (_library(make(tech_node=n, **size), action) for n in (supported(node), _ALADDIN))
    return replace(cost, leakage=own.leakage * leakage(node, _ALADDIN))


def _library(component: Any, action: str) -> Cost:
    """Return a component's cost as the library has it."""
    done = getattr(component, action)()
    values = (done.energy, done.latency, component.area, component.leak_power)
    assert all(math.isfinite(value) and value >= 0 for value in values)
    energy, latency, area, leakage = (float(value) for value in values)
    return Cost(energy=energy, latency=latency, area=area, leakage=leakage)
