"""Numbers drawn for what a material does not state."""

from matsweep.metrics.metric import Metric
from matsweep.scenario import DRAWS

UNKNOWN = Metric(
    name="unknown",
    long_name="number drawn for a parameter that the material does not state",
    units="",
    better="",
    dims=("realisation", "parameter"),
    compute=lambda evaluation: evaluation.measures[DRAWS],
    needs=(DRAWS,),
    partial=True,
)
