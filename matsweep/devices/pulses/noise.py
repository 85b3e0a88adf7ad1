"""Noise of pulses from one cycle to the next."""

from __future__ import annotations

from dataclasses import dataclass

from matsweep.core.checks import non_negative
from matsweep.core.codec import later
from matsweep.core.quantities import Noise, Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleNoise:
    """Cycle-to-cycle noise of a pulse, in the meanings in use.

    One Gaussian number a pulse, with standard deviation of_step |dx| + of_scale s + constant
    + of_state |x - zero|, and one of `of_range`; s is the step that `PulseModel.scales` returns.

    Parameters
    ----------
    of_step : float, fraction of the step that the pulse makes
        Standard deviation; as in IBM's aihwkit with multiplicative noise.
    of_range : float, fraction of the range g_max - g_min
        Standard deviation, whatever the step; as in NeuroSim. After N pulses sqrt(N) of it.
    of_scale : float, fraction of the step s
        Whatever the state; as in IBM's aihwkit with additive noise.
    constant : float, fraction of the range g_max - g_min
    of_state : float, fraction of the distance of the state from `zero`
    of_writing : float, fraction of the range g_max - g_min
        Standard deviation of the state that reads see about the one that pulses change, drawn again
        by each update of the device; it does not add up. As the write noise of IBM's aihwkit.

    References
    ----------
    M. Rasch et al., AICAS 2021, doi:10.1109/AICAS51828.2021.9458494; `constant` and `of_state` are
    the noise of PCM in S. R. Nandakumar et al., Front. Neurosci. 14:406, 2020,
    doi:10.3389/fnins.2020.00406, as in IBM's aihwkit.
    """

    of_step: Noise = 0.0
    of_range: Spread = 0.0
    of_scale: Noise = later(0.0)
    constant: Spread = later(0.0)
    of_state: Spread = later(0.0)
    of_writing: Spread = later(0.0)

    def __post_init__(self) -> None:
        for name in ("of_step", "of_range", "of_scale", "constant", "of_state", "of_writing"):
            non_negative(name, getattr(self, name))

    @property
    def adds(self) -> bool:
        """Whether a pulse has noise that is not proportional to its step."""
        return bool(self.of_scale or self.constant or self.of_state)
