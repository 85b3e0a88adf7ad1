"""Time integration of dynamical models: drives, transients and responses to pulses."""

from matsweep.solving.protocols import (
    Drive,
    Pulses,
    pulse_train,
    respond,
    retain,
    sine,
    staircase,
    triangle,
)
from matsweep.solving.transient import transient

__all__ = [
    "Drive",
    "Pulses",
    "pulse_train",
    "respond",
    "retain",
    "sine",
    "staircase",
    "transient",
    "triangle",
]
