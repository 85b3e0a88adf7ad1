"""Accuracy of the analog products, independent of the network."""

from __future__ import annotations

from matsweep.metrics.metric import Metric

VMM_ERROR = Metric(
    name="vmm_error",
    long_name="rms error of the analog product, over the rms of the ideal one",
    units="1",
    better="lower",
    dims=("realisation", "time"),
    compute=lambda evaluation: evaluation.measures["vmm_error"],
    needs=("vmm_error",),
)
ADC_SATURATION = Metric(
    name="adc_saturation",
    long_name="share of the ADC's conversions that saturate",
    units="1",
    better="lower",
    dims=("realisation", "time"),
    compute=lambda evaluation: evaluation.measures["saturated"],
    needs=("saturated",),
)
