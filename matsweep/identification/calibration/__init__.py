"""Calibration: measured pulses or I-V sweeps to a device model and a material for `explore`."""

from matsweep.identification.calibration.addition import MaterialFile
from matsweep.identification.calibration.aged import (
    Ageing,
    EnduranceFit,
    RetentionFit,
    calibrate_endurance,
    calibrate_retention,
)
from matsweep.identification.calibration.aged_output import (
    override,
    show_endurance,
    show_retention,
    within,
)
from matsweep.identification.calibration.files import calibrate
from matsweep.identification.calibration.loops import show_loop_fits, write_physics
from matsweep.identification.calibration.material import UNMEASURED, Destination, check_name
from matsweep.identification.calibration.options import check_options, one_file
from matsweep.identification.calibration.output import (
    programming,
    show_calibration,
    verdict,
    write_material,
)
from matsweep.identification.calibration.sweep_pulses import Programming, find_programming
from matsweep.identification.fitting import (
    KINDS,
    Fit,
    LoopCheck,
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
    read_pulse_files,
    read_pulses,
    read_retention,
)

__all__ = [
    "KINDS",
    "UNMEASURED",
    "Ageing",
    "Destination",
    "EnduranceFit",
    "Fit",
    "Loop",
    "LoopCheck",
    "LoopFit",
    "MaterialFile",
    "Programming",
    "PulseCalibration",
    "PulseData",
    "Reading",
    "RetentionFit",
    "TableFit",
    "calibrate",
    "calibrate_endurance",
    "calibrate_pulses",
    "calibrate_retention",
    "check_name",
    "check_options",
    "checked",
    "compare",
    "enough_points",
    "enough_pulses",
    "find_programming",
    "fit_loops",
    "fit_model",
    "fit_table",
    "measured_kind",
    "one_file",
    "override",
    "programming",
    "read_endurance",
    "read_loops",
    "read_pulse_files",
    "read_pulses",
    "read_retention",
    "recommend",
    "show_calibration",
    "show_endurance",
    "show_loop_fits",
    "show_retention",
    "tabulate",
    "verdict",
    "within",
    "write_material",
    "write_physics",
]
