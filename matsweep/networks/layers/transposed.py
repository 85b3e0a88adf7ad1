"""Transposed convolutions: one product per input position, results overlap and add."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.machine.windows import vectors
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
from matsweep.networks.layers.grid import Kernel


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TransposedConvolution:
    """A transposed convolution.

    Each input position's channels times the weight give a patch of outputs, the size of the kernel;
    patches are added where they overlap, then bias and rectification follow digitally.

    Parameters
    ----------
    name : str
    inputs, outputs : tuple of str
        Tensors (sample, *position, channel).
    weights : tuple of one Weight
        (channel, kernel position and output channel), in blocks where it is grouped.
    kernel : Kernel
    extra : tuple of int
        Positions that are added at the end, per dimension.
    sizes : tuple of int or None
        Of the output, where the graph states them.
    bias : (output channel,) float32 array
    rectified : bool
    """

    kind: ClassVar[str] = "transposed_convolution"

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weights: tuple[Weight, ...]
    kernel: Kernel
    extra: tuple[int, ...]
    sizes: tuple[int, ...] | None
    bias: FloatArray
    rectified: bool

    def run(
        self, tensors: Sequence[AnyArray], multiply: Sequence[Multiply]
    ) -> tuple[AnyArray, ...]:
        """Multiply, and add patches where they overlap.

        Parameters
        ----------
        tensors : sequence of one (sample, *position, channel) array
        multiply : sequence of one Multiply

        Returns
        -------
        tuple of one (sample, *position, channel) array
        """
        x = cast(FloatArray, tensors[0])
        samples, *spatial, channels = x.shape
        y = multiply[0](vectors(x.reshape(samples, math.prod(spatial), channels)))
        groups = self.weights[0].blocks
        patches = y.reshape(samples, *spatial, groups, *self.kernel.sizes, -1)
        full = self._sum(patches, tuple(spatial), groups)
        result = self.cropped(full, tuple(spatial)).reshape(samples, *self._out(spatial), -1)
        result = result + self.bias
        if self.rectified:
            np.maximum(result, 0, out=result)
        return (result,)

    def _sum(self, patches: FloatArray, spatial: tuple[int, ...], groups: int) -> FloatArray:
        """Add patches into an output with all its borders: (sample, *position, group, channel)."""
        kernel = self.kernel
        full = np.zeros((len(patches), *self.full(spatial), groups, patches.shape[-1]), np.float32)
        every: tuple[slice | int, ...] = (slice(None),) * (2 + len(spatial))  # up to groups
        for tap in itertools.product(*map(range, kernel.sizes)):
            starts = [index * step for index, step in zip(tap, kernel.dilations, strict=True)]
            places: tuple[slice, ...] = tuple(
                slice(start, start + (size - 1) * stride + 1, stride)
                for start, size, stride in zip(starts, spatial, kernel.strides, strict=True)
            )
            target = full[(slice(None), *places)]
            np.add(target, patches[(*every, *tap)], out=target)
        return full

    def full(self, spatial: Sequence[int]) -> tuple[int, ...]:
        """Return the sizes of the output with all its borders.

        Parameters
        ----------
        spatial : sequence of int
            Sizes of the input.

        Returns
        -------
        tuple of int
        """
        return tuple(
            (size - 1) * stride + span + extra
            for size, stride, span, extra in zip(
                spatial, self.kernel.strides, self.kernel.spans, self.extra, strict=True
            )
        )

    def _out(self, spatial: Sequence[int]) -> tuple[int, ...]:
        full = self.full(spatial)
        if self.sizes is not None:
            return self.sizes
        if self.kernel.same:
            steps = zip(spatial, self.kernel.strides, strict=True)
            return tuple(size * stride for size, stride in steps)
        borders = zip(full, self.kernel.before, self.kernel.after, strict=True)
        return tuple(size - before - after for size, before, after in borders)

    def cropped(self, full: FloatArray, spatial: Sequence[int]) -> FloatArray:
        """Cut borders off; where an output is larger than all patches, zeros follow.

        Parameters
        ----------
        full : (sample, *position, group, channel) array of NumPy or JAX
            The sum of patches with all its borders.
        spatial : sequence of int
            Sizes of the input.

        Returns
        -------
        (sample, *position, group, channel) array
        """
        out = self._out(spatial)
        places = [slice(None)]
        for axis, size in enumerate(out):
            border = max(full.shape[1 + axis] - size, 0)
            start = self.kernel.before[axis]
            if self.kernel.same or self.sizes is not None:
                start = border // 2 if self.kernel.same == "upper" else border - border // 2
            places.append(slice(start, start + size))
        result = full[tuple(places)]
        lack = [(0, size - got) for size, got in zip(out, result.shape[1:-2], strict=True)]
        if any(after for _, after in lack):
            result = result.__array_namespace__().pad(result, [(0, 0), *lack, (0, 0), (0, 0)])
        return result

    def traffic(self, shapes: Sequence[tuple[int, ...]]) -> tuple[Traffic, ...]:
        """Count input positions.

        Parameters
        ----------
        shapes : sequence of tuple of int
            Of its inputs, for one sample.

        Returns
        -------
        tuple of Traffic
        """
        return (Traffic(math.prod(shapes[0][:-1])),)

    def operations(self, shapes: Sequence[tuple[int, ...]]) -> Mapping[str, int]:
        """Count the additions of patches, bias, and rectification.

        Parameters
        ----------
        shapes : sequence of tuple of int
            Of its inputs, for one sample.

        Returns
        -------
        mapping of str to int
        """
        lead, *spatial, _ = shapes[0]
        channels = len(self.bias)
        patches = math.prod(spatial) * math.prod(self.kernel.sizes)
        outputs = lead * math.prod(self._out(spatial)) * channels
        count = {"addition": lead * patches * channels + (outputs if self.bias.any() else 0)}
        return count | ({"comparison": outputs} if self.rectified else {})


def lower(graph: Graph, node: Any) -> Layer | None:
    """Lower a transposed convolution with a constant kernel and bias.

    Parameters
    ----------
    graph : Graph
    node : onnx.NodeProto

    Returns
    -------
    TransposedConvolution or None
        None where the kernel or bias is no constant, or padding is negative.
    """
    settings = attributes(node)
    kernel = graph.weight(node.input[1])
    named = len(node.input) > 2 and bool(node.input[2])
    bias = graph.weight(node.input[2]) if named else None
    if kernel is None or (named and bias is None) or node.input[0] in graph.initializers:
        return None
    inputs, each, *sizes = kernel.shape
    groups = settings.get("group", 1)
    placed = Kernel.of(settings, tuple(sizes))
    if placed is None or not sizes:
        return None
    rank = kernel.ndim
    folded = fold(graph, node.output[0], groups * each, 1, rank)
    values = np.moveaxis(kernel, 1, -1).reshape(groups, inputs // groups, -1, each)
    scaled = values * folded.scale.reshape(groups, 1, 1, each)
    blocks = np.ascontiguousarray(scaled.reshape(groups, inputs // groups, -1), np.float32)
    name = graph.unique(node)
    last = (0, *range(2, rank), 1)
    stated = settings.get("output_shape")
    return TransposedConvolution(
        name=name,
        inputs=(graph.view(node.input[0], last),),
        outputs=(graph.view(folded.output, last),),
        weights=(Weight(name=name, values=blocks if groups > 1 else blocks[0]),),
        kernel=placed,
        extra=tuple(settings.get("output_padding", (0,) * len(sizes))),
        sizes=tuple(stated[-len(sizes) :]) if stated else None,
        bias=(folded.shift + (0 if bias is None else bias * folded.scale)).astype(np.float32),
        rectified=folded.rectified,
    )


def constants(node: Any, layer: Layer, sizes: Sizes) -> Constants:
    """Return the kernel (channel, output, *kernel position), and the bias.

    Parameters
    ----------
    node : onnx.NodeProto
    layer : TransposedConvolution
    sizes : sequence of tuple of int or None

    Returns
    -------
    Constants
    """
    bias = cast(TransposedConvolution, layer).bias
    inputs, each, *taps = cast(tuple[int, ...], sizes[1])
    kernel = np.moveaxis(layer.weights[0].values.reshape(inputs, *taps, each), -1, 1)
    return Constants(affine(kernel, bias if bias.any() else None, len(bias), sizes))
