"""Stored results, with the analysis at hand as ``ds.matsweep``."""

from matsweep.analysis import Results
from matsweep.store import open_results

__all__ = ["Results", "open_results"]
