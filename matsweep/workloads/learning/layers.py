"""Layers of a network that learns: each one matrix, its positions, and the maps between them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matsweep.core.streams import FloatArray
from matsweep.workloads.learning.convolution import Convolution, Map, maps

type Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layer:
    """A matrix that multiplies the windows of the map below, and the pooling behind it.

    A dense layer has one position, whose window is the whole map. Maps lie position by position,
    the channels of each.

    Parameters
    ----------
    inputs : int
        Of one product, without the bias.
    outputs : int
        Of one product: columns of the matrix, channels of the layer's map.
    bias : bool
        Whether the matrix has one more row, whose input is always 1.
    taken : (position, input) int64 array or None
        Place of each input in the map below; -1: padding, which is 0. None: a dense layer, whose
        inputs are the map.
    below : int
        Values of the map below.
    pools : (pooled position, member) int64 array or None
        Positions that become one; None: no pooling.
    average : bool
        Whether pooled values are means, or the largest ones.
    held : int or None
        Values of the map below that a buffer of a kernel's rows holds; None: all of a dense layer.
    """

    inputs: int
    outputs: int
    bias: bool
    taken: Places | None
    below: int
    pools: Places | None = None
    average: bool = False
    held: int | None = None

    @property
    def positions(self) -> int:
        """Products of one sample."""
        return 1 if self.taken is None else len(self.taken)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows (with a bias) and columns of the matrix."""
        return self.inputs + int(self.bias), self.outputs

    @property
    def size(self) -> int:
        """Values of the layer's map, pooled."""
        return self.outputs * (self.positions if self.pools is None else len(self.pools))

    @property
    def operations(self) -> dict[str, int]:
        """Digital operations of one sample: an activation a value, and the pooling."""
        count = {"comparison": self.outputs * self.positions}
        if self.pools is not None:
            others = (self.pools.shape[1] - 1) * self.size
            if self.average:
                return {**count, "addition": others, "division": self.size}
            count["comparison"] += others
        return count

    def windows(self, values: FloatArray) -> FloatArray:
        """Take the input vectors of all positions from the map below.

        Parameters
        ----------
        values : (sample, value of the map below) array

        Returns
        -------
        (sample · position, input) array
        """
        if self.taken is None:
            return values
        padded = np.concatenate([values, np.zeros((len(values), 1), values.dtype)], axis=1)
        return padded[:, self.taken].reshape(-1, self.inputs)

    def gathered(self, back: FloatArray) -> FloatArray:
        """Add what comes back at all positions to the values of the map below.

        Parameters
        ----------
        back : (sample · position, input) array

        Returns
        -------
        (sample, value of the map below) array
        """
        if self.taken is None:
            return back
        samples, cells = len(back) // self.positions, self.below + 1  # the last: padding
        places = np.where(self.taken < 0, self.below, self.taken)
        places = places + cells * np.arange(samples)[:, None, None]
        total = np.bincount(places.ravel(), back.ravel(), samples * cells)
        return total.reshape(samples, cells)[:, : self.below].astype(back.dtype)

    def pooled(self, values: FloatArray) -> FloatArray:
        """Pool the activated values of all positions.

        Parameters
        ----------
        values : (sample · position, output) array

        Returns
        -------
        (sample, value of the layer's map) array
        """
        if self.pools is None:
            return values.reshape(-1, self.size)
        squares = self._squares(values)
        pooled = squares.mean(axis=2) if self.average else squares.max(axis=2)
        return np.asarray(pooled.reshape(-1, self.size))

    def unpooled(self, back: FloatArray, values: FloatArray) -> FloatArray:
        """Carry derivatives by the pooled values back to those before the pooling.

        Parameters
        ----------
        back : (sample, value of the layer's map) array
        values : (sample · position, output) array
            Before the pooling; of equal largest ones, the first gets the derivative.

        Returns
        -------
        (sample · position, output) array
        """
        if self.pools is None:
            return back.reshape(-1, self.outputs)
        count, members = self.pools.shape
        back = back.reshape(-1, count, self.outputs)
        result = np.zeros((len(back), self.positions, self.outputs), back.dtype)
        if self.average:
            result[:, self.pools] = back[:, :, None] / np.float32(members)
        else:
            chosen = self._squares(values).argmax(axis=2)
            places = self.pools[np.arange(count)[:, None], chosen]
            np.put_along_axis(result, places, back, axis=1)
        return result.reshape(-1, self.outputs)

    def _squares(self, values: FloatArray) -> FloatArray:
        """Return values (sample, pooled position, member, output)."""
        return np.asarray(values.reshape(-1, self.positions, self.outputs)[:, self.pools])


def dense(inputs: int, outputs: int, *, bias: bool) -> Layer:
    """Build a layer of weights between all values of the map below and all outputs.

    Parameters
    ----------
    inputs : int
    outputs : int
    bias : bool

    Returns
    -------
    Layer
    """
    return Layer(inputs=inputs, outputs=outputs, bias=bias, taken=None, below=inputs)


def convolved(each: Convolution, below: Map, *, bias: bool) -> Layer:
    """Build a layer of a convolution.

    Parameters
    ----------
    each : Convolution
    below : Map
        That it reads.
    bias : bool

    Returns
    -------
    Layer
    """
    height, width, channels = below
    rows, columns = each.positions(height), each.positions(width)
    across = each.kernel - 1
    return Layer(
        inputs=each.kernel**2 * channels,
        outputs=each.channels,
        bias=bias,
        taken=_taken(each, below),
        below=height * width * channels,
        pools=None if each.pool == 1 else _pools(each.pool, rows, columns),
        average=each.pooling == "average",
        held=(across * (width + 1) + 1) * channels,
    )


def _taken(each: Convolution, below: Map) -> Places:
    """Return the places of all windows, (position, input)."""
    height, width, channels = below
    taps = np.arange(each.kernel) - each.padding
    down = each.stride * np.arange(each.positions(height))[:, None] + taps  # (row, tap)
    right = each.stride * np.arange(each.positions(width))[:, None] + taps
    inside = ((down >= 0) & (down < height))[:, None, :, None] & ((right >= 0) & (right < width))[
        None, :, None, :
    ]  # (row, column, tap down, tap right)
    pixel = down[:, None, :, None] * width + right[None, :, None, :]
    places = pixel[..., None] * channels + np.arange(channels)
    places = np.where(inside[..., None], places, -1)
    return places.reshape(-1, each.kernel**2 * channels)


def _pools(side: int, rows: int, columns: int) -> Places:
    """Return the positions of the squares side by side, (pooled position, member)."""
    positions = np.arange(rows * columns).reshape(rows, columns)
    high, wide = rows // side, columns // side
    squares = positions[: high * side, : wide * side].reshape(high, side, wide, side)
    return squares.swapaxes(1, 2).reshape(-1, side * side)


def network(
    convolutions: Sequence[Convolution], units: Sequence[int], image: Map | None, *, bias: bool
) -> tuple[Layer, ...]:
    """Build the layers of a network: convolutions, then dense layers.

    Parameters
    ----------
    convolutions : sequence of Convolution
    units : sequence of int
        Inputs, hidden units and classes; the inputs only where there are no convolutions.
    image : Map or None
        That the convolutions read.
    bias : bool

    Returns
    -------
    tuple of Layer

    Raises
    ------
    UserError
        If a kernel or a pooling is larger than what it reads.
    """
    known = () if image is None else maps(convolutions, image)
    layers = [
        convolved(each, below, bias=bias) for each, below in zip(convolutions, known, strict=False)
    ]
    inputs = layers[-1].size if layers else units[0]
    sizes = (inputs, *units[1:])
    return (
        *layers,
        *(dense(a, b, bias=bias) for a, b in itertools.pairwise(sizes)),
    )
