"""Where layers and their tiles begin and end."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from matsweep.crossbar import Layout


def starts(sizes: list[int]) -> npt.NDArray[np.int64]:
    """Return where parts of some sizes begin, and the end."""
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def row_edges(plan: Layout) -> list[int]:
    """Return where tiles of rows begin, and the end; the last tiles have a row less."""
    sizes = [
        plan.tile_inputs - int(tile >= plan.row_tiles - plan.short_tiles)
        for tile in range(plan.row_tiles)
    ]
    return [0, *(int(end) for end in np.cumsum(sizes))]


def column_edges(plan: Layout) -> list[int]:
    """Return where tiles of columns begin, and the end."""
    return [*range(0, plan.outputs, plan.tile_outputs), plan.outputs]


def joined_edges(each: list[list[int]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the layers' edges behind each other, and where each layer's begin."""
    return np.concatenate(each).astype(np.int64), starts([len(edges) for edges in each])
