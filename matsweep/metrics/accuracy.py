"""Accuracy of the network on the device."""

from __future__ import annotations

from matsweep.metrics.metric import Metric

ACCURACY = Metric(
    name="accuracy",
    long_name="share of held-out samples classified correctly",
    units="1",
    better="higher",
    dims=("realisation", "time"),
    compute=lambda evaluation: evaluation.measures["correct"],
    needs=("correct",),
)
