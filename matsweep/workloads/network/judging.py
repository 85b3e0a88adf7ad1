"""Error and power of a layer's analog products, on some of their windows."""

from __future__ import annotations

import math

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.machine import windows_power
from matsweep.machine.windows import Windows, vectors
from matsweep.networks.chip import DeviceProduct
from matsweep.networks.forward import exact
from matsweep.networks.layer import Weight
from matsweep.networks.recording import Counting, Recorded, spread
from matsweep.workloads.network.scores import TINY

JUDGED = 100
"""Samples that the error and the power of products are measured on."""
_WINDOWS = 16  # of a sample in each layer: neighbours differ little


class Judged(Counting):
    """Product of a weight on devices that is compared with the exact one.

    The first samples are judged, each on windows that are spread evenly over its positions.

    Parameters
    ----------
    product : DeviceProduct
    recorded : Recorded
        Of the same weight in floating point.
    powered : bool
        Whether the drivers' power is measured.
    """

    def __init__(self, product: DeviceProduct, recorded: Recorded, *, powered: bool) -> None:
        super().__init__()
        weight = product.weight
        self._product, self._bias, self._powered = product, weight.bias, powered
        self._exact = exact(Weight(name=weight.name, values=weight.values))
        self._stride = math.ceil(recorded.calls / _WINDOWS)
        self._count = max(1, _WINDOWS * self._stride // recorded.calls)
        self._uses = max(1, round(recorded.uses))
        self._wrong = self._size = self._energy = 0.0
        self._rows = 0

    def begin(self, first: int, samples: int) -> None:
        """Begin a micro-batch."""
        super().begin(first, samples)
        self._product.begin(first, samples)

    def __call__(self, windows: Windows) -> FloatArray:
        """Multiply windows, and judge some of the products."""
        if self.first >= JUDGED or self.call % self._stride:
            self.call += 1
            return self._product(windows)
        values = self._product.products(windows)
        self._judge(windows, values)
        self.call += 1
        self._product.call += 1
        if self._product.weight.rectified:
            np.maximum(values, 0, out=values)
        return values

    @property
    def error(self) -> float:
        """Root mean square of the error, over that of the exact products."""
        return math.sqrt(self._wrong / max(self._size, TINY))

    @property
    def power(self) -> float:
        """Power of the drivers, W, summed over the products of one inference."""
        return self._energy / max(self._rows, 1) * self._uses

    def _judge(self, windows: Windows, values: FloatArray) -> None:
        several = windows.samples // max(self.samples, 1)  # of each of the network's samples
        samples = min(windows.samples, (JUDGED - self.first) * max(several, 1))
        numbers = self.first * several + np.arange(samples)
        chosen = [spread(self._count, windows.positions, int(number)) for number in numbers]
        sample = np.repeat(np.arange(samples), len(chosen[0]))
        position = np.concatenate(chosen)
        rows = windows.values[sample[:, None], windows.starts[position, None] + windows.offsets]
        ideal = self._exact(vectors(rows[:, None]))[:, 0].astype(np.float64)
        wrong = values[sample, position] - ideal
        if self._bias is not None:
            wrong -= self._bias
        self._wrong += float(np.square(wrong).sum())
        self._size += float(np.square(ideal).sum())
        if self._powered:
            self._rows += len(rows)
            for aged, inputs in self._product.powered:
                part = vectors(rows[:, None, inputs])
                power = windows_power(aged, part, realisation=self._product.realisation)
                self._energy += power * len(rows)
