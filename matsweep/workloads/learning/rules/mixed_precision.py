"""Updates in whole pulses of changes that digital memory accumulates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from numpy import float32

from matsweep.core.kernel import Kernel, kernel
from matsweep.workloads.learning import core
from matsweep.workloads.learning.rules.rule import Rule


@kernel
def _whole(change, pulses_up, pulses_down, least):
    """Whole pulses of a change, in ranges, and the rest that stays in memory."""
    count = core.counted(change, pulses_up, pulses_down, least)
    worth = pulses_up if change > 0 else pulses_down
    return count, change - float32(count) / float32(worth)


@kernel
def _update(circuit, devices, settings, state, work, layer, samples, rate):
    """Give a layer the whole pulses of its changes so far, and keep the rest."""
    core.by_count(
        _whole, float32(1), True, circuit, devices, settings, state, work, layer, samples, rate
    )


@dataclass(frozen=True, kw_only=True)
class MixedPrecision(Rule, kind="mixed_precision"):
    """Changes accumulate in digital memory; their whole pulses are given and subtracted.

    References
    ----------
    S. R. Nandakumar et al., Front. Neurosci. 14:406, 2020, doi:10.3389/fnins.2020.00406.
    """

    kernel: ClassVar[Kernel] = _update
    digital: ClassVar[bool] = True
