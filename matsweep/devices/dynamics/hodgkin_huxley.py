"""Ion channels of the squid axon, as memristors, and its firing membrane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from matsweep.core.quantities import Capacitance, Conductance, Dimensionless, Temperature, Voltage
from matsweep.core.streams import FloatArray
from matsweep.devices.dynamics.model import CompiledModel


def _ratio(x: float) -> float:
    """Ratio x / (1 - exp(-x)), 1 at 0."""
    return 1 + x / 2 if abs(x) < 1e-6 else x / -np.expm1(-x)


def _potassium(mv: float) -> tuple[float, float]:
    """Rates α_n and β_n [1/s] at a potential [mV]."""
    return 100 * _ratio((mv + 55) / 10), 125 * np.exp(-(mv + 65) / 80)


def _sodium(mv: float) -> tuple[float, float, float, float]:
    """Rates α_m, β_m, α_h and β_h [1/s] at a potential [mV]."""
    return (
        1000 * _ratio((mv + 40) / 10),
        4000 * np.exp(-(mv + 65) / 18),
        70 * np.exp(-(mv + 65) / 20),
        1000 / (1 + np.exp(-(mv + 35) / 10)),
    )


def _potassium_kernel(
    state: FloatArray, voltage: float, p: FloatArray, up: FloatArray, down: FloatArray
) -> float:
    """Write the rates of the gate n [1/s]; return the current [A]."""
    conductance, reversal, faster = p
    n = state[0]
    a, b = _potassium(1e3 * (voltage + reversal))
    up[0], down[0] = faster * a * (1 - n), faster * b * n
    return float(conductance * n * n * n * n * voltage)


def _sodium_kernel(
    state: FloatArray, voltage: float, p: FloatArray, up: FloatArray, down: FloatArray
) -> float:
    """Write the rates of the gates m and h [1/s]; return the current [A]."""
    conductance, reversal, faster = p
    m, h = state[0], state[1]
    a, b, c, d = _sodium(1e3 * (voltage + reversal))
    up[0], down[0] = faster * a * (1 - m), faster * b * m
    up[1], down[1] = faster * c * (1 - h), faster * d * h
    return float(conductance * m * m * m * h * voltage)


def _membrane_kernel(
    state: FloatArray, current: float, p: FloatArray, up: FloatArray, down: FloatArray
) -> float:
    """Write the rates of the potential [V/s] and gates [1/s] under a current [A]; return it [V]."""
    capacitance, g_k, g_na, g_leak, e_k, e_na, e_leak, faster = p
    v, m, h, n = state[0], state[1], state[2], state[3]
    out = (
        g_k * n * n * n * n * (v - e_k) + g_na * m * m * m * h * (v - e_na) + g_leak * (v - e_leak)
    )
    speed = (current - out) / capacitance
    up[0], down[0] = max(speed, 0.0), max(-speed, 0.0)
    a, b, c, d = _sodium(1e3 * v)
    up[1], down[1] = faster * a * (1 - m), faster * b * m
    up[2], down[2] = faster * c * (1 - h), faster * d * h
    a, b = _potassium(1e3 * v)
    up[3], down[3] = faster * a * (1 - n), faster * b * n
    return float(v)


def gates_at_rest(potential: float = -65e-3) -> tuple[float, float, float]:
    """Gates m, h and n in equilibrium at a membrane potential.

    Parameters
    ----------
    potential : float, V

    Returns
    -------
    tuple of 3 floats, in [0, 1]
    """
    from matsweep.devices.dynamics.equations import with_compiled_helpers

    # NumPy's expm1 differs in the last digit: devices would start off their equilibrium.
    mv = 1e3 * potential
    a, b, c, d = with_compiled_helpers(_sodium)(mv)
    e, f = with_compiled_helpers(_potassium)(mv)
    return a / (a + b), c / (c + d), e / (e + f)


def _faster(temperature: FloatArray | float) -> FloatArray:
    """Acceleration of the gates, 3^((T - 279.45 K) / 10 K): the experiments were done at 6.3 °C."""
    return np.asarray(3.0 ** ((np.asarray(temperature) - 279.45) / 10))


class _Channel(CompiledModel):
    """Ion channel: gates that open and close at rates α and β set by the membrane's potential.

    dg/dt = φ (α (1 - g) - β g), φ = 3^((T - 279.45 K) / 10 K). The voltage across a channel is
    the membrane's potential less the ion's reversal potential, so that its current vanishes
    with it.
    """

    conductance: FloatArray | Conductance
    reversal: FloatArray | Voltage
    temperature: FloatArray | Temperature
    channels: FloatArray | Dimensionless

    def __post_init__(self) -> None:
        self._check("> 0", conductance="S", temperature="K", channels="")
        self._check("finite", reversal="V")

    def parameters(self) -> tuple[FloatArray | float, ...]:
        """Return the conductance, the reversal potential, and the acceleration of the gates."""
        return self.conductance, self.reversal, _faster(self.temperature)

    def bounds(self) -> tuple[FloatArray | float, FloatArray | float]:
        """Return all gates closed, and all open."""
        return 0.0, 1.0

    def quantum(self) -> FloatArray | float:
        """Return one gate of all channels."""
        return 1 / np.asarray(self.channels, np.float64)


@dataclass(frozen=True, kw_only=True)
class PotassiumChannel(_Channel, kind="potassium_channel"):
    """Potassium channel, i = g n⁴ v: a memristor with one state variable.

    Parameters
    ----------
    conductance : float or (…) array, S
        g, all gates open: 36 mS/cm² times the area.
    reversal : float or (…) array, V
    temperature : float or (…) array, K
    channels : float or (…) array
        Their number: in a stochastic transient gates open and close one by one, those of a kind
        independently of the channel they are in.

    References
    ----------
    A. L. Hodgkin, A. F. Huxley, J. Physiol. 117:500, 1952, doi:10.1113/jphysiol.1952.sp004764,
    eqs. 12 and 13; as a memristor: L. Chua, V. Sbitnev, H. Kim, Int. J. Bifurcation Chaos
    22:1230011, 2012, doi:10.1142/S021812741230011X.
    """

    conductance: FloatArray | Conductance = 36e-3
    reversal: FloatArray | Voltage = -77e-3
    temperature: FloatArray | Temperature = 279.45
    channels: FloatArray | Dimensionless = 1000.0

    components: ClassVar[tuple[str, ...]] = ("n",)
    kernel: ClassVar[Any] = staticmethod(_potassium_kernel)

    def initial_state(self, shape: tuple[int, ...] = ()) -> FloatArray:
        """State of the gate in equilibrium at the resting potential of -65 mV."""
        return np.full(shape, gates_at_rest()[2])


@dataclass(frozen=True, kw_only=True)
class SodiumChannel(_Channel, kind="sodium_channel"):
    """Sodium channel, i = g m³ h v: a memristor with two state variables.

    Parameters
    ----------
    conductance : float or (…) array, S
        g, all gates open: 120 mS/cm² times the area.
    reversal, temperature, channels
        See `PotassiumChannel`.

    References
    ----------
    See `PotassiumChannel`; eqs. 20, 21, 23 and 24.
    """

    conductance: FloatArray | Conductance = 120e-3
    reversal: FloatArray | Voltage = 50e-3
    temperature: FloatArray | Temperature = 279.45
    channels: FloatArray | Dimensionless = 1000.0

    components: ClassVar[tuple[str, ...]] = ("m", "h")
    kernel: ClassVar[Any] = staticmethod(_sodium_kernel)

    def initial_state(self, shape: tuple[int, ...] = ()) -> FloatArray:
        """State of the gates in equilibrium at the resting potential of -65 mV."""
        m, h, _ = gates_at_rest()
        return np.stack([np.full(shape, m), np.full(shape, h)])


@dataclass(frozen=True, kw_only=True)
class Membrane(CompiledModel, kind="membrane"):
    """Firing axon: both channels, a leak and a capacitor, driven by a current.

    C dv/dt = I - g_K n⁴ (v - E_K) - g_Na m³ h (v - E_Na) - g_L (v - E_L). All numbers are of one
    square centimetre: divide a current by the area.

    Parameters
    ----------
    capacitance : float or (…) array, F
    g_k, g_na, g_leak : float or (…) array, S
    e_k, e_na, e_leak : float or (…) array, V
    temperature : float or (…) array, K

    References
    ----------
    A. L. Hodgkin, A. F. Huxley, J. Physiol. 117:500, 1952, doi:10.1113/jphysiol.1952.sp004764,
    table 3 and eq. 26, in today's sign and with the rest at -65 mV.
    """

    capacitance: FloatArray | Capacitance = 1e-6
    g_k: FloatArray | Conductance = 36e-3
    g_na: FloatArray | Conductance = 120e-3
    g_leak: FloatArray | Conductance = 0.3e-3
    e_k: FloatArray | Voltage = -77e-3
    e_na: FloatArray | Voltage = 50e-3
    e_leak: FloatArray | Voltage = -54.387e-3
    temperature: FloatArray | Temperature = 279.45

    components: ClassVar[tuple[str, ...]] = ("v", "m", "h", "n")
    unit: ClassVar[str] = "V, 1"
    drive: ClassVar[str] = "current"
    kernel: ClassVar[Any] = staticmethod(_membrane_kernel)

    def __post_init__(self) -> None:
        self._check("> 0", capacitance="F", g_k="S", g_na="S", g_leak="S", temperature="K")
        self._check("finite", e_k="V", e_na="V", e_leak="V")

    def parameters(self) -> tuple[FloatArray | float, ...]:
        """Return the parameters of the kernel: the temperature as the acceleration of the gates."""
        return (self.capacitance, self.g_k, self.g_na, self.g_leak, self.e_k, self.e_na,
                self.e_leak, _faster(self.temperature))  # fmt: skip

    def initial_state(self, shape: tuple[int, ...] = ()) -> FloatArray:
        """State of rest, at -65 mV."""
        return np.stack([np.full(shape, each) for each in (-65e-3, *gates_at_rest())])

    def scale(self) -> FloatArray | float:
        """Return 0.1 V for the potential, and 1 for the gates."""
        return np.array([0.1, 1.0, 1.0, 1.0])

    def bounds(self) -> tuple[FloatArray | float, FloatArray | float]:
        """Return no bounds for the potential, closed and open for the gates."""
        return np.array([-np.inf, 0.0, 0.0, 0.0]), np.array([np.inf, 1.0, 1.0, 1.0])
