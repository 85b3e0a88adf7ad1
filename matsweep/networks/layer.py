"""Contract of layers: what surrounds the products of a network's weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from matsweep.core.streams import FloatArray
from matsweep.machine.windows import Windows

AnyArray = npt.NDArray[np.generic]
type Multiply = Callable[[Windows], FloatArray]
"""Product of windows with a layer's weight, bias and rectification included.

Returns a (sample, position, output) float32 array. Each way to run a network has its own: exact, on
devices, or one that keeps the windows for calibration.
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weight:
    """One weight matrix of a layer, with what is done to each of its products digitally.

    Parameters
    ----------
    name : str
        Of the layer, or of its part: "conv1", "lstm/input", "lstm/recurrent".
    values : (input, output) or (block, input, output) float32 array
        The second is a block-diagonal matrix of `block` equal blocks, of a grouped convolution; its
        inputs and outputs lie block by block.
    bias : (outputs of all blocks,) float32 array or None
        Added to products.
    rectified : bool
        Whether max(0, ·) follows, where nothing else reads the product.
    """

    name: str
    values: FloatArray
    bias: FloatArray | None = None
    rectified: bool = False

    @property
    def blocks(self) -> int:
        """Number of blocks on the diagonal."""
        return self.values.shape[0] if self.values.ndim == 3 else 1


class Traffic(NamedTuple):
    """Values that a weight's products take in one inference.

    Parameters
    ----------
    uses : int
        Products: positions of a kernel, steps of a sequence.
    fresh : int or None
        Input values that arrive: the feature map of a convolution, whose windows overlap. None:
        those of all products.
    held : int or None
        Input values that the layer's buffer holds: rows of a feature map. None: one vector.
    """

    uses: int
    fresh: int | None = None
    held: int | None = None


class Constants(NamedTuple):
    """Constants of a node that lowers to a layer of given weights and biases.

    Parameters
    ----------
    inputs : mapping of int to float32 array
        By their places among the node's inputs.
    added : float32 array or None
        Bias that is added behind the node, where it has no input for it.
    without : tuple of str
        Attributes that scale the constants: left out.
    """

    inputs: Mapping[int, FloatArray]
    added: FloatArray | None = None
    without: tuple[str, ...] = ()


type Sizes = Sequence[tuple[int, ...] | None]
"""Shapes of a node's inputs that are constants; None for all others."""


def affine(
    values: FloatArray, bias: FloatArray | None, outputs: int, sizes: Sizes
) -> dict[int, FloatArray]:
    """Return the constants of a node whose inputs are x, a weight, and a bias that may be left out.

    Parameters
    ----------
    values : array
    bias : (output,) array or None
    outputs : int
    sizes : sequence of tuple of int or None

    Returns
    -------
    dict of int to array
        A node that has a bias keeps one.
    """
    if bias is None and len(sizes) > 2 and sizes[2] is not None:
        bias = np.zeros(outputs, np.float32)
    return {1: values} if bias is None else {1: values, 2: bias}


class Layer(Protocol):
    """A layer whose products lie on tiles.

    Attributes
    ----------
    name : str
        Of its node in the graph.
    kind : str
        "dense", "convolution", "transposed_convolution", "lstm", "gru" or "rnn".
    inputs, outputs : tuple of str
        Tensors that it reads and writes, channels last where they have positions.
    weights : tuple of Weight
        Each becomes one `Matrix`.
    """

    @property
    def name(self) -> str:
        """Name of its node."""

    @property
    def kind(self) -> str:
        """Kind of layer."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Tensors that it reads."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Tensors that it writes."""

    @property
    def weights(self) -> tuple[Weight, ...]:
        """Weights that lie on tiles."""

    def run(
        self, tensors: Sequence[AnyArray], multiply: Sequence[Multiply]
    ) -> tuple[AnyArray, ...]:
        """Run the layer: gather windows, multiply, and finish digitally.

        Parameters
        ----------
        tensors : sequence of arrays
            As `inputs` names them.
        multiply : sequence of Multiply
            One for each of `weights`; a recurrent layer calls one at every step.

        Returns
        -------
        tuple of arrays
            As `outputs` names them.
        """

    def traffic(self, shapes: Sequence[tuple[int, ...]]) -> tuple[Traffic, ...]:
        """Count the products of one inference.

        Parameters
        ----------
        shapes : sequence of tuple of int
            Of the tensors that `inputs` names, for one sample.

        Returns
        -------
        tuple of Traffic
            One for each of `weights`.
        """

    def operations(self, shapes: Sequence[tuple[int, ...]]) -> Mapping[str, int]:
        """Count the digital operations of one inference around the products.

        Parameters
        ----------
        shapes : sequence of tuple of int
            Of the tensors that `inputs` names, for one sample.

        Returns
        -------
        mapping of str to int
            By kind, without biases and rectifications of the weights.
        """
