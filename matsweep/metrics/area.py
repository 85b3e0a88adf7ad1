"""Area of the arrays, their converters and digital parts."""

from __future__ import annotations

from matsweep.metrics.census import census
from matsweep.metrics.metric import Metric, Run
from matsweep.metrics.periphery import circuits


def area(run: Run) -> float:
    """Return the area, m².

    Whole tiles, used or not: their cells (cell_size F², or more where wires need a larger
    pitch), a DAC each row and end that is driven, their ADCs with a shift-and-add each, and a
    register for each output of a layer. Left out: wiring between tiles, control, and buffers.
    """
    scenario, parts, total = run.scenario, circuits(run.scenario), 0.0
    cell = scenario.wires.pitch(scenario.device.cell_size, scenario.periphery.node) ** 2
    for layout in run.layouts:
        count = census(layout, scenario.tile, scenario.adc, ends=run.ends)
        total += count.tiles * scenario.tile.rows * scenario.tile.columns * cell
        total += count.dacs * parts.dac.area
        total += count.adcs * (parts.adc.area + parts.shift_add.area)
        total += count.outputs * parts.register.area
    return total


AREA = Metric(
    name="area",
    long_name="area of arrays, converters and digital parts",
    units="m2",
    better="lower",
    dims=(),
    compute=area,
)
