"""Cells of recurrent layers: one step from a state to the next, in NumPy or JAX."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from matsweep.core.streams import FloatArray

type State = tuple[FloatArray, ...]
"""Hidden values (sample, hidden), and cell values of an LSTM."""
type Product = Callable[[FloatArray], FloatArray]
"""Product of (sample, input) vectors with a recurrent weight."""


class Cell(Protocol):
    """A cell's equations.

    Attributes
    ----------
    kind : str
    gates : int
        Hidden values times this is the length of its products.
    states : int
        Number of arrays in its state.
    """

    @property
    def kind(self) -> str:
        """Kind of layer."""

    @property
    def gates(self) -> int:
        """Number of gates."""

    @property
    def states(self) -> int:
        """Number of arrays in its state."""

    def parts(
        self, recurrent: FloatArray, bias: FloatArray, bias_r: FloatArray
    ) -> tuple[FloatArray, Sequence[tuple[str, FloatArray, FloatArray | None]]]:
        """Split recurrent weights into those of separate products.

        Parameters
        ----------
        recurrent : (hidden, gate) array
        bias : (gate,) array
            Of the product with inputs.
        bias_r : (gate,) array
            Of the product with hidden values.

        Returns
        -------
        (gate,) array
            Bias of the product with inputs.
        sequence of name, (hidden, gate) array, and (gate,) array or None
            Recurrent weights and their biases.
        """

    def step(self, x: FloatArray, state: State, products: Sequence[Product]) -> State:
        """Return the next state.

        Parameters
        ----------
        x : (sample, gate) array
            Product of the step's inputs, with bias.
        state : tuple of (sample, hidden) arrays
        products : sequence of functions
            With each of the recurrent weights.

        Returns
        -------
        tuple of (sample, hidden) arrays
        """


def sigmoid(x: FloatArray) -> FloatArray:
    """Return 1 / (1 + exp(-x)), without overflow.

    Parameters
    ----------
    x : array

    Returns
    -------
    array
    """
    half = np.float32(0.5)
    result = _tanh(x * half)
    result *= half
    result += half
    return result


def _rectify(x: FloatArray) -> FloatArray:
    result: FloatArray = x.__array_namespace__().maximum(x, np.float32(0))
    return result


def _tanh(x: FloatArray) -> FloatArray:
    result: FloatArray = x.__array_namespace__().tanh(x)
    return result


FUNCTIONS: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    "relu": _rectify,
    "sigmoid": sigmoid,
    "tanh": _tanh,
}
"""Activation functions of a plain recurrent cell."""


@dataclass(frozen=True, slots=True)
class LSTMCell:
    """Long short-term memory: c = f c + i g, h = o tanh(c)."""

    kind = "lstm"
    gates = 4
    states = 2

    def parts(
        self, recurrent: FloatArray, bias: FloatArray, bias_r: FloatArray
    ) -> tuple[FloatArray, Sequence[tuple[str, FloatArray, FloatArray | None]]]:
        """Return one recurrent weight."""
        return bias + bias_r, [("recurrent", recurrent, None)]

    def step(self, x: FloatArray, state: State, products: Sequence[Product]) -> State:
        """Return the next hidden and cell values; gates in the order i, o, f, g."""
        h, c = state
        hidden = h.shape[1]
        gates = products[0](h) + x
        opened = sigmoid(gates[:, : 3 * hidden])
        c = opened[:, 2 * hidden :] * c
        c += opened[:, :hidden] * _tanh(gates[:, 3 * hidden :])
        return opened[:, hidden : 2 * hidden] * _tanh(c), c


@dataclass(frozen=True, slots=True)
class GRUCell:
    """Gated recurrent unit: h = (1 - z) g + z h.

    Parameters
    ----------
    before : bool
        Whether the reset gate scales the hidden values before their product, as in the original,
        or the product ("linear before reset"), as in PyTorch and Keras.
    """

    before: bool

    kind = "gru"
    gates = 3
    states = 1

    def parts(
        self, recurrent: FloatArray, bias: FloatArray, bias_r: FloatArray
    ) -> tuple[FloatArray, Sequence[tuple[str, FloatArray, FloatArray | None]]]:
        """Return one recurrent weight, or two where the second's inputs are reset."""
        split = 2 * len(recurrent)
        if self.before:
            return bias + bias_r, [
                ("recurrent", recurrent[:, :split], None),
                ("candidate", recurrent[:, split:], None),
            ]
        return bias, [("recurrent", recurrent, bias_r if bias_r.any() else None)]

    def step(self, x: FloatArray, state: State, products: Sequence[Product]) -> State:
        """Return the next hidden values; gates in the order z, r, g."""
        (h,) = state
        split = 2 * h.shape[1]
        product = products[0](h)
        opened = sigmoid(product[:, :split] + x[:, :split])
        z, r = opened[:, : h.shape[1]], opened[:, h.shape[1] :]
        inner = products[1](r * h) if self.before else r * product[:, split:]
        g = _tanh(inner + x[:, split:])
        return (g + z * (h - g),)


@dataclass(frozen=True, slots=True)
class RNNCell:
    """Plain recurrent cell: h = f(W x + R h + b).

    Parameters
    ----------
    function : str
        Key of `FUNCTIONS`.
    """

    function: str

    kind = "rnn"
    gates = 1
    states = 1

    def parts(
        self, recurrent: FloatArray, bias: FloatArray, bias_r: FloatArray
    ) -> tuple[FloatArray, Sequence[tuple[str, FloatArray, FloatArray | None]]]:
        """Return one recurrent weight."""
        return bias + bias_r, [("recurrent", recurrent, None)]

    def step(self, x: FloatArray, state: State, products: Sequence[Product]) -> State:
        """Return the next hidden values."""
        return (FUNCTIONS[self.function](products[0](state[0]) + x),)
