"""Programming of a conductance: error, pulses, time and energy."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError, finite, in_range, non_negative, positive, whole
from matsweep.core.codec import later
from matsweep.core.direction import Worse
from matsweep.core.plausible import Plausible
from matsweep.core.printing import noise_of
from matsweep.core.quantities import (
    Conductance,
    Dimensionless,
    Energy,
    PulseVoltage,
    PulseWidth,
    Spread,
)
from matsweep.core.streams import FloatArray
from matsweep.devices.currents import HIGHEST_VOLTAGE
from matsweep.devices.pulses import PulseModel

_TOLERANCE = 0.02  # of the range
_WIDEST = 0.5  # of the range; from its middle, a cell is then always within the tolerance
_NOISES = 2.0  # standard deviations of a read
_BUDGET = 3.0  # times the pulses across the range
_LEAST_PULSES, _MOST_PULSES = 100, 30_000
_DRAWN = 10_000  # pulses, for the mean and the noise of one


class Programmed(NamedTuple):
    """Programmed conductance with the pulses and the energy it took, and its target.

    Parameters
    ----------
    conductance : (…, row, column) array, S
    pulses : (…, row, column) array or float
        Write pulses used by each device; NaN where no scheme is known.
    energy : (…, row, column) array or float, J
        Dissipated in each device; NaN where the pulse is not known.
    target : array that broadcasts to the conductance, S
        The level that each device was programmed to: the conductance that the drift exponent
        follows. Of a stuck device, and after pulses without a target, the conductance itself.
    settled : (…, row, column) array, S, or None
        Conductance that further pulses start from, without the noise of writing; None where it is
        `conductance`.
    missed : (…, row, column) array of bool, or None
        Devices that no read of a write-verify scheme has accepted, and that are beyond its
        tolerance; None where nothing is verified.
    """

    conductance: FloatArray
    pulses: FloatArray | float
    energy: FloatArray | float
    target: FloatArray
    settled: FloatArray | None = None
    missed: npt.NDArray[np.bool_] | None = None

    @property
    def start(self) -> FloatArray:
        """Conductance that further pulses start from, (…, row, column) array, S."""
        return self.conductance if self.settled is None else self.settled


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgrammingError:
    """Standard deviation of a programmed conductance about its target.

    sigma(G) = scale (sum_k c_k (G / g_reference)^k + saturating (1 - exp(-G / saturation)) +
    of_range (g_max - g_min)), negative values cut to 0.

    Parameters
    ----------
    coefficients : tuple of float, S
        c_0, c_1, …; as published for the range up to `g_reference`.
    g_reference : float, S
        The conductance that the polynomial's argument is scaled by, and the largest one that
        the law was fitted for.
    scale : float, dimensionless
        Factor on the whole law: 1 as published, 0.5 a material twice as exact.
    rescale : bool
        The law is refused beyond the range it was fitted for, unless this says on purpose that
        it scales with the device's range: then g_max takes the place of `g_reference`, and sigma
        and `saturation` are multiplied by g_max / g_reference.
    saturating, saturation : float, S
        Of the part that levels off, as charge-trap cells show.
    at : tuple of float, increasing
        G / g_reference, at which `sigmas` (S) stand in the place of the polynomial: straight
        lines between them, constant beyond.
    of_range : float, share of the device's range
        The same at every conductance; a bare number in a configuration is this one.

    Raises
    ------
    UserError
        If a number is not finite, `g_reference` or `saturation` not positive or `scale`,
        `saturating` or `of_range` negative.
    """

    coefficients: tuple[Conductance, ...] = (0.0,)
    g_reference: Conductance = 1.0
    scale: Annotated[Dimensionless, Plausible(0.0, 100.0), Worse("higher")] = 1.0
    rescale: bool = False
    saturating: Annotated[Conductance, Worse("higher")] = 0.0
    saturation: Conductance = 1.0
    at: tuple[Dimensionless, ...] = ()
    sigmas: tuple[Conductance, ...] = ()
    of_range: Spread = later(0.0)

    def __post_init__(self) -> None:
        for place in self.at:
            finite("at", place)
        if len(self.at) != len(self.sigmas) or any(b <= a for a, b in pairwise(self.at)):
            raise UserError(
                f"at must increase and have one number for each of sigmas, got {list(self.at)} and "
                f"{list(self.sigmas)}"
            )
        for sigma in self.sigmas:
            non_negative("sigmas", sigma, "S")
        if not self.coefficients:
            raise UserError("coefficients must hold at least one number, got an empty list")
        for coefficient in self.coefficients:
            finite("coefficients", coefficient, "S")
        positive("g_reference", self.g_reference, "S")
        non_negative("scale", self.scale)
        non_negative("saturating", self.saturating, "S")
        positive("saturation", self.saturation, "S")
        non_negative("of_range", self.of_range)

    @classmethod
    def from_number(cls, of_range: Spread) -> Self:
        """Error of a bare number, the same at every conductance.

        Parameters
        ----------
        of_range : float, share of the device's range, >= 0

        Returns
        -------
        ProgrammingError

        Raises
        ------
        UserError
            If the number is negative.
        """
        return cls(of_range=non_negative("of_range", of_range))

    @property
    def absent(self) -> bool:
        """Whether there is no error at all."""
        return self.scale == 0 or not (
            any(self.coefficients) or any(self.sigmas) or self.saturating or self.of_range
        )

    def check_range(self, g_max: float) -> None:
        """Refuse a device whose range exceeds the one for which the law was fitted.

        Parameters
        ----------
        g_max : float, S

        Raises
        ------
        UserError
            If g_max exceeds `g_reference` without `rescale`.
        """
        if not self.rescale and not self.absent and g_max > self.g_reference * (1 + 1e-6):
            raise UserError(
                f"programming_error was fitted up to {self.g_reference:g} S, got g_max = "
                f"{g_max:g} S; give a law for that range, or scale this one with the range by "
                "programming_error.rescale=true"
            )

    def sigma(self, conductance: FloatArray, g_max: float, g_min: float = 0.0) -> FloatArray:
        """Return the standard deviation at a conductance.

        Parameters
        ----------
        conductance : (…) array, S
        g_max : float, S
            The device's, used if `rescale`, and for `of_range`.
        g_min : float, S
            The device's, used for `of_range`.

        Returns
        -------
        (…) array, S
        """
        reference = g_max if self.rescale else self.g_reference
        stretch = reference / self.g_reference
        factor = self.scale * stretch
        out = np.full_like(conductance, factor * self.coefficients[-1])
        if self.at:
            table = np.interp(conductance / reference, self.at, np.multiply(factor, self.sigmas))
            out[...] = table
        elif len(self.coefficients) > 1:
            scaled = conductance * conductance.dtype.type(1 / reference)
            for coefficient in reversed(self.coefficients[:-1]):
                out *= scaled
                out += conductance.dtype.type(factor * coefficient)
        if self.saturating:
            depth = np.asarray(
                conductance * conductance.dtype.type(-1 / (self.saturation * stretch))
            )
            out -= conductance.dtype.type(factor * self.saturating) * np.expm1(depth, out=depth)
        if self.of_range:
            out += conductance.dtype.type(self.scale * self.of_range * (g_max - g_min))
        return np.maximum(out, 0, out=out)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteVerify:
    """Write-verify scheme: pulse and read until the conductance is within the tolerance.

    In a configuration, `true` is the scheme with both numbers from the device (`suited`), and
    `false` is none.

    Parameters
    ----------
    tolerance : float or None, fraction of the range g_max - g_min
        Accepted distance between a read and the target; None: from the device.
    max_pulses : int or None
        Budget for each device; one that has spent it stays as it is. None: from the device.

    Raises
    ------
    UserError
        If the tolerance is not positive, or the budget no whole number from 1.
    """

    tolerance: Dimensionless | None = None
    max_pulses: int | None = None

    def __post_init__(self) -> None:
        if self.tolerance is not None:
            positive("tolerance", self.tolerance)
        if self.max_pulses is not None:
            whole("max_pulses", self.max_pulses, low=1)

    @classmethod
    def from_flag(cls, flag: bool) -> Self | None:
        """Return the scheme with the device's own numbers, or none.

        Parameters
        ----------
        flag : bool

        Returns
        -------
        WriteVerify or None
        """
        return cls() if flag else None


class Suited(NamedTuple):
    """Tolerance and budget that a device's own noise allows, and their reason.

    Parameters
    ----------
    tolerance : float, fraction of the range
    max_pulses : int
    reason : str
        Cause of the tolerance, for people.
    least : bool
        Whether the tolerance is the one that no scheme goes below, and the device sets none.
    """

    tolerance: float
    max_pulses: int
    reason: str
    least: bool


class SinglePulse(NamedTuple):
    """Mean steps and noise of one pulse in the middle of the range.

    Parameters
    ----------
    up, down : float, fraction of the range
        Positive where a pulse moves the device as its polarity says.
    noise : float, fraction of the range
        Standard deviation, root mean square of both polarities.
    """

    up: float
    down: float
    noise: float

    @property
    def step(self) -> float:
        """Mean of both steps, fraction of the range."""
        return (self.up + self.down) / 2


@functools.lru_cache(maxsize=256)
def single_pulse(model: PulseModel) -> SinglePulse:
    """Return steps and noise of one pulse of the mean device; the noise from 10,000 draws.

    Parameters
    ----------
    model : PulseModel

    Returns
    -------
    SinglePulse
    """
    middle, rng = np.full(_DRAWN, 0.5), np.random.default_rng(0)
    drawn = [model.noisy_step(middle.copy(), way, model.nominal, rng) for way in (True, False)]
    up, down = (float(model.change(middle[:1], way, model.nominal)[0]) for way in (True, False))
    noise = float(np.sqrt(np.mean([np.var(side) for side in drawn])))
    return SinglePulse(up, -down, float(f"{noise:.3g}"))


def suited(model: PulseModel, read_noise: float = 0.0) -> Suited:
    """Find how closely a device can be programmed by pulses and reads.

    The tolerance is the largest of

    - 2 % of the range;
    - twice the noise of a read: a closer one is met by the luck of reads;
    - half of the smaller step, which every device reaches, and σ² / (√2 s) for the noise of
      pulses, with s the mean of both steps and σ their noise. This is the standard deviation at
      which pulses that always point to the target hold a device, where their noise exceeds their
      step. A device that is found closer is so by the luck of one pulse.

    It is half of the range at most, from whose middle a device is always within it, and where a
    mean pulse does not move the device there.

    The last is a cautious choice, no limit: a device that stops there by luck stays there if its
    state holds, and then a tighter tolerance is met by trying. State one where states hold.

    The budget is three times the pulses across the range in the slower direction, from 100 to
    30,000.

    Parameters
    ----------
    model : PulseModel
    read_noise : float, fraction of the range
        In the middle of the range.

    Returns
    -------
    Suited

    Notes
    -----
    The distance x from the target follows x' = x - s sgn(x) + σ ξ, with ξ standard normal. Where
    σ exceeds s, this is diffusion against a constant drift, whose stationary density is
    exp(-2 s |x| / σ²) s / σ², of standard deviation σ² / (√2 s).
    """
    pulse = single_pulse(model)
    still = [way for way, step in (("up", pulse.up), ("down", pulse.down)) if step <= 0]
    if still:
        reason = f"pulses {' and '.join(still)} do not move it in the middle of its range"
        return Suited(_WIDEST, _LEAST_PULSES, reason, least=False)
    reads, held = _NOISES * read_noise, _held(pulse)
    tolerance = max(_TOLERANCE, reads, held)
    if tolerance == _TOLERANCE:
        reason = f"{100 * _TOLERANCE:g} % of the range"
    elif held > reads:
        reason = (
            f"pulses hold it no closer: one has {noise_of(pulse.noise)} and a step of "
            f"{100 * pulse.step:.2g} %"
        )
    elif reads > _WIDEST:
        reason = f"as twice the noise of a read is {100 * reads:.2g} %: it cannot be programmed"
    else:
        reason = "twice the noise of a read"
    budget = min(max(_BUDGET / min(pulse.up, pulse.down), _LEAST_PULSES), _MOST_PULSES)
    return Suited(min(tolerance, _WIDEST), int(budget), reason, least=tolerance == _TOLERANCE)


def _held(pulse: SinglePulse) -> float:
    """Return the distance from a target at which pulses hold a device, fraction of the range."""
    return min(pulse.up, pulse.down) / 2 + pulse.noise**2 / (math.sqrt(2) * pulse.step)


@dataclass(frozen=True, slots=True, kw_only=True)
class WritePulse:
    """Write pulse of each polarity, for the energy and time of programming.

    Parameters
    ----------
    voltage_up, voltage_down : float or None, V
        Potentiating and depressing; magnitudes count.
    time_up, time_down : float or None, s
    energy : float or None, J
        Of one pulse, where it is stated as such; None: V² G t at the conductance before it.
    count : float or None
        Pulses that programming a device takes, on average; None where it is not known.
    """

    voltage_up: PulseVoltage | None = None
    time_up: PulseWidth | None = None
    voltage_down: PulseVoltage | None = None
    time_down: PulseWidth | None = None
    energy: Annotated[Energy, Plausible(1e-21, 1e-3)] | None = None
    count: Annotated[Dimensionless, Plausible(0.0, 1e6)] | None = None

    def __post_init__(self) -> None:
        if self.count is not None:
            non_negative("count", self.count)
        for name in ("voltage_up", "voltage_down"):
            if (value := getattr(self, name)) is not None:
                in_range(name, value, -HIGHEST_VOLTAGE, HIGHEST_VOLTAGE, "V")
        for name, unit in (("time_up", "s"), ("time_down", "s"), ("energy", "J")):
            if (value := getattr(self, name)) is not None:
                positive(name, value, unit)

    def dissipated(self, conductance: FloatArray, up: bool) -> FloatArray | float:
        """Energy of one pulse.

        Parameters
        ----------
        conductance : (…) array, S
            Before the pulse.
        up : bool
            Potentiating, else depressing.

        Returns
        -------
        (…) array or float, J
            NaN if the pulse is not known.
        """
        if self.energy is not None:
            return self.energy
        voltage = self.voltage_up if up else self.voltage_down
        time = self.time_up if up else self.time_down
        if voltage is None or time is None:
            return float("nan")
        return conductance * conductance.dtype.type(voltage**2 * time)
