"""What training in the crossbar gives, epoch by epoch, and what it takes."""

from __future__ import annotations

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


LEARNING_ACCURACY = Metric(
    name="learning_accuracy",
    long_name="share of held-out samples classified correctly while learning",
    units="1",
    better="higher",
    dims=("realisation", "epoch"),
    compute=lambda run: run.trained.correct,
    learning=True,
)
PULSES_MEAN = Metric(
    name="pulses_mean",
    long_name="pulses that a device got in the training, mean",
    units="1",
    better="lower",
    dims=("realisation",),
    compute=lambda run: run.trained.pulses_mean,
    learning=True,
)
PULSES_P999 = Metric(
    name="pulses_p999",
    long_name="pulses that a device got in the training, 99.9th percentile of devices",
    units="1",
    better="lower",
    dims=("realisation",),
    compute=lambda run: run.trained.pulses_high,
    learning=True,
)
TRAINING_WRITE_ENERGY = Metric(
    name="training_write_energy",
    long_name="energy of all write pulses of the training",
    units="J",
    better="lower",
    dims=("realisation",),
    compute=lambda run: run.trained.write_energy,
    partial=True,
    learning=True,
)
TRAINING_WRITE_TIME = Metric(
    name="training_write_time",
    long_name="time of all write pulses of the training",
    units="s",
    better="lower",
    dims=("realisation",),
    compute=lambda run: run.trained.write_time,
    partial=True,
    learning=True,
)
TRAINING_ENERGY = Metric(
    name="training_energy",
    long_name="energy of the whole training",
    units="J",
    better="lower",
    dims=("realisation",),
    compute=training_energy,
    partial=True,
    learning=True,
)
