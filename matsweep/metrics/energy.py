"""Energy of one inference: devices, converters and digital parts."""

from __future__ import annotations

from matsweep.metrics.census import census
from matsweep.metrics.latency import latency
from matsweep.metrics.metric import Metric, Run
from matsweep.metrics.periphery import circuits
from matsweep.streams import FloatArray


def array_energy(run: Run) -> FloatArray:
    """Return the energy that the arrays take from their drivers, (realisation, time) J.

    The power that devices, access devices, wires, drivers and sense amplifiers' inputs dissipate
    together (sum V² G of the devices without wires), averaged over the samples' real inputs,
    times the read time, plus the charging of the lines, see `line_energy`.
    """
    return run.inference.array_power * run.scenario.tile.read_time + line_energy(run)


def line_energy(run: Run) -> float:
    """Return the energy of charging word lines to the read voltage, J.

    C V² for every used word line over the whole width of its array, in every cycle: an upper
    bound, as an input below the largest charges to less. Bit lines stay at their virtual ground.
    """
    scenario, total = run.scenario, 0.0
    cell, node = scenario.device.cell_size, scenario.periphery.node
    segment = scenario.wires.segment_capacitance(cell, node)
    for layout, signed in zip(run.layouts, run.signed, strict=True):
        lines = layout.inputs * layout.cells * layout.column_tiles
        charge = segment * scenario.tile.columns * scenario.device.read_voltage
        cycles = scenario.dac.cycles(signed=signed)
        total += cycles * lines * charge * scenario.device.read_voltage
    return total


def periphery_energy(run: Run) -> float:
    """Return the energy of converters and digital parts, J.

    Every DAC and ADC conversion (two DACs for a row that is driven at both ends), a shift and
    addition for each converted number, a write and a read of each output's register, and the
    parts' leakage for as long as the inference takes.
    Left out: control, routing between tiles, and buffers for images.
    """
    parts, total, leakage = circuits(run.scenario), 0.0, 0.0
    for layout, signed in zip(run.layouts, run.signed, strict=True):
        cycles = run.cycles(signed=signed)
        count = census(layout, run.scenario.tile, run.scenario.adc, cycles, run.ends)
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
