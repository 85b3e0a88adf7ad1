"""Magnetic tunnel junction: thermally activated reversal, assisted by spin torque."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from matsweep.core.constants import elementary_charge, k
from matsweep.core.quantities import Conductance, Dimensionless, Surroundings, Time, Voltage
from matsweep.core.streams import FloatArray
from matsweep.devices.dynamics.model import CompiledModel, Forgetting

K_EV = k / elementary_charge  # eV/K


def _kernel(
    state: FloatArray, voltage: float, p: FloatArray, up: FloatArray, down: FloatArray
) -> float:
    """Write the rates of the probability to be parallel [1/s]; return the current [A]."""
    tau0, delta, v_c, g_p, tmr, v_half = p
    x = state[0]
    ahead = np.exp(-delta * max(1 - voltage / v_c, 0.0)) / tau0
    back = np.exp(-delta * max(1 + voltage / v_c, 0.0)) / tau0
    up[0], down[0] = ahead * (1 - x), back * x
    ratio = tmr / (1 + (voltage / v_half) ** 2)
    return float(voltage * g_p * (x + (1 - x) / (1 + ratio)))


@dataclass(frozen=True, kw_only=True)
class MagneticTunnelJunction(CompiledModel, kind="mtj"):
    """Magnetic tunnel junction with thermally activated reversal.

    dx/dt = (1 - x) / τ_P - x / τ_AP,  τ = τ0 exp(Δ (1 ∓ V / V_c0)), x the probability of the
    parallel state. A positive voltage turns the free layer parallel. In a stochastic transient x is
    0 or 1: a telegraph signal. TMR(V) = TMR0 / (1 + (V / V_h)²). The exponent is linear in the
    voltage (spin torque on a macrospin, uniaxial anisotropy, no field); above V_c0, where the
    reversal is precessional and no longer activated, the rate stays at that of the attempts, 1/τ0.

    Parameters
    ----------
    tau0 : float or (…) array, s
        Attempt time.
    delta : float or (…) array
        Δ = E_b / kT at 300 K; scales as 1/T.
    v_c : float or (…) array, V
        V_c0, critical voltage.
    g_p : float or (…) array, S
        Parallel conductance.
    tmr : float or (…) array
        TMR0, (R_AP - R_P) / R_P at 0 V.
    v_half : float or (…) array, V
        V_h, at which the TMR is halved.
    temperature : float or (…) array, K

    References
    ----------
    W. F. Brown, Phys. Rev. 130:1677, 1963, doi:10.1103/PhysRev.130.1677; Z. Li, S. Zhang, Phys.
    Rev. B 69:134416, 2004, doi:10.1103/PhysRevB.69.134416; R. H. Koch, J. A. Katine, J. Z. Sun,
    Phys. Rev. Lett. 92:088302, 2004, doi:10.1103/PhysRevLett.92.088302.
    """

    tau0: FloatArray | Time
    delta: FloatArray | Dimensionless
    v_c: FloatArray | Voltage
    g_p: FloatArray | Conductance
    tmr: FloatArray | Dimensionless
    v_half: FloatArray | Voltage
    temperature: FloatArray | Surroundings = 300.0

    components: ClassVar[tuple[str, ...]] = ("parallel",)
    kernel: ClassVar[Any] = staticmethod(_kernel)

    def __post_init__(self) -> None:
        self._check("> 0", tau0="s", delta="", v_c="V", g_p="S", v_half="V", temperature="K")
        self._check(">= 0", tmr="")

    def parameters(self) -> tuple[FloatArray | float, ...]:
        """Return the parameters of the kernel."""
        delta = np.asarray(self.delta) * 300 / self.temperature
        return self.tau0, delta, self.v_c, self.g_p, self.tmr, self.v_half

    def initial_state(self, shape: tuple[int, ...] = ()) -> FloatArray:
        """State of the antiparallel junction."""
        return np.zeros(shape)

    def bounds(self) -> tuple[FloatArray | float, FloatArray | float]:
        """Return the antiparallel and the parallel state."""
        return 0.0, 1.0

    def quantum(self) -> FloatArray | float:
        """Return the whole reversal."""
        return 1.0

    def retention(self, temperature: float, state: FloatArray | None = None) -> Forgetting | None:
        """Decay time τ0 exp(Δ T0 / T) / 2, T0 = 300 K: both states end equally likely.

        A device jumps; the mean of many decays.
        """
        barrier = float(self.delta) * K_EV * 300
        turns = 2 / float(self.tau0) * np.exp(-barrier / (K_EV * temperature))
        return Forgetting(float(1 / turns), barrier, np.array([0.0, 1.0]))
