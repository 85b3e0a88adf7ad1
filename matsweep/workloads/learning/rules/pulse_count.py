"""Updates in whole pulses without memory of the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from numpy import float32

from matsweep.core.checks import in_range
from matsweep.core.kernel import Kernel, kernel
from matsweep.core.quantities import Dimensionless
from matsweep.workloads.learning import core
from matsweep.workloads.learning.rules.rule import Rule


@kernel
def _whole(change, pulses_up, pulses_down, least):
    """Whole pulses of a change, in ranges, and no rest."""
    return core.counted(change, pulses_up, pulses_down, least), float32(0)


@kernel
def _update(circuit, devices, settings, state, work, layer, samples, rate):
    """Give a layer the whole pulses of its change; `settings.parameters` (1,): threshold."""
    threshold = float32(settings.parameters[0])
    core.by_count(
        _whole, threshold, False, circuit, devices, settings, state, work, layer, samples, rate
    )


@dataclass(frozen=True, kw_only=True)
class PulseCount(Rule, kind="pulse_count"):
    """The number of pulses that the change is worth, rounded; the rest is forgotten.

    N = the whole part of |change| / range · pulses from end to end + 1 - threshold.

    Parameters
    ----------
    threshold : float
        Fraction of a pulse from which on one more is given, in (0, 1]: 0.5 rounds to the nearest
        number of pulses, as MLP+NeuroSim's function `truncate` does by default, 1 truncates.

    References
    ----------
    P.-Y. Chen, X. Peng, S. Yu, IEEE TCAD 37:3067, 2018, doi:10.1109/TCAD.2018.2789723.
    """

    kernel: ClassVar[Kernel] = _update

    threshold: Dimensionless = 0.5

    def __post_init__(self) -> None:
        in_range("threshold", self.threshold, 1e-6, 1.0)
