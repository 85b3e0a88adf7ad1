"""Training in the crossbar: one run of a candidate on its devices, tiles and rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from matsweep.core.streams import FloatArray, Streams
from matsweep.datasets import largest_class
from matsweep.machine import Hardware, Matrix
from matsweep.workloads.learning.aging import aged
from matsweep.workloads.learning.course import Course
from matsweep.workloads.learning.learner import Learner
from matsweep.workloads.learning.lesson import Lesson
from matsweep.workloads.learning.settings import Training

MEASURES = frozenset({
    "correct", "array_power", "vmm_error", "saturated", "learning_correct", "pulses_mean",
    "pulses_high", "write_energy", "write_time", "updates",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreparedLesson:
    """A lesson and the settings of its training, shared by all candidates that learn it.

    Parameters
    ----------
    settings : Training
    lesson : Lesson
    """

    merit: ClassVar[str] = "accuracy"

    settings: Training
    lesson: Lesson

    @property
    def matrices(self) -> tuple[Matrix, ...]:
        """Weights with the bias as a row, trained in floating point.

        Errors go back through all layers but the first, in analog reads if `backward` is analog:
        at all positions of a convolution, also where a pooling leaves none.
        """
        back = int(self.settings.backward == "analog")
        return tuple(
            Matrix(
                weight=weight,
                calibration=np.zeros((0, len(weight)), weight.dtype),
                signed=signed,
                uses=layer.positions,
                uses_back=back * layer.positions if index else 0,
                operations=layer.operations,
                fresh=None if layer.held is None else layer.below,
                held=layer.held,
            )
            for index, (layer, weight, signed) in enumerate(
                zip(self.lesson.layers, self.lesson.weights, self.lesson.signed, strict=True)
            )
        )

    @property
    def reference(self) -> Mapping[str, float]:
        """Accuracy of the same training in floating point."""
        return {"accuracy": self.lesson.float_accuracy}

    @property
    def chance(self) -> Mapping[str, float]:
        """Share of the held-out samples that are of the most frequent class."""
        return {"accuracy": largest_class(self.lesson.samples.test_labels)}

    @property
    def coordinates(self) -> Mapping[str, npt.NDArray[np.generic]]:
        """Epochs, from 1."""
        return {"epoch": np.arange(1, self.settings.epochs + 1)}

    @property
    def digest(self) -> str:
        """Hash of the data and of the weights trained in floating point."""
        return self.lesson.digest

    def run(
        self, hardware: Hardware, *, times: tuple[float, ...], rng: Streams
    ) -> Mapping[str, FloatArray]:
        """Train a network on devices, then let them age and read it at given times.

        Parameters
        ----------
        hardware : Hardware
        times : tuple of float, s
            Since the end of training.
        rng : Streams
            One stream per realisation.

        Returns
        -------
        dict of str to array
            correct, array_power, vmm_error, saturated : (realisation, time), of the trained
            network, as for inference; the error of its products is relative to the weights that the
            devices hold at the end of training, read exactly.
            learning_correct : (realisation, epoch), share of the held-out samples classified
            correctly after each epoch.
            pulses_mean, pulses_high : (realisation,), pulses that a device got in all of the
            training: mean, and 99.9th percentile over devices.
            write_energy, write_time : (realisation,), J and s, of all pulses; not a number where
            the pulse is not known.
            updates : (realisation,), samples learned from, over all epochs.
        """
        settings, lesson = self.settings, self.lesson
        course = Course.of(lesson, settings, hardware, rng)
        learners = [Learner.of(course, number) for number in range(len(rng))]
        correct = np.array([learner.train() for learner in learners]).reshape(len(rng), -1)
        pulses = np.array([learner.state.pulses for learner in learners])
        energy, time = zip(*(learner.written() for learner in learners), strict=True)
        per_epoch = settings.samples or len(lesson.samples.train_labels)
        return {
            **aged(course, learners, times, rng),
            "learning_correct": correct,
            "pulses_mean": pulses.mean(axis=1),
            "pulses_high": np.percentile(pulses, 99.9, axis=1),
            "write_energy": np.array(energy),
            "write_time": np.array(time),
            "updates": np.full(len(rng), float(per_epoch * settings.epochs)),
        }
