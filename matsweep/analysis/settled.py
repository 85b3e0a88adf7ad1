"""Values of options once what is not known of them is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from matsweep.analysis.drawn import response_of
from matsweep.analysis.response import Response
from matsweep.analysis.view import Index, View

type Values = NDArray[np.float64]

_BLOCK = 2_000_000  # numbers drawn at a time

NONE, MEANS, REALISATIONS = "nothing is unknown", "conditional means", "single realisations"
"""How unknown parameters count."""


def settled(
    view: View, name: str, rows: Index, samples: int, rng: np.random.Generator
) -> tuple[Values, Values, str]:
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
    single : (sample, option) array
        The same, but with the values of single realisations in the place of means: in them chance
        counts as if it were not known, where a regression counts what it cannot follow as chance.
    how : str
        How unknown parameters count: `MEANS`, or `REALISATIONS` if they do so for any.
    """
    places = [int(row) for row in rows]
    responses = [response_of(view, name, row) for row in places]
    given = view.given[rows]
    options = _Options(
        responses,
        view.rows(places).realised(name),
        given,
        view.materials[rows].astype(str).tolist(),
    )
    step = max(1, _BLOCK // int(given.max()))
    with threadpool_limits(1):  # sums of BLAS depend on the number of its threads
        blocks = [
            options.sampled(min(step, samples - start), rng) for start in range(0, samples, step)
        ]
    how = REALISATIONS if any(each is None for each in responses) else MEANS
    values, single = (np.concatenate(each) for each in zip(*blocks, strict=True))
    return values, single, how


@dataclass(frozen=True, slots=True, eq=False)
class _Options:
    """Options with their realisations.

    Parameters
    ----------
    responses : list of Response or None
    realised : (option, realisation) array
    given : (option,) array of int
    materials : list of str
    """

    responses: list[Response | None]
    realised: Values
    given: NDArray[np.int64]
    materials: list[str]

    def sampled(self, size: int, rng: np.random.Generator) -> tuple[Values, Values]:
        """Values once the unknown parameters are known, and of single realisations."""
        values = np.empty((size, len(self.materials)))
        single = np.empty_like(values)
        luck = rng.normal(size=(size, int(self.given.max())))
        for material in dict.fromkeys(self.materials):
            own = [at for at, each in enumerate(self.materials) if each == material]
            drawn = rng.integers(0, int(self.given[own].min()), size)
            functions = [each.functions for at in own if (each := self.responses[at]) is not None]
            normals = rng.normal(size=(size, max(functions, default=0)))
            for at in own:
                response = self.responses[at]
                single[:, at] = self.realised[at, drawn]
                if response is None:
                    values[:, at] = single[:, at]
                    continue
                values[:, at] = response.at(drawn, *response.sampled(normals, luck))
                if not response.functions:  # nothing is unknown of it
                    single[:, at] = values[:, at]
        return values, single
