"""Latency of one inference, layer after layer, and inferences per second."""

from __future__ import annotations

from matsweep.metrics.metric import Evaluation, Metric
from matsweep.workloads import COSTS


def throughput(evaluation: Evaluation) -> float:
    """Return the inferences per second of all copies.

    A copy takes the next sample when the last is through or, in a pipeline, when the slowest stage
    of the slowest layer is free.

    Parameters
    ----------
    evaluation : Evaluation

    Returns
    -------
    float, 1/s
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
