"""Layers in time: copies that balance a pipeline, its interval, and the time of one inference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.metrics.costs.terms import COMPONENTS, PLACES

_STAGES = (
    ("dac", "cells"),
    ("adc",),
    ("shift_add",),
    ("accumulation", "activation", "additions", "multiplications", "divisions", "functions"),
    ("buffers",),
)
"""Components of each stage within a layer, which work on successive products at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stage:
    """One matrix as a stage of the pipeline.

    Parameters
    ----------
    uses : int
        Products of one inference.
    latency : (component,) array, s
        Of one product.
    held, arriving : int
        Input values that have to be there before the first product, of those of one inference.
    recurrent : bool
        Whether each product needs the one before, so that copies cannot share them out.
    """

    uses: int
    latency: FloatArray
    held: int
    arriving: int
    recurrent: bool

    @property
    def slowest(self) -> FloatArray:
        """Terms of the slowest of its stages, (component,) array, s.

        They are reads with the conversion of their inputs, conversions, additions within and
        between tiles with the digital operations, and the buffer. A recurrent matrix is one stage:
        a product begins when the one before is through all of them.
        """
        if self.recurrent:
            return self.latency
        times = [_summed(self.latency, stage) for stage in _STAGES]
        return np.where(np.isin(COMPONENTS, _STAGES[times.index(max(times))]), self.latency, 0.0)

    @property
    def interval(self) -> float:
        """Time between its products in a pipeline, s."""
        if self.recurrent:
            return float(self.latency.sum())
        return max(_summed(self.latency, stage) for stage in _STAGES)

    def turns(self, copies: int) -> int:
        """Return the products that the busiest of its copies takes, one after the other.

        Parameters
        ----------
        copies : int

        Returns
        -------
        int
        """
        return self.uses if self.recurrent else -(-self.uses // copies)

    def needed(self, copies: int) -> int:
        """Return the copies that lower the number of turns.

        Parameters
        ----------
        copies : int
            That there are.

        Returns
        -------
        int
            The same number where no more copies help.
        """
        turns = self.turns(copies)
        return copies if turns <= 1 or self.recurrent else -(-self.uses // (turns - 1))

    def span(self, products: int) -> FloatArray:
        """Return the time of products that follow each other in a pipeline.

        Parameters
        ----------
        products : int

        Returns
        -------
        (component,) array, s
        """
        if products == 0:
            return np.zeros(len(COMPONENTS))
        return self.latency + (products - 1) * self.slowest


def _summed(latency: FloatArray, stage: tuple[str, ...]) -> float:
    return float(sum(latency[PLACES[name]] for name in stage))


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """Stages that share tiles, so that only one of them works at a time.

    Parameters
    ----------
    stages : tuple of int
        Indices.
    tiles : int
    """

    stages: tuple[int, ...]
    tiles: int


def interval(stages: Sequence[Stage], station: Station, copies: int) -> float:
    """Return the time between inferences that a station takes in a pipeline.

    Parameters
    ----------
    stages : sequence of Stage
    station : Station
    copies : int

    Returns
    -------
    float, s
    """
    return sum(stages[i].turns(copies) * stages[i].interval for i in station.stages)


def balanced(stages: Sequence[Stage], stations: Sequence[Station], bound: int) -> tuple[int, ...]:
    """Return copies of stations that make the interval of the pipeline least.

    The slowest stations get another copy for as long as all arrays are within a bound: none can be
    faster with as many arrays, as each copy that is there is needed for the interval.

    Parameters
    ----------
    stages : sequence of Stage
    stations : sequence of Station
    bound : int
        Of the arrays of one copy of the network; where one of each layer exceeds it, there are no
        more.

    Returns
    -------
    tuple of int
        Of each station.

    References
    ----------
    A. Shafiee et al., ISCA 2016, doi:10.1109/ISCA.2016.12: early layers are replicated alike.
    """
    copies = [1] * len(stations)
    times = [interval(stages, station, 1) for station in stations]
    used = sum(station.tiles for station in stations)
    while times and (slowest := max(times)) > 0:
        more = {}
        for place, time in enumerate(times):
            if time == slowest:
                options = [stages[i].needed(copies[place]) for i in stations[place].stages]
                more[place] = min((n for n in options if n > copies[place]), default=0)
        if not all(more.values()):
            break
        used += sum((n - copies[place]) * stations[place].tiles for place, n in more.items())
        if used > bound:
            break
        for place, number in more.items():
            copies[place] = number
            times[place] = interval(stages, stations[place], number)
    return tuple(copies)


def passing(stages: Sequence[Stage], copies: Sequence[int], shared: Sequence[bool]) -> FloatArray:
    """Return the time of one inference through a pipeline, from the first input to the last output.

    A layer begins when its buffer holds the inputs of its first product, and ends one product after
    the layer before it has ended, or when it has been through all of its own: the longest of the
    paths that wait for the beginning up to one layer, and for the end from there on. Layers are
    taken as a chain in their order; a layer that shares its tiles lets the next begin when it is
    through.

    Parameters
    ----------
    stages : sequence of Stage
    copies : sequence of int
        Of each stage.
    shared : sequence of bool
        Whether a stage shares its tiles with another one.

    Returns
    -------
    (component,) array, s
    """
    turns = [stage.turns(number) for stage, number in zip(stages, copies, strict=True)]
    spans, lasts, begins = [], [], []
    for place, (stage, number) in enumerate(zip(stages, turns, strict=True)):
        first = number
        if place + 1 < len(stages) and not (shared[place] or shared[place + 1]):
            after = stages[place + 1]
            if after.arriving:
                first = min(number, max(1, -(-number * after.held // after.arriving)))
        begins.append(stage.span(min(first, number)))
        spans.append(stage.span(number))
        lasts.append(stage.span(min(1, number)))
    paths = [
        _added([*begins[:place], spans[place], *lasts[place + 1 :]]) for place in range(len(stages))
    ]
    return max(paths, key=lambda path: float(path.sum()), default=np.zeros(len(COMPONENTS)))


def _added(terms: Sequence[FloatArray]) -> FloatArray:
    total = np.zeros(len(COMPONENTS))
    for term in terms:
        total = total + term
    return total
