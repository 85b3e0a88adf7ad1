"""Tiles: the arrays of fixed size on which a layer's weights are placed."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from matsweep.core.checks import UserError, in_range, non_negative, one_of, positive, truth, whole
from matsweep.core.codec import later
from matsweep.core.plausible import Plausible
from matsweep.core.quantities import Dimensionless, Resistance, Time
from matsweep.core.streams import FloatArray
from matsweep.crossbar.gates import Gates
from matsweep.crossbar.mapping import MAPPINGS, IntArray, Mapping, Slicing


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """Crossbar array and the placement of weights on it.

    Parameters
    ----------
    rows, columns : int
        Physical word lines and bit lines of an array.
    mapping : "differential", "reference" or "offset"
        `DifferentialPair`, `ReferenceColumn` or `OffsetEncoded`.
    weight_bits : int or None
        Lowest resolution of a weight, sign included: a device with fewer levels is bit-sliced.
        None: one device (pair) a weight whatever its levels.
    cells : int
        Devices in parallel for each weight (each digit of it, on each arm): rows side by side
        that share an input. Their independent errors average.
    read_time : float, s
        Duration of the read voltage in one read: a product takes one in each cycle of a serial DAC
        and each phase.
    access_resistance : float, Ω
        In series with each device: its selecting transistor (1T1R), taken as ohmic.
    half_selected : float
        Conductance of a cell at half of the write voltage, over its conductance: 0 behind a
        transistor that is off, 1 in a bare passive array, between them behind a selector. It
        only costs energy while others are written.
    compensate_wires : bool
        Multiply each layer's output by one factor, fitted to calibration reads after programming,
        that brings it closest to the exact product: it corrects the mean voltage drop along the
        wires.
    compensate_drift : bool
        Multiply each layer's output by the factor that its calibration reads have lost since
        programming (global drift compensation: Joshi et al., Nat. Commun. 11:2473, 2020,
        doi:10.1038/s41467-020-16108-9).
    compensate_columns : bool
        Multiply each output by its own factor and add its own offset, digitally, as chips do: both
        are fitted to the calibration reads after programming, behind the two factors above, and
        then kept (Le Gallo et al., Nat. Electron. 6:680, 2023, doi:10.1038/s41928-023-01010-1).
    phases : 1, 2 or 4
        Phases of a product, for drivers and converters that work in one direction. 1: inputs of
        both signs at once. 2: positive inputs, then negative ones, if there are any. 4: in each of
        them first the positive and then the negative devices of the pairs, whose codes are
        subtracted digitally (Le Gallo et al., Nat. Electron. 6:680, 2023,
        doi:10.1038/s41928-023-01010-1).
    gates : Gates or None
        Gate lines of the access transistors, where cells have one (`half_selected` is 0). None:
        their energy is left out.
    packing : "none" or "shared"
        Whether matrices that fill no tile lie on tiles of their own, or share them, each with rows
        and columns for itself, and take turns at the converters. It moves costs alone.
    """

    rows: Annotated[int, Plausible(1, 16384)] = 128
    columns: Annotated[int, Plausible(1, 16384)] = 128
    mapping: str = "differential"
    weight_bits: int | None = None
    cells: int = 1
    read_time: Annotated[Time, Plausible(1e-11, 0.01)] = 1e-8
    access_resistance: Annotated[Resistance, Plausible(0.0, 1e8)] = 0.0
    half_selected: Dimensionless = 0.0
    compensate_wires: bool = False
    compensate_drift: bool = False
    compensate_columns: bool = later(False)
    phases: int = later(1)
    gates: Gates | None = later(Gates())
    packing: str = later("none")

    def __post_init__(self) -> None:
        whole("rows", self.rows, low=1)
        whole("columns", self.columns, low=1)
        one_of("mapping", self.mapping, MAPPINGS)
        if self.weight_bits is not None:
            whole("weight_bits", self.weight_bits, low=2, high=16)
        whole("cells", self.cells, low=1)
        if self.cells > self.rows:
            raise UserError(f"cells must be <= rows ({self.rows}) of a tile, got {self.cells}")
        positive("read_time", self.read_time, "s")
        for name in ("compensate_wires", "compensate_drift", "compensate_columns"):
            truth(name, getattr(self, name))
        non_negative("access_resistance", self.access_resistance, "Ω")
        in_range("half_selected", self.half_selected, 0.0, 1.0)
        one_of("packing", self.packing, ("none", "shared"))
        if self.phases not in (1, 2, 4):
            raise UserError(f"phases must be 1, 2 or 4, got {self.phases!r}")
        if self.phases == 4 and MAPPINGS[self.mapping].arms < 2:
            raise UserError(
                f"phases must be 1 or 2 with {self.mapping} mapping, got 4: only the two devices "
                "of a pair are read one after the other (mapping=differential)"
            )

    @property
    def balanced(self) -> bool:
        """Whether currents of both signs leave the columns: those of pairs, or to a reference."""
        return MAPPINGS[self.mapping].signed

    @property
    def gated(self) -> Gates | None:
        """Gate lines whose energy counts: None where cells have no access transistor."""
        return None if self.half_selected else self.gates


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Placement of the weights of one layer on tiles.

    Rows are split evenly over the fewest tiles that hold them: the last ones may have one input
    less. All arrays are as large as the first; the rows missing in the last ones are their first,
    farthest from the sense amplifiers, and hold no devices. Columns run slice by slice, all
    outputs of a slice side by side; each tile of columns holds all slices of its outputs.

    Parameters
    ----------
    inputs, outputs : int
        Of the layer.
    row_tiles, column_tiles : int
    tile_inputs : int
        Inputs of each tile; the last `short_tiles` have one less.
    cells : int
        Rows that share an input.
    tile_outputs : int
        Outputs that a tile of columns holds at most.
    slicing : Slicing
    mapping : Mapping
    """

    inputs: int
    outputs: int
    row_tiles: int
    column_tiles: int
    tile_inputs: int
    cells: int
    tile_outputs: int
    slicing: Slicing
    mapping: Mapping

    @property
    def tiles(self) -> int:
        """Physical arrays of the layer."""
        return self.row_tiles * self.column_tiles

    @property
    def short_tiles(self) -> int:
        """Tiles of rows, the last ones, that have one input less than the others."""
        return self.row_tiles * self.tile_inputs - self.inputs

    @property
    def slices(self) -> int:
        """Digits of a weight."""
        return self.slicing.digits

    @property
    def columns(self) -> int:
        """Signed columns, over all tiles of columns, that are converted for each tile of rows."""
        return self.slices * self.outputs

    @property
    def references(self) -> int:
        """Reference columns, over all tiles of columns."""
        return self.mapping.references(self.slices, self.column_tiles)

    @property
    def width(self) -> int:
        """Columns with devices, over all tiles of columns, references included."""
        return self.columns * self.mapping.arms + self.references

    @property
    def devices(self) -> int:
        """Devices of the layer, those of rows that short tiles lack included."""
        rows = self.row_tiles * self.tile_inputs * self.cells
        return rows * self.mapping.arms * (self.columns + self.references)

    @property
    def worth(self) -> FloatArray:
        """Weight that a full range of signed conductance represents, (slice,) array.

        A weight of 1 spans the whole range of all its cells in a pair, half of it about a
        reference (a little less where the number of levels is even, see `Slicing`).
        """
        if self.slicing.base is None:
            return np.full(1, self.mapping.gain / (self.cells * self.slicing.top))
        return self.slicing.significance() / self.cells

    @property
    def owner(self) -> IntArray:
        """Each signed column's reference, (column,) array."""
        tile = np.arange(self.outputs) // self.tile_outputs
        slices = np.arange(self.slices)[:, None] * self.column_tiles
        return np.asarray((slices + tile).ravel())

    def places(self) -> IntArray:
        """Origins of the columns of each physical array.

        The devices of one weight lie side by side, slice by slice; references in the middle of
        their array.

        Returns
        -------
        (column_tile, physical column) array
            Index in (arm · column), columns followed by the references; -1: no device (the last
            array may be narrower).
        """
        width = self.columns + self.references
        arrays = []
        for tile in range(self.column_tiles):
            first = tile * self.tile_outputs
            outputs = np.arange(first, min(first + self.tile_outputs, self.outputs))
            digits = np.arange(self.slices)[None, :, None] * self.outputs
            arms = np.arange(self.mapping.arms)[None, None, :] * width
            columns = (outputs[:, None, None] + digits + arms).ravel()
            if self.references:
                own = self.columns + np.arange(self.slices) * self.column_tiles + tile
                columns = np.insert(columns, columns.size // 2, own)
            arrays.append(columns)
        most = max(columns.size for columns in arrays)
        return np.array([np.pad(c, (0, most - c.size), constant_values=-1) for c in arrays])


def capacity(tile: Tile, levels: int | None) -> tuple[int, int]:
    """Return the inputs and outputs that one tile holds.

    Parameters
    ----------
    tile : Tile
    levels : int or None
        Of the device.

    Returns
    -------
    inputs, outputs : int
        Rows over the cells of a weight, and weights of all slices side by side; 0 outputs where not
        even one fits.
    """
    mapping = MAPPINGS[tile.mapping]
    digits = Slicing.of(levels, tile.weight_bits, offset=mapping.offset).digits
    return tile.rows // tile.cells, max(0, mapping.outputs(tile.columns, digits))


@functools.lru_cache(maxsize=4096)
def layout(inputs: int, outputs: int, tile: Tile, levels: int | None, path: str = "tile") -> Layout:
    """Place a layer of weights on tiles.

    Parameters
    ----------
    inputs : int
    outputs : int
        Of the layer.
    tile : Tile
    levels : int or None
        Of the device.
    path : str
        Name of the tile in messages.

    Returns
    -------
    Layout

    Raises
    ------
    UserError
        If not even one weight fits the columns of a tile, or no level represents weight zero.
    """
    mapping = MAPPINGS[tile.mapping]
    slicing = Slicing.of(levels, tile.weight_bits, offset=mapping.offset)
    if mapping.offset and mapping.signed and levels == 2 and slicing.base is None:
        raise UserError(
            f"{path}.weight_bits must be a number for a device of 2 levels with {tile.mapping} "
            "mapping, got None: no level is halfway, where the reference belongs; give "
            f"{path}.weight_bits (slices), or {path}.mapping=differential"
        )
    rows, fits = capacity(tile, levels)
    if fits < 1:
        raise UserError(
            f"{path}.columns must hold one weight of {slicing.digits} slice(s) with "
            f"{tile.mapping} mapping, got {tile.columns}"
        )
    row_tiles = math.ceil(inputs / rows)
    column_tiles = math.ceil(outputs / fits)
    return Layout(
        inputs=inputs,
        outputs=outputs,
        row_tiles=row_tiles,
        column_tiles=column_tiles,
        tile_inputs=math.ceil(inputs / row_tiles),
        cells=tile.cells,
        tile_outputs=math.ceil(outputs / column_tiles),
        slicing=slicing,
        mapping=mapping,
    )
