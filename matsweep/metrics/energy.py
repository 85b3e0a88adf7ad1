"""Energy of one inference: devices, converters and digital parts."""

from __future__ import annotations

import dataclasses

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.metrics.costs.bill import bill, itemised
from matsweep.metrics.costs.periphery import ADC_SOURCES
from matsweep.metrics.metric import Evaluation, Metric
from matsweep.workloads import COSTS


def energy_by_source(evaluation: Evaluation) -> FloatArray:
    """Return the energy of one inference by each source of ADC costs.

    Parameters
    ----------
    evaluation : Evaluation

    Returns
    -------
    (realisation, time, adc_source) array, J
        In the order of `ADC_SOURCES`; not a number where a source does not have the ADC's bits.
    """
    return np.stack([_energy(evaluation, source) for source in ADC_SOURCES], axis=-1)


def _energy(evaluation: Evaluation, source: str) -> FloatArray:
    """Return the energy of one inference by one source, (realisation, time) J."""
    scenario = evaluation.scenario
    if source == scenario.periphery.adc_source:
        return evaluation.energy
    periphery = dataclasses.replace(scenario.periphery, adc_source=source)
    other = dataclasses.replace(scenario, periphery=periphery)
    power = evaluation.measures["array_power"]
    try:
        circuits = bill(other, evaluation.layouts, evaluation.usages, evaluation.ends)
    except UserError:
        return np.full(power.shape, np.nan)
    return np.asarray(itemised(circuits, power).sum(axis=-1))


ENERGY = Metric(
    name="energy",
    long_name="energy of one inference",
    units="J",
    better="lower",
    dims=("realisation", "time"),
    compute=lambda evaluation: evaluation.energy,
    needs=(COSTS, "array_power"),
)
ENERGY_BREAKDOWN = Metric(
    name="energy_breakdown",
    long_name="energy of one inference by component",
    units="J",
    better="lower",
    dims=("realisation", "time", "component"),
    compute=lambda evaluation: evaluation.energy_terms,
    needs=(COSTS, "array_power"),
)
ENERGY_BY_SOURCE = Metric(
    name="energy_by_source",
    long_name="energy of one inference by each source of ADC costs",
    units="J",
    better="lower",
    dims=("realisation", "time", "adc_source"),
    compute=energy_by_source,
    needs=(COSTS, "array_power"),
    partial=True,
)
