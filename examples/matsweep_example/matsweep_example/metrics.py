"""Two metrics: one of this package's workload, and one of any workload on tiles."""

from __future__ import annotations

from matsweep.metrics import Metric
from matsweep.workloads import COSTS

RECALLED = Metric(
    name="recalled",
    long_name="share of the bits of all patterns recalled",
    units="1",
    better="higher",
    dims=("realisation", "time"),
    needs=("right",),
    compute=lambda evaluation: evaluation.measures["right"],
)

ENERGY_DELAY = Metric(
    name="energy_delay",
    long_name="energy of one inference times its latency",
    units="J s",
    better="lower",
    dims=("realisation", "time"),
    needs=(COSTS, "array_power"),
    compute=lambda evaluation: evaluation.energy * float(evaluation.bill.latency.sum()),
)
