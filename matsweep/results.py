"""Stored results, with the analysis at hand."""

import matsweep.analysis  # registers the accessor ds.matsweep
from matsweep.store import open_results

__all__ = ["open_results"]
