"""Learning in the crossbar: rules, data, and the compiled core."""

from matsweep.workloads.learning.data import Dataset, Samples
from matsweep.workloads.learning.lesson import Lesson
from matsweep.workloads.learning.rules import Reset, Rule, Schedule
from matsweep.workloads.learning.run import Learning, run_learning
from matsweep.workloads.learning.workload import InSitu

__all__ = [
    "Dataset",
    "InSitu",
    "Learning",
    "Lesson",
    "Reset",
    "Rule",
    "Samples",
    "Schedule",
    "run_learning",
]
