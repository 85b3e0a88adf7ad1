"""Positions of a kernel on a padded grid, as starts and offsets in memory."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.machine.windows import IndexArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """Size and placement of a kernel, one number per dimension.

    Parameters
    ----------
    sizes, strides, dilations : tuple of int
    before, after : tuple of int
        Padding; not used where `same` is given.
    same : str
        "upper" or "lower": as much padding as keeps ceil(size / stride) positions, the odd one
        after or before; "" for none.
    """

    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    same: str = ""

    @classmethod
    def of(cls, settings: Mapping[str, Any], sizes: tuple[int, ...]) -> Kernel | None:
        """Read a kernel from a node's attributes.

        Parameters
        ----------
        settings : mapping of str to object
        sizes : tuple of int
            Of the weight.

        Returns
        -------
        Kernel or None
            None where padding is negative.
        """
        count = len(sizes)
        pads = tuple(settings.get("pads", (0,) * (2 * count)))
        if min(pads, default=0) < 0:
            return None
        auto = settings.get("auto_pad", "NOTSET")
        if auto == "VALID":
            pads = (0,) * (2 * count)
        return cls(
            sizes=sizes,
            strides=tuple(settings.get("strides", (1,) * count)),
            dilations=tuple(settings.get("dilations", (1,) * count)),
            before=pads[:count],
            after=pads[count:],
            same={"SAME_UPPER": "upper", "SAME_LOWER": "lower"}.get(auto, ""),
        )

    @property
    def spans(self) -> tuple[int, ...]:
        """Values from a kernel's first to its last, per dimension."""
        return tuple(
            (size - 1) * dilation + 1
            for size, dilation in zip(self.sizes, self.dilations, strict=True)
        )

    def padding(self, spatial: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the padding before and after an input.

        Parameters
        ----------
        spatial : tuple of int
            Sizes of the input.

        Returns
        -------
        two tuples of int
        """
        if not self.same:
            return self.before, self.after
        totals = [
            max((-(-size // stride) - 1) * stride + span - size, 0)
            for size, stride, span in zip(spatial, self.strides, self.spans, strict=True)
        ]
        less = tuple(total // 2 for total in totals)
        more = tuple(total - total // 2 for total in totals)
        return (less, more) if self.same == "upper" else (more, less)


class Grid(NamedTuple):
    """A kernel's windows on an input of known size.

    Parameters
    ----------
    before, after : tuple of int
        Padding.
    positions : tuple of int
        Number of the kernel's positions, per dimension.
    starts : (position,) array
    offsets : (input,) array
        Of all blocks, one after the other.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    positions: tuple[int, ...]
    starts: IndexArray
    offsets: IndexArray


@functools.lru_cache(maxsize=1024)
def grid(kernel: Kernel, spatial: tuple[int, ...], channels: int, groups: int) -> Grid:
    """Place a kernel on an input of (*spatial, channels) values.

    Parameters
    ----------
    kernel : Kernel
    spatial : tuple of int
    channels : int
        Of all groups.
    groups : int

    Returns
    -------
    Grid
    """
    before, after = kernel.padding(spatial)
    sizes = [a + size + b for a, size, b in zip(before, spatial, after, strict=True)]
    positions = tuple(
        (size - span) // stride + 1
        for size, span, stride in zip(sizes, kernel.spans, kernel.strides, strict=True)
    )
    steps = [int(np.prod(sizes[axis + 1 :])) * channels for axis in range(len(sizes))]
    taps = _outer(kernel.sizes, kernel.dilations, steps)
    each = channels // groups
    offsets = np.concatenate(
        [(taps[:, None] + np.arange(g * each, (g + 1) * each)).ravel() for g in range(groups)]
    )
    return Grid(before, after, positions, _outer(positions, kernel.strides, steps), offsets)


def _outer(counts: tuple[int, ...], strides: tuple[int, ...], steps: list[int]) -> IndexArray:
    """Return Σ index · stride · step over all indices below counts, the last axis fastest."""
    total = np.zeros(1, np.int64)
    for count, stride, step in zip(counts, strides, steps, strict=True):
        total = (total[:, None] + np.arange(count) * (stride * step)).ravel()
    return total


def padded(x: FloatArray, before: tuple[int, ...], after: tuple[int, ...]) -> FloatArray:
    """Return an array with zeros around its middle axes.

    Parameters
    ----------
    x : (sample, *position, channel) array
    before : tuple of int
        Number of zeros per axis of positions.
    after : tuple of int

    Returns
    -------
    (sample, *position, channel) array, contiguous
        The array itself where nothing is added.
    """
    if not any(before) and not any(after):
        return np.ascontiguousarray(x)
    sizes = [a + size + b for a, size, b in zip(before, x.shape[1:-1], after, strict=True)]
    result = np.zeros((len(x), *sizes, x.shape[-1]), np.float32)
    inside = tuple(slice(a, a + size) for a, size in zip(before, x.shape[1:-1], strict=True))
    result[(slice(None), *inside)] = x
    return result
