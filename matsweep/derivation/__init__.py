"""From the physics of a material to the behaviour of its device."""

from matsweep.derivation.experiment import Derived, derive
from matsweep.derivation.protocol import HOTTEST, Protocol
from matsweep.derivation.pulses import population
from matsweep.derivation.source import derived_device, measured_device, resolve

__all__ = [
    "HOTTEST",
    "Derived",
    "Protocol",
    "derive",
    "derived_device",
    "measured_device",
    "population",
    "resolve",
]
