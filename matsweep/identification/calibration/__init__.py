"""Calibration: measured pulses or I-V sweeps to a device model and a material for `explore`."""

from matsweep.identification.calibration.aged import show_endurance, show_retention
from matsweep.identification.calibration.files import calibrate
from matsweep.identification.calibration.loops import show_loop_fits, write_physics
from matsweep.identification.calibration.material import Destination
from matsweep.identification.calibration.output import programming, show_calibration, write_material
from matsweep.identification.fitting import (
    KINDS,
    Fit,
    LoopFit,
    PulseCalibration,
    TableFit,
    calibrate_pulses,
    checked,
    compare,
    fit_loops,
    fit_model,
    fit_table,
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
    "LoopFit",
    "PulseCalibration",
    "PulseData",
    "Reading",
    "TableFit",
    "calibrate",
    "calibrate_pulses",
    "checked",
    "compare",
    "enough_points",
    "enough_pulses",
    "fit_loops",
    "fit_model",
    "fit_table",
    "measured_kind",
    "programming",
    "read_endurance",
    "read_loops",
    "read_pulses",
    "read_retention",
    "recommend",
    "show_calibration",
    "show_endurance",
    "show_loop_fits",
    "show_retention",
    "tabulate",
    "write_material",
    "write_physics",
]
