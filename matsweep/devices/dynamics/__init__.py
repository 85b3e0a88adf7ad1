"""Memristors that move: state equations, and their solution in time."""

from matsweep.devices.dynamics.ecm import ElectrochemicalMetallization
from matsweep.devices.dynamics.ecram import ECRAM
from matsweep.devices.dynamics.ferroelectric import FeFET, FerroelectricTunnelJunction
from matsweep.devices.dynamics.filament_gap import FilamentGap
from matsweep.devices.dynamics.hodgkin_huxley import Membrane, PotassiumChannel, SodiumChannel
from matsweep.devices.dynamics.ideal import ChargeControlled, FluxControlled
from matsweep.devices.dynamics.ion_drift import LinearIonDrift
from matsweep.devices.dynamics.jart import JART
from matsweep.devices.dynamics.josephson import SuperconductingMemristor
from matsweep.devices.dynamics.model import CompiledModel, DynamicalModel
from matsweep.devices.dynamics.mott import MottSwitch
from matsweep.devices.dynamics.mtj import MagneticTunnelJunction
from matsweep.devices.dynamics.pcm import PhaseChange
from matsweep.devices.dynamics.protocols import (
    Drive,
    Pulses,
    pulse_train,
    respond,
    retain,
    sine,
    triangle,
)
from matsweep.devices.dynamics.transient import transient
from matsweep.devices.dynamics.vteam import TEAM, VTEAM
from matsweep.devices.dynamics.yakopcic import Yakopcic

__all__ = [
    "ECRAM",
    "JART",
    "TEAM",
    "VTEAM",
    "ChargeControlled",
    "CompiledModel",
    "Drive",
    "DynamicalModel",
    "ElectrochemicalMetallization",
    "FeFET",
    "FerroelectricTunnelJunction",
    "FilamentGap",
    "FluxControlled",
    "LinearIonDrift",
    "MagneticTunnelJunction",
    "Membrane",
    "MottSwitch",
    "PhaseChange",
    "PotassiumChannel",
    "Pulses",
    "SodiumChannel",
    "SuperconductingMemristor",
    "Yakopcic",
    "pulse_train",
    "respond",
    "retain",
    "sine",
    "transient",
    "triangle",
]
