"""Contract of the errors that a network is trained with."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple, Protocol

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


class Errors(Protocol):
    """Errors of weights and products."""

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

    def products(
        self, parameters: Parameters, plan: Hashable, numbers: Any, key: Array
    ) -> Mapping[str, Product]:
        """Return the products with errors, by the weight's name; traced by JAX.

        Parameters
        ----------
        parameters : Parameters
        plan, numbers : hashable, pytree of arrays
            See `Drawn`.
        key : key of JAX
            Of the random numbers of the step.

        Returns
        -------
        mapping of str to Product
        """
