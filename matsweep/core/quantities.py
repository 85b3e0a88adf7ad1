"""Annotations of parameters: a number, its unit, and the bounds of its plausible values.

A field annotated ``g_max: Conductance`` holds a float in S, and a configuration may give it as
``25uS``. Every number of a parameter class has one of these annotations, or
``Annotated[float, Unit("…")]`` where its unit is used nowhere else.

The bounds here span what circuits and materials have at all; they are wide judgements, not
measurements. A parameter narrows them where it stands:
``read_voltage: Annotated[Voltage, Plausible(1e-4, 10.0)]``.
"""

from __future__ import annotations

from typing import Annotated

from matsweep.core.direction import Worse
from matsweep.core.plausible import Plausible
from matsweep.core.units import Unit

Dimensionless = Annotated[float, Unit("1")]
Percent = Annotated[float, Unit("%")]
Codes = Annotated[float, Unit("LSB")]
Conductance = Annotated[float, Unit("S"), Plausible(-1.0, 1.0)]
Resistance = Annotated[float, Unit("ohm"), Plausible(0.0, 1e15)]
Voltage = Annotated[float, Unit("V"), Plausible(-100.0, 100.0)]
Current = Annotated[float, Unit("A"), Plausible(-1.0, 1.0)]
Charge = Annotated[float, Unit("C"), Plausible(-1e-3, 1e-3)]
Capacitance = Annotated[float, Unit("F"), Plausible(0.0, 1e-3)]
SweepRate = Annotated[float, Unit("V/s")]
Time = Annotated[float, Unit("s"), Plausible(1e-16, 1e13)]
Frequency = Annotated[float, Unit("Hz"), Plausible(1e-3, 1e16)]
Rate = Annotated[float, Unit("1/s")]
Energy = Annotated[float, Unit("J"), Plausible(0.0, 1.0)]
ElectronVolts = Annotated[float, Unit("eV"), Plausible(-20.0, 20.0)]
Temperature = Annotated[float, Unit("K"), Plausible(0.01, 1e4)]
Length = Annotated[float, Unit("m"), Plausible(1e-12, 0.01)]
Area = Annotated[float, Unit("m2"), Plausible(1e-20, 1e-4)]
CellSize = Annotated[float, Unit("F2"), Plausible(0.1, 1e8)]
Velocity = Annotated[float, Unit("m/s")]
Mobility = Annotated[float, Unit("m2/(V s)")]
Field = Annotated[float, Unit("V/m"), Plausible(-1e12, 1e12)]
Conductivity = Annotated[float, Unit("S/m")]
Resistivity = Annotated[float, Unit("ohm m")]
ThermalResistance = Annotated[float, Unit("K/W"), Plausible(1.0, 1e12)]
Bytes = Annotated[int, Unit("B")]

Spread = Annotated[Dimensionless, Plausible(0.0, 1.0), Worse("higher")]
"""Relative standard deviation."""
Noise = Annotated[Dimensionless, Plausible(0.0, 10.0), Worse("higher")]
"""Standard deviation relative to a step, which it may well exceed."""
Faulty = Annotated[Dimensionless, Worse("higher")]
"""Share of the devices that have a fault, or the size of one."""
Surroundings = Annotated[Temperature, Plausible(200.0, 700.0)]
"""Temperature at which devices that need no cooling work, are stored and are baked, K."""
ReadVoltage = Annotated[Voltage, Plausible(-10.0, 10.0)]
PulseVoltage = Annotated[Voltage, Plausible(-30.0, 30.0)]
PulseWidth = Annotated[Time, Plausible(1e-13, 1e2)]
Elapsed = Annotated[Time, Plausible(1e-9, 1e10)]
"""Time since programming; 1e10 s are three centuries."""
