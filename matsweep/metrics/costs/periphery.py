"""Costs of the circuits of one scenario."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from matsweep.core.checks import UserError, one_of
from matsweep.crossbar import ADC, DAC
from matsweep.metrics.costs import cited, components, digital
from matsweep.metrics.costs.components import Cost
from matsweep.scenario import Periphery, Scenario

ADC_SOURCES: dict[str, Callable[[int, float, float], Cost]] = {
    "regression": components.adc,
    "isaac": cited.isaac_adc,
    "survey": functools.partial(cited.survey, sar=False),
    "survey_sar": functools.partial(cited.survey, sar=True),
    "neuron": cited.neuron,
}
"""ADC cost by bits, node [m] and rate [Hz]: they differ by an order of magnitude and more.

The default is `survey`, the median of all that was published: what a designer can expect to build.
It is within 1.4 times of a chip with a converter a column, where `regression`, on the best of each
time, is 20 times below.
"""

INTEGRATING = frozenset({"neuron"})
"""ADC sources whose energy contains the integration of several reads."""

DAC_SOURCES: dict[str, Callable[[int, float], Cost]] = {
    "capacitive": components.dac,
    "driver": components.driver,
}
"""DAC cost by bits and node [m]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuits:
    """Costs of one of each circuit around the arrays; `wire` in J/m, `digital` by kind."""

    dac: Cost
    adc: Cost
    shift_add: Cost
    adder: Cost
    register: Cost
    wire: float
    digital: Mapping[str, Cost]


def circuits(scenario: Scenario) -> Circuits:
    """Return the costs of a scenario's circuits; each is computed once and kept.

    Parameters
    ----------
    scenario : Scenario

    Returns
    -------
    Circuits

    Raises
    ------
    UserError
        If no model exists for its node, its bits or the source of its converters' costs.
    """
    return _circuits(scenario.periphery, scenario.dac, scenario.adc)


@functools.lru_cache(maxsize=1024)
def _circuits(periphery: Periphery, dac: DAC, adc: ADC) -> Circuits:
    node, bits = periphery.node, periphery.accumulator_bits
    of_adc = one_of("periphery.adc_source", periphery.adc_source, ADC_SOURCES)
    of_dac = one_of("periphery.dac_source", periphery.dac_source, DAC_SOURCES)
    return Circuits(
        dac=DAC_SOURCES[of_dac](1 if dac.serial else dac.bits, node),
        adc=ADC_SOURCES[of_adc](adc.bits, node, adc.sample_rate),
        shift_add=components.shift_add(bits, node),
        adder=components.adder(bits, node),
        register=components.register(bits, node),
        wire=components.wire(node),
        digital={kind: digital.unit(kind, bits, node) for kind in digital.UNITS},
    )


def converter_costs(scenario: Scenario) -> dict[str, Any]:
    """Return the energy of one conversion by each source that supports the ADC's bits.

    Leakage during the conversion is included. Reports show all sources, as they differ widely.

    Parameters
    ----------
    scenario : Scenario

    Returns
    -------
    dict
        `used` (source of the scenario), `bits`, `node` [m], and `joules` by source [J].
    """
    bits, rate = scenario.adc.bits, scenario.adc.sample_rate
    joules = {}
    for name, source in ADC_SOURCES.items():
        try:
            cost = source(bits, scenario.periphery.node, rate)
        except UserError:
            continue
        joules[name] = cost.energy + cost.leakage / rate
    used = scenario.periphery.adc_source
    return {"used": used, "bits": bits, "node": scenario.periphery.node, "joules": joules}


def check_costs(scenario: Scenario) -> None:
    """Refuse a scenario with circuits that no cost model covers.

    Parameters
    ----------
    scenario : Scenario

    Raises
    ------
    UserError
        As `circuits` does.
    """
    circuits(scenario)
