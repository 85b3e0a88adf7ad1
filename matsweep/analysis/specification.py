"""What is required, in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from matsweep.analysis.attributes import short_names
from matsweep.analysis.levelset import Box, Limit
from matsweep.analysis.studytable import Scale
from matsweep.core.units import engineering

if TYPE_CHECKING:
    from matsweep.analysis.requirements import Requirements

POOR_R2 = 0.8
"""Cross-validated r2 below which the lines of a specification say that the fit is poor."""
# Endings of parameters that are fractions: printed in percent. Stores keep no unit of parameters.
_FRACTIONS = ("scale", "cycle_to_cycle", "device_to_device", "read_noise")


def specification(found: Requirements) -> list[str]:
    """Return the limits in words: ``programming_error.scale <= 3.1 % (2.8 to 3.4 %)``.

    The first line says what all of it is for. A parameter of whole numbers is rounded to one
    that meets the target.
    """
    scales = {scale.name: scale for scale in found.surrogate.table.scales}
    short = short_names(scales)
    told = ", ".join(f"{short[n]} {quantity(scales[n], v)}" for n, v in found.best.items())
    reached = metric_text(found.best_metric, found.unit)
    lines = [f"{found.target}: the fit reaches {reached} with {told}"]
    if found.jointly is None:
        lines[0] = f"{found.target} is met nowhere: the fit reaches {reached} at best, with {told}"
    if found.surrogate.r2 < POOR_R2:
        lines.append(f"the fit explains unseen candidates poorly (r2 {found.surrogate.r2:.2f}): "
                     "sweep more points before relying on what follows")  # fmt: skip
    lines += [_limit_line(limit, scales[limit.parameter], short) for limit in found.limits]
    for box, how in ((found.jointly, "jointly"), (found.surely, "jointly and surely")):
        if box is not None:
            told = "; ".join(f"{short[n]} {_range(scales[n], box)}" for n in scales)
            lines.append(f"{how} (P >= {box.probability:.4g}): {told}")
    if found.failed:
        lines.append(f"{found.failed} candidates failed and were left out of the fit")
    return lines


def is_fraction(scale: Scale) -> bool:
    """Whether a parameter is a fraction, which people read in percent."""
    return scale.unit == "1" and scale.name.rsplit(".", 1)[-1] in _FRACTIONS


def quantity(scale: Scale, value: float) -> str:
    """Print a value of a parameter with its unit; fractions in percent."""
    if is_fraction(scale):
        return f"{100 * value:.3g} %"
    if scale.whole and value == round(value):
        return f"{value:.0f}"
    return engineering(value, scale.unit)


def _limit_line(limit: Limit, scale: Scale, short: dict[str, str]) -> str:
    name = short[limit.parameter]
    swept = f"{quantity(scale, scale.low)} to {quantity(scale, scale.high)}"
    if limit.direction == "everywhere":
        return f"{name}: met in the whole swept range, {swept}"
    if limit.direction == "nowhere":
        return f"{name}: met nowhere in the swept range, {swept}"
    upper = limit.direction == "<="
    value = scale.rounded(limit.value, down=upper)
    sure, possible = (limit.low, limit.high) if upper else (limit.high, limit.low)
    ends = [
        _end(scale, sure, "nowhere sure", down=upper),
        _end(scale, possible, "beyond the swept range", down=upper),
    ]
    told = quantity(scale, value)
    low, high = ends if upper else ends[::-1]
    between = "" if low == high == told else f" ({low} to {high})"
    return f"{name} {limit.direction} {told}{between}"


def _end(scale: Scale, value: float, unknown: str, *, down: bool) -> str:
    return unknown if math.isnan(value) else quantity(scale, scale.rounded(value, down=down))


def _range(scale: Scale, box: Box) -> str:
    """Tell one side of a box, without the ends that are those of the swept range."""
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
    """Print a metric with its unit; what may be a fraction, in percent."""
    return f"{100 * value:.2f} %" if unit == "1" and 0 <= value <= 1 else engineering(value, unit)
