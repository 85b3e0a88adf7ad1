"""Metrics of candidates; a metric is a module and a line here, or comes from another package."""

from matsweep.devices.unknown import PATHS
from matsweep.metrics.accuracy import ACCURACY
from matsweep.metrics.area import AREA, AREA_BREAKDOWN, UTILISATION
from matsweep.metrics.costs.baselines import (
    BASELINE_ENERGY,
    BASELINES,
    ENERGY_ADVANTAGE,
    TRAINING_BASELINE_ENERGY,
    TRAINING_ENERGY_ADVANTAGE,
)
from matsweep.metrics.costs.periphery import ADC_SOURCES, check_costs, converter_costs
from matsweep.metrics.costs.terms import COMPONENTS
from matsweep.metrics.costs.writing import PROGRAMMING_ENERGY, RETENTION, WRITE_ENERGY
from matsweep.metrics.energy import ENERGY, ENERGY_BREAKDOWN, ENERGY_BY_SOURCE
from matsweep.metrics.latency import LATENCY, LATENCY_BREAKDOWN, THROUGHPUT
from matsweep.metrics.metric import METRICS, Evaluation, Metric, available, needs
from matsweep.metrics.network import (
    AGREEMENT,
    FLOAT_MERIT,
    LAYER,
    LAYER_VMM_ERROR,
    NRMSE,
    OUTPUT_ERROR,
    R2,
    TOKEN_ACCURACY,
    TOP_ACCURACY,
)
from matsweep.metrics.products import ADC_SATURATION, VMM_ERROR
from matsweep.metrics.programming import (
    MISSED_DEVICES,
    PROGRAMMING_ERROR,
    PULSE_NOISE,
    PULSE_STEP,
    WRITE_TOLERANCE,
)
from matsweep.metrics.system import STATIC_POWER, TOPS_PER_MM2, TOPS_PER_WATT
from matsweep.metrics.training import (
    LEARNING_ACCURACY,
    PULSES_MEAN,
    PULSES_P999,
    TRAINING_ENERGY,
    TRAINING_ENERGY_BREAKDOWN,
    TRAINING_ENERGY_BY_SOURCE,
    TRAINING_WRITE_ENERGY,
    TRAINING_WRITE_TIME,
)
from matsweep.metrics.unknown import UNKNOWN
from matsweep.metrics.variability import ACCURACY_P05, ACCURACY_STD

METRICS.enter_own(
    (
        ACCURACY,
        ACCURACY_STD,
        ACCURACY_P05,
        TOP_ACCURACY,
        AGREEMENT,
        OUTPUT_ERROR,
        NRMSE,
        R2,
        TOKEN_ACCURACY,
        FLOAT_MERIT,
        ENERGY,
        LATENCY,
        AREA,
        ENERGY_BREAKDOWN,
        ENERGY_BY_SOURCE,
        LATENCY_BREAKDOWN,
        AREA_BREAKDOWN,
        UTILISATION,
        THROUGHPUT,
        TOPS_PER_WATT,
        TOPS_PER_MM2,
        STATIC_POWER,
        BASELINE_ENERGY,
        ENERGY_ADVANTAGE,
        VMM_ERROR,
        LAYER_VMM_ERROR,
        ADC_SATURATION,
        PROGRAMMING_ERROR,
        MISSED_DEVICES,
        PULSE_STEP,
        PULSE_NOISE,
        WRITE_TOLERANCE,
        WRITE_ENERGY,
        PROGRAMMING_ENERGY,
        RETENTION,
        LEARNING_ACCURACY,
        PULSES_MEAN,
        PULSES_P999,
        TRAINING_WRITE_ENERGY,
        TRAINING_WRITE_TIME,
        TRAINING_ENERGY,
        TRAINING_ENERGY_BREAKDOWN,
        TRAINING_ENERGY_BY_SOURCE,
        TRAINING_BASELINE_ENERGY,
        TRAINING_ENERGY_ADVANTAGE,
        UNKNOWN,
    )
)


COORDINATES = {
    "component": COMPONENTS,
    "baseline": BASELINES,
    "adc_source": tuple(ADC_SOURCES),
    "parameter": PATHS,
}
"""Values of the dimensions that the package's metrics bring, by name."""

PARTS = frozenset({*COORDINATES, LAYER})
"""Dimensions that list parts of a metric: no single one of its values judges a candidate."""


__all__ = [
    "COORDINATES",
    "METRICS",
    "PARTS",
    "Evaluation",
    "Metric",
    "available",
    "check_costs",
    "converter_costs",
    "needs",
]
