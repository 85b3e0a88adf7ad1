"""What a metric is: a name, a unit, a direction, and how it is computed from one run."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.crossbar import Layout, layout
from matsweep.metrics.costs.bill import Bill, bill, itemised
from matsweep.scenario import Scenario
from matsweep.workloads import Inference, Learning, Lesson, Network


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """A scenario that was simulated.

    Parameters
    ----------
    scenario : Scenario
    layouts : tuple of Layout
        Of each layer of the network.
    signed : tuple of bool
        Whether each layer's inputs have both signs.
    inference : Inference
    learning : Learning or None
        Of a network that learned on its devices.
    """

    scenario: Scenario
    layouts: tuple[Layout, ...]
    signed: tuple[bool, ...]
    inference: Inference
    learning: Learning | None = None

    @classmethod
    def of(
        cls,
        scenario: Scenario,
        network: Network | Lesson,
        inference: Inference,
        learning: Learning | None = None,
    ) -> Run:
        """Return the run of a network on a scenario."""
        tile = scenario.workload.tiled(scenario.tile)
        plans = tuple(
            layout(inputs, outputs, tile, scenario.device.levels)
            for inputs, outputs in network.shapes
        )
        return cls(
            scenario=scenario,
            layouts=plans,
            signed=network.signed,
            inference=inference,
            learning=learning,
        )

    @property
    def trained(self) -> Learning:
        """The learning of a run that has one."""
        assert self.learning is not None
        return self.learning

    @property
    def ends(self) -> int:
        """How many ends of a word line are driven."""
        return 2 if getattr(self.scenario.wires, "driven", "left") == "both" else 1

    @functools.cached_property
    def bill(self) -> Bill:
        """What all parts take; computed once for all metrics."""
        return bill(self.scenario, self.layouts, self.signed, self.ends)

    @functools.cached_property
    def energy_terms(self) -> FloatArray:
        """Energy of one inference, (realisation, time, component) J; computed once."""
        return itemised(self.bill, self.inference.array_power)

    @functools.cached_property
    def energy(self) -> FloatArray:
        """Energy of one inference, (realisation, time) J: the exact sum of its terms."""
        return np.asarray(self.energy_terms.sum(axis=-1))

    @property
    def operations(self) -> int:
        """Of one inference: one multiplication and one addition for each weight."""
        return 2 * sum(plan.inputs * plan.outputs for plan in self.layouts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One number, or one for each realisation and time, that a candidate is judged by.

    Parameters
    ----------
    name : str
    long_name : str
    units : str
    better : "higher" or "lower"
    dims : tuple of str
        Beside `candidate`: of "realisation", "time", "component" (`COMPONENTS`), "baseline"
        (`BASELINES`) and, of one that is of `learning`, "epoch".
    compute : function of a Run
        Returns an array with these dimensions.
    of : str
        The metric that this one is a statistic of, over all realisations; `compute` is then a
        function of its values, (realisation, …), so that realisations may come in instalments.
    partial : bool
        Whether it may be not a number, where a material does not say enough.
    learning : bool
        Whether it is of training in the crossbar, and there is none elsewhere.
    """

    name: str
    long_name: str
    units: str
    better: Literal["higher", "lower"]
    dims: tuple[str, ...]
    compute: Callable[..., FloatArray | float]
    of: str = ""
    partial: bool = False
    learning: bool = False
