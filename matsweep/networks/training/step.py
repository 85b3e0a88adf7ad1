"""One step of a training, compiled once for all trainings of one network in a process."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from matsweep.networks.network import Network
from matsweep.networks.training import differentiable
from matsweep.networks.training.errors import Traced
from matsweep.networks.training.libraries import jax, optax
from matsweep.networks.training.losses import Loss
from matsweep.networks.training.parameters import Array, Parameters

_KEPT = 4  # compiled steps


class Recipe(NamedTuple):
    """All that a step is compiled from; numbers that differ between trainings are its arguments.

    Parameters
    ----------
    network : Network
    output : str
        Name of the judged output.
    loss : Loss
    products : Traced
        Of the errors.
    clip : float or None
        Largest magnitude of weights on tiles, in root mean squares of their matrix.
    """

    network: Network
    output: str
    loss: Loss
    products: Traced
    clip: float | None


@functools.lru_cache(maxsize=_KEPT)
def compiled(recipe: Recipe) -> Any:
    """Return one step of Adam.

    A function of the state, inputs and aims of a batch, numbers of the errors, the data of a key,
    the rate, and by name of the plan of the errors, to the next state and the loss.

    Parameters
    ----------
    recipe : Recipe

    Returns
    -------
    callable

    References
    ----------
    D. P. Kingma, J. Ba, ICLR 2015, arXiv:1412.6980.
    """

    def step(
        state: Any, batch: Any, aims: Any, numbers: Any, data: Array, rate: Array, *, plan: Any
    ) -> tuple[Any, Array]:
        key = jax().random.wrap_key_data(data, impl="threefry2x32")
        parameters, moments = state

        def loss(parameters: Parameters) -> Array:
            products = recipe.products(recipe.network, parameters, plan, numbers, key)
            outputs = differentiable.run(recipe.network, parameters, batch, products)
            return recipe.loss(outputs[recipe.output], aims)

        value, gradient = jax().value_and_grad(loss)(parameters)
        changes, moments = optax().scale_by_adam().update(gradient, moments, parameters)
        parameters = jax().tree_util.tree_map(
            lambda each, change: each - rate * change, parameters, changes
        )
        return (clipped(parameters, recipe.clip), moments), value

    return jax().jit(step, static_argnames=("plan",))


def beginning(parameters: Parameters) -> Any:
    """Return the state before the first step.

    Parameters
    ----------
    parameters : Parameters
        NumPy arrays.

    Returns
    -------
    Parameters and moments
        Moments and the count of steps begin at 0, which needs nothing compiled.
    """
    shapes = jax().eval_shape(optax().scale_by_adam().init, parameters)
    return parameters, jax().tree_util.tree_map(
        lambda each: np.zeros(each.shape, each.dtype), shapes
    )


def clipped(parameters: Parameters, clip: float | None) -> Parameters:
    """Keep weights on tiles within so many standard deviations of their matrix.

    Deviations are those from zero, the root mean square: the bounds lie around it, and weights that
    are all alike, such as a single one, stay.

    Parameters
    ----------
    parameters : Parameters
    clip : float or None
        None: they stay.

    Returns
    -------
    bounded : Parameters

    References
    ----------
    V. Joshi et al., Nat. Commun. 11:2473, 2020, doi:10.1038/s41467-020-16108-9, Methods.
    """
    if clip is None:
        return parameters
    np_ = jax().numpy
    bounds = {
        name: clip * np_.sqrt(np_.mean(np_.square(weight)))
        for name, weight in parameters.weights.items()
    }
    return parameters._replace(
        weights={
            name: np_.clip(weight, -bounds[name], bounds[name])
            for name, weight in parameters.weights.items()
        }
    )
