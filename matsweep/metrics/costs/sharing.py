"""Several small matrices on one tile: disjoint rows and columns, converters that take turns."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from matsweep.crossbar import Layout, Tile


def shared_tiles(layouts: Sequence[Layout], tile: Tile) -> tuple[tuple[int, ...], ...]:
    """Pack matrices that fit one tile side by side on the diagonals of as few tiles as it finds.

    First fit by decreasing size, which is the larger of the shares of rows and columns: the same
    tiles for the same matrices in the same order. Each matrix has rows and columns for itself, as
    rows that are not driven carry no current into the columns of another.

    Parameters
    ----------
    layouts : sequence of Layout
    tile : Tile

    Returns
    -------
    tuple of tuples of int
        Indices of the layouts on each shared tile, ascending; those that lie alone, or on several
        tiles, are left out. Empty where the tile shares nothing.
    """
    if tile.packing == "none":
        return ()
    sizes = {
        index: (layout.inputs * layout.cells, layout.width)
        for index, layout in enumerate(layouts)
        if layout.tiles == 1
    }
    order = sorted(sizes, key=lambda index: (-_share(sizes[index], tile), index))
    bins: list[list[int]] = []
    free: list[tuple[int, int]] = []
    for index in order:
        rows, columns = sizes[index]
        place = next((p for p, (r, c) in enumerate(free) if rows <= r and columns <= c), None)
        if place is None:
            place = len(bins)
            bins.append([])
            free.append((tile.rows, tile.columns))
        bins[place].append(index)
        free[place] = free[place][0] - rows, free[place][1] - columns
    return tuple(sorted(tuple(sorted(each)) for each in bins if len(each) > 1))


def _share(size: tuple[int, int], tile: Tile) -> Fraction:
    rows, columns = size
    return max(Fraction(rows, tile.rows), Fraction(columns, tile.columns))
