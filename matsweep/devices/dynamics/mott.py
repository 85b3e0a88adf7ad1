"""Mott threshold switch: a metallic channel kept open by its own heat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np

from matsweep.core.quantities import Length, Resistance, Resistivity, Surroundings, Temperature
from matsweep.core.streams import FloatArray
from matsweep.core.units import Unit
from matsweep.devices.dynamics.model import CompiledModel

EDGE = 1e-3  # least distance of the core's radius from 0 and from 1


def _kernel(
    state: FloatArray, voltage: float, p: FloatArray, up: FloatArray, down: FloatArray
) -> float:
    """Write the rates of the core's radius [1/s]; return the current [A]."""
    r_off, ratio, cooling, rise, heat, latent, r_series = p
    u = state[0]
    resistance = r_off / (1 + (ratio - 1) * u * u)
    current = voltage / (resistance + r_series)
    log = np.log(u)
    inside = heat * rise * (1 - u * u + 2 * u * u * log) / (2 * u * log * log) + 2 * latent * u
    up[0] = current * current * resistance / inside
    down[0] = -cooling * rise / log / inside
    return float(current)


@dataclass(frozen=True, kw_only=True)
class MottSwitch(CompiledModel, kind="mott"):
    """Mott threshold switch: a metallic core grows by Joule heat and shrinks by conduction.

    du/dt = (i² R(u) - Γ(u) ΔT) / (dH/du), u the metallic core's radius over the channel's,
    R = (ρ_ins L / π r²) / (1 + (ρ_ins / ρ_met - 1) u²), Γ = 2π L κ / ln(1/u), and
    dH/du = π L r² (c_p ΔT (1 - u² + 2 u² ln u) / (2 u ln² u) + 2 Δh u), ΔT from the surroundings
    to the transition. Its static I-V curve has a negative differential resistance; above a
    threshold voltage the core opens, below a holding voltage it closes: volatile. Left out: the
    electric-field activated conduction of the insulating phase below the transition (ohmic here).

    Parameters
    ----------
    length, radius : float or (…) array, m
        L and r of the channel.
    rho_ins, rho_met : float or (…) array, Ω m
    kappa : float or (…) array, W/(m K)
    heat_capacity : float or (…) array, J/(m³ K)
        c_p.
    latent_heat : float or (…) array, J/m³
        Δh of the transition.
    transition : float or (…) array, K
    temperature : float or (…) array, K
        Of the surroundings.
    r_series : float or (…) array, Ω

    References
    ----------
    M. D. Pickett, R. S. Williams, Nanotechnology 23:215202, 2012,
    doi:10.1088/0957-4484/23/21/215202; M. D. Pickett, G. Medeiros-Ribeiro, R. S. Williams, Nat.
    Mater. 12:114, 2013, doi:10.1038/nmat3510.
    """

    length: FloatArray | Length
    radius: FloatArray | Length
    rho_ins: FloatArray | Resistivity
    rho_met: FloatArray | Resistivity
    kappa: FloatArray | Annotated[float, Unit("W/(m K)")]
    heat_capacity: FloatArray | Annotated[float, Unit("J/(m3 K)")]
    latent_heat: FloatArray | Annotated[float, Unit("J/m3")]
    transition: FloatArray | Temperature
    temperature: FloatArray | Surroundings = 300.0
    r_series: FloatArray | Resistance = 0.0

    components: ClassVar[tuple[str, ...]] = ("u",)
    kernel: ClassVar[Any] = staticmethod(_kernel)

    def __post_init__(self) -> None:
        self._check("> 0", length="m", radius="m", rho_ins="Ω m", rho_met="Ω m", kappa="W/(m K)",
                    heat_capacity="J/(m^3 K)", latent_heat="J/m^3", temperature="K")  # fmt: skip
        self._check(">= 0", r_series="Ω")
        self._check("finite", transition="K")
        self._check_order("temperature", "transition", "K")
        self._check_order("rho_met", "rho_ins", "Ω m")

    def parameters(self) -> tuple[FloatArray | float, ...]:
        """Return the parameters of the kernel."""
        volume = np.pi * np.asarray(self.length) * np.square(self.radius)
        return (
            np.asarray(self.rho_ins) * self.length / (np.pi * np.square(self.radius)),
            np.asarray(self.rho_ins) / self.rho_met,
            2 * np.pi * np.asarray(self.length) * self.kappa,
            np.asarray(self.transition) - self.temperature,
            volume * self.heat_capacity,
            volume * self.latent_heat,
            self.r_series,
        )

    def initial_state(self, shape: tuple[int, ...] = ()) -> FloatArray:
        """State without a metallic core."""
        return np.full(shape, EDGE)

    def bounds(self) -> tuple[FloatArray | float, FloatArray | float]:
        """Return the radius of an almost closed core, and of one that almost fills the channel."""
        return EDGE, 1 - EDGE
