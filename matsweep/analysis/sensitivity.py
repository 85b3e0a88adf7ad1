"""Sensitivity of a metric to each swept parameter: Sobol', PAWN and Borgonovo's indices."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from matsweep.analysis.attributes import design, design_rows, resolve
from matsweep.analysis.distances import SLICES, delta, pawn, slices
from matsweep.analysis.fits import FOLDS
from matsweep.analysis.influence import swept
from matsweep.analysis.studytable import Numbers, StudyTable, table_of
from matsweep.analysis.surrogate import Surrogate, surrogate_of
from matsweep.analysis.view import View
from matsweep.core.checks import UserError, in_range, one_of, whole

METHODS = ("auto", "sobol", "surrogate", "pawn", "delta")
GOOD_R2 = 0.8
"""Least cross-validated r2 of a surrogate that method="auto" relies on."""
_RESAMPLES = 200
_ROWS = 40_000  # evaluations of a surrogate, about
_MOST = 10_000  # candidates whose distributions are compared; a sample of more
_REFERENCES = {
    "sobol": "I. M. Sobol', Math. Comput. Simul. 55:271, 2001, "
    "doi:10.1016/S0378-4754(00)00270-6; A. Saltelli et al., Comput. Phys. Commun. 181:259, 2010, "
    "doi:10.1016/j.cpc.2009.09.018; J. Herman, W. Usher, J. Open Source Softw. 2:97, 2017, "
    "doi:10.21105/joss.00097 (SALib)",
    "pawn": "F. Pianosi, T. Wagener, Environ. Model. Softw. 67:1, 2015, "
    "doi:10.1016/j.envsoft.2015.01.004; F. Pianosi, T. Wagener, Environ. Model. Softw. 108:197, "
    "2018, doi:10.1016/j.envsoft.2018.07.019",
    "delta": "E. Borgonovo, Reliab. Eng. Syst. Saf. 92:771, 2007, doi:10.1016/j.ress.2006.04.015; "
    "E. Plischke, E. Borgonovo, C. L. Smith, Eur. J. Oper. Res. 226:536, 2013, "
    "doi:10.1016/j.ejor.2012.11.047",
}

type _Statistic = Callable[[Numbers, list[NDArray[np.intp]]], Numbers]


def sensitivity(
    ds: xr.Dataset,
    metric: str | None = None,
    *,
    method: str = "auto",
    time: float | str | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """Sensitivity indices of a metric for each swept parameter.

    - "sobol": Sobol' indices of a Saltelli design: `S1` is the share of the metric's variance that
      a parameter causes alone, `ST` with all its interactions, `S2` that of a pair beyond both
      alone. Intervals by resampling the design's rows.
    - "surrogate": the same of a fit to any set of candidates, parameters varying
      independently, each as it does in the study. Intervals hold the spread of the `FOLDS` refits
      without one part of the candidates each (grouped jackknife) and that of the points used.
    - "pawn": of any design: the Kolmogorov-Smirnov distance between the metric's distribution with
      the parameter within one of its slices and without condition; `median`, `mean` and `maximum`
      over slices. A parameter with few values has a slice for each.
    - "delta": of any design: half the area between the densities of the same (Borgonovo).
    - "auto": "sobol" of a complete Saltelli design; else "surrogate" if its cross-validated r2 is
      at least 0.8, else "pawn", which needs no SALib.

    "pawn" and "delta" are above 0 for every finite sample: the index of a parameter without
    influence stays below `threshold` with probability `confidence` (by permutations), and
    `significant` marks the indices above it. Their intervals are by resampling candidates. Of more
    than 10,000 candidates a sample of 10,000 is used (the attribute `rows` has their number).

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`.
    metric : str, optional
        Its mean over realisations is analysed. Default: the merit of the study.
    method : str
        One of the above.
    time : float [s] or str, optional
        One of the stored times. Default: the last.
    confidence : float
        Of the intervals: ``S1 ± S1_conf``.
    seed : int
        Of all random samples.

    Returns
    -------
    Dataset
        Along `parameter` (of pairs also `other`), dimensionless. The coordinates `low`, `high`,
        `unit` and, in words, `over` have the swept range of each, for which its indices hold.

    Raises
    ------
    UserError
        If the metric is unknown or constant, nothing was swept, candidates are too few, the method
        does not suit the study, or SALib is missing.

    References
    ----------
    I. M. Sobol', Math. Comput. Simul. 55:271, 2001, doi:10.1016/S0378-4754(00)00270-6;
    A. Saltelli et al., Comput. Phys. Commun. 181:259, 2010, doi:10.1016/j.cpc.2009.09.018;
    F. Pianosi, T. Wagener, Environ. Model. Softw. 67:1, 2015, doi:10.1016/j.envsoft.2015.01.004;
    E. Borgonovo, Reliab. Eng. Syst. Saf. 92:771, 2007, doi:10.1016/j.ress.2006.04.015;
    E. Plischke, E. Borgonovo, C. L. Smith, Eur. J. Oper. Res. 226:536, 2013,
    doi:10.1016/j.ejor.2012.11.047.
    """
    return sensitivity_of(View(ds, time), metric, method, confidence, seed)


def sensitivity_of(
    view: View,
    metric: str | None = None,
    method: str = "auto",
    confidence: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """Sensitivity indices of a metric in a view; see `sensitivity`.

    Parameters
    ----------
    view : View
    metric : str, optional
    method : str
    confidence : float, in [0.5, 0.9999]
    seed : int

    Returns
    -------
    Dataset
    """
    one_of("method", method, METHODS)
    in_range("confidence", confidence, 0.5, 0.9999)
    whole("seed", seed)
    metric = metric or view.merit
    table = table_of(view, metric)
    fitted = None
    if method == "auto":
        method, fitted = _suited(view, table, seed)
    if method == "sobol":
        indices = _sobol(view, table.metric, confidence, seed)
    elif method == "surrogate":
        if fitted is None:
            fitted = surrogate_of(view, metric, seed=seed)
        indices = _of_surrogate(fitted, confidence, seed)
    else:
        indices = _given_data(table, method, confidence, seed)
    facts = {
        "metric": table.metric,
        "unit": table.unit,
        "confidence": confidence,
        "candidates": len(table.rows),
        "left_out": table.left_out,
        "references": _REFERENCES.get(method, _REFERENCES["sobol"]),
    }
    return _with_ranges(indices, table).assign_attrs(method=method, **facts)


def _with_ranges(indices: xr.Dataset, table: StudyTable) -> xr.Dataset:
    """Add the range that each parameter's indices hold for, in its unit and in words."""
    scales = {scale.name: scale for scale in table.scales}
    along = [scales[str(name)] for name in indices["parameter"].values]
    ends = {
        "low": [math.nan if scale.levels else scale.low for scale in along],
        "high": [math.nan if scale.levels else scale.high for scale in along],
        "over": [swept(scale) for scale in along],
        "unit": ["" if scale.levels else scale.unit for scale in along],
    }
    return indices.assign_coords({name: ("parameter", each) for name, each in ends.items()})


def _suited(view: View, table: StudyTable, seed: int) -> tuple[str, Surrogate | None]:
    """Choose the method that suits a study; with the fit that decided it if there is one."""
    if find_spec("SALib") is None:
        return "pawn", None
    facts = design(view.ds)
    if facts is not None and facts.get("kind") == "saltelli" and not _missing(view, table.metric):
        return "sobol", None
    try:
        fitted = surrogate_of(view, table.metric, seed=seed)
    except UserError:  # too few candidates for a fit, or only text was swept
        return "pawn", None
    return ("surrogate", fitted) if fitted.r2 >= GOOD_R2 else ("pawn", fitted)


def _missing(view: View, metric: str) -> str:
    """Describe the missing part of a Saltelli design; "" if it is complete."""
    facts = design(view.ds) or {}
    count = view.numbers.size
    here = np.isin(np.arange(int(facts.get("candidates", 0))), view.numbers)
    if count != len(here) or not here.all():
        return f"{int(here.sum())} of the {len(here)} candidates of the design are here"
    undone = [
        f"{number} {'failed' if state == 'failed' else 'are pending'}"
        for state in ("failed", "pending")
        if (number := view.count(state))
    ]
    if undone:
        return f"of {count} candidates {' and '.join(undone)}"
    empty = int(np.count_nonzero(~np.isfinite(view.column(metric))))
    return f"{metric} is not a number for {empty} of {count} candidates" if empty else ""


def _sobol(view: View, metric: str, confidence: float, seed: int) -> xr.Dataset:
    facts = design(view.ds)
    if facts is None or facts.get("kind") != "saltelli":
        kind = "unknown" if facts is None else facts.get("kind")
        raise UserError(
            f"method=sobol needs a study with design=saltelli, this one's design is {kind}: take "
            "method='surrogate', 'pawn' or 'delta'"
        )
    if lacks := _missing(view, metric):
        raise UserError(
            f"method=sobol needs every row of the design, but {lacks}: run the study to its end "
            "(retry_failed=true), or take method='surrogate', 'pawn' or 'delta'"
        )
    results = view.column(resolve(view.summary, metric))
    results = results[np.argsort(view.numbers)]  # they may be ranked
    rows = design_rows(view.ds)
    second = bool(facts.get("second_order", True))
    indices = _analyse(facts["problem"], results[rows], second, confidence, seed)
    names = [str(name) for name in facts["problem"]["names"]]
    interval = f"{confidence:.4g}: {_RESAMPLES} resamples of the design's rows"
    return _indices(names, indices).assign_attrs(interval=interval, rows=len(rows))


def _of_surrogate(fitted: Surrogate, confidence: float, seed: int) -> xr.Dataset:
    from scipy.stats import t as student

    sample = _salib("sample.sobol").sample
    scales = fitted.table.scales
    names = list(fitted.names)
    second = len(names) > 1
    blocks = (2 * len(names) + 2) if second else len(names) + 2
    power = min(max(int(math.log2(_ROWS / blocks)), 8), 12)
    problem = {"num_vars": len(names), "names": names, "bounds": [[0.0, 1.0]] * len(names)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fractions = sample(problem, 2**power, calc_second_order=second,
                           seed=np.random.default_rng(seed))  # fmt: skip
    points = np.stack(
        [_as_swept(fitted.table.points[:, index], fractions[:, index])
         for index in range(len(scales))], axis=1)  # fmt: skip
    indices = _analyse(problem, fitted.mean(points), second, confidence, seed)
    others = [
        _analyse(problem, fitted.mean(points, number), second, confidence, seed, intervals=False)
        for number in range(FOLDS)
    ]
    quantile = float(student.ppf(0.5 + confidence / 2, FOLDS - 1))
    for name in [name for name in indices if not name.endswith("_conf")]:
        each = np.stack([other[name] for other in others])
        jackknife = np.sqrt((FOLDS - 1) / FOLDS * np.sum((each - each.mean(axis=0)) ** 2, axis=0))
        indices[f"{name}_conf"] = np.hypot(indices[f"{name}_conf"], quantile * jackknife)
    interval = (
        f"{confidence:.4g}: jackknife over {FOLDS} refits without one part of the candidates each, "
        f"and {_RESAMPLES} resamples of the points, added in squares"
    )
    return _indices(names, indices).assign_attrs(
        interval=interval,
        rows=len(points),
        r2=fitted.r2,
        rmse=fitted.rmse,
        surrogate=fitted.kind,
    )


def _as_swept(values: Numbers, fractions: Numbers) -> Numbers:
    """Quantiles of the swept values, so that the parameter is distributed as in the study."""
    inside = np.clip(fractions, 0.0, 1.0)
    if len(np.unique(values)) * 2 <= len(values):  # listed values
        return np.asarray(np.quantile(values, inside, method="inverted_cdf"), dtype=np.float64)
    return np.asarray(np.quantile(values, inside), dtype=np.float64)


def _salib(module: str) -> Any:
    import importlib

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(f"SALib.{module}")
    except ImportError:
        raise UserError(
            "Sobol' indices need SALib: pip install 'matsweep[sensitivity]', or take method='pawn' "
            "or 'delta'"
        ) from None


def _analyse(
    problem: dict[str, Any],
    results: Numbers,
    second: bool,
    confidence: float,
    seed: int,
    intervals: bool = True,
) -> dict[str, Numbers]:
    """Sobol' indices of a Saltelli sample, with `S2` symmetric."""
    analyse = _salib("analyze.sobol").analyze
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        indices = analyse(
            problem,
            results,
            calc_second_order=second,
            num_resamples=_RESAMPLES if intervals else 2,
            conf_level=confidence,
            seed=seed + 1,  # SALib takes 0 for none
        )
    kept = {name: np.asarray(indices[name], dtype=np.float64) for name in indices}
    for name in ("S2", "S2_conf"):
        if name in kept:
            upper = np.triu(np.nan_to_num(kept[name]), 1)
            kept[name] = upper + upper.T + np.diag(np.full(len(upper), np.nan))
    return kept


_LONG_NAMES = {
    "S1": "share of the variance by the parameter alone",
    "ST": "share of the variance by the parameter with all its interactions",
    "S2": "share of the variance by a pair beyond both alone",
    "median": "PAWN index, median over slices",
    "mean": "PAWN index, mean over slices",
    "maximum": "PAWN index, largest over slices",
    "delta": "moment-independent importance",
}


def _indices(names: list[str], indices: dict[str, Numbers]) -> xr.Dataset:
    variables = {}
    for name, values in indices.items():
        index = name.removesuffix("_conf")
        title = _LONG_NAMES[index]
        long_name = f"half-width of the interval of: {title}" if index != name else title
        dims = ("parameter", "other")[: values.ndim]
        variables[name] = (dims, values, {"long_name": long_name, "units": "1"})
    coords = {"parameter": names, "other": names}
    used = {dim for dims, _, _ in variables.values() for dim in dims}
    return xr.Dataset(variables, {dim: coords[dim] for dim in sorted(used, reverse=True)})


def _given_data(table: StudyTable, method: str, confidence: float, seed: int) -> xr.Dataset:
    """Distances between conditional and unconditional distributions, for any design."""
    if len(table.values) < 2 * SLICES:
        raise UserError(
            f"method={method} compares distributions and needs at least {2 * SLICES} done "
            f"candidates, got {len(table.values)}: sweep more points"
        )
    from scipy.special import ndtri

    rng = np.random.default_rng(seed)
    values, points = table.values, table.points
    if len(values) > _MOST:
        some = np.sort(rng.choice(len(values), _MOST, replace=False))
        values, points = values[some], points[some]
    statistic, names = (
        (pawn, ("median", "mean", "maximum")) if method == "pawn" else (delta, ("delta",))
    )
    repeats = _RESAMPLES if method == "pawn" else 60
    count = len(values)
    index, half, threshold = [], [], []
    for column in points.T:
        groups = slices(column)
        index.append(statistic(values, groups))
        drawn = [rng.integers(count, size=count) for _ in range(repeats)]
        again = [statistic(values[rows], slices(column[rows])) for rows in drawn]
        half.append(ndtri(0.5 + confidence / 2) * np.std(again, axis=0, ddof=1))
        shuffled = [statistic(rng.permutation(values), groups) for _ in range(repeats)]
        threshold.append(np.quantile(np.array(shuffled)[:, 0], confidence))
    indices = {name: np.array(index)[:, k] for k, name in enumerate(names)}
    indices |= {f"{name}_conf": np.array(half)[:, k] for k, name in enumerate(names)}
    result = _indices([scale.name for scale in table.scales], indices)
    bound = f"upper bound without influence, with probability {confidence:.4g}"
    result["threshold"] = (
        "parameter",
        np.array(threshold),
        {"long_name": f"{names[0]}: {bound}", "units": "1"},
    )
    result["significant"] = result[names[0]] > result["threshold"]
    result["significant"].attrs = {"long_name": f"whether {names[0]} is above its threshold"}
    return result.assign_attrs(
        rows=count,
        interval=f"{confidence:.4g}: {repeats} resamples of the candidates; thresholds by as many "
        "permutations",
    )
