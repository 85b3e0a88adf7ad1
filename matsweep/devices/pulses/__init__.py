"""Response to identical pulses: potentiation and depression (LTP, LTD).

A pulse model works on the state x, the conductance as a fraction of the device's range: 0 at
g_min, 1 at g_max. Potentiating pulses move it up, depressing ones down; after every pulse it is
cut to [0, 1], or to the device's own bounds.
"""

from matsweep.devices.pulses.formulas import ExponentialStep, LinearStep, PowerStep, SoftBounds
from matsweep.devices.pulses.kernels import affine, columns
from matsweep.devices.pulses.model import Parameters, PulseModel, limits
from matsweep.devices.pulses.neurosim import NeuroSim, curvature
from matsweep.devices.pulses.noise import CycleNoise
from matsweep.devices.pulses.population import Population
from matsweep.devices.pulses.tabulated import Tabulated

__all__ = [
    "CycleNoise",
    "ExponentialStep",
    "LinearStep",
    "NeuroSim",
    "Parameters",
    "Population",
    "PowerStep",
    "PulseModel",
    "SoftBounds",
    "Tabulated",
    "affine",
    "columns",
    "curvature",
    "limits",
]
