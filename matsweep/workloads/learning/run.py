"""Training in the crossbar: devices, tiles and a rule put together and run."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matsweep.core.streams import FloatArray, Streams
from matsweep.workloads.inference import Hardware, Inference
from matsweep.workloads.learning.aging import aged
from matsweep.workloads.learning.course import Course
from matsweep.workloads.learning.learner import Learner
from matsweep.workloads.learning.lesson import Lesson

if TYPE_CHECKING:
    from matsweep.workloads.learning.workload import InSitu


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """What training on devices took and gave.

    Parameters
    ----------
    correct : (realisation, epoch) array
        Share of the held-out samples classified correctly after each epoch.
    pulses_mean, pulses_high : (realisation,) arrays
        Pulses that a device got in all of the training: mean, and 99.9th percentile over devices.
    write_energy, write_time : (realisation,) arrays, J and s
        Of all pulses; not a number where the pulse is not known.
    updates : float
        Samples learned from, over all epochs.
    """

    correct: FloatArray
    pulses_mean: FloatArray
    pulses_high: FloatArray
    write_energy: FloatArray
    write_time: FloatArray
    updates: float

    @classmethod
    def joined(cls, parts: list[Learning]) -> Learning:
        """Put realisations together."""
        arrays = {
            field.name: np.concatenate([getattr(part, field.name) for part in parts])
            for field in dataclasses.fields(cls)
            if field.name != "updates"
        }
        return cls(updates=parts[0].updates, **arrays)


def run_learning(
    lesson: Lesson,
    workload: InSitu,
    hardware: Hardware,
    *,
    times: tuple[float, ...],
    rng: Streams,
) -> tuple[Inference, Learning]:
    """Train a network on devices, then let them age and read it at given times.

    Parameters
    ----------
    lesson : Lesson
        Of the workload.
    workload : InSitu
    hardware : Hardware
    times : tuple of float, s
        Since the end of training.
    rng : Streams
        One stream a realisation.

    Returns
    -------
    inference : Inference
        Of the trained network, at each time. The error of its products is of what the devices
        hold at the end of training, read exactly.
    learning : Learning
    """
    course = Course.of(lesson, workload, hardware, rng)
    learners = [Learner.of(course, number) for number in range(len(rng))]
    correct = np.array([learner.train() for learner in learners]).reshape(len(rng), -1)
    pulses = np.array([learner.state.pulses for learner in learners])
    energy, time = zip(*(learner.written() for learner in learners), strict=True)
    per_epoch = workload.samples or len(lesson.samples.train_labels)
    learning = Learning(
        correct=correct,
        pulses_mean=pulses.mean(axis=1),
        pulses_high=np.percentile(pulses, 99.9, axis=1),
        write_energy=np.array(energy),
        write_time=np.array(time),
        updates=float(per_epoch * workload.epochs),
    )
    return aged(course, learners, times, rng), learning
