"""Device models fitted to data, measured or simulated."""

from matsweep.identification.fitting.data import PulseData, read_pulses
from matsweep.identification.fitting.fit import Fit, compare, fit_model, recommend
from matsweep.identification.fitting.loops import KINDS, LoopFit, fit_loops, simulated
from matsweep.identification.fitting.sweeps import Loop, is_sweep, read_loops, turned
from matsweep.identification.fitting.table import tabulate

__all__ = [
    "KINDS",
    "Fit",
    "Loop",
    "LoopFit",
    "PulseData",
    "compare",
    "fit_loops",
    "fit_model",
    "is_sweep",
    "read_loops",
    "read_pulses",
    "recommend",
    "simulated",
    "tabulate",
    "turned",
]
