"""Latency of one inference: the layers one after the other."""

from __future__ import annotations

from matsweep.metrics.census import census
from matsweep.metrics.metric import Metric, Run
from matsweep.metrics.periphery import circuits


def latency(run: Run) -> float:
    """Return the time of one inference, s.

    For each layer the conversion of its inputs (all rows at once), the read, the conversions of
    the columns that share an ADC one after the other, and one shift and addition after the last;
    earlier ones overlap the conversions. A serial DAC does all of this once for each bit. All
    tiles of a layer work at once.
    """
    scenario, parts, total = run.scenario, circuits(run.scenario), 0.0
    for layout, signed in zip(run.layouts, run.signed, strict=True):
        cycles = run.cycles(signed=signed)
        count = census(layout, scenario.tile, scenario.adc, cycles)
        once = parts.dac.latency + scenario.tile.read_time
        total += cycles * (once + count.turns / scenario.adc.sample_rate + parts.shift_add.latency)
    return total


LATENCY = Metric(
    name="latency",
    long_name="time of one inference",
    units="s",
    better="lower",
    dims=(),
    compute=latency,
)
