"""Energy of one inference: devices, converters and digital parts."""

from __future__ import annotations

from matsweep.metrics.census import census
from matsweep.metrics.latency import latency
from matsweep.metrics.metric import Metric, Run
from matsweep.metrics.periphery import circuits
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
    parts, total, leakage = circuits(run.scenario), 0.0, 0.0
    for layout in run.layouts:
        count = census(layout, run.scenario.tile, run.scenario.adc)
        total += count.dac_conversions * parts.dac.energy
        total += count.adc_conversions * parts.adc.energy
        total += count.additions * parts.shift_add.energy
        total += 2 * count.outputs * parts.register.energy
        leakage += count.dacs * parts.dac.leakage
        leakage += count.adcs * (parts.adc.leakage + parts.shift_add.leakage)
        leakage += count.outputs * parts.register.leakage
    return total + leakage * latency(run)


ENERGY = Metric(
    name="energy",
    long_name="energy of one inference",
    units="J",
    better="lower",
    dims=("realisation", "time"),
    compute=lambda run: array_energy(run) + periphery_energy(run),
)
