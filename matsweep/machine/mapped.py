"""Matrices laid out on tiles, before any device is programmed."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass

import numpy as np

from matsweep.core.slips import refuse_shape
from matsweep.core.streams import FloatArray
from matsweep.crossbar import ADC, DAC, MAPPINGS, Layout, Tile, layout, sequence
from matsweep.machine.calibration import Target, calibrate
from matsweep.machine.hardware import Hardware
from matsweep.machine.matrix import Matrix
from matsweep.machine.product import Scaling, fractions, voltages

_CALIBRATION_READS = 64  # calibration inputs that a compensation reads


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mapped:
    """A matrix on tiles, with its calibrated converters.

    Parameters
    ----------
    matrix : Matrix
    layout : Layout
    scale : Scaling
    fractions : (row_tile, arm, row, column) array in [0, 1]
        Share of the device's range that each device is programmed to.
    calibration : (cycle, row_tile, sample, row) array, in read voltages
        Of some calibration inputs.
    wanted : (sample, output) array
        Their products with the weights.
    """

    matrix: Matrix
    layout: Layout
    scale: Scaling
    fractions: FloatArray
    calibration: FloatArray
    wanted: FloatArray

    def conversions(self, hardware: Hardware) -> int:
        """Return the ADC conversions of one product.

        Parameters
        ----------
        hardware : Hardware

        Returns
        -------
        int
        """
        order = sequence(hardware.tile, hardware.dac, hardware.adc, signed=self.scale.signed)
        return self.layout.row_tiles * self.layout.columns * order.conversions

    def voltages(self, inputs: FloatArray, dac: DAC) -> FloatArray:
        """Convert inputs to row voltages.

        Parameters
        ----------
        inputs : (…, sample, input) array
        dac : DAC

        Returns
        -------
        (cycle, …, row_tile, sample, row) array, in read voltages

        Raises
        ------
        UserError
            If inputs are no samples of the matrix.
        """
        refuse_shape("x", inputs.shape, "input", self.matrix.inputs)
        return voltages(inputs, self.scale, dac, self.layout)

    def holding(self, weight: FloatArray) -> Mapped:
        """Return the same tiles with another weight; the converters' full scales stay.

        Parameters
        ----------
        weight : (input, output) array
            Of the same shape and type.

        Returns
        -------
        Mapped

        Raises
        ------
        ValueError
            If voltages are sensed: their ranges belong to the weights.
        """
        if self.scale.loads is not None:
            raise ValueError("a matrix whose columns are sensed by voltage must be mapped again")
        matrix = dataclasses.replace(self.matrix, weight=weight)
        scale = dataclasses.replace(self.scale, weight=float(np.abs(weight).max()) or 1.0)
        return dataclasses.replace(
            self,
            matrix=matrix,
            scale=scale,
            fractions=fractions(weight * weight.dtype.type(1 / scale.weight), self.layout),
            wanted=_some(matrix.calibration) @ weight,
        )


def map_matrices(matrices: tuple[Matrix, ...], hardware: Hardware) -> tuple[Mapped, ...]:
    """Lay matrices out on tiles and calibrate their converters on their calibration inputs.

    Without wires, where currents are sensed, and where they are subtracted before their conversion,
    the result depends only on the device's levels (and its range, if the ADC has a full scale in
    amperes), so most candidates of a sweep share it.

    A block-diagonal matrix lies on tiles in packs (`Matrix.split`), each of which is calibrated by
    itself, on the inputs of its blocks.

    Parameters
    ----------
    matrices : tuple of Matrix
        The same objects for all candidates: results are kept by their identity.
    hardware : Hardware

    Returns
    -------
    tuple of Mapped
        Of each dense matrix, and of each pack of the block-diagonal ones, in their order.
    """
    device, tile = hardware.device, hardware.tile
    adc = _relative(hardware.adc, device.read_voltage * device.g_range)
    target = Target(0.0, 1.0, device.levels, None, 0.0)
    plain = hardware.wires is None and not tile.access_resistance
    plain = plain and adc.sensing == "current"
    if not (plain and MAPPINGS[tile.mapping].signed and tile.phases < 4):
        target = Target(
            device.g_min, device.g_range, device.levels, hardware.wires, tile.access_resistance
        )
    parts = tuple(part for matrix in matrices for part in matrix.split(tile, device.levels))
    return _mapped(parts, tile, hardware.dac, adc, target)


def _relative(adc: ADC, unit: float) -> ADC:
    """Express a converter's full scales [A] in a unit of current [A]."""
    fixed, least = (
        None if each is None else each / unit for each in (adc.full_scale, adc.least_full_scale)
    )
    return dataclasses.replace(adc, full_scale=fixed, least_full_scale=least)


@functools.lru_cache(maxsize=8)
def _mapped(
    matrices: tuple[Matrix, ...], tile: Tile, dac: DAC, adc: ADC, target: Target
) -> tuple[Mapped, ...]:
    return tuple(_one(matrix, tile, dac, adc, target) for matrix in matrices)


def _one(matrix: Matrix, tile: Tile, dac: DAC, adc: ADC, target: Target) -> Mapped:
    weight, inputs = matrix.weight, matrix.calibration
    plan = layout(matrix.inputs, matrix.outputs, tile, target.levels)
    scale = calibrate(weight, inputs, plan, target, tile, dac, adc)
    some = _some(inputs)
    return Mapped(
        matrix=matrix,
        layout=plan,
        scale=scale,
        fractions=fractions(weight * weight.dtype.type(1 / scale.weight), plan),
        calibration=voltages(some, scale, dac, plan),
        wanted=some @ weight,
    )


def _some(inputs: FloatArray) -> FloatArray:
    """Return the calibration inputs that a compensation reads."""
    return inputs[:: max(1, len(inputs) // _CALIBRATION_READS)][:_CALIBRATION_READS]
