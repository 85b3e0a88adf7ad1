"""Area of the arrays, their converters and digital parts."""

from __future__ import annotations

from matsweep.metrics import components
from matsweep.metrics.census import census
from matsweep.metrics.metric import Metric, Run


def area(run: Run) -> float:
    """Return the area, m².

    Whole tiles, used or not: their cells (cell_size F²), a DAC each row, their ADCs with a
    shift-and-add each, and a register for each output of a layer. Left out: wiring between
    tiles, control, and buffers.
    """
    scenario = run.scenario
    node, bits = scenario.periphery.node, scenario.periphery.accumulator_bits
    cell = scenario.device.cell_size * node**2
    dac = components.dac(scenario.dac.bits, node)
    adc = components.adc(scenario.adc.bits, node, scenario.adc.sample_rate)
    add, register = components.shift_add(bits, node), components.register(bits, node)
    total = 0.0
    for layout in run.layouts:
        parts = census(layout, scenario.tile, scenario.adc)
        total += parts.tiles * scenario.tile.rows * scenario.tile.columns * cell
        total += parts.dacs * dac.area + parts.adcs * (adc.area + add.area)
        total += parts.outputs * register.area
    return total


AREA = Metric(
    name="area",
    long_name="area of arrays, converters and digital parts",
    units="m2",
    better="lower",
    dims=(),
    compute=area,
)
