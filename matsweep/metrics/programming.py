"""Error of programming, and the pulses that cause it."""

from __future__ import annotations

import math

from matsweep.devices.programming import SinglePulse, single_pulse
from matsweep.metrics.metric import Evaluation, Metric


def one_pulse(evaluation: Evaluation) -> SinglePulse:
    """Return steps and noise of one pulse in the middle of the range.

    Parameters
    ----------
    evaluation : Evaluation

    Returns
    -------
    SinglePulse, fractions of the range
        Not numbers where the material states no response to pulses.
    """
    model = evaluation.scenario.device.pulse_model
    return SinglePulse(math.nan, math.nan, math.nan) if model is None else single_pulse(model)


def write_tolerance(evaluation: Evaluation) -> float:
    """Return the distance from its level at which a read accepts a device.

    Parameters
    ----------
    evaluation : Evaluation

    Returns
    -------
    float, fraction of the range
        Not a number where devices are not verified.
    """
    scheme = evaluation.scenario.device.scheme
    return math.nan if scheme is None else scheme[0]


PROGRAMMING_ERROR = Metric(
    name="programming_error",
    long_name="rms distance of devices from their levels after programming, over the range",
    units="1",
    better="lower",
    dims=("realisation",),
    compute=lambda evaluation: evaluation.measures["programming_error"],
    needs=("programming_error",),
)
MISSED_DEVICES = Metric(
    name="missed_devices",
    long_name="share of devices that write and verify leaves beyond its tolerance",
    units="1",
    better="lower",
    dims=("realisation",),
    compute=lambda evaluation: evaluation.measures["missed"],
    needs=("missed",),
    partial=True,
)
PULSE_STEP = Metric(
    name="pulse_step",
    long_name="mean step of one pulse in the middle of the range",
    units="1",
    better="lower",
    dims=(),
    compute=lambda evaluation: one_pulse(evaluation).step,
    partial=True,
)
PULSE_NOISE = Metric(
    name="pulse_noise",
    long_name="noise of one pulse in the middle of the range",
    units="1",
    better="lower",
    dims=(),
    compute=lambda evaluation: one_pulse(evaluation).noise,
    partial=True,
)
WRITE_TOLERANCE = Metric(
    name="write_tolerance",
    long_name="distance from its level at which write and verify accepts a device, over the range",
    units="1",
    better="lower",
    dims=(),
    compute=write_tolerance,
    partial=True,
)
