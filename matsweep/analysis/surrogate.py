"""Regression of one metric over the swept parameters, with its own error.

Two kinds, by the number of candidates: a Gaussian process with a standard error at each point,
and boosted trees with the mean error only. Both are monotone in parameters with a direction.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, Protocol

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from matsweep.analysis.monotone import Surface, contradicts, grid_of, surface
from matsweep.analysis.studytable import DECADES, Numbers, StudyTable, columns_of, table_of
from matsweep.analysis.view import View
from matsweep.core.checks import UserError, one_of

MOST = 1000
"""Points up to which a Gaussian process is fitted: its cost grows with their cube."""
FOLDS = 5
_TUNED = 300  # points for the search of length scales: all of them count for predictions
_FEWEST = 8
_BATCH = 4096


class _Model(Protocol):
    def __call__(self, columns: Numbers, deviation: bool) -> tuple[Numbers, Numbers]: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surrogate:
    """A fitted metric.

    Parameters
    ----------
    table : StudyTable
        Data of the fit.
    kind : {"gp", "boosting"}
    logarithmic : bool
        Whether the logarithm (base 10) of the metric was fitted.
    r2, rmse : float
        For candidates outside the fit (cross-validation over `FOLDS` parts); of the logarithm if
        that was fitted. `r2` is 1 - residual / total sum of squares.
    inflation : float, >= 1
        Factor on deviations, so that they match the residuals of candidates outside the fit.
    shared : float
        Deviation that all points share, in the fitted scale, as candidates share random numbers.
    model : callable
        Columns -> mean and deviation, in the fitted scale.
    refits : tuple of callable
        The fits of the cross-validation, each without one part of the candidates.
    rises : tuple of {-1, 0, 1}
        Direction of the metric along each parameter in which the fit is monotone; 0: in none.
    contradicted : tuple of str
        Parameters whose stated direction unseen candidates contradict: the fit is free in them.
    surface : Surface or None
        The Gaussian process projected on monotone surfaces; None where it is free, and for trees,
        which are monotone themselves.
    surfaces : tuple of Surface
        The same of `refits`.
    """

    table: StudyTable
    kind: str
    logarithmic: bool
    r2: float
    rmse: float
    inflation: float
    shared: float
    model: _Model
    refits: tuple[_Model, ...]
    rises: tuple[int, ...] = ()
    contradicted: tuple[str, ...] = ()
    surface: Surface | None = None
    surfaces: tuple[Surface, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters, in the order of the columns of points."""
        return tuple(scale.name for scale in self.table.scales)

    def mean(self, points: ArrayLike, refit: int | None = None) -> Numbers:
        """Predict the metric without its deviation: faster than `predict`.

        Parameters
        ----------
        points : (n, parameter) array
            In the parameters' own units; the number of a level.
        refit : int or None
            Index of the refit to use instead of the fit.

        Returns
        -------
        (n,) array
            In the metric's unit.
        """
        mean = self._mean(points, refit)
        return np.asarray(10.0**mean) if self.logarithmic else mean

    def _mean(self, points: ArrayLike, refit: int | None = None) -> Numbers:
        """Predict the mean in the fitted scale, (n,)."""
        if self.surface is not None:
            monotone = self.surface if refit is None else self.surfaces[refit]
            columns_of(self.table.scales, points)  # refuses other shapes
            return monotone.end(np.atleast_2d(np.asarray(points, dtype=np.float64)))
        model = self.model if refit is None else self.refits[refit]
        return _batched(model, columns_of(self.table.scales, points), deviation=False)[0]

    def latent(self, points: ArrayLike, paired: bool = False) -> tuple[Numbers, Numbers]:
        """Predict mean and deviation in the fitted scale (see `logarithmic`).

        Parameters
        ----------
        points : (n, parameter) array
        paired : bool
            Whether to leave out the deviation that all candidates of the study share.

        Returns
        -------
        mean, deviation : (n,) array
        """
        mean, deviation = _batched(self.model, columns_of(self.table.scales, points))
        if self.surface is not None:
            mean = self._mean(points)
        return mean, np.hypot(deviation * self.inflation, 0.0 if paired else self.shared)

    def predict(self, points: ArrayLike) -> tuple[Numbers, Numbers]:
        """Predict the metric and its standard deviation.

        Parameters
        ----------
        points : (n, parameter) array
            In the parameters' own units; the number of a level.

        Returns
        -------
        mean, deviation : (n,) array
            In the metric's unit. The deviation is of the metric's mean over realisations, not of
            one realisation. Of a logarithm they are median and deviation to first order.
        """
        mean, deviation = self.latent(points)
        if not self.logarithmic:
            return mean, deviation
        value = np.asarray(10.0**mean)
        return value, np.asarray(value * np.log(10.0) * deviation)

    def cautious(self, points: ArrayLike, operator: str, bound: float, caution: float) -> Numbers:
        """Margin by which the mean meets a bound, less some deviations, in the fitted scale.

        Parameters
        ----------
        points : (n, parameter) array
        operator : {"<", "<=", ">", ">="}
        bound : float
            In the metric's unit.
        caution : float
            Deviations.

        Returns
        -------
        (n,) array
        """
        if self.surface is not None:
            x = np.atleast_2d(np.asarray(points, dtype=np.float64))
            end = self.surface.end(x, -_sign(operator) * caution)
            return self._beyond(end, operator, bound)
        mean, deviation = self.latent(points)
        return self._beyond(mean, operator, bound) - caution * deviation

    def margin_mean(self, points: ArrayLike, operator: str, bound: float) -> Numbers:
        """Margin by which the mean meets a bound, in the fitted scale, without deviation.

        Parameters
        ----------
        points : (n, parameter) array
        operator : {"<", "<=", ">", ">="}
        bound : float
            In the metric's unit.

        Returns
        -------
        (n,) array
        """
        return self._beyond(self._mean(points), operator, bound)

    def probability(
        self, points: ArrayLike, operator: str, bound: float, paired: bool = False
    ) -> Numbers:
        """Probability that the metric's mean meets a bound.

        Parameters
        ----------
        points : (n, parameter) array
        operator : {"<", "<=", ">", ">="}
        bound : float
            In the metric's unit.
        paired : bool
            Whether the mean is that over the study's own realisations.

        Returns
        -------
        (n,) array
        """
        from scipy.special import ndtr

        if self.surface is not None:
            x = np.atleast_2d(np.asarray(points, dtype=np.float64))
            scores = self.surface.scores(x, self._scaled(bound), paired)
            return np.asarray(ndtr(_sign(operator) * scores))
        mean, deviation = self.latent(points, paired)
        margin = self._beyond(mean, operator, bound)
        return np.asarray(ndtr(margin / np.maximum(deviation, np.finfo(float).tiny)))

    def _beyond(self, mean: Numbers, operator: str, bound: float) -> Numbers:
        return np.asarray(_sign(operator) * (mean - self._scaled(bound)))

    def _scaled(self, bound: float) -> float:
        if not self.logarithmic:
            return bound
        return float(np.log10(bound)) if bound > 0 else -np.inf


def _sign(operator: str) -> int:
    return 1 if operator[0] == ">" else -1


def fit_surrogate(
    ds: xr.Dataset,
    metric: str,
    *,
    time: float | str | None = None,
    kind: Literal["auto", "gp", "boosting"] = "auto",
    categorical: Literal["encode", "refuse"] = "encode",
    logarithmic: bool | None = False,
    monotone: bool = True,
    seed: int = 0,
) -> Surrogate:
    """Fit a metric over the parameters of a study.

    A parameter that is positive, spans more than a factor of 30 and lies more evenly over orders
    of magnitude than over its range counts by its logarithm; all are scaled to [0, 1], and levels
    are one column each. The Gaussian process has a Matérn kernel (5/2) with a length for each
    column, the squared standard error of each candidate's mean as noise, and a fitted noise for
    the rest; of more than 300 candidates a random 300 decide the lengths, and all of them the
    predictions. All runs on one BLAS thread and fixed seeds, so that bits repeat.

    The merit is monotone in parameters of which more is never better (noise, errors, faults), as
    the study states them: the process is projected, on a grid over all parameters
    (`matsweep.analysis.monotone`), and trees split accordingly. With seven parameters and more,
    whose grid would be too coarse, trees take the place of the process. A direction that unseen
    candidates contradict is not imposed (`contradicted`).

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`.
    metric : str
        Or the end of its dotted name.
    time : float [s] or str, optional
        One of the stored times. Default: the last.
    kind : {"auto", "gp", "boosting"}
        "auto": a Gaussian process up to `MOST` points, else boosted trees.
    categorical : {"encode", "refuse"}
        Treatment of a swept parameter that is text, or true and false.
    logarithmic : bool or None
        Whether to fit the metric's logarithm; None: if it is positive and spans more than a
        factor of 30.
    monotone : bool
        Whether to impose the directions that the study states.
    seed : int
        Of folds, restarts and trees.

    Returns
    -------
    Surrogate

    Raises
    ------
    UserError
        If the metric is unknown or constant, no number was swept, or candidates are too few.

    References
    ----------
    C. E. Rasmussen, C. K. I. Williams, Gaussian Processes for Machine Learning, MIT Press 2006,
    ch. 2, 4, 5; T. Hastie, R. Tibshirani, J. Friedman, The Elements of Statistical Learning,
    Springer 2009, ch. 7, 10, doi:10.1007/978-0-387-84858-7; V. Chernozhukov, I. Fernández-Val,
    A. Galichon, Biometrika 96:559, 2009, doi:10.1093/biomet/asp030.
    """
    return surrogate_of(View(ds, time), metric, kind, categorical, logarithmic, seed, monotone)


def surrogate_of(
    view: View,
    metric: str,
    kind: Literal["auto", "gp", "boosting"] = "auto",
    categorical: Literal["encode", "refuse"] = "encode",
    logarithmic: bool | None = False,
    seed: int = 0,
    monotone: bool = True,
) -> Surrogate:
    """Fit a metric over the parameters of a view; see `fit_surrogate`.

    Parameters
    ----------
    view : View
    metric : str
    kind : {"auto", "gp", "boosting"}
    categorical : {"encode", "refuse"}
    logarithmic : bool or None
    seed : int
    monotone : bool

    Returns
    -------
    Surrogate

    Raises
    ------
    UserError
        If a logarithm is asked for and the metric is not positive everywhere.
    """
    from threadpoolctl import threadpool_limits

    one_of("kind", kind, ("auto", "gp", "boosting"))
    table = table_of(view, metric, categorical)
    _check_enough(table)
    values, errors, shared = table.values, np.nan_to_num(table.errors), table.shared
    if logarithmic is None:
        logarithmic = bool(values.min() > 0 and values.max() > DECADES * values.min())
    if logarithmic:
        if values.min() <= 0:
            raise UserError(f"logarithmic: {table.metric} is not positive everywhere: fit it as is")
        shared /= float(np.median(values)) * np.log(10.0)
        values, errors = np.log10(values), errors / (values * np.log(10.0))
    columns = columns_of(table.scales, table.points)
    rises = table.rises if monotone else (0,) * len(table.scales)
    nodes = grid_of(table.scales, table.points) if any(rises) else None
    fits_grid = nodes is not None or not any(rises)
    automatic = "gp" if len(values) <= MOST and fits_grid else "boosting"
    chosen = kind if kind != "auto" else automatic
    if chosen == "gp" and not fits_grid:
        rises = (0,) * len(table.scales)
    with threadpool_limits(limits=1), warnings.catch_warnings():
        # scikit-learn warns where a length scale ends at its bound, as it should for a column
        # without influence.
        warnings.simplefilter("ignore")
        data = _Data(table=table, columns=columns, values=values, errors=errors, seed=seed)
        fitted = _fit_process(data, rises, nodes) if chosen == "gp" else _fit_trees(data, rises)
    dropped = zip(fitted.rises, rises, table.scales, strict=True)
    return Surrogate(
        table=table,
        kind=chosen,
        logarithmic=logarithmic,
        r2=float(1 - np.sum(fitted.residual**2) / np.sum((values - values.mean()) ** 2)),
        rmse=_rms(fitted.residual),
        inflation=fitted.inflation,
        shared=shared,
        model=fitted.model,
        refits=fitted.refits,
        rises=fitted.rises,
        contradicted=tuple(scale.name for kept, stated, scale in dropped if kept != stated),
        surface=fitted.surface
        and replace(fitted.surface, inflation=fitted.inflation, shared=shared),
        surfaces=fitted.surfaces,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Data:
    """Table, columns (row, column), and values and errors (row,) in the fitted scale."""

    table: StudyTable
    columns: Numbers
    values: Numbers
    errors: Numbers
    seed: int

    def parts(self) -> NDArray[np.intp]:
        """Part of the cross-validation that each row is in, (row,).

        Candidates at the same point are left out together: else one would predict the other.
        """
        _, place = np.unique(self.columns, axis=0, return_inverse=True)
        shuffled = np.random.default_rng(self.seed).permutation(place.max() + 1)
        return np.asarray((shuffled % FOLDS)[place.ravel()])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fitted:
    """Fit, its refits, and its residuals for unseen candidates (row,), in the fitted scale."""

    model: _Model
    refits: tuple[_Model, ...]
    residual: Numbers
    rises: tuple[int, ...]
    inflation: float = 1.0
    surface: Surface | None = None
    surfaces: tuple[Surface, ...] = ()


def _fit_process(data: _Data, rises: tuple[int, ...], nodes: tuple[Numbers, ...] | None) -> _Fitted:
    """Fit a Gaussian process; with nodes, made monotone where unseen candidates allow it."""
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
    fitted = _Fitted(model=model, refits=refits, residual=values - mean, rises=rises)
    if nodes is not None:
        fitted = _monotone(data, fitted, nodes, kept)
    inflation = float(max(1.0, np.sqrt(np.mean((fitted.residual / predicted) ** 2))))
    return replace(fitted, inflation=inflation)


def _monotone(
    data: _Data, fitted: _Fitted, nodes: tuple[Numbers, ...], kept: list[NDArray[np.bool_]]
) -> _Fitted:
    """Project a process along the directions that its unseen candidates do not contradict."""
    scales, points = data.table.scales, data.table.points

    def on_grid(model: _Model) -> Surface:
        return surface(partial(_batched, model), scales, fitted.rises, nodes)

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


def _fit_trees(data: _Data, rises: tuple[int, ...]) -> _Fitted:
    """Fit boosted trees, monotone unless unseen candidates contradict it."""
    parts = data.parts()
    kept = [parts != number for number in range(FOLDS)]

    def fitted(rises: tuple[int, ...]) -> _Fitted:
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
        deviating = _constant_deviation(model, _rms(residual))
        return _Fitted(model=deviating, refits=refits, residual=residual, rises=rises)

    free = (0,) * len(rises)
    bound = fitted(rises)
    if any(rises) and contradicts((unbound := fitted(free)).residual, bound.residual):
        return unbound
    return bound


def _rms(residual: Numbers) -> float:
    return float(np.sqrt(np.mean(residual**2)))


def _check_enough(table: StudyTable) -> None:
    if all(scale.levels for scale in table.scales):
        names = ", ".join(scale.name for scale in table.scales)
        raise UserError(f"only {names} was swept, which is no number: a fit needs a swept number")
    distinct = len(np.unique(table.points, axis=0))
    needed = max(_FEWEST, 4 * len(table.scales))
    if distinct < needed:
        raise UserError(
            f"a fit of {table.metric} over {len(table.scales)} parameters needs at least {needed} "
            f"different done candidates, got {distinct}: sweep more points"
        )


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


def _trees(columns: Numbers, values: Numbers, signs: Sequence[int], seed: int) -> _Model:
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


def _constant_deviation(model: _Model, rmse: float) -> _Model:
    def predict(columns: Numbers, deviation: bool) -> tuple[Numbers, Numbers]:
        mean, _ = model(columns, False)
        return mean, np.full(len(mean), rmse)

    return predict


def _batched(
    model: _Model, columns: Numbers, deviation: bool = True
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # variances of 0 that rounding makes negative
        parts = [
            model(columns[start : start + _BATCH], deviation)
            for start in range(0, len(columns), _BATCH)
        ]
    mean, spread = zip(*parts, strict=True)
    return np.concatenate(mean), np.concatenate(spread)
