"""Pictures of what `matsweep.characterization` measures: one module each."""

from matsweep.characterization.figure.array import array_figure
from matsweep.characterization.figure.bench import bench_figure
from matsweep.characterization.figure.panels import tick_labels
from matsweep.characterization.figure.physics import physics_figure

__all__ = ["array_figure", "bench_figure", "physics_figure", "tick_labels"]
