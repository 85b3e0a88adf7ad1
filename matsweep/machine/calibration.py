"""Calibration of a layer's scales, before any device is programmed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.crossbar.converters import ADC, DAC, percentile
from matsweep.crossbar.sequence import Sequence, sequence
from matsweep.crossbar.tile import Layout, Tile
from matsweep.crossbar.wires.wires import Wires
from matsweep.machine.product import Scaling, fractions, loads, voltages, wired


class Target(NamedTuple):
    """Programming target of a layer's devices, for calibration.

    Parameters
    ----------
    g_min, g_range : float, S
    levels : int or None
        Levels that targets are rounded to.
    wires : Wires or None
    access : float, Ω
        In series with each device.
    """

    g_min: float
    g_range: float
    levels: int | None
    wires: Wires | None
    access: float


def calibrate(
    weights: FloatArray,
    inputs: FloatArray,
    layout: Layout,
    target: Target,
    tile: Tile,
    dac: DAC,
    adc: ADC,
) -> Scaling:
    """Calibrate a layer's scales on training inputs and target conductances.

    Parameters
    ----------
    weights : (input, output) array
    inputs : (sample, input) array
        Of training data.
    layout : Layout
    target : Target
    tile : Tile
    dac : DAC
    adc : ADC
        With full scales over (read_voltage · g_range).

    Returns
    -------
    Scaling
    """
    scale = Scaling(
        weight=float(np.abs(weights).max()) or 1.0,
        input=dac.full_scale(inputs),
        signed=bool((inputs < 0).any()),
        current=adc.full_scale or 1.0,
    )
    if adc.full_scale is not None:
        return scale
    ideal = fractions(weights * weights.dtype.type(1 / scale.weight), layout)
    if target.levels is not None:
        ideal = np.rint(ideal * (target.levels - 1)) * ideal.dtype.type(1 / (target.levels - 1))
    ideal *= ideal.dtype.type(target.g_range)
    ideal += ideal.dtype.type(target.g_min)
    wired_g = wired(ideal[None], layout, target.wires, target.access, power=False).conductance[0]
    order = sequence(tile, dac, adc, signed=scale.signed)
    mapping, unit = layout.mapping, wired_g.dtype.type(target.g_range)
    signed = [phase.signed(mapping, wired_g, layout.owner) / unit for phase in order.phases]
    currents = _converted(voltages(inputs, scale, dac, layout), signed, order)
    held, share = None, 1.0
    if adc.sensing == "voltage":
        held = loads(wired_g)
        share = held.mean(axis=0) / unit
        share[share == 0] = 1  # a column without conductance: any range serves
        currents = currents / share
    current: float | FloatArray = percentile(currents, adc.percentile)
    if adc.per_column:
        columns = np.moveaxis(currents, -1, 0).reshape(currents.shape[-1], -1)
        full_scales = np.percentile(np.abs(columns), adc.percentile, axis=-1)
        current = np.where(full_scales > 0, full_scales, current)
    if adc.least_full_scale is not None:
        current = np.maximum(current, adc.least_full_scale)
        current = current if adc.per_column else float(current)
    return Scaling(
        weight=scale.weight, input=scale.input, signed=scale.signed,
        current=current if held is None else np.asarray(current * share), loads=held,
    )  # fmt: skip


def _converted(voltage: FloatArray, signed: list[FloatArray], order: Sequence) -> FloatArray:
    """Return the currents that the converters take, (conversion, row_tile, sample, column).

    `signed` holds the conductances (row_tile, row, column) of each phase.
    """
    currents = [
        np.matmul(phase.driven(voltage), each)
        for phase, each in zip(order.phases, signed, strict=True)
    ]
    if order.integrates == "read":
        return currents[0] if len(currents) == 1 else np.concatenate(currents)
    worth = order.significance.astype(voltage.dtype)
    held = np.stack([np.tensordot(worth, each, 1) for each in currents])
    if order.integrates == "cycles":
        return held
    signs = np.array([phase.sign for phase in order.phases], held.dtype)
    return np.asarray(np.tensordot(signs, held, 1))[None]
