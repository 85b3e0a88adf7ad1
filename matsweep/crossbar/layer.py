"""One layer of weights on tiles: programmed, and multiplied by voltages.

Arrays have a leading realisation axis wherever devices are drawn. Conductances of a layer are
(realisation, row_tile, arm, row, column); inputs (…, sample, input); everything in the type of
the weights (float32 in a sweep).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matsweep.crossbar.converters import ADC, DAC, percentile
from matsweep.crossbar.tile import Layout
from matsweep.devices import AnalogDevice
from matsweep.streams import FloatArray, Rng


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """What makes numbers of a layer's weights, inputs and currents.

    Parameters
    ----------
    weight : float
        Largest magnitude of the layer's weights: it becomes the whole range of conductance.
    input : float
        Input that becomes the whole read voltage.
    signed : bool
        Whether inputs can be negative.
    current : float
        Full scale of the ADC over (read_voltage · g_range).
    """

    weight: float
    input: float
    signed: bool
    current: float


def fractions(weights: FloatArray, layout: Layout) -> FloatArray:
    """Return what part of the device's range each device is asked for.

    Parameters
    ----------
    weights : (input, output) array in [-1, 1]
    layout : Layout

    Returns
    -------
    (row_tile, arm, row, column) array in [0, 1]
        References, where the mapping has them, follow the columns. Rows beyond the layer's
        inputs (where they do not divide evenly) ask for weight zero.
    """
    extra = layout.row_tiles * layout.tile_inputs - layout.inputs
    padded = np.pad(weights, ((0, extra), (0, 0)))
    arms = layout.mapping.encode(padded, layout.slicing)
    columns = _columns(arms)
    if layout.references:
        zero = _columns(layout.mapping.encode(np.zeros((len(padded), 1)), layout.slicing))
        repeated = np.repeat(zero, layout.column_tiles, axis=-1)
        columns = np.concatenate([columns, repeated], axis=-1)
    tiled = columns.reshape(len(columns), layout.row_tiles, layout.tile_inputs, -1)
    tiled = np.repeat(tiled, layout.cells, axis=-2)
    return np.ascontiguousarray(tiled.swapaxes(0, 1), dtype=weights.dtype)


def _columns(arms: FloatArray) -> FloatArray:
    """Put slices (arm, slice, row, column) side by side: (arm, row, slice · column)."""
    return np.moveaxis(arms, 1, 2).reshape(arms.shape[0], arms.shape[2], -1)


def voltages(inputs: FloatArray, scale: Scale, dac: DAC, layout: Layout) -> FloatArray:
    """Convert a layer's inputs to voltages on the tiles' rows.

    Parameters
    ----------
    inputs : (…, sample, input) array
    scale : Scale
    dac : DAC
    layout : Layout

    Returns
    -------
    (…, row_tile, sample, row) array, in read voltages
    """
    converted = dac.convert(inputs, scale.input, signed=scale.signed)
    if layout.cells > 1:
        converted = np.repeat(converted, layout.cells, axis=-1)
    if layout.row_tiles == 1:
        return converted[..., None, :, :]
    rows = layout.tile_inputs * layout.cells
    extra = layout.row_tiles * rows - converted.shape[-1]
    if extra:
        converted = np.pad(converted, [(0, 0)] * (converted.ndim - 1) + [(0, extra)])
    tiled = converted.reshape(*converted.shape[:-1], layout.row_tiles, rows)
    return np.moveaxis(tiled, -2, -3)  # a view: BLAS takes rows that lie apart


def multiply(
    voltage: FloatArray,
    conductance: FloatArray,
    device: AnalogDevice,
    adc: ADC,
    scale: Scale,
    layout: Layout,
    *,
    time: float,
    rng: Rng,
) -> FloatArray:
    """Multiply voltages by conductances: one analog product of a layer, W x.

    Each tile of rows is read, its signed column currents get the read noise, and are converted;
    the codes of tiles and slices are added digitally.

    Parameters
    ----------
    voltage : (…, row_tile, sample, row) array, in read voltages
    conductance : (realisation, row_tile, arm, row, column) array, S
    device : AnalogDevice
    adc : ADC
    scale : Scale
    layout : Layout
    time : float, s
        Since programming.
    rng : Rng

    Returns
    -------
    (realisation, sample, output) array
    """
    codes = adc.largest_code / (scale.current * device.g_range)  # of a read voltage times 1 S
    total = np.zeros((conductance.shape[0], voltage.shape[-2], layout.owner.size), voltage.dtype)
    for tile in range(layout.row_tiles):
        applied, devices = voltage[..., tile, :, :], conductance[:, tile]
        signed = layout.mapping.difference(devices, layout.owner)
        signed *= signed.dtype.type(codes)
        noise = None
        if not (device.read_noise.absent and device.telegraph_noise.absent):
            sigma = device.read_sigma(devices, time)
            sigma *= sigma.dtype.type(codes)
            noise = read_noise(applied, sigma, layout, rng=rng)
        adc.add_codes(total, np.matmul(applied, signed), noise)
    worth = layout.worth * (scale.current / adc.largest_code * scale.weight * scale.input)
    if layout.slices == 1:
        total *= total.dtype.type(worth[0])
        return total
    sliced = total.reshape(*total.shape[:-1], layout.slices, layout.outputs)
    result = sliced[..., 0, :] * total.dtype.type(worth[0])
    for digit in range(1, layout.slices):
        result += sliced[..., digit, :] * total.dtype.type(worth[digit])
    return np.asarray(result)


def read_noise(voltage: FloatArray, sigma: FloatArray, layout: Layout, *, rng: Rng) -> FloatArray:
    """Draw the noise of signed column currents, new for every read.

    The sum of independent Gaussian read noises down a column is Gaussian with variance
    sum_i V_i² sigma_i², exactly: one more product, and no copy of the conductances per sample.

    Parameters
    ----------
    voltage : (…, sample, row) array, in read voltages
    sigma : (realisation, arm, row, column) array
        Standard deviation of one read of each device, in any unit in which its square neither
        vanishes nor overflows in the array's type. Overwritten.
    layout : Layout
    rng : Rng

    Returns
    -------
    (realisation, sample, column) array, in that unit times the read voltage
    """
    sigma *= sigma
    noise = np.matmul(np.square(voltage), layout.mapping.column_variance(sigma))
    np.sqrt(noise, out=noise)
    noise *= rng.standard_normal(noise.shape, noise.dtype)
    return layout.mapping.column_noise(noise, layout.owner)


def calibrate(
    weights: FloatArray,
    inputs: FloatArray,
    layout: Layout,
    levels: int | None,
    dac: DAC,
    adc: ADC,
    fixed_current: float | None,
) -> Scale:
    """Find a layer's scales from training inputs and conductances as targeted.

    Parameters
    ----------
    weights : (input, output) array
    inputs : (sample, input) array
        Of training data.
    layout : Layout
    levels : int or None
        Of the device, to which targets are rounded.
    dac, adc : DAC, ADC
    fixed_current : float or None
        The ADC's full scale over (read_voltage · g_range), where it is not calibrated.

    Returns
    -------
    Scale
    """
    scale = Scale(
        weight=float(np.abs(weights).max()) or 1.0,
        input=dac.full_scale(inputs),
        signed=bool((inputs < 0).any()),
        current=fixed_current or 1.0,
    )
    if fixed_current is not None:
        return scale
    ideal = fractions(weights * weights.dtype.type(1 / scale.weight), layout)
    if levels is not None:
        ideal = np.rint(ideal * (levels - 1)) * ideal.dtype.type(1 / (levels - 1))
    signed = layout.mapping.difference(ideal, layout.owner)
    currents = np.matmul(voltages(inputs, scale, dac, layout), signed)
    return Scale(
        weight=scale.weight,
        input=scale.input,
        signed=scale.signed,
        current=percentile(currents, adc.percentile),
    )
