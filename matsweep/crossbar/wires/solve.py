"""Node solve of an array of linear devices: current = slope × voltage + extra."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.crossbar.wires.nodal import Network
from matsweep.crossbar.wires.wires import APART, Segments

_RESIDUAL = 1e-13  # of the linear solve, over the device currents
_ERROR = 1e-9  # estimated, of the currents, that conjugate gradients may leave
_MOST_ITERATIONS = 10_000


class Nodes(NamedTuple):
    """Voltages and currents of every node of an array under given inputs.

    Parameters
    ----------
    word, bit : (…, sample, row, column) array, V
        Voltages of the two lines at each cell.
    current : (…, sample, row, column) array, A
        Through each device, from its word line to its bit line.
    """

    word: FloatArray
    bit: FloatArray
    current: FloatArray


class Supplies(NamedTuple):
    """Supplies of an array, and the wires that connect them.

    Parameters
    ----------
    voltage : (sample, row) array, V
        At the drivers.
    ground : (column,) array, V
        At the ends of the bit lines.
    segments : Segments
    """

    voltage: FloatArray
    ground: FloatArray
    segments: Segments


class SolveError(UserError):
    """Failure of the iterations that solve for an array's nodes."""


def ohmic(conductance: FloatArray, supplies: Supplies, out: Nodes, *, direct: bool) -> None:
    """Solve one array of ohmic devices for some inputs.

    Parameters
    ----------
    conductance : (row, column) array, S
    supplies : Supplies
    out : Nodes
        (sample, row, column); filled.
    direct : bool
        Eliminate nodes where conjugate gradients do not converge.

    Raises
    ------
    SolveError
        If conjugate gradients do not converge and not `direct`.
    """
    extra = np.zeros_like(out.word)
    out.bit[...], out.current[...] = supplies.ground, 0
    slope = np.broadcast_to(conductance, out.word.shape)
    if supplies.segments.apart(conductance[None])[0] <= APART and all(
        _iterated(slope, extra, supplies, out, sample) for sample in range(len(slope))
    ):
        return
    if not direct:
        raise SolveError("the array's nodes did not converge by conjugate gradients")
    _eliminated(conductance, extra, supplies, out)


def linear(
    slope: FloatArray,
    extra: FloatArray,
    supplies: Supplies,
    out: Nodes,
    active: npt.NDArray[np.bool_],
) -> None:
    """Solve for some inputs by conjugate gradients, or, where they fail, by elimination.

    Parameters
    ----------
    slope : (sample, row, column) array, S
    extra : (sample, row, column) array, A
    supplies : Supplies
    out : Nodes
        First guess and result.
    active : (sample,) array of bool
        Inputs that are solved.

    Raises
    ------
    SolveError
        If a slope is infinite.
    """
    for sample in map(int, np.flatnonzero(active)):
        if not np.isfinite(slope[sample]).all():
            raise SolveError(
                "the slope of the device's I-V law must be finite, got infinity in sample "
                f"{sample}: lower the voltage, or check the law"
            )
        if not _iterated(slope, extra, supplies, out, sample):
            only = slice(sample, sample + 1)
            alone = supplies._replace(voltage=supplies.voltage[only])
            part = Nodes(*(each[only] for each in out))
            _eliminated(slope[sample], extra[only], alone, part)


def _iterated(
    slope: FloatArray, extra: FloatArray, supplies: Supplies, out: Nodes, sample: int
) -> bool:
    """Solve for one input by conjugate gradients; False if they do not converge."""
    from matsweep.core.arrays import read_only
    from matsweep.crossbar.wires.compiled.gradients import solve_array

    voltage, ground, segments = supplies
    # Voltages of bit lines relative to their ends.
    above = out.bit[sample] - ground
    error = solve_array(
        read_only(slope[sample]),
        extra[sample] - slope[sample] * ground,
        read_only(voltage[sample]),
        segments.far_conductance(),
        segments.word,
        segments.bit,
        above,
        out.current[sample],
        out.word[sample],
        _RESIDUAL,
        _MOST_ITERATIONS,
    )
    out.bit[sample] = above + ground
    return bool(error <= _ERROR)


def _eliminated(slope: FloatArray, extra: FloatArray, supplies: Supplies, out: Nodes) -> None:
    """Solve one array for some inputs by elimination."""
    network = Network(slope, *supplies.segments, solve=True)
    out.word[...], out.bit[...] = network.nodes(supplies.voltage, supplies.ground, extra)
    out.current[...] = slope * (out.word - out.bit) + extra
