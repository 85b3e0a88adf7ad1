"""Progress of a study, for people: once, watched, and while it runs."""

from matsweep.reporting.status.lines import Progress, duration, line, view
from matsweep.reporting.status.memory import own_memory, workers_memory
from matsweep.reporting.status.once import show
from matsweep.reporting.status.rate import Rate
from matsweep.reporting.status.watching import watch

__all__ = [
    "Progress",
    "Rate",
    "duration",
    "line",
    "own_memory",
    "show",
    "view",
    "watch",
    "workers_memory",
]
