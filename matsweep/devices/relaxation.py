"""Change of a programmed conductance with time and temperature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from matsweep.core.checks import UserError, finite, in_range, non_negative, positive
from matsweep.core.direction import Worse
from matsweep.core.plausible import Plausible
from matsweep.core.quantities import Conductance, Dimensionless, ElectronVolts, Surroundings, Time
from matsweep.core.streams import FloatArray, Rng
from matsweep.devices.laws import SMALL, Law, logarithm

BOLTZMANN_EV = 8.617333262e-5
"""Boltzmann's constant, eV/K (CODATA 2018)."""


def arrhenius(activation_ev: float, temperature: float, reference: float) -> float:
    """Acceleration of a thermally activated process over a reference temperature.

    exp(Ea / k (1 / T_reference - 1 / T)).

    Parameters
    ----------
    activation_ev : float, eV
    temperature : float, K
    reference : float, K

    Returns
    -------
    float, dimensionless
        1 at the reference temperature.
    """
    return float(np.exp(activation_ev / BOLTZMANN_EV * (1 / reference - 1 / temperature)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Power-law drift with a separate exponent for each device.

    G(t) = G (t / time_zero)^-nu, nu = |Normal(mean(G_target), spread(G_target))|; no drift before
    time_zero, the time after programming at which the programmed conductance G is stated. The
    laws take the target of programming, not G, which programming error has moved; a mean below
    zero makes all exponents negative. The exponents hold at the temperature at which they were
    measured.

    Parameters
    ----------
    nu, spread : Law, dimensionless
        Mean and standard deviation between devices of the exponent.
    time_zero : float, s

    References
    ----------
    S. R. Nandakumar et al., ICECS 2019, doi:10.1109/ICECS46596.2019.8964852, as in IBM's aihwkit
    (`PCMLikeNoiseModel`); V. Joshi et al., Nat. Commun. 11:2473, 2020,
    doi:10.1038/s41467-020-16108-9.
    """

    nu: Annotated[Law, Plausible(-1.0, 1.0), Worse("larger")] = Law()
    spread: Annotated[Law, Plausible(-1.0, 1.0), Worse("higher")] = Law(low=0.0)
    time_zero: Annotated[Time, Plausible(1e-9, 1e7)] = 1.0

    def __post_init__(self) -> None:
        positive("time_zero", self.time_zero, "s")
        if self.spread.least < 0:
            raise UserError(
                f"spread must be >= 0 (set spread.low), got {self.spread.least:g} at its least"
            )

    @property
    def absent(self) -> bool:
        """Whether no device ever drifts."""
        return self.nu.constant == 0 and self.spread.constant == 0

    def exponents(
        self, target: FloatArray, g_max: float, *, size: tuple[int, ...], rng: Rng
    ) -> FloatArray:
        """Draw each device's drift exponent.

        Parameters
        ----------
        target : array that broadcasts to the size, S
            Of programming.
        g_max : float, S
        size : tuple of int
            Shape of the devices.
        rng : Rng

        Returns
        -------
        array of the size, dimensionless
        """
        log = logarithm(target, g_max)
        mean = self.nu(log)
        if self.spread.constant == 0:
            return np.broadcast_to(mean, size)
        nu = np.asarray(rng.standard_normal(size, target.dtype))
        nu *= self.spread(log)
        nu += mean
        return np.copysign(nu, mean, out=nu)

    def undone(self, conductance: FloatArray, time: float, g_max: float) -> FloatArray:
        """Conductance that the mean device was programmed to, from that at a time.

        Solves G(t) = G (t / time_zero)^-mean(G) for G on a grid of 0.7 % in G, between whose points
        the logarithm of the loss is a straight line.

        Parameters
        ----------
        conductance : (…) array, S
            At the time.
        time : float, s
            Since programming.
        g_max : float, S

        Returns
        -------
        (…) array, S
            The same object before time_zero and where nothing drifts.
        """
        elapsed = float(np.log(max(time / self.time_zero, 1.0)))
        if self.absent or elapsed == 0:
            return conductance
        before = np.linspace(np.log(SMALL), 2.0, 4096)  # up to 7 times g_max, beyond any error
        lost = self.nu(before) * elapsed
        after = np.maximum.accumulate(before - lost)
        regained = np.interp(logarithm(conductance, g_max), after, lost)
        return np.asarray(conductance * np.exp(regained).astype(conductance.dtype))


def drift(
    conductance: FloatArray, time: float, nu: FloatArray | float, time_zero: float
) -> FloatArray:
    """Power-law drift of conductance.

    G(t) = G(t0) (t / t0)^-nu for t > t0, G(t0) before.

    Parameters
    ----------
    conductance : (…, row, column) array, S
        At t0.
    time : float, s
        Since programming, > 0.
    nu : float or (…, row, column) array, dimensionless
    time_zero : float, s
        t0.

    Returns
    -------
    (…, row, column) array, S

    Raises
    ------
    UserError
        If time is not positive.

    References
    ----------
    Boybat et al., NVMTS 2018, doi:10.1109/NVMTS.2018.8603100.
    """
    elapsed = np.log(max(positive("time", time, "s") / time_zero, 1.0))
    factor = np.asarray(nu) * conductance.dtype.type(-elapsed)
    return np.asarray(np.exp(factor.astype(conductance.dtype, copy=False)) * conductance)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortTerm:
    """Relaxation in the first seconds and hours, linear in the logarithm of time.

    G(t) = G + shift ln(t' / t_0) + (spread + spread_growth ln(t' / t_0)) xi for t' > time_zero,
    with one xi ~ Normal(0, 1) for each device; t' is the time stretched by Arrhenius' law where
    an activation energy is known. Cut at 0.

    Parameters
    ----------
    shift : float, S
        Mean change in a time e times longer.
    spread, spread_growth : float, S
    time_zero : float, s
    activation_ev : float, eV
        0: temperature has no effect.
    temperature : float, K
        At which the other numbers were measured.

    References
    ----------
    The form fitted to CMO/HfOx ReRAM by D. Falcone et al., arXiv:2502.04524.
    """

    shift: Annotated[Conductance, Plausible(-0.01, 0.01), Worse("larger")] = 0.0
    spread: Annotated[Conductance, Plausible(0.0, 0.01), Worse("higher")] = 0.0
    spread_growth: Annotated[Conductance, Plausible(0.0, 0.01), Worse("higher")] = 0.0
    time_zero: Annotated[Time, Plausible(1e-9, 1e7)] = 1.0
    activation_ev: Annotated[ElectronVolts, Plausible(0.0, 5.0)] = 0.0
    temperature: Surroundings = 300.0

    def __post_init__(self) -> None:
        finite("shift", self.shift, "S")
        non_negative("spread", self.spread, "S")
        non_negative("spread_growth", self.spread_growth, "S")
        positive("time_zero", self.time_zero, "s")
        non_negative("activation_ev", self.activation_ev, "eV")
        positive("temperature", self.temperature, "K")

    @property
    def absent(self) -> bool:
        """Whether nothing relaxes."""
        return not (self.shift or self.spread or self.spread_growth)

    def apply(
        self, conductance: FloatArray, time: float, noise: FloatArray, temperature: float
    ) -> FloatArray:
        """Relaxed conductance, with one xi for each device.

        Parameters
        ----------
        conductance : (…) array, S
            As programmed.
        time : float, s
            Since programming.
        noise : (…) array, dimensionless
            xi, standard normal.
        temperature : float, K

        Returns
        -------
        (…) array, S
        """
        stretched = time * arrhenius(self.activation_ev, temperature, self.temperature)
        elapsed = float(np.log(max(stretched / self.time_zero, 1.0)))
        if elapsed == 0:
            return conductance
        out = np.asarray(noise * noise.dtype.type(self.spread + self.spread_growth * elapsed))
        out += conductance
        out += conductance.dtype.type(self.shift * elapsed)
        return np.clip(out, 0, None, out=out)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Thermally activated decay towards a stable state.

    G(t) = G_s + (G - G_s) exp(-(t / tau)^stretch), tau(T) = time exp(Ea / k (1 / T - 1 / T_r)).

    Parameters
    ----------
    time : float or None, s
        tau at the temperature at which it was measured; None: the state is kept.
    activation_ev : float, eV
    temperature : float, K
        T_r, at which `time` was measured.
    stable : float, fraction of the range
        The state approached: 0 at g_min, 1 at g_max.
    stretch : float, dimensionless
        1: a single time constant; below: a distribution of them.

    Notes
    -----
    Of the Arrhenius kind by which accelerated bakes are extrapolated; the spread between devices
    (tail bits) is left out.
    """

    time: Annotated[Time, Plausible(1e-12, 1e12), Worse("lower")] | None = None
    activation_ev: Annotated[ElectronVolts, Plausible(0.0, 5.0)] = 0.0
    temperature: Surroundings = 358.15
    stable: Dimensionless = 0.0
    stretch: Dimensionless = 1.0

    def __post_init__(self) -> None:
        if self.time is not None:
            positive("time", self.time, "s")
        non_negative("activation_ev", self.activation_ev, "eV")
        positive("temperature", self.temperature, "K")
        in_range("stable", self.stable, 0.0, 1.0)
        in_range("stretch", self.stretch, 0.01, 1.0)

    def kept(self, time: float, temperature: float) -> float:
        """Share of the distance from the stable state that is left.

        Parameters
        ----------
        time : float, s
        temperature : float, K

        Returns
        -------
        float, dimensionless
        """
        if self.time is None:
            return 1.0
        faster = arrhenius(self.activation_ev, temperature, self.temperature)
        return float(np.exp(-((time * faster / self.time) ** self.stretch)))

    def half_life(self, temperature: float) -> float:
        """Time after which half of the distance from the stable state is left.

        Parameters
        ----------
        temperature : float, K

        Returns
        -------
        float, s
            Infinite if the state is kept.
        """
        if self.time is None:
            return float("inf")
        faster = arrhenius(self.activation_ev, temperature, self.temperature)
        return float(self.time / faster * np.log(2) ** (1 / self.stretch))

    def apply(
        self, conductance: FloatArray, time: float, temperature: float, g_min: float, g_max: float
    ) -> FloatArray:
        """Conductance after a time at a temperature.

        Parameters
        ----------
        conductance : (…) array, S
        time : float, s
        temperature : float, K
        g_min : float, S
        g_max : float, S

        Returns
        -------
        (…) array, S
        """
        kept = self.kept(time, temperature)
        if kept == 1:
            return conductance
        stable = conductance.dtype.type(g_min + self.stable * (g_max - g_min))
        return np.asarray((conductance - stable) * conductance.dtype.type(kept) + stable)
