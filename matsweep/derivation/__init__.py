"""From the physics of a material to the behaviour of its device."""

from matsweep.derivation.experiment import Derived, derive, derived_device, measured_device
from matsweep.derivation.protocol import Protocol

__all__ = ["Derived", "Protocol", "derive", "derived_device", "measured_device"]
