"""A weight matrix on tiles, and its use in one inference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from matsweep.core.checks import UserError, whole
from matsweep.core.streams import FloatArray
from matsweep.crossbar.tile import Tile, capacity

OPERATIONS = ("comparison", "addition", "multiplication", "division", "function")
"""Kinds of digital operations behind a matrix whose costs are known.

A function is one of one number, such as an exponential or a hyperbolic tangent, from a table.
"""

_MOST_KEPT = 8  # divisions into packs that are kept of a matrix, as of mapped ones


class Usage(NamedTuple):
    """Shape of a matrix and its use in one inference, from which costs are counted.

    Parameters
    ----------
    inputs, outputs : int
        Of all blocks.
    signed : bool
        Whether inputs have both signs.
    uses : int
        Products of one inference.
    uses_back : int
        Transposed products of one step of training.
    operations : tuple of (str, int)
        Digital operations of one inference, by kind.
    blocks : int
        Equal blocks on the diagonal; all other weights are 0 and none is stored for them.
    fresh : int or None
        Input values that arrive in one inference; None: new ones for each product.
    held : int or None
        Input values that the layer's buffer holds; None: those of one product.
    recurrent : bool
        Whether each product needs the one before, so that copies cannot share them out.
    part : int
        Place among the packs of one matrix (`split`), which work at the same time; 0 begins one.
    stored : int
        Weights of the layers behind it that stay digital.
    """

    inputs: int
    outputs: int
    signed: bool
    uses: int = 1
    uses_back: int = 0
    operations: tuple[tuple[str, int], ...] = ()
    blocks: int = 1
    fresh: int | None = None
    held: int | None = None
    recurrent: bool = False
    part: int = 0
    stored: int = 0

    @property
    def weights(self) -> int:
        """Number of weights, those of the blocks alone."""
        return self.inputs * self.outputs // self.blocks

    @property
    def arriving(self) -> int:
        """Input values that arrive in one inference."""
        return self.inputs * self.uses if self.fresh is None else self.fresh

    @property
    def buffered(self) -> int:
        """Input values that the layer's buffer holds."""
        return self.inputs if self.held is None else self.held

    def split(self, tile: Tile, levels: int | None) -> tuple[Usage, ...]:
        """Return the usages of the packs that lie on tiles, as `Matrix.split` makes them.

        Operations, input values and stored weights are shared out by blocks; their sums stay.

        Parameters
        ----------
        tile : Tile
        levels : int or None
            Of the device.

        Returns
        -------
        tuple of Usage
        """
        packs = _packs(self.inputs, self.outputs, self.blocks, tile, levels)
        if len(packs) == 1:
            return (self,)
        rows, columns = self.inputs // self.blocks, self.outputs // self.blocks
        return tuple(
            self._replace(
                inputs=rows * len(pack),
                outputs=columns * len(pack),
                operations=tuple((kind, self._share(n, pack)) for kind, n in self.operations),
                blocks=len(pack),
                fresh=None if self.fresh is None else self._share(self.fresh, pack),
                held=None if self.held is None else self._share(self.held, pack),
                part=part,
                stored=self._share(self.stored, pack),
            )
            for part, pack in enumerate(packs)
        )

    def _share(self, total: int, pack: range) -> int:
        """Return a pack's part of a total; those of all packs add up to it."""
        return total * pack.stop // self.blocks - total * pack.start // self.blocks


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Matrix:
    """A weight matrix, its calibration inputs, and its use in one inference.

    Parameters
    ----------
    weight : (input, output) or (block, input, output) array
        In floating point; its type is that of all products. The second is a block-diagonal matrix,
        of a grouped convolution; its inputs and outputs lie block by block.
    calibration : (sample, input) array
        Inputs of training data, on which converters and compensations are calibrated; those of all
        blocks side by side.
    signed : bool
        Whether inputs have both signs.
    uses : int
        Products of one inference: positions of a convolution, steps of a sequence.
    uses_back : int
        Transposed products of one step of training.
    operations : mapping of str to int
        Digital operations of one inference behind its products, by kind (a name in `OPERATIONS`).
    fresh : int or None
        Input values that arrive in one inference, such as the feature map that a convolution reads;
        None: new ones for each product.
    held : int or None
        Input values that the layer's buffer holds, such as the rows that the kernel of a
        convolution covers; None: those of one product.
    recurrent : bool
        Whether each product needs the one before, as in a recurrent layer.
    stored : int
        Weights of the layers behind it that stay digital.

    Raises
    ------
    UserError
        If a number of uses or of values is negative, or a kind of operation is unknown.
    """

    weight: FloatArray
    calibration: FloatArray
    signed: bool
    uses: int = 1
    uses_back: int = 0
    operations: Mapping[str, int] = field(default_factory=dict)
    fresh: int | None = None
    held: int | None = None
    recurrent: bool = False
    stored: int = 0

    def __post_init__(self) -> None:
        if self.weight.ndim not in (2, 3):
            raise UserError(
                "weight must be (input, output) or (block, input, output), got the shape "
                f"{self.weight.shape}"
            )
        whole("uses", self.uses, low=0)
        whole("uses_back", self.uses_back, low=0)
        whole("stored", self.stored, low=0)
        for name, values in (("fresh", self.fresh), ("held", self.held)):
            if values is not None:
                whole(name, values, low=0)
        for kind, number in self.operations.items():
            if kind not in OPERATIONS:
                raise UserError(
                    f"operations must be of {', '.join(OPERATIONS)}, whose costs are known, "
                    f"got {kind!r}"
                )
            whole(f"operations of kind {kind}", number, low=0)

    @property
    def blocks(self) -> int:
        """Blocks on the diagonal."""
        return int(self.weight.shape[0]) if self.weight.ndim == 3 else 1

    @property
    def inputs(self) -> int:
        """Number of inputs, of all blocks."""
        return self.blocks * int(self.weight.shape[-2])

    @property
    def outputs(self) -> int:
        """Number of outputs, of all blocks."""
        return self.blocks * int(self.weight.shape[-1])

    @property
    def usage(self) -> Usage:
        """Shape and use, without any array."""
        return Usage(
            self.inputs, self.outputs, self.signed, self.uses, self.uses_back,
            tuple(sorted(self.operations.items())), self.blocks, self.fresh, self.held,
            self.recurrent, stored=self.stored,
        )  # fmt: skip

    def split(self, tile: Tile, levels: int | None) -> tuple[Matrix, ...]:
        """Return the dense matrices that lie on tiles.

        Blocks are packed on the diagonal of one tile, as many as its rows and columns hold; the
        devices off the diagonal are at weight zero. The last pack may be smaller, and a block that
        is too large for one tile lies on several by itself.

        Parameters
        ----------
        tile : Tile
        levels : int or None
            Of the device.

        Returns
        -------
        tuple of Matrix
            The same objects each time, for as long as the matrix is in use and not divided in many
            other ways; of a dense matrix itself.
        """
        if self.weight.ndim == 2:
            return (self,)
        packs = _packs(self.inputs, self.outputs, self.blocks, tile, levels)
        kept = _KEPT.setdefault(self, {})
        parts = kept.get(packs)
        if parts is None:
            if len(kept) >= _MOST_KEPT:
                kept.clear()
            parts = kept[packs] = _packed(self, packs, self.usage.split(tile, levels))
        return parts


_KEPT: WeakKeyDictionary[Matrix, dict[tuple[range, ...], tuple[Matrix, ...]]] = WeakKeyDictionary()
"""Packs of matrices that are in use: they hold copies of weights and calibration."""


def block_diagonal(blocks: FloatArray) -> FloatArray:
    """Return the dense matrix of blocks on its diagonal.

    Parameters
    ----------
    blocks : (block, input, output) array

    Returns
    -------
    (block · input, block · output) array
    """
    count, rows, columns = blocks.shape
    dense = np.zeros((rows * count, columns * count), blocks.dtype)
    for place, block in enumerate(blocks):
        dense[place * rows : (place + 1) * rows, place * columns : (place + 1) * columns] = block
    return dense


def _packed(
    matrix: Matrix, packs: tuple[range, ...], usages: tuple[Usage, ...]
) -> tuple[Matrix, ...]:
    rows = matrix.weight.shape[1]
    parts = []
    for pack, usage in zip(packs, usages, strict=True):
        weight = block_diagonal(matrix.weight[pack.start : pack.stop])
        inputs = slice(rows * pack.start, rows * pack.stop)
        parts.append(
            Matrix(
                weight=weight,
                calibration=np.ascontiguousarray(matrix.calibration[:, inputs]),
                signed=matrix.signed,
                uses=matrix.uses,
                uses_back=matrix.uses_back,
                operations=dict(usage.operations),
                fresh=usage.fresh,
                held=usage.held,
                recurrent=matrix.recurrent,
            )
        )
    return tuple(parts)


def _packs(
    inputs: int, outputs: int, blocks: int, tile: Tile, levels: int | None
) -> tuple[range, ...]:
    """Return the blocks of each pack: as many as one tile holds on its diagonal, at least one."""
    if blocks == 1:
        return (range(1),)
    rows, columns = capacity(tile, levels)
    most = max(1, min(rows * blocks // inputs, columns * blocks // outputs))
    return tuple(range(first, min(first + most, blocks)) for first in range(0, blocks, most))
