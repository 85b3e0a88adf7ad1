"""Behavioural memristor model: statistics of programming, drift and reading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from matsweep.core.arrays import floats
from matsweep.core.checks import UserError, in_range, non_negative, one_of, positive, whole
from matsweep.core.codec import later
from matsweep.core.direction import Worse
from matsweep.core.plausible import Plausible
from matsweep.core.quantities import (
    CellSize,
    Conductance,
    Dimensionless,
    Spread,
    Surroundings,
    Voltage,
)
from matsweep.core.slips import refuse_resistances
from matsweep.core.streams import FloatArray, Rng, aside
from matsweep.devices.currents import HIGHEST_VOLTAGE, CurrentLaw, finite_current
from matsweep.devices.faults import Endurance, StuckAt
from matsweep.devices.programming import (
    Programmed,
    ProgrammingError,
    WritePulse,
    WriteVerify,
    suited,
)
from matsweep.devices.pulses import Parameters, PulseModel, limits
from matsweep.devices.reading import ReadNoise, TelegraphNoise
from matsweep.devices.relaxation import Drift, Retention, ShortTerm, drift

_BEYOND = 10.0  # of g_max, beyond which no read of the device lies

SOURCES = ("reported", "derived", "measured")


class Aging(NamedTuple):
    """Random numbers of each device's aging: drawn once, used for every time.

    Parameters
    ----------
    exponents : (…, row, column) array or 0.0
        Of drift.
    noise : (…, row, column) array or None
        Of the short-term relaxation.
    """

    exponents: FloatArray | float
    noise: FloatArray | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalogDevice:
    """A memristor programmed to a conductance, which then drifts and is read with noise.

    Every array is (…, row, column) in S; leading axes are batches, and one axis (device,), a number
    or an array without axes do as well. Results have the shape and the type (float32 or float64) of
    the input.

    Parameters
    ----------
    g_min, g_max : float, S
        The range that weights are mapped to.
    levels : int or None
        Evenly spaced distinguishable conductances in the range, both ends included; None for a
        continuum.
    read_voltage : float, V
        The largest input voltage of a read; up to 1000 V, and such that the current at g_max is a
        finite number.
    cell_size : float, F² (squares of the technology's feature size)
        Area of one cell with its access device.
    temperature : float, K
        Of operation; acts where an activation energy is known.
    cycles : float
        Past write cycles.
    programming_error : ProgrammingError
    device_to_device : float, dimensionless
        Relative standard deviation between devices of the span G - g_min that the same
        programming reaches.
    cycle_to_cycle : float, fraction of the range g_max - g_min
        Standard deviation between programmings of one device, at any conductance.
    write_verify : WriteVerify or None
        Program by pulses and reads, simulated one by one, instead of the three errors above.
        Numbers that it leaves out follow from the pulses and the read noise (`scheme`).
    pulse_model : PulseModel or None
        Response to identical pulses; None where it is not known.
    write_pulse : WritePulse
    read_noise : ReadNoise
    telegraph_noise : TelegraphNoise
    iv : CurrentLaw or None
        None: ohmic.
    drift : Drift
    short_term : ShortTerm
    retention : Retention
    stuck_at : StuckAt
    endurance : Endurance
    source : {"reported", "derived", "measured"}
        Origin of the behaviour: the numbers given here; the material's physics; or
        `measurements`. The latter two take from here what they leave open.
    measurements : str or None
        File of measured pulse responses, for `source` measured.
    reading : dict of str to value, or None
        Options for reading this file, as `matsweep.identification.measurements.Reading` has them.

    Raises
    ------
    UserError
        If a value is out of its range; the message names it.

    Notes
    -----
    Each law takes the conductance that its source takes: programming error and drift exponent the
    target, the relative 1/f noise of a read the conductance as programmed, all others the present
    one (`docs/physics.md`).

    The three errors of programming are independent and Gaussian; a conductance below zero is
    cut to zero, and none is cut at g_max, as in published error models. Left out: the dependence
    of the error on the conductance before programming. After programming, drift acts first, then
    the short-term relaxation, then retention; published data, and the families that are shipped,
    rarely show more than one of them.
    """

    g_min: Annotated[Conductance, Plausible(0.0, 0.1)]
    g_max: Annotated[Conductance, Plausible(1e-12, 0.1)]
    read_voltage: Annotated[Voltage, Plausible(1e-4, 10.0)]
    cell_size: Annotated[CellSize, Plausible(1.0, 1e7)]
    levels: Annotated[int, Plausible(2, 1e6)] | None = None
    temperature: Surroundings = 300.0
    cycles: Annotated[Dimensionless, Plausible(0.0, 1e17), Worse("higher")] = 0.0
    programming_error: ProgrammingError = ProgrammingError()
    device_to_device: Spread = 0.0
    cycle_to_cycle: Spread = 0.0
    write_verify: WriteVerify | None = None
    pulse_model: PulseModel | None = None
    write_pulse: WritePulse = WritePulse()
    read_noise: ReadNoise = ReadNoise()
    telegraph_noise: TelegraphNoise = TelegraphNoise()
    iv: CurrentLaw | None = None
    drift: Drift = Drift()
    short_term: ShortTerm = ShortTerm()
    retention: Retention = Retention()
    stuck_at: StuckAt = StuckAt()
    endurance: Endurance = Endurance()
    source: str = "reported"
    measurements: str | None = None
    reading: dict[str, Any] | None = later(None)

    def __post_init__(self) -> None:
        non_negative("g_min", self.g_min, "S")
        positive("g_max", self.g_max, "S")
        if self.g_min >= self.g_max:
            raise UserError(f"g_min [S] must be < g_max = {self.g_max:g}, got {self.g_min!r}")
        if self.levels is not None:
            whole("levels", self.levels, low=2)
        positive("read_voltage", self.read_voltage, "V")
        in_range("read_voltage", self.read_voltage, 0.0, HIGHEST_VOLTAGE, "V")
        if self.iv is not None:
            ends = np.array([self.g_min, self.g_max], np.float32)  # as studies compute
            finite_current(self.iv, ends, self.read_voltage, name="read_voltage")
        positive("cell_size", self.cell_size, "F^2")
        positive("temperature", self.temperature, "K")
        non_negative("cycles", self.cycles)
        non_negative("device_to_device", self.device_to_device)
        non_negative("cycle_to_cycle", self.cycle_to_cycle)
        self.programming_error.check_range(self.g_max)
        one_of("source", self.source, SOURCES)
        if (self.source == "measured") != (self.measurements is not None):
            raise UserError(
                "measurements must name a file of measured pulses where source is measured, and "
                f"be null elsewhere, got {self.measurements!r} with source {self.source!r}"
            )
        if self.write_verify is not None and self.pulse_model is None:
            raise UserError(
                "write_verify must be null without a pulse_model: this material states no pulse "
                "response; give it one (pulse_model.kind=…)"
            )
        if self.reading is not None and self.measurements is None:
            raise UserError(
                "reading must be null without measurements: it says how their file is read"
            )

    @property
    def g_range(self) -> float:
        """g_max - g_min, S."""
        return self.g_max - self.g_min

    @property
    def exact(self) -> bool:
        """Whether programming reaches its levels without any error."""
        return self.programming_error.absent and not (self.cycle_to_cycle or self.device_to_device)

    @property
    def scheme(self) -> tuple[float, int] | None:
        """Tolerance [fraction of the range] and budget of write and verify; None without it."""
        stated = self.write_verify
        if stated is None or self.pulse_model is None:
            return None
        tolerance, budget = stated.tolerance, stated.max_pulses
        if tolerance is not None and budget is not None:
            return tolerance, budget
        middle = np.array(self.g_min + 0.5 * self.g_range)
        found = suited(self.pulse_model, float(self.read_sigma(middle)) / self.g_range)
        return (
            found.tolerance if tolerance is None else tolerance,
            found.max_pulses if budget is None else budget,
        )

    @property
    def window(self) -> tuple[float, float]:
        """The ends of the range that the device still reaches after its cycles, S."""
        low, high = self.endurance.window(self.cycles)
        return self.g_min + low * self.g_range, self.g_min + high * self.g_range

    @property
    def least_state(self) -> float:
        """State of 0 S, below which no device gets: -g_min / (g_max - g_min)."""
        return -self.g_min / self.g_range

    def narrowed(self, low: Any, high: Any) -> tuple[Any, Any]:
        """Bounds of states that the device still reaches after its cycles.

        Parameters
        ----------
        low : float or (…) array, fraction of the range
            Of a fresh device.
        high : float or (…) array, fraction of the range

        Returns
        -------
        tuple of (float or array, float or array), fractions of the range
        """
        least, most = self.endurance.window(self.cycles)
        span = high - low
        return low + least * span, low + most * span

    def nearest_level(self, target: FloatArray | float) -> FloatArray:
        """Target conductance brought into the range and onto a level.

        Parameters
        ----------
        target : (…) array or float, S

        Returns
        -------
        (…) array, S
        """
        target = floats(target)
        fraction = self._fraction(target)
        if self.levels is not None:
            steps = self.levels - 1
            fraction *= steps
            np.rint(fraction, out=fraction)
            fraction *= target.dtype.type(1 / steps)
        level = self._conductance(fraction)
        if self.endurance.half_window is not None and self.cycles:
            np.clip(level, *self.window, out=level)
        return level

    def draw(self, shape: tuple[int, ...], *, rng: Rng) -> Parameters | None:
        """Draw the pulse parameters of each device.

        Parameters
        ----------
        shape : tuple of int
        rng : Rng

        Returns
        -------
        mapping or None
            None if no pulse response is known.
        """
        return None if self.pulse_model is None else self.pulse_model.draw(shape, rng=rng)

    def program(
        self,
        target: FloatArray | float,
        *,
        rng: Rng,
        size: tuple[int, ...] | None = None,
        devices: Parameters | None = None,
    ) -> Programmed:
        """Program devices to target conductances.

        Without `write_verify`, G = level(target) + sigma xi with xi ~ Normal(0, 1) and
        sigma² = programming_error(G)² + (device_to_device (G - g_min))²
        + (cycle_to_cycle (g_max - g_min))². With it, each device starts at g_min, is read, and
        gets pulses one by one until a read is within the tolerance of its level, which ends its
        programming. Then stuck devices take their place.

        Parameters
        ----------
        target : (…, row, column) array or float, S
            Clipped to the range.
        rng : Rng
        size : tuple of int, optional
            Shape of the devices programmed, to which `target` is broadcast; its own by default.
        devices : mapping, optional
            From `draw`, for `write_verify`; drawn here by default.

        Returns
        -------
        Programmed
            Conductance at the time the programming error is stated for, pulses and energy, and the
            levels, to draw `aging` from.
        """
        target = floats(target)
        refuse_resistances("target [S]", target, most=_BEYOND * self.g_max)
        size = target.shape if size is None else size
        level = self.nearest_level(target)
        if (scheme := self.scheme) is not None:
            result = self._write_and_verify(np.broadcast_to(level, size), *scheme, devices, rng)
        elif self.exact:
            result = self._unverified(np.broadcast_to(level, size).copy(), level)
        else:
            conductance = np.asarray(rng.standard_normal(size, target.dtype))
            conductance *= self.programming_sigma(level)
            conductance += level
            result = self._unverified(np.clip(conductance, 0, None, out=conductance), level)
        own = aside(rng, "stuck")
        stuck = self.stuck_at.apply(result.conductance, self.g_min, self.g_max, rng=own)
        if stuck is result.conductance:
            return result
        reached = np.where(stuck == result.conductance, result.target, stuck)
        return result._replace(conductance=stuck, target=reached)

    def pulse(
        self,
        conductance: FloatArray | float,
        count: int | npt.NDArray[np.integer],
        *,
        rng: Rng,
        devices: Parameters | None = None,
    ) -> Programmed:
        """Apply identical pulses.

        Parameters
        ----------
        conductance : (…, row, column) array or float, S
            Brought into the range first, or into the devices' own bounds; no device gets below 0 S.
            After earlier pulses, their `Programmed.start`.
        count : int or (…, row, column) array of int
            Potentiating pulses if > 0, depressing ones if < 0.
        rng : Rng
        devices : mapping, optional
            From `draw`: each device's own parameters. By default all are the mean device.

        Returns
        -------
        Programmed
            Conductance after the pulses, their number, and their energy, each pulse taken at the
            mean of the conductances before and after all of them. Devices without a pulse have no
            noise of writing.

        Raises
        ------
        UserError
            If no pulse response of the material is known.
        """
        if self.pulse_model is None:
            raise UserError(
                "pulse_model must be given: no response of this material to identical pulses is "
                "known (set device.pulse_model, or calibrate one from measurements)"
            )
        conductance = floats(conductance)
        refuse_resistances("conductance [S]", conductance, most=_BEYOND * self.g_max)
        model = self.pulse_model
        devices = model.nominal if devices is None else devices
        low, high = limits(devices, self.least_state)
        state = self._fraction(conductance, low, high)
        after = model.apply(state, count, rng=rng, parameters=devices, least=self.least_state)
        low, high = self.narrowed(low, high)
        reached = self._conductance(np.clip(after, low, high, out=after))
        np.maximum(reached, 0, out=reached)
        middle = (reached + conductance) * conductance.dtype.type(0.5)
        counts = np.broadcast_to(np.asarray(count), conductance.shape)
        energy = np.where(
            counts > 0, self.write_pulse.dissipated(middle, True),
            self.write_pulse.dissipated(middle, False),
        ) * np.abs(counts)  # fmt: skip
        energy = np.where(counts == 0, 0.0, energy)
        if not model.cycle_to_cycle.of_writing:
            return Programmed(reached, np.abs(counts), energy, reached)
        own = aside(rng, "writing")
        written = np.where(counts == 0, reached, self._written(reached, model, own))
        return Programmed(written, np.abs(counts), energy, written, reached)

    def relax(
        self,
        conductance: FloatArray | float,
        time: float,
        *,
        rng: Rng,
        target: FloatArray | float | None = None,
    ) -> FloatArray:
        """Conductance at a time after programming, at the device's temperature.

        Draws the random numbers of each device's aging; for several times of the same devices, draw
        `aging` once and call `aged` for each.

        Parameters
        ----------
        conductance : (…, row, column) array or float, S
            As programmed.
        time : float, s
            Since programming, > 0.
        rng : Rng
        target : array that broadcasts to the conductance, or float, S, optional
            From `Programmed`; see `aging`.

        Returns
        -------
        (…, row, column) array, S

        Raises
        ------
        UserError
            If time is not positive.
        """
        refuse_resistances("conductance [S]", floats(conductance), most=_BEYOND * self.g_max)
        return self.aged(conductance, time, self.aging(conductance, rng=rng, target=target))

    def aging(
        self,
        conductance: FloatArray | float,
        *,
        rng: Rng,
        target: FloatArray | float | None = None,
    ) -> Aging:
        """Draw the random numbers of each device's aging.

        Parameters
        ----------
        conductance : (…, row, column) array or float, S
            As programmed.
        rng : Rng
        target : array that broadcasts to the conductance, or float, S, optional
            The levels that devices were programmed to, from `Programmed`: drift exponents follow
            them. By default the conductance as programmed.

        Returns
        -------
        Aging
        """
        conductance = floats(conductance)
        exponents: FloatArray | float = 0.0
        if not self.drift.absent:
            level = conductance if target is None else floats(target)
            own = aside(rng, "drift")
            exponents = self.drift.exponents(level, self.g_max, size=conductance.shape, rng=own)
        noise = None
        if not self.short_term.absent:
            own = aside(rng, "short term")
            noise = own.standard_normal(conductance.shape, conductance.dtype)
        return Aging(exponents, noise)

    def aged(self, conductance: FloatArray | float, time: float, aging: Aging) -> FloatArray:
        """Conductance at a time after programming, for drawn aging.

        Parameters
        ----------
        conductance : (…, row, column) array or float, S
            As programmed.
        time : float, s
            Since programming, > 0.
        aging : Aging

        Returns
        -------
        (…, row, column) array, S

        Raises
        ------
        UserError
            If time is not positive.
        """
        positive("time", time, "s")
        conductance = floats(conductance)
        if not self.drift.absent:
            conductance = drift(conductance, time, aging.exponents, self.drift.time_zero)
        if aging.noise is not None:
            conductance = self.short_term.apply(conductance, time, aging.noise, self.temperature)
        return self.retention.apply(conductance, time, self.temperature, self.g_min, self.g_max)

    def read(
        self,
        conductance: FloatArray | float,
        voltage: FloatArray | float | None = None,
        *,
        rng: Rng,
        time: float = 1.0,
        traps: FloatArray | None = None,
        programmed: FloatArray | float | None = None,
    ) -> FloatArray:
        """One noisy read of every device.

        Parameters
        ----------
        conductance : (…, row, column) array or float, S
            At the time of the read.
        voltage : float or (…, row, column) array, V
            Of the read; by default `read_voltage`. It matters where the I–V law is not ohmic.
        rng : Rng
        time : float, s
            Since programming; 1/f noise grows with it.
        traps : (…, row, column) array of 0 and 1, optional
            Devices with a trap, from `telegraph_noise.traps`; drawn here by default.
        programmed : array that broadcasts to the conductance, or float, S, optional
            As programmed, before drift; see `read_sigma`.

        Returns
        -------
        (…, row, column) array, S
            Current over voltage, at 0 V its limit. Not cut at zero: noise is symmetric, as it is
            when many are summed on a column.

        Raises
        ------
        UserError
            If the I–V law gives no finite current at the voltage.
        """
        conductance = floats(conductance)
        refuse_resistances("conductance [S]", conductance, most=_BEYOND * self.g_max)
        noise = np.asarray(rng.standard_normal(conductance.shape, conductance.dtype))
        noise *= self._flicker(conductance, time, programmed)
        if not self.telegraph_noise.absent:
            own = aside(rng, "telegraph noise")
            if traps is None:
                traps = self.telegraph_noise.traps(conductance.shape, rng=own)
            conductance = self.telegraph_noise.apply(conductance, traps, rng=own)
        noise += conductance
        if self.iv is None:
            return noise
        applied = floats(self.read_voltage if voltage is None else voltage)
        current = self.current(noise, applied)
        applied = np.broadcast_to(applied.astype(noise.dtype), current.shape)
        still = applied == 0
        if not still.any():
            return np.asarray(current / applied)
        limit = np.asarray(self.iv.slope(noise, applied), noise.dtype)
        return np.asarray(np.divide(current, applied, out=limit, where=~still))

    def current(self, conductance: FloatArray | float, voltage: FloatArray | float) -> FloatArray:
        """Return the current of devices, without noise.

        Parameters
        ----------
        conductance : (…, row, column) array or float, S
        voltage : float or (…, row, column) array, V

        Returns
        -------
        (…, row, column) array, A

        Raises
        ------
        UserError
            If the I–V law gives no finite current at the voltage.
        """
        conductance = floats(conductance)
        refuse_resistances("conductance [S]", conductance, most=_BEYOND * self.g_max)
        return finite_current(self.iv, conductance, voltage)

    def read_sigma(
        self,
        conductance: FloatArray | float,
        time: float = 1.0,
        programmed: FloatArray | float | None = None,
    ) -> FloatArray:
        """Return the standard deviation of one read.

        Of 1/f or white noise and of the telegraph signals of all devices together.

        Parameters
        ----------
        conductance : (…, row, column) array or float, S
            At the time of the read.
        time : float, s
            Since programming.
        programmed : array that broadcasts to the conductance, or float, S, optional
            As programmed, before drift, which relative 1/f noise takes. By default the one from
            which the mean device drifts to `conductance`.

        Returns
        -------
        (…, row, column) array, S
        """
        conductance = floats(conductance)
        sigma = self._flicker(conductance, time, programmed)
        jumps = self.telegraph_noise.relative_sigma
        return np.hypot(sigma, conductance * conductance.dtype.type(jumps)) if jumps else sigma

    def _flicker(
        self, conductance: FloatArray, time: float, programmed: FloatArray | float | None
    ) -> FloatArray:
        """Return the standard deviation (…) S of 1/f or white noise."""
        if programmed is not None:
            programmed = floats(programmed)
        elif self.read_noise.remembers:
            programmed = self.drift.undone(conductance, time, self.g_max)
        return self.read_noise.sigma(conductance, self.g_max, time, programmed)

    def _fraction(self, conductance: FloatArray, low: Any = 0, high: Any = 1) -> FloatArray:
        fraction = np.asarray(conductance - conductance.dtype.type(self.g_min))
        fraction *= conductance.dtype.type(1 / self.g_range)
        return np.clip(fraction, low, high, out=fraction)

    def _conductance(self, fraction: FloatArray) -> FloatArray:
        fraction *= fraction.dtype.type(self.g_range)
        fraction += fraction.dtype.type(self.g_min)
        return fraction

    def _written(self, conductance: FloatArray, model: PulseModel, rng: Rng) -> FloatArray:
        """Conductance with the noise of writing."""
        state = np.asarray(conductance - conductance.dtype.type(self.g_min))
        state *= conductance.dtype.type(1 / self.g_range)
        written = self._conductance(model.written(state, rng=rng))
        return np.maximum(written, 0, out=written)

    def _unverified(self, conductance: FloatArray, level: FloatArray) -> Programmed:
        return Programmed(conductance, float("nan"), float("nan"), level)

    def _write_and_verify(
        self,
        level: FloatArray,
        tolerance: float,
        budget: int,
        devices: Parameters | None,
        rng: Rng,
    ) -> Programmed:
        """Pulse and read each device until a read is within the tolerance, or the budget spent."""
        reads, own = aside(rng, "reads"), aside(rng, "pulses")
        if devices is None:
            devices = self.draw(level.shape, rng=aside(rng, "devices"))
        conductance = start = np.full(level.shape, self.window[0], level.dtype)
        pulses = np.zeros(level.shape)
        energy = np.zeros(level.shape)
        accepted = np.zeros(level.shape, bool)
        for _ in range(budget):
            missing = level - self.read(conductance, rng=reads)
            accepted |= np.abs(missing) <= tolerance * self.g_range
            if accepted.all():
                break
            count = np.where(accepted, 0, np.sign(missing)).astype(np.int32)
            pulsed = self.pulse(start, count, rng=own, devices=devices)
            conductance = np.where(accepted, conductance, pulsed.conductance)
            start = np.where(accepted, start, pulsed.start)
            pulses += np.abs(count)
            energy += pulsed.energy
        missed = ~accepted & (np.abs(level - conductance) > tolerance * self.g_range)
        return Programmed(conductance, pulses, energy, level, missed=missed)

    def programming_sigma(self, conductance: FloatArray | float) -> FloatArray:
        """Return the standard deviation of programming without verification.

        Parameters
        ----------
        conductance : (…) array or float, S
            The level programmed to.

        Returns
        -------
        (…) array, S
        """
        conductance = floats(conductance)
        cycle = self.cycle_to_cycle * self.g_range
        published = not self.programming_error.absent
        if published and not (cycle or self.device_to_device):
            return self.programming_error.sigma(conductance, self.g_max, self.g_min)
        variance = np.asarray(conductance - conductance.dtype.type(self.g_min))
        variance *= conductance.dtype.type(self.device_to_device)
        variance *= variance
        variance += conductance.dtype.type(cycle**2)
        if published:
            sigma = self.programming_error.sigma(conductance, self.g_max, self.g_min)
            sigma *= sigma
            variance += sigma
        return np.sqrt(variance, out=variance)
