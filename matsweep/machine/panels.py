"""Weights of one realisation as panels of columns, for compiled products of windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.crossbar import MAPPINGS, sequence
from matsweep.crossbar.mapping import IntArray
from matsweep.machine.product import noise_share

if TYPE_CHECKING:
    from matsweep.machine.hardware import Hardware
    from matsweep.machine.mapped import Mapped
    from matsweep.machine.programmed import AgedMatrix

LANES = 16  # columns of a panel, see `matsweep.machine.kernels.sizes`


class Panels(NamedTuple):
    """Weights of one realisation in codes, with all that their products need.

    Parameters
    ----------
    tiles : (row_tile + 1,) array of int
        First input of each tile of rows; their number.
    weights : (row_tile, panel, input, LANES) float32 array, codes
        For each code of the DAC.
    variances : (row_tile, panel, input, LANES) float32 array, codes²
        Of the read noise, for each squared code of the DAC; no tiles of rows without read noise.
    begins : (row_tile, panel · LANES) float32 array, codes
        Fixed error of each column.
    scale : (slice, output) array
        Value of a code in the product.
    inputs : tuple of 3 float32
        Codes of the DAC per unit of an input, its smallest and its largest code.
    limits : tuple of 3 float32
        Smallest and largest code of the ADC, and the variance of its noise in codes².
    """

    tiles: IntArray
    weights: FloatArray
    variances: FloatArray
    begins: FloatArray
    scale: FloatArray
    inputs: tuple[np.float32, np.float32, np.float32]
    limits: tuple[np.float32, np.float32, np.float32]


def serves(mapped: Mapped, hardware: Hardware) -> bool:
    """Whether a product is one read of one phase, with columns that are independent.

    Parameters
    ----------
    mapped : Mapped
    hardware : Hardware

    Returns
    -------
    bool
    """
    tile, adc = hardware.tile, hardware.adc
    order = sequence(tile, hardware.dac, adc, signed=mapped.scale.signed)
    pairs = MAPPINGS[tile.mapping].signed and not mapped.layout.references
    return pairs and adc.sensing == "current" and order.reads == 1 and mapped.scale.loads is None


def panels(aged: AgedMatrix, realisation: int) -> Panels:
    """Lay the weights of one realisation out in panels.

    Parameters
    ----------
    aged : AgedMatrix
        That `serves`.
    realisation : int

    Returns
    -------
    Panels
    """
    programmed = aged.programmed
    mapped, hardware = programmed.mapped, programmed.hardware
    plan, device, adc = mapped.layout, hardware.device, hardware.adc
    order = sequence(hardware.tile, hardware.dac, adc, signed=mapped.scale.signed)
    [phase] = order.phases
    smallest, largest = adc.codes(signed=order.signed)
    codes = largest / np.asarray(mapped.scale.current)
    steps = hardware.dac.steps(signed=mapped.scale.signed)
    volts = 1 / steps  # read voltages of a code
    full = plan.row_tiles - plan.short_tiles
    lengths = np.full(plan.row_tiles, plan.tile_inputs)
    lengths[full:] -= 1
    count = -(-plan.columns // LANES)
    shape = plan.row_tiles, count, plan.tile_inputs, LANES
    quiet = device.read_noise.absent and device.telegraph_noise.absent
    weights = np.zeros(shape, np.float32)
    variances = np.zeros((0, *shape[1:]) if quiet else shape, np.float32)
    begins = np.zeros((plan.row_tiles, count * LANES), np.float32)
    errors = programmed.errors
    for tile, length in enumerate(lengths):
        # Inputs that a tile lacks are its first.
        devices = aged.conductance[realisation, tile][:, -length * plan.cells :]
        through = aged.seen.conductance[realisation, tile][:, -length * plan.cells :]
        signed = phase.signed(plan.mapping, through, plan.owner) * (codes / device.g_range * volts)
        if errors.gain is not None:
            signed *= errors.gain[realisation, tile]
        _lay(signed, plan.cells, weights[tile])
        if errors.offset is not None:
            begins[tile, : plan.columns] = errors.offset[realisation, tile]
        if quiet:
            continue
        origin = programmed.conductance[realisation, tile][:, -length * plan.cells :]
        sigma = device.read_sigma(devices, aged.time, origin)
        if aged.seen.conductance is not aged.conductance:
            sigma = sigma * noise_share(devices, through, hardware.tile.access_resistance)
        sigma *= sigma.dtype.type(1 / device.g_range)
        variance = phase.variance(plan.mapping, np.square(sigma)) * np.square(codes * volts)
        _lay(variance, plan.cells, variances[tile])
    unit = np.asarray(mapped.scale.current) / largest * (mapped.scale.weight * mapped.scale.input)
    scale = np.broadcast_to(unit, plan.columns).reshape(plan.slices, plan.outputs)
    return Panels(
        tiles=np.concatenate([[0], np.cumsum(lengths)]),
        weights=weights,
        variances=variances,
        begins=begins,
        scale=scale * plan.worth[:, None],
        inputs=(
            np.float32(steps / mapped.scale.input),
            np.float32(-steps if mapped.scale.signed else 0),
            np.float32(steps),
        ),
        limits=(np.float32(smallest), np.float32(largest), np.float32(adc.noise**2)),
    )


def _lay(values: FloatArray, cells: int, out: FloatArray) -> None:
    """Write values (row, column) to panels (panel, input, LANES); rows of an input are added."""
    summed = values.reshape(-1, cells, values.shape[-1]).sum(axis=1)
    padded = np.zeros((len(summed), len(out) * LANES), np.float32)
    padded[:, : summed.shape[1]] = summed
    out[:, : len(summed)] = padded.reshape(len(summed), -1, LANES).swapaxes(0, 1)
