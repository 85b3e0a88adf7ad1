"""Candidates that are alike in everything but the material."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matsweep.analysis.objectives import levelled, reached, useful
from matsweep.analysis.pareto import Mask
from matsweep.analysis.view import Index, View
from matsweep.core.checks import UserError

USEFUL = 0.9
"""Share of the way from guessing to the ideal machine from which a candidate counts."""


def settings(view: View) -> Index:
    """Return the number of each candidate's setting: its swept parameters but the material.

    Parameters
    ----------
    view : View

    Returns
    -------
    (candidate,) array of int
        Candidates with the same number differ in the material alone.
    """
    columns = [np.asarray(view.ds[name].values).astype(str) for name in view.varied]
    if not columns:
        return np.zeros(view.done.size, dtype=np.intp)
    codes = np.stack([np.unique(each, return_inverse=True)[1] for each in columns], axis=1)
    return np.asarray(np.unique(codes, axis=0, return_inverse=True)[1].ravel(), dtype=np.intp)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Alike:
    """One candidate of each material, alike in all else where the study allows.

    Parameters
    ----------
    rows : (material,) array of int
        Positions, the lowest energy first.
    good : (candidate,) array of bool
        Candidates of the study that keep the merit.
    rule : str
        What they keep, in words: "at most 1 % of accuracy lost".
    misses : str
        What the others do: "more than 1 % of accuracy lost".
    shared : bool
        Whether the candidates share all but the material.
    """

    rows: Index
    good: Mask
    rule: str
    misses: str
    shared: bool


def alike(view: View, loss: float = 0.01) -> Alike:
    """Choose the candidates whose energies can be compared.

    Of all settings that several materials have, the one in which most materials keep the merit, and
    of these the one of the lowest energy (geometric mean over the materials that keep it). Where no
    setting has several materials, the lowest energy of each, whatever else differs.

    Parameters
    ----------
    view : View
    loss : float
        Largest loss of the merit against floating point. Where no candidate keeps that, those count
        that are useful, 90 % of the way from guessing to the ideal machine; then those that lose no
        more against the best.

    Returns
    -------
    Alike

    Raises
    ------
    UserError
        If no candidate that is done has an energy and a merit.
    """
    for name in (view.merit, "energy"):
        if name not in view.summary:
            raise UserError(f"the results hold no {name}")
    energy = view.column("energy")
    known = view.compared & np.isfinite(energy) & (energy > 0)
    known &= np.isfinite(view.column(view.merit))
    if not known.any():
        raise UserError("no candidate is done, so there is nothing to draw")
    good, rule, misses = _keeping(view, known, loss)
    found = _setting(view, known, good, energy)
    shared = found is not None
    rows = found if found is not None else _cheapest(view, known, good, energy)
    return Alike(rows=rows[np.argsort(energy[rows], kind="stable")], good=good, rule=rule,
                 misses=misses, shared=shared or rows.size < 2)  # fmt: skip


def _keeping(view: View, known: Mask, loss: float) -> tuple[Mask, str, str]:
    """Candidates that keep the merit, what that means, and what the others miss."""
    merit, title = view.merit, view.title(view.merit)
    sign = -1.0 if view.summary[merit].attrs.get("better") == "lower" else 1.0
    values = sign * view.column(merit)
    ideal = view.reference(merit)
    lost = f"{100 * loss:g} %" if view.is_share(merit) else f"{loss:g}"
    best = float(values[known].max())
    top = best if ideal is None else sign * ideal
    good = known & (values >= float(levelled(top - loss)))
    if good.any():
        return good, f"at most {lost} of {title} lost", f"more than {lost} of {title} lost"
    threshold = useful(view, USEFUL)
    if threshold is not None and (good := known & reached(view, threshold)).any():
        text = f"{100 * threshold:.1f} %" if view.is_share(merit) else f"{threshold:.4g}"
        worse = "above" if sign < 0 else "below"
        return good, f"useful, {title} {text}", f"not useful, {title} {worse} {text}"
    best_of = known & (values >= float(levelled(best - loss)))
    return best_of, f"within {lost} of the best {title}", f"not within {lost} of the best {title}"


def _setting(view: View, known: Mask, good: Mask, energy: NDArray[np.float64]) -> Index | None:
    """Candidates of the setting in which most materials keep the merit; None: none has several."""
    numbers = settings(view)
    best: tuple[tuple[int, int, float], Index] | None = None
    for number in np.unique(numbers[known]):
        rows = first_of_each(view, np.flatnonzero(known & (numbers == number)))
        kept = rows[good[rows]]
        if rows.size < 2 or not kept.size:
            continue
        rank = (-kept.size, -rows.size, float(np.log(energy[kept]).mean()))
        if best is None or rank < best[0]:
            best = rank, rows
    return None if best is None else best[1]


def first_of_each(view: View, rows: Index) -> Index:
    """Select the first candidate of each material.

    Parameters
    ----------
    view : View
    rows : (n,) array of int
        Positions.

    Returns
    -------
    (material,) array of int
    """
    _, first = np.unique(view.materials[rows].astype(str), return_index=True)
    return np.asarray(rows[first])


def _cheapest(view: View, known: Mask, good: Mask, energy: NDArray[np.float64]) -> Index:
    """Candidate of the lowest energy of each material; of those that keep the merit, if any do."""
    chosen = []
    for name in sorted(set(view.materials[known].tolist())):
        own = known & (view.materials == name)
        own = own & good if (own & good).any() else own
        chosen.append(min(np.flatnonzero(own), key=lambda row: energy[row]))
    return np.array(chosen, dtype=np.intp)
