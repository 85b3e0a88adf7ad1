"""Input vectors of a product as windows of an array, without a copy for each."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matsweep.core.streams import FloatArray

IndexArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Windows:
    """Input vectors of a matrix for each sample and position.

    Row r at position p of sample s is ``values[s, starts[p] + offsets[r]]``. The positions are
    those of a convolution's kernel, the steps of a sequence, or one. Nothing is copied: the vectors
    of a convolution overlap.

    Parameters
    ----------
    values : (sample, value) float32 array, contiguous
        Everything that the vectors are taken from, padding included, channels last.
    starts : (position,) array of int
    offsets : (input,) array of int
        Of a block-diagonal matrix: of all blocks, one after the other.
    """

    values: FloatArray
    starts: IndexArray
    offsets: IndexArray

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(self.values)

    @property
    def positions(self) -> int:
        """Input vectors of a sample."""
        return len(self.starts)

    @property
    def inputs(self) -> int:
        """Length of an input vector."""
        return len(self.offsets)

    def part(self, inputs: slice) -> Windows:
        """Return the windows of some inputs, such as those of one block.

        Parameters
        ----------
        inputs : slice

        Returns
        -------
        Windows
        """
        return Windows(values=self.values, starts=self.starts, offsets=self.offsets[inputs])

    def rows(self, samples: slice = slice(None), positions: slice = slice(None)) -> FloatArray:
        """Copy the input vectors of some samples and positions.

        Parameters
        ----------
        samples : slice
        positions : slice

        Returns
        -------
        (sample, position, input) array
        """
        index = self.starts[positions, None] + self.offsets
        return np.asarray(self.values[samples][:, index])


def beyond(windows: Windows) -> ValueError:
    """Return the error of windows that leave their sample.

    Parameters
    ----------
    windows : Windows

    Returns
    -------
    ValueError
    """
    return ValueError(
        f"windows must stay within the {windows.values.shape[1]} values of a sample, got "
        f"{windows.starts.min() + windows.offsets.min()} … "
        f"{windows.starts.max() + windows.offsets.max()}"
    )


def vectors(x: FloatArray) -> Windows:
    """Return input vectors as windows.

    Parameters
    ----------
    x : (sample, position, input) array

    Returns
    -------
    Windows
    """
    samples, positions, inputs = x.shape
    values = np.ascontiguousarray(x, np.float32).reshape(samples, positions * inputs)
    return Windows(values=values, starts=_every(inputs, positions), offsets=_every(1, inputs))


@functools.lru_cache(maxsize=256)
def _every(step: int, count: int) -> IndexArray:
    """Return multiples of a step; the steps of a sequence share them."""
    multiples = np.arange(count, dtype=np.int64) * step
    multiples.flags.writeable = False
    return multiples
