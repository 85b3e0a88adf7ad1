"""Write energy of devices, and their retention."""

from __future__ import annotations

import math

from matsweep.metrics.metric import Evaluation, Metric
from matsweep.workloads import COSTS

BAKE = 358.15  # K, 85 °C


def write_energy(evaluation: Evaluation) -> float:
    """Return the energy of programming one device: pulses times energy per pulse.

    Parameters
    ----------
    evaluation : Evaluation

    Returns
    -------
    float, J
        Not a number where the material does not state both.
    """
    pulse = evaluation.scenario.device.write_pulse
    if pulse.energy is None or pulse.count is None:
        return math.nan
    return pulse.energy * pulse.count


def half_select_energy(evaluation: Evaluation) -> float:
    """Return the energy dissipated in the half-selected cells by one write pulse.

    (V/2)² G t of each of the rows + columns - 2 cells that share a line with the one written, at
    the middle of the range, times the tile's `half_selected`; V² t is the mean of both polarities.
    Wires are left out: `matsweep.crossbar.write_cell` has them for one cell.

    Parameters
    ----------
    evaluation : Evaluation

    Returns
    -------
    float, J
        Not a number where the material does not state a voltage and a time.
    """
    tile, device = evaluation.scenario.tile, evaluation.scenario.device
    if tile.half_selected == 0:
        return 0.0
    pulse = device.write_pulse
    sides = ((pulse.voltage_up, pulse.time_up), (pulse.voltage_down, pulse.time_down))
    known = [volts**2 * time for volts, time in sides if volts is not None and time is not None]
    if not known:
        return math.nan
    middle = (device.g_min + device.g_max) / 2
    cells = (tile.rows + tile.columns - 2) * tile.half_selected
    return cells * middle * sum(known) / len(known) / 4


def programming_energy(evaluation: Evaluation) -> float:
    """Return the energy of programming the whole network once.

    For every device of every copy, of layers and of the network, its pulses (`write_energy`), and
    the half-selected cells' share.

    Parameters
    ----------
    evaluation : Evaluation

    Returns
    -------
    float, J
        Not a number where a pulse's energy or the number of pulses is unknown.
    """
    count = evaluation.scenario.device.write_pulse.count
    if count is None:
        return math.nan
    each = write_energy(evaluation) + count * half_select_energy(evaluation)
    return evaluation.bill.devices * evaluation.scenario.periphery.replication * each


def retention(evaluation: Evaluation) -> float:
    """Return the time at 85 °C after which a device has lost half of its written state.

    Parameters
    ----------
    evaluation : Evaluation

    Returns
    -------
    float, s
        Not a number where unknown.
    """
    law = evaluation.scenario.device.retention
    if law.time is None:
        return math.nan
    return law.half_life(BAKE)


WRITE_ENERGY = Metric(
    name="write_energy",
    long_name="energy to program one device",
    units="J",
    better="lower",
    dims=(),
    compute=write_energy,
    partial=True,
)
PROGRAMMING_ENERGY = Metric(
    name="programming_energy",
    long_name="energy to program the whole network once",
    units="J",
    better="lower",
    dims=(),
    compute=programming_energy,
    needs=(COSTS,),
    partial=True,
)
RETENTION = Metric(
    name="retention",
    long_name="time at 85 °C to lose half",
    units="s",
    better="higher",
    dims=(),
    compute=retention,
    partial=True,
)
