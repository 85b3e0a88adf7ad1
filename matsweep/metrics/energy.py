"""Energy of one inference: devices, converters and digital parts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.metrics.costs.periphery import ADC_SOURCES, check_costs
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
    return by_source(evaluation, lambda other: other.energy)


def by_source(evaluation: Evaluation, compute: Callable[[Evaluation], FloatArray]) -> FloatArray:
    """Compute a cost by each source of ADC costs.

    Parameters
    ----------
    evaluation : Evaluation
    compute : function of an Evaluation
        Returns a (…) array.

    Returns
    -------
    (…, adc_source) array
        In the order of `ADC_SOURCES`; not a number where a source does not have the ADC's bits.
    """
    used = compute(evaluation)
    columns = []
    for source in ADC_SOURCES:
        other = _with_source(evaluation, source)
        columns.append(np.full(used.shape, np.nan) if other is None else compute(other))
    return np.stack(columns, axis=-1)


def _with_source(evaluation: Evaluation, source: str) -> Evaluation | None:
    """Return the evaluation with another source; None where it does not have the ADC's bits."""
    scenario = evaluation.scenario
    if source == scenario.periphery.adc_source:
        return evaluation
    periphery = dataclasses.replace(scenario.periphery, adc_source=source)
    other = dataclasses.replace(scenario, periphery=periphery)
    try:
        check_costs(other)
    except UserError:
        return None
    return dataclasses.replace(evaluation, scenario=other)


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
