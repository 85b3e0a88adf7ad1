"""Area of the arrays, their converters and digital parts, and how much of it is used."""

from __future__ import annotations

from matsweep.metrics.bill import exact
from matsweep.metrics.metric import Metric, Run
from matsweep.streams import FloatArray


def area_breakdown(run: Run) -> FloatArray:
    """Return the area by component, (component,) m²; see `matsweep.metrics.bill`."""
    return exact(run.bill.area)


def utilisation(run: Run) -> float:
    """Return the share of the places of all arrays where a device holds a weight."""
    counts = run.bill.census
    return sum(count.devices for count in counts) / sum(count.places for count in counts)


AREA = Metric(
    name="area",
    long_name="area of arrays, converters and digital parts",
    units="m2",
    better="lower",
    dims=(),
    compute=lambda run: float(area_breakdown(run).sum()),
)
AREA_BREAKDOWN = Metric(
    name="area_breakdown",
    long_name="area by component",
    units="m2",
    better="lower",
    dims=("component",),
    compute=area_breakdown,
)
UTILISATION = Metric(
    name="utilisation",
    long_name="share of the arrays' places that are used",
    units="1",
    better="higher",
    dims=(),
    compute=utilisation,
)
