"""Converters between digital numbers and an array's voltages and currents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np

from matsweep.core.checks import UserError, in_range, non_negative, one_of, positive, whole
from matsweep.core.codec import later
from matsweep.core.direction import Worse
from matsweep.core.plausible import Plausible
from matsweep.core.quantities import Codes, Current, Dimensionless, Frequency, Percent
from matsweep.core.streams import FloatArray, Rng, aside


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
    serial : bool
        Apply the bits of an input one after the other, as the whole read voltage or none (with
        the input's sign); their products are shifted and added after conversion, or before it
        (`ADC.integrates`).
    """

    bits: int = 8
    percentile: Annotated[Percent, Plausible(50.0, 100.0)] = 100.0
    serial: bool = False

    def __post_init__(self) -> None:
        whole("bits", self.bits, low=1, high=16)
        in_range("percentile", self.percentile, 1e-9, 100.0)

    def full_scale(self, inputs: FloatArray) -> float:
        """Largest input that is converted without saturation.

        Parameters
        ----------
        inputs : (…) array
            Of the layer on training data.

        Returns
        -------
        float
        """
        return percentile(inputs, self.percentile)

    def convert(self, inputs: FloatArray, full_scale: float, *, signed: bool) -> FloatArray:
        """Input voltages over the read voltage, in [-1, 1].

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
        steps = self.steps(signed=signed)
        out = inputs * inputs.dtype.type(steps / full_scale)
        np.rint(out, out=out)
        np.clip(out, -steps if signed else 0, steps, out=out)
        out *= inputs.dtype.type(1 / steps)
        return out

    def cycles(self, *, signed: bool) -> int:
        """Return the number of voltages that carry an input, one after the other.

        Parameters
        ----------
        signed : bool
            Whether inputs below zero are converted.

        Returns
        -------
        int
        """
        return self.steps(signed=signed).bit_length() if self.serial else 1

    def significance(self, *, signed: bool) -> FloatArray:
        """Value of the read voltage in each cycle, in full scales.

        Parameters
        ----------
        signed : bool

        Returns
        -------
        (cycle,) array, dimensionless
        """
        if not self.serial:
            return np.ones(1)
        return np.asarray(2.0 ** np.arange(self.cycles(signed=signed)) / self.steps(signed=signed))

    def apply(self, converted: FloatArray, *, signed: bool) -> FloatArray:
        """Voltages that carry converted inputs, over the read voltage.

        Parameters
        ----------
        converted : (…) array, in [-1, 1]
            From `convert`.
        signed : bool

        Returns
        -------
        (cycle, …) array, dimensionless
        """
        if not self.serial:
            return converted[None]
        steps = self.steps(signed=signed)
        codes = np.rint(np.abs(converted) * steps).astype(np.int64)
        bits = [(codes >> cycle) & 1 for cycle in range(self.cycles(signed=signed))]
        return np.asarray(np.sign(converted) * np.stack(bits), converted.dtype)

    def steps(self, *, signed: bool) -> int:
        """Return the largest code: that of the whole read voltage.

        Parameters
        ----------
        signed : bool
            Whether inputs below zero are converted.

        Returns
        -------
        int
        """
        return max(int(2 ** (self.bits - signed)) - 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ADC:
    """Output converter: column currents to integer codes.

    For signed currents mid-tread: 2^bits - 1 evenly spaced codes from -full scale to +full scale;
    for currents of one sign 2^bits codes from 0 to full scale. Beyond, a current saturates.

    Parameters
    ----------
    bits : int
        2 to 16.
    percentile : float, %
        Full scale is this percentile of the magnitude of a layer's column currents on training
        data, with conductances as targeted; used where `full_scale` is None.
    full_scale : float or None, A
        A fixed full scale, the same for all layers.
    least_full_scale : float or None, A
        Smallest full scale that the converter can be set to: a calibrated one is raised to it.
        None: calibration follows the currents however small they get, so that attenuation, by
        wires or drivers, costs nothing.
    per_column : bool
        Calibrate each column's full scale rather than one for all columns of a layer.
    noise : float, LSB
        Standard deviation of one conversion.
    offset : float, LSB
        Standard deviation, between columns, of a fixed error.
    gain_error : float, dimensionless
        Standard deviation, between columns, of the relative error of full scale.
    sample_rate : float, Hz
        Conversions per second of one converter.
    sharing : int
        Columns that take turns at one converter.
    integrates : "read", "cycles" or "product"
        Currents behind one conversion. "read": those of one read, so that a serial input takes a
        conversion for each bit. "cycles": an integrator weights and sums all cycles of a serial
        input, and their sum is converted once in each phase (`Tile.phases`). "product": all phases
        as well, with their signs, so that a product takes one conversion. Full scales are those of
        the weighted sums. The integrator is taken as exact.
    sensing : "current" or "voltage"
        "current": columns are held at a virtual ground, and their currents are converted.
        "voltage": columns float, and the voltage to which each settles is converted: the current
        over the sum of the column's conductances, by which the number is multiplied digitally, as
        targeted. A drift of all devices alike hence cancels, and the array draws no current into
        the converter. Both devices of a pair are on the same column, driven with opposite signs. A
        column has one range of currents for all tiles of rows, so that its range of voltages in a
        tile is inverse to its conductance there (W. Wan et al., Nature 608:504, 2022,
        doi:10.1038/s41586-022-04992-8).
    """

    bits: Annotated[int, Worse("lower")] = 8
    percentile: Annotated[Percent, Plausible(50.0, 100.0)] = 99.9
    full_scale: Annotated[Current, Plausible(1e-12, 1.0)] | None = None
    least_full_scale: Annotated[Current, Plausible(1e-12, 1.0)] | None = None
    per_column: bool = False
    noise: Annotated[Codes, Plausible(0.0, 64.0), Worse("higher")] = 0.0
    offset: Annotated[Codes, Plausible(-64.0, 64.0), Worse("higher")] = 0.0
    gain_error: Annotated[Dimensionless, Plausible(-0.5, 0.5), Worse("higher")] = 0.0
    sample_rate: Annotated[Frequency, Plausible(1e3, 1e12)] = 1e9
    sharing: Annotated[int, Plausible(1, 16384)] = 8
    integrates: str = later("read")
    sensing: str = later("current")

    def __post_init__(self) -> None:
        whole("bits", self.bits, low=2, high=16)
        one_of("integrates", self.integrates, ("read", "cycles", "product"))
        one_of("sensing", self.sensing, ("current", "voltage"))
        in_range("percentile", self.percentile, 1e-9, 100.0)
        if self.full_scale is not None:
            positive("full_scale", self.full_scale, "A")
        if self.least_full_scale is not None:
            positive("least_full_scale", self.least_full_scale, "A")
            if self.full_scale is not None and self.full_scale < self.least_full_scale:
                raise UserError(
                    f"full_scale [A] must be >= least_full_scale ({self.least_full_scale:g} A), "
                    f"got {self.full_scale!r}"
                )
        for name in ("full_scale", "least_full_scale"):
            if self.sensing == "voltage" and getattr(self, name) is not None:
                raise UserError(
                    f"{name} [A] must be null where sensing=voltage: the range is calibrated"
                )
        non_negative("noise", self.noise, "LSB")
        non_negative("offset", self.offset, "LSB")
        non_negative("gain_error", self.gain_error)
        positive("sample_rate", self.sample_rate, "Hz")
        whole("sharing", self.sharing, low=1)

    def codes(self, *, signed: bool) -> tuple[int, int]:
        """Smallest and largest code.

        Parameters
        ----------
        signed : bool
            Whether currents have both signs.

        Returns
        -------
        tuple of (int, int)
        """
        largest = int(2 ** (self.bits - 1) - 1 if signed else 2**self.bits - 1)
        return (-largest if signed else 0), largest

    def errors(self, shape: tuple[int, ...], *, rng: Rng) -> ColumnErrors:
        """Draw the fixed conversion error of each column.

        Parameters
        ----------
        shape : tuple of int
            (realisation, row_tile, column).
        rng : Rng

        Returns
        -------
        ColumnErrors
        """
        gain = offset = None
        if self.gain_error:
            gain = aside(rng, "gain").standard_normal(shape, np.float32)
            gain = 1 + np.float32(self.gain_error) * gain
        if self.offset:
            offset = aside(rng, "offset").standard_normal(shape, np.float32)
            offset = np.float32(self.offset) * offset
        return ColumnErrors(gain, offset)

    def add_codes(
        self,
        total: FloatArray,
        currents: FloatArray,
        noise: FloatArray | None = None,
        *,
        signed: bool = True,
        worth: float = 1.0,
    ) -> FloatArray:
        """Convert currents, and add the codes to those of other tiles.

        Parameters
        ----------
        total : (realisation, …) array, contiguous
            Sum of codes, changed in place. A code times full_scale / largest code is the current
            converted.
        currents : (realisation, …) array, contiguous, in codes
        noise : (realisation, …) array, contiguous, in codes
            Added to the currents before they are converted.
        signed : bool
            Whether currents have both signs.
        worth : float
            Weight of a code in the total.

        Returns
        -------
        (realisation,) array
            Number of conversions that saturated.
        """
        from matsweep.crossbar import codes

        low, high = (total.dtype.type(code) for code in self.codes(signed=signed))
        saturated = np.zeros(len(total))
        flat = (len(total), -1)
        first, second = total.reshape(flat), currents.reshape(flat)
        count = total.dtype.type(worth)
        if noise is None:
            codes.add_codes(first, second, low, high, count, saturated)
        else:
            codes.add_noisy_codes(first, second, noise.reshape(flat), low, high, count, saturated)
        return saturated


class ColumnErrors(NamedTuple):
    """Fixed conversion errors of each column; None where there is none.

    Parameters
    ----------
    gain : (realisation, row_tile, column) array or None
    offset : (realisation, row_tile, column) array or None, LSB
    """

    gain: FloatArray | None
    offset: FloatArray | None


NO_ERRORS = ColumnErrors(None, None)


def percentile(values: FloatArray, percent: float) -> float:
    """Percentile of the magnitudes, at least the smallest positive magnitude.

    A column that training data hardly ever reach thus still has a range.

    Parameters
    ----------
    values : (…) array
    percent : float, %, in [0, 100]

    Returns
    -------
    float
        In the unit of the values; 1 if all are zero.
    """
    magnitudes = np.abs(values)
    quantile = float(np.percentile(magnitudes, percent))
    if quantile > 0:
        return quantile
    positives = magnitudes[magnitudes > 0]
    return float(positives.min()) if positives.size else 1.0
