"""Agreement of a network on devices with the same network in floating point, and its scores."""

from __future__ import annotations

from typing import Literal

from matsweep.metrics.metric import Metric

LAYER = "layer"
"""Dimension of the weights of a network, by name."""


def _measured(
    name: str,
    long_name: str,
    better: Literal["higher", "lower"],
    more: tuple[str, ...] = (),
) -> Metric:
    """Metric that is a measure of the workload."""
    return Metric(
        name=name,
        long_name=long_name,
        units="1",
        better=better,
        dims=("realisation", "time", *more),
        compute=lambda evaluation: evaluation.measures[name],
        needs=(name,),
    )


AGREEMENT = _measured(
    "agreement", "share of samples whose class is that of the float network", "higher"
)
TOP_ACCURACY = _measured(
    "top_accuracy", "share of samples whose class is among the largest outputs", "higher"
)
OUTPUT_ERROR = _measured(
    "output_error", "rms error of the network's outputs, over the rms of those in float", "lower"
)
LAYER_VMM_ERROR = _measured(
    "layer_vmm_error",
    "rms error of a layer's analog product, over the rms of the ideal one",
    "lower",
    (LAYER,),
)
NRMSE = _measured("nrmse", "rms error of the outputs, over the deviation of the targets", "lower")
R2 = _measured("r2", "share of the targets' variance that the outputs explain", "higher")
FLOAT_MERIT = Metric(
    name="float_merit",
    long_name="merit in floating point of a network trained for devices",
    units="1",
    better="",
    dims=(),
    compute=lambda evaluation: float(evaluation.measures["float_merit"][0]),
    needs=("float_merit",),
)
TOKEN_ACCURACY = _measured(
    "token_accuracy", "share of the tokens of all sequences classified correctly", "higher"
)
