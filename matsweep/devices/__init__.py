"""What a memristor does: behavioural models."""

from matsweep.devices.analog import Aging, AnalogDevice
from matsweep.devices.faults import Endurance, StuckAt
from matsweep.devices.laws import Law
from matsweep.devices.programming import Programmed, ProgrammingError, WritePulse, WriteVerify
from matsweep.devices.pulses import (
    CycleNoise,
    ExponentialStep,
    LinearStep,
    NeuroSim,
    PowerStep,
    PulseModel,
    SoftBounds,
    Tabulated,
    curvature,
)
from matsweep.devices.reading import (
    CubicIV,
    CurrentLaw,
    NeuroSimIV,
    ReadNoise,
    SeriesIV,
    SinhIV,
    TelegraphNoise,
)
from matsweep.devices.relaxation import Drift, Retention, ShortTerm, arrhenius, drift

__all__ = [
    "Aging",
    "AnalogDevice",
    "CubicIV",
    "CurrentLaw",
    "CycleNoise",
    "Drift",
    "Endurance",
    "ExponentialStep",
    "Law",
    "LinearStep",
    "NeuroSim",
    "NeuroSimIV",
    "PowerStep",
    "Programmed",
    "ProgrammingError",
    "PulseModel",
    "ReadNoise",
    "Retention",
    "SeriesIV",
    "ShortTerm",
    "SinhIV",
    "SoftBounds",
    "StuckAt",
    "Tabulated",
    "TelegraphNoise",
    "WritePulse",
    "WriteVerify",
    "arrhenius",
    "curvature",
    "drift",
]
