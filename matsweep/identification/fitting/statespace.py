"""Maximum-likelihood fits of pulse models to noisy reads: devices, pulses and reads apart.

The state of a device moves under pulses with noise of their own, and reads see it with noise of
theirs (`matsweep.identification.fitting.filter`). Parameters theta_d belong to the device:
theta_d ~ Normal(theta, spread²), of the logarithm where a parameter is positive. Noises, and the
bounds of the range where they are not given, are common to all devices.

All are estimated together by Fisher's scoring with Levenberg and Marquardt's damping, on the
likelihood of the filter's innovations, each device drawn to the mean by the spread; mean and spread
by restricted maximum likelihood of the devices' estimates, in turns (M. Lindstrom, D. Bates,
Biometrics 46:673, 1990, doi:10.2307/2532087). The marginal likelihood is Laplace's approximation,
restricted where noises are compared, so that parameters fitted to few reads do not flatter the
noise.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from matsweep.devices import PulseModel
from matsweep.identification.fitting.population import Array, Population, find_population

_STEPS = 60
_TRIAL = 6  # from each start, before the better one goes on
_ROUNDS = 4
_TURN = 1e-3  # relative change of a parameter, for slopes
NOISES = ("read_noise", "of_step", "of_range")


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
    """

    devices: tuple[str, ...]
    device: npt.NDArray[np.int64]
    value: Array
    pulses: npt.NDArray[np.int64]
    linked: npt.NDArray[np.bool_]


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
    """

    start: Mapping[str, float]
    low: Mapping[str, float]
    high: Mapping[str, float]
    positive: frozenset[str]
    fixed: Mapping[str, float] = dataclasses.field(default_factory=dict)
    bounded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Estimates of a fit, in the unit of the reads.

    Parameters
    ----------
    theta : (device, parameter) array
        As searched: the logarithm of positive parameters.
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
    """

    theta: Array
    shared: Array
    population: Population
    covariance: Array
    log_likelihood: float
    free: int
    innovation: Array
    spread: Array
    mean: Array


class Problem:
    """A fit: parameters of devices, and what they share.

    Parameters
    ----------
    reads : Reads
    cls : type of PulseModel
    scale : Scale
    bounds : (float, float) or None
        Of the range, where they are known.
    """

    def __init__(
        self,
        reads: Reads,
        cls: type[PulseModel],
        scale: Scale,
        bounds: tuple[float, float] | None = None,
    ) -> None:
        from matsweep.identification.fitting.filter import step_of

        self.reads, self.cls, self.scale = reads, cls, scale
        self.names = list(scale.start)
        self.log = np.array([name in scale.positive for name in self.names])
        self.low = self._searched(scale.low)
        self.high = self._searched(scale.high)
        self.count = len(reads.devices)
        assert cls.kernel is not None
        self.step = step_of(cls.kernel)
        self.shell = cls(**{**scale.start, **scale.fixed})
        self.table = np.asarray(self.shell.table, np.float64)
        low, high = (reads.value.min(), reads.value.max()) if bounds is None else bounds
        width = float(high - low)
        self.shared = np.array([0.0, 0.0, 0.0, low, width])
        self.open = np.array([True, True, True, *[scale.bounded and bounds is None] * 2])
        self.least = np.array([0.0, 0.0, 0.0, low - 2 * width, 0.5 * width])
        self.most = np.array([width**2, 25.0, 1.0, low + 0.5 * width, 4 * width])
        self.theta = np.tile(self._searched(scale.start), (self.count, 1))
        self.prior: tuple[Array, Array] | None = None

    def _searched(self, values: Mapping[str, float]) -> Array:
        plain = np.array([values[name] for name in self.names], float)
        return np.where(self.log, np.log(np.maximum(plain, 1e-300)), plain)

    def natural(self, theta: Array) -> Array:
        """Return parameters (…, parameter) from those searched."""
        return np.where(self.log, np.exp(np.where(self.log, theta, 0)), theta)

    # ------------------------------------------------------------------------------ the filter

    def own(self, theta: Array) -> Array:
        """Return the kernel's parameters (…, device, k) of theta (…, device, parameter)."""
        values = self.natural(theta)
        named = {name: values[..., i] for i, name in enumerate(self.names)}
        full = {**{n: np.full(values.shape[:-1], v) for n, v in self.scale.fixed.items()}, **named}
        flat = np.asarray(self.shell.flat(self.shell.prepared(full)), np.float64)
        return np.ascontiguousarray(np.broadcast_to(flat, (*values.shape[:-1], flat.shape[-1])))

    def filtered(self, own: Array, shared: Array) -> tuple[Array, Array, Array]:
        """Return innovations, their variances and filtered states, (read,) each."""
        from matsweep.identification.fitting.filter import run_filter

        reads = self.reads
        out = tuple(np.empty(reads.value.size) for _ in range(3))
        run_filter(self.step, own, self.table, reads.value, reads.pulses, reads.linked,
                   reads.device, shared[:3], float(shared[3]), float(shared[4]), *out)  # fmt: skip
        return out

    def costs(self, innovation: Array, spread: Array) -> Array:
        """Return minus the log-likelihood of each device, without constants, (device,)."""
        each = 0.5 * (np.log(spread) + innovation**2 / spread)
        return np.bincount(self.reads.device, each * self.reads.linked, self.count)

    def _penalty(self, theta: Array) -> float:
        if self.prior is None:
            return 0.0
        mean, variance = self.prior
        return 0.5 * float((((theta - mean) ** 2) / variance).sum())

    def cost(self, theta: Array, shared: Array) -> float:
        """Return minus the penalised log-likelihood, without constants."""
        innovation, spread, _ = self.filtered(self.own(theta), shared)
        total = float(self.costs(innovation, spread).sum()) + self._penalty(theta)
        return total if np.isfinite(total) else np.inf

    # ------------------------------------------------------------------------------ the search

    def _turns(self) -> Array:
        """Return steps (5,) of the shared parameters for slopes."""
        size = self.shared[4]
        floor = np.array([1e-6 * size**2, 1e-4, 1e-8, 0.0, 0.0])
        return np.maximum(_TURN * self.shared, floor) * [1, 1, 1, 0, 1] + [0, 0, 0, 1e-4 * size, 0]

    def blocks(self) -> tuple[Array, Array, Array, Array, Array]:
        """Return the blocks of Fisher's information, and the score.

        Returns
        -------
        inner : (device, p, p) array
        border : (device, p, 5) array
        outer : (5, 5) array
        own_score : (device, p) array
        shared_score : (5,) array
        """
        from matsweep.identification.fitting.filter import run_scoring

        theta, reads, p = self.theta, self.reads, len(self.names)
        moved = theta + _TURN * np.eye(p)[:, None, :] * np.maximum(np.abs(theta), 1.0)[None]
        moved = np.where(moved > self.high, 2 * theta - moved, moved)
        turns = np.where(self.open, self._turns(), 0.0)
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

    def _system(self) -> tuple[Array, Array, Array, Array, Array]:
        """Return `blocks` of the penalised likelihood, the mean of devices among what is shared.

        The border is (device, p, 5 + p), its last p columns the mean.
        """
        inner, border, outer, own, shared = self.blocks()
        p = len(self.names)
        border = np.concatenate([border, np.zeros((self.count, p, p))], axis=2)
        outer = np.pad(outer, (0, p))
        shared = np.append(shared, np.zeros(p))
        if self.prior is not None:
            mean, variance = self.prior
            precision = np.diag(1 / variance)
            inner = inner + precision
            border[:, :, 5:] = -precision
            outer[5:, 5:] = self.count * precision
            own = own + (mean - self.theta) / variance
            shared[5:] = ((self.theta - mean) / variance).sum(axis=0)
        return inner, border, outer, own, shared

    def _doubt(self, system: tuple[Array, Array, Array, Array, Array]) -> float:
        """Return half the log-determinant of the information of all but the noises.

        Subtracted from the log-likelihood, it makes that of the noises a restricted one.
        """
        inner, border, outer, own, shared = system
        known = np.append(np.isin(np.arange(5), (0, 1, 2)) | self._fixed(shared[:5]),
                          np.full(len(self.names), self.prior is None))  # fmt: skip
        held = self._held(own)
        eye = np.eye(len(self.names))
        a = np.where(held[:, :, None] | held[:, None, :], 0, inner) + held[:, None, :] * eye
        a = a + 1e-9 * eye
        b = np.where(held[:, :, None], 0, border)[:, :, ~known]
        schur = outer[np.ix_(~known, ~known)] - np.einsum("dpi,dpj->ij", b, np.linalg.solve(a, b))
        left = np.linalg.slogdet(schur + 1e-12 * np.eye(len(schur)))[1] if len(schur) else 0.0
        return 0.5 * float(np.linalg.slogdet(a)[1].sum() + left)

    def search(self, *, steps: int = _STEPS, restricted: bool = False) -> None:
        """Maximise the penalised likelihood from where it stands.

        Parameters
        ----------
        steps : int
            At most.
        restricted : bool
            Whether the noises are those of the restricted likelihood.
        """
        damping, cost = 1e-3, self.cost(self.theta, self.shared)
        system = self._system()
        doubt = self._doubt(system) if restricted else 0.0
        for _ in range(steps):
            if restricted:
                system[4][:3] -= self._doubt_slopes(doubt)
            while damping < 1e9:
                theta, there, prior = self._stepped(*system, damping)
                before = self.theta, self.shared, self.prior
                self.prior = prior
                fresh, more = self.cost(theta, there), doubt
                if fresh < np.inf:
                    self.theta, self.shared = theta, there
                    moved = self._system() if restricted else None
                    more = doubt if moved is None else self._doubt(moved)
                    if fresh + more < cost + doubt:
                        break
                self.theta, self.shared, self.prior = before
                damping *= 5
            else:
                return
            small = cost + doubt - fresh - more < 1e-5
            cost, doubt = fresh, more
            if small and damping < 1e2:
                return
            system = self._system() if moved is None else moved
            damping = max(damping / 10, 1e-9)

    def _doubt_slopes(self, doubt: float) -> Array:
        """Return slopes (3,) of `_doubt` by the noises."""
        slopes, kept = np.zeros(3), self.shared
        for k, h in enumerate(self._turns()[:3]):
            self.shared = kept.copy()
            self.shared[k] += h
            slopes[k] = (self._doubt(self._system()) - doubt) / h
        self.shared = kept
        return slopes

    def _stepped(
        self, inner: Array, border: Array, outer: Array, own: Array, shared: Array, damping: float
    ) -> tuple[Array, Array, tuple[Array, Array] | None]:
        """Take a damped step of the arrow-shaped system, cut to the bounds."""
        p = inner.shape[1]
        eye, idle = np.eye(p), np.eye(5 + p)
        held = ((self.theta <= self.low) & (own < 0)) | ((self.theta >= self.high) & (own > 0))
        fixed = np.append(self._fixed(shared[:5]), np.full(p, self.prior is None))
        diagonal = np.diagonal(inner, axis1=1, axis2=2)
        a = inner + damping * np.maximum(diagonal, 1e-10)[:, None, :] * eye
        a = np.where(held[:, :, None] | held[:, None, :], 0, a) + held[:, None, :] * eye
        a = a + 1e-12 * (1 + diagonal)[:, None, :] * eye
        b = np.where(held[:, :, None] | fixed[None, None, :], 0, border)
        c = outer + damping * np.maximum(np.diag(outer), 1e-10) * idle
        c = np.where(fixed[:, None] | fixed[None, :], 0, c) + fixed * idle
        g, h = np.where(held, 0, own), np.where(fixed, 0, shared)
        solved = np.linalg.solve(a, np.concatenate([b, g[:, :, None]], axis=2))
        schur = c - np.einsum("dpi,dpj->ij", b, solved[:, :, :-1])
        scale = 1 / np.sqrt(np.maximum(np.diag(schur), 1e-300))
        right = h - np.einsum("dpi,dp->i", b, solved[:, :, -1])
        step = (
            scale * np.linalg.lstsq(schur * scale[:, None] * scale, right * scale, rcond=1e-13)[0]
        )
        theta = np.clip(
            self.theta + solved[:, :, -1] - solved[:, :, :-1] @ step, self.low, self.high
        )
        there = np.clip(self.shared + step[:5], self.least, self.most)
        there = np.where(self.open, there, self.shared)
        prior = None if self.prior is None else (self.prior[0] + step[5:], self.prior[1])
        return theta, there, prior

    def _fixed(self, score: Array) -> npt.NDArray[np.bool_]:
        """Mark what is shared (5,) and given, or rests at a bound."""
        at_bound = ((self.shared <= self.least) & (score < 0)) | (
            (self.shared >= self.most) & (score > 0)
        )
        return np.asarray(~self.open | at_bound)

    # ---------------------------------------------------------------------------- the solution

    def solve(self, *, restricted: bool = True) -> Estimate:
        """Estimate everything.

        Parameters
        ----------
        restricted : bool
            Whether the noises are at last those of the restricted likelihood.

        Returns
        -------
        Estimate
        """
        begun = []
        for noise in self._starts():
            self.theta = np.tile(self._searched(self.scale.start), (self.count, 1))
            self.shared = np.concatenate([np.where(self.open[:3], noise, 0), self.shared0()])
            self.search(steps=_TRIAL)
            begun.append((self.cost(self.theta, self.shared), self.theta, self.shared))
        _, self.theta, self.shared = min(begun, key=lambda each: each[0])
        self.search()
        population = self._population()
        if self.count > 1:
            for _ in range(_ROUNDS):
                self.prior = _as_prior(population)
                self.search()
                population = self._population()
        if restricted:
            self.search(restricted=True)
        return self._finish(population)

    def shared0(self) -> Array:
        """Return bounds of the range to begin with: those of the reads, a little wider."""
        low, high = float(self.reads.value.min()), float(self.reads.value.max())
        if self.open[3]:
            return np.array([low - 0.02 * (high - low), 1.04 * (high - low)])
        return self.shared[3:].copy()

    def _starts(self) -> list[Array]:
        """Return variances (3,) to begin with: mostly of reads, and mostly of pulses."""
        reads = self.reads
        change = np.diff(reads.value)
        inside = reads.linked[1:] & np.append(reads.linked[2:], False)
        second = np.diff(change)[inside[:-1]] if inside[:-1].any() else change
        wild = float(np.median(np.abs(second)) ** 2) + 1e-9
        width = self.shared[4]
        return [
            np.array([wild / 3, 1e-2, 1e-2 * wild / width**2]),
            np.array([1e-3 * wild, 1e-1, wild / width**2]),
        ]

    def _population(self) -> Population:
        """Estimate mean and spread from each device's own estimate."""
        inner, _, _, own, _ = self.blocks()
        covariance = np.linalg.inv(self._free(inner, own))
        estimate = self.theta + np.einsum(
            "dij,dj->di", covariance, np.where(self._held(own), 0, own)
        )
        return find_population(estimate, covariance)

    def _held(self, own: Array) -> npt.NDArray[np.bool_]:
        margin = 1e-6 * (self.high - self.low)
        return np.asarray(
            ((self.theta <= self.low + margin) & (own < 0))
            | ((self.theta >= self.high - margin) & (own > 0))
        )

    def _free(self, inner: Array, own: Array) -> Array:
        """Return the information of devices (device, p, p), parameters at a bound as known."""
        held = self._held(own)
        eye = np.eye(len(self.names))
        scale = np.diagonal(inner, axis1=1, axis2=2)
        kept = np.where(held[:, :, None] | held[:, None, :], 0, inner)
        return np.asarray(
            kept + (held * (1e8 * scale + 1e6) + 1e-9 * scale + 1e-9)[:, None, :] * eye
        )

    def _finish(self, population: Population) -> Estimate:
        inner, border, outer, _, _ = self._system()
        p = len(self.names)
        plain, _, _, own, _ = self.blocks()
        kept = self._free(plain, own)
        if self.prior is None:  # one device: its own parameters are the mean
            inner, border = kept, border[:, :, :5]
            outer = outer[:5, :5]
        else:
            inner = kept + np.diag(1 / self.prior[1])
        solved = np.linalg.solve(inner, border)
        schur = outer - np.einsum("dpi,dpj->ij", border, solved)
        at = np.append(np.flatnonzero(self.open), np.arange(5, len(schur)))
        covariance = np.zeros((5 + p, 5 + p))
        covariance[np.ix_(at, at)] = _inverse(schur[np.ix_(at, at)])
        error = np.sqrt(np.maximum(np.diag(covariance)[5:], 0))
        if self.prior is None:
            own_part = np.linalg.inv(kept[0]) + solved[0] @ covariance[:5, :5] @ solved[0].T
            error = np.sqrt(np.maximum(np.diag(own_part), 0))
        innovation, spread, mean = self.filtered(self.own(self.theta), self.shared)
        linked = int(self.reads.linked.sum())
        likelihood = -float(self.costs(innovation, spread).sum()) - 0.5 * linked * np.log(2 * np.pi)
        if self.prior is not None:
            width = float(np.log(self.prior[1]).sum()) * self.count
            joint = float(np.linalg.slogdet(inner)[1].sum())
            likelihood -= self._penalty(self.theta) + 0.5 * (width + joint)
            population = population._replace(mean=self.prior[0], mean_error=error)
        else:
            population = population._replace(mean=self.theta[0], mean_error=error)
        each = 2 if self.count > 1 else 1
        return Estimate(
            theta=self.theta,
            shared=self.shared,
            population=population,
            covariance=covariance[:5, :5],
            log_likelihood=likelihood,
            free=each * p + int(self.open.sum()),
            innovation=innovation,
            spread=spread,
            mean=mean,
        )


def _inverse(information: Array) -> Array:
    """Invert an information matrix of very unequal units."""
    scale = 1 / np.sqrt(np.maximum(np.diag(information), 1e-300))
    return np.asarray(
        np.linalg.pinv(information * scale[:, None] * scale, rcond=1e-12, hermitian=True)
        * scale[:, None]
        * scale
    )


def _as_prior(population: Population) -> tuple[Array, Array]:
    """Return mean and variance (parameter,) of devices, no variance zero."""
    return population.mean, np.maximum(population.spread, 1e-3) ** 2
