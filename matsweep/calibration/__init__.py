"""From measured pulse responses to a device model, and a material that `explore` takes."""

from matsweep.calibration.data import PulseData, read_pulses
from matsweep.calibration.figure import fit_figure
from matsweep.calibration.fit import Fit, compare, fit_model, recommend
from matsweep.calibration.output import show_fits, write_material
from matsweep.calibration.table import tabulate

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
