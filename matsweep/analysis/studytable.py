"""The done candidates of a study as a table of numbers, for fits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from matsweep.analysis.attributes import axes, resolve
from matsweep.analysis.labels import choice
from matsweep.analysis.shared import separated
from matsweep.analysis.view import View
from matsweep.core.checks import UserError, one_of
from matsweep.core.direction import rise

type Numbers = NDArray[np.float64]

DECADES = 30.0
"""A range wider than this factor spans orders of magnitude."""
_LEVELS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Scale of one swept parameter as a coordinate in [0, 1].

    Parameters
    ----------
    name : str
    low, high : float
        Swept range, in the parameter's units.
    logarithmic : bool
    whole : bool
        Whether all swept values are whole numbers.
    levels : tuple of str
        Values of a parameter that is text, or true and false: the number of a level, from 0,
        represents it. Empty: the parameter is numeric.
    unit : str
        "1" where it is not stored.
    """

    name: str
    low: float
    high: float
    logarithmic: bool = False
    whole: bool = False
    levels: tuple[str, ...] = ()
    unit: str = "1"

    def to_unit(self, values: ArrayLike) -> Numbers:
        """Convert values to fractions of the range; beyond it they are below 0 or above 1.

        Parameters
        ----------
        values : (...) array
            In the parameter's units.

        Returns
        -------
        (...) array
        """
        x = np.asarray(values, dtype=np.float64)
        if not self.logarithmic:
            return np.asarray((x - self.low) / (self.high - self.low))
        positive = np.maximum(x, self.low * 1e-6)
        return np.asarray(np.log(positive / self.low) / np.log(self.high / self.low))

    def from_unit(self, fractions: ArrayLike) -> Numbers:
        """Convert fractions of the range to values.

        Parameters
        ----------
        fractions : (...) array

        Returns
        -------
        (...) array
            In the parameter's units.
        """
        u = np.asarray(fractions, dtype=np.float64)
        if self.logarithmic:
            values = self.low * (self.high / self.low) ** u
        else:
            values = self.low + u * (self.high - self.low)
        return np.where(u == 1, self.high, values)  # 0.3 + 1 * (0.9 - 0.3) > 0.9

    def rounded(self, value: float, *, down: bool) -> float:
        """Round to a whole number below or above, for a parameter of whole numbers.

        A value that misses a whole number by rounding errors only counts as whole.

        Parameters
        ----------
        value : float
        down : bool
            Whether to round down.

        Returns
        -------
        float
        """
        if not self.whole:
            return value
        near_by = round(value, 6)
        return float(math.floor(near_by) if down else math.ceil(near_by))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StudyTable:
    """The done candidates of a study as a table of numbers.

    Parameters
    ----------
    metric, unit : str
    scales : tuple of Scale
        Of the parameters that differ between done candidates.
    points : (row, parameter) array
        In the parameters' units, or the number of a level.
    values : (row,) array
        The metric, mean over the realisations.
    errors : (row,) array
        Standard error of that mean; NaN of fewer than two realisations. From four realisations on,
        without what all candidates share (`matsweep.analysis.shared`).
    rows : (row,) array of int
        Positions of the candidates.
    left_out : int
        Candidates that failed, are pending, or have no number.
    share : bool
        Whether the metric is a share of successes, read in percent.
    rises : tuple of {-1, 0, 1}
        Direction of the metric along each parameter: -1 if it never rises, 1 if it never falls, 0
        if that is unknown. Known for the merit of a study that states it (`core.direction`).
    shared : float
        Standard error of what all candidates share, as they share random numbers; 0: unknown.
    """

    metric: str
    unit: str
    scales: tuple[Scale, ...]
    points: Numbers
    values: Numbers
    errors: Numbers
    rows: NDArray[np.intp]
    left_out: int
    share: bool = False
    rises: tuple[int, ...] = ()
    shared: float = 0.0


def study_table(
    ds: xr.Dataset,
    metric: str,
    *,
    time: float | str | None = None,
    categorical: Literal["encode", "refuse"] = "encode",
) -> StudyTable:
    """Table of a metric and the swept parameters for the done candidates.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`.
    metric : str
        Or the end of its dotted name.
    time : float [s] or str, optional
        One of the stored times. Default: the last.
    categorical : {"encode", "refuse"}
        Treatment of a swept parameter that is text, or true and false.

    Returns
    -------
    StudyTable

    Raises
    ------
    UserError
        If the metric is unknown, no number or constant, nothing was swept, or a swept parameter is
        refused.
    """
    return table_of(View(ds, time), metric, categorical)


def table_of(
    view: View, metric: str, categorical: Literal["encode", "refuse"] = "encode"
) -> StudyTable:
    """Table of a metric and the swept parameters of a view; see `study_table`.

    Parameters
    ----------
    view : View
    metric : str
    categorical : {"encode", "refuse"}

    Returns
    -------
    StudyTable

    Raises
    ------
    UserError
        If the metric is unknown, no number or constant, nothing was swept, or a swept parameter is
        refused.
    """
    one_of("categorical", categorical, ("encode", "refuse"))
    summary = view.summary
    name = resolve(summary, metric)
    if name not in summary.data_vars or summary[name].dtype.kind not in "fiu":
        raise UserError(f"metric must be a number that the study measured, got {metric!r}")
    values = view.column(name)
    usable = view.done & np.isfinite(values)
    if not usable.any():
        raise UserError(f"no done candidate has a number for {name}: there is nothing to fit")
    names = _swept(view, usable)
    if not names:
        raise UserError(
            f"nothing differs between the {int(usable.sum())} done candidates: a study of how "
            f"{name} depends on a parameter must sweep one"
        )
    read = [_parameter(summary, each, usable, chosen=each in view.conditions) for each in names]
    texts = [scale.name for scale, _ in read if scale.levels]
    if texts and categorical == "refuse":
        raise UserError(
            f"{', '.join(texts)} was swept and is no number: choose one value of it first, "
            f"ds.matsweep.select({texts[0].rsplit('.', 1)[-1]}=...)"
        )
    points = np.stack([numbers for _, numbers in read], axis=1)[usable]
    if np.ptp(values[usable]) <= 1e-12 * np.abs(values[usable]).max():
        raise UserError(
            f"{name} is the same, {values[usable][0]:.6g}, for all {int(usable.sum())} done "
            "candidates: no parameter moves it"
        )
    errors, shared = errors_of(view, name, usable)
    return StudyTable(
        metric=name,
        unit=view.unit(name),
        scales=tuple(scale for scale, _ in read),
        points=points,
        values=values[usable],
        errors=errors,
        rows=np.flatnonzero(usable),
        left_out=int(np.count_nonzero(~usable)),
        share=view.is_share(name),
        shared=shared,
        rises=tuple(_rise(view, name, scale) for scale, _ in read),
    )


def _rise(view: View, metric: str, scale: Scale) -> int:
    """Direction of a metric along a parameter: that of the merit, which the store states."""
    if metric != view.merit or scale.levels:
        return 0
    sign = -1 if view.summary[metric].attrs.get("better") == "lower" else 1
    worse = str(view.summary[scale.name].attrs.get("worse", ""))
    return sign * rise(worse, scale.low, scale.high)


def columns_of(scales: tuple[Scale, ...], points: ArrayLike) -> Numbers:
    """Columns for a fit: numbers in [0, 1], one column for each level.

    Parameters
    ----------
    scales : tuple of Scale
    points : (n, parameter) array

    Returns
    -------
    (n, column) array

    Raises
    ------
    ValueError
        If points have not one column for each parameter.
    """
    x = np.atleast_2d(np.asarray(points, dtype=np.float64))
    if x.ndim != 2 or x.shape[1] != len(scales):
        raise ValueError(f"points must be (n, {len(scales)}), got {np.shape(points)}")
    columns = [
        x[:, index, None] == np.arange(len(scale.levels))
        if scale.levels
        else scale.to_unit(x[:, index])[:, None]
        for index, scale in enumerate(scales)
    ]
    return np.concatenate(columns, axis=1).astype(np.float64)


def _swept(view: View, usable: NDArray[np.bool_]) -> list[str]:
    """Parameters, material included, that differ between usable candidates."""
    names = list(view.parameters)
    if view.has_materials:
        order = list(axes(view.ds))
        names.insert(min(order.index("material") if "material" in order else 0, len(names)),
                     "material")  # fmt: skip
    return [n for n in names if len(set(map(str, view.ds[n].values[usable].tolist()))) > 1]


def _parameter(
    summary: xr.Dataset, name: str, usable: NDArray[np.bool_], *, chosen: bool
) -> tuple[Scale, NDArray[np.float64]]:
    """Scale of a parameter, and its values as numbers; levels where it is `chosen`."""
    values = np.asarray(summary[name].values)
    unit = str(summary[name].attrs.get("units", "1"))
    if values.dtype.kind in "fiu" and not chosen:
        numbers = values.astype(np.float64)
        kept = numbers[usable]
        if not np.isfinite(kept).all():
            raise UserError(f"{name} is not a finite number for every done candidate: select those "
                            f"that have one first")  # fmt: skip
        low, high = float(kept.min()), float(kept.max())
        whole = bool(np.all(kept == np.round(kept))) and values.dtype.kind in "iu"
        wide = low > 0 and high > DECADES * low and _even_in_logarithm(kept)
        return Scale(name=name, low=low, high=high, logarithmic=wide, whole=whole, unit=unit), (
            numbers
        )
    write = choice if chosen else str
    texts = np.array([write(value) for value in values.tolist()])
    levels = tuple(dict.fromkeys(texts[usable].tolist()))
    if len(levels) > _LEVELS:
        raise UserError(
            f"{name} is text with {len(levels)} different values, more than {_LEVELS}: select some"
        )
    places = {level: index for index, level in enumerate(levels)}
    codes = np.array([places.get(text, -1) for text in texts.tolist()], dtype=np.float64)
    return Scale(name=name, low=0.0, high=float(len(levels) - 1), levels=levels), codes


def _even_in_logarithm(values: Numbers) -> bool:
    """Whether values lie more evenly over orders of magnitude than over their range.

    An evenly drawn interval from 0 has positive values of every size too, most of them large.
    """
    ratio = [abs((np.median(x) - x.min()) / np.ptp(x) - 0.5) for x in (np.log(values), values)]
    return bool(ratio[0] < ratio[1])


def errors_of(view: View, name: str, usable: NDArray[Any]) -> tuple[Numbers, float]:
    """Estimate the errors of candidates' means.

    Parameters
    ----------
    view : View
    name : str
        Metric.
    usable : (candidate,) array of bool, or (row,) array of int
        Candidates.

    Returns
    -------
    own : (row,) array
        Standard error of each mean, from four realisations on without what all share; NaN: unknown.
    shared : float
        Standard error of what all share; 0: unknown.
    """
    count = view.given.astype(np.float64)[usable]
    if f"{name}_std" not in view.summary or "realisation" not in view.ds.dims:
        return np.full(len(count), np.nan), 0.0
    samples = view.at_time.get(name)
    if samples is not None and samples.dims == ("candidate", "realisation"):
        apart = separated(np.asarray(samples.values, dtype=np.float64)[usable])
        if apart is not None:
            return apart
    spread = view.column(f"{name}_std")[usable]
    return np.where(count >= 2, spread / np.sqrt(np.maximum(count, 1.0)), np.nan), 0.0
