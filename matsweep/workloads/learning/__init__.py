"""In-situ training in the crossbar: settings, learning rules and the compiled core."""

from matsweep.workloads.learning.lesson import Lesson
from matsweep.workloads.learning.rules import Reset, Rule, Schedule
from matsweep.workloads.learning.run import PreparedLesson
from matsweep.workloads.learning.settings import Training
from matsweep.workloads.learning.workload import InSitu

__all__ = ["InSitu", "Lesson", "PreparedLesson", "Reset", "Rule", "Schedule", "Training"]
