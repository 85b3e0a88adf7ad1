"""Steps without a formula under noisy reads: states, steps at knots, and noises, by likelihood.

A device's steps are straight pieces between knots, the same for all devices but for a lognormal
factor of either polarity. The likelihood is that of the filter's innovations
(`matsweep.identification.fitting.filter`), its maximum is found by Fisher's scoring with Levenberg
and Marquardt's damping.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import float32

from matsweep.core.kernel import kernel
from matsweep.core.streams import FloatArray
from matsweep.devices.pulses.tabulated import place_between
from matsweep.identification.fitting.population import Population, find_population
from matsweep.identification.fitting.statespace import Reads

_KNOTS = 6, 12  # at least, and at most
_PULSES = 40  # of a polarity for a knot
_GAP = 0.03  # of the range, between knots
_TURN = 1e-3  # of the logarithm of a step
_LEAST, _MOST = np.log(1e-6), 0.0  # logarithms of steps
_ROUGH = 0.3  # deviation of the logarithm of a step from its neighbours', without any data
_SPREAD = 0.5  # of the logarithms of devices' factors, to begin with
_LEAST_NOISE, _MOST_NOISE = (1e-10, 0, 0), (1.0, 25.0, 1.0)  # variances
_ROUNDS, _STEPS = 8, 40
_SETTLED = 1e-2  # gain in log-likelihood
_STUCK = 1e8
_KNOWN = 0.5  # of the logarithm of a factor, above which a device shows no steps
_VAGUE = 3.0  # deviation of the logarithm of a factor, without any data
_LEAST_SPREAD = 1e-3
_SURE = 2.0  # standard errors of a variance, below which it is left out
_LIMIT = 1.645


@kernel
def _pieces(x: Any, up: Any, p: Any, table: Any, chance: Any) -> Any:
    """Return the step of straight pieces.

    p (2 k,): steps up and down, as magnitudes. table: k, and the knots of either polarity.
    """
    count = np.int32(table[0])
    first = 1 if up else 1 + count
    row, along = place_between(table, first, first + count - 1, x)
    start = 0 if up else count
    step = p[start + row] * (float32(1) - along) + p[start + row + 1] * along
    return step if up else -step


@dataclass(frozen=True, slots=True, kw_only=True)
class NoisySteps:
    """Steps at knots, and noises, of noisy reads; states in the unit of the reads.

    Parameters
    ----------
    knots : (2, knot) array
        For potentiation and depression.
    steps : (2, knot) array
        Of the median device, those of depression negative.
    scales : (device, 2) array
        Factors of the devices.
    spread : (2, 2) array
        Covariance of the logarithms of factors, between devices.
    read_noise, read_noise_error, read_noise_limit : float
        Standard deviation of a read, its standard error, and its upper limit (95 %) where it is not
        distinguished from zero; 0 where it is.
    of_step, of_range : float
        Noise of pulses, as of `CycleNoise`, in the unit of the reads.
    states : (read,) array
        Filtered.
    log_likelihood : float
        Of the reads, with the factors of devices as they are estimated.
    free : int
        Number of parameters, factors among them.
    converged : bool
        Whether the last search, and the turns of searches and spreads, came to an end.
    """

    knots: FloatArray
    steps: FloatArray
    scales: FloatArray
    spread: FloatArray
    read_noise: float
    read_noise_error: float
    read_noise_limit: float
    of_step: float
    of_range: float
    states: FloatArray
    log_likelihood: float
    free: int
    converged: bool


def fit_noisy(reads: Reads, noise: float) -> NoisySteps:
    """Fit steps at knots to noisy reads.

    Parameters
    ----------
    reads : Reads
        In [0, 1] but for their noise. Jumps begin a record.
    noise : float
        Standard deviation of a read, to begin with.

    Returns
    -------
    NoisySteps
    """
    task = _Task(reads, noise)
    for _ in range(_ROUNDS):
        before = task.value
        task.search()
        task.tighten()
        if task.value < before + _SETTLED:
            task.settled = True
            break
    for k in (2, 1):  # noises of pulses that the data do not distinguish from zero
        errors = task.errors()
        if task.noise[k] < _SURE * errors[k]:
            task.noise[k], task.open[k] = 0.0, False
            task.search()
    return task.result()


class _Task:
    """A fit where it stands: logarithms of steps, factors of devices, and noises."""

    def __init__(self, reads: Reads, noise: float) -> None:
        from matsweep.identification.fitting.filter import step_of

        self.reads, self.count = reads, len(reads.devices)
        self.step = step_of(_pieces)
        least = min(int((reads.linked & (np.sign(reads.pulses) == way)).sum()) for way in (1, -1))
        self.size = int(np.clip(least // _PULSES, *_KNOTS))
        self.knots = np.stack([self._knots(way, noise) for way in (1, -1)])
        self.table = np.concatenate([[self.size], self.knots.ravel()]).astype(float)
        self.steps = np.repeat([self._start(way) for way in (1, -1)], self.size)
        self.factors = np.zeros((self.count, 2))
        self.tau = np.full(2, _SPREAD)
        self.noise = np.array([noise**2, 0.01, 1e-2 * noise**2])
        self.open = np.ones(3, bool)
        self.damping, self.value = 1e-3, -np.inf
        self.settled = self.ended = False
        bend = np.diff(np.eye(self.size), 2, axis=0) / _ROUGH
        self.rough = np.kron(np.eye(2), bend.T @ bend)

    def _knots(self, way: int, noise: float) -> FloatArray:
        """Return knots at quantiles of the states, not nearer to each other than they are known."""
        before = np.flatnonzero(self.reads.linked & (np.sign(self.reads.pulses) == way)) - 1
        values = np.clip(self.reads.value[before], 0, 1)
        even = np.linspace(0, 1, self.size)
        at = 0.5 * (np.quantile(values, even) + even * np.ptp(values) + values.min())
        gap = max(_GAP, 0.5 * noise)
        for k in range(1, self.size):
            at[k] = max(at[k], at[k - 1] + gap)
        return at

    def _start(self, way: int) -> float:
        """Return the logarithm of the mean step, from the ends of runs."""
        pulses, value = self.reads.pulses, self.reads.value
        linked = self.reads.linked & (np.sign(pulses) == way)
        moved = np.where(linked, np.diff(value, prepend=value[0]), 0).sum() * way
        number = np.abs(pulses[linked]).sum()
        return float(np.clip(np.log(max(moved / max(number, 1), 1e-5)), _LEAST, _MOST))

    # ------------------------------------------------------------------------- the likelihood

    def _own(self, steps: FloatArray, factors: FloatArray) -> FloatArray:
        """Return steps (…, device, 2 k) of devices."""
        wide = np.repeat(factors, self.size, axis=1)
        return np.ascontiguousarray(np.exp(steps[..., None, :] + wide))

    def _filtered(
        self, steps: FloatArray, factors: FloatArray, noise: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        from matsweep.identification.fitting.filter import run_filter

        reads = self.reads
        innovation, spread, mean = np.empty((3, reads.value.size))
        run_filter(self.step, self._own(steps, factors), self.table, reads.value, reads.pulses,
                   reads.linked, reads.device, noise, 0.0, 1.0,
                   innovation, spread, mean)  # fmt: skip
        return innovation, spread, mean

    def _likelihood(self, steps: FloatArray, factors: FloatArray, noise: FloatArray) -> float:
        """Return the penalised log-likelihood, without constants."""
        innovation, spread, _ = self._filtered(steps, factors, noise)
        each = (np.log(spread) + innovation**2 / spread)[self.reads.linked]
        penalty = (factors**2 / self.tau**2).sum() if self.count > 1 else 0.0
        return -0.5 * float(each.sum() + penalty + steps @ self.rough @ steps)

    def _system(self) -> tuple[FloatArray, FloatArray]:
        """Return information and score of all parameters: steps, noises, factors by device."""
        from matsweep.identification.fitting.filter import run_scoring

        reads, k = self.reads, 2 * self.size
        moved = self.steps + _TURN * np.eye(k)
        own = self._own(np.concatenate([self.steps[None], moved]), self.factors)
        own = np.concatenate([own, np.broadcast_to(own[0], (3, *own.shape[1:]))])
        turns = np.where(self.open, np.maximum(_TURN * self.noise, [1e-8, 1e-4, 1e-9]), 0)
        shared = np.tile([*self.noise, 0.0, 1.0], (k + 4, 1))
        shared[k + 1 :, :3] += np.diag(turns)
        size = np.repeat(np.append(np.full(k, _TURN), turns)[:, None], self.count, axis=1)
        whole, score = np.empty((self.count, k + 3, k + 3)), np.empty((self.count, k + 3))
        run_scoring(self.step, own, self.table, reads.value, reads.pulses, reads.linked,
                    reads.device, shared, size, whole, score)  # fmt: skip
        return self._assembled(whole, score)

    def _assembled(self, whole: FloatArray, score: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Add the factors of devices: each moves all logarithms of a polarity alike."""
        k, own = 2 * self.size, 2 * self.count * (self.count > 1)
        information, pull = np.zeros((k + 3 + own,) * 2), np.zeros(k + 3 + own)
        information[: k + 3, : k + 3] = whole.sum(axis=0)
        pull[: k + 3] = score.sum(axis=0)
        information[:k, :k] += self.rough
        pull[:k] -= self.rough @ self.steps
        sums = np.zeros((k + 3, 2))
        sums[:k] = np.kron(np.eye(2), np.ones((self.size, 1)))
        for d in range(own // 2):
            at = slice(k + 3 + 2 * d, k + 5 + 2 * d)
            information[: k + 3, at] = whole[d] @ sums
            information[at, : k + 3] = information[: k + 3, at].T
            information[at, at] = sums.T @ whole[d] @ sums + np.diag(self.tau**-2)
            pull[at] = sums.T @ score[d] - self.factors[d] / self.tau**2
        return information, pull

    def search(self) -> None:
        """Maximise the penalised likelihood from where it stands."""
        k = 2 * self.size
        self.value = self._likelihood(self.steps, self.factors, self.noise)
        self.ended = True
        for _ in range(_STEPS):
            information, pull = self._system()
            held = np.zeros(pull.size, bool)
            held[:k] = ((self.steps <= _LEAST) & (pull[:k] < 0)) | (
                (self.steps >= _MOST) & (pull[:k] > 0)
            )
            held[k : k + 3] = ~self.open | ((self.noise <= 0) & (pull[k : k + 3] < 0))
            scale = np.sqrt(np.maximum(np.diag(information), 1e-12))
            matrix = information / scale / scale[:, None]
            matrix[held], matrix[:, held] = 0.0, 0.0
            right = np.where(held, 0, pull / scale)
            before = self.value
            while self.damping < _STUCK:
                damped = matrix + np.diag(np.where(held, 1.0, self.damping + 1e-10))
                step = np.linalg.solve(damped, right) / scale
                steps = np.clip(self.steps + step[:k], _LEAST, _MOST)
                noise = np.clip(self.noise + step[k : k + 3], _LEAST_NOISE, _MOST_NOISE)
                factors = self.factors.copy()
                if self.count > 1:
                    factors += step[k + 3 :].reshape(-1, 2)
                value = self._likelihood(steps, factors, noise)
                if value > self.value:
                    break
                self.damping *= 10
            else:
                self.damping = 1e-3
                return
            self.steps, self.noise, self.factors, self.value = steps, noise, factors, value
            self.damping = max(self.damping / 10, 1e-9)
            if value < before + _SETTLED:
                return
        self.ended = False

    def _covariance(self) -> FloatArray:
        information, _ = self._system()
        scale = 1 / np.sqrt(np.maximum(np.diag(information), 1e-12))
        inverse = np.linalg.pinv(information * scale * scale[:, None], rcond=1e-10, hermitian=True)
        return np.asarray(inverse * scale * scale[:, None])

    def errors(self) -> FloatArray:
        """Return standard errors of the variances (3,) of reads, of_step and of_range."""
        k = 2 * self.size
        return np.sqrt(np.maximum(np.diag(self._covariance())[k : k + 3], 0))

    def _population(self) -> tuple[Population, float, FloatArray]:
        """Return the population of factors, the covariance of both, and each polarity's doubt."""
        information, pull = self._system()
        at = np.arange(2 * self.size + 3, pull.size).reshape(-1, 2)
        own = information[at[:, :, None], at[:, None, :]] - np.diag(self.tau**-2)
        doubt = np.linalg.inv(own + np.eye(2) / _VAGUE**2)
        score = pull[at] + self.factors / self.tau**2
        alone = self.factors + np.einsum("dij,dj->di", doubt, score)
        shared = float(np.cov(alone.T)[0, 1] - doubt[:, 0, 1].mean())
        unsure = np.sqrt(np.median(np.diagonal(doubt, axis1=1, axis2=2), axis=0))
        return find_population(alone, doubt), shared, unsure

    def tighten(self) -> None:
        """Estimate the spread of factors from those found and their errors."""
        if self.count == 1:
            return
        population, _, _ = self._population()
        self.factors -= (centre := self.factors.mean(axis=0))
        self.steps = np.clip(self.steps + np.repeat(centre, self.size), _LEAST, _MOST)
        self.tau = np.maximum(population.spread, _LEAST_SPREAD)
        self.value = self._likelihood(self.steps, self.factors, self.noise)

    def result(self) -> NoisySteps:
        """Return the estimates where they stand."""
        innovation, spread, mean = self._filtered(self.steps, self.factors, self.noise)
        each = np.log(2 * np.pi * spread) + innovation**2 / spread
        error = float(self.errors()[0])
        variance = float(self.noise[0])
        sigma, sure = variance**0.5, variance > _SURE * error
        between = np.zeros((2, 2))
        if self.count > 1:
            population, shared, doubt = self._population()
            known = (population.spread > population.spread_error) & (doubt < _KNOWN)
            between = np.diag(np.where(known, population.spread, 0) ** 2)
            between[0, 1] = between[1, 0] = shared * known.all()
        steps = np.exp(self.steps.reshape(2, -1))
        return NoisySteps(
            knots=self.knots,
            steps=steps * np.array([[1.0], [-1.0]]),
            scales=np.exp(self.factors),
            spread=between,
            read_noise=sigma,
            read_noise_error=error / (2 * sigma),
            read_noise_limit=0.0 if sure else (variance + _LIMIT * error) ** 0.5,
            of_step=float(self.noise[1]) ** 0.5,
            of_range=float(self.noise[2]) ** 0.5,
            states=mean,
            log_likelihood=-0.5 * float(each[self.reads.linked].sum()),
            free=2 * self.size + int(self.open.sum()) + 2 * self.count * (self.count > 1),
            converged=self.settled and self.ended,
        )
