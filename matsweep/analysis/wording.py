"""Limits, boxes and values of parameters in words."""

from __future__ import annotations

import math

from matsweep.analysis.levelset import Box, Limit
from matsweep.analysis.studytable import Scale
from matsweep.core.units import engineering

# Endings of parameters that are fractions: printed in percent. Stores keep no unit of parameters.
_FRACTIONS = ("scale", "cycle_to_cycle", "device_to_device", "read_noise", "programming_error")
_SHARES = "device.stuck_at."  # a part of which every number is a fraction


def is_fraction(scale: Scale) -> bool:
    """Whether a parameter is a fraction, which people read in percent.

    Parameters
    ----------
    scale : Scale

    Returns
    -------
    bool
    """
    known = scale.name.rsplit(".", 1)[-1] in _FRACTIONS or scale.name.startswith(_SHARES)
    return scale.unit == "1" and known


def quantity(scale: Scale, value: float) -> str:
    """Format a value of a parameter with its unit; fractions in percent.

    Parameters
    ----------
    scale : Scale
    value : float
        In the parameter's unit.

    Returns
    -------
    str
    """
    if is_fraction(scale):
        return f"{100 * value:.3g} %"
    if scale.whole and value == round(value):
        return f"{value:.0f}"
    return engineering(value, scale.unit)


def limit_line(limit: Limit, scale: Scale, name: str, confidence: float) -> str:
    """Describe a limit in words: ``scale <= 3.1 % (2.8 to 3.4 %)``.

    Where no swept value is surely enough: ``bits >= 6 (perhaps 5; no swept value is 97.5 % sure)``.

    Parameters
    ----------
    limit : Limit
    scale : Scale
        Of its parameter.
    name : str
        Short name of the parameter.
    confidence : float
        Of the interval.

    Returns
    -------
    str
    """
    swept = f"{quantity(scale, scale.low)} to {quantity(scale, scale.high)}"
    if limit.direction == "everywhere":
        return f"{name}: met in the whole swept range, {swept}"
    if limit.direction == "nowhere":
        return f"{name}: met nowhere in the swept range, {swept}"
    upper = limit.direction == "<="
    value = scale.rounded(limit.value, down=upper)
    bound = quantity(scale, value)
    sure, possible = (
        "" if math.isnan(end) else quantity(scale, scale.rounded(end, down=upper))
        for end in ((limit.low, limit.high) if upper else (limit.high, limit.low))
    )
    ends = (sure, possible or "beyond the swept range")
    low, high = ends if upper else ends[::-1]
    between = "" if low == high == bound else f" ({low} to {high})"
    if not sure:
        perhaps = "" if possible == bound else f"perhaps {possible or 'any swept value'}; "
        percent = f"{50 * (1 + confidence):.4g} %"
        between = f" ({perhaps}no swept value is {percent} sure)"
    return f"{name} {limit.direction} {bound}{between}"


def side(scale: Scale, box: Box) -> str:
    """Describe one side of a box in words, without the ends of the swept range.

    Parameters
    ----------
    scale : Scale
    box : Box

    Returns
    -------
    str
    """
    low, high = box.low[scale.name], box.high[scale.name]
    tiny = 1e-9 * (scale.high - scale.low)
    from_low, to_high = low <= scale.low + tiny, high >= scale.high - tiny
    if from_low and to_high:
        return "as swept"
    bottom, top = (
        quantity(scale, scale.rounded(value, down=upper))
        for value, upper in ((low, False), (high, True))
    )
    if bottom == top:
        return bottom
    return f"<= {top}" if from_low else f">= {bottom}" if to_high else f"{bottom} to {top}"


def metric_text(value: float, unit: str) -> str:
    """Format a metric with its unit; values that may be fractions in percent.

    Parameters
    ----------
    value : float
    unit : str

    Returns
    -------
    str
    """
    return f"{100 * value:.2f} %" if unit == "1" and 0 <= value <= 1 else engineering(value, unit)
