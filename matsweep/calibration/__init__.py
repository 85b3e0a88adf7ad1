"""From measured pulse responses to a device model, and a material that `explore` takes."""

from matsweep.calibration.figure import fit_figure
from matsweep.calibration.output import show_fits, write_material
from matsweep.fitting import (
    Fit,
    PulseData,
    compare,
    fit_model,
    read_pulses,
    recommend,
    tabulate,
)

__all__ = [
    "Fit",
    "PulseData",
    "compare",
    "fit_figure",
    "fit_model",
    "read_pulses",
    "recommend",
    "show_fits",
    "tabulate",
    "write_material",
]
