"""The behavioural memristor: what a synapse does, statistically."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matsweep.checks import UserError, non_negative, positive, whole
from matsweep.devices.parts import Drift, ProgrammingError, ReadNoise, StuckAt, drift
from matsweep.streams import FloatArray, Rng


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalogDevice:
    """A memristor programmed to a conductance, which then drifts and is read with noise.

    Every array is (…, row, column) in S; leading axes are batches. Results have the type
    (float32 or float64) of the input.

    Parameters
    ----------
    g_min, g_max : float, S
        The range that weights are mapped to.
    levels : int or None
        Evenly spaced conductances that can be told apart in the range, both ends included;
        None for a continuum.
    read_voltage : float, V
        The largest input voltage of a read.
    cell_size : float, F² (squares of the technology's feature size)
        Area of one cell with its access device.
    programming_error : ProgrammingError
    device_to_device : float, dimensionless
        Relative standard deviation between devices of the span G - g_min that the same
        programming reaches.
    cycle_to_cycle : float, fraction of the range g_max - g_min
        Standard deviation between programmings of one device, at any conductance.
    read_noise : ReadNoise
    drift : Drift
    stuck_at : StuckAt

    Raises
    ------
    UserError
        For a value out of its range; the message names it.

    Notes
    -----
    The three errors of programming are independent and Gaussian; a conductance below zero is
    cut to zero, and none is cut at g_max: as published error models do. Left out: the dependence
    of the error on the conductance before programming and on the number of earlier cycles.
    """

    g_min: float
    g_max: float
    read_voltage: float
    cell_size: float
    levels: int | None = None
    programming_error: ProgrammingError = ProgrammingError()
    device_to_device: float = 0.0
    cycle_to_cycle: float = 0.0
    read_noise: ReadNoise = ReadNoise()
    drift: Drift = Drift()
    stuck_at: StuckAt = StuckAt()

    def __post_init__(self) -> None:
        non_negative("g_min", self.g_min, "S")
        positive("g_max", self.g_max, "S")
        if self.g_min >= self.g_max:
            raise UserError(f"g_min [S] must be < g_max = {self.g_max:g}, got {self.g_min!r}")
        if self.levels is not None:
            whole("levels", self.levels, low=2)
        positive("read_voltage", self.read_voltage, "V")
        positive("cell_size", self.cell_size, "F^2")
        non_negative("device_to_device", self.device_to_device)
        non_negative("cycle_to_cycle", self.cycle_to_cycle)
        self.programming_error.check_range(self.g_max)

    @property
    def g_range(self) -> float:
        """g_max - g_min, S."""
        return self.g_max - self.g_min

    def nearest_level(self, target: FloatArray) -> FloatArray:
        """Return the conductance (…) [S] the device is asked for: in range, on a level."""
        fraction = (target - target.dtype.type(self.g_min)) * target.dtype.type(1 / self.g_range)
        np.clip(fraction, 0, 1, out=fraction)
        if self.levels is not None:
            steps = self.levels - 1
            fraction *= steps
            np.rint(fraction, out=fraction)
            fraction *= target.dtype.type(1 / steps)
        fraction *= target.dtype.type(self.g_range)
        fraction += target.dtype.type(self.g_min)
        return fraction

    def program(
        self, target: FloatArray, *, rng: Rng, size: tuple[int, ...] | None = None
    ) -> FloatArray:
        """Program devices to target conductances.

        G = level(target) + sigma xi with xi ~ Normal(0, 1) and
        sigma² = programming_error(G)² + (device_to_device (G - g_min))²
        + (cycle_to_cycle (g_max - g_min))²; then stuck devices take their place.

        Parameters
        ----------
        target : (…, row, column) array, S
            Beyond the range it is brought to its nearer end.
        rng : Rng
        size : tuple of int, optional
            Shape of the devices programmed, which `target` is broadcast to; its own by default.

        Returns
        -------
        (…, row, column) array, S
            Conductance at the time the programming error is stated for.
        """
        size = target.shape if size is None else size
        level = self.nearest_level(target)
        sigma = self._programming_sigma(level)
        if sigma is None:
            conductance = np.broadcast_to(level, size).copy()
        else:
            conductance = rng.standard_normal(size, target.dtype)
            conductance *= sigma
            conductance += level
            np.clip(conductance, 0, np.inf, out=conductance)
        return self.stuck_at.apply(conductance, self.g_min, self.g_max, rng=rng)

    def relax(self, conductance: FloatArray, time: float, *, rng: Rng) -> FloatArray:
        """Return the conductance at a time after programming.

        Draws each device's drift exponent; where several times of the same devices are wanted,
        draw `drift.exponents` once and use `drifted` for each.

        Parameters
        ----------
        conductance : (…, row, column) array, S
            As programmed.
        time : float, s
            Since programming, > 0.
        rng : Rng

        Returns
        -------
        (…, row, column) array, S

        Raises
        ------
        UserError
            If time is not positive.
        """
        return self.drifted(conductance, time, self.drift_exponents(conductance, rng=rng))

    def drift_exponents(self, conductance: FloatArray, *, rng: Rng) -> FloatArray | float:
        """Draw each device's drift exponent, (…, row, column), or 0.0 if none ever drifts."""
        if self.drift.absent:
            return 0.0
        return self.drift.exponents(conductance, self.g_max, rng=rng)

    def drifted(
        self, conductance: FloatArray, time: float, exponents: FloatArray | float
    ) -> FloatArray:
        """Return the conductance (…, row, column) [S] at a time [s], for given exponents."""
        positive("time", time, "s")
        if isinstance(exponents, float) and exponents == 0:
            return conductance
        return drift(conductance, time, exponents, self.drift.time_zero)

    def read(self, conductance: FloatArray, *, rng: Rng, time: float = 1.0) -> FloatArray:
        """Return one noisy read of every device.

        Parameters
        ----------
        conductance : (…, row, column) array, S
        rng : Rng
        time : float, s
            Since programming; 1/f noise grows with it.

        Returns
        -------
        (…, row, column) array, S
            Not cut at zero: noise is symmetric, as it is when many are summed on a column.
        """
        noise = rng.standard_normal(conductance.shape, conductance.dtype)
        noise *= self.read_sigma(conductance, time)
        noise += conductance
        return noise

    def read_sigma(self, conductance: FloatArray, time: float = 1.0) -> FloatArray:
        """Return the standard deviation of one read, (…, row, column) [S]."""
        return self.read_noise.sigma(conductance, self.g_max, time)

    def _programming_sigma(self, conductance: FloatArray) -> FloatArray | None:
        """Return the standard deviation of all programming errors, None if there is none."""
        cycle = self.cycle_to_cycle * self.g_range
        published = self.programming_error.scale > 0 and any(self.programming_error.coefficients)
        if not (cycle or published or self.device_to_device):
            return None
        if published and not (cycle or self.device_to_device):
            return self.programming_error.sigma(conductance, self.g_max)
        variance = conductance - conductance.dtype.type(self.g_min)
        variance *= conductance.dtype.type(self.device_to_device)
        variance *= variance
        variance += conductance.dtype.type(cycle**2)
        if published:
            sigma = self.programming_error.sigma(conductance, self.g_max)
            sigma *= sigma
            variance += sigma
        return np.sqrt(variance, out=variance)
