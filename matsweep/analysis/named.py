"""Candidates that are named by their material."""

from __future__ import annotations

import numpy as np

from matsweep.analysis.objectives import order
from matsweep.analysis.view import View
from matsweep.core.checks import UserError, near

_SHOWN = 6


def best_of(view: View, name: str) -> int:
    """Return the position of the best done candidate of a material.

    Parameters
    ----------
    view : View
    name : str
        Name or label of a material, in letters of either case.

    Returns
    -------
    int

    Raises
    ------
    UserError
        If the study has no such material, or none of its candidates is done.
    """
    labels = {view.label(each): each for each in view.present(np.ones_like(view.done))}
    known = {**{each: each for each in labels.values()}, **labels}
    lower = {each.lower(): material for each, material in known.items()}
    material = lower.get(name.lower())
    if material is None:
        listed = list(labels.values())
        some = ", ".join(listed[:_SHOWN]) + (", …" if len(listed) > _SHOWN else "")
        raise UserError(
            f"candidate must be a number, or a material of the study, got {name!r}"
            f"{near(name.lower(), lower)}" + (f" (there are {some})" if some else "")
        )
    ranked = order(view, view.merit)
    own = ranked[view.materials[ranked] == material]
    if not own.size:
        raise UserError(f"{material} has no candidate that is done")
    return int(own[0])
