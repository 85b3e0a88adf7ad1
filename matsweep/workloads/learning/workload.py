"""The workload of in-situ training: a network that learns on its devices."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import within
from matsweep.core.codec import plain
from matsweep.devices import AnalogDevice
from matsweep.workloads.learning.convolution import image_of, least_image
from matsweep.workloads.learning.layers import Layer, network
from matsweep.workloads.learning.lesson import lesson
from matsweep.workloads.learning.run import MEASURES, PreparedLesson
from matsweep.workloads.learning.settings import Training
from matsweep.workloads.workload import COSTS, Workload

_VERSION = 1  # of what is cached; raise it when the floating-point training changes


@dataclass(frozen=True, kw_only=True)
class InSitu(Training, Workload):
    """A perceptron or convolutional network trained in the crossbar; `Training` has its parameters.

    Noise and spread of pulses and stuck devices can only harm it. Noise of reads and converters,
    and a decay of weights, may act as regularisers while it learns: they have no direction here.
    """

    kind: ClassVar[str] = "in_situ"
    merit: ClassVar[str] = PreparedLesson.merit
    objectives: ClassVar[tuple[str, ...]] = ("accuracy", "training_energy", "pulses_p999")
    measures: ClassVar[frozenset[str]] = MEASURES | {COSTS}
    dimensions: ClassVar[Mapping[str, str]] = {"epoch": "epochs of training"}
    pulsed: ClassVar[bool] = True
    preparing: ClassVar[str] = "training the network in floating point"
    harmed_by: ClassVar[tuple[str, ...]] = ("device.pulse_model", "device.stuck_at")

    @property
    def coordinates(self) -> Mapping[str, npt.NDArray[np.generic]]:
        """Epochs, from 1."""
        return {"epoch": np.arange(1, self.epochs + 1)}

    @property
    def lengths(self) -> Mapping[str, int]:
        """Number of epochs."""
        return {"epoch": self.epochs}

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Shapes of the layers, as far as the data state their inputs and classes."""
        if not self.convolutions:
            inputs, classes = self.data.ends
            return tuple(itertools.pairwise((inputs, *self.hidden, classes)))
        return tuple((layer.inputs, layer.outputs) for layer in self._network)

    @property
    def footprint(self) -> int:
        """Weights and gradients in floating point, the order of an epoch, a batch's activations."""
        weights = sum(rows * columns for rows, columns in self.shapes)
        order = self.samples or 1
        batch = min(self.batch, self.samples or self.data.samples or 1)
        values = sum(map(sum, self.shapes))
        if self.convolutions:
            values = sum(each.positions * sum(each.shape) for each in self._network)
        return 8 * weights + 16 * order + 4 * batch * values

    @property
    def _network(self) -> tuple[Layer, ...]:
        """Layers, of the least images and classes where the data do not state theirs."""
        known = self.data.axes is not None
        image = image_of(self.data) if known else least_image(self.convolutions)
        units = (0, *self.hidden, self.data.ends[1])
        return network(self.convolutions, units, image, bias=self.bias)

    @property
    def preparation(self) -> str:
        """How the data's inputs are scaled, cropped and made black and white."""
        return self.data.preparation

    def refuses(self, device: AnalogDevice, material: str) -> str | None:
        """Explain why a device cannot learn: its response to pulses is unknown."""
        if device.pulse_model is not None or device.source != "reported":
            return None
        return (
            f"device.pulse_model is null: no response of {material} to pulses is known, so that it "
            "cannot learn; choose a material that states one, or give device.pulse_model"
        )

    @property
    def key(self) -> str:
        """Hash of all that decides the data and the floating-point training."""
        with within("workload.data"):
            content = self.data.content
        facts = {
            **plain(self), "version": _VERSION, "numpy": np.__version__, "content": content,
        }  # fmt: skip
        text = json.dumps(facts, sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def prepare(self) -> PreparedLesson:
        """Load the data, and train the same network in floating point, or load that too."""
        return PreparedLesson(settings=self, lesson=lesson(self, self.key))
