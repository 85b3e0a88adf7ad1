"""Signed weights as conductances, and signed currents back.

A weight w in [-1, 1] becomes one or more conductances, each a fraction 0 … 1 of the device's
range g_min … g_max. Where a device has fewer levels than a weight needs, the weight's integer is
written in the base of the levels, one device a digit (bit slicing, in the base 2 for binary
cells), and the digits' currents are shifted and added after conversion. With fine converters the
product is that of the rounded weights. Each digit is converted by itself, with one full scale for
all, so that the error of a product is LSB sqrt(Σ worth² / 12) (worth: of a digit's LSB): larger
than that of one device with as many levels by the ratio of the full scales, and most so with one
device a weight, where small weights of either sign differ in every digit (01111 and 10000) and
cancel after conversion only. Small weights of a pair leave its uppermost digits empty.

Pairs and references subtract currents before conversion, as chips with differential or
referenced sensing do (Wan et al., Nature 2022, doi:10.1038/s41586-022-04992-8), so that g_min,
common to both sides, cancels; offset encoding subtracts numbers after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from matsweep.core.streams import FloatArray

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Slicing:
    """Representation of a weight in digits.

    Parameters
    ----------
    base : int or None
        Levels of a digit; None for one continuous or finely stepped device.
    digits : int
    largest : int
        Integer that represents a weight of 1.
    top : float
        Fraction of the range that represents a weight of 1, where one device holds the whole
        weight: below 1 if the uppermost level is left out.
    """

    base: int | None
    digits: int
    largest: int
    top: float = 1.0

    @classmethod
    def of(cls, levels: int | None, weight_bits: int | None, *, offset: bool) -> Slicing:
        """Slicing for a device with a number of levels.

        Parameters
        ----------
        levels : int or None
            Of the device; None for a continuum.
        weight_bits : int or None
            Lowest resolution of a weight, its sign included; None: one device whatever its levels.
        offset : bool
            Whether one side holds both signs (the whole range of codes) or magnitudes only.

        Returns
        -------
        Slicing

        Notes
        -----
        Both signs on one side need an odd number of codes, so that weight zero is one of them:
        of an even number of levels the uppermost is left out. Two levels (of one device without
        a reference) stay two: weights are then -1 or 1.
        """
        whole = cls(None, 1, 1)
        if offset and levels is not None and levels > 2 and levels % 2 == 0:
            whole = cls(None, 1, 1, (levels - 2) / (levels - 1))
        if weight_bits is None or levels is None:
            return whole
        largest = 2 ** (weight_bits - 1) - 1
        codes = 2 * largest + 1 if offset else largest + 1
        if levels >= codes:
            return whole
        digits = 1
        while levels**digits < codes:
            digits += 1
        return cls(levels, digits, largest)

    def significance(self) -> FloatArray:
        """Value of each digit's full range in weights, (slice,) array."""
        assert self.base is not None
        powers = np.asarray(float(self.base)) ** np.arange(self.digits)
        return np.asarray((self.base - 1) * powers / self.largest)

    def fractions(self, numbers: FloatArray) -> FloatArray:
        """Write non-negative integers in digits.

        Parameters
        ----------
        numbers : (row, column) array, whole numbers

        Returns
        -------
        (slice, row, column) array in [0, 1]
            Least significant first.
        """
        assert self.base is not None
        powers = self.base ** np.arange(self.digits)
        digits = (numbers.astype(np.int64) // powers[:, None, None]) % self.base
        return np.asarray(digits / (self.base - 1))


class Mapping(Protocol):
    """Placement of signed weights on the columns of an array.

    `signed`: currents are subtracted before they are converted; if not, the output of weight zero
    is subtracted digitally. Columns run slice by slice; references, if any, follow the columns.
    """

    arms: ClassVar[int]
    offset: ClassVar[bool]
    gain: ClassVar[float]
    signed: ClassVar[bool]

    def outputs(self, tile_columns: int, slices: int) -> int:
        """Return the number of weights of a row that fit a tile.

        Parameters
        ----------
        tile_columns : int
            Physical columns of the tile.
        slices : int
            Of a weight.

        Returns
        -------
        int
        """

    def references(self, slices: int, column_tiles: int) -> int:
        """Return the number of reference columns.

        Parameters
        ----------
        slices : int
            Of a weight.
        column_tiles : int

        Returns
        -------
        int
        """

    def encode(self, weights: FloatArray, slicing: Slicing) -> FloatArray:
        """Fractions of the range that represent weights.

        Parameters
        ----------
        weights : (row, column) array, in [-1, 1]
        slicing : Slicing

        Returns
        -------
        (arm, slice, row, column) array, in [0, 1]
        """

    def difference(self, conductance: FloatArray, owner: IntArray) -> FloatArray:
        """Signed conductances of columns, less their references.

        Parameters
        ----------
        conductance : (…, arm, row, column + reference) array, S
        owner : (column,) array of int
            Each column's reference.

        Returns
        -------
        (…, row, column) array, S
        """

    def column_variance(self, variance: FloatArray) -> FloatArray:
        """Variance of the current into each converter.

        Parameters
        ----------
        variance : (…, arm, row, column + reference) array
            Of each device.

        Returns
        -------
        (…, row, column + reference) array
            In the unit of `variance`.
        """

    def column_noise(self, noise: FloatArray, owner: IntArray) -> FloatArray:
        """Noise of signed currents.

        Parameters
        ----------
        noise : (…, column + reference) array
            Of the current into each converter.
        owner : (column,) array of int
            Each column's reference.

        Returns
        -------
        (…, column) array
            In the unit of `noise`.
        """


@dataclass(frozen=True, slots=True)
class DifferentialPair:
    """Differential pair of devices: the positive part on one, the negative part on the other."""

    arms: ClassVar[int] = 2
    offset: ClassVar[bool] = False
    gain: ClassVar[float] = 1.0
    signed: ClassVar[bool] = True

    def outputs(self, tile_columns: int, slices: int) -> int:
        """Count two columns for each slice of a weight."""
        return tile_columns // (2 * slices)

    def references(self, slices: int, column_tiles: int) -> int:
        """Count none: the partner is the reference."""
        return 0

    def encode(self, weights: FloatArray, slicing: Slicing) -> FloatArray:
        """Put positive parts on arm 0, negative parts on arm 1."""
        parts = np.stack([np.maximum(weights, 0), np.maximum(-weights, 0)])
        if slicing.base is None:
            return parts[:, None]
        return np.stack([slicing.fractions(np.rint(part * slicing.largest)) for part in parts])

    def difference(self, conductance: FloatArray, owner: IntArray) -> FloatArray:
        """Subtract arm 1 from arm 0."""
        return np.asarray(conductance[..., 0, :, :] - conductance[..., 1, :, :])

    def column_variance(self, variance: FloatArray) -> FloatArray:
        """Add the variances of the two arms, which are independent."""
        return np.asarray(variance[..., 0, :, :] + variance[..., 1, :, :])

    def column_noise(self, noise: FloatArray, owner: IntArray) -> FloatArray:
        """Return the noise as it is: independent in each pair of columns."""
        return noise


@dataclass(frozen=True, slots=True)
class ReferenceColumn:
    """One device a weight, less a column of the same tile that is programmed to weight zero."""

    arms: ClassVar[int] = 1
    offset: ClassVar[bool] = True
    gain: ClassVar[float] = 2.0
    signed: ClassVar[bool] = True

    def outputs(self, tile_columns: int, slices: int) -> int:
        """Count one column for each slice of a weight, and one reference for each slice."""
        return tile_columns // slices - 1

    def references(self, slices: int, column_tiles: int) -> int:
        """Count one in each tile for each slice."""
        return slices * column_tiles

    def encode(self, weights: FloatArray, slicing: Slicing) -> FloatArray:
        """Put weight -1 at g_min, weight 1 at g_max, or one level below it (`Slicing.top`)."""
        if slicing.base is None:
            return np.asarray((weights[None, None] + 1) * (slicing.top / 2))
        return slicing.fractions(np.rint(weights * slicing.largest) + slicing.largest)[None]

    def difference(self, conductance: FloatArray, owner: IntArray) -> FloatArray:
        """Subtract its reference from each column."""
        return self.column_noise(conductance[..., 0, :, :], owner)

    def column_variance(self, variance: FloatArray) -> FloatArray:
        """Return the variance of the one device, in columns and references alike."""
        return np.asarray(variance[..., 0, :, :])

    def column_noise(self, noise: FloatArray, owner: IntArray) -> FloatArray:
        """Subtract a reference's noise, common to its columns, from each of them."""
        columns = owner.size
        return np.asarray(noise[..., :columns] - noise[..., columns:][..., owner])


@dataclass(frozen=True, slots=True)
class OffsetEncoded:
    """One device a weight; the known output of weight zero is subtracted digitally.

    The whole current is converted, its common part included, and the subtraction takes the
    conductances to be where they were targeted: cheap in devices, hard on the converter, and
    exposed to drift (ISAAC's encoding: Shafiee et al., ISCA 2016, doi:10.1109/ISCA.2016.12).
    """

    arms: ClassVar[int] = 1
    offset: ClassVar[bool] = True
    gain: ClassVar[float] = 2.0
    signed: ClassVar[bool] = False

    def outputs(self, tile_columns: int, slices: int) -> int:
        """Count one column for each slice of a weight."""
        return tile_columns // slices

    def references(self, slices: int, column_tiles: int) -> int:
        """Count none."""
        return 0

    def encode(self, weights: FloatArray, slicing: Slicing) -> FloatArray:
        """Encode as with a reference column."""
        return ReferenceColumn().encode(weights, slicing)

    def difference(self, conductance: FloatArray, owner: IntArray) -> FloatArray:
        """Return the conductances themselves: nothing is subtracted from the current."""
        return np.array(conductance[..., 0, :, :])

    def column_variance(self, variance: FloatArray) -> FloatArray:
        """Return the variance of the one device."""
        return np.asarray(variance[..., 0, :, :])

    def column_noise(self, noise: FloatArray, owner: IntArray) -> FloatArray:
        """Return the noise as it is: independent in each column."""
        return noise


MAPPINGS: dict[str, Mapping] = {
    "differential": DifferentialPair(),
    "reference": ReferenceColumn(),
    "offset": OffsetEncoded(),
}
