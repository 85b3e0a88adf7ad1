"""Calibration: measured pulses or I-V sweeps to a device model and a material for `explore`."""

from matsweep.identification.calibration.loops import show_loop_fits, write_physics
from matsweep.identification.calibration.material import Destination
from matsweep.identification.calibration.output import show_fits, write_material
from matsweep.identification.fitting import (
    KINDS,
    Fit,
    Loop,
    LoopFit,
    PulseData,
    compare,
    fit_loops,
    fit_model,
    is_sweep,
    read_loops,
    read_pulses,
    recommend,
    tabulate,
)

__all__ = [
    "KINDS",
    "Destination",
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
    "show_fits",
    "show_loop_fits",
    "tabulate",
    "write_material",
    "write_physics",
]
