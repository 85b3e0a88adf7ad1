"""Converters between digital numbers and the voltages and currents of an array."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matsweep.checks import in_range, positive, whole
from matsweep.streams import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class DAC:
    """Input converter: digital activations to read voltages.

    Evenly spaced voltages 0 … read_voltage, or -read_voltage … read_voltage where a layer's
    inputs can be negative. The largest input is the given percentile of the layer's inputs on
    training data; beyond it inputs saturate.

    Parameters
    ----------
    bits : int
        1 to 16; a signed input spends one on its sign.
    percentile : float, %
        In (0, 100].
    """

    bits: int = 8
    percentile: float = 100.0

    def __post_init__(self) -> None:
        whole("bits", self.bits, low=1, high=16)
        in_range("percentile", self.percentile, 1e-9, 100.0)

    def full_scale(self, inputs: FloatArray) -> float:
        """Return the largest input that is still converted exactly, from training inputs."""
        return percentile(inputs, self.percentile)

    def convert(self, inputs: FloatArray, full_scale: float, *, signed: bool) -> FloatArray:
        """Return the voltage over the read voltage, in [-1, 1].

        Parameters
        ----------
        inputs : (…) array
        full_scale : float
            Input that becomes the whole read voltage.
        signed : bool
            Whether inputs below zero are converted or cut.

        Returns
        -------
        (…) array, dimensionless
        """
        steps = 2 ** (self.bits - 1) - 1 if signed else 2**self.bits - 1
        steps = max(steps, 1)
        out = inputs * inputs.dtype.type(steps / full_scale)
        np.rint(out, out=out)
        np.clip(out, -steps if signed else 0, steps, out=out)
        out *= inputs.dtype.type(1 / steps)
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class ADC:
    """Output converter: signed column currents to whole numbers.

    Mid-tread: 2^bits - 1 evenly spaced codes from -full scale to +full scale, beyond which the
    current saturates.

    Parameters
    ----------
    bits : int
        2 to 16.
    percentile : float, %
        Full scale is this percentile of the magnitude of a layer's column currents on training
        data, with conductances as targeted; used where `full_scale` is None.
    full_scale : float or None, A
        A fixed full scale, the same for all layers.
    sample_rate : float, Hz
        Conversions per second of one converter.
    sharing : int
        Columns that take turns at one converter.
    """

    bits: int = 8
    percentile: float = 99.9
    full_scale: float | None = None
    sample_rate: float = 1e9
    sharing: int = 8

    def __post_init__(self) -> None:
        whole("bits", self.bits, low=2, high=16)
        in_range("percentile", self.percentile, 1e-9, 100.0)
        if self.full_scale is not None:
            positive("full_scale", self.full_scale, "A")
        positive("sample_rate", self.sample_rate, "Hz")
        whole("sharing", self.sharing, low=1)

    @property
    def largest_code(self) -> int:
        """The code of full scale."""
        return int(2 ** (self.bits - 1) - 1)

    def add_codes(
        self, total: FloatArray, currents: FloatArray, noise: FloatArray | None = None
    ) -> None:
        """Convert currents, and add the codes to those of other tiles.

        Parameters
        ----------
        total : (…) array, contiguous
            Sum of codes, changed in place. A code times full_scale / largest_code is the
            current converted.
        currents : (…) array, contiguous, in codes
        noise : (…) array, contiguous, in codes
            Added to the currents before they are converted.
        """
        from matsweep import kernels

        largest = total.dtype.type(self.largest_code)
        if noise is None:
            kernels.add_codes(total.reshape(-1), currents.reshape(-1), largest)
        else:
            kernels.add_noisy_codes(
                total.reshape(-1), currents.reshape(-1), noise.reshape(-1), largest
            )


def percentile(values: FloatArray, percent: float) -> float:
    """Return a percentile of the magnitudes, at least the smallest positive magnitude.

    So that a column that training data hardly ever reach still has a range.
    """
    magnitudes = np.abs(values)
    found = float(np.percentile(magnitudes, percent))
    if found > 0:
        return found
    positives = magnitudes[magnitudes > 0]
    return float(positives.min()) if positives.size else 1.0
