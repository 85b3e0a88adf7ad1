"""What the whole system does for its energy, area and power; 1 MAC counts as 2 operations."""

from __future__ import annotations

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.metrics.latency import throughput
from matsweep.metrics.metric import Metric, Run


def tops_per_watt(run: Run) -> FloatArray:
    """Return operations over energy, (realisation, time) TOPS/W: of weights, not of cells."""
    return np.asarray(run.operations / run.energy / 1e12)


def tops_per_mm2(run: Run) -> float:
    """Return operations per second over area, TOPS/mm²."""
    return run.operations * throughput(run) / 1e12 / (float(run.bill.area.sum()) / 1e-6)


def static_power(run: Run) -> float:
    """Return the leakage of all copies, W."""
    return run.bill.leakage * run.scenario.periphery.replication


TOPS_PER_WATT = Metric(
    name="tops_per_watt",
    long_name="operations per energy (1 MAC = 2 operations)",
    units="TOPS/W",
    better="higher",
    dims=("realisation", "time"),
    compute=tops_per_watt,
)
TOPS_PER_MM2 = Metric(
    name="tops_per_mm2",
    long_name="operations per time and area (1 MAC = 2 operations)",
    units="TOPS/mm2",
    better="higher",
    dims=(),
    compute=tops_per_mm2,
)
STATIC_POWER = Metric(
    name="static_power",
    long_name="power that circuits draw all the time",
    units="W",
    better="lower",
    dims=(),
    compute=static_power,
)
