"""Memristor models: behavioural and dynamical.

The names of the dynamical models of `matsweep.devices.dynamics`, and of the functions of
`matsweep.solving` that integrate them, are available here too; both load on first use.
"""

import importlib
from typing import Any

from matsweep.devices.analog import Aging, AnalogDevice
from matsweep.devices.currents import CubicIV, CurrentLaw, NeuroSimIV, SeriesIV, SinhIV
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
from matsweep.devices.reading import ReadNoise, TelegraphNoise
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

_DYNAMICS = (
    "ECRAM", "JART", "TEAM", "VTEAM", "ChargeControlled", "CompiledModel", "DynamicalModel",
    "ElectrochemicalMetallization", "FeFET", "FerroelectricTunnelJunction", "FilamentGap",
    "FluxControlled", "JosephsonJunction", "LinearIonDrift", "MagneticTunnelJunction", "Membrane",
    "MottSwitch", "PhaseChange", "PotassiumChannel", "SodiumChannel", "SuperconductingMemristor",
    "Yakopcic",
)  # fmt: skip
_SOLVING = ("pulse_train", "respond", "retain", "sine", "staircase", "transient", "triangle")
_HOMES = {
    **dict.fromkeys(_DYNAMICS, "matsweep.devices.dynamics"),
    **dict.fromkeys(_SOLVING, "matsweep.solving"),
}
__all__ += [*_DYNAMICS, *_SOLVING]


def __getattr__(name: str) -> Any:
    """Load the dynamical models on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
