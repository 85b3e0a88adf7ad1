"""Regression of one metric over the swept parameters, with its own error.

Two kinds, by the number of candidates: a Gaussian process with a standard error at each point,
and boosted trees with the mean error only.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

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
    model : callable
        Columns -> mean and deviation, in the fitted scale.
    refits : tuple of callable
        The fits of the cross-validation, each without one part of the candidates.
    """

    table: StudyTable
    kind: str
    logarithmic: bool
    r2: float
    rmse: float
    inflation: float
    model: _Model
    refits: tuple[_Model, ...]

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
        model = self.model if refit is None else self.refits[refit]
        mean = _batched(model, columns_of(self.table.scales, points), deviation=False)[0]
        return np.asarray(10.0**mean) if self.logarithmic else mean

    def latent(self, points: ArrayLike) -> tuple[Numbers, Numbers]:
        """Predict mean and deviation in the fitted scale (see `logarithmic`).

        Parameters
        ----------
        points : (n, parameter) array

        Returns
        -------
        mean, deviation : (n,) array
        """
        mean, deviation = _batched(self.model, columns_of(self.table.scales, points))
        return mean, deviation * self.inflation

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

    def margin(self, points: ArrayLike, operator: str, bound: float) -> tuple[Numbers, Numbers]:
        """Margin by which the mean meets a bound, and its deviation, in the fitted scale.

        Parameters
        ----------
        points : (n, parameter) array
        operator : {"<", "<=", ">", ">="}
        bound : float
            In the metric's unit.

        Returns
        -------
        margin, deviation : (n,) array
        """
        mean, deviation = self.latent(points)
        return self._beyond(mean, operator, bound), deviation

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
        mean = _batched(self.model, columns_of(self.table.scales, points), deviation=False)[0]
        return self._beyond(mean, operator, bound)

    def probability(self, points: ArrayLike, operator: str, bound: float) -> Numbers:
        """Probability that the metric's mean meets a bound.

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
        from scipy.special import ndtr

        margin, deviation = self.margin(points, operator, bound)
        return np.asarray(ndtr(margin / np.maximum(deviation, np.finfo(float).tiny)))

    def _beyond(self, mean: Numbers, operator: str, bound: float) -> Numbers:
        if self.logarithmic:
            bound = float(np.log10(bound)) if bound > 0 else -np.inf
        return np.asarray(mean - bound if operator[0] == ">" else bound - mean)


def fit_surrogate(
    ds: xr.Dataset,
    metric: str,
    *,
    time: float | str | None = None,
    kind: Literal["auto", "gp", "boosting"] = "auto",
    categorical: Literal["encode", "refuse"] = "encode",
    logarithmic: bool | None = False,
    seed: int = 0,
) -> Surrogate:
    """Fit a metric over the parameters of a study.

    A parameter that is positive, spans more than a factor of 30 and lies more evenly over orders
    of magnitude than over its range counts by its logarithm; all are scaled to [0, 1], and levels
    are one column each. The Gaussian process has a Matérn kernel (5/2) with a length for each
    column, the squared standard error of each candidate's mean as noise, and a fitted noise for
    the rest; of more than 300 candidates a random 300 decide the lengths, and all of them the
    predictions. All runs on one BLAS thread and fixed seeds, so that bits repeat.

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
    Springer 2009, ch. 7, 10, doi:10.1007/978-0-387-84858-7.
    """
    return surrogate_of(View(ds, time), metric, kind, categorical, logarithmic, seed)


def surrogate_of(
    view: View,
    metric: str,
    kind: Literal["auto", "gp", "boosting"] = "auto",
    categorical: Literal["encode", "refuse"] = "encode",
    logarithmic: bool | None = False,
    seed: int = 0,
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
    values, errors = table.values, np.nan_to_num(table.errors)
    if logarithmic is None:
        logarithmic = bool(values.min() > 0 and values.max() > DECADES * values.min())
    if logarithmic:
        if values.min() <= 0:
            raise UserError(f"logarithmic: {table.metric} is not positive everywhere: fit it as is")
        values, errors = np.log10(values), errors / (values * np.log(10.0))
    chosen = kind if kind != "auto" else "gp" if len(values) <= MOST else "boosting"
    columns = columns_of(table.scales, table.points)
    with threadpool_limits(limits=1), warnings.catch_warnings():
        # scikit-learn warns where a length scale ends at its bound, as it should for a column
        # without influence.
        warnings.simplefilter("ignore")
        if chosen == "gp":
            model = _process(columns, values, errors, seed)
        else:
            model = _trees(columns, values, seed)
        refits, residual, predicted = _cross_validated(columns, values, errors, model, seed)
    rmse = float(np.sqrt(np.mean(residual**2)))
    inflation = (
        float(max(1.0, np.sqrt(np.mean((residual / predicted) ** 2)))) if chosen == "gp" else 1.0
    )
    return Surrogate(
        table=table,
        kind=chosen,
        logarithmic=logarithmic,
        r2=float(1 - np.sum(residual**2) / np.sum((values - values.mean()) ** 2)),
        rmse=rmse,
        inflation=inflation,
        model=model if chosen == "gp" else _constant_deviation(model, rmse),
        refits=refits,
    )


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
) -> _Model:
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


def _trees(columns: Numbers, values: Numbers, seed: int) -> _Model:
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(
        max_iter=300,
        learning_rate=0.06,
        min_samples_leaf=5,
        early_stopping=False,
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


def _cross_validated(
    columns: Numbers, values: Numbers, errors: Numbers, model: _Model, seed: int
) -> tuple[tuple[_Model, ...], Numbers, Numbers]:
    """Refits without one part each, and residuals and predicted deviations of the parts, (row,)."""
    fit: Callable[[NDArray[np.bool_]], _Model]
    if isinstance(model, _Process):
        kernel, noise = model.regressor.kernel_, model.noise * model.spread**2

        def fit(kept: NDArray[np.bool_]) -> _Model:
            return _process(columns[kept], values[kept], errors[kept], seed, kernel)
    else:
        noise = 0.0

        def fit(kept: NDArray[np.bool_]) -> _Model:
            return _trees(columns[kept], values[kept], seed)

    # Candidates at the same point are left out together: else one would predict the other.
    _, place = np.unique(columns, axis=0, return_inverse=True)
    part = (np.random.default_rng(seed).permutation(place.max() + 1) % FOLDS)[place.ravel()]
    residual, predicted = np.empty(len(values)), np.empty(len(values))
    refits = []
    for number in range(FOLDS):
        held = part == number
        refits.append(fit(~held))
        mean, deviation = refits[-1](columns[held], True)
        residual[held] = values[held] - mean
        predicted[held] = np.sqrt(deviation**2 + noise + errors[held] ** 2)
    return tuple(refits), residual, np.maximum(predicted, np.finfo(float).tiny)


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
