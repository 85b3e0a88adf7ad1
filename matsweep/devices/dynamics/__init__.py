"""State equations of memristors; `matsweep.solving` integrates them in time."""

import importlib
from typing import Any

from matsweep.devices.dynamics.ecm import ElectrochemicalMetallization
from matsweep.devices.dynamics.ecram import ECRAM
from matsweep.devices.dynamics.ferroelectric import FeFET, FerroelectricTunnelJunction
from matsweep.devices.dynamics.filament_gap import FilamentGap
from matsweep.devices.dynamics.hodgkin_huxley import Membrane, PotassiumChannel, SodiumChannel
from matsweep.devices.dynamics.ideal import ChargeControlled, FluxControlled
from matsweep.devices.dynamics.ion_drift import LinearIonDrift
from matsweep.devices.dynamics.jart import JART
from matsweep.devices.dynamics.josephson import JosephsonJunction, SuperconductingMemristor
from matsweep.devices.dynamics.model import CompiledModel, DynamicalModel
from matsweep.devices.dynamics.mott import MottSwitch
from matsweep.devices.dynamics.mtj import MagneticTunnelJunction
from matsweep.devices.dynamics.pcm import PhaseChange
from matsweep.devices.dynamics.vteam import TEAM, VTEAM
from matsweep.devices.dynamics.yakopcic import Yakopcic

_SOLVING = ("Drive", "Pulses", "pulse_train", "respond", "retain", "sine", "staircase", "transient",
            "triangle")  # fmt: skip

__all__ = [
    "ECRAM",
    "JART",
    "TEAM",
    "VTEAM",
    "ChargeControlled",
    "CompiledModel",
    "DynamicalModel",
    "ElectrochemicalMetallization",
    "FeFET",
    "FerroelectricTunnelJunction",
    "FilamentGap",
    "FluxControlled",
    "JosephsonJunction",
    "LinearIonDrift",
    "MagneticTunnelJunction",
    "Membrane",
    "MottSwitch",
    "PhaseChange",
    "PotassiumChannel",
    "SodiumChannel",
    "SuperconductingMemristor",
    "Yakopcic",
]


def __getattr__(name: str) -> Any:
    """Load the integrators, `transient` and others, from `matsweep.solving`."""
    if name not in _SOLVING:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("matsweep.solving"), name)
