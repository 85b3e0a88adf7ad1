"""Device models from data, measured or simulated."""

from matsweep.fitting.data import PulseData, read_pulses
from matsweep.fitting.fit import Fit, compare, fit_model, recommend
from matsweep.fitting.table import tabulate

__all__ = ["Fit", "PulseData", "compare", "fit_model", "read_pulses", "recommend", "tabulate"]
