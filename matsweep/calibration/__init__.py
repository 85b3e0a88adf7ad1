"""From measured pulses or I-V sweeps to a device model, and a material that `explore` takes."""

from matsweep.calibration.figure import fit_figure
from matsweep.calibration.loops import loop_figure, show_loop_fits, write_physics
from matsweep.calibration.material import Destination
from matsweep.calibration.output import show_fits, write_material
from matsweep.fitting import (
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
    "fit_figure",
    "fit_loops",
    "fit_model",
    "is_sweep",
    "loop_figure",
    "read_loops",
    "read_pulses",
    "recommend",
    "show_fits",
    "show_loop_fits",
    "tabulate",
    "write_material",
    "write_physics",
]
