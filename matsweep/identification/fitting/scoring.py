"""Maximum-likelihood fits of pulse models to noisy reads.

Each device's parameters are theta_d ~ Normal(theta, spread²), of the logarithm where a parameter is
positive. They, the noises and the bounds are estimated together by Fisher's scoring with Levenberg
and Marquardt's damping, on the likelihood of the filter's innovations, each device drawn to the
mean by the spread; mean and spread by restricted maximum likelihood of the devices' estimates, in
turns (M. Lindstrom, D. Bates, Biometrics 46:673, 1990, doi:10.2307/2532087). The marginal
likelihood is Laplace's approximation. At last the noises are those of the restricted likelihood, so
that parameters fitted to few reads do not flatter them.
"""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import numpy.typing as npt

from matsweep.devices import PulseModel
from matsweep.identification.fitting.imitation import imitate
from matsweep.identification.fitting.population import Array, Population, find_population
from matsweep.identification.fitting.statespace import (
    Blocks,
    Estimate,
    Likelihood,
    Reads,
    Scale,
)

_STEPS = 60
_TRIAL = 6  # from each start, before the better one goes on
_DEVICES = 5  # that starts are compared on
_ROUNDS = 12  # of population, then everything
_AGAIN = 3  # searches at last
_SETTLED = 0.1  # gain in marginal log-likelihood, below which rounds end
COARSE, _FINE = 0.05, 1e-3  # gain in log-likelihood ahead, below which a search ends
_STUCK = 1e6  # damping at which no step gains anything
_LOSS = 2.0  # of the log-likelihood, that a restriction may outweigh
_LEAST_SPREAD = 1e-3
_VAGUE = 4.0  # range of a parameter over its deviation without any data
_MORE_SPREAD = 0.1  # of parameters that another model's fit gives, to begin with


class Problem(Likelihood):
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
        super().__init__(reads, cls, scale, bounds)
        self.prior: tuple[Array, Array] | None = None

    def cost(self, theta: Array, shared: Array) -> float:
        """Return minus the penalised log-likelihood, without constants.

        Parameters
        ----------
        theta : (device, parameter) array
        shared : (5,) array

        Returns
        -------
        float
        """
        innovation, spread, _ = self.filtered(self.own(theta), shared)
        total = float(self.costs(innovation, spread).sum()) + self._penalty(theta)
        return total if np.isfinite(total) else np.inf

    def _penalty(self, theta: Array) -> float:
        if self.prior is None:
            return 0.0
        mean, variance = self.prior
        return 0.5 * float((((theta - mean) ** 2) / variance).sum())

    def _system(self) -> Blocks:
        """Return `blocks` of the penalised likelihood, with the mean of devices shared as well.

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

    def _doubt(self, system: Blocks) -> float:
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

    def restricted_cost(self) -> float:
        """Return minus the restricted log-likelihood, penalised, without constants."""
        return self.cost(self.theta, self.shared) + self._doubt(self._system())

    def ahead(self, *, restricted: bool = False) -> float:
        """Return the gain in log-likelihood that an undamped step promises.

        Near 0 at a maximum; a damped search that is stuck promises more.

        Parameters
        ----------
        restricted : bool
            As of `search`.

        Returns
        -------
        float
        """
        system = self._system()
        if restricted:
            system[4][:3] -= self._doubt_slopes(self._doubt(self._system()))
        return self._stepped(*system, 0.0)[1]

    def search(
        self, *, steps: int = _STEPS, enough: float = _FINE, restricted: bool = False
    ) -> None:
        """Maximise the penalised likelihood from where it stands.

        Parameters
        ----------
        steps : int
            At most.
        enough : float
            Gain in log-likelihood that a step promises, below which the search ends.
        restricted : bool
            Whether the noises are those of the restricted likelihood.
        """
        damping, cost = 1e-3, self.cost(self.theta, self.shared)
        doubt = self._doubt(self._system()) if restricted else 0.0
        # The restriction changes slowly: its slopes are those of the beginning.
        slopes = self._doubt_slopes(doubt) if restricted else np.zeros(3)
        for _ in range(steps):
            system = self._system()
            system[4][:3] -= slopes
            while damping < _STUCK:
                (theta, there, prior), gain = self._stepped(*system, damping)
                if gain < enough:
                    return
                before = self.theta, self.shared, self.prior
                self.theta, self.shared, self.prior = theta, there, prior
                fresh, more = self.cost(theta, there), doubt
                if fresh < cost + (_LOSS if restricted else 0.0):
                    more = self._doubt(self._system()) if restricted else doubt
                    if fresh + more < cost + doubt:
                        break
                self.theta, self.shared, self.prior = before
                damping *= 10
            else:
                return
            cost, doubt = fresh, more
            damping = max(damping / 10, 1e-9)

    def _doubt_slopes(self, doubt: float) -> Array:
        """Return slopes (3,) of `_doubt` by the noises."""
        slopes, kept = np.zeros(3), self.shared
        for k, h in enumerate(self.turns()[:3]):
            if not self.open[k]:
                continue
            self.shared = kept.copy()
            self.shared[k] += h
            slopes[k] = (self._doubt(self._system()) - doubt) / h
        self.shared = kept
        return slopes

    def _stepped(
        self, inner: Array, border: Array, outer: Array, own: Array, shared: Array, damping: float
    ) -> tuple[tuple[Array, Array, tuple[Array, Array] | None], float]:
        """Take a damped step of the arrow-shaped system, cut to the bounds, with its gain."""
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
        inside = solved[:, :, -1] - solved[:, :, :-1] @ step
        gain = 0.5 * float((g * inside).sum() + h @ step)
        theta = np.clip(self.theta + inside, self.low, self.high)
        there = np.clip(self.shared + step[:5], self.least, self.most)
        there = np.where(self.open, there, self.shared)
        prior = None if self.prior is None else (self.prior[0] + step[5:], self.prior[1])
        return (theta, there, prior), gain

    def _fixed(self, score: Array) -> npt.NDArray[np.bool_]:
        """Mark what is shared (5,) and given, or rests at a bound."""
        at_bound = ((self.shared <= self.least) & (score < 0)) | (
            (self.shared >= self.most) & (score > 0)
        )
        return np.asarray(~self.open | at_bound)

    # ---------------------------------------------------------------------------- the solution

    def begin(self) -> None:
        """Begin from the better one of two starts, on a few of the devices."""
        few = self
        if self.count > _DEVICES:
            few = Problem(self.reads.some(_DEVICES), self.cls, self.scale, self.bounds)
            few.open = self.open
            few.shared = self.shared.copy()
        begun = []
        for noise in self._starts():
            few.theta = np.tile(self.searched(self.scale.start), (few.count, 1))
            few.shared = np.concatenate([np.where(self.open[:3], noise, 0), self._range()])
            few.search(steps=_TRIAL, enough=COARSE)
            begun.append((few.cost(few.theta, few.shared), few.theta, few.shared))
        _, theta, self.shared = min(begun, key=lambda each: each[0])
        few.theta = theta
        self.theta = theta if few is self else np.tile(theta.mean(axis=0), (self.count, 1))
        self.search(enough=COARSE)

    def begin_as(self, other: Problem) -> None:
        """Begin from the fit of another model, or of the same one with other noises.

        Parameters
        ----------
        other : Problem
            Solved.
        """
        if other.cls is self.cls:
            self.theta, self.shared, self.prior = other.theta, other.shared, other.prior
        else:
            self.theta, self.shared = imitate(self, other)
            if self.count > 1:
                spread = self.theta.std(axis=0) + _MORE_SPREAD
                self.prior = self.theta.mean(axis=0), spread**2
        self.shared = np.where(self.open | (np.arange(5) > 2), self.shared, 0.0)
        self.search(enough=COARSE)

    def described(self) -> float:
        """Return the marginal log-likelihood near a maximum, with spreads that fit.

        Returns
        -------
        float
        """
        if self.count > 1:
            self.prior = _as_prior(self._population())
            self.search(enough=COARSE)
        return self._marginal()

    def solve(self, *, restricted: bool = True) -> Estimate:
        """Estimate everything from where it stands.

        Parameters
        ----------
        restricted : bool
            Whether the noises are at last those of the restricted likelihood.

        Returns
        -------
        Estimate
        """
        population = self._population()
        reached = -np.inf
        for _ in range(_ROUNDS if self.count > 1 else 0):
            self.prior = _as_prior(population)
            self.search(enough=COARSE)
            population = self._population()
            likelihood = self._marginal()
            if likelihood < reached + _SETTLED:
                break
            reached = likelihood
        for _ in range(_AGAIN):  # with fresh damping, if the search was stuck
            self.search(restricted=restricted)
            ahead = self.ahead(restricted=restricted)
            if ahead < COARSE:
                break
        return dataclasses.replace(self._finish(population), ahead=ahead)

    def with_noises(self) -> tuple[Problem, Estimate]:
        """Solve a copy with all noises, by restricted likelihood, spreads as they are.

        Returns
        -------
        Problem
        Estimate
        """
        whole = copy.copy(self)
        if not self.open[:3].all():
            whole.open = self.open | (np.arange(5) < 3)
            whole.search(restricted=True)
        return whole, whole.solution()

    def _range(self) -> Array:
        """Return lower bound and width to begin with: those of the reads, a little wider."""
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
        return find_population(*self.each())

    def each(self) -> tuple[Array, Array]:
        """Estimate each device by itself, in the model linear about its parameters.

        Returns
        -------
        theta : (device, parameter) array
        covariance : (device, parameter, parameter) array
        """
        inner, _, _, own, _ = self.blocks()
        # What a device's reads do not determine stays where the others draw it.
        vague = np.diag((_VAGUE / (self.high - self.low)) ** 2)
        covariance = np.linalg.inv(self._free(inner, own) + vague)
        estimate = self.theta + np.einsum(
            "dij,dj->di", covariance, np.where(self._held(own), 0, own)
        )
        return np.clip(estimate, self.low, self.high), covariance

    def _marginal(self) -> float:
        """Return the log-likelihood over all that the devices' parameters may be (Laplace's)."""
        linked = int(self.reads.linked.sum())
        joint = -self.cost(self.theta, self.shared) - 0.5 * linked * np.log(2 * np.pi)
        if self.prior is None:
            return float(joint)
        inner, _, _, own, _ = self.blocks()
        width = float(np.log(self.prior[1]).sum()) * self.count
        volume = np.linalg.slogdet(self._free(inner, own) + np.diag(1 / self.prior[1]))[1]
        return float(joint - 0.5 * (width + volume.sum()))

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

    def solution(self) -> Estimate:
        """Return the estimate where it stands.

        Returns
        -------
        Estimate
        """
        return self._finish(self._population())

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
        centre = self.theta[0] if self.prior is None else self.prior[0]
        population = population._replace(mean=centre, mean_error=error)
        each = 2 if self.count > 1 else 1
        errors = self.bound_errors
        if self.open[3]:  # the upper bound is the lower one and the width
            variances = covariance[3, 3], covariance[3:5, 3:5].sum()
            errors = np.sqrt(np.maximum(variances, 0.0))
        return Estimate(
            theta=self.theta,
            errors=np.linalg.inv(kept),
            shared=self.shared,
            population=population,
            covariance=covariance[:5, :5],
            log_likelihood=self._marginal(),
            free=each * p + int(self.open.sum()),
            innovation=innovation,
            spread=spread,
            mean=mean,
            range_errors=errors,
            unknown=self.unknown,
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
    return population.mean, np.maximum(population.spread, _LEAST_SPREAD) ** 2
