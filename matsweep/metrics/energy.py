"""Energy of one inference: devices, converters and digital parts."""

from __future__ import annotations

from matsweep.metrics.metric import Metric
from matsweep.workloads import COSTS

ENERGY = Metric(
    name="energy",
    long_name="energy of one inference",
    units="J",
    better="lower",
    dims=("realisation", "time"),
    compute=lambda evaluation: evaluation.energy,
    needs=(COSTS, "array_power"),
)
ENERGY_BREAKDOWN = Metric(
    name="energy_breakdown",
    long_name="energy of one inference by component",
    units="J",
    better="lower",
    dims=("realisation", "time", "component"),
    compute=lambda evaluation: evaluation.energy_terms,
    needs=(COSTS, "array_power"),
)
