"""Regression of one metric over the swept parameters, with its own error.

Two kinds, by the number of candidates: a Gaussian process with a standard error at each point,
and boosted trees with the mean error only. Both are monotone in parameters with a direction.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from matsweep.analysis.fits import Data, Model, batched, fit_process, fit_trees, rms
from matsweep.analysis.monotone import Surface, grid_of
from matsweep.analysis.studytable import DECADES, Numbers, StudyTable, columns_of, table_of
from matsweep.analysis.view import View
from matsweep.core.checks import UserError, one_of

MOST = 1000
"""Points up to which a Gaussian process is fitted: its cost grows with their cube."""
_FEWEST = 8


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
    roughness : float
        Deviation of candidates about a Gaussian process beyond their standard errors, in the fitted
        scale.
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
    roughness: float
    model: Model
    refits: tuple[Model, ...]
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
        return batched(model, columns_of(self.table.scales, points), deviation=False)[0]

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
        mean, deviation = batched(self.model, columns_of(self.table.scales, points))
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

    def foreseen(
        self, points: ArrayLike, operator: str, bound: float, errors: ArrayLike
    ) -> Numbers:
        """Probability that the results of new candidates meet a bound.

        Their means have errors of their own, in addition to that of the fit: at the target itself
        half of them miss it, however sure the fit is.

        Parameters
        ----------
        points : (n, parameter) array
        operator : {"<", "<=", ">", ">="}
        bound : float
            In the metric's unit.
        errors : (n,) array
            Standard error of each mean, without what all candidates share, in the metric's unit.

        Returns
        -------
        (n,) array
        """
        from scipy.special import ndtr

        mean, deviation = self.latent(points, paired=True)
        own = np.asarray(errors, dtype=np.float64)
        if self.logarithmic:
            own = own / (10.0**mean * np.log(10.0))
        if self.kind == "boosting":
            own = np.zeros_like(
                own
            )  # their deviation is that of unseen candidates, errors included
        total = np.maximum(np.sqrt(deviation**2 + self.roughness**2 + own**2), np.finfo(float).tiny)
        return np.asarray(ndtr(self._beyond(mean, operator, bound) / total))

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
    (`matsweep.analysis.monotone`), and trees split accordingly. Where the grid would be too coarse,
    as with eight parameters and more, trees take the place of the process. A direction that unseen
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
    # A limit holds for the libraries that are loaded when it is set.
    import_module("sklearn.gaussian_process" if chosen == "gp" else "sklearn.ensemble")
    with threadpool_limits(limits=1), warnings.catch_warnings():
        # scikit-learn warns where a length scale ends at its bound, as it should for a column
        # without influence.
        warnings.simplefilter("ignore")
        data = Data(table=table, columns=columns, values=values, errors=errors, seed=seed)
        fitted = fit_process(data, rises, nodes) if chosen == "gp" else fit_trees(data, rises)
    dropped = zip(fitted.rises, rises, table.scales, strict=True)
    return Surrogate(
        table=table,
        kind=chosen,
        logarithmic=logarithmic,
        r2=float(1 - np.sum(fitted.residual**2) / np.sum((values - values.mean()) ** 2)),
        rmse=rms(fitted.residual),
        inflation=fitted.inflation,
        shared=shared,
        roughness=fitted.roughness,
        model=fitted.model,
        refits=fitted.refits,
        rises=fitted.rises,
        contradicted=tuple(scale.name for kept, stated, scale in dropped if kept != stated),
        surface=fitted.surface
        and replace(fitted.surface, inflation=fitted.inflation, shared=shared),
        surfaces=fitted.surfaces,
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
