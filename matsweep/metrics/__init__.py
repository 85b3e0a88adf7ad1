"""What candidates are judged by; a metric is a module and a line here."""

from matsweep.metrics.accuracy import ACCURACY
from matsweep.metrics.area import AREA
from matsweep.metrics.energy import ENERGY
from matsweep.metrics.latency import LATENCY
from matsweep.metrics.metric import Metric, Run
from matsweep.metrics.periphery import check_costs
from matsweep.metrics.products import ADC_SATURATION, VMM_ERROR
from matsweep.metrics.variability import ACCURACY_P05, ACCURACY_STD
from matsweep.metrics.writing import RETENTION, WRITE_ENERGY

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        ACCURACY,
        ACCURACY_STD,
        ACCURACY_P05,
        ENERGY,
        LATENCY,
        AREA,
        VMM_ERROR,
        ADC_SATURATION,
        WRITE_ENERGY,
        RETENTION,
    )
}

__all__ = ["METRICS", "Metric", "Run", "check_costs"]
