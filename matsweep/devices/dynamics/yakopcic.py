"""Yakopcic's compact model: thresholds, an exponential rate, and a sinh of the voltage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.quantities import Current, Dimensionless, Rate, Voltage
from matsweep.core.streams import FloatArray
from matsweep.core.units import Unit
from matsweep.devices.dynamics.model import CompiledModel


def _kernel(
    state: FloatArray, voltage: float, p: FloatArray, up: FloatArray, down: FloatArray
) -> float:
    """Write the rates of x [1/s]; return the current [A]."""
    a1, a2, b, v_p, v_n, big_p, big_n, alpha_p, alpha_n, x_p, x_n, eta = p
    x = state[0]
    speed = 0.0
    if voltage > v_p:
        speed = big_p * (np.exp(voltage) - np.exp(v_p))
    elif voltage < -v_n:
        speed = -big_n * (np.exp(-voltage) - np.exp(v_n))
    speed *= eta
    if speed > 0 and x >= x_p:
        speed *= np.exp(-alpha_p * (x - x_p)) * ((x_p - x) / (1 - x_p) + 1)
    elif speed < 0 and x <= 1 - x_n:
        speed *= np.exp(alpha_n * (x + x_n - 1)) * x / (1 - x_n)
    up[0], down[0] = max(speed, 0.0), max(-speed, 0.0)
    return float((a1 if voltage >= 0 else a2) * x * np.sinh(b * voltage))


@dataclass(frozen=True, kw_only=True)
class Yakopcic(CompiledModel, kind="yakopcic"):
    """Yakopcic's memristor: sinh current and exponential rate beyond thresholds.

    I = a1 x sinh(b V) at V >= 0, a2 x sinh(b V) below;  dx/dt = η g(V) f(x),  x in [0, 1].

    g = A_p (e^V - e^V_p) above V_p, -A_n (e^-V - e^V_n) below -V_n, 0 between, and f slows the
    motion exponentially beyond x_p on its way up and below 1 - x_n on its way down.

    Parameters
    ----------
    a1, a2 : float or (…) array, A
    b : float or (…) array, 1/V
    v_p, v_n : float or (…) array, V
        Thresholds, both given above 0.
    a_p, a_n : float or (…) array, 1/s
        A_p and A_n.
    alpha_p, alpha_n : float or (…) array
    x_p, x_n : float or (…) array
        In [0, 1), where the motion begins to slow.
    eta : float
        1 or -1: the direction in which a positive voltage moves the state.
    x0 : float or (…) array
        At rest.

    References
    ----------
    C. Yakopcic et al., IEEE Electron Device Lett. 32:1436, 2011, doi:10.1109/LED.2011.2163292;
    C. Yakopcic et al., IEEE Trans. CAD 32:1201, 2013, doi:10.1109/TCAD.2013.2252057.
    """

    a1: FloatArray | Current
    a2: FloatArray | Current
    b: FloatArray | Annotated[float, Unit("1/V")]
    v_p: FloatArray | Voltage
    v_n: FloatArray | Voltage
    a_p: FloatArray | Rate
    a_n: FloatArray | Rate
    alpha_p: FloatArray | Dimensionless
    alpha_n: FloatArray | Dimensionless
    x_p: FloatArray | Dimensionless
    x_n: FloatArray | Dimensionless
    eta: Dimensionless = 1.0
    x0: FloatArray | Dimensionless = 0.1

    kernel: ClassVar[Any] = staticmethod(_kernel)

    def __post_init__(self) -> None:
        self._check("> 0", a1="A", a2="A", b="1/V", a_p="1/s", a_n="1/s")
        self._check(">= 0", v_p="V", v_n="V", alpha_p="", alpha_n="")
        self._check("in [0, 1]", x_p="", x_n="", x0="")
        if np.any(np.asarray(self.x_p) == 1) or np.any(np.asarray(self.x_n) == 1):
            raise UserError(f"x_p and x_n must be < 1, got {self.x_p!r} and {self.x_n!r}")
        if self.eta not in (1, -1):
            raise UserError(f"eta must be 1 or -1, got {self.eta!r}")

    def parameters(self) -> tuple[FloatArray | float, ...]:
        """Return the parameters of the kernel."""
        return (self.a1, self.a2, self.b, self.v_p, self.v_n, self.a_p, self.a_n, self.alpha_p,
                self.alpha_n, self.x_p, self.x_n, self.eta)  # fmt: skip

    def initial_state(self, shape: tuple[int, ...] = ()) -> FloatArray:
        """State x0."""
        return np.broadcast_to(np.asarray(self.x0, np.float64), shape).copy()

    def bounds(self) -> tuple[FloatArray | float, FloatArray | float]:
        """Return 0 and 1."""
        return 0.0, 1.0
