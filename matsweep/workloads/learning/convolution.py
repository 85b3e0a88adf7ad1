"""Convolutions of a network that learns: their settings, and the maps between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matsweep.core.checks import UserError, one_of, whole
from matsweep.datasets import Dataset, image_shape

type Map = tuple[int, int, int]
"""Height, width and channels."""

_COLOURS = (3, 4)  # channels of images in colour


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolution:
    """A convolution, the activation of the hidden layers, and a pooling.

    Its kernels are the columns of one matrix, whose rows are the values of a window: kernel
    positions in order, the channels of each, and the bias. Every position of the map is one
    product with it.

    Parameters
    ----------
    channels : int
        Kernels: channels of its output.
    kernel : int, pixels
        Side of a kernel.
    stride : int, pixels
        Between two positions.
    padding : int, pixels
        Zeros around the input, fewer than the kernel's side.
    pool : int, positions
        Side of the squares of positions that become one, side by side; positions beyond the last
        whole square are left out. 1: no pooling.
    pooling : "max" or "average"
        Largest value of a square, or the mean.
    """

    channels: int
    kernel: int
    stride: int = 1
    padding: int = 0
    pool: int = 1
    pooling: str = "max"

    def __post_init__(self) -> None:
        for name in ("channels", "kernel", "stride", "pool"):
            whole(name, getattr(self, name), low=1)
        whole("padding", self.padding, low=0)
        if self.padding >= self.kernel:
            raise UserError(
                f"padding [pixels] must be below kernel, which is {self.kernel}, got {self.padding}"
            )
        one_of("pooling", self.pooling, ("max", "average"))

    def positions(self, side: int) -> int:
        """Positions along a side of the input.

        Parameters
        ----------
        side : int, pixels

        Returns
        -------
        int
            Not positive where the kernel is larger than the padded input.
        """
        return (side + 2 * self.padding - self.kernel) // self.stride + 1

    def needs(self, positions: int) -> int:
        """Least side of an input for a number of positions along a side of the pooled output.

        Parameters
        ----------
        positions : int

        Returns
        -------
        int, pixels
        """
        side = (positions * self.pool - 1) * self.stride + self.kernel - 2 * self.padding
        return max(side, 1)


def maps(convolutions: Sequence[Convolution], image: Map) -> tuple[Map, ...]:
    """Shapes of the image and of the maps behind each convolution with its pooling.

    Parameters
    ----------
    convolutions : sequence of Convolution
    image : Map

    Returns
    -------
    tuple of Map
        The image's, then those of each convolution's output.

    Raises
    ------
    UserError
        If a kernel or a pooling is larger than what it reads.
    """
    known = [image]
    for index, each in enumerate(convolutions):
        height, width, _ = known[-1]
        name = f"convolutions[{index}]"
        least = min(height, width)
        if each.positions(least) < 1:
            raise UserError(
                f"{name}.kernel [pixels] must be at most {least + 2 * each.padding}, the side of "
                f"its padded input of {height} × {width}, got {each.kernel}: give a smaller kernel "
                "or more padding"
            )
        rows, columns = each.positions(height), each.positions(width)
        if each.pool > min(rows, columns):
            raise UserError(
                f"{name}.pool [positions] must be at most {min(rows, columns)}, the side of its "
                f"map of {rows} × {columns}, got {each.pool}: give a smaller pool or kernel"
            )
        known.append((rows // each.pool, columns // each.pool, each.channels))
    return tuple(known)


def image_of(data: Dataset) -> Map:
    """Height, width and channels of a dataset's images.

    Parameters
    ----------
    data : Dataset

    Returns
    -------
    Map

    Raises
    ------
    UserError
        If its samples are no images with channels last.
    """
    shape = image_shape(data.shape)
    if len(shape) == 2:
        return (*shape, 1)
    if len(shape) != 3:
        raise UserError(
            f"convolutions must be [] for data without images, got samples of shape {shape}: give "
            "images (height, width) or (height, width, channel)"
        )
    if shape[0] in _COLOURS and shape[2] not in _COLOURS:
        raise UserError(
            "convolutions need images with channels last (height, width, channel), got samples of "
            f"shape {shape}: move their first axis to the end"
        )
    return shape


def least_image(convolutions: Sequence[Convolution]) -> Map:
    """Smallest grey image that convolutions can read.

    Parameters
    ----------
    convolutions : sequence of Convolution

    Returns
    -------
    Map
    """
    side = 1
    for each in reversed(convolutions):
        side = each.needs(side)
    return side, side, 1
