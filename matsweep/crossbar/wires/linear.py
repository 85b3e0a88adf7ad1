"""The linear map of a wired array of ohmic devices."""

from __future__ import annotations

import functools

import numpy as np
from threadpoolctl import ThreadpoolController

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.crossbar.wires.arguments import checked_conductance
from matsweep.crossbar.wires.join import BOTTOM, LEFT, RIGHT
from matsweep.crossbar.wires.lines import line_by_line
from matsweep.crossbar.wires.nodal import Network
from matsweep.crossbar.wires.ports import port_response
from matsweep.crossbar.wires.wires import APART, Segments, Wires, required_wires

_KEPT = 31 << 20  # bytes, below the largest block that glibc's thresholds follow
_APART_SINGLE = 300.0  # of `Segments.apart`: beyond, joining in single precision loses too much


def effective_conductance(
    conductance: FloatArray, wires: Wires, *, plausible: bool = True
) -> FloatArray:
    """Linear map of a wired array of ohmic devices.

    Parameters
    ----------
    conductance : (…, row, column) array, S
        Of the devices; 0: open, infinite (a short; not between ideal wires) allowed.
    wires : Wires
    plausible : bool
        Whether values that no device has, such as 1e4 S, are refused.

    Returns
    -------
    (…, row, column) array, S
        Column currents = voltages @ map. Of the type of `conductance` (float32 stays so).

    Raises
    ------
    UserError
        If a conductance is below zero or not a number, or the wires are not `Wires`.

    Notes
    -----
    method "exact": joining blocks (`crossbar.wires.ports`), O(n³) for n × n cells; to a few 1e-14
    of the largest element in double precision, to 1e-5 in single (5e-6 at 128 × 128, 7e-6 at 512 ×
    512). Joining loses the currents within lines that reach a driver or ground only through
    resistances far larger than those around them, on word and bit lines alike. Where those are
    1e5 times as large, or infinite on both, nodes are eliminated instead (`crossbar.wires.nodal`):
    each element exact to its own size whatever the resistances, some thirty times as slow. Below,
    at most 1e-11 of the largest element is lost; single precision is computed in double from 300
    times on. Uses one thread: run several arrays in parallel processes.

    method "lines": G_ij t_ij s_ij, t_ij being the voltage of word line i at column j with all
    bit lines grounded, s_ij the share of a current at row i that arrives at the bottom of bit
    line j with all word lines grounded. O(n²). Exact to first order in the resistances, and to
    all orders if either word or bit lines are ideal: its error grows with the product of the
    two. Where wires and ends take a share of the current of less than 0.3, the rms error over the
    rms of the map is at most 0.35 times that share's square; where they take more, at most its
    square (0.41 of it without ends' resistances, 0.63 with 200 Ω, 0.87 with 1 kΩ at a share of
    0.94). Measured: 8 × 128 to 256 × 16 cells of 1 to 100 µS, 0.1 to 10 Ω a segment, ends of 0 to
    1 kΩ, both drives.
    """
    return _maps(conductance, wires, inputs=False, plausible=plausible)[0]


def port_conductance(
    conductance: FloatArray, wires: Wires, *, plausible: bool = True
) -> tuple[FloatArray, FloatArray]:
    """Return the maps from voltages to the column currents and to the drivers' currents.

    Parameters
    ----------
    conductance : (…, row, column) array, S
    wires : Wires
    plausible : bool
        Whether values that no device has, such as 1e4 S, are refused.

    Returns
    -------
    (…, row, column) array, S
        The effective conductance.
    (…, row, row) array, S
        Driver currents = voltages @ map; the power that enters an array is the sum of voltages
        times these. With method "lines" diagonal: the rows' sums of the effective conductance,
        which leaves out the currents between drivers of different voltage, so that the power
        comes out too low: by up to 0.31 of the share of the current that is lost for inputs of
        one sign where that is below 0.3, 0.88 above; for inputs of both signs by up to all of it
        (square arrays without ends' resistances: 0.56 and 0.80). Measured as in
        `effective_conductance`.
    """
    columns, drivers = _maps(conductance, wires, inputs=True, plausible=plausible)
    assert drivers is not None
    return columns, drivers


def _maps(
    conductance: FloatArray, wires: Wires, *, inputs: bool, plausible: bool
) -> tuple[FloatArray, FloatArray | None]:
    conductance = checked_conductance(conductance, plausible=plausible)
    required_wires(wires)
    *lead, rows, columns = conductance.shape
    segments = wires.segments(rows, columns)
    if conductance.size == 0:
        return conductance, np.zeros((*lead, rows, rows), conductance.dtype)
    if np.isinf(conductance).any() and ((segments.word + segments.bit) == 0).any():
        raise UserError("conductance must be finite where no wire has any resistance")
    flat = conductance.reshape(-1, rows, columns)
    if wires.method == "lines":
        if np.isinf(flat).any():
            raise UserError(
                'conductance must be finite for method "lines", got inf; "exact" takes shorts'
            )
        maps = line_by_line(flat, segments)
        power: FloatArray | None = None
        if inputs:
            power = np.asarray(np.eye(rows, dtype=flat.dtype) * maps.sum(axis=-1)[..., None])
    else:
        _keep_memory()
        # Most products are so small that several threads take ten times as long.
        with _threads().limit(limits=1, user_api="blas"):
            maps, power = _exact(flat, segments, inputs=inputs)
    return (
        maps.reshape(conductance.shape),
        None if power is None else power.reshape(*lead, rows, rows),
    )


@functools.cache
def _keep_memory() -> None:
    """Let glibc keep freed memory.

    Its thresholds for returning memory to the system follow the largest block that was freed;
    memory returned is fetched again page by page (a quarter of the time at 128 × 128). This block
    costs nothing, as nothing is written to it.
    """
    np.empty(_KEPT, np.uint8)


@functools.cache
def _threads() -> ThreadpoolController:
    """Return the handles of the loaded thread pools, which take a millisecond to find."""
    return ThreadpoolController()


def _exact(
    conductance: FloatArray, segments: Segments, *, inputs: bool
) -> tuple[FloatArray, FloatArray | None]:
    """Return the maps of some arrays, each by the fastest method that is exact for it."""
    single = conductance.dtype == np.float32
    far = segments.apart(conductance) > (_APART_SINGLE if single else APART)
    if not far.any():
        return _joined(conductance, segments, inputs=inputs)
    slow = _exact if single else _eliminated
    parts = [(far, slow(conductance[far].astype(np.float64), segments, inputs=inputs))]
    if not far.all():
        parts.append((~far, _joined(conductance[~far], segments, inputs=inputs)))
    maps = np.empty_like(conductance)
    rows = conductance.shape[1]
    power = np.empty((len(maps), rows, rows), maps.dtype) if inputs else None
    for some, (down, drawn) in parts:
        maps[some] = down
        if power is not None:
            power[some] = drawn
    return maps, power


def _eliminated(
    conductance: FloatArray, segments: Segments, *, inputs: bool
) -> tuple[FloatArray, FloatArray | None]:
    """Return the maps of some arrays by elimination of nodes."""
    rows = conductance.shape[1]
    maps = np.empty(conductance.shape)
    power = np.empty((len(maps), rows, rows)) if inputs else None
    for index, array in enumerate(conductance):
        between = Network(array, *segments, solve=False).between
        maps[index] = between[:rows, rows:]
        if power is not None:
            power[index] = np.diag(between[:rows].sum(axis=1)) - between[:rows, :rows]
    return maps, power


def _joined(
    conductance: FloatArray, segments: Segments, *, inputs: bool
) -> tuple[FloatArray, FloatArray | None]:
    """Return the maps of some arrays by joining blocks."""
    driven = (LEFT,) if segments.right is None else (LEFT, RIGHT)
    outputs = (BOTTOM, *driven) if inputs or segments.right is not None else (BOTTOM,)
    between = tuple((output, source) for output in outputs for source in driven)
    responses = port_response(conductance, segments.word, segments.bit, between)
    part = dict(zip(between, responses, strict=True))
    down, taken = -part[BOTTOM, LEFT], part.get((LEFT, LEFT)) if inputs else None
    if segments.right is not None:
        # The driver on the right holds V = v_right - R i_right; solved for the current leaving.
        above = part[RIGHT, LEFT] - np.eye(len(segments.right))
        loop = -part[RIGHT, RIGHT] + np.diag(segments.right)
        # A driver on the right changes nothing if its whole line has no resistance.
        idle = np.flatnonzero(segments.right + segments.word.sum(axis=-1) == 0)
        loop[:, idle, idle] += 1
        leaving = np.linalg.solve(loop, above).astype(conductance.dtype)
        leaving[:, idle] = 0
        down -= part[BOTTOM, RIGHT] @ leaving
        if taken is not None:
            taken = taken - leaving + part[LEFT, RIGHT] @ leaving
    return np.ascontiguousarray(down.swapaxes(-1, -2)), taken
