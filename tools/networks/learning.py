"""Training by gradients, in single precision on one thread: the same on every call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from graph import Graph

type Parameters = dict[str, Any]
type Forward = Callable[[Parameters, Any], Any]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A network, and how it is trained.

    Parameters
    ----------
    description : str
        One line.
    data : mapping
        Dataset as a configuration states it.
    shape : tuple of int
        Of a sample in the file.
    start : callable
        Random generator -> first parameters.
    forward : callable
        Parameters and inputs (sample, input) -> logits (sample, class); in training mode.
    write : callable
        Graph, parameters, and training inputs -> name of the output.
    vary : callable
        Key and inputs -> inputs changed at random.
    epochs, batch : int
    rate, decay, smoothing : float
        Largest step of AdamW, decay of weights, share of a label that all classes get.
    """

    description: str
    data: Mapping[str, Any]
    shape: tuple[int, ...]
    start: Callable[[np.random.Generator], Parameters]
    forward: Forward
    write: Callable[[Graph, Parameters, Any], str]
    vary: Callable[[Any, Any], Any]
    epochs: int
    batch: int = 64
    rate: float = 2e-3
    decay: float = 1e-2
    smoothing: float = 0.0


def train(recipe: Recipe, inputs: Any, labels: Any, seed: int) -> Parameters:
    """Minimise the cross-entropy by AdamW, whose rate rises for 5 % of the steps and falls to 0."""
    rng = np.random.default_rng(seed)
    parameters = {name: jnp.asarray(each, jnp.float32) for name, each in recipe.start(rng).items()}
    inputs, labels = jnp.asarray(inputs), jnp.asarray(labels)
    steps = len(inputs) // recipe.batch
    rate = optax.warmup_cosine_decay_schedule(
        0, recipe.rate, steps * recipe.epochs // 20, steps * recipe.epochs
    )
    weights = {name: each.ndim > 1 for name, each in parameters.items()}
    optimiser = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adamw(rate, weight_decay=recipe.decay, mask=weights),
    )

    def loss(parameters: Parameters, x: Any, y: Any) -> Any:
        logits = recipe.forward(parameters, x)
        wanted = optax.smooth_labels(jax.nn.one_hot(y, logits.shape[1]), recipe.smoothing)
        return optax.softmax_cross_entropy(logits, wanted).mean()

    # One call a step: XLA's convolutions are several times slower inside of a loop of its own.
    @jax.jit
    def step(parameters: Parameters, state: Any, key: Any, rows: Any) -> Any:
        x = recipe.vary(key, inputs[rows])
        value, slope = jax.value_and_grad(loss)(parameters, x, labels[rows])
        change, state = optimiser.update(slope, state, parameters)
        return optax.apply_updates(parameters, change), state, value

    state = optimiser.init(parameters)
    key = jax.random.key(seed)
    for epoch in range(1, recipe.epochs + 1):
        order = rng.permutation(len(inputs))[: steps * recipe.batch]
        total = 0.0
        for rows in order.reshape(steps, recipe.batch):
            key, own = jax.random.split(key)
            parameters, state, value = step(parameters, state, own, rows)
            total += value
        if epoch % 10 == 0 or epoch == recipe.epochs:
            print(
                f"  epoch {epoch} of {recipe.epochs}: loss {float(total) / steps:.4f}", flush=True
            )
    return parameters


def he(rng: np.random.Generator, *shape: int) -> Any:
    """Draw weights (*spatial, input, output) of variance 2 / inputs."""
    return rng.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape)


def glorot(rng: np.random.Generator, *shape: int) -> Any:
    """Draw weights (input, output) of variance 2 / (inputs + outputs)."""
    return rng.normal(0, np.sqrt(2 / (shape[0] + shape[1])), shape)
