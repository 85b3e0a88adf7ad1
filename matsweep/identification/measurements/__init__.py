"""Measurements as laboratories file them: reading, without any fit."""

from matsweep.identification.measurements.endurance import EnduranceData, read_endurance
from matsweep.identification.measurements.kinds import WORDS, measured_kind
from matsweep.identification.measurements.loop import Loop, enough_points, runs_of
from matsweep.identification.measurements.pulses import (
    Changes,
    PulseData,
    enough_pulses,
    read_pulse_files,
    read_pulses,
)
from matsweep.identification.measurements.reading import Reading
from matsweep.identification.measurements.retention import RetentionData, Trace, read_retention
from matsweep.identification.measurements.sequence import Sequence
from matsweep.identification.measurements.sweeps import read_loops

__all__ = [
    "WORDS",
    "Changes",
    "EnduranceData",
    "Loop",
    "PulseData",
    "Reading",
    "RetentionData",
    "Sequence",
    "Trace",
    "enough_points",
    "enough_pulses",
    "measured_kind",
    "read_endurance",
    "read_loops",
    "read_pulse_files",
    "read_pulses",
    "read_retention",
    "runs_of",
]
