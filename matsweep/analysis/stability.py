"""Stability of a ranking, given few realisations and parameters that nobody knows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from matsweep.analysis.best_set import may_be_best
from matsweep.analysis.drawn import anything_unknown
from matsweep.analysis.objectives import directions, levelled
from matsweep.analysis.robust import Caution, Values, robust_of
from matsweep.analysis.settled import NONE, settled
from matsweep.analysis.view import View
from matsweep.core.checks import UserError, in_range, whole

type Index = NDArray[np.intp]

_BLOCK = 2_000_000  # numbers drawn at a time


def stability(
    ds: xr.Dataset,
    by: str | None = None,
    *,
    among: str = "material",
    how: str = "mean",
    time: float | str | None = None,
    top: int = 10,
    samples: int = 4000,
    confidence: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """Probability of each option to be the best, by samples of what its value may be.

    The options are the best candidates of each material, or the `top` best candidates.

    `best_on_average` is by a joint bootstrap over the realisations. Realisation r of all candidates
    draws the same random numbers, so that a sample draws realisations, with replacement, for all
    options at once, and ranks the options again: what is lucky for all does not count. An option
    with fewer realisations takes those of the sample that it has, and more of its own until it has
    as many as it was given. Deviations of the mean are enlarged by the root of n / (n - 1), without
    which a bootstrap of n realisations understates the spread.

    A mean over realisations averages over what is not known of a material, and more realisations
    make it as sure as one likes, but the truth is one value of the unknown parameters. `best` is
    the probability to be the best there, `rank_low` and `rank_high` are the ranks there: see
    `matsweep.analysis.settled`. For criteria other than the mean, and where nothing is unknown, it
    is the same as `best_on_average`.

    Not counted are other candidates of a material that might overtake its best one, and errors of
    the model itself.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate` and `realisation`.
    by : str, optional
        A metric with a good direction. Default: the merit of the study.
    among : str
        A text coordinate along `candidate` (the best of each is compared), or "candidate".
    how : str
        Criterion over the realisations, see `robust`; not regret.
    time : float [s] or str, optional
        One of the stored times. Default: the last.
    top : int
        Options compared, the best ones.
    samples : int
        Bootstrap samples; a probability is exact to about 0.5 / sqrt(samples).
    confidence : float
        Of the interval of ranks.
    seed : int

    Returns
    -------
    Dataset
        Along `option`, best first: `best` (probability of being the best; ties are shared),
        `best_low` and `best_high` (it lies between `best` and the same of single realisations, in
        which chance counts as unknown: a regression takes for chance what it cannot follow),
        `best_on_average`, `value`, `rank_low` and `rank_high` (interval of its rank), `candidate`,
        and for the mean `in_best_set` (whether its mean cannot be told apart from the best one; see
        `best_set`). The attribute `unknowns` is how unknown parameters count in `best`: "nothing is
        unknown", as "conditional means", or as "single realisations", with too few draws for that.

    Raises
    ------
    UserError
        If there are fewer than two options, or one has fewer than two realisations.

    References
    ----------
    B. Efron, Ann. Statist. 7:1, 1979, doi:10.1214/aos/1176344552; A. C. Davison, D. V. Hinkley,
    Bootstrap Methods and their Application, 1997, doi:10.1017/CBO9780511802843, section 2.6.2.
    """
    return stability_of(View(ds, time), by, among=among, how=how, top=top, samples=samples,
                        confidence=confidence, seed=seed)  # fmt: skip


def stability_of(
    view: View,
    by: str | Mapping[str, str] | None = None,
    *,
    among: str = "material",
    how: str = "mean",
    top: int = 10,
    samples: int = 4000,
    confidence: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """Probability of each option of a view to be the best; see `stability`.

    Parameters
    ----------
    view : View
    by : str or mapping, optional
        A mapping gives the metric with its good direction.
    among : str
    how : str
    top : int, >= 2
    samples : int, >= 100
    confidence : float, in [0.5, 0.9999]
    seed : int

    Returns
    -------
    Dataset

    Raises
    ------
    UserError
        If there are fewer than two options, or one has fewer than two realisations.
    """
    whole("top", top, low=2)
    whole("samples", samples, low=100)
    in_range("confidence", confidence, 0.5, 0.9999)
    caution = Caution.read(how)
    if caution.kind == "regret":
        raise UserError("how=regret compares times, of which a bootstrap cannot draw; take another")
    ((name, better),) = directions(view, by or view.merit).items()
    judged = robust_of(view, {name: better}, how).values
    if np.isinf(judged).any():
        raise UserError(f"{name} is infinite for some candidates, of which no sample can be drawn: "
                        f"select the others first ('{name} < 1e300')")  # fmt: skip
    values = levelled(judged, _precision(view.ds[name])) * (1.0 if better == "higher" else -1.0)
    options = options_of(view, values, among)[:top]
    if len(options) < 2:
        raise UserError(f"only {len(options)} {among} to compare: a ranking needs two")
    count = view.given[options]
    if count.min() < 2:
        raise UserError("a candidate with fewer than two realisations cannot be drawn from: run "
                        "the study with more (realisations=8)")  # fmt: skip
    rows = view.rows(options).realised(name)
    sign = 1.0 if better == "higher" else -1.0
    rng = np.random.default_rng(seed)
    precision = _precision(view.ds[name])
    drawn = levelled(_drawn(rows, count, caution, better, samples, rng), precision)
    average, unknowns = _shares(drawn), NONE
    between = [average]
    mean = caution == Caution.read("mean")
    if mean and "realisation" in view.ds[name].dims and anything_unknown(view, options):
        known, single, unknowns = settled(view, name, options, samples, rng)
        drawn = levelled(sign * known, precision)
        between = [_shares(drawn), _shares(levelled(sign * single, precision))]
    ranks = _ranks(drawn)
    tail = 50 * (1 - confidence)
    labels = view.ds["candidate" if among == "candidate" else among].values[options]
    unit = {"units": view.ds[name].attrs.get("units", "1"), "long_name": f"{how} of {name}"}
    result = xr.Dataset(
        {
            "best": (
                "option",
                _shares(drawn),
                {"units": "1", "long_name": "probability to be best once unknowns are known"},
            ),
            "best_low": ("option", np.min(between, axis=0)),
            "best_high": ("option", np.max(between, axis=0)),
            "best_on_average": (
                "option",
                average,
                {"units": "1", "long_name": "probability to be best on average over unknowns"},
            ),
            "value": ("option", judged[options], unit),
            "rank_low": ("option", np.percentile(ranks, tail, axis=0, method="lower")),
            "rank_high": ("option", np.percentile(ranks, 100 - tail, axis=0, method="higher")),
            "candidate": ("option", view.numbers[options]),
        },
        {"option": labels.astype(str)},
        {
            "by": name,
            "how": how,
            "among": among,
            "samples": samples,
            "confidence": confidence,
            "unknowns": unknowns,
        },
    )
    if mean:
        result["in_best_set"] = ("option", may_be_best(rows, count, better, confidence=confidence))
    return result


def _precision(variable: xr.DataArray) -> int:
    return variable.dtype.itemsize if variable.dtype.kind == "f" else 8


def options_of(view: View, values: Values, among: str) -> Index:
    """Candidates that are compared, best first: the best of each group.

    Parameters
    ----------
    view : View
    values : (candidate,) array
        The higher the better; NaN: not compared.
    among : str
        A text coordinate along `candidate`, or "candidate".

    Returns
    -------
    (option,) array of int
        Positions.

    Raises
    ------
    UserError
        If there is no such coordinate.
    """
    known = np.flatnonzero(view.compared & np.isfinite(values))
    known = known[np.argsort(-values[known], kind="stable")]
    if among == "candidate":
        return known
    if among not in view.ds.coords or view.ds[among].dims != ("candidate",):
        raise UserError(f"among must be candidate or a coordinate along it, got {among!r}")
    _, first = np.unique(view.ds[among].values[known].astype(str), return_index=True)
    return known[np.sort(first)]


def _drawn(
    rows: Values,
    count: NDArray[np.int64],
    caution: Caution,
    better: str,
    samples: int,
    rng: np.random.Generator,
) -> Values:
    """Value of each option in each sample, the higher the better, (sample, option)."""
    sign = 1.0 if better == "higher" else -1.0
    result = np.empty((samples, len(rows)))
    most = int(count.max())
    step = max(1, _BLOCK // most)
    for start in range(0, samples, step):
        size = min(step, samples - start)
        drawn = _Resampled(rng.integers(0, most, (size, most)), rng)
        for option, number in enumerate(count.tolist()):
            own = rows[option, :number]
            resampled = own[drawn.of(number)]
            if caution.kind == "mean":
                centre = own.mean()
                resampled = centre + (resampled - centre) * np.sqrt(number / (number - 1))
            result[start : start + size, option] = sign * caution.of(resampled, better)
    return result


class _Resampled:
    """Realisations drawn for all options at once, and what of them an option takes.

    Parameters
    ----------
    common : (sample, realisation) array of int
        For the options with the most realisations.
    rng : numpy.random.Generator
    """

    def __init__(self, common: Index, rng: np.random.Generator) -> None:
        self._common, self._rng = common, rng
        self._by_number = {common.shape[1]: common}

    def of(self, number: int) -> Index:
        """Realisations of options that were given a number of them, (sample, number).

        Each is drawn from the option's own with equal chances: the first of the common ones that
        it has, filled up with further ones.
        """
        if number not in self._by_number:
            own = np.sort(np.where(self._common < number, np.arange(self._common.shape[1]),
                                   self._common.shape[1]), axis=1)[:, :number]  # fmt: skip
            more = self._rng.integers(0, number, own.shape)
            there = own < self._common.shape[1]
            kept = np.take_along_axis(self._common, np.where(there, own, 0), axis=1)
            self._by_number[number] = np.where(there, kept, more)
        return self._by_number[number]


def _shares(drawn: Values) -> Values:
    """Share of samples in which each option is the best; equal ones share, (option,)."""
    best = drawn == drawn.max(axis=1, keepdims=True)
    return np.asarray((best / best.sum(axis=1, keepdims=True)).mean(axis=0))


def _ranks(drawn: Values) -> NDArray[np.int64]:
    """Rank of each option in each sample, (sample, option), from 1; equal ones get the better."""
    better = (drawn[:, None, :] > drawn[:, :, None]).sum(axis=2)
    return np.asarray(better + 1, dtype=np.int64)
