"""Weights of one realisation as panels of columns, for compiled products of windows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.crossbar import MAPPINGS, sequence
from matsweep.crossbar.mapping import IntArray
from matsweep.machine.aged import AgedDevices
from matsweep.machine.columns import columns, conversion
from matsweep.machine.hardware import Hardware
from matsweep.machine.mapped import Mapped

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


def panels(aged: AgedDevices) -> Panels:
    """Lay the weights of one realisation out in panels.

    Parameters
    ----------
    aged : AgedDevices
        Of one realisation.

    Returns
    -------
    Panels
    """
    plan, device = aged.mapped.layout, aged.hardware.device
    full = plan.row_tiles - plan.short_tiles
    lengths = np.full(plan.row_tiles, plan.tile_inputs)
    lengths[full:] -= 1
    count = -(-plan.columns // LANES)
    shape = plan.row_tiles, count, plan.tile_inputs, LANES
    quiet = device.read_noise.absent and device.telegraph_noise.absent
    weights = np.zeros(shape, np.float32)
    variances = np.zeros((0, *shape[1:]) if quiet else shape, np.float32)
    begins = np.zeros((plan.row_tiles, count * LANES), np.float32)
    for tile, own in enumerate(columns(aged)):
        _lay(own.weights, weights[tile])
        if own.variances is not None:
            _lay(own.variances, variances[tile])
        if own.begins is not None:
            begins[tile, : plan.columns] = own.begins
    codes = conversion(aged)
    return Panels(
        tiles=np.concatenate([[0], np.cumsum(lengths)]),
        weights=weights,
        variances=variances,
        begins=begins,
        scale=codes.scale,
        inputs=codes.inputs,
        limits=codes.limits,
    )


def _lay(values: FloatArray, out: FloatArray) -> None:
    """Write values (input, column) to panels (panel, input, LANES)."""
    padded = np.zeros((len(values), len(out) * LANES), np.float32)
    padded[:, : values.shape[1]] = values
    out[:, : len(values)] = padded.reshape(len(values), -1, LANES).swapaxes(0, 1)
