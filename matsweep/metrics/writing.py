"""What it takes to write a device, and how long what was written stays."""

from __future__ import annotations

import math

from matsweep.metrics.metric import Metric, Run

BAKE = 358.15  # K, 85 °C


def write_energy(run: Run) -> float:
    """Return the energy that programming one device takes, J: pulses times energy of a pulse.

    Not a number where the material states no energy of a pulse, or not how many it takes.
    """
    pulse = run.scenario.device.write_pulse
    if pulse.energy is None or pulse.count is None:
        return math.nan
    return pulse.energy * pulse.count


def retention(run: Run) -> float:
    """Return after how long at 85 °C a device has lost half of what was written, s.

    Not a number where nothing is known of it.
    """
    law = run.scenario.device.retention
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
RETENTION = Metric(
    name="retention",
    long_name="time at 85 °C to lose half",
    units="s",
    better="higher",
    dims=(),
    compute=retention,
    partial=True,
)
