"""Energy of one inference: devices, converters and digital parts."""

from __future__ import annotations

from matsweep.metrics import components
from matsweep.metrics.census import census
from matsweep.metrics.latency import latency
from matsweep.metrics.metric import Metric, Run
from matsweep.streams import FloatArray


def array_energy(run: Run) -> FloatArray:
    """Return the energy that the devices dissipate, (realisation, time) J.

    sum V² G over all devices of all layers, averaged over the samples' real inputs, times the
    read time. Wires are ideal: their own dissipation is left out.
    """
    return run.inference.array_power * run.scenario.tile.read_time


def periphery_energy(run: Run) -> float:
    """Return the energy of converters and digital parts, J.

    Every DAC and ADC conversion, a shift and addition for each converted number, a write and a
    read of each output's register, and the parts' leakage for as long as the inference takes.
    Left out: control, routing between tiles, and buffers for images.
    """
    scenario, total, leakage = run.scenario, 0.0, 0.0
    node, bits = scenario.periphery.node, scenario.periphery.accumulator_bits
    dac = components.dac(scenario.dac.bits, node)
    adc = components.adc(scenario.adc.bits, node, scenario.adc.sample_rate)
    add, register = components.shift_add(bits, node), components.register(bits, node)
    for layout in run.layouts:
        parts = census(layout, scenario.tile, scenario.adc)
        total += parts.dac_conversions * dac.energy
        total += parts.adc_conversions * adc.energy
        total += parts.additions * add.energy
        total += 2 * parts.outputs * register.energy
        leakage += parts.dacs * dac.leakage + parts.adcs * (adc.leakage + add.leakage)
        leakage += parts.outputs * register.leakage
    return total + leakage * latency(run)


ENERGY = Metric(
    name="energy",
    long_name="energy of one inference",
    units="J",
    better="lower",
    dims=("realisation", "time"),
    compute=lambda run: array_energy(run) + periphery_energy(run),
)
