"""Fits of a table: Gaussian processes and boosted trees, tested on candidates that they lack."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from matsweep.analysis.monotone import Surface, contradicts, surface
from matsweep.analysis.studytable import Numbers, StudyTable

FOLDS = 5
_TUNED = 300  # points for the search of length scales: all of them count for predictions
_BATCH = 4096


class Model(Protocol):
    """A fit: columns (n, column) to its mean and deviation (n,), in the fitted scale."""

    def __call__(self, columns: Numbers, deviation: bool) -> tuple[Numbers, Numbers]:
        """Predict; without `deviation` it is 0, and the mean is faster."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Data:
    """Data of a fit.

    Parameters
    ----------
    table : StudyTable
    columns : (row, column) array
    values, errors : (row,) array
        In the fitted scale.
    seed : int
    """

    table: StudyTable
    columns: Numbers
    values: Numbers
    errors: Numbers
    seed: int

    def parts(self) -> NDArray[np.intp]:
        """Draw the part of the cross-validation that each row is in.

        Candidates at the same point are left out together: else one would predict the other.

        Returns
        -------
        (row,) array of int
        """
        _, place = np.unique(self.columns, axis=0, return_inverse=True)
        shuffled = np.random.default_rng(self.seed).permutation(place.max() + 1)
        return np.asarray((shuffled % FOLDS)[place.ravel()])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """A fit, and its test on unseen candidates.

    Parameters
    ----------
    model : Model
    refits : tuple of Model
        Each without one part of the candidates.
    residual : (row,) array
        Of each candidate, from the refit without it.
    rises : tuple of {-1, 0, 1}
        Directions in which it is monotone.
    inflation : float
        Factor on its deviation.
    roughness : float
        Deviation of candidates about it beyond their standard errors.
    surface : Surface or None
    surfaces : tuple of Surface
        Of model and refits, where they are projected.
    """

    model: Model
    refits: tuple[Model, ...]
    residual: Numbers
    rises: tuple[int, ...]
    inflation: float = 1.0
    roughness: float = 0.0
    surface: Surface | None = None
    surfaces: tuple[Surface, ...] = ()


def fit_process(data: Data, rises: tuple[int, ...], nodes: tuple[Numbers, ...] | None) -> Fitted:
    """Fit a Gaussian process; with nodes, made monotone where unseen candidates allow it.

    Parameters
    ----------
    data : Data
    rises : tuple of {-1, 0, 1}
        Stated directions.
    nodes : tuple of (node,) array, or None
        Grid of the projection; None: no direction is imposed.

    Returns
    -------
    Fitted
    """
    columns, values, errors, seed = data.columns, data.values, data.errors, data.seed
    model, parts = _process(columns, values, errors, seed), data.parts()
    kept = [parts != number for number in range(FOLDS)]
    kernel = model.regressor.kernel_
    refits = tuple(_process(columns[k], values[k], errors[k], seed, kernel) for k in kept)
    mean, deviation = np.empty(len(values)), np.empty(len(values))
    for keep, refit in zip(kept, refits, strict=True):
        mean[~keep], deviation[~keep] = refit(columns[~keep], True)
    noise = model.noise * model.spread**2
    predicted = np.sqrt(deviation**2 + noise + errors**2)
    predicted = np.maximum(predicted, np.finfo(float).tiny)
    fitted = Fitted(model=model, refits=refits, residual=values - mean, rises=rises)
    if nodes is not None:
        fitted = _monotone(data, fitted, nodes, kept)
    inflation = float(max(1.0, np.sqrt(np.mean((fitted.residual / predicted) ** 2))))
    return replace(fitted, inflation=inflation, roughness=float(np.sqrt(noise)))


def _monotone(
    data: Data, fitted: Fitted, nodes: tuple[Numbers, ...], kept: list[NDArray[np.bool_]]
) -> Fitted:
    """Project a process along the directions that its unseen candidates do not contradict."""
    scales, points = data.table.scales, data.table.points

    def on_grid(model: Model) -> Surface:
        return surface(partial(batched, model), scales, fitted.rises, nodes)

    surfaces = [on_grid(refit) for refit in fitted.refits]

    def residual(rises: tuple[int, ...]) -> Numbers:
        out = np.empty(len(points))
        for keep, each in zip(kept, surfaces, strict=True):
            out[~keep] = replace(each, rises=rises).end(points[~keep])
        return data.values - out

    free, rises = residual((0,) * len(scales)), list(fitted.rises)
    for index, rise in enumerate(fitted.rises):
        alone = tuple(rise if place == index else 0 for place in range(len(scales)))
        if rise and contradicts(free, residual(alone)):
            rises[index] = 0
    final = tuple(rises)
    if not any(final):
        return replace(fitted, rises=final)
    return replace(
        fitted,
        rises=final,
        residual=residual(final),
        surface=replace(on_grid(fitted.model), rises=final),
        surfaces=tuple(replace(each, rises=final) for each in surfaces),
    )


def fit_trees(data: Data, rises: tuple[int, ...]) -> Fitted:
    """Fit boosted trees, monotone unless unseen candidates contradict it.

    Parameters
    ----------
    data : Data
    rises : tuple of {-1, 0, 1}
        Stated directions.

    Returns
    -------
    Fitted
    """
    parts = data.parts()
    kept = [parts != number for number in range(FOLDS)]

    def fitted(rises: tuple[int, ...]) -> Fitted:
        signs = [
            rise
            for rise, scale in zip(rises, data.table.scales, strict=True)
            for _ in scale.levels or (None,)
        ]
        refits = tuple(_trees(data.columns[k], data.values[k], signs, data.seed) for k in kept)
        residual = np.empty(len(data.values))
        for keep, refit in zip(kept, refits, strict=True):
            residual[~keep] = data.values[~keep] - refit(data.columns[~keep], False)[0]
        model = _trees(data.columns, data.values, signs, data.seed)
        deviating = _constant_deviation(model, rms(residual))
        return Fitted(model=deviating, refits=refits, residual=residual, rises=rises)

    free = (0,) * len(rises)
    bound = fitted(rises)
    if any(rises) and contradicts((unbound := fitted(free)).residual, bound.residual):
        return unbound
    return bound


def rms(residual: Numbers) -> float:
    """Root mean square.

    Parameters
    ----------
    residual : (row,) array

    Returns
    -------
    float
    """
    return float(np.sqrt(np.mean(residual**2)))


def _process(
    columns: Numbers, values: Numbers, errors: Numbers, seed: int, start: Any = None
) -> _Process:
    """Fit a Gaussian process; `start` is the kernel of one fitted to more data."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    centre, spread = float(values.mean()), float(values.std())
    y = (values - centre) / spread
    alpha = (errors / spread) ** 2 + 1e-10
    kernel = start
    if kernel is None:
        lengths = Matern(np.full(columns.shape[1], 0.7), (0.03, 30.0), nu=2.5)
        kernel = ConstantKernel(1.0, (1e-2, 1e3)) * lengths + WhiteKernel(1e-3, (1e-7, 1.0))
    some = np.arange(len(y))
    if len(y) > _TUNED:
        some = np.sort(np.random.default_rng(seed).choice(len(y), _TUNED, replace=False))
    regressor = GaussianProcessRegressor(
        kernel, alpha=alpha[some], n_restarts_optimizer=1 if start is None else 0, random_state=seed
    ).fit(columns[some], y[some])
    if len(some) < len(y):
        regressor = GaussianProcessRegressor(regressor.kernel_, alpha=alpha, optimizer=None)
        regressor.fit(columns, y)
    return _Process(regressor=regressor, centre=centre, spread=spread)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Process:
    """A fitted Gaussian process; its deviation is of the mean, without the candidates' noise."""

    regressor: Any
    centre: float
    spread: float

    @property
    def noise(self) -> float:
        """Variance that the process itself ascribes to noise, in units of the spread."""
        return float(self.regressor.kernel_.k2.noise_level)

    def __call__(self, columns: Numbers, deviation: bool) -> tuple[Numbers, Numbers]:
        if not deviation:
            mean = self.regressor.predict(columns)
            return self.centre + self.spread * mean, np.zeros(len(mean))
        mean, total = self.regressor.predict(columns, return_std=True)
        own = np.sqrt(np.maximum(total**2 - self.noise, 0.0))
        return self.centre + self.spread * mean, self.spread * own


def _trees(columns: Numbers, values: Numbers, signs: Sequence[int], seed: int) -> Model:
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(
        max_iter=300,
        learning_rate=0.06,
        min_samples_leaf=5,
        early_stopping=False,
        monotonic_cst=list(signs),
        random_state=seed,
    ).fit(columns, values)

    def predict(columns: Numbers, deviation: bool) -> tuple[Numbers, Numbers]:
        mean = np.asarray(model.predict(columns), dtype=np.float64)
        return mean, np.zeros(len(mean))

    return predict


def _constant_deviation(model: Model, rmse: float) -> Model:
    def predict(columns: Numbers, deviation: bool) -> tuple[Numbers, Numbers]:
        mean, _ = model(columns, False)
        return mean, np.full(len(mean), rmse)

    return predict


def batched(
    model: Model, columns: Numbers, deviation: bool = True
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Predict in batches, on one BLAS thread, so that bits repeat.

    Parameters
    ----------
    model : Model
    columns : (n, column) array
    deviation : bool

    Returns
    -------
    mean, deviation : (n,) array
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # variances of 0 that rounding makes negative
        parts = [
            model(columns[start : start + _BATCH], deviation)
            for start in range(0, len(columns), _BATCH)
        ]
    mean, spread = zip(*parts, strict=True)
    return np.concatenate(mean), np.concatenate(spread)
