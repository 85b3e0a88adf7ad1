"""Node voltages of an array, ohmic or with an I-V law, in batches."""

from __future__ import annotations

import math

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.crossbar.wires.arguments import (
    check_shapes,
    checked_conductance,
    finite_voltages,
    refuse_first,
    required_law,
)
from matsweep.crossbar.wires.newton import newton
from matsweep.crossbar.wires.solve import Nodes, Supplies, ohmic
from matsweep.crossbar.wires.wires import Wires, required_wires
from matsweep.devices import CurrentLaw

CELLS_AT_ONCE = 200_000
"""Cells times inputs of a temporary array."""


def node_voltages(
    conductance: FloatArray,
    voltage: FloatArray,
    wires: Wires,
    iv: CurrentLaw | None = None,
    *,
    ground: FloatArray | float = 0.0,
    plausible: bool = True,
) -> Nodes:
    """Voltages and currents of every node of an array.

    Ohmic devices: conjugate gradients on the bit lines' voltages, word and bit lines solved
    exactly; 3 to 20 iterations of O(n²) each while lines drop up to all of their voltage, to a
    relative residual of 1e-13. Where they do not converge, or where segments are so far apart that
    a small residual does not bound the error (see `effective_conductance`), nodes are eliminated
    instead
    (`matsweep.crossbar.wires.nodal`), O(n³): exact voltages, currents to 1e-15 of the devices'
    conductance times the largest voltage. Other devices: Newton's method on the same solves, each
    device replaced by its slope and an offset, until the currents of law and tangent agree to
    1e-10 of the largest. Nodes without a path to a driver or to ground are at 0 V. `wires.method`
    has no effect: the result is exact.

    Parameters
    ----------
    conductance : (…, row, column) array, S
        Finite.
    voltage : (…, sample, row) array, V
    wires : Wires
    iv : CurrentLaw or None
    ground : float or (column,) array, V
        Voltage at the ends of the bit lines.
    plausible : bool
        Whether values that no device has, such as 1e4 S or 200 V, are refused.

    Returns
    -------
    Nodes
        float64.

    Raises
    ------
    UserError
        If shapes do not fit, or if Newton's method does not converge.
    """
    conductance = checked_conductance(conductance, plausible=plausible)
    voltage = finite_voltages(voltage, plausible=plausible)
    required_wires(wires)
    check_shapes(conductance, voltage)
    required_law(iv)
    refuse_first("conductance [S]", conductance, np.isinf(conductance), "must be finite")
    return solve_nodes(conductance, voltage, wires, iv, ground, direct=True)


def solve_nodes(
    conductance: FloatArray,
    voltage: FloatArray,
    wires: Wires,
    iv: CurrentLaw | None,
    ground: FloatArray | float,
    *,
    direct: bool,
) -> Nodes:
    """Solve for every node as `node_voltages`, arguments unchecked.

    Parameters
    ----------
    conductance : (…, row, column) array, S
    voltage : (…, sample, row) array, V
    wires : Wires
    iv : CurrentLaw or None
    ground : float or (column,) array, V
    direct : bool
        Eliminate nodes where conjugate gradients do not converge.

    Returns
    -------
    Nodes

    Raises
    ------
    SolveError
        If conjugate gradients do not converge and not `direct`, or if Newton's method does not.
    """
    lead = np.broadcast_shapes(conductance.shape[:-2], voltage.shape[:-2])
    cells = conductance.shape[-2:]
    inputs, count = voltage.shape[-2:], math.prod(lead)
    g = np.broadcast_to(conductance, (*lead, *cells)).reshape(count, *cells).astype(np.float64)
    v = np.broadcast_to(voltage, (*lead, *inputs)).reshape(count, *inputs).astype(np.float64)
    samples = v.shape[-2]
    out = Nodes(*(np.empty((len(g), samples, *cells)) for _ in range(3)))
    segments, ends = wires.segments(*cells), _checked_ground(ground, cells[1])
    at_once = max(1, CELLS_AT_ONCE // (cells[0] * cells[1]))
    for array in range(len(g)):
        for start in range(0, samples, at_once):
            some = slice(start, start + at_once)
            part = Nodes(*(x[array, some] for x in out))
            supplies = Supplies(v[array, some], ends, segments)
            if iv is not None:
                newton(g[array], supplies, iv, part)
            else:
                ohmic(g[array], supplies, part, direct=direct)
    return Nodes(*(x.reshape(*lead, samples, *cells) for x in out))


def _checked_ground(ground: FloatArray | float, columns: int) -> FloatArray:
    """Voltages at the ends of the bit lines, (column,) float64."""
    if np.shape(ground) not in ((), (columns,)):
        raise UserError(
            f"ground must be a number or a (column,) array of {columns}, got shape "
            f"{np.shape(ground)}"
        )
    ends = finite_voltages(np.asarray(ground), "ground [V]", plausible=False).astype(np.float64)
    return np.broadcast_to(ends, columns)
