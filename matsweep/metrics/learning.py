"""What training in the crossbar gives, epoch by epoch, and what it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from matsweep.metrics.energy import array_energy, periphery_energy
from matsweep.metrics.metric import Metric, Run
from matsweep.streams import FloatArray


def training_energy(run: Run) -> FloatArray:
    """Return the energy of the whole training, (realisation,) J.

    All write pulses; and for each sample learned from, one read forward and, layer by layer but
    for the first, one back, taken to cost what an inference by the same layers does: arrays as
    they are at the end of the training (the first of the times), and converters. Left out: the
    repeated reads of bound management, the reads that a rule makes of its own (transfers,
    verification), judging, and digital memory.
    """
    learning, workload = run.trained, run.scenario.workload
    forward = array_energy(run)[:, 0] + periphery_energy(run)
    analog = getattr(workload, "backward", "digital") == "analog"
    upper = sum(plan.inputs * plan.outputs for plan in run.layouts[1:])
    share = upper / sum(plan.inputs * plan.outputs for plan in run.layouts)
    return learning.write_energy + learning.updates * forward * (1 + share * analog)


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
