"""Derivation of a device's behaviour from its material's physics."""

from matsweep.identification.derivation.experiment import Derived, derive
from matsweep.identification.derivation.protocol import HOTTEST, Protocol
from matsweep.identification.derivation.pulses import population
from matsweep.identification.derivation.source import (
    derived_device,
    measured_device,
    reading_of,
    resolve,
)

__all__ = [
    "HOTTEST",
    "Derived",
    "Protocol",
    "derive",
    "derived_device",
    "measured_device",
    "population",
    "reading_of",
    "resolve",
]
