"""Annotations of parameters: a number and its unit.

A field annotated ``g_max: Conductance`` holds a float in S, and a configuration may give it as
``25uS``. Every number of a parameter class has one of these annotations, or
``Annotated[float, Unit("…")]`` where its unit is used nowhere else.
"""

from __future__ import annotations

from typing import Annotated

from matsweep.core.units import Unit

Dimensionless = Annotated[float, Unit("1")]
Percent = Annotated[float, Unit("%")]
Codes = Annotated[float, Unit("LSB")]
Conductance = Annotated[float, Unit("S")]
Resistance = Annotated[float, Unit("ohm")]
Voltage = Annotated[float, Unit("V")]
Current = Annotated[float, Unit("A")]
Charge = Annotated[float, Unit("C")]
Capacitance = Annotated[float, Unit("F")]
SweepRate = Annotated[float, Unit("V/s")]
Time = Annotated[float, Unit("s")]
Frequency = Annotated[float, Unit("Hz")]
Rate = Annotated[float, Unit("1/s")]
Energy = Annotated[float, Unit("J")]
ElectronVolts = Annotated[float, Unit("eV")]
Temperature = Annotated[float, Unit("K")]
Length = Annotated[float, Unit("m")]
Area = Annotated[float, Unit("m2")]
CellSize = Annotated[float, Unit("F2")]
Velocity = Annotated[float, Unit("m/s")]
Mobility = Annotated[float, Unit("m2/(V s)")]
Field = Annotated[float, Unit("V/m")]
Conductivity = Annotated[float, Unit("S/m")]
Resistivity = Annotated[float, Unit("ohm m")]
ThermalResistance = Annotated[float, Unit("K/W")]
Bytes = Annotated[int, Unit("B")]
