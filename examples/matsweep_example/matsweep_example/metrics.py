"""Two metrics: one of the workload of this package, and one of any workload on tiles."""

from __future__ import annotations

from matsweep.metrics import Metric

ENERGY_DELAY = Metric(
    name="energy_delay",
    long_name="energy of one inference times its latency",
    units="J s",
    better="lower",
    dims=("realisation", "time"),
    compute=lambda run: run.energy * float(run.bill.latency.sum()),
)
