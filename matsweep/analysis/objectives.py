"""Objectives of a study, and their good directions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matsweep.analysis.attributes import decoded, resolve
from matsweep.analysis.pareto import Mask, pareto_mask
from matsweep.analysis.view import View
from matsweep.core.checks import UserError, one_of

MAIN = ("energy", "latency", "area")
"""Costs that a study weighs against its merit."""
PHYSICAL = ("retention", "write_energy")
"""The same of a study of physics: its axes hardly move the cost of a read."""
TRAINED = ("training_energy", "pulses_p999")
"""The same of networks trained on the devices: training costs energy and endurance."""

type Objectives = str | Iterable[str] | Mapping[str, str]


def directions(view: View, objectives: Objectives | None = None) -> dict[str, str]:
    """Objectives with their good directions.

    Parameters
    ----------
    view : View
    objectives : str, names, or mapping of names to "higher" or "lower", optional
        Names take the direction from the attribute `better`. Default: those of `usual` that are
        known for at least one done candidate.

    Returns
    -------
    dict of str to {"higher", "lower"}

    Raises
    ------
    UserError
        If a name is unknown, no number, or has no good direction.
    """
    summary = view.summary
    if objectives is None:
        return {
            name: str(summary[name].attrs["better"]) for name in usual(view) if _known(view, name)
        }
    if isinstance(objectives, str):
        objectives = [objectives]
    given = objectives if isinstance(objectives, Mapping) else dict.fromkeys(objectives)
    result = {}
    for asked, direction in given.items():
        name = resolve(summary, asked)
        better = direction if direction is not None else summary[name].attrs.get("better")
        if better is None:
            raise UserError(
                f"{name} is no objective (it has no good direction): "
                f"give one, {{{name!r}: 'higher'}} or 'lower'"
            )
        if summary[name].dtype.kind not in "fiub":
            raise UserError(f"{name} holds text: only numbers can be compared")
        result[name] = one_of(f"better of {name}", better, ("higher", "lower"))
    if not result:
        raise UserError("objectives must name at least one metric")
    return result


def usual(view: View) -> tuple[str, ...]:
    """Default objectives of a study: its merit, and the metrics weighed against it.

    Parameters
    ----------
    view : View

    Returns
    -------
    tuple of str
    """
    return (view.merit, *weighed(view))


def weighed(view: View) -> tuple[str, ...]:
    """Metrics that a study weighs against its merit.

    They are the objectives of its workload; for an inference study that sweeps physics or its
    pulses, `PHYSICAL`. Older stores state nothing: where devices are trained they are `TRAINED`.

    Parameters
    ----------
    view : View

    Returns
    -------
    tuple of str
    """
    stated = tuple(name for name in decoded(view.ds, "objectives") or () if name != view.merit)
    if stated and stated != MAIN:
        return stated
    if not stated and any(name in view.summary for name in TRAINED):
        return TRAINED
    physical = ("physics.", "protocol.")
    return PHYSICAL if any(n.startswith(physical) for n in view.parameters) else MAIN


def front(view: View, objectives: Objectives | None = None) -> Mask:
    """Mark the Pareto-optimal ones among the done candidates.

    Parameters
    ----------
    view : View
    objectives : names or mapping, optional
        Default: see `directions`.

    Returns
    -------
    (candidate,) array of bool
    """
    chosen = directions(view, objectives)
    done = view.done
    mask = np.zeros(done.shape, dtype=bool)
    if chosen and done.any():
        table = np.stack([column(view, name)[done] for name in chosen], axis=1)
        mask[done] = pareto_mask(table, list(chosen.values()))
    return mask


def order(view: View, by: Objectives) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Sort the done candidates, best first.

    Ties are broken by the further objectives, then by the position; NaN comes last.

    Parameters
    ----------
    view : View
    by : name, names or mapping

    Returns
    -------
    (done candidate,) array of int
        Positions.
    """
    chosen = directions(view, by)
    done = np.flatnonzero(view.done)
    keys = [
        column(view, name)[done] * (-1.0 if better == "higher" else 1.0)
        for name, better in chosen.items()
    ]
    return done[np.lexsort(keys[::-1])]


def levelled(values: ArrayLike, precision: int = 8) -> NDArray[np.float64]:
    """Round the last digits away, so that numbers that differ by rounding only are equal.

    The means of 4 and of 5 equal realisations may differ by 1e-16.

    Parameters
    ----------
    values : (...) array
    precision : int
        Bytes of a number as it is stored: 4 keeps 6 digits, 8 keeps 12.

    Returns
    -------
    (...) array
    """
    kept = 2.0**40 if precision >= 8 else 2.0**20
    mantissa, exponent = np.frexp(np.asarray(values, dtype=np.float64))
    return np.asarray(np.ldexp(np.round(mantissa * kept) / kept, exponent))


def _known(view: View, name: str) -> bool:
    summary = view.summary
    if name not in summary or "better" not in summary[name].attrs:
        return False
    if summary[name].dims != ("candidate",) or summary[name].dtype.kind not in "fiub":
        return False
    return not bool(np.isnan(column(view, name)[view.done]).all())


def column(view: View, name: str) -> NDArray[np.float64]:
    """Metric of each candidate for comparisons, without the digits that are rounding.

    Parameters
    ----------
    view : View
    name : str

    Returns
    -------
    (candidate,) array
    """
    values = np.asarray(view.summary[name].values)
    return levelled(values, values.dtype.itemsize if values.dtype.kind == "f" else 8)
