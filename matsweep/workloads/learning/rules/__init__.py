"""Learning rules: how the gradient of a sample or a batch becomes pulses on devices.

One rule a module, with its compiled kernel; `rule` has the contract.
"""

from matsweep.workloads.learning.rules.coincidence import Coincidence
from matsweep.workloads.learning.rules.manhattan import Manhattan
from matsweep.workloads.learning.rules.mixed_precision import MixedPrecision
from matsweep.workloads.learning.rules.pulse_count import PulseCount
from matsweep.workloads.learning.rules.rule import Rule, Start
from matsweep.workloads.learning.rules.tiki_taka import TikiTaka
from matsweep.workloads.learning.rules.write_verify import Tuning
from matsweep.workloads.learning.schedule import Reset, Schedule

__all__ = [
    "Coincidence",
    "Manhattan",
    "MixedPrecision",
    "PulseCount",
    "Reset",
    "Rule",
    "Schedule",
    "Start",
    "TikiTaka",
    "Tuning",
]
