"""Inputs as a network takes them: scaled, and in its layout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError, finite, one_of, positive
from matsweep.core.quantities import Dimensionless
from matsweep.networks.batches import Port

type AnyArray = npt.NDArray[Any]

_LAYOUTS = ("NCHW", "NHWC", "flat")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """Change of a network's only input, (x · scale - mean) / std, and the layout of its data.

    Parameters
    ----------
    scale : float
        1/255 for images of 8 bits and a network trained on [0, 1].
    mean, std : tuple of float
        One number, or one for each channel, in the unit of scaled inputs.
    layout : "NCHW", "NHWC", "flat" or None
        Of the data: (sample, channel, row, column), (sample, row, column, channel), or numbers in
        the order of the network's input whatever their shape. Images are turned to the layout of
        the network's input. None: as the network's, or that of a dataset.
    """

    scale: Dimensionless = 1.0
    mean: tuple[Dimensionless, ...] = (0.0,)
    std: tuple[Dimensionless, ...] = (1.0,)
    layout: str | None = None

    def __post_init__(self) -> None:
        if finite("scale", self.scale) == 0:
            raise UserError(f"scale must not be 0, got {self.scale!r}")
        for value in self.mean:
            finite("mean", value)
        for value in self.std:
            positive("std", value)
        for name in ("mean", "std"):
            if not getattr(self, name):
                raise UserError(f"{name} must hold one number, or one for each channel, got none")
        if self.layout is not None:
            one_of("layout", self.layout, _LAYOUTS)

    @property
    def plain(self) -> bool:
        """Whether it leaves all inputs as they are."""
        return self == Preprocessing(layout=self.layout)

    def apply(
        self, name: str, values: AnyArray, port: Port, *, layout: str | None = None
    ) -> AnyArray:
        """Bring samples to the type, the range and the shape that a network takes.

        Parameters
        ----------
        name : str
            Parameter that the samples come from, for messages.
        values : (sample, …) array
        port : Port
        layout : "NHWC", "flat" or None
            Of the source, where it is known; the own `layout` goes before it.

        Returns
        -------
        (sample, …) array

        Raises
        ------
        UserError
            If their shape cannot be the network's, or a network of whole numbers gets others.
        """
        layout = self.layout or layout
        if np.dtype(port.dtype).kind in "iub":
            return _shaped(name, self._whole(name, values, port), port, layout)
        single = _single(name, values)
        if not self.plain:
            # In double precision: a scale of 1/255 loses nothing to the order of operations.
            shape = _channels(single, layout, max(len(self.mean), len(self.std)))
            mean, std = (np.reshape(each, shape if len(each) > 1 else ()) for each in
                         (self.mean, self.std))  # fmt: skip
            with np.errstate(over="ignore"):
                single = _single(name, (single * np.float64(self.scale) - mean) / std)
        return np.ascontiguousarray(_shaped(name, single, port, layout))

    def _whole(self, name: str, values: AnyArray, port: Port) -> AnyArray:
        if not self.plain:
            raise UserError(
                f"preprocessing must leave the input {port.name} as it is, which takes whole "
                f"numbers ({port.dtype}), got {self}"
            )
        with np.errstate(invalid="ignore"):  # floats beyond whole numbers become other ones
            exact = values.astype(port.dtype)
        if not np.array_equal(exact, values):
            raise UserError(
                f"{name} must hold whole numbers for the input {port.name} ({port.dtype}), got "
                f"{values.dtype}"
            )
        return exact


def _single(name: str, values: AnyArray) -> npt.NDArray[np.float32]:
    """Bring inputs to single precision, in which networks run.

    Raises
    ------
    UserError
        If one is beyond it.
    """
    with np.errstate(over="ignore"):
        single = np.asarray(values, np.float32)
    if not np.isfinite(single).all():
        raise UserError(
            f"{name} must hold inputs below {np.finfo(np.float32).max:.3g}, as networks run in "
            "single precision, got larger ones: scale them first"
        )
    return single


def _channels(values: AnyArray, layout: str | None, count: int) -> tuple[int, ...]:
    """Shape of one number for each channel, next to samples (sample, …)."""
    shape = values.shape
    if count == 1:
        return (1,)
    if layout in ("NHWC", "flat") or (layout is None and shape[1] != count):
        axis = values.ndim - 1
    else:
        axis = 1
    if shape[axis] != count:
        raise UserError(
            f"preprocessing must have one mean and std, or one for each of the {shape[axis]} "
            f"channels of samples of shape {shape[1:]}, got {count}: give preprocessing.layout too "
            "where channels are elsewhere"
        )
    return tuple(count if each == axis else 1 for each in range(values.ndim))


def _shaped(name: str, values: AnyArray, port: Port, layout: str | None) -> AnyArray:
    """Turn samples to the shape that the network takes: numbers are reordered as stated only."""
    wanted = port.shape[1:]
    for candidate in _arranged(values, layout):
        if _fits(candidate.shape[1:], wanted):
            return candidate
    known = [size for size in wanted if size is not None]
    if _same_order(values.shape[1:], wanted, layout):
        size = math.prod(values.shape[1:])
        if len(known) == len(wanted) and size == math.prod(known):
            return values.reshape(len(values), *known)
        if len(known) == len(wanted) - 1 and known and size % math.prod(known) == 0:
            return values.reshape(len(values), *(-1 if each is None else each for each in wanted))
    shape = ", ".join("any" if each is None else str(each) for each in wanted)
    raise UserError(
        f"{name} must hold samples of the shape ({shape}) that the network takes, got "
        f"{values.shape[1:]}: give preprocessing.layout (NCHW or NHWC, or flat for numbers in the "
        "network's order) where only the layout differs"
    )


def _same_order(shape: tuple[int, ...], wanted: tuple[int | None, ...], layout: str | None) -> bool:
    """Check that numbers in their order are those that the network takes in its order.

    They are where only axes of length 1 differ, or the layout says so; images whose layout is known
    may be put in a row.
    """
    known = [-1 if size is None else size for size in wanted]
    return (
        _long(shape) == _long(known)
        or layout == "flat"
        or (layout is not None and len(wanted) == 1)
    )


def _arranged(values: AnyArray, layout: str | None) -> list[AnyArray]:
    """Return samples as they are and with channels elsewhere, the likelier first."""
    own = [values]
    if values.ndim == 4 and layout == "NHWC":
        own = [np.moveaxis(values, -1, 1), values]
    elif values.ndim == 4 and layout == "NCHW":
        own = [values, np.moveaxis(values, 1, -1)]
    return own


def _long(sizes: Sequence[int]) -> list[int]:
    """Leave out axes of one value, which change no order."""
    return [size for size in sizes if size != 1]


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        each in (None, size) for size, each in zip(shape, wanted, strict=True)
    )
