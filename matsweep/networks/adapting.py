"""Adaptation of a network on devices: statistics of its products matched to those of floats."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.machine.windows import Windows
from matsweep.networks.chip import AgedNetwork
from matsweep.networks.forward import forward
from matsweep.networks.layer import AnyArray
from matsweep.networks.products import Affine, DeviceProduct
from matsweep.networks.recording import Counting, Recorded, Sums


def adapted(
    aged: AgedNetwork,
    realisation: int,
    inputs: Mapping[str, AnyArray],
    wanted: Mapping[str, Recorded],
) -> dict[str, Affine]:
    """Match the mean and the deviation of each output channel to those in floating point.

    Layer by layer in one run: each layer sees what the adapted layers before it give, as where the
    running statistics of batch normalisations are computed again on the chip. Products of recurrent
    layers, which are several of one sample, stay as they are.

    Parameters
    ----------
    aged : AgedNetwork
    realisation : int
        Index among those programmed.
    inputs : mapping of str to (sample, …) array
        Calibration inputs, run at once; the first where the network takes a fixed number of them.
    wanted : mapping of str to Recorded
        Of a run of the same inputs in floating point.

    Returns
    -------
    dict of str to Affine
        By the weight's name.

    References
    ----------
    V. Joshi et al., Nat. Commun. 11:2473, 2020, doi:10.1038/s41467-020-16108-9, "AdaBS".
    """
    products = {
        name: _Adapting(product, wanted[name])
        for name, product in aged.products(realisation, purpose="adaptation").items()
    }
    network = aged.programmed.network
    samples = network.batch or len(next(iter(inputs.values())))
    for product in products.values():
        product.begin(0, samples)
    forward(
        network, {name: each[:samples] for name, each in inputs.items()}, products, samples=samples
    )
    return {name: each.affine for name, each in products.items() if each.affine is not None}


class _Adapting(Counting):
    """Product of a weight on devices that is adapted at its only call."""

    def __init__(self, product: DeviceProduct, wanted: Recorded) -> None:
        super().__init__()
        self._product, self._wanted = product, wanted
        self.affine: Affine | None = None

    def begin(self, first: int, samples: int) -> None:
        super().begin(first, samples)
        self._product.begin(first, samples)

    def __call__(self, windows: Windows) -> FloatArray:
        if self._wanted.calls > 1:
            return self._product(windows)
        values = self._product.products(windows)
        self.affine = matched(values.reshape(-1, values.shape[-1]), self._wanted)
        values *= self.affine.scale
        values += self.affine.offset
        if self._product.weight.rectified:
            np.maximum(values, 0, out=values)
        return values


def matched(values: FloatArray, wanted: Recorded) -> Affine:
    """Return the factor and offset that give outputs a wanted mean and deviation.

    Parameters
    ----------
    values : (product, output) array
        With the bias, before rectification.
    wanted : Recorded

    Returns
    -------
    Affine
        The factor is 1 where an output does not vary.
    """
    sums = Sums()
    sums.add(values)
    deviation = sums.deviation
    scale = np.divide(wanted.deviation, deviation, out=np.ones_like(deviation), where=deviation > 0)
    offset = wanted.mean - scale * sums.mean
    return Affine(scale.astype(np.float32), offset.astype(np.float32))
