"""A virtual test bench: what a device does, measured as one would in the laboratory."""

from matsweep.characterization.bench import characterize
from matsweep.characterization.figure import bench_figure

__all__ = ["bench_figure", "characterize"]
