"""Accuracy during training in the crossbar, and the energy, time and pulses of the training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.metrics.costs.bill import read_back
from matsweep.metrics.costs.terms import COMPONENTS, exact
from matsweep.metrics.costs.writing import half_select_energy
from matsweep.metrics.energy import by_source
from matsweep.metrics.metric import Evaluation, Metric
from matsweep.workloads import COSTS

TRAINING = (COSTS, "array_power", "updates", "write_time", "write_energy", "pulses_mean")


def training_breakdown(evaluation: Evaluation) -> FloatArray:
    """Return the energy of the whole training by component.

    Writing: all pulses, and the dissipation of half-selected cells in each. The rest: for each
    training sample one forward read, arrays being as at the end of the training (the first of the
    times), and, where errors go back through the tiles, one backward read (`read_back`; its cells
    are taken to draw the upper layers' share of the weights of their forward draw). Leakage: for as
    long as these reads and all pulses last, one after the other, with nothing switched off. Left
    out: the repeated reads of bound management, a rule's own reads (transfers, verification), the
    tests during training, and the digital memory of rules that accumulate or keep a copy.

    Parameters
    ----------
    evaluation : Evaluation

    Returns
    -------
    (realisation, component) array, J
        `COMPONENTS`; not a number where the material states no pulse.
    """
    updates, measures = evaluation.measures["updates"], evaluation.measures
    terms = updates[:, None] * evaluation.energy_terms[:, 0]
    passing = float(evaluation.bill.latency.sum())
    upper = sum(usage.weights * usage.uses_back for usage in evaluation.usages)
    if upper:
        share = upper / sum(usage.weights * usage.uses for usage in evaluation.usages)
        terms[:, COMPONENTS.index("cells")] *= 1 + share
        energy, time = read_back(evaluation.scenario, evaluation.layouts, evaluation.usages)
        terms, passing = terms + updates[:, None] * energy, passing + time
    busy = updates * passing + measures["write_time"]
    terms[:, COMPONENTS.index("leakage")] = evaluation.bill.leakage * busy
    pulses = measures["pulses_mean"] * sum(count.devices for count in evaluation.bill.census)
    writing = measures["write_energy"] + pulses * half_select_energy(evaluation)
    terms[:, COMPONENTS.index("writing")] = writing
    return exact(terms)


def training_energy(evaluation: Evaluation) -> FloatArray:
    """Return the energy of the whole training: the sum of its components.

    Parameters
    ----------
    evaluation : Evaluation

    Returns
    -------
    (realisation,) array, J
    """
    return np.asarray(training_breakdown(evaluation).sum(axis=-1))


def training_energy_by_source(evaluation: Evaluation) -> FloatArray:
    """Return the energy of the whole training by each source of ADC costs.

    Parameters
    ----------
    evaluation : Evaluation

    Returns
    -------
    (realisation, adc_source) array, J
        In the order of `ADC_SOURCES`; not a number where a source does not have the ADC's bits.
    """
    return by_source(evaluation, training_energy)


def _of_realisations(
    name: str,
    long_name: str,
    units: str,
    compute: Callable[[Evaluation], FloatArray],
    *,
    needs: tuple[str, ...],
    better: Literal["higher", "lower"] = "lower",
    more: tuple[str, ...] = (),
) -> Metric:
    """Create a metric of training; those in SI units are unknown where the pulse is."""
    return Metric(
        name=name, long_name=long_name, units=units, better=better, dims=("realisation", *more),
        compute=compute, needs=needs, partial=units != "1",
    )  # fmt: skip


LEARNING_ACCURACY = _of_realisations(
    "learning_accuracy", "share of held-out samples classified correctly while learning", "1",
    lambda evaluation: evaluation.measures["learning_correct"],
    needs=("learning_correct",), better="higher", more=("epoch",),
)  # fmt: skip
PULSES_MEAN = _of_realisations(
    "pulses_mean", "pulses that a device got in the training, mean", "1",
    lambda evaluation: evaluation.measures["pulses_mean"], needs=("pulses_mean",),
)  # fmt: skip
PULSES_P999 = _of_realisations(
    "pulses_p999", "pulses that a device got in the training, 99.9th percentile of devices", "1",
    lambda evaluation: evaluation.measures["pulses_high"], needs=("pulses_high",),
)  # fmt: skip
TRAINING_WRITE_ENERGY = _of_realisations(
    "training_write_energy", "energy of all write pulses of the training", "J",
    lambda evaluation: evaluation.measures["write_energy"], needs=("write_energy",),
)  # fmt: skip
TRAINING_WRITE_TIME = _of_realisations(
    "training_write_time", "time of all write pulses of the training", "s",
    lambda evaluation: evaluation.measures["write_time"], needs=("write_time",),
)  # fmt: skip
TRAINING_ENERGY = _of_realisations(
    "training_energy",
    "energy of the whole training",
    "J",
    training_energy,
    needs=TRAINING,
)
TRAINING_ENERGY_BY_SOURCE = _of_realisations(
    "training_energy_by_source", "energy of the whole training by each source of ADC costs", "J",
    training_energy_by_source, needs=TRAINING, more=("adc_source",),
)  # fmt: skip
TRAINING_ENERGY_BREAKDOWN = _of_realisations(
    "training_energy_breakdown", "energy of the whole training by component", "J",
    training_breakdown, needs=TRAINING, more=("component",),
)  # fmt: skip
