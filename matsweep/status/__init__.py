"""How far a study is, for people: once, watched, and while it runs."""

from matsweep.status.lines import Progress, line, view
from matsweep.status.memory import own_memory, workers_memory
from matsweep.status.once import show
from matsweep.status.rate import Rate
from matsweep.status.watching import watch

__all__ = [
    "Progress",
    "Rate",
    "line",
    "own_memory",
    "show",
    "view",
    "watch",
    "workers_memory",
]
