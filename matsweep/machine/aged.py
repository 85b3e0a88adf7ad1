"""Devices of a matrix at one time: products of row voltages, and the power of drivers."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from matsweep.core.streams import FloatArray, Streams
from matsweep.crossbar import sequence
from matsweep.crossbar.converters import ColumnErrors
from matsweep.machine.hardware import Hardware
from matsweep.machine.mapped import Mapped
from matsweep.machine.product import Product, Wired, floating_power, multiply, power


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AgedDevices:
    """Devices of a matrix at one time, in some realisations, wires solved.

    Parameters
    ----------
    mapped : Mapped
    hardware : Hardware
    time : float, s
        Since programming.
    conductance : (realisation, row_tile, arm, row, column) array, S
        Of the devices.
    seen : Wired
        The same behind access devices and wires.
    programmed : (realisation, row_tile, arm, row, column) array, S
        Of the devices before drift.
    errors : ColumnErrors
    """

    mapped: Mapped
    hardware: Hardware
    time: float
    conductance: FloatArray
    seen: Wired
    programmed: FloatArray
    errors: ColumnErrors

    @property
    def direct(self) -> bool:
        """Whether there are neither wires nor access devices."""
        return self.seen.conductance is self.conductance

    def of(self, realisation: int) -> AgedDevices:
        """Return the devices of one realisation alone, without a copy.

        Parameters
        ----------
        realisation : int

        Returns
        -------
        AgedDevices
        """
        one = slice(realisation, realisation + 1)
        gain, offset = self.errors
        own, drivers = self.conductance[one], self.seen.drivers
        return dataclasses.replace(
            self,
            conductance=own,
            seen=Wired(
                own if self.direct else self.seen.conductance[one],
                None if drivers is None else drivers[one],
            ),
            programmed=self.programmed[one],
            errors=ColumnErrors(
                None if gain is None else gain[one], None if offset is None else offset[one]
            ),
        )

    def read(self, voltage: FloatArray, *, rng: Streams) -> Product:
        """Multiply row voltages by the matrix, without any compensation.

        Parameters
        ----------
        voltage : (cycle, …, row_tile, sample, row) array, in read voltages
        rng : Streams

        Returns
        -------
        Product
            Values (realisation, sample, output).
        """
        return multiply(
            voltage,
            self.conductance,
            self.mapped.scale,
            self.mapped.layout,
            self.hardware,
            time=self.time,
            rng=rng,
            programmed=self.programmed,
            seen=None if self.direct else self.seen.conductance,
            errors=self.errors,
        )

    def power(self, voltage: FloatArray) -> FloatArray:
        """Return the mean power of the word lines' drivers, see `AgedMatrix.power`.

        Parameters
        ----------
        voltage : (cycle, …, row_tile, sample, row) array, in read voltages

        Returns
        -------
        (realisation,) array, W
        """
        hardware, plan = self.hardware, self.mapped.layout
        signed = self.mapped.scale.signed
        order = sequence(hardware.tile, hardware.dac, hardware.adc, signed=signed)
        if hardware.adc.sensing == "voltage":
            total = sum(
                floating_power(phase.driven(voltage), self.seen, plan, phase)
                for phase in order.phases
            )
        else:
            sides = {phase.inputs: phase for phase in order.phases}
            total = sum(power(phase.driven(voltage), self.seen) for phase in sides.values())
        return np.asarray(hardware.device.read_voltage**2 * total)
