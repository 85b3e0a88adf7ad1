"""What training in the crossbar gives, epoch by epoch, and what it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.metrics.costs.bill import COMPONENTS, exact, read_back
from matsweep.metrics.costs.writing import half_select_energy
from matsweep.metrics.metric import Metric, Run


def training_breakdown(run: Run) -> FloatArray:
    """Return the energy of the whole training by component, (realisation, component) J.

    Writing: all pulses, with what half-selected cells take of each. The rest: for each sample
    learned from one read forward, arrays being as at the end of the training (the first of the
    times), and, where errors go back through the tiles, one back (`read_back`; its cells are
    taken to draw the upper layers' share of the weights of what they draw forward). Leakage: for
    as long as these reads and all pulses last, one after the other, nothing being switched off.
    Left out: the repeated reads of bound management, the reads that a rule makes of its own
    (transfers, verification), judging, and the digital memory of rules that add up or keep a copy.
    """
    learning, workload = run.trained, run.scenario.workload
    terms = learning.updates * run.energy_terms[:, 0]
    passing = float(run.bill.latency.sum())
    if getattr(workload, "backward", "digital") == "analog":
        upper = sum(plan.inputs * plan.outputs for plan in run.layouts[1:])
        share = upper / sum(plan.inputs * plan.outputs for plan in run.layouts)
        terms[:, COMPONENTS.index("cells")] *= 1 + share
        energy, time = read_back(run.scenario, run.layouts)
        terms, passing = terms + learning.updates * energy, passing + time
    busy = learning.updates * passing + learning.write_time
    terms[:, COMPONENTS.index("leakage")] = run.bill.leakage * busy
    pulses = learning.pulses_mean * sum(count.devices for count in run.bill.census)
    writing = learning.write_energy + pulses * half_select_energy(run)
    terms[:, COMPONENTS.index("writing")] = writing
    return exact(terms)


def training_energy(run: Run) -> FloatArray:
    """Return the energy of the whole training, (realisation,) J: the sum of its components."""
    return np.asarray(training_breakdown(run).sum(axis=-1))


def _of_realisations(
    name: str,
    long_name: str,
    units: str,
    compute: Callable[[Run], FloatArray],
    *,
    better: Literal["higher", "lower"] = "lower",
    more: tuple[str, ...] = (),
) -> Metric:
    """Return a metric of training; in SI units it is unknown where the pulse is."""
    return Metric(
        name=name, long_name=long_name, units=units, better=better, dims=("realisation", *more),
        compute=compute, partial=units != "1", learning=True,
    )  # fmt: skip


LEARNING_ACCURACY = _of_realisations(
    "learning_accuracy", "share of held-out samples classified correctly while learning", "1",
    lambda run: run.trained.correct, better="higher", more=("epoch",),
)  # fmt: skip
PULSES_MEAN = _of_realisations(
    "pulses_mean", "pulses that a device got in the training, mean", "1",
    lambda run: run.trained.pulses_mean,
)  # fmt: skip
PULSES_P999 = _of_realisations(
    "pulses_p999", "pulses that a device got in the training, 99.9th percentile of devices", "1",
    lambda run: run.trained.pulses_high,
)  # fmt: skip
TRAINING_WRITE_ENERGY = _of_realisations(
    "training_write_energy", "energy of all write pulses of the training", "J",
    lambda run: run.trained.write_energy,
)  # fmt: skip
TRAINING_WRITE_TIME = _of_realisations(
    "training_write_time", "time of all write pulses of the training", "s",
    lambda run: run.trained.write_time,
)  # fmt: skip
TRAINING_ENERGY = _of_realisations(
    "training_energy", "energy of the whole training", "J", training_energy
)
TRAINING_ENERGY_BREAKDOWN = _of_realisations(
    "training_energy_breakdown", "energy of the whole training by component", "J",
    training_breakdown, more=("component",),
)  # fmt: skip
