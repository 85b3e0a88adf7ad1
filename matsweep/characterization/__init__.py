"""Virtual test bench: measurements of a device model, as in the laboratory."""

from matsweep.characterization.array import characterize_array
from matsweep.characterization.bench import characterize
from matsweep.characterization.figure import array_figure, bench_figure, physics_figure
from matsweep.characterization.physics import characterize_physics

__all__ = [
    "array_figure",
    "bench_figure",
    "characterize",
    "characterize_array",
    "characterize_physics",
    "physics_figure",
]
