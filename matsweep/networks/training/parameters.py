"""Parameters of a network that training changes."""

from __future__ import annotations

from typing import Any, NamedTuple

type Array = Any
"""Array of JAX, or of NumPy where nothing is traced."""


class Parameters(NamedTuple):
    """Parameters of a network, a pytree of JAX.

    Parameters
    ----------
    weights : dict of str to ([block,] input, output) array
        On tiles, by the weight's name, as `networks.layer.Weight` has them.
    biases : dict of str to (outputs of all blocks,) array
        Of the weights that have one.
    constants : dict of str to array
        Of digital segments, by the name of the initializer: weights and biases of layers that stay
        digital, scales and shifts of normalisations.
    """

    weights: dict[str, Array]
    biases: dict[str, Array]
    constants: dict[str, Array]
