"""Weights of one realisation in codes: one linear map and one variance for each tile of rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.crossbar import Sequence, sequence
from matsweep.machine.aged import AgedDevices
from matsweep.machine.product import loads, noise_share, over_loads


class Columns(NamedTuple):
    """Columns of one tile of rows.

    Parameters
    ----------
    weights : (input, column) array, codes
        For each code of the DAC.
    variances : (input, column) array, codes², or None
        Of the read noise, for each squared code of the DAC; None without read noise.
    begins : (column,) array, codes, or None
        Fixed error of each column.
    """

    weights: FloatArray
    variances: FloatArray | None
    begins: FloatArray | None


class Conversion(NamedTuple):
    """Codes of the converters around the columns of a matrix.

    Parameters
    ----------
    scale : (slice, output) array
        Value of a code in the product.
    inputs : tuple of 3 float32
        Codes of the DAC per unit of an input, its smallest and its largest code.
    limits : tuple of 3 float32
        Smallest and largest code of the ADC, and the variance of its noise in codes².
    """

    scale: FloatArray
    inputs: tuple[np.float32, np.float32, np.float32]
    limits: tuple[np.float32, np.float32, np.float32]


def columns(aged: AgedDevices) -> Iterator[Columns]:
    """Yield the columns of each tile of rows.

    Where a product takes several reads, they are what all reads together give: phases add with
    their signs, and the cycles of a serial input to the input. Columns that share a reference have
    its noise each.

    Parameters
    ----------
    aged : AgedDevices
        Of one realisation.

    Yields
    ------
    Columns
    """
    mapped, hardware = aged.mapped, aged.hardware
    plan, device, mapping = mapped.layout, hardware.device, mapped.layout.mapping
    order = _order(aged)
    largest = hardware.adc.codes(signed=order.signed)[1]
    every = largest / np.asarray(mapped.scale.current)
    volts = 1 / hardware.dac.steps(signed=mapped.scale.signed)  # read voltages of a code
    full = plan.row_tiles - plan.short_tiles
    quiet = device.read_noise.absent and device.telegraph_noise.absent
    phases = [phase for phase in order.phases if phase.inputs >= 0]  # one for each arm that is read
    errors, worth = aged.errors, sum(worth for worth, _ in order.groups())
    for tile in range(plan.row_tiles):
        # Inputs that a tile lacks are its first.
        length = (plan.tile_inputs - (tile >= full)) * plan.cells
        devices = aged.conductance[0, tile][:, -length:]
        through = aged.seen.conductance[0, tile][:, -length:]
        codes = every
        if (held := mapped.scale.loads) is not None:
            codes = every * over_loads(held[tile], loads(aged.seen.conductance[0, tile]))
        signed, *more = (
            phase.signed(mapping, through, plan.owner) * phase.sign for phase in phases
        )
        for each in more:
            signed += each
        signed = signed * (codes / device.g_range * volts)
        if errors.gain is not None:
            signed *= errors.gain[0, tile]
        variance = None
        if not quiet:
            origin = aged.programmed[0, tile][:, -length:]
            sigma = device.read_sigma(devices, aged.time, origin)
            if not aged.direct:
                sigma = sigma * noise_share(devices, through, hardware.tile.access_resistance)
            sigma *= sigma.dtype.type(1 / device.g_range)
            first, *more = (phase.variance(mapping, np.square(sigma)) for phase in phases)
            for each in more:
                first = first + each
            if plan.references:
                first = first[..., : plan.columns] + first[..., plan.columns :][..., plan.owner]
            variance = _joined(first * np.square(codes * volts), plan.cells)
        begins = None if errors.offset is None else errors.offset[0, tile] * np.float32(worth)
        yield Columns(_joined(signed, plan.cells), variance, begins)


def conversion(aged: AgedDevices) -> Conversion:
    """Return the codes of the converters.

    Where a product takes several conversions, they are those of one with the range of all together
    and the variance of the sum of their noise.

    Parameters
    ----------
    aged : AgedDevices

    Returns
    -------
    Conversion
    """
    mapped, hardware = aged.mapped, aged.hardware
    plan, scale, adc = mapped.layout, mapped.scale, hardware.adc
    order = _order(aged)
    smallest, largest = adc.codes(signed=order.signed)
    if any(phase.sign < 0 for phase in order.phases):
        smallest = -largest
    noise = sum(worth * worth for worth, _ in order.groups()) * adc.noise**2
    steps = hardware.dac.steps(signed=scale.signed)
    unit = np.asarray(scale.current) / largest * (scale.weight * scale.input)
    values = np.broadcast_to(unit, plan.columns).reshape(plan.slices, plan.outputs)
    return Conversion(
        scale=values * plan.worth[:, None],
        inputs=(
            np.float32(steps / scale.input),
            np.float32(-steps if scale.signed else 0),
            np.float32(steps),
        ),
        limits=(np.float32(smallest), np.float32(largest), np.float32(noise)),
    )


def _order(aged: AgedDevices) -> Sequence:
    hardware = aged.hardware
    return sequence(hardware.tile, hardware.dac, hardware.adc, signed=aged.mapped.scale.signed)


def _joined(values: FloatArray, cells: int) -> FloatArray:
    """Add the rows of an input."""
    return np.asarray(values.reshape(-1, cells, values.shape[-1]).sum(axis=1))
