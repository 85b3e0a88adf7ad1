"""Stored results, with the accessor ``ds.matsweep`` for their analysis."""

from matsweep.analysis import Results
from matsweep.store import open_results

__all__ = ["Results", "open_results"]
