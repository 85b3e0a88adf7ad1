"""Sequence of the reads and conversions of one analog product.

A product takes one read, or several: the bits of a serial input one after the other (cycles), and
inputs or weights of the two signs one after the other (phases), where drivers or converters work
in one direction only. Each read is converted by itself, or the converter's integrator holds the
weighted sum of several and converts once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.crossbar.converters import ADC, DAC
from matsweep.crossbar.mapping import IntArray, Mapping
from matsweep.crossbar.tile import Tile


class Phase(NamedTuple):
    """Reads with inputs of one sign, or devices of one side of the pairs.

    Parameters
    ----------
    inputs : int
        1: only positive inputs are applied; -1: only negative ones, by their magnitude; 0: all.
    arm : int or None
        Side of the pairs that is read; None: the difference of both.
    """

    inputs: int = 0
    arm: int | None = None

    @property
    def sign(self) -> int:
        """Sign with which its codes enter the product."""
        return (-1 if self.inputs < 0 else 1) * (-1 if self.arm == 1 else 1)

    def driven(self, voltage: FloatArray) -> FloatArray:
        """Return the voltages that are applied in this phase.

        Parameters
        ----------
        voltage : (…) array

        Returns
        -------
        (…) array
        """
        if self.inputs == 0:
            return voltage
        return np.maximum(voltage if self.inputs > 0 else -voltage, 0)

    def signed(self, mapping: Mapping, conductance: FloatArray, owner: IntArray) -> FloatArray:
        """Return the conductances whose currents reach the converters.

        Parameters
        ----------
        mapping : Mapping
        conductance : (…, arm, row, column + reference) array, S
        owner : (column,) array of int
            Each column's reference.

        Returns
        -------
        (…, row, column) array, S
        """
        if self.arm is None:
            return mapping.difference(conductance, owner)
        return np.array(conductance[..., self.arm, :, :])

    def variance(self, mapping: Mapping, variance: FloatArray) -> FloatArray:
        """Return the variance of the current into each converter, as `Mapping.column_variance`.

        Parameters
        ----------
        mapping : Mapping
        variance : (…, arm, row, column + reference) array
            Of each device.

        Returns
        -------
        (…, row, column + reference) array
        """
        if self.arm is None:
            return mapping.column_variance(variance)
        return variance[..., self.arm, :, :]


class Sequence(NamedTuple):
    """The reads of one product, and the conversions of their currents.

    Parameters
    ----------
    significance : (cycle,) array
        Value of the read voltage in each cycle, in full scales.
    phases : tuple of Phase
    integrates : "read", "cycles" or "product"
        As `ADC.integrates`.
    signed : bool
        Whether converted currents have both signs.
    """

    significance: FloatArray
    phases: tuple[Phase, ...]
    integrates: str
    signed: bool

    @property
    def cycles(self) -> int:
        """Voltages that carry an input, one after the other."""
        return len(self.significance)

    @property
    def reads(self) -> int:
        """Reads of an array."""
        return self.cycles * len(self.phases)

    @property
    def drives(self) -> int:
        """Reads in which one input is applied: each has one sign."""
        sides = {phase.inputs for phase in self.phases}
        return self.reads // len(sides)

    @property
    def conversions(self) -> int:
        """Conversions of each column's current."""
        return {"read": self.reads, "cycles": len(self.phases), "product": 1}[self.integrates]

    def groups(self) -> Iterator[tuple[float, tuple[tuple[int, int, float], ...]]]:
        """Yield the conversions: the weight of the code, and the reads that it sums.

        Yields
        ------
        worth : float
            Weight of the code in the product.
        reads : tuple of (phase, cycle, weight)
            Index of the phase, the cycle, and the weight of its current in the integrated one.
        """
        worths = self.significance.tolist()
        whole: list[tuple[int, int, float]] = []
        for index, phase in enumerate(self.phases):
            if self.integrates == "read":
                for cycle, worth in enumerate(worths):
                    yield phase.sign * worth, ((index, cycle, 1.0),)
                continue
            inside = phase.sign if self.integrates == "product" else 1
            part = [(index, cycle, inside * worth) for cycle, worth in enumerate(worths)]
            if self.integrates == "cycles":
                yield float(phase.sign), tuple(part)
            whole += part
        if self.integrates == "product":
            yield 1.0, tuple(whole)


def sequence(tile: Tile, dac: DAC, adc: ADC, *, signed: bool) -> Sequence:
    """Return the reads and conversions of a product.

    Parameters
    ----------
    tile : Tile
    dac : DAC
    adc : ADC
    signed : bool
        Whether inputs have both signs: unsigned ones need no phase of negative inputs.

    Returns
    -------
    Sequence
    """
    inputs = (1, -1) if signed and tile.phases > 1 else (0,)
    arms = (0, 1) if tile.phases == 4 else (None,)
    phases = tuple(Phase(side, arm) for side in inputs for arm in arms)
    pairs = tile.balanced and tile.phases < 4
    both = adc.integrates == "product" and (tile.balanced or signed)
    return Sequence(
        significance=dac.significance(signed=signed),
        phases=phases,
        integrates=adc.integrates,
        signed=both or pairs or (signed and tile.phases == 1),
    )
