"""What candidates are judged by; a metric is a module and a line here."""

from matsweep.metrics.accuracy import ACCURACY
from matsweep.metrics.area import AREA
from matsweep.metrics.energy import ENERGY
from matsweep.metrics.latency import LATENCY
from matsweep.metrics.learning import (
    LEARNING_ACCURACY,
    PULSES_MEAN,
    PULSES_P999,
    TRAINING_ENERGY,
    TRAINING_WRITE_ENERGY,
    TRAINING_WRITE_TIME,
)
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
        LEARNING_ACCURACY,
        PULSES_MEAN,
        PULSES_P999,
        TRAINING_WRITE_ENERGY,
        TRAINING_WRITE_TIME,
        TRAINING_ENERGY,
    )
}


def measured(*, learning: bool) -> dict[str, Metric]:
    """Return the metrics of a network that learns on its devices, or of one that does not."""
    return {name: metric for name, metric in METRICS.items() if learning or not metric.learning}


__all__ = ["METRICS", "Metric", "Run", "check_costs", "measured"]
