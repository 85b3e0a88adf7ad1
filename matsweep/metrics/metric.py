"""A metric: name, unit, direction, and computation from one evaluation."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from matsweep.core.registry import Registry
from matsweep.core.streams import FloatArray
from matsweep.crossbar import Layout, layout
from matsweep.machine import Matrix, Usage
from matsweep.metrics.costs.bill import Bill, bill, itemised
from matsweep.scenario import Scenario


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """A scenario with its workload's measures.

    Parameters
    ----------
    scenario : Scenario
    usages : tuple of Usage
        Of each matrix: its shape, and its use in one inference; of a block-diagonal one those of
        its packs on tiles (`Usage.split`).
    layouts : tuple of Layout
        Of each of them on the scenario's tiles.
    measures : mapping of str to (realisation[, time][, workload's dimensions]) array
        As `Prepared.run` returns them; `unknown` (realisation, parameter), the drawn numbers, where
        the scenario has unknown parameters.
    """

    scenario: Scenario
    usages: tuple[Usage, ...]
    layouts: tuple[Layout, ...]
    measures: Mapping[str, FloatArray]

    @classmethod
    def of(
        cls,
        scenario: Scenario,
        matrices: tuple[Matrix, ...],
        measures: Mapping[str, FloatArray],
    ) -> Evaluation:
        """Build the evaluation of a workload's matrices and measures on a scenario.

        Parameters
        ----------
        scenario : Scenario
        matrices : tuple of Matrix
        measures : mapping of str to (realisation[, time][, workload's dimensions]) array

        Returns
        -------
        Evaluation
        """
        tile = scenario.workload.tiled(scenario.tile)
        levels = scenario.device.levels
        usages = tuple(part for m in matrices for part in m.usage.split(tile, levels))
        return cls(
            scenario=scenario,
            usages=usages,
            layouts=tuple(layout(usage.inputs, usage.outputs, tile, levels) for usage in usages),
            measures=measures,
        )

    @property
    def ends(self) -> int:
        """Number of driven ends of a word line."""
        return 2 if getattr(self.scenario.wires, "driven", "left") == "both" else 1

    @functools.cached_property
    def bill(self) -> Bill:
        """Energy, latency and area of all parts; computed once for all metrics."""
        return bill(self.scenario, self.layouts, self.usages, self.ends)

    @functools.cached_property
    def energy_terms(self) -> FloatArray:
        """Energy of one inference, (realisation, time, component) J; computed once."""
        return itemised(self.bill, self.measures["array_power"])

    @functools.cached_property
    def energy(self) -> FloatArray:
        """Energy of one inference, (realisation, time) J: the exact sum of its terms."""
        return np.asarray(self.energy_terms.sum(axis=-1))

    @property
    def operations(self) -> int:
        """Operations of one inference: a multiplication and an addition per use of each weight."""
        return 2 * sum(usage.weights * usage.uses for usage in self.usages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A number that a candidate is judged by, or one for each realisation and time.

    Parameters
    ----------
    name : str
    long_name : str
    units : str
    better : "higher", "lower" or ""
        Empty where neither is, so that no candidate is judged by it.
    dims : tuple of str
        Next to `candidate`: of "realisation", "time", "component" (`COMPONENTS`), "baseline"
        (`BASELINES`) and the dimensions of the workload, such as "epoch".
    compute : function of an Evaluation
        Returns an array with these dimensions.
    needs : tuple of str
        Measures of the workload that it is computed from, and `COSTS` where it takes the bill of
        circuits: the metric exists in a study if a workload gives them all.
    of : str
        For a statistic over all realisations, the metric of its values; `compute` is then a
        function of those, (realisation, …), so that realisations may come in instalments. It needs
        the same measures.
    partial : bool
        Whether it may be not a number, where a material lacks data.
    """

    name: str
    long_name: str
    units: str
    better: Literal["higher", "lower", ""]
    dims: tuple[str, ...]
    compute: Callable[..., FloatArray | float]
    needs: tuple[str, ...] = ()
    of: str = ""
    partial: bool = False


METRICS: Registry[Metric] = Registry("metric", "matsweep.metrics", named="name")
"""All metrics by name: the package's own, and those of installed packages."""


def needs(metric: Metric) -> frozenset[str]:
    """Return the measures that a metric, or a statistic's own metric, is computed from.

    Parameters
    ----------
    metric : Metric

    Returns
    -------
    frozenset of str
    """
    own = frozenset(metric.needs)
    return own | needs(METRICS[metric.of]) if metric.of else own


def available(measures: frozenset[str]) -> dict[str, Metric]:
    """Return the metrics that can be computed from measures.

    Parameters
    ----------
    measures : frozenset of str
        As a workload states them (`Workload.measures`).

    Returns
    -------
    dict of str to Metric
        By name, in the order of the registry.
    """
    return {name: metric for name, metric in METRICS.items() if needs(metric) <= measures}
