"""Stored results, with the analysis at hand."""

from matsweep.store import open_results

__all__ = ["open_results"]
