"""Census of a layer's parts, and their use in one inference."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from matsweep.crossbar import ADC, Layout, Phase, Sequence, Tile

ONE_READ = Sequence(np.ones(1), (Phase(),), "read", signed=True)
"""The sequence of a product that takes one read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """The parts of one layer and their use in one inference.

    Parameters
    ----------
    tiles : int
        Arrays, each with its own converters.
    dacs, adcs : int
        Converters in all tiles: one DAC for each input and driven end of its word lines, one ADC
        for `sharing` signed columns.
    reads : int
        Reads of an array, one after the other.
    turns : int
        Columns that the busiest converter takes one after the other.
    conversion_turns : int
        Conversions of the busiest converter: turns times the conversions of a column.
    dac_conversions : int
        Every used row of every tile at each driven end, in each read in which it is driven.
    lines : int
        Lines charged to the read voltage in all reads.
    gates : int
        Gate lines of access transistors that are raised, in all reads.
    adc_conversions : int
        Conversions of every used signed column of every tile, its current already the difference of
        a pair or to a reference.
    additions : int
        One for each converted number: it is shifted by the significance of its slice and cycle and
        added to its tile's partial sum, which starts at the bias in the first tile.
    merges : int
        Additions of the partial sums of all tiles that share an output, in pairs.
    depth : int
        Of these additions, the longest chain of dependent ones.
    outputs : int
    devices : int
        Programmed devices, references included.
    places : int
        Cross points of all tiles.
    """

    tiles: int
    dacs: int
    adcs: int
    reads: int
    turns: int
    conversion_turns: int
    dac_conversions: int
    lines: int
    gates: int
    adc_conversions: int
    additions: int
    merges: int
    depth: int
    outputs: int
    devices: int
    places: int


def census(
    layout: Layout, tile: Tile, adc: ADC, order: Sequence = ONE_READ, ends: int = 1
) -> Census:
    """Count a layer's parts and their use.

    Parameters
    ----------
    layout : Layout
    tile : Tile
    adc : ADC
    order : Sequence
        Reads and conversions of a product.
    ends : int
        Driven ends of a word line, each with its own DAC: the library's DACs drive their lines, and
        a wire from one side of an array to the other would lose the second driver's gain.

    Returns
    -------
    Census
    """
    capacity = layout.mapping.outputs(tile.columns, layout.slices) * layout.slices
    sides = row_sides(layout, adc)
    rows = layout.inputs * layout.cells * layout.column_tiles * sides
    turns = min(adc.sharing, layout.tile_outputs * layout.slices)
    conversions = layout.columns * layout.row_tiles * order.conversions
    return Census(
        tiles=layout.tiles,
        dacs=layout.tiles * (tile.rows // tile.cells) * ends * sides,
        adcs=layout.tiles * math.ceil(capacity / adc.sharing),
        reads=order.reads,
        turns=turns,
        conversion_turns=turns * order.conversions,
        dac_conversions=layout.inputs * layout.column_tiles * order.drives * ends * sides,
        lines=rows * order.drives,
        gates=rows * _raised(tile, order.reads),
        adc_conversions=conversions,
        additions=conversions,
        merges=layout.outputs * (layout.row_tiles - 1),
        depth=(layout.row_tiles - 1).bit_length(),
        outputs=layout.outputs,
        devices=layout.inputs * layout.cells * layout.width,
        places=layout.tiles * tile.rows * tile.columns,
    )


def transposed_census(layout: Layout, tile: Tile, adc: ADC, order: Sequence) -> Census:
    """Count the use of a layer's parts in a transposed read: columns driven, rows converted.

    Slices are read one after the other, so that each takes its own reads and conversions. All
    columns of a slice are driven: both of a pair, and the references. Rows that share an input are
    converted together. The parts are those of the forward read.

    Parameters
    ----------
    layout : Layout
        Of the forward read.
    tile : Tile
    adc : ADC
    order : Sequence
        Reads and conversions of the product with one slice.

    Returns
    -------
    Census
    """
    reads, conversions = order.reads * layout.slices, order.conversions * layout.slices
    turns = min(adc.sharing, layout.tile_inputs)
    lines = layout.width * layout.row_tiles * order.drives
    converted = layout.inputs * layout.column_tiles * conversions
    return replace(
        census(layout, tile, adc),
        reads=reads,
        turns=turns,
        conversion_turns=turns * conversions,
        dac_conversions=lines,
        lines=lines,
        gates=layout.inputs * layout.cells * layout.column_tiles * _raised(tile, reads),
        adc_conversions=converted,
        additions=converted,
        merges=layout.inputs * (layout.column_tiles - 1),
        depth=(layout.column_tiles - 1).bit_length(),
        outputs=layout.inputs,
    )


def row_sides(layout: Layout, adc: ADC) -> int:
    """Lines that an input drives in an array.

    Where voltages are sensed, both devices of a pair are on one column, each with a line of its own
    across half as many columns.

    Parameters
    ----------
    layout : Layout
    adc : ADC

    Returns
    -------
    int
    """
    return layout.mapping.arms if adc.sensing == "voltage" else 1


def _raised(tile: Tile, reads: int) -> int:
    """Count the times that a gate line is raised in a product."""
    if tile.gated is None:
        return 0
    return reads if tile.gated.raised == "read" else 1
