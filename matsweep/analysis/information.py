"""Worth of measuring what is not known: which measurement would change the choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from matsweep.analysis.dominance import SENSE
from matsweep.analysis.drawn import drawn_by, names_of, response_of
from matsweep.analysis.objectives import directions
from matsweep.analysis.response import RANK, SCREEN, Response
from matsweep.analysis.stability import options_of
from matsweep.analysis.view import Index, View
from matsweep.core.checks import UserError, in_range, whole

type Values = NDArray[np.float64]

_ONE, _ALL = ("worth", "changed"), ("worth_of_all", "changed_by_all")
_TOGETHER = ("worth_of_everything", "changed_by_everything")
_ENDS = ("", "_low", "_high")
_MAY, _OFTEN = 0.1, 0.05  # of the worth of knowing all; of cases


def information(
    ds: xr.Dataset,
    by: str | None = None,
    *,
    among: str = "material",
    time: float | str | None = None,
    top: int = 10,
    samples: int = 400,
    confidence: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """Estimate the worth of knowing each unknown parameter before the choice is made.

    The choice is the option with the best mean: the best candidate of each material. Knowing a
    parameter phi of the material m may change it. Its worth is the expected value of partial
    perfect information, E_phi[max(E[u_m | phi], others)] - max(E[u_m], others), with u the metric
    and `others` the best mean of the other materials, whose draws are independent of phi. It is at
    least 0, and 0 where no value of phi changes the choice. E[u_m | phi] is from a regression on
    the draws (`matsweep.analysis.response`). The maximum of noisy estimates is too large: here it
    is taken in each of many functions that agree with the draws, and the maximum of the means in
    the same one is subtracted, so that a parameter without any effect is worth 0.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate` and `realisation`, with `unknown`.
    by : str, optional
        A metric with a good direction. Default: the merit of the study.
    among : str
        A text coordinate along `candidate`: the best of each is an option.
    time : float [s] or str, optional
        One of the stored times. Default: the last.
    top : int
        Options, the best ones.
    samples : int, >= 100
        Sampled functions.
    confidence : float, in [0.5, 0.9999]
    seed : int

    Returns
    -------
    Dataset
        Along (`option`, `parameter`): `worth` in the metric's unit, and `changed`, the share of
        cases in which the choice changes, each with `_low` and `_high`; NaN with fewer than 256
        draws, which only screen: then `matters` marks the parameters that may matter, those whose
        worth may be 10 % of that of knowing everything, and the tolerance of the choice, which is
        the attribute `tolerance`: 0.5 points of a share, 2 % of the best value of another metric.
        Along `option`: the same for all parameters
        of the option together, as `worth_of_all`, `changed_by_all`; `candidate`, `value`, `draws`.
        Without dimension: for everything that is unknown, `worth_of_everything`,
        `changed_by_everything`. The attribute `needed` is the number of draws that ranks them, 0
        where there are enough.

    Raises
    ------
    UserError
        If there are fewer than two options, nothing is unknown, options share what is unknown of
        their material, or there are fewer than 64 draws.

    References
    ----------
    M. Strong, J. E. Oakley, A. Brennan, Med. Decis. Making 34:311, 2014,
    doi:10.1177/0272989X13505910.
    """
    return information_of(View(ds, time), by, among=among, top=top, samples=samples,
                          confidence=confidence, seed=seed)  # fmt: skip


def information_of(
    view: View,
    by: str | None = None,
    *,
    among: str = "material",
    top: int = 10,
    samples: int = 400,
    confidence: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """Worth of knowing the unknown parameters of a view's options; see `information`.

    Parameters
    ----------
    view : View
    by : str, optional
    among : str
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
        If there are fewer than two options, nothing is unknown, options share what is unknown of
        their material, or there are fewer than 64 draws.
    """
    whole("top", top, low=2)
    whole("samples", samples, low=100)
    in_range("confidence", confidence, 0.5, 0.9999)
    ((name, better),) = directions(view, [by or view.merit]).items()
    sign = 1.0 if better == "higher" else -1.0
    rows = options_of(view, sign * view.column(name), among)[:top]
    if len(rows) < 2:
        raise UserError(f"only {len(rows)} {among} to compare: a choice needs two")
    if "realisation" not in view.ds[name].dims:
        raise UserError(f"{name} does not depend on the realisation: no draw changes it")
    _check_draws(view, rows)
    with threadpool_limits(1):  # sums of BLAS depend on the number of its threads
        sampled = _sampled(view, name, rows, sign, samples, np.random.default_rng(seed))
    tails = 50 * (1 - confidence), 50 * (1 + confidence)
    names, labels = names_of(view), view.ds[among].values[rows].astype(str)
    needed = RANK if min(each.draws for each in sampled.unknown) < RANK else 0
    share = view.is_share(name)
    tolerance = SENSE.margin(name, share) * (
        1.0 if share else abs(float(view.column(name)[rows[0]]))
    )
    with threadpool_limits(1):
        variables, matters = _worths(sampled, len(names), tails, tolerance)
    results: dict[str, Any] = {
        "candidate": ("option", view.numbers[rows]),
        "matters": (("option", "parameter"), matters),
    }
    unit = view.ds[name].attrs.get("units", "1")
    for key, (dims, values) in variables.items():
        kept = np.full_like(values, np.nan) if needed else values
        results[key] = (dims, kept, {"units": unit if key.startswith("worth") else "1"})
    results["value"] = ("option", view.column(name)[rows], {"units": unit})
    results["draws"] = ("option", view.given[rows])
    attrs = {"by": name, "among": among, "confidence": confidence, "samples": samples,
             "needed": needed, "tolerance": tolerance}  # fmt: skip
    return xr.Dataset(results, {"option": labels, "parameter": names}, attrs)


def _check_draws(view: View, rows: Index) -> None:
    drawn = [drawn_by(view, int(row)) for row in rows]
    unknown = [each for each in drawn if each.parameters]
    if not unknown:
        raise UserError("nothing is unknown of these candidates: no measurement changes the choice")
    materials = view.materials[rows].tolist()
    for material, each in zip(materials, drawn, strict=True):
        if each.parameters and materials.count(material) > 1:
            raise UserError(
                f"{materials.count(material)} options share what is unknown of {material}, and a "
                "measurement would change all of them: compare the best of each (among=material)"
            )
    if not any(each.enough for each in unknown):
        most = max(len(each.values) for each in unknown)
        raise UserError(
            f"{most} realisations cannot show what is worth measuring: {SCREEN} screen the "
            f"unknown parameters, {RANK} rank them"
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Sampled:
    """Functions that agree with the draws of each option.

    Parameters
    ----------
    sign : {1.0, -1.0}
        -1 where less is better.
    means : (sample, option) array
        Over the unknown parameters, times the sign.
    responses : tuple of Response or None
        None: the option's own parameters cannot be told from chance, and do not count.
    coefficients : tuple of (sample, function) array
    shuffles : (draw, option) array of int
        Keys that put each option's draws in an order of its own.
    """

    sign: float
    means: Values
    responses: tuple[Response | None, ...]
    coefficients: tuple[Values, ...]
    shuffles: NDArray[np.intp]

    @property
    def unknown(self) -> list[Response]:
        """Responses to parameters."""
        return [each for each in self.responses if each is not None and each.parameters]

    def of_all(self, option: int) -> Values:
        """Means of an option where its parameters are known, (sample, draw)."""
        response, means = self.responses[option], self.means[:, option]
        if response is None:
            return means[:, None]
        signed = response.everywhere(self.sign * means, self.coefficients[option])
        return np.asarray(self.sign * signed)

    def others(self, option: int) -> Values:
        """Best mean of the other options, (sample,)."""
        return np.asarray(np.delete(self.means, option, axis=1).max(axis=1))


def _sampled(
    view: View, name: str, rows: Index, sign: float, samples: int, rng: np.random.Generator
) -> _Sampled:
    given = view.given[rows]
    realised = view.rows(rows).realised(name)
    luck = rng.normal(size=(samples, int(given.max())))
    means, coefficients, responses = [], [], []
    for at, row in enumerate(map(int, rows)):
        response = response_of(view, name, row)
        responses.append(response)
        if response is None:
            own = realised[at, : given[at]]
            error = own.std(ddof=1) / np.sqrt(own.size)
            means.append(sign * (own.mean() + error * rng.normal(size=samples)))
            coefficients.append(np.zeros((samples, 0)))
        else:
            normals = rng.normal(size=(samples, response.functions))
            constants, drawn = response.sampled(normals, luck)
            means.append(sign * constants)
            coefficients.append(drawn)
    shuffles = rng.integers(0, 2**31, (int(given.max()), len(rows)))
    return _Sampled(sign, np.stack(means, axis=1), tuple(responses), tuple(coefficients), shuffles)


def _worths(
    sampled: _Sampled, parameters: int, tails: tuple[float, float], tolerance: float
) -> tuple[dict[str, tuple[Any, Values]], NDArray[np.bool_]]:
    """Worths and shares of changed choices, with intervals; which parameters may matter."""
    options = len(sampled.responses)
    one = {f"{key}{end}": np.full((options, parameters), np.nan) for key in _ONE for end in _ENDS}
    every = {f"{key}{end}": np.full(options, np.nan) for key in _ALL for end in _ENDS}
    base = sampled.means.max(axis=1)
    for option, response in enumerate(sampled.responses):
        if response is None:
            continue
        others = sampled.others(option)
        for at, place in enumerate(response.parameters):
            part = sampled.sign * response.of_one(at, sampled.coefficients[option])
            known = sampled.means[:, option, None] + part
            _put(one, _ONE, (option, place), _gain(known, others, base), tails)
        _put(every, _ALL, option, _gain(sampled.of_all(option), others, base), tails)
    total: dict[str, Values] = {}
    for key, values in zip(_TOGETHER, _together(sampled), strict=True):
        low, high = np.percentile(values, tails)
        for end, value in (("", np.median(values)), ("_low", low), ("_high", high)):
            total[f"{key}{end}"] = np.asarray(value)
    with np.errstate(invalid="ignore"):
        least = max(_MAY * float(total["worth_of_everything"]), tolerance)
        matters = one["worth_high"] >= least
        matters &= one["changed_high"] >= _OFTEN
    result: dict[str, tuple[Any, Values]] = {
        key: (("option", "parameter"), values) for key, values in one.items()
    }
    result |= {key: ("option", values) for key, values in every.items()}
    result |= {key: ((), values) for key, values in total.items()}
    return result, matters


def _gain(known: Values, others: Values, base: Values) -> tuple[Values, Values]:
    """Worth of knowing an option's means, and share of changed choices, (sample,).

    What is gained is the lead over the option that is chosen before, where there is one.

    Parameters
    ----------
    known : (sample, draw) array
        Means of the option, once something is known.
    others, base : (sample,) array
        Best mean of the others; of all.
    """
    lead = np.where(base > others, -1.0, 1.0)[:, None] * (known - others[:, None])
    return np.maximum(lead, 0.0).mean(axis=1), (lead > 0).mean(axis=1)


def _together(sampled: _Sampled) -> tuple[Values, Values]:
    """Worth of knowing everything, and share of changed choices, (sample,).

    Draws of two options are independent: each option's are taken in an order of its own.
    """
    options = len(sampled.responses)
    count = min(each.draws for each in sampled.unknown)
    before = sampled.means.argmax(axis=1)[:, None]
    best = np.full((len(before), count), -np.inf)
    kept = best.copy()
    for option in range(options):
        known = sampled.of_all(option)
        places = np.argsort(sampled.shuffles[:, option], kind="stable")
        if known.shape[1] > 1:
            known = known[:, places[places < known.shape[1]][:count]]
        best = np.maximum(best, known)
        kept = np.where(before == option, known, kept)
    return np.asarray((best - kept).mean(axis=1)), np.asarray((best > kept).mean(axis=1))


def _put(
    into: dict[str, Values],
    keys: tuple[str, str],
    place: Any,
    values: tuple[Values, Values],
    tails: tuple[float, float],
) -> None:
    """Store medians and intervals."""
    for key, sample in zip(keys, values, strict=True):
        into[key][place] = np.median(sample)
        into[f"{key}_low"][place], into[f"{key}_high"][place] = np.percentile(sample, tails)
