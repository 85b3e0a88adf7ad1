"""Convolutions in one, two or three dimensions, channels last."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.machine.windows import Windows
from matsweep.networks.folding import fold
from matsweep.networks.graph import Graph, attributes
from matsweep.networks.layer import (
    AnyArray,
    Constants,
    Layer,
    Multiply,
    Sizes,
    Traffic,
    Weight,
    affine,
)
from matsweep.networks.layers.grid import Kernel, grid, padded


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Convolution:
    """A convolution: each position's window of the input times the kernel matrix.

    Rows of the weight are the window's values: kernel positions in order, the channels of each;
    of a grouped convolution, each group is a block.

    Parameters
    ----------
    name : str
    inputs, outputs : tuple of str
        Tensors (sample, *position, channel).
    weights : tuple of one Weight
    kernel : Kernel
    """

    kind: ClassVar[str] = "convolution"

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weights: tuple[Weight, ...]
    kernel: Kernel

    def run(
        self, tensors: Sequence[AnyArray], multiply: Sequence[Multiply]
    ) -> tuple[AnyArray, ...]:
        """Multiply the windows of all positions.

        Parameters
        ----------
        tensors : sequence of one (sample, *position, channel) array
        multiply : sequence of one Multiply

        Returns
        -------
        tuple of one (sample, *position, channel) array
        """
        x = cast(FloatArray, tensors[0])
        placed = grid(self.kernel, x.shape[1:-1], x.shape[-1], self.weights[0].blocks)
        values = padded(x, placed.before, placed.after).reshape(len(x), -1)
        windows = Windows(values=values, starts=placed.starts, offsets=placed.offsets)
        y = multiply[0](windows)
        return (y.reshape(len(x), *placed.positions, y.shape[-1]),)

    def traffic(self, shapes: Sequence[tuple[int, ...]]) -> tuple[Traffic, ...]:
        """Count positions, the values of the feature map, and those of its rows in a buffer.

        Parameters
        ----------
        shapes : sequence of tuple of int
            Of its inputs, for one sample.

        Returns
        -------
        tuple of Traffic
        """
        lead, *spatial, channels = shapes[0]
        positions = grid(self.kernel, tuple(spatial), channels, 1).positions
        rows = [(span - 1) for span in self.kernel.spans]
        held = 1 + sum(span * math.prod(spatial[axis + 1 :]) for axis, span in enumerate(rows))
        fresh = lead * math.prod(spatial) * channels
        return (Traffic(lead * math.prod(positions), fresh, held * channels),)

    def operations(self, shapes: Sequence[tuple[int, ...]]) -> Mapping[str, int]:
        """Count none: the bias starts the sums of products.

        Parameters
        ----------
        shapes : sequence of tuple of int
            Of its inputs, for one sample.

        Returns
        -------
        mapping of str to int
        """
        return {}


def lower(graph: Graph, node: Any) -> Layer | None:
    """Lower a convolution with a constant kernel and bias.

    Parameters
    ----------
    graph : Graph
    node : onnx.NodeProto

    Returns
    -------
    Convolution or None
        None where the kernel or bias is no constant, or padding is negative.
    """
    settings = attributes(node)
    kernel = graph.weight(node.input[1])
    named = len(node.input) > 2 and bool(node.input[2])
    bias = graph.weight(node.input[2]) if named else None
    if kernel is None or (named and bias is None) or node.input[0] in graph.initializers:
        return None
    outputs, _, *sizes = kernel.shape
    groups = settings.get("group", 1)
    placed = Kernel.of(settings, tuple(sizes))
    if placed is None or not sizes:
        return None
    rank = kernel.ndim
    folded = fold(graph, node.output[0], outputs, 1, rank)
    values = np.moveaxis(kernel, 1, -1).reshape(groups, outputs // groups, -1)  # taps, channels
    values = np.swapaxes(values, 1, 2) * folded.scale.reshape(groups, 1, -1)
    shift = folded.shift + (0 if bias is None else bias * folded.scale)
    last = (0, *range(2, rank), 1)
    name = graph.unique(node)
    weight = Weight(
        name=name,
        values=np.ascontiguousarray(values if groups > 1 else values[0], np.float32),
        bias=shift.astype(np.float32) if shift.any() else None,
        rectified=folded.rectified,
    )
    return Convolution(
        name=name,
        inputs=(graph.view(node.input[0], last),),
        outputs=(graph.view(folded.output, last),),
        weights=(weight,),
        kernel=placed,
    )


def constants(node: Any, layer: Layer, sizes: Sizes) -> Constants:
    """Return the kernel (output, channel, *kernel position), and the bias.

    Parameters
    ----------
    node : onnx.NodeProto
    layer : Layer
    sizes : sequence of tuple of int or None

    Returns
    -------
    Constants
    """
    [weight] = layer.weights
    outputs, channels, *taps = cast(tuple[int, ...], sizes[1])
    values = weight.values.reshape(weight.blocks, -1, outputs // weight.blocks)
    kernel = np.swapaxes(values, 1, 2).reshape(outputs, *taps, channels)
    return Constants(affine(np.moveaxis(kernel, -1, 1), weight.bias, outputs, sizes))
