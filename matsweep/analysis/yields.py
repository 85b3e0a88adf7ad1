"""Yield: share of the fabricated devices that meets a specification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from matsweep.analysis.pareto import Mask
from matsweep.analysis.selection import Constraint, met_by_each, parse, selected
from matsweep.analysis.view import View
from matsweep.core.checks import UserError, in_range
from matsweep.core.specification import split_chance
from matsweep.core.units import read_quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """``P(constraint and constraint) >= share``: enough of the realisations meet all of them.

    Parameters
    ----------
    constraints : tuple of Constraint
    operator : {">", ">="}
    share : float
        In [0, 1].
    """

    constraints: tuple[Constraint, ...]
    operator: str
    share: float

    def __str__(self) -> str:
        inner = " and ".join(map(str, self.constraints))
        return f"P({inner}) {self.operator} {100 * self.share:g} %"


def parse_chance(text: str) -> Chance | None:
    """Read a chance constraint such as ``P(accuracy >= 95 % and energy <= 1 nJ) >= 90 %``.

    Parameters
    ----------
    text : str

    Returns
    -------
    Chance or None
        None if it does not begin as one.

    Raises
    ------
    UserError
        If it begins as one and cannot be read.
    """
    parts = split_chance(text) if isinstance(text, str) else None
    if parts is None:
        return None
    inner, operator, written = parts
    share = read_quantity(written, "1", "the share of the realisations")
    if 1 < share <= 100 and "%" not in written:
        raise UserError(f"the share of the realisations must be in [0, 1], got {share:g}: did you "
                        f"mean {share:g} %?")  # fmt: skip
    in_range("the share of the realisations", share, 0.0, 1.0)
    return Chance(constraints=tuple(map(parse, inner)), operator=operator, share=share)


def yields(
    ds: xr.Dataset,
    *constraints: str | Constraint,
    time: float | str | None = None,
    confidence: float = 0.95,
) -> xr.Dataset:
    """Share of each candidate's realisations that meet all constraints.

    A realisation is one fabricated set of devices, so that the share is the yield. The interval is
    Clopper and Pearson's: it covers the true yield with a probability of at least `confidence`.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate` and `realisation`.
    *constraints : str or Constraint
        Constraints of ``ds.matsweep.select``; the same realisation must meet all.
    time : float [s] or str, optional
        One of the stored times. Default: the last.
    confidence : float
        Of the two-sided interval.

    Returns
    -------
    Dataset
        Along `candidate`: `yield`, `yield_low`, `yield_high` (fractions; NaN where a candidate is
        not done), `met` and `realisations` (counts).

    Raises
    ------
    UserError
        If a constraint cannot be read, or there is none.

    References
    ----------
    C. J. Clopper, E. S. Pearson, Biometrika 26:404, 1934, doi:10.1093/biomet/26.4.404.
    """
    return yields_of(View(ds, time), constraints, confidence)


def yields_of(
    view: View, constraints: Sequence[str | Constraint], confidence: float = 0.95
) -> xr.Dataset:
    """Yield of each candidate of a view; see `yields`.

    Parameters
    ----------
    view : View
    constraints : sequence of str or Constraint
    confidence : float, in [0.5, 0.9999]

    Returns
    -------
    Dataset

    Raises
    ------
    UserError
        If a constraint cannot be read, or there is none.
    """
    in_range("confidence", confidence, 0.5, 0.9999)
    if not constraints:
        raise UserError("the yield is of a specification: give at least one constraint")
    parsed = [parse(each) if isinstance(each, str) else each for each in constraints]
    count = view.given
    good = np.arange(view.ds.sizes.get("realisation", 1)) < count[:, None]
    for constraint in parsed:
        good = good & met_by_each(view, constraint)
    met, trials = np.where(view.done, good.sum(axis=1), 0), np.where(view.done, count, 0)
    low, high = binomial_interval(met, trials, confidence)
    share = np.divide(met, trials, out=np.full(len(met), np.nan), where=trials > 0)
    specification = " and ".join(map(str, parsed))

    def along(values: NDArray[np.generic], name: str, **more: str) -> xr.DataArray:
        attrs = {"units": "1", "long_name": name, **more}
        return xr.DataArray(values, dims="candidate", attrs=attrs)

    return xr.Dataset(
        {
            "yield": along(share, f"yield of {specification}", better="higher"),
            "yield_low": along(low, f"lower end of its {confidence:.4g} interval"),
            "yield_high": along(high, f"upper end of its {confidence:.4g} interval"),
            "met": along(met, "realisations that meet it"),
            "realisations": along(trials, "realisations"),
        },
        {k: v for k, v in view.ds.coords.items() if v.dims in (("candidate",), ())},
        {"specification": specification, "confidence": confidence},
    )


def binomial_interval(
    successes: ArrayLike, trials: ArrayLike, confidence: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Clopper and Pearson's interval of a share; 0 to 1 without trials.

    Parameters
    ----------
    successes : (...) array of int
    trials : (...) array of int
    confidence : float
        Two-sided.

    Returns
    -------
    low, high : (...) array
    """
    from scipy.special import betaincinv

    k, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    tail = (1 - confidence) / 2
    low = np.where(k > 0, betaincinv(np.maximum(k, 1), n - k + 1, tail), 0.0)
    high = np.where(k < n, betaincinv(k + 1, np.maximum(n - k, 1), 1 - tail), 1.0)
    return low, high


def met(view: View, constraint: Constraint | Chance, confidence: float | None = None) -> Mask:
    """Mark the done candidates that meet a constraint, on a chance or on the means.

    Parameters
    ----------
    view : View
    constraint : Constraint or Chance
    confidence : float or None
        For a chance, see `enough`.

    Returns
    -------
    (candidate,) array of bool
    """
    if isinstance(constraint, Chance):
        return enough(view, [constraint], confidence)
    return selected(view.summary, [constraint])


def enough(view: View, chances: Sequence[Chance], confidence: float | None = None) -> Mask:
    """Mark the done candidates that meet all chance constraints.

    Parameters
    ----------
    view : View
    chances : sequence of Chance
    confidence : float or None
        Compare the lower end of the yield's two-sided interval of this confidence; None: the yield.

    Returns
    -------
    (candidate,) array of bool

    Raises
    ------
    UserError
        If there is a confidence and no chance.
    """
    if confidence is not None and not chances:
        raise UserError(f"confidence applies to P(...) >= SHARE only, got {confidence!r} without "
                        f"one: leave it out, or add such a constraint")  # fmt: skip
    mask: Mask = view.done.copy()
    for chance in chances:
        table = yields_of(view, chance.constraints, 0.95 if confidence is None else confidence)
        share = table["yield" if confidence is None else "yield_low"].values
        close = np.isclose(share, chance.share, rtol=1e-12, atol=0.0)
        mask &= (share > chance.share) & ~close | close & (chance.operator == ">=")
    return mask
