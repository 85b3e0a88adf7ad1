"""Device models from data, measured or simulated."""

from matsweep.fitting.data import PulseData, read_pulses
from matsweep.fitting.fit import Fit, compare, fit_model, recommend
from matsweep.fitting.loops import KINDS, LoopFit, fit_loops, simulated
from matsweep.fitting.sweeps import Loop, is_sweep, read_loops, turned
from matsweep.fitting.table import tabulate

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
