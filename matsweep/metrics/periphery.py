"""The costs of the circuits of one scenario."""

from __future__ import annotations

from dataclasses import dataclass

from matsweep.metrics import components
from matsweep.metrics.components import Cost
from matsweep.scenario import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuits:
    """What one of each circuit around the arrays costs."""

    dac: Cost
    adc: Cost
    shift_add: Cost
    register: Cost


def circuits(scenario: Scenario) -> Circuits:
    """Return the costs of a scenario's circuits.

    Raises
    ------
    UserError
        If there is no model for its node or its bits.
    """
    node, bits = scenario.periphery.node, scenario.periphery.accumulator_bits
    return Circuits(
        dac=components.dac(1 if scenario.dac.serial else scenario.dac.bits, node),
        adc=components.adc(scenario.adc.bits, node, scenario.adc.sample_rate),
        shift_add=components.shift_add(bits, node),
        register=components.register(bits, node),
    )


def check_costs(scenario: Scenario) -> None:
    """Refuse a scenario whose circuits there is no cost model for (`UserError`)."""
    circuits(scenario)
