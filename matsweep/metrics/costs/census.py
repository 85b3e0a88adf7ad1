"""Census of a layer's parts, and their use in one inference."""

from __future__ import annotations

import math
from dataclasses import dataclass

from matsweep.crossbar import ADC, Layout, Tile


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
    dac_conversions, adc_conversions : int
        In one inference: in each cycle every used row of every tile once at each driven end; every
        used signed column of every tile once, its current already the difference of a pair or to a
        reference.
    turns : int
        Columns that the busiest converter takes one after the other.
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
    dac_conversions: int
    adc_conversions: int
    turns: int
    additions: int
    merges: int
    depth: int
    outputs: int
    devices: int
    places: int


def census(layout: Layout, tile: Tile, adc: ADC, cycles: int = 1, ends: int = 1) -> Census:
    """Count a layer's parts and their use.

    Parameters
    ----------
    layout : Layout
    tile : Tile
    adc : ADC
    cycles : int
        Reads per product: the bits of a serial DAC.
    ends : int
        Driven ends of a word line, each with its own DAC: the library's DACs drive their lines, and
        a wire from one side of an array to the other would lose the second driver's gain.

    Returns
    -------
    Census
    """
    capacity = layout.mapping.outputs(tile.columns, layout.slices) * layout.slices
    conversions = layout.columns * layout.row_tiles * cycles
    return Census(
        tiles=layout.tiles,
        dacs=layout.tiles * (tile.rows // tile.cells) * ends,
        adcs=layout.tiles * math.ceil(capacity / adc.sharing),
        dac_conversions=layout.inputs * layout.column_tiles * cycles * ends,
        adc_conversions=conversions,
        turns=min(adc.sharing, layout.tile_outputs * layout.slices),
        additions=conversions,
        merges=layout.outputs * (layout.row_tiles - 1),
        depth=(layout.row_tiles - 1).bit_length(),
        outputs=layout.outputs,
        devices=layout.inputs
        * layout.cells
        * (layout.columns * layout.mapping.arms + layout.references),
        places=layout.tiles * tile.rows * tile.columns,
    )
