"""Values of options once what is not known of them is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matsweep.analysis.drawn import response_of
from matsweep.analysis.view import Index, View

type Values = NDArray[np.float64]

_BLOCK = 2_000_000  # numbers drawn at a time

NONE, MEANS, REALISATIONS = "nothing is unknown", "conditional means", "single realisations"
"""How unknown parameters count."""


def settled(
    view: View, name: str, rows: Index, samples: int, rng: np.random.Generator
) -> tuple[Values, str]:
    """Draw what the means of options may turn out to be once their unknowns are known.

    A sample draws, for each material independently, a value of its unknown parameters: those of one
    of its realisations, the same for all its options. An option's value is its mean there, which
    the regression gives with its error (`Response`), not the realisation's own value, which has
    chance in it. With too few draws for a regression it is the realisation's value after all:
    chance then counts as if it were not known, so that the doubt comes out too large, never too
    small. An option with nothing unknown has its mean, with its error. What is lucky for all
    options in the same realisation stays so.

    Parameters
    ----------
    view : View
    name : str
        A metric along `realisation`.
    rows : (option,) array of int
        Positions, each with two realisations at least.
    samples : int
    rng : numpy.random.Generator

    Returns
    -------
    values : (sample, option) array
    how : str
        How unknown parameters count: `MEANS`, or `REALISATIONS` if they do so for any.
    """
    places = [int(row) for row in rows]
    responses = [response_of(view, name, row) for row in places]
    realised, given = view.rows(places).realised(name), view.given[rows]
    materials = view.materials[rows].astype(str).tolist()
    values = np.empty((samples, len(places)))
    step = max(1, _BLOCK // int(given.max()))
    for start in range(0, samples, step):
        block = slice(start, min(start + step, samples))
        size = block.stop - start
        luck = rng.normal(size=(size, int(given.max())))
        for material in dict.fromkeys(materials):
            own = [at for at, each in enumerate(materials) if each == material]
            drawn = rng.integers(0, int(given[own].min()), size)
            widest = max((r.functions for at in own if (r := responses[at]) is not None), default=0)
            normals = rng.normal(size=(size, widest))
            for at in own:
                response = responses[at]
                values[block, at] = (
                    realised[at, drawn]
                    if response is None
                    else response.at(drawn, *response.sampled(normals, luck))
                )
    return values, REALISATIONS if any(each is None for each in responses) else MEANS
