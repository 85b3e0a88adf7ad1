"""Electrochemical transistor: ions that a gate moves into a channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from matsweep.core.constants import elementary_charge, k
from matsweep.core.quantities import (
    Charge,
    Conductance,
    Current,
    Dimensionless,
    Surroundings,
    Voltage,
)
from matsweep.core.streams import FloatArray
from matsweep.devices.dynamics.model import CompiledModel

K_EV = k / elementary_charge  # eV/K


def _kernel(
    state: FloatArray, voltage: float, p: FloatArray, up: FloatArray, down: FloatArray
) -> float:
    """Write the rates of the share of ions [1/s]; return the gate current [A]."""
    exchange, transfer, capacity, temperature, interaction, leak = p
    x = state[0]
    thermal = K_EV * temperature
    equilibrium = thermal * np.log(x / (1 - x)) + interaction * (x - 0.5)
    over = voltage - equilibrium
    ahead = exchange * np.exp(min(transfer * over / thermal, 600.0))
    back = exchange * np.exp(min(-(1 - transfer) * over / thermal, 600.0))
    up[0], down[0] = ahead / capacity, back / capacity
    return float(ahead - back + leak * voltage)


@dataclass(frozen=True, kw_only=True)
class ECRAM(CompiledModel, kind="ecram"):
    """Electrochemical random-access memory: a gate that charges a channel with ions.

    dx/dt = I / Q,  I = I0 (exp(α e η / kT) - exp(-(1 - α) e η / kT)),  η = V - U(x).

    The voltage and the current are the gate's; U = (kT/e) ln(x / (1 - x)) + u (x - 1/2) is the
    potential at which the channel holds a share x of its ions (Nernst, with a mean-field
    interaction). The channel's conductance, g_min + (g_max - g_min) x, is `read_conductance`. With
    the gate at 0 V the device discharges towards x = 1/2 like a battery; in use the gate is left
    open, that is, driven by a current of 0 A. Left out: diffusion inside the channel and the
    electrolyte's resistance.

    Parameters
    ----------
    exchange_current : float or (…) array, A
        I0.
    transfer : float or (…) array
        α.
    capacity : float or (…) array, C
        Q, from x = 0 to 1.
    g_min, g_max : float or (…) array, S
        Of the channel.
    interaction : float or (…) array, V
        u.
    leakage : float or (…) array, S
        Of electrons through the electrolyte.
    temperature : float or (…) array, K

    References
    ----------
    E. J. Fuller et al., Adv. Mater. 29:1604310, 2017, doi:10.1002/adma.201604310; A. J. Bard,
    L. R. Faulkner, Electrochemical Methods, 2nd ed., Wiley 2001, eqs. 2.1.40 and 3.3.11.
    """

    exchange_current: FloatArray | Current
    transfer: FloatArray | Dimensionless
    capacity: FloatArray | Charge
    g_min: FloatArray | Conductance
    g_max: FloatArray | Conductance
    interaction: FloatArray | Voltage = 0.0
    leakage: FloatArray | Conductance = 0.0
    temperature: FloatArray | Surroundings = 300.0

    kernel: ClassVar[Any] = staticmethod(_kernel)

    def __post_init__(self) -> None:
        self._check(
            "> 0", exchange_current="A", capacity="C", g_min="S", g_max="S", temperature="K"
        )
        self._check(">= 0", interaction="V", leakage="S")
        self._check("in [0, 1]", transfer="")
        self._check_order("g_min", "g_max", "S")

    def parameters(self) -> tuple[FloatArray | float, ...]:
        """Return the parameters of the kernel."""
        return (self.exchange_current, self.transfer, self.capacity, self.temperature,
                self.interaction, self.leakage)  # fmt: skip

    def initial_state(self, shape: tuple[int, ...] = ()) -> FloatArray:
        """State with half the ions, in equilibrium at 0 V."""
        return np.full(shape, 0.5)

    def bounds(self) -> tuple[FloatArray | float, FloatArray | float]:
        """Return a thousandth short of empty and full."""
        return 1e-3, 1 - 1e-3

    def quantum(self) -> FloatArray | float:
        """Return the share of one ion."""
        return np.asarray(elementary_charge / np.asarray(self.capacity))

    def read_conductance(self, state: FloatArray, voltage: FloatArray | float) -> FloatArray:
        """Conductance of the channel, (…) array [S]."""
        return np.asarray(
            self.g_min + (np.asarray(self.g_max) - self.g_min) * state + 0 * np.asarray(voltage)
        )
