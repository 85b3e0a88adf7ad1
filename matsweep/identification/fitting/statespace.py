"""Likelihood of noisy reads under a pulse model: devices, pulses and reads apart.

The state of a device moves under pulses with their noise, and reads see it with that of reads
(`matsweep.identification.fitting.filter`). Parameters theta_d belong to the device. Noises,
and the bounds of the range where they are not given, are common to all devices.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from matsweep.devices import PulseModel
from matsweep.identification.fitting.population import Array, Population

_TURN = 1e-3  # relative change of a parameter, for slopes
NOISES = ("read_noise", "cycle_to_cycle.of_step", "cycle_to_cycle.of_range")
Blocks = tuple[Array, Array, Array, Array, Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """Reads of devices between pulses, device by device in the order of the measurement.

    Parameters
    ----------
    devices : tuple of str
    device : (read,) array of int
    value : (read,) array
        Conductance as a share of a scale.
    pulses : (read,) array of int
        Pulses between the read before and this one: > 0 potentiating, < 0 depressing.
    linked : (read,) array of bool
        Whether the state carries over from the read before.
    zero : float
        A conductance of 0 on that scale, below which no range begins.
    """

    devices: tuple[str, ...]
    device: npt.NDArray[np.int64]
    value: Array
    pulses: npt.NDArray[np.int64]
    linked: npt.NDArray[np.bool_]
    zero: float = -np.inf

    def some(self, most: int) -> Reads:
        """Select the first devices.

        Parameters
        ----------
        most : int

        Returns
        -------
        Reads
        """
        mask = self.device < most
        return dataclasses.replace(
            self,
            devices=self.devices[:most],
            device=self.device[mask],
            value=self.value[mask],
            pulses=self.pulses[mask],
            linked=self.linked[mask],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How parameters of a pulse model are searched.

    Parameters
    ----------
    start : dict of str to float
        By the names of the free parameters.
    low, high : dict of str to float
    positive : frozenset of str
        Those searched by their logarithm, whose spread is that of the logarithm.
    fixed : dict of str to float
        Parameters that the others make redundant.
    bounded : bool
        Whether the steps determine the bounds of the range.
    after : str or None
        Model from whose fit the search begins.
    curved : bool
        Whether parameters make up for each other along a curve, on which a search may rest at a
        lesser maximum: it is begun from `start` as well.
    """

    start: Mapping[str, float]
    low: Mapping[str, float]
    high: Mapping[str, float]
    positive: frozenset[str]
    fixed: Mapping[str, float] = dataclasses.field(default_factory=dict)
    bounded: bool = False
    after: str | None = None
    curved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Estimates of a fit, in the unit of the reads.

    Parameters
    ----------
    theta : (device, parameter) array
        As searched: the logarithm of positive parameters.
    errors : (device, parameter, parameter) array
        Covariance of each device's own estimate.
    shared : (5,) array
        Variances of a read, of_step² and of_range²; lower bound and width of the range.
    population : Population
    covariance : (5, 5) array
        Of `shared`; 0 for what is given.
    log_likelihood : float
        Marginal.
    free : int
        Number of parameters estimated.
    innovation, spread, mean : (read,) arrays
        Of the filter.
    range_errors : (2,) array
        Standard errors of the bounds of the range, 0 where they are not estimated.
    unknown : frozenset of str
        Bounds of the range that the data do not determine.
    ahead : float
        Gain in log-likelihood that a further step promises; near 0 at the maximum.
    """

    theta: Array
    errors: Array
    shared: Array
    population: Population
    covariance: Array
    log_likelihood: float
    free: int
    innovation: Array
    spread: Array
    mean: Array
    range_errors: Array
    unknown: frozenset[str]
    ahead: float = 0.0


class Likelihood:
    """Likelihood of reads under a pulse model, where it stands: `theta` and `shared`.

    Parameters
    ----------
    reads : Reads
    cls : type of PulseModel
    scale : Scale
    bounds : (float, float) or None
        Of the range, where they are known.

    Attributes
    ----------
    unknown : frozenset of str
        Bounds of the range that the data do not determine.
    bound_errors : (2,) array
        Standard errors of bounds that were estimated, and are held.
    """

    def __init__(
        self,
        reads: Reads,
        cls: type[PulseModel],
        scale: Scale,
        bounds: tuple[float, float] | None = None,
    ) -> None:
        from matsweep.identification.fitting.filter import step_of

        self.reads, self.cls, self.scale, self.bounds = reads, cls, scale, bounds
        self.names = list(scale.start)
        self.log = np.array([name in scale.positive for name in self.names])
        self.low = self.searched(scale.low)
        self.high = self.searched(scale.high)
        self.count = len(reads.devices)
        assert cls.kernel is not None
        self.step = step_of(cls.kernel)
        start: dict[str, Any] = {**scale.start, **scale.fixed}
        self.shell = cls(**start)
        self.table = np.asarray(self.shell.table, np.float64)
        low, high = (reads.value.min(), reads.value.max()) if bounds is None else bounds
        width = float(high - low)
        self.shared = np.array([0.0, 0.0, 0.0, low, width])
        self.open = np.array([True, True, True, *[scale.bounded and bounds is None] * 2])
        self.least = np.array([0.0, 0.0, 0.0, max(low - 2 * width, reads.zero), 0.5 * width])
        self.most = np.array([width**2, 25.0, 1.0, low + 0.5 * width, 4 * width])
        self.theta = np.tile(self.searched(scale.start), (self.count, 1))
        self.unknown = frozenset[str]()
        self.bound_errors = np.zeros(2)
        self._kept: tuple[Array, Array, Blocks] | None = None

    def searched(self, values: Mapping[str, float]) -> Array:
        """Return parameters as they are searched.

        Parameters
        ----------
        values : mapping
            By name.

        Returns
        -------
        (parameter,) array
            The logarithm of positive ones.
        """
        plain = np.array([values[name] for name in self.names], float)
        return np.where(self.log, np.log(np.maximum(plain, 1e-300)), plain)

    def natural(self, theta: Array) -> Array:
        """Return parameters from those searched.

        Parameters
        ----------
        theta : (…, parameter) array

        Returns
        -------
        (…, parameter) array
        """
        return np.where(self.log, np.exp(np.where(self.log, theta, 0)), theta)

    def own(self, theta: Array) -> Array:
        """Return the parameters of devices as the kernel takes them.

        Parameters
        ----------
        theta : (…, device, parameter) array

        Returns
        -------
        (…, device, k) array
        """
        values = self.natural(theta)
        named = {name: values[..., i] for i, name in enumerate(self.names)}
        full = {**{n: np.full(values.shape[:-1], v) for n, v in self.scale.fixed.items()}, **named}
        flat = np.asarray(self.shell.flat(self.shell.prepared(full)), np.float64)
        return np.ascontiguousarray(np.broadcast_to(flat, (*values.shape[:-1], flat.shape[-1])))

    def filtered(self, own: Array, shared: Array) -> tuple[Array, Array, Array]:
        """Filter all reads.

        Parameters
        ----------
        own : (device, k) array
            From `own`.
        shared : (5,) array

        Returns
        -------
        innovation, spread, mean : (read,) arrays
            As of `run_filter`.
        """
        from matsweep.identification.fitting.filter import run_filter

        reads = self.reads
        innovation, spread, mean = np.empty((3, reads.value.size))
        run_filter(self.step, own, self.table, reads.value, reads.pulses, reads.linked,
                   reads.device, shared[:3], float(shared[3]), float(shared[4]),
                   innovation, spread, mean)  # fmt: skip
        return innovation, spread, mean

    def costs(self, innovation: Array, spread: Array) -> Array:
        """Return minus the log-likelihood of each device, without constants.

        Parameters
        ----------
        innovation : (read,) array
        spread : (read,) array

        Returns
        -------
        (device,) array
        """
        each = 0.5 * (np.log(spread) + innovation**2 / spread)
        return np.asarray(
            np.bincount(self.reads.device, each * self.reads.linked, self.count), np.float64
        )

    def turns(self) -> Array:
        """Return steps (5,) of the shared parameters for slopes."""
        size = self.shared[4]
        floor = np.array([1e-6 * size**2, 1e-4, 1e-8, 0.0, 0.0])
        turns: Array = np.maximum(_TURN * self.shared, floor)
        turns[3] = 1e-4 * size
        return turns

    def blocks(self) -> Blocks:
        """Return the blocks of Fisher's information, and the score.

        Returns
        -------
        inner : (device, p, p) array
        border : (device, p, 5) array
        outer : (5, 5) array
        own_score : (device, p) array
        shared_score : (5,) array
        """
        kept = self._kept
        if kept is None or kept[0] is not self.theta or kept[1] is not self.shared:
            kept = self._kept = self.theta, self.shared, self._blocks()
        return kept[2]

    def _blocks(self) -> Blocks:
        from matsweep.identification.fitting.filter import run_scoring

        theta, reads, p = self.theta, self.reads, len(self.names)
        moved = theta + _TURN * np.eye(p)[:, None, :] * np.maximum(np.abs(theta), 1.0)[None]
        moved = np.where(moved > self.high, 2 * theta - moved, moved)
        turns = np.where(self.open, self.turns(), 0.0)
        own = self.own(np.concatenate([theta[None], moved]))
        own = np.concatenate([own, np.broadcast_to(own[0], (5, *own.shape[1:]))])
        shared = np.tile(self.shared, (p + 6, 1))
        shared[p + 1 :] += np.diag(turns)
        size = np.concatenate(
            [
                np.stack([(moved[i] - theta)[:, i] for i in range(p)]),
                np.broadcast_to(turns[:, None], (5, self.count)),
            ]
        )
        whole, gradient = np.empty((self.count, p + 5, p + 5)), np.empty((self.count, p + 5))
        run_scoring(self.step, own, self.table, reads.value, reads.pulses, reads.linked,
                    reads.device, shared, size, whole, gradient)  # fmt: skip
        outer, score = whole[:, p:, p:].sum(0), gradient[:, p:].sum(0)
        return whole[:, :p, :p], whole[:, :p, p:], outer, gradient[:, :p], score
