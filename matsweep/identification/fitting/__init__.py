"""Device models fitted to data, measured or simulated."""

from matsweep.identification.fitting.endurance import fit_endurance
from matsweep.identification.fitting.fit import Fit, compare, fit_model, recommend
from matsweep.identification.fitting.least_squares import Estimate
from matsweep.identification.fitting.loop_check import LoopCheck
from matsweep.identification.fitting.loops import KINDS, LoopFit, fit_loops, simulated
from matsweep.identification.fitting.retention import DriftFit, fit_drift, fit_retention
from matsweep.identification.fitting.table import tabulate

__all__ = [
    "KINDS",
    "DriftFit",
    "Estimate",
    "Fit",
    "LoopCheck",
    "LoopFit",
    "compare",
    "fit_drift",
    "fit_endurance",
    "fit_loops",
    "fit_model",
    "fit_retention",
    "recommend",
    "simulated",
    "tabulate",
]
