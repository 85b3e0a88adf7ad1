"""Contract of the errors that a network is trained with."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple, Protocol

from matsweep.networks.network import Network
from matsweep.networks.training.differentiable import Product
from matsweep.networks.training.parameters import Array, Parameters


class Drawn(NamedTuple):
    """Errors of one step.

    Parameters
    ----------
    plan : hashable
        All that decides the computation: a step is compiled once for each.
    numbers : pytree of arrays
        All that may differ from step to step.
    """

    plan: Hashable
    numbers: Any


type Traced = Callable[[Network, Parameters, Hashable, Any, Array], Mapping[str, Product]]
"""Products with errors by the weight's name, traced by JAX.

A function of a module, of the network, its parameters, the plan and the numbers of the errors, and
a key of JAX for the random numbers of the step.
"""


class Errors(Protocol):
    """Errors of weights and products."""

    @property
    def products(self) -> Traced:
        """Products with these errors."""

    def begin(self, parameters: Parameters) -> None:
        """Calibrate converters for the parameters at the beginning of an epoch.

        Parameters
        ----------
        parameters : Parameters
            NumPy arrays.
        """

    def draw(self, step: int, parameters: Parameters) -> Drawn:
        """Draw the errors of a step.

        Parameters
        ----------
        step : int
            Number of all steps before it; decides all random numbers.
        parameters : Parameters
            Before the step.

        Returns
        -------
        Drawn
        """
