"""A matrix programmed into devices: aged, read forward and transposed."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from matsweep.core.slips import refuse_shape
from matsweep.core.streams import FloatArray, Streams
from matsweep.crossbar.converters import ColumnErrors
from matsweep.devices.analog import Aging
from matsweep.machine.aged import AgedDevices
from matsweep.machine.hardware import Hardware
from matsweep.machine.mapped import Mapped
from matsweep.machine.panels import Panels, panels, serves
from matsweep.machine.product import Product, Wired, wired
from matsweep.machine.transposed import multiply_transposed
from matsweep.machine.windows import Windows
from matsweep.machine.windows_product import WindowsProduct, windows_product


class Written(NamedTuple):
    """Distance of the devices of a matrix from their levels, right after programming.

    Parameters
    ----------
    devices : int
        Of one realisation.
    error : (realisation,) array, fraction of the range g_max - g_min
        Root mean square; stuck devices count.
    missed : (realisation,) array
        Share of devices that write and verify has not brought within its tolerance; not a number
        where nothing is verified.
    """

    devices: int
    error: FloatArray
    missed: FloatArray


class ColumnFit(NamedTuple):
    """Digital factor and offset of each output, fitted to calibration reads.

    Parameters
    ----------
    scale : (realisation, 1, output) array
    offset : (realisation, 1, output) array
        In the unit of the products.
    """

    scale: FloatArray
    offset: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProgrammedMatrix:
    """The devices of a matrix after programming, with their own parameters.

    Parameters
    ----------
    mapped : Mapped
    hardware : Hardware
    conductance : (realisation, row_tile, arm, row, column) array, S
    aging : Aging
    errors : ColumnErrors
    gain : (realisation, 1, 1) array
        Factor on outputs, where the mean voltage drop is compensated.
    first : (realisation,) array or None
        Mean magnitude of the calibration reads after programming, where drift is compensated.
    written : Written
    columns : ColumnFit or None
        Where outputs are compensated one by one; behind the two factors above.
    """

    mapped: Mapped
    hardware: Hardware
    conductance: FloatArray
    aging: Aging
    errors: ColumnErrors
    gain: FloatArray
    first: FloatArray | None
    written: Written
    columns: ColumnFit | None = None

    @classmethod
    def program(cls, mapped: Mapped, hardware: Hardware, *, rng: Streams) -> ProgrammedMatrix:
        """Program a matrix, and make the calibration reads for its compensations.

        The reads take place at the time of the device's stated programming (`Drift.time_zero`),
        with the read noise of that time.

        Parameters
        ----------
        mapped : Mapped
        hardware : Hardware
        rng : Streams
            One stream per realisation.

        Returns
        -------
        ProgrammedMatrix
        """
        device, plan, tile = hardware.device, mapped.layout, hardware.tile
        conductance, target, written = _programmed(mapped, hardware, rng.at("programming"))
        aging = device.aging(conductance, rng=rng.at("aging"), target=target)
        matrix = cls(
            mapped=mapped,
            hardware=hardware,
            conductance=conductance,
            aging=aging,
            errors=hardware.adc.errors(
                (len(rng), plan.row_tiles, plan.columns), rng=rng.at("converters")
            ),
            gain=np.ones((len(rng), 1, 1), conductance.dtype),
            first=None,
            written=written,
        )
        if not (tile.compensate_wires or tile.compensate_drift or tile.compensate_columns):
            return matrix
        now = matrix.at(device.drift.time_zero, power=False)
        product = now.calibration_read(rng=rng.at("calibration"))
        values = product.converted
        if tile.compensate_wires:
            if product.subtracted is None:
                gain = fitted_gain(centred(values), centred(mapped.wanted))
            else:  # the currents' common part must equal the digital offset
                gain = fitted_gain(values, mapped.wanted + product.subtracted)
            matrix = dataclasses.replace(matrix, gain=gain)
        if tile.compensate_drift:
            matrix = dataclasses.replace(matrix, first=np.abs(values).mean(axis=(-1, -2)))
        if tile.compensate_columns:
            fit = fitted_columns(product.scaled(matrix.gain), mapped.wanted)
            matrix = dataclasses.replace(matrix, columns=fit)
        return matrix

    def at(self, time: float, *, power: bool = True) -> AgedMatrix:
        """Return the matrix at a time since programming.

        Parameters
        ----------
        time : float, s
        power : bool
            Whether to compute the drivers' currents, which wires make costly.

        Returns
        -------
        AgedMatrix
        """
        conductance = self.hardware.device.aged(self.conductance, time, self.aging)
        seen = wired(
            conductance,
            self.mapped.layout,
            self.hardware.wires,
            self.hardware.tile.access_resistance,
            power=power,
        )
        return AgedMatrix(self, time, conductance, seen)

    def multiply(self, x: FloatArray, time: float, *, rng: Streams) -> Product:
        """Multiply inputs by the matrix at a time since programming: x W.

        For several products at one time take `at(time)` once.

        Parameters
        ----------
        x : ([realisation,] sample, input) array
        time : float, s
        rng : Streams

        Returns
        -------
        Product
            Values (realisation, sample, output).
        """
        return self.at(time, power=False).multiply(x, rng=rng)

    def transposed(self, x: FloatArray, time: float, *, rng: Streams) -> Product:
        """Multiply by the transposed matrix at a time since programming: x Wᵀ.

        Parameters
        ----------
        x : ([realisation,] sample, output) array
        time : float, s
        rng : Streams

        Returns
        -------
        Product
            Values (realisation, sample, input).
        """
        return self.at(time, power=False).transposed(x, rng=rng)


class AgedMatrix:
    """A programmed matrix at one time: conductances aged, wires solved.

    Parameters
    ----------
    programmed : ProgrammedMatrix
    time : float, s
        Since programming.
    conductance : (realisation, row_tile, arm, row, column) array, S
        Of the devices.
    seen : Wired
        The same behind access devices and wires.
    """

    __slots__ = ("_compensation", "_panels", "conductance", "devices", "programmed", "seen", "time")

    def __init__(
        self, programmed: ProgrammedMatrix, time: float, conductance: FloatArray, seen: Wired
    ) -> None:
        self.programmed = programmed
        self.time = time
        self.conductance = conductance
        self.seen = seen
        self.devices = AgedDevices(
            mapped=programmed.mapped,
            hardware=programmed.hardware,
            time=time,
            conductance=conductance,
            seen=seen,
            programmed=programmed.conductance,
            errors=programmed.errors,
        )
        self._compensation: FloatArray | None = None
        self._panels: tuple[int, Panels | None] | None = None

    def multiply(self, x: FloatArray, *, rng: Streams) -> Product:
        """Multiply inputs by the matrix: x W.

        Parameters
        ----------
        x : ([realisation,] sample, input) array
        rng : Streams

        Returns
        -------
        Product
            Values (realisation, sample, output).
        """
        mapped = self.programmed.mapped
        return self.read(mapped.voltages(x, self.programmed.hardware.dac), rng=rng)

    def read(self, voltage: FloatArray, *, rng: Streams) -> Product:
        """Multiply row voltages by the matrix.

        Where drift is compensated, the first product at this time is followed by one read of the
        calibration inputs, whose mean magnitude over that after programming scales all products.

        Parameters
        ----------
        voltage : (cycle, …, row_tile, sample, row) array, in read voltages
        rng : Streams

        Returns
        -------
        Product
            Values (realisation, sample, output).
        """
        tile = self.programmed.hardware.tile
        product = self._product(voltage, rng)
        if tile.compensate_wires or tile.compensate_drift:
            product = product._replace(values=product.scaled(self.gain(rng)))
        if (columns := self.programmed.columns) is not None:
            product = product._replace(values=product.values * columns.scale + columns.offset)
        return product

    def windows_product(
        self,
        windows: Windows,
        *,
        realisation: int,
        sample: int = 0,
        call: int = 0,
        rng: Streams,
        scale: FloatArray | None = None,
        offset: FloatArray | None = None,
    ) -> WindowsProduct:
        """Multiply windows by the matrix of one realisation: the products of a convolution.

        The inputs are converted by the DAC; no compensation is applied but what `scale` and
        `offset` bring. Random numbers belong to the realisation, the call, the sample, the
        position, the tile of rows and the column, so that results do not depend on the samples that
        are computed together; `rng` is not moved on.

        Parameters
        ----------
        windows : Windows
        realisation : int
            Index among those of the matrix.
        sample : int
            Number of the first sample of the windows.
        call : int
            Number of the product of these samples with this matrix, such as the step of a sequence.
        rng : Streams
            Of all realisations of the matrix, for this matrix alone.
        scale : (output,) float32 array or None
            Factors on the products.
        offset : (output,) float32 array or None
            Added to the scaled products.

        Returns
        -------
        WindowsProduct

        Raises
        ------
        UserError
            If the windows do not have the inputs of the matrix.
        """
        return windows_product(
            self.devices, self.panels(realisation), windows, realisation=realisation, sample=sample,
            call=call, rng=rng, scale=scale, offset=offset,
        )  # fmt: skip

    def panels(self, realisation: int) -> Panels | None:
        """Return the weights of one realisation as panels for compiled products.

        Those of the last realisation asked for are kept.

        Parameters
        ----------
        realisation : int

        Returns
        -------
        Panels or None
            None if a product takes several reads, or columns that are not independent.
        """
        kept = self._panels
        if kept is None or kept[0] != realisation:
            fit = serves(self.programmed.mapped, self.programmed.hardware)
            kept = realisation, panels(self.devices.of(realisation)) if fit else None
            self._panels = kept  # not read again: another thread may want another realisation
        return kept[1]

    def calibration_read(self, *, rng: Streams) -> Product:
        """Multiply the calibration inputs by the matrix, without any compensation.

        Parameters
        ----------
        rng : Streams

        Returns
        -------
        Product
            Values (realisation, sample, output).
        """
        return self._product(self.programmed.mapped.calibration, rng)

    def power(self, voltage: FloatArray) -> FloatArray:
        """Return the mean power of the word lines' drivers, summed over cycles and phases.

        Arms that are read one after the other draw, each in its own phase, what they draw together;
        with wires this leaves out that voltage drops are then smaller.

        Parameters
        ----------
        voltage : (cycle, …, row_tile, sample, row) array, in read voltages

        Returns
        -------
        (realisation,) array, W
        """
        return self.devices.power(voltage)

    def transposed(self, x: FloatArray, *, rng: Streams) -> Product:
        """Multiply inputs by the transposed matrix: x Wᵀ.

        Parameters
        ----------
        x : ([realisation,] sample, output) array
        rng : Streams

        Returns
        -------
        Product
            Values (realisation, sample, input).
        """
        programmed = self.programmed
        refuse_shape("x", x.shape, "output", programmed.mapped.matrix.outputs)
        return multiply_transposed(
            x, self.conductance, self.seen, programmed.mapped, programmed.hardware,
            time=self.time, gain=self.gain(rng), rng=rng,
            programmed=programmed.conductance,
        )  # fmt: skip

    def gain(self, rng: Streams) -> FloatArray:
        """Return the factor of the compensations of wires and of drift.

        Where drift is compensated, the first call reads the calibration inputs.

        Parameters
        ----------
        rng : Streams

        Returns
        -------
        (realisation, 1, 1) array
        """
        if self._compensation is None:
            gain = self.programmed.gain
            if self.programmed.first is not None:
                read = self.calibration_read(rng=rng.at("calibration"))
                left = np.abs(read.converted).mean(axis=(-1, -2))
                # No factor brings back what no converter sees.
                ratio = np.divide(
                    self.programmed.first, left, out=np.ones_like(left), where=left > 0
                )
                gain = gain * ratio[:, None, None]
            self._compensation = gain
        return self._compensation

    def _product(self, voltage: FloatArray, rng: Streams) -> Product:
        return self.devices.read(voltage, rng=rng)


def _programmed(
    mapped: Mapped, hardware: Hardware, rng: Streams
) -> tuple[FloatArray, FloatArray, Written]:
    """Draw the conductances (realisation, row_tile, arm, row, column) [S] after programming.

    The second array has the targets, and broadcasts to the conductances.
    """
    device, shares = hardware.device, mapped.fractions
    target = shares * shares.dtype.type(device.g_range)
    target += target.dtype.type(device.g_min)
    programmed = device.program(target, rng=rng, size=(len(rng), *target.shape))
    off = (programmed.conductance - device.nearest_level(target)).reshape(len(rng), -1)
    # Along contiguous rows, so that a realisation's bits do not depend on how many there are.
    square = np.mean(np.square(off, out=off), axis=1, dtype=np.float64)
    missed = programmed.missed
    written = Written(
        devices=target.size,
        error=np.sqrt(square) / device.g_range,
        missed=np.full(len(rng), np.nan)
        if missed is None
        else missed.reshape(len(rng), -1).mean(axis=1),
    )
    return programmed.conductance, programmed.target, written


def fitted_gain(values: FloatArray, wanted: FloatArray) -> FloatArray:
    """Fit the factor that brings values closest to the wanted ones.

    Least squares over samples and outputs; 1 where all values are zero.

    Parameters
    ----------
    values : (realisation, sample, output) array
    wanted : (sample, output) array

    Returns
    -------
    (realisation, 1, 1) array
    """
    along = np.sum(values * wanted, axis=(-1, -2), keepdims=True)
    size = np.sum(values * values, axis=(-1, -2), keepdims=True)
    return np.divide(along, size, out=np.ones_like(along), where=size > 0)


def fitted_columns(values: FloatArray, wanted: FloatArray) -> ColumnFit:
    """Fit the factor and the offset of each output that bring values closest to the wanted ones.

    Least squares over samples, output by output: factor 1 where all values of an output are alike.

    Parameters
    ----------
    values : (realisation, sample, output) array
    wanted : (sample, output) array

    Returns
    -------
    ColumnFit
    """
    aim = wanted.astype(np.float64)
    mean = aim.mean(axis=0)
    fits = []
    for each in values.astype(np.float64):  # one by one: no sum depends on how many there are
        middle = each.mean(axis=0)
        off = each - middle
        square = np.square(off).sum(axis=0)
        along = (off * (aim - mean)).sum(axis=0)
        scale = np.divide(along, square, out=np.ones_like(along), where=square > 0)
        fits.append((scale, mean - scale * middle))
    scales, offsets = (
        np.stack(part)[:, None].astype(values.dtype) for part in zip(*fits, strict=True)
    )
    return ColumnFit(scales, offsets)


def centred(values: FloatArray) -> FloatArray:
    """Remove per-output and per-sample means.

    A reference column that loses more or less than others adds the same to all outputs of a sample;
    that is no attenuation, and outweighs it where conductances have much in common.

    Parameters
    ----------
    values : (…, sample, output) array

    Returns
    -------
    (…, sample, output) array
    """
    difference = values - values.mean(axis=-2, keepdims=True)
    if values.shape[-1] > 1:
        difference -= difference.mean(axis=-1, keepdims=True)
    return np.asarray(difference)
