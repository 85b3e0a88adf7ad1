"""Power of the drivers in products of windows."""

from __future__ import annotations

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.machine.aged import AgedDevices
from matsweep.machine.product import Wired, on_rows, power
from matsweep.machine.programmed import AgedMatrix
from matsweep.machine.windows import Windows
from matsweep.machine.windows_blocks import Driven, blocks

_VALUES = 2**20  # that are converted at a time


def windows_power(aged: AgedMatrix, windows: Windows, *, realisation: int) -> float:
    """Return the power of a matrix's drivers: the mean over samples, summed over positions.

    Times the duration of a read (`Tile.read_time`) it is the energy of one inference.

    Parameters
    ----------
    aged : AgedMatrix
        With the drivers' currents (`ProgrammedMatrix.at` with power).
    windows : Windows
        Of at least one sample.
    realisation : int

    Returns
    -------
    float, W
    """
    one = aged.devices.of(realisation)
    hardware = one.hardware
    if one.seen.drivers is None and hardware.adc.sensing == "current":
        squares = _squares(one, windows)
        volts = on_rows(np.sqrt(squares)[None, None], one.mapped.layout)
        seen = Wired(one.seen.conductance, None)
        return float(hardware.device.read_voltage**2 * power(volts, seen)[0])
    return _of_rows(one, windows) / windows.samples


def _squares(aged: AgedDevices, windows: Windows) -> FloatArray:
    """Squared voltages of each input, mean over samples, summed over positions, cycles and phases.

    Without wires a driver's power is the square of its voltage times the conductances of its row,
    so that no input vector is needed as a whole.
    """
    mapped, dac = aged.mapped, aged.hardware.dac
    scale, size = mapped.scale, windows.values.shape[1]
    squares = np.zeros(size)
    step = max(1, _VALUES // size)
    for first in range(0, windows.samples, step):
        some = windows.values[first : first + step]
        volts = dac.apply(dac.convert(some, scale.input, signed=scale.signed), signed=scale.signed)
        squares += np.einsum("csv,csv->v", volts, volts)
    squares /= windows.samples
    summed = np.zeros(windows.inputs)
    step = max(1, _VALUES // windows.inputs)
    for first in range(0, windows.positions, step):
        starts = windows.starts[first : first + step, None]
        summed += squares[starts + windows.offsets].sum(axis=0)
    return summed


def _of_rows(aged: AgedDevices, windows: Windows) -> float:
    """Power of the drivers, summed over the rows of windows, from explicit rows."""
    mapped, dac = aged.mapped, aged.hardware.dac
    driven = Driven(windows, mapped, dac)
    total = 0.0
    for block in blocks(driven.rows, 0, driven.block_rows):
        voltage = driven.voltages(block.rows)
        total += float(aged.power(on_rows(voltage, mapped.layout))[0]) * voltage.shape[1]
    return total
