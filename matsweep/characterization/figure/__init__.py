"""Figures of the virtual test bench and of calibrations."""

from matsweep.characterization.figure.aged import endurance_figure, retention_figure
from matsweep.characterization.figure.array import array_figure
from matsweep.characterization.figure.bench import bench_figure
from matsweep.characterization.figure.fit import fit_figure
from matsweep.characterization.figure.loops import loop_figure
from matsweep.characterization.figure.panels import tick_labels
from matsweep.characterization.figure.physics import physics_figure

__all__ = [
    "array_figure",
    "bench_figure",
    "endurance_figure",
    "fit_figure",
    "loop_figure",
    "physics_figure",
    "retention_figure",
    "tick_labels",
]
