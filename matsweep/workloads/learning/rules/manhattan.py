"""Updates by the sign of the gradient alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from numpy import float32

from matsweep.core.checks import non_negative
from matsweep.core.kernel import Kernel, kernel
from matsweep.core.quantities import Dimensionless
from matsweep.workloads.learning import core
from matsweep.workloads.learning.rules.rule import Rule


@kernel
def _one(change, pulses_up, pulses_down, least):
    """One pulse in the direction of a change, and no rest."""
    if change == 0:
        return 0, float32(0)
    return 1 if change > 0 else -1, float32(0)


@kernel
def _update(circuit, devices, settings, state, work, layer, samples, rate):
    """Give a layer one pulse for each change; `settings.parameters` (1,): threshold, pulses."""
    threshold = float32(settings.parameters[0])
    core.by_count(
        _one, threshold, False, circuit, devices, settings, state, work, layer, samples, rate
    )


@dataclass(frozen=True, kw_only=True)
class Manhattan(Rule, kind="sign"):
    """One pulse in the direction of the change, whatever its size (Manhattan rule).

    Parameters
    ----------
    threshold : float, pulses
        Smaller changes get no pulse.

    References
    ----------
    M. Prezioso et al., Nature 521:61, 2015, doi:10.1038/nature14441.
    """

    kernel: ClassVar[Kernel] = _update

    threshold: Dimensionless = 0.0

    def __post_init__(self) -> None:
        non_negative("threshold", self.threshold, "pulses")
