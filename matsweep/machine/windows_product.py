"""Analog products of windows: the choice between compiled loops and blocks of explicit rows."""

from __future__ import annotations

from typing import NamedTuple

from matsweep.core.slips import refuse_shape
from matsweep.core.streams import FloatArray, Streams
from matsweep.machine.aged import AgedDevices
from matsweep.machine.panels import Panels
from matsweep.machine.windows import Windows
from matsweep.machine.windows_blocks import multiplied
from matsweep.machine.windows_compiled import multiplied_compiled

PURPOSE = "windows"  # of the random numbers of products of windows


class WindowsProduct(NamedTuple):
    """Analog product of windows in one realisation.

    Parameters
    ----------
    values : (sample, position, output) float32 array
    saturated : float
        Share of the conversions that saturated.
    conversions : int
        Conversions of all samples and positions.
    """

    values: FloatArray
    saturated: float
    conversions: int


def windows_product(
    aged: AgedDevices,
    panels: Panels | None,
    windows: Windows,
    *,
    realisation: int,
    sample: int,
    call: int,
    rng: Streams,
    scale: FloatArray | None,
    offset: FloatArray | None,
) -> WindowsProduct:
    """Multiply windows by the matrix of one realisation, see `AgedMatrix.windows_product`.

    Parameters
    ----------
    aged : AgedDevices
    panels : Panels or None
        Of the realisation; None where compiled loops do not serve.
    windows : Windows
    realisation : int
    sample : int
    call : int
    rng : Streams
    scale : (output,) float32 array or None
    offset : (output,) float32 array or None

    Returns
    -------
    WindowsProduct
    """
    mapped = aged.mapped
    shape = windows.samples, windows.positions, windows.inputs
    refuse_shape("windows", shape, "input", mapped.matrix.inputs)
    keys = rng.at(PURPOSE).keys[realisation : realisation + 1]
    first = sample * windows.positions
    if panels is not None:
        conversions = len(panels.begins) * panels.scale.size
        values, saturated = multiplied_compiled(
            panels, windows, call=call, first=first, keys=keys,
            scale=scale, offset=offset,
        )  # fmt: skip
    else:
        conversions = mapped.conversions(aged.hardware)
        values, saturated = multiplied(
            aged.of(realisation), windows, call=call, first=first, keys=keys
        )
        if scale is not None:
            values *= scale
        if offset is not None:
            values += offset
    conversions *= shape[0] * shape[1]
    values = values.reshape(*shape[:2], mapped.matrix.outputs)
    return WindowsProduct(values, saturated / max(conversions, 1), conversions)
