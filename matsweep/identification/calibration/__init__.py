"""Calibration: measured pulses or I-V sweeps to a device model and a material for `explore`."""

from matsweep.identification.calibration.aged import show_endurance, show_retention
from matsweep.identification.calibration.files import calibrate
from matsweep.identification.calibration.loops import show_loop_fits, write_physics
from matsweep.identification.calibration.material import Destination
from matsweep.identification.calibration.output import programming, show_fits, write_material
from matsweep.identification.calibration.programming import Programming, find_programming
from matsweep.identification.fitting import (
    KINDS,
    Fit,
    LoopCheck,
    LoopFit,
    compare,
    fit_loops,
    fit_model,
    recommend,
    tabulate,
)
from matsweep.identification.measurements import (
    Loop,
    PulseData,
    Reading,
    enough_points,
    enough_pulses,
    measured_kind,
    read_endurance,
    read_loops,
    read_pulses,
    read_retention,
)

__all__ = [
    "KINDS",
    "Destination",
    "Fit",
    "Loop",
    "LoopCheck",
    "LoopFit",
    "Programming",
    "PulseData",
    "Reading",
    "calibrate",
    "compare",
    "enough_points",
    "enough_pulses",
    "find_programming",
    "fit_loops",
    "fit_model",
    "measured_kind",
    "programming",
    "read_endurance",
    "read_loops",
    "read_pulses",
    "read_retention",
    "recommend",
    "show_endurance",
    "show_fits",
    "show_loop_fits",
    "show_retention",
    "tabulate",
    "write_material",
    "write_physics",
]
