"""Products of windows in compiled loops."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from matsweep.core.streams import FloatArray
from matsweep.machine.panels import LANES, Panels
from matsweep.machine.windows import Windows, beyond

_CACHE = 2**19  # bytes of panels that stay in the second cache from one block of rows to the next
_BLOCKS = 4  # of rows, for which larger panels are read once


def multiplied_compiled(
    panels: Panels,
    windows: Windows,
    *,
    call: int,
    first: int,
    keys: npt.NDArray[np.uint64],
    scale: FloatArray | None,
    offset: FloatArray | None,
) -> tuple[FloatArray, int]:
    """Multiply windows by the panels of one realisation.

    Sums add their products in the order of the inputs, rounded once with each (fused
    multiply-add), so that results are the same bits on every processor. The standard normal numbers
    are those of Philox 4x32-10 at a counter that consists of the row, the column and the call.

    Parameters
    ----------
    panels : Panels
    windows : Windows
    call : int
    first : int
        Number of the first row.
    keys : (1, 2) array of uint64
        Of the random numbers.
    scale : (output,) float32 array or None
    offset : (output,) float32 array or None

    Returns
    -------
    values : (row, output) float32 array
    saturated : int
        Conversions that saturated.

    Raises
    ------
    ValueError
        If an input vector leaves the values of its sample.
    """
    from matsweep.machine.kernels import windows as kernels

    # Copied only where they are not as the loops take them, which do not write them.
    values = np.require(windows.values, np.float32, ("C", "A", "W")).reshape(-1)
    [(key, upper)] = keys
    outputs = panels.scale.shape[1]
    units = panels.scale if scale is None else panels.scale * scale
    shift = np.zeros(outputs) if offset is None else offset
    rows = windows.samples * windows.positions
    out = np.empty(rows * outputs + LANES, np.float32)
    saturated = kernels.multiply(
        values, windows.values.shape[1],
        np.ascontiguousarray(windows.starts, np.int64),
        np.ascontiguousarray(windows.offsets, np.int64),
        panels.inputs, panels.tiles, panels.weights, panels.variances, panels.begins, panels.limits,
        panels.scale.size,
        first, key, upper ^ np.uint64(call), _padded(units), _padded(shift),
        1 if panels.weights.nbytes <= _CACHE else _BLOCKS, rows, outputs, out,
    )  # fmt: skip
    if saturated < 0:
        raise beyond(windows)
    return out[:-LANES].reshape(rows, outputs), int(saturated)


def _padded(values: FloatArray) -> FloatArray:
    """Return numbers of columns as those of whole panels."""
    padded = np.zeros(-(-values.size // LANES) * LANES, np.float32)
    padded[: values.size] = values.ravel()
    return padded
