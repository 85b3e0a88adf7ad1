"""What a memristor does: behavioural models."""

from matsweep.devices.analog import AnalogDevice
from matsweep.devices.parts import Drift, LogLaw, ProgrammingError, ReadNoise, StuckAt, drift

__all__ = [
    "AnalogDevice",
    "Drift",
    "LogLaw",
    "ProgrammingError",
    "ReadNoise",
    "StuckAt",
    "drift",
]
