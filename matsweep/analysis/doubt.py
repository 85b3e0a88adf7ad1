"""Two kinds of doubt: what is not known of a material, and chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from matsweep.analysis.attributes import resolve
from matsweep.analysis.drawn import Drawn, drawn_by, names_of, response_of
from matsweep.analysis.response import SCREEN, Response, fitted
from matsweep.analysis.selection import met_by_each, parse
from matsweep.analysis.view import Index, View
from matsweep.core.checks import UserError, in_range, whole

type Values = NDArray[np.float64]

_OPERATORS = "<>="
_ROWS = ("share", "share_low", "share_high", "known_low", "known_high")


def doubt(
    ds: xr.Dataset,
    what: str | Sequence[str] | None = None,
    *,
    candidate: int | Sequence[int] | None = None,
    time: float | str | None = None,
    samples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """Share of the variance over realisations that is from unknown parameters; the rest is chance.

    A realisation draws the parameters that its material does not state, and draws its devices. A
    metric's variance over realisations is var E[metric | parameters], doubt that a measurement of
    the parameters removes, and the mean of var[metric | parameters], chance, which remains. The
    first one is estimated by regression on the draws (`matsweep.analysis.response`), which counts
    neither what a fit takes up of the noise, nor what it cannot follow: that is counted as chance.
    Below 64 draws the two cannot be told apart.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate` and `realisation`, with `unknown`.
    what : str or sequence of str, optional
        A metric, or constraints of ``ds.matsweep.yields``: the doubt is then that of the yield, and
        the values are 1 and 0. Default: the merit.
    candidate : int or sequence of int, optional
        Numbers of the candidates; others are NaN. Default: all that are done.
    time : float [s] or str, optional
        One of the stored times. Default: the last.
    samples : int, >= 100
    confidence : float, in [0.5, 0.9999]
    seed : int

    Returns
    -------
    Dataset
        Along `candidate`: `share` of the variance that is from unknown parameters, with `share_low`
        and `share_high`; `std`, over realisations, `std_unknown` and `std_chance`; `known_low` and
        `known_high`, between which the mean (or yield) lies, with the probability `confidence`,
        once the parameters are known; `draws` and `parameters`, their numbers; `needed`, draws
        that are needed, 0 where there are enough. Along (`candidate`, `parameter`): `share_of_one`
        of each parameter alone. Shares are NaN where they cannot be told, and 0 without error
        where nothing is unknown.

    Raises
    ------
    UserError
        If the metric, a constraint or a candidate is unknown, or values do not vary with the
        realisation.

    References
    ----------
    A. Der Kiureghian, O. Ditlevsen, Struct. Saf. 31:105, 2009, doi:10.1016/j.strusafe.2008.06.020
    (aleatory and epistemic doubt).
    """
    view = View(ds, time)
    rows = np.flatnonzero(view.done)
    if candidate is not None:
        numbers = np.atleast_1d(candidate)
        if missing := [int(each) for each in numbers if each not in view.numbers[rows]]:
            raise UserError(f"candidate {missing[0]} is not among the done ones")
        rows = np.flatnonzero(np.isin(view.numbers, numbers) & view.done)
    return doubt_of(view, what, rows, samples=samples, confidence=confidence, seed=seed)


def doubt_of(
    view: View,
    what: str | Sequence[str] | None,
    rows: Index,
    *,
    samples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """Two kinds of doubt of some candidates of a view; see `doubt`.

    Parameters
    ----------
    view : View
    what : str, sequence of str or None
    rows : (n,) array of int
        Positions.
    samples : int
    confidence : float
    seed : int

    Returns
    -------
    Dataset
        Along all candidates of the view.

    Raises
    ------
    UserError
        If the metric or a constraint is unknown, or values do not vary with the realisation.
    """
    whole("samples", samples, low=100)
    in_range("confidence", confidence, 0.5, 0.9999)
    names, total = names_of(view), view.ds.sizes["candidate"]
    metric, values = _values(view, what)
    columns = {each: np.full(total, np.nan) for each in (*_ROWS, "std")}
    alone = np.full((total, len(names)), np.nan)
    counts = {each: np.zeros(total, dtype=np.int64) for each in ("draws", "parameters", "needed")}
    tails = 50 * (1 - confidence), 50 * (1 + confidence)
    for row in map(int, rows):
        drawn = drawn_by(view, row)
        own = values[row, : int(view.given[row])]
        counts["draws"][row], counts["parameters"][row] = own.size, len(drawn.parameters)
        if own.size > 1 and np.isfinite(own).all():
            columns["std"][row] = own.std(ddof=1)
        else:
            continue
        response = _response(view, metric, row, drawn, own)
        if response is None:
            counts["needed"][row] = SCREEN
            continue
        with threadpool_limits(1):  # sums of BLAS depend on the number of its threads
            split = _split(response, samples, np.random.default_rng(seed), tails)
        columns["share"][row] = split["share"]
        columns["share_low"][row], columns["share_high"][row] = split["interval"]
        columns["known_low"][row], columns["known_high"][row] = split["known"]
        alone[row, list(response.parameters)] = split["alone"]
    subject = metric or f"yield of {' and '.join(_constraints(what))}"
    unit = view.ds[metric].attrs.get("units", "1") if metric else "1"
    share = columns["share"]
    columns["std_unknown"] = columns["std"] * np.sqrt(share)
    columns["std_chance"] = columns["std"] * np.sqrt(1 - share)
    variables: dict[str, Any] = {
        name: ("candidate", column, {"units": "1" if "share" in name else unit})
        for name, column in columns.items()
    }
    variables |= {name: ("candidate", column, {"units": "1"}) for name, column in counts.items()}
    variables["share_of_one"] = (("candidate", "parameter"), alone, {"units": "1"})
    coords = {k: v for k, v in view.ds.coords.items() if v.dims in (("candidate",), ())}
    attrs = {"of": subject, "confidence": confidence, "samples": samples}
    return xr.Dataset(variables, {**coords, "parameter": names}, attrs)


def _split(
    response: Response, samples: int, rng: np.random.Generator, tails: tuple[float, float]
) -> dict[str, Any]:
    """Shares of the variance, and the range of the mean over the unknown parameters."""
    normals = rng.normal(size=(samples, response.functions))
    constants, coefficients = response.sampled(normals, rng.normal(size=(samples, response.draws)))
    means = coefficients @ response.columns.T
    chance = response.noise(rng, samples)
    from_unknown = means.var(axis=1)
    whole = from_unknown + chance
    with np.errstate(invalid="ignore"):
        shares = np.where(whole > 0, from_unknown / whole, 0.0)
        alone = [
            np.median(np.where(whole > 0, response.of_one(at, coefficients).var(axis=1) / whole, 0))
            for at in range(len(response.parameters))
        ]
    return {
        "share": np.median(shares),
        "interval": np.percentile(shares, tails),
        "known": np.percentile(response.everywhere(constants, coefficients), tails),
        "alone": alone,
    }


def _response(
    view: View, metric: str | None, row: int, drawn: Drawn, values: Values
) -> Response | None:
    """Regression of a metric, or of 0 and 1; None with too few draws."""
    if metric is not None:
        return response_of(view, metric, row)
    if drawn.parameters and not drawn.enough:
        return None
    return fitted(drawn.parameters, drawn.values, values)


def _constraints(what: str | Sequence[str] | None) -> list[str]:
    """Constraints among what was asked for; empty for a metric."""
    if what is None:
        return []
    given = [what] if isinstance(what, str) else list(what)
    return given if any(sign in text for text in given for sign in _OPERATORS) else []


def _values(view: View, what: str | Sequence[str] | None) -> tuple[str | None, Values]:
    """Values along (candidate, realisation), and the metric's name; None: 1 where all is met."""
    if constraints := _constraints(what):
        good = np.ones((view.ds.sizes["candidate"], view.ds.sizes.get("realisation", 1)), bool)
        for constraint in constraints:
            good = good & met_by_each(view, parse(constraint))
        return None, good.astype(np.float64)
    if what is not None and not isinstance(what, str):
        raise UserError(f"doubt is of one metric, or of constraints, got {list(what)}")
    name = resolve(view.ds, what or view.merit)
    if "realisation" not in view.ds[name].dims:
        raise UserError(f"{name} does not depend on the realisation: it has no spread to explain")
    return name, view.realised(name)
