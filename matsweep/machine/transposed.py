"""The transposed analog product: columns driven, rows converted."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray, Rng, aside
from matsweep.crossbar import Layout
from matsweep.crossbar.converters import ADC, DAC, percentile
from matsweep.machine.hardware import Hardware
from matsweep.machine.mapped import Mapped
from matsweep.machine.product import Product, Wired, noise_share


class _Cells(NamedTuple):
    """Devices of a transposed read, in conductance ranges.

    Parameters
    ----------
    signed : (realisation, input, slice · output) array
    variance : (realisation, input, slice · output + reference) array or None
        Of one read of each device; None without read noise.
    """

    signed: FloatArray
    variance: FloatArray | None


def multiply_transposed(
    x: FloatArray,
    conductance: FloatArray,
    seen: Wired,
    mapped: Mapped,
    hardware: Hardware,
    *,
    time: float,
    gain: FloatArray | float = 1.0,
    rng: Rng,
    programmed: FloatArray | None = None,
) -> Product:
    """Multiply by the transposed weights: x Wᵀ, column voltages in and row currents out.

    A network of resistances is reciprocal, so wires attenuate as in a forward read. Both columns of
    a pair are driven, with opposite signs; a reference column gets minus the sum of the voltages of
    its columns; slices are read one after the other; rows that share an input are converted
    together. Each tile of columns is converted by itself and added digitally.

    Where the converter integrates, the cycles of a serial input are converted once, in each slice
    and tile of columns.

    Simplified: the drive of reference columns is exact and unbounded; the rows' converters have
    neither column errors of gain and offset nor their own calibration: the full scale follows the
    largest input of the batch and the ADC's percentile of its currents, unless the ADC states one.

    Parameters
    ----------
    x : ([realisation,] sample, output) array
    conductance : (realisation, row_tile, arm, row, column) array, S
        Of the devices.
    seen : Wired
        The same behind access devices and wires.
    mapped : Mapped
    hardware : Hardware
    time : float, s
        Since programming.
    gain : (realisation, 1, 1) array or float
        Of the compensations.
    rng : Rng
    programmed : (realisation, row_tile, arm, row, column) array or None, S
        Of the devices before drift, see `AnalogDevice.read_sigma`.

    Returns
    -------
    Product
        Values (realisation, sample, input).

    Raises
    ------
    UserError
        If a product takes several phases, or voltages are sensed.
    """
    plan, dac, adc = mapped.layout, hardware.dac, hardware.adc
    if hardware.tile.phases != 1:
        raise UserError(
            f"tile.phases must be 1 for a transposed product, got {hardware.tile.phases}: columns "
            "are driven with both signs at once"
        )
    largest_input = _largest(x, dac)
    scaled = x / largest_input.astype(x.dtype)
    drive = dac.apply(dac.convert(scaled, 1.0, signed=True), signed=True)
    cells = _cells(conductance, seen, mapped, hardware, time, programmed)
    parts = _parts(plan)
    if adc.sensing != "current":
        raise UserError(
            f"adc.sensing must be current for a transposed product, got {adc.sensing}: rows are "
            "held at a virtual ground"
        )
    worth = dac.significance(signed=True)
    held = adc.integrates != "read"
    weights = worth if held else np.ones(len(worth))
    currents = [
        _integrated(
            [np.matmul(each[..., outputs], _turned(cells.signed[..., columns])) for each in drive],
            weights,
            held,
        )
        for outputs, columns in parts
    ]
    codes = adc.codes(signed=True)[1] / _full_scale(adc, currents, hardware)
    shape = len(conductance), x.shape[-2], plan.inputs
    total, saturated = np.zeros(shape, x.dtype), np.zeros(len(conductance))
    weighted = [each * each.dtype.type(weight) for each, weight in zip(drive, weights, strict=True)]
    for number, (outputs, columns) in enumerate(parts):
        slice_worth = float(plan.worth[number // plan.column_tiles])
        for cycle, read in enumerate(currents[number]):
            driven = weighted if held else [drive[cycle]]
            noise = _noise(
                [each[..., outputs] for each in driven], cells.variance, columns, plan, shape, rng
            )
            if noise is not None:
                noise *= codes.astype(noise.dtype)
            if adc.noise:
                own = aside(rng, "converters").standard_normal(shape, np.float32)
                own *= np.float32(adc.noise)
                noise = own if noise is None else noise + own
            flow = np.ascontiguousarray(read * codes.astype(x.dtype))
            value = slice_worth if held else float(worth[cycle]) * slice_worth
            saturated += adc.add_codes(total, flow, noise, signed=True, worth=value)
    unit = mapped.scale.weight * largest_input
    values = total * (unit / codes).astype(total.dtype) * gain
    if not plan.mapping.signed:
        device = hardware.device
        common = plan.cells * plan.worth.sum() * device.g_min / device.g_range + 1
        applied = np.tensordot(worth, drive, 1).sum(axis=-1)[..., None]
        values = values - (applied * (common * unit)).astype(values.dtype)
    conversions = len(parts) * len(currents[0]) * x.shape[-2] * plan.inputs
    return Product(np.asarray(values, x.dtype), saturated / conversions)


def _integrated(currents: list[FloatArray], weights: FloatArray, held: bool) -> list[FloatArray]:
    """Return the currents of each conversion: of every cycle, or their weighted sum."""
    if not held:
        return currents
    parts = (each * each.dtype.type(weight) for each, weight in zip(currents, weights, strict=True))
    return [sum(parts, start=np.zeros_like(currents[0]))]


def _largest(x: FloatArray, dac: DAC) -> FloatArray:
    """Return the input of the whole read voltage, (1, 1) or (realisation, 1, 1)."""
    if x.ndim == 2:
        return np.full((1, 1), dac.full_scale(x))
    return np.array([dac.full_scale(each) for each in x])[:, None, None]


def _turned(signed: FloatArray) -> FloatArray:
    return signed.swapaxes(-1, -2)


def _parts(plan: Layout) -> list[tuple[slice, slice]]:
    """Slices of outputs and columns of each slice and tile of columns, tiles within slices."""
    tiles = [
        slice(first, min(first + plan.tile_outputs, plan.outputs))
        for first in range(0, plan.outputs, plan.tile_outputs)
    ]
    return [
        (tile, slice(digit * plan.outputs + tile.start, digit * plan.outputs + tile.stop))
        for digit in range(plan.slices)
        for tile in tiles
    ]


def _cells(
    conductance: FloatArray,
    seen: Wired,
    mapped: Mapped,
    hardware: Hardware,
    time: float,
    programmed: FloatArray | None,
) -> _Cells:
    plan, device = mapped.layout, hardware.device
    through = seen.conductance
    unit = through.dtype.type(1 / device.g_range)
    signed = by_input(plan.mapping.difference(through, plan.owner) * unit, plan)
    if device.read_noise.absent and device.telegraph_noise.absent:
        return _Cells(signed, None)
    sigma = device.read_sigma(conductance, time, programmed)
    if through is not conductance:
        sigma *= noise_share(conductance, through, hardware.tile.access_resistance)
    sigma = np.square(sigma * unit)
    return _Cells(signed, by_input(plan.mapping.column_variance(sigma), plan))


def by_input(values: FloatArray, plan: Layout) -> FloatArray:
    """Add the rows of each input.

    Parameters
    ----------
    values : (realisation, row_tile, row, column) array
    plan : Layout

    Returns
    -------
    (realisation, input, column) array
    """
    lead, columns = values.shape[0], values.shape[-1]
    tiles = values.reshape(lead, plan.row_tiles, plan.tile_inputs, plan.cells, columns).sum(axis=3)
    full = plan.row_tiles - plan.short_tiles
    whole = tiles[:, :full].reshape(lead, -1, columns)
    short = tiles[:, full:, 1:].reshape(lead, -1, columns)  # their first rows hold no devices
    return np.concatenate([whole, short], axis=1)


def _full_scale(adc: ADC, currents: list[list[FloatArray]], hardware: Hardware) -> FloatArray:
    """Return the current of the largest code, (realisation, 1, 1), over read voltage times range.

    Of each realisation's own currents, so that it does not depend on the others.
    """
    unit = hardware.device.read_voltage * hardware.device.g_range
    realisations = len(currents[0][0])
    if adc.full_scale is not None:
        return np.full((realisations, 1, 1), adc.full_scale / unit)
    every = np.concatenate(
        [cycle.reshape(realisations, -1) for part in currents for cycle in part], axis=1
    )
    full = np.array([percentile(own, adc.percentile) for own in every])[:, None, None]
    return full if adc.least_full_scale is None else np.maximum(full, adc.least_full_scale / unit)


def _noise(
    drives: list[FloatArray],
    variance: FloatArray | None,
    columns: slice,
    plan: Layout,
    shape: tuple[int, ...],
    rng: Rng,
) -> FloatArray | None:
    """Draw the noise of converted row currents, in ranges of conductance times the read voltage.

    `drives` are the voltages of the reads behind one conversion, each with its weight.
    """
    if variance is None:
        return None
    power = _noise_power(drives[0], variance, columns, plan)
    for drive in drives[1:]:
        power = power + _noise_power(drive, variance, columns, plan)
    noise = np.sqrt(power) * rng.standard_normal(shape, power.dtype)
    return np.asarray(noise)


def _noise_power(
    drive: FloatArray, variance: FloatArray, columns: slice, plan: Layout
) -> FloatArray:
    """Return the variance of row currents in one read."""
    power = np.matmul(np.square(drive), _turned(variance[..., columns]))
    if plan.references:
        # One reference for the columns of this part: it is driven by minus their sum.
        reference = plan.columns + int(plan.owner[columns.start])
        total = np.square(drive.sum(axis=-1, keepdims=True))
        power = power + total * variance[..., None, :, reference]
    return np.asarray(power)
