"""What a metric is: a name, a unit, a direction, and how it is computed from one run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from matsweep.crossbar import Layout, layout
from matsweep.scenario import Scenario
from matsweep.streams import FloatArray
from matsweep.workloads import Inference, Network


@dataclass(frozen=True, slots=True, kw_only=True)
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
    """

    scenario: Scenario
    layouts: tuple[Layout, ...]
    signed: tuple[bool, ...]
    inference: Inference

    @classmethod
    def of(cls, scenario: Scenario, network: Network, inference: Inference) -> Run:
        """Return the run of a network on a scenario."""
        plans = tuple(
            layout(inputs, outputs, scenario.tile, scenario.device.levels)
            for inputs, outputs in network.shapes
        )
        signed = tuple(bool((inputs < 0).any()) for inputs in network.calibration)
        return cls(scenario=scenario, layouts=plans, signed=signed, inference=inference)

    @property
    def ends(self) -> int:
        """How many ends of a word line are driven."""
        return 2 if getattr(self.scenario.wires, "driven", "left") == "both" else 1

    def cycles(self, *, signed: bool) -> int:
        """Return how many reads one product of a layer takes."""
        return self.scenario.dac.cycles(signed=signed)


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
        Beside `candidate`: of "realisation" and "time".
    compute : function of a Run
        Returns an array with these dimensions.
    partial : bool
        Whether it may be not a number, where a material does not say enough.
    """

    name: str
    long_name: str
    units: str
    better: Literal["higher", "lower"]
    dims: tuple[str, ...]
    compute: Callable[[Run], FloatArray | float]
    partial: bool = False
