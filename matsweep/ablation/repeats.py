"""Controlled repeats of a candidate: the same seeds, with one nuisance or several made ideal."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from matsweep.ablation.nuisances import NUISANCES, Nuisance, idealised
from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.scenario import Scenario
from matsweep.simulate import simulate
from matsweep.workloads import Prepared

type Values = NDArray[np.float64]

_MEASURED = ("adc_saturation", "programming_error")
"""Metrics that describe a cause, next to the merit."""


@dataclass(slots=True, kw_only=True)
class Bench:
    """A candidate that can be repeated.

    Parameters
    ----------
    scenario : Scenario
        At one time, with a reported device.
    prepared : Prepared
    merit : str
    seed : int
        The study's.
    realisations : int
        Of each repeat: the first ones of the study.
    """

    scenario: Scenario
    prepared: Prepared
    merit: str
    seed: int
    realisations: int
    _known: dict[Scenario, dict[str, Values]] = field(default_factory=dict)

    def run(self, scenario: Scenario) -> dict[str, Values]:
        """Repeat a scenario; one that was repeated before is not computed again.

        Parameters
        ----------
        scenario : Scenario

        Returns
        -------
        dict of str to (realisation,) array
            The merit, and what else is measured.

        Raises
        ------
        UserError
            If it cannot be simulated.
        """
        try:
            if scenario in self._known:
                return self._known[scenario]
        except TypeError:  # a part without a hash, such as a table of steps
            return self._simulated(scenario)
        self._known[scenario] = self._simulated(scenario)
        return self._known[scenario]

    def _simulated(self, scenario: Scenario) -> dict[str, Values]:
        with threadpool_limits(1):  # as workers do: products of several threads have other bits
            values = simulate(
                scenario, self.prepared, seed=self.seed, realisations=self.realisations,
                metrics=(self.merit, *_MEASURED),
            )  # fmt: skip
        return {name: _along_realisations(each) for name, each in values.items()}

    def applicable(self) -> Iterator[Nuisance]:
        """Yield the nuisances that the candidate has."""
        for each in NUISANCES:
            try:
                if each.idealised(self.scenario) != self.scenario:
                    yield each
            except UserError:  # what cannot be built without it
                continue

    def without(self, nuisances: Iterable[Nuisance]) -> Values:
        """Merit of each realisation with some nuisances made ideal.

        Parameters
        ----------
        nuisances : iterable of Nuisance

        Returns
        -------
        (realisation,) array
        """
        return self.run(idealised(self.scenario, nuisances))[self.merit]


def _along_realisations(values: FloatArray) -> Values:
    """Return one number for each realisation: at the only time, and the last place of others."""
    own = np.asarray(values, dtype=np.float64)
    return own.reshape(len(own), -1)[:, -1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Repeat:
    """One repeat.

    Parameters
    ----------
    title : str
        "with ideal wires".
    names : tuple of str
        Nuisances that are ideal.
    values : (realisation,) array
        The merit.
    """

    title: str
    names: tuple[str, ...]
    values: Values


def single_repeats(bench: Bench, nuisances: Sequence[Nuisance]) -> Iterator[Repeat]:
    """Yield a repeat for each nuisance, made ideal by itself.

    Parameters
    ----------
    bench : Bench
    nuisances : sequence of Nuisance

    Yields
    ------
    Repeat
    """
    for each in nuisances:
        yield Repeat(title=each.ideal, names=(each.name,), values=bench.without([each]))


def chain_repeats(bench: Bench, ordered: Sequence[Nuisance], most: int) -> Iterator[Repeat]:
    """Yield repeats from all ideal to the candidate, with one nuisance more in each.

    Parameters
    ----------
    bench : Bench
    ordered : sequence of Nuisance
        In the order in which they are added; none overlaps others.
    most : int
        Those that are added one by one; the rest follow together.

    Yields
    ------
    Repeat
        The title names what is added.
    """
    everything = tuple(each.name for each in ordered)
    yield Repeat(title="all ideal", names=everything, values=bench.without(ordered))
    for count in range(1, min(most, len(ordered)) + 1):
        left = ordered[count:]
        yield Repeat(
            title=f"+ {ordered[count - 1].name}", names=tuple(each.name for each in left),
            values=bench.without(left),
        )  # fmt: skip
    if len(ordered) > most:
        rest = ", ".join(each.name for each in ordered[most:])
        yield Repeat(title=f"+ {rest}", names=(), values=bench.without([]))


def at_one_time(scenario: Scenario, time: float) -> Scenario:
    """Return a scenario with its device resolved, read at one time only.

    Random numbers of reads belong to their time, so that leaving out others changes no bit.

    Parameters
    ----------
    scenario : Scenario
    time : float, s

    Returns
    -------
    Scenario
    """
    return dataclasses.replace(scenario.resolved, times=(time,))
