"""Edges of layers and their tiles."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from matsweep.crossbar import Layout


def starts(sizes: list[int]) -> npt.NDArray[np.int64]:
    """First places of parts that lie behind each other, and the end.

    Parameters
    ----------
    sizes : list of int
        Of each part.

    Returns
    -------
    (part + 1,) int64 array
    """
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def row_edges(plan: Layout) -> list[int]:
    """First row of each tile of a layer, and the end; the last tiles may have a row less.

    Parameters
    ----------
    plan : Layout

    Returns
    -------
    list of int
        Row tiles + 1.
    """
    sizes = [
        plan.tile_inputs - int(tile >= plan.row_tiles - plan.short_tiles)
        for tile in range(plan.row_tiles)
    ]
    return [0, *(int(end) for end in np.cumsum(sizes))]


def column_edges(plan: Layout) -> list[int]:
    """First column of each tile of a layer, and the end.

    Parameters
    ----------
    plan : Layout

    Returns
    -------
    list of int
        Column tiles + 1.
    """
    return [*range(0, plan.outputs, plan.tile_outputs), plan.outputs]


def joined_edges(each: list[list[int]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Join the edges of all layers in one array.

    Parameters
    ----------
    each : list of list of int
        Edges of each layer.

    Returns
    -------
    edges : (edge of any layer,) int64 array
        The layers' edges behind each other.
    at : (layer + 1,) int64 array
        Place of each layer's first edge, then the number of edges.
    """
    return np.concatenate(each).astype(np.int64), starts([len(edges) for edges in each])
