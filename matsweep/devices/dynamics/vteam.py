"""TEAM and VTEAM: a threshold, and a power law beyond it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from matsweep.core.codec import later
from matsweep.core.quantities import Current, Dimensionless, Length, Resistance, Velocity, Voltage
from matsweep.core.streams import FloatArray
from matsweep.devices.dynamics.model import CompiledModel


def _voltage_kernel(
    state: FloatArray, voltage: float, p: FloatArray, up: FloatArray, down: FloatArray
) -> float:
    """Write the rates of w [m/s] from the voltage; return the current [A]."""
    v_on, v_off, k_on, k_off, a_on, a_off, r_on, r_off, w_on, w_off, polarity = p
    share = (state[0] - w_on) / (w_off - w_on)
    v = polarity * voltage
    up[0] = k_off * (v / v_off - 1) ** a_off if v > v_off else 0.0
    down[0] = -k_on * (v / v_on - 1) ** a_on if v < v_on else 0.0
    return float(voltage / (r_on + (r_off - r_on) * share))


def _current_kernel(
    state: FloatArray, voltage: float, p: FloatArray, up: FloatArray, down: FloatArray
) -> float:
    """Write the rates of w [m/s] from the current; return the current [A]."""
    i_on, i_off, k_on, k_off, a_on, a_off, r_on, r_off, w_on, w_off = p
    share = (state[0] - w_on) / (w_off - w_on)
    current = voltage / (r_on + (r_off - r_on) * share)
    up[0] = k_off * (current / i_off - 1) ** a_off if current > i_off else 0.0
    down[0] = -k_on * (current / i_on - 1) ** a_on if current < i_on else 0.0
    return float(current)


class _Threshold(CompiledModel):
    """Common part of TEAM and VTEAM: an ohmic state between two ends."""

    r_on: FloatArray | float
    r_off: FloatArray | float
    w_on: FloatArray | float
    w_off: FloatArray | float

    components: ClassVar[tuple[str, ...]] = ("w",)
    unit: ClassVar[str] = "m"

    def initial_state(self, shape: tuple[int, ...] = ()) -> FloatArray:
        """State of the off end."""
        return np.broadcast_to(np.asarray(self.w_off, np.float64), shape).copy()

    def bounds(self) -> tuple[FloatArray | float, FloatArray | float]:
        """Return w_on and w_off."""
        return self.w_on, self.w_off


@dataclass(frozen=True, kw_only=True)
class VTEAM(_Threshold, kind="vteam"):
    """Threshold adaptive memristor, driven by the voltage.

    dw/dt = k_off (v / v_off - 1)^alpha_off above v_off, k_on (v / v_on - 1)^alpha_on below v_on.
    Between the thresholds the state rests. v = [r_on + (r_off - r_on) (w - w_on) / (w_off - w_on)]
    i.
    Windows are left out: w stops at w_on and w_off.

    Parameters
    ----------
    v_on, v_off : float or (…) array, V
        Below and above 0.
    k_on, k_off : float or (…) array, m/s
        Below and above 0.
    alpha_on, alpha_off : float or (…) array
    r_on, r_off : float or (…) array, Ω
    w_on, w_off : float or (…) array, m
        w_on < w_off.
    polarity : float
        1, or -1 for a device whose electrodes are the other way round: its voltage and current have
        the opposite sign of those in the equations and of the parameters.

    References
    ----------
    S. Kvatinsky et al., IEEE Trans. Circuits Syst. II 62:786, 2015,
    doi:10.1109/TCSII.2015.2433536, eqs. 2 and 5.
    """

    v_on: FloatArray | Voltage
    v_off: FloatArray | Voltage
    k_on: FloatArray | Velocity
    k_off: FloatArray | Velocity
    alpha_on: FloatArray | Dimensionless
    alpha_off: FloatArray | Dimensionless
    r_on: FloatArray | Resistance
    r_off: FloatArray | Resistance
    w_on: FloatArray | Length = 0.0
    w_off: FloatArray | Length = 3e-9
    polarity: Dimensionless = later(1.0)

    kernel: ClassVar[Any] = staticmethod(_voltage_kernel)

    def __post_init__(self) -> None:
        self._check("< 0", v_on="V", k_on="m/s")
        self._check("> 0", v_off="V", k_off="m/s", alpha_on="", alpha_off="", r_on="Ω", r_off="Ω")
        self._check("finite", w_on="m", w_off="m")
        self._check_order("w_on", "w_off", "m")
        self._check("1 or -1", polarity="")

    def parameters(self) -> tuple[FloatArray | float, ...]:
        """Return the parameters of the kernel."""
        return (self.v_on, self.v_off, self.k_on, self.k_off, self.alpha_on, self.alpha_off,
                self.r_on, self.r_off, self.w_on, self.w_off, self.polarity)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TEAM(_Threshold, kind="team"):
    """Threshold adaptive memristor, driven by the current.

    dx/dt = k_off (i / i_off - 1)^alpha_off above i_off, k_on (i / i_on - 1)^alpha_on below i_on.
    As `VTEAM`, with thresholds of the current. Windows are left out: x stops at w_on and w_off
    (x_on and x_off in the paper).

    Parameters
    ----------
    i_on, i_off : float or (…) array, A
        Below and above 0.
    k_on, k_off : float or (…) array, m/s
        Below and above 0.
    alpha_on, alpha_off : float or (…) array
    r_on, r_off : float or (…) array, Ω
    w_on, w_off : float or (…) array, m
        w_on < w_off.

    References
    ----------
    S. Kvatinsky et al., IEEE Trans. Circuits Syst. I 60:211, 2013,
    doi:10.1109/TCSI.2012.2215714, eqs. 5 and 8.
    """

    i_on: FloatArray | Current
    i_off: FloatArray | Current
    k_on: FloatArray | Velocity
    k_off: FloatArray | Velocity
    alpha_on: FloatArray | Dimensionless
    alpha_off: FloatArray | Dimensionless
    r_on: FloatArray | Resistance
    r_off: FloatArray | Resistance
    w_on: FloatArray | Length = 0.0
    w_off: FloatArray | Length = 3e-9

    kernel: ClassVar[Any] = staticmethod(_current_kernel)

    def __post_init__(self) -> None:
        self._check("< 0", i_on="A", k_on="m/s")
        self._check("> 0", i_off="A", k_off="m/s", alpha_on="", alpha_off="", r_on="Ω", r_off="Ω")
        self._check("finite", w_on="m", w_off="m")
        self._check_order("w_on", "w_off", "m")

    def parameters(self) -> tuple[FloatArray | float, ...]:
        """Return the parameters of the kernel."""
        return (self.i_on, self.i_off, self.k_on, self.k_off, self.alpha_on, self.alpha_off,
                self.r_on, self.r_off, self.w_on, self.w_off)  # fmt: skip
