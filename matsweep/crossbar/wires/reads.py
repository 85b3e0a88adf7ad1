"""Column currents of an array."""

from __future__ import annotations

import math

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.crossbar.wires.arguments import (
    check_shapes,
    checked_conductance,
    finite_voltages,
    refuse_first,
    required_law,
)
from matsweep.crossbar.wires.linear import effective_conductance
from matsweep.crossbar.wires.nodes import CELLS_AT_ONCE, solve_nodes
from matsweep.crossbar.wires.solve import SolveError
from matsweep.crossbar.wires.wires import Wires, required_wires
from matsweep.devices import CurrentLaw
from matsweep.devices.currents import finite_current

_FEW = 16  # inputs, below which conjugate gradients cost less than the whole map


def read_currents(
    conductance: FloatArray,
    voltage: FloatArray,
    wires: Wires | None = None,
    iv: CurrentLaw | None = None,
    *,
    plausible: bool = True,
) -> FloatArray:
    """Column currents of an array.

    Parameters
    ----------
    conductance : (…, row, column) array, S
    voltage : (…, sample, row) array, V
        Leading axes broadcast with those of `conductance`.
    wires : Wires or None
        None: ideal.
    iv : CurrentLaw or None
        None: ohmic devices.
    plausible : bool
        Whether values that no device has, such as 1e4 S or 200 V, are refused.

    Returns
    -------
    (…, sample, column) array, A

    Raises
    ------
    UserError
        If shapes do not fit, or if Newton's method does not converge.

    Notes
    -----
    Ohmic devices: with 16 inputs or more, and with method "lines", by the effective conductance;
    with fewer by conjugate gradients (`node_voltages`), which agrees to 1e-12. Other devices:
    Newton's method, see `node_voltages`; `wires.method` has no effect on it. Memory: that of the
    result, and 30 MB.
    """
    conductance = checked_conductance(conductance, plausible=plausible)
    voltage = finite_voltages(voltage, plausible=plausible)
    check_shapes(conductance, voltage)
    required_law(iv)
    if wires is None and iv is None:
        refuse_first("conductance [S]", conductance, np.isinf(conductance), "must be finite")
        return np.asarray(np.matmul(voltage, conductance))
    if wires is None:
        assert iv is not None
        return _summed(conductance, voltage, iv)
    required_wires(wires)
    if iv is None:
        few = wires.method == "exact" and voltage.shape[-2] < _FEW
        if few and not np.isinf(conductance).any():
            try:
                currents = _column_currents(conductance, voltage, wires, None)
                return np.asarray(currents, np.result_type(conductance, voltage))
            except SolveError:
                pass  # where iterations do not converge, the map is computed
        effective = effective_conductance(conductance, wires, plausible=False)
        return np.asarray(np.matmul(voltage, effective))
    refuse_first("conductance [S]", conductance, np.isinf(conductance), "must be finite")
    return _column_currents(conductance, voltage, wires, iv)


def _summed(conductance: FloatArray, voltage: FloatArray, iv: CurrentLaw) -> FloatArray:
    """Sum the currents of a law column by column, some inputs at a time."""
    lead = np.broadcast_shapes(conductance.shape[:-2], voltage.shape[:-2])
    samples, columns = voltage.shape[-2], conductance.shape[-1]
    out = np.empty((*lead, samples, columns), np.result_type(conductance, voltage))
    step = max(1, CELLS_AT_ONCE // (math.prod(lead) * math.prod(conductance.shape[-2:]) or 1))
    for start in range(0, samples, step):
        some = slice(start, start + step)
        applied = voltage[..., some, :, None]
        cells = conductance[..., None, :, :].astype(out.dtype, copy=False)
        out[..., some, :] = finite_current(iv, cells, applied).sum(axis=-2)
    return out


def _column_currents(
    conductance: FloatArray, voltage: FloatArray, wires: Wires, iv: CurrentLaw | None
) -> FloatArray:
    """Solve for some inputs at a time, and keep only the columns' currents, float64."""
    lead = np.broadcast_shapes(conductance.shape[:-2], voltage.shape[:-2])
    samples, (rows, columns) = voltage.shape[-2], conductance.shape[-2:]
    g = np.broadcast_to(conductance, (*lead, rows, columns))
    v = np.broadcast_to(voltage, (*lead, samples, rows))
    out = np.empty((*lead, samples, columns))
    step = max(1, CELLS_AT_ONCE // (rows * columns))
    for array in np.ndindex(lead):
        for start in range(0, samples, step):
            some = slice(start, start + step)
            nodes = solve_nodes(g[array], v[array][some], wires, iv, 0.0, direct=iv is not None)
            out[array][some] = nodes.current.sum(axis=-2)
    return out
