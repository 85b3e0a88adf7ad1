"""Latency of one inference, the layers one after the other, and how many are done in a second."""

from __future__ import annotations

from matsweep.metrics.metric import Evaluation, Metric
from matsweep.workloads import COSTS


def throughput(evaluation: Evaluation) -> float:
    """Return the inferences per second of all copies, 1/s.

    Of one copy the next begins when the one before is through or, where it is a pipeline, when
    the slowest stage of the slowest layer is free.
    """
    return evaluation.scenario.periphery.replication / evaluation.bill.interval


LATENCY = Metric(
    name="latency",
    long_name="time of one inference",
    units="s",
    better="lower",
    dims=(),
    compute=lambda evaluation: float(evaluation.bill.latency.sum()),
    needs=(COSTS,),
)
LATENCY_BREAKDOWN = Metric(
    name="latency_breakdown",
    long_name="time of one inference by component",
    units="s",
    better="lower",
    dims=("component",),
    compute=lambda evaluation: evaluation.bill.latency,
    needs=(COSTS,),
)
THROUGHPUT = Metric(
    name="throughput",
    long_name="inferences per second",
    units="1/s",
    better="higher",
    dims=(),
    compute=throughput,
    needs=(COSTS,),
)
