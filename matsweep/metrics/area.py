"""Area of arrays, converters and digital parts, and its utilisation."""

from __future__ import annotations

from matsweep.metrics.metric import Evaluation, Metric
from matsweep.workloads import COSTS


def utilisation(evaluation: Evaluation) -> float:
    """Return the share of the arrays' places where a device holds a weight.

    Devices off the diagonal of blocks hold none; references count.

    Parameters
    ----------
    evaluation : Evaluation

    Returns
    -------
    float
        In [0, 1].
    """
    return evaluation.bill.used / evaluation.bill.places


AREA = Metric(
    name="area",
    long_name="area of arrays, converters and digital parts",
    units="m2",
    better="lower",
    dims=(),
    compute=lambda evaluation: float(evaluation.bill.area.sum()),
    needs=(COSTS,),
)
AREA_BREAKDOWN = Metric(
    name="area_breakdown",
    long_name="area by component",
    units="m2",
    better="lower",
    dims=("component",),
    compute=lambda evaluation: evaluation.bill.area,
    needs=(COSTS,),
)
UTILISATION = Metric(
    name="utilisation",
    long_name="share of the arrays' places that are used",
    units="1",
    better="higher",
    dims=(),
    compute=utilisation,
    needs=(COSTS,),
)
