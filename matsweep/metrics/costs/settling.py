"""Settling time of a wired array: the floor of its read time."""

from __future__ import annotations

import math

import numpy as np

from matsweep.scenario import Scenario


def elmore(segments: int, resistance: float, capacitance: float, end: float = 0.0) -> float:
    """Return the Elmore delay of a line that is driven at one end.

    τ = N C R_end + R C N (N + 1) / 2: each of the N segments' capacitances is charged through
    the resistance between it and the end.

    Parameters
    ----------
    segments : int
    resistance : float, Ω
        Of one segment.
    capacitance : float, F
        Of one segment.
    end : float, Ω
        Of the driver, or of the sense amplifier of a line that is held there.

    Returns
    -------
    float, s

    References
    ----------
    W. C. Elmore, J. Appl. Phys. 19:55, 1948, doi:10.1063/1.1697872.
    """
    return segments * capacitance * end + resistance * capacitance * segments * (segments + 1) / 2


def settling_time(scenario: Scenario) -> float:
    """Return the settling time of word and bit lines to half an LSB of the ADC.

    ln 2 (bits + 1) times the sum of their Elmore delays, as if both lines were one exponential;
    half as many segments per driver where word lines are driven at both ends. This is longer than
    the exact solution of the RC ladders, driver to far cell to amplifier: at 8 bits by 1.19 where
    one line takes all of the time (the exact time is 16 % shorter), and by up to 1.72 where both
    lines take as long; at many bits by up to π² / 8 = 1.23 and twice that. Where drivers and
    amplifiers have far more resistance than one of the lines, a single line is exact. Left out:
    conduction of the devices, which only makes it faster, and the amplifiers' own time.

    Parameters
    ----------
    scenario : Scenario

    Returns
    -------
    float, s
        Zero without wires.
    """
    tile, node = scenario.tile, scenario.periphery.node
    wires = scenario.wires.wires(scenario.device.cell_size, node)
    if wires is None:
        return 0.0
    charge = scenario.wires.segment_capacitance(scenario.device.cell_size, node)
    word, bit = (float(np.max(r)) for r in (wires.word_resistance, wires.bit_resistance))
    columns = math.ceil(tile.columns / 2) if wires.driven == "both" else tile.columns
    total = elmore(columns, word, charge, wires.driver_resistance)
    total += elmore(tile.rows, bit, charge, wires.sense_resistance)
    return math.log(2) * (scenario.adc.bits + 1) * total


def read_time(scenario: Scenario) -> float:
    """Return the time of one read: the tile's read time, or its settling time if longer.

    Parameters
    ----------
    scenario : Scenario

    Returns
    -------
    float, s
    """
    return max(scenario.tile.read_time, settling_time(scenario))
