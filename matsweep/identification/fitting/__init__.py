"""Device models fitted to data, measured or simulated."""

from matsweep.identification.fitting.choice import PulseCalibration, calibrate_pulses, checked
from matsweep.identification.fitting.departure import departs, resolved, scatter
from matsweep.identification.fitting.drift import DriftFit, fit_drift
from matsweep.identification.fitting.endurance import EnduranceEstimate, fit_endurance
from matsweep.identification.fitting.endurance_check import departures
from matsweep.identification.fitting.fit import compare, fit_model, recommend
from matsweep.identification.fitting.least_squares import Estimate
from matsweep.identification.fitting.loop_check import LoopCheck
from matsweep.identification.fitting.loops import KINDS, LoopFit, fit_loops, simulated
from matsweep.identification.fitting.prediction import Agreement, Spread, check_prediction
from matsweep.identification.fitting.result import Fit
from matsweep.identification.fitting.retention import decayed, fit_retention
from matsweep.identification.fitting.table import TableFit, fit_table, tabulate

__all__ = [
    "KINDS",
    "Agreement",
    "DriftFit",
    "EnduranceEstimate",
    "Estimate",
    "Fit",
    "LoopCheck",
    "LoopFit",
    "PulseCalibration",
    "Spread",
    "TableFit",
    "calibrate_pulses",
    "check_prediction",
    "checked",
    "compare",
    "decayed",
    "departs",
    "departures",
    "fit_drift",
    "fit_endurance",
    "fit_loops",
    "fit_model",
    "fit_retention",
    "fit_table",
    "recommend",
    "resolved",
    "scatter",
    "simulated",
    "tabulate",
]
