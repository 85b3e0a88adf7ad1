"""Line-by-line approximation of the linear map, for wires that are a small correction."""

from __future__ import annotations

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.crossbar.wires.wires import Segments


def line_by_line(conductance: FloatArray, segments: Segments) -> FloatArray:
    """Product of each device and its two lines' shares, each line solved separately.

    Parameters
    ----------
    conductance : (array, row, column) array, S
    segments : Segments

    Returns
    -------
    (array, row, column) array, S
    """
    from matsweep.crossbar.wires.compiled.lines import arriving

    near, shares = np.empty_like(conductance), np.empty_like(conductance)
    arriving(conductance, segments.word, segments.far_conductance(), near)
    ground = np.zeros(conductance.shape[-1])
    upward = (conductance.swapaxes(-1, -2)[..., ::-1], segments.bit.T[:, ::-1], ground)
    arriving(*upward, shares.swapaxes(-1, -2)[..., ::-1])
    return np.asarray(conductance * near * shares)
