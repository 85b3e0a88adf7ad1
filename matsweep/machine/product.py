"""One layer of weights on tiles: programmed, and multiplied by voltages.

Arrays have a leading realisation axis wherever devices are drawn. Conductances of a layer are
(realisation, row_tile, arm, row, column); inputs (…, sample, input); everything in the type of
the weights (float32 in a sweep).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from matsweep.core.streams import FloatArray, Rng, aside
from matsweep.crossbar.converters import ADC, DAC, NO_ERRORS, ColumnErrors
from matsweep.crossbar.sequence import Phase, Sequence, sequence
from matsweep.crossbar.tile import Layout
from matsweep.crossbar.wires.linear import effective_conductance, port_conductance
from matsweep.crossbar.wires.wires import Wires
from matsweep.devices import AnalogDevice
from matsweep.machine.hardware import Hardware


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """Scale factors between weights, inputs, currents and converter codes.

    Parameters
    ----------
    weight : float
        Largest magnitude of the layer's weights: it maps to the whole conductance range.
    input : float
        Input that maps to the whole read voltage.
    signed : bool
        Whether inputs can be negative.
    current : float or (column,) array
        Full scale of the ADC over (read_voltage · g_range).
    loads : (row_tile, column) array or None, S
        Sum of each column's conductances as targeted, where voltages are sensed.
    """

    weight: float
    input: float
    signed: bool
    current: float | FloatArray
    loads: FloatArray | None = None


def fractions(weights: FloatArray, layout: Layout) -> FloatArray:
    """Return the target of each device as a fraction of its conductance range.

    Parameters
    ----------
    weights : (input, output) array in [-1, 1]
    layout : Layout

    Returns
    -------
    (row_tile, arm, row, column) array in [0, 1]
        References, where the mapping has them, follow the columns. Rows without an input (the first
        of short tiles) are there for the shape only, at weight zero: no voltage is applied to them,
        and `wired` opens them.
    """
    padded = _split(weights.T, layout, 1).reshape(weights.shape[1], -1).T
    arms = layout.mapping.encode(padded, layout.slicing)
    columns = _columns(arms)
    if layout.references:
        zero = _columns(layout.mapping.encode(np.zeros((len(padded), 1)), layout.slicing))
        repeated = np.repeat(zero, layout.column_tiles, axis=-1)
        columns = np.concatenate([columns, repeated], axis=-1)
    tiled = columns.reshape(len(columns), layout.row_tiles, layout.tile_inputs, -1)
    tiled = np.repeat(tiled, layout.cells, axis=-2)
    return np.ascontiguousarray(tiled.swapaxes(0, 1), dtype=weights.dtype)


def _split(values: FloatArray, layout: Layout, cells: int) -> FloatArray:
    """Cut values (…, input · cell) into tiles, (…, row_tile, row); zero in rows without input.

    A view where all tiles are alike.
    """
    lead, rows, short = values.shape[:-1], layout.tile_inputs * cells, layout.short_tiles
    if not short:
        return values.reshape(*lead, layout.row_tiles, rows)
    full = layout.row_tiles - short
    tiled = np.zeros((*lead, layout.row_tiles, rows), values.dtype)
    tiled[..., :full, :] = values[..., : full * rows].reshape(*lead, full, rows)
    tiled[..., full:, cells:] = values[..., full * rows :].reshape(*lead, short, rows - cells)
    return tiled


def _columns(arms: FloatArray) -> FloatArray:
    """Put slices (arm, slice, row, column) side by side: (arm, row, slice · column)."""
    return np.moveaxis(arms, 1, 2).reshape(arms.shape[0], arms.shape[2], -1)


def voltages(inputs: FloatArray, scale: Scaling, dac: DAC, layout: Layout) -> FloatArray:
    """Convert a layer's inputs to voltages on the tiles' rows.

    Parameters
    ----------
    inputs : (…, sample, input) array
    scale : Scaling
    dac : DAC
    layout : Layout

    Returns
    -------
    (cycle, …, row_tile, sample, row) array, in read voltages
        One cycle, unless the converter is serial.
    """
    converted = dac.convert(inputs, scale.input, signed=scale.signed)
    return on_rows(dac.apply(converted, signed=scale.signed), layout)


def on_rows(values: FloatArray, layout: Layout) -> FloatArray:
    """Place the values of a layer's inputs on the tiles' rows.

    Parameters
    ----------
    values : (…, sample, input) array
    layout : Layout

    Returns
    -------
    (…, row_tile, sample, row) array
    """
    if layout.cells > 1:
        values = np.repeat(values, layout.cells, axis=-1)
    # A view: BLAS takes strided rows.
    return np.moveaxis(_split(values, layout, layout.cells), -2, -3)


class Wired(NamedTuple):
    """A layer's conductances at its converters and drivers, wires included.

    Parameters
    ----------
    conductance : (realisation, row_tile, arm, row, column) array, S
        Current of each device in its column per volt on its row.
    drivers : (realisation, row_tile, row, row) array, S, or None
        Matrix of the drivers' currents per voltage: I = V @ drivers, summed over the arrays of a
        row of tiles; None without wires: then the devices of a row draw current by their
        conductances.
    """

    conductance: FloatArray
    drivers: FloatArray | None


def wired(
    conductance: FloatArray, layout: Layout, wires: Wires | None, access: float, *, power: bool
) -> Wired:
    """Return a layer's conductances behind their access devices and wires.

    Each array holds its layer's rows next to the sense amplifiers and its columns next to the
    drivers; no device is connected beyond them.

    Parameters
    ----------
    conductance : (realisation, row_tile, arm, row, column) array, S
    layout : Layout
    wires : Wires or None
    access : float, Ω
        In series with each device.
    power : bool
        Whether to compute the drivers' currents.

    Returns
    -------
    Wired
    """
    if access:
        conductance = conductance / (1 + conductance.dtype.type(access) * conductance)
    if wires is None:
        return Wired(conductance, None)
    places = layout.places()
    lead, (arms, rows, columns) = conductance.shape[:2], conductance.shape[2:]
    lines = np.moveaxis(conductance, 2, 3).reshape(*lead, rows, arms * columns)
    arrays = np.where(places < 0, 0, lines[..., places]).astype(lines.dtype)
    arrays = np.moveaxis(arrays, 3, 2)  # (realisation, row_tile, column_tile, row, column)
    if layout.short_tiles:
        arrays[:, -layout.short_tiles :, :, : layout.cells] = 0
    drivers = None
    if power:
        effective, taken = port_conductance(arrays, wires, plausible=False)
        drivers = taken.sum(axis=2)
    else:
        effective = effective_conductance(arrays, wires, plausible=False)
    unplaced = np.empty_like(lines)
    used = places >= 0
    unplaced[..., places[used]] = np.moveaxis(effective, 2, 3)[..., used]
    return Wired(np.moveaxis(unplaced.reshape(*lead, rows, arms, columns), 3, 2), drivers)


def power(voltage: FloatArray, seen: Wired) -> FloatArray:
    """Return the mean power of a layer's drivers for a read voltage of 1 V.

    Without wires sum_ij <V_i²> G_ij; with them sum_ik <V_i V_k> Y_ik, which includes the
    dissipation in wires, drivers and sense amplifiers. Summed over the cycles of a serial DAC.

    Parameters
    ----------
    voltage : (cycle, …, row_tile, sample, row) array, in read voltages
    seen : Wired

    Returns
    -------
    (realisation,) array, W/V²
    """
    samples = voltage.shape[-2]
    if seen.drivers is None:
        squared = np.einsum("c...nr,c...nr->...r", voltage, voltage) / samples
        row = seen.conductance.sum(axis=-1).sum(axis=-2)
        return np.asarray((squared * row).sum(axis=-1, dtype=np.float64).sum(axis=-1))
    products = (np.matmul(voltage.swapaxes(-1, -2), voltage) / samples).sum(axis=0)
    return np.asarray((products * seen.drivers).sum(axis=(-1, -2), dtype=np.float64).sum(axis=-1))


def floating_power(voltage: FloatArray, seen: Wired, layout: Layout, phase: Phase) -> FloatArray:
    """Return the mean power of a layer's drivers for a read voltage of 1 V and floating columns.

    sum_ij G_ij <(V_i - V_j)²>, where the column settles to V_j = sum_i V_i G_ij / sum_i G_ij: less
    than with columns at a virtual ground by sum_j <(sum_i V_i G_ij)²> / sum_i G_ij.

    Parameters
    ----------
    voltage : (cycle, …, row_tile, sample, row) array, in read voltages
        Of this phase. The two devices of a pair are driven with opposite signs.
    seen : Wired
        Without wires.
    layout : Layout
    phase : Phase

    Returns
    -------
    (realisation,) array, W/V²
    """
    arm = slice(None) if phase.arm is None else slice(phase.arm, phase.arm + 1)
    driven = power(voltage, Wired(seen.conductance[:, :, arm], None))
    signed = phase.signed(layout.mapping, seen.conductance, layout.owner)
    if voltage.ndim == signed.ndim:  # all realisations have the same inputs
        voltage = voltage[:, None]
    settled = np.square(np.matmul(voltage, signed)).mean(axis=-2).sum(axis=0)
    saved = over_loads(settled, loads(seen.conductance)).sum(axis=(-1, -2), dtype=np.float64)
    return np.asarray(driven - saved)


class Product(NamedTuple):
    """One analog product of a layer.

    Parameters
    ----------
    values : (realisation, sample, output) array
    saturated : (realisation,) array
        Share of the conversions that saturated.
    subtracted : (…, sample, 1) array or None
        Offset subtracted from the values digitally, where a mapping needs it.
    """

    values: FloatArray
    saturated: FloatArray
    subtracted: FloatArray | None = None

    @property
    def converted(self) -> FloatArray:
        """Values before the subtraction: proportional to the currents."""
        return self.values if self.subtracted is None else self.values + self.subtracted

    def scaled(self, gain: FloatArray) -> FloatArray:
        """Return the values for currents scaled by a gain; may overwrite `values`.

        Parameters
        ----------
        gain : (realisation, 1, 1) array

        Returns
        -------
        (realisation, sample, output) array
        """
        if self.subtracted is None:
            return np.multiply(self.values, gain, out=self.values)
        return np.asarray(self.converted * gain - self.subtracted)


def multiply(
    voltage: FloatArray,
    conductance: FloatArray,
    scale: Scaling,
    layout: Layout,
    hardware: Hardware,
    *,
    time: float,
    rng: Rng,
    programmed: FloatArray | None = None,
    seen: FloatArray | None = None,
    errors: ColumnErrors = NO_ERRORS,
) -> Product:
    """Multiply voltages by conductances: one analog product of a layer, W x.

    Each tile of rows is read, its column currents get the read noise, and are converted; the
    codes of cycles, phases, tiles and slices are added digitally. Where the converter integrates,
    the currents of several reads are weighted and added, noise included, and converted once.

    Parameters
    ----------
    voltage : (cycle, …, row_tile, sample, row) array, in read voltages
    conductance : (realisation, row_tile, arm, row, column) array, S
        Of the devices.
    scale : Scaling
    layout : Layout
    hardware : Hardware
    time : float, s
        Since programming.
    rng : Rng
    programmed : (realisation, row_tile, arm, row, column) array or None, S
        Of the devices before drift, see `AnalogDevice.read_sigma`.
    seen : (realisation, row_tile, arm, row, column) array or None, S
        From `wired`; None: the devices' own.
    errors : ColumnErrors
        Of the ADC, from `ADC.errors`.

    Returns
    -------
    Product
    """
    device, adc, mapping = hardware.device, hardware.adc, layout.mapping
    order = sequence(hardware.tile, hardware.dac, adc, signed=scale.signed)
    largest = adc.codes(signed=order.signed)[1]
    codes = largest / scale.current  # per read voltage times the whole range
    samples = voltage.shape[-2]
    total = np.zeros((conductance.shape[0], samples, layout.owner.size), voltage.dtype)
    saturated = np.zeros(len(total))
    quiet = device.read_noise.absent and device.telegraph_noise.absent
    for tile in range(layout.row_tiles):
        devices = conductance[:, tile]
        through = devices if seen is None else seen[:, tile]
        signed = [phase.signed(mapping, through, layout.owner) for phase in order.phases]
        unit: float | FloatArray = codes
        if scale.loads is not None:
            unit = codes * over_loads(scale.loads[tile], loads(through))[:, None, :]
        for each in signed:
            each *= np.asarray(unit / device.g_range, each.dtype)
            if errors.gain is not None:
                each *= errors.gain[:, tile, None, :]
        variance = None
        if not quiet:
            origin = None if programmed is None else programmed[:, tile]
            sigma = device.read_sigma(devices, time, origin)
            if seen is not None:
                sigma *= noise_share(devices, through, hardware.tile.access_resistance)
            sigma *= sigma.dtype.type(1 / device.g_range)  # so that squares stay in range
            sigma *= sigma
            variance = [phase.variance(mapping, sigma) for phase in order.phases]
        read = functools.partial(
            _read, voltage[..., tile, :, :], order, signed, variance, unit, layout, rng
        )
        for worth, reads in order.groups():
            currents, noise = _integrated(read(place) for place in reads)
            noise = _converter_noise(noise, total.shape, adc, errors.offset, tile, rng)
            saturated += adc.add_codes(total, currents, noise, signed=order.signed, worth=worth)
    conversions = layout.row_tiles * order.conversions * samples * layout.owner.size
    values = _summed(total, largest, scale, layout)
    if mapping.signed:
        return Product(values, saturated / conversions)
    zero = _zero(voltage, order.significance, device, scale, layout).astype(values.dtype)
    return Product(values - zero, saturated / conversions, zero)


def _read(
    voltage: FloatArray,
    order: Sequence,
    signed: list[FloatArray],
    variance: list[FloatArray] | None,
    codes: float | FloatArray,
    layout: Layout,
    rng: Rng,
    place: tuple[int, int, float],
) -> tuple[FloatArray, FloatArray | None]:
    """Return the currents [codes] of one read and their noise, times the read's weight.

    `voltage` is (cycle, …, sample, row); `signed` and `variance` are those of each phase, and
    `place` is the index of the phase, the cycle and the weight.
    """
    phase, cycle, weight = place
    applied = order.phases[phase].driven(voltage[cycle])
    noise = None
    if variance is not None:
        noise = read_noise(applied, variance[phase], layout, rng=rng)
        noise *= np.asarray(codes, noise.dtype)
    currents = np.matmul(applied, signed[phase])
    if weight != 1:
        currents *= currents.dtype.type(weight)
        if noise is not None:
            noise *= noise.dtype.type(weight)
    return currents, noise


def _integrated(
    reads: Iterator[tuple[FloatArray, FloatArray | None]],
) -> tuple[FloatArray, FloatArray | None]:
    """Add the currents of the reads behind one conversion, and their noise."""
    currents, noise = next(reads)
    for more, own in reads:
        currents += more
        if noise is not None and own is not None:
            noise += own
    return currents, noise


def loads(conductance: FloatArray) -> FloatArray:
    """Return the sum of the conductances on each column, of all arms and rows.

    Parameters
    ----------
    conductance : (…, arm, row, column) array, S

    Returns
    -------
    (…, column) array, S
    """
    return np.asarray(conductance.sum(axis=(-3, -2)))


def over_loads(values: FloatArray, load: FloatArray) -> FloatArray:
    """Divide by the conductance of each column; 0 where none of its devices conducts.

    Parameters
    ----------
    values : (…, column) array
    load : (…, column) array, S
        From `loads`, or in another unit.

    Returns
    -------
    (…, column) array
    """
    shape = np.broadcast_shapes(values.shape, load.shape)
    out = np.zeros(shape, np.result_type(values, load))
    return np.asarray(np.divide(values, load, out=out, where=load > 0))


def noise_share(devices: FloatArray, through: FloatArray, access: float) -> FloatArray:
    """Return the share of a device's read noise that reaches its column.

    Behind a resistance R in series i = V g / (1 + R g), so that di/dg = V a² with
    a = 1 / (1 + R g), exactly. Wires that leave the share w of a device's current leave w^3/2 of
    its noise, to 10 % for dense inputs: an approximation between w, exact if no other device
    carries a current, and w², exact for a resistance that all share and inputs that are alike.

    Parameters
    ----------
    devices : (…, row, column) array, S
        Of the devices.
    through : (…, row, column) array, S
        The same behind access devices and wires.
    access : float, Ω
        In series with each device.

    Returns
    -------
    (…, row, column) array
    """
    share = through / np.maximum(devices, np.finfo(devices.dtype).tiny)  # a w
    np.minimum(share, 1, out=share)  # sneak currents past an open device are not its own
    share *= np.sqrt(share)
    if access:
        share /= np.sqrt(1 + share.dtype.type(access) * devices)
    return share


def _converter_noise(
    noise: FloatArray | None,
    shape: tuple[int, ...],
    adc: ADC,
    offset: FloatArray | None,
    tile: int,
    rng: Rng,
) -> FloatArray | None:
    """Add to the currents [codes] the converters' noise and the columns' offsets."""
    if adc.noise:
        own = aside(rng, "converters").standard_normal(shape, np.float32)
        own *= own.dtype.type(adc.noise)
        noise = own if noise is None else np.add(noise, own, out=noise)
    if offset is not None:
        steady = offset[:, tile, None, :]
        noise = np.array(np.broadcast_to(steady, shape)) if noise is None else noise + steady
    return noise


def _summed(total: FloatArray, largest: int, scale: Scaling, layout: Layout) -> FloatArray:
    """Shift and add the codes of slices, and scale them to values."""
    units = layout.worth * (scale.weight * scale.input) / largest
    if isinstance(scale.current, np.ndarray):
        total *= scale.current.astype(total.dtype)
    else:
        units = units * scale.current
    if layout.slices == 1:
        total *= total.dtype.type(units[0])
        return total
    sliced = total.reshape(*total.shape[:-1], layout.slices, layout.outputs)
    result = sliced[..., 0, :] * total.dtype.type(units[0])
    for digit in range(1, layout.slices):
        result += sliced[..., digit, :] * total.dtype.type(units[digit])
    return np.asarray(result)


def _zero(
    voltage: FloatArray,
    significance: FloatArray,
    device: AnalogDevice,
    scale: Scaling,
    layout: Layout,
) -> FloatArray:
    """Offset of weight zero, from the inputs and the device's nominal range alone."""
    inputs = np.tensordot(significance, voltage, 1).sum(axis=-1).sum(axis=-2)[..., None]
    common = layout.worth.sum() * device.g_min / device.g_range + 1 / layout.cells
    return np.asarray(inputs * (common * scale.weight * scale.input))


def read_noise(
    voltage: FloatArray, variance: FloatArray, layout: Layout, *, rng: Rng
) -> FloatArray:
    """Draw the noise of signed column currents, new for every read.

    The sum of independent Gaussian read noises down a column is Gaussian with variance
    sum_i V_i² sigma_i², exactly: one more product, and no copy of the conductances per sample.

    Parameters
    ----------
    voltage : (…, sample, row) array, in read voltages
    variance : (realisation, row, column + reference) array
        Of the current of one read into each converter, per voltage squared on each row
        (`Phase.variance`), in any unit in which it neither vanishes nor overflows in the array's
        type.
    layout : Layout
    rng : Rng

    Returns
    -------
    (realisation, sample, column) array
        In the root of the variance's unit times the read voltage.
    """
    noise = np.matmul(np.square(voltage), variance)
    np.sqrt(noise, out=noise)
    noise *= rng.standard_normal(noise.shape, noise.dtype)
    return layout.mapping.column_noise(noise, layout.owner)
