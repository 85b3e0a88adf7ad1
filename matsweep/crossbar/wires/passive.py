"""Passive arrays: sneak paths during a read, half-selected cells during a write."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matsweep.core.checks import UserError, finite, non_negative, one_of, positive
from matsweep.core.streams import FloatArray
from matsweep.crossbar.wires.arguments import real_numbers
from matsweep.crossbar.wires.nodes import node_voltages
from matsweep.crossbar.wires.wires import Wires
from matsweep.devices import CurrentLaw

_IDEAL = Wires(0.0, 0.0)
READ_SCHEMES = ("floating", "grounded")
WRITE_SCHEMES: dict[str, tuple[float, float]] = {"half": (1 / 2, 1 / 2), "third": (1 / 3, 2 / 3)}
"""Unselected rows and columns, over the write voltage: V/2 and V/3."""


class CellRead(NamedTuple):
    """Read of one cell of a passive array.

    Parameters
    ----------
    current : float, A
        At the sense amplifier of the cell's column.
    cell : float, A
        Through the cell itself; the difference is sneak current.
    power : float, W
        Of the drivers.
    """

    current: float
    cell: float
    power: float


def read_cell(
    conductance: FloatArray,
    row: int,
    column: int,
    voltage: float,
    wires: Wires | None,
    iv: CurrentLaw | None = None,
    *,
    scheme: str = "floating",
) -> CellRead:
    """Read one cell of a passive array.

    Parameters
    ----------
    conductance : (row, column) array, S
    row : int
    column : int
        Of the cell.
    voltage : float, V
    wires : Wires or None
        None: ideal.
    iv : CurrentLaw or None
        Of cell and selector together.
    scheme : "floating" or "grounded"
        Connection of the other lines: none, so that current sneaks through three other cells in
        series and more; or ground, which diverts the sneak current at the cost of power and of the
        voltage drop of all cells of the row together.

    Returns
    -------
    CellRead
        Exact, whatever `wires.method`.

    Raises
    ------
    UserError
        If the scheme is unknown, or the cell outside the array.
    """
    one_of("scheme", scheme, READ_SCHEMES)
    finite("voltage", voltage, "V")
    conductance = _array(conductance, row, column)
    wires = _IDEAL if wires is None else wires
    if not isinstance(wires, Wires):
        raise UserError(f"wires must be a matsweep.crossbar.Wires or None, got {wires!r}")
    rows, columns = conductance.shape
    segments = wires.segments(rows, columns)
    if wires.driven != "left":
        raise UserError("driven must be left to select a cell, got both")
    word, bit = segments.word, segments.bit
    if scheme == "floating":
        word[np.arange(rows) != row, 0] = np.inf
        bit[-1, np.arange(columns) != column] = np.inf
    applied = np.zeros((1, rows))
    applied[0, row] = voltage
    nodes = node_voltages(conductance, applied, Wires(word, bit), iv)
    taken = nodes.current[0, row].sum()
    return CellRead(
        current=float(nodes.current[0, :, column].sum()),
        cell=float(nodes.current[0, row, column]),
        power=float(voltage * taken),
    )


class CellWrite(NamedTuple):
    """Write pulse on one cell of a passive array.

    Parameters
    ----------
    voltage : (row, column) array, V
        Across each cell: the selected one, the half-selected ones that share its row or its
        column, and all others.
    power : float, W
        Of the supplies that source current.
    absorbed : float, W
        Of the supplies that sink current, as those at a half-selected voltage may. Few circuits
        recover it; wires and cells dissipate power - absorbed.
    cell : float, W
        In the selected cell itself: the rest is lost in other cells and in wires.
    selected_energy, half_selected_energy, others_energy, wires_energy : float, J
        Of one pulse, in which cells keep their conductance: dissipated in the selected cell, in
        those that share its row or column, in all others, and in wires and their ends. Together
        (power - absorbed) times the pulse's width; 0 unless a width is given.
    """

    voltage: FloatArray
    power: float
    absorbed: float
    cell: float
    selected_energy: float = 0.0
    half_selected_energy: float = 0.0
    others_energy: float = 0.0
    wires_energy: float = 0.0


def write_cell(
    conductance: FloatArray,
    row: int,
    column: int,
    voltage: float,
    wires: Wires | None,
    iv: CurrentLaw | None = None,
    *,
    scheme: str = "half",
    width: float = 0.0,
) -> CellWrite:
    """Apply a write voltage to one cell of a passive array.

    The selected row is at V, the selected column at 0; the others at V/2 and V/2, so that only
    cells of the selected lines see a voltage, of V/2; or at V/3 and 2V/3, so that every other
    cell sees V/3 at most, at more power.

    Parameters
    ----------
    conductance : (row, column) array, S
    row : int
    column : int
        Of the cell.
    voltage : float, V
    wires : Wires or None
        None: ideal.
    iv : CurrentLaw or None
        Of cell and selector together.
    scheme : "half" or "third"
    width : float, s
        Of the pulse, for its energies.

    Returns
    -------
    CellWrite
        Exact, whatever `wires.method`.

    Raises
    ------
    UserError
        If the scheme is unknown, or the cell outside the array.

    References
    ----------
    Y.-C. Chen et al., IEDM 2003, doi:10.1109/IEDM.2003.1269425 (biasing schemes; recalled).
    """
    one_of("scheme", scheme, WRITE_SCHEMES)
    finite("voltage", voltage, "V")
    non_negative("width", width, "s")
    conductance = _array(conductance, row, column)
    wires = _IDEAL if wires is None else wires
    if not isinstance(wires, Wires):
        raise UserError(f"wires must be a matsweep.crossbar.Wires or None, got {wires!r}")
    rows, columns = conductance.shape
    idle_row, idle_column = WRITE_SCHEMES[scheme]
    applied = np.full((1, rows), idle_row * voltage)
    applied[0, row] = voltage
    ground = np.full(columns, idle_column * voltage)
    ground[column] = 0
    nodes = node_voltages(conductance, applied, wires, iv, ground=ground)
    current, across = nodes.current[0], nodes.word[0] - nodes.bit[0]
    dissipated = across * current
    line_cells = dissipated[row].sum() + dissipated[:, column].sum() - 2 * dissipated[row, column]
    given = np.concatenate([applied[0] * current.sum(axis=1), -ground * current.sum(axis=0)])
    return CellWrite(
        voltage=across,
        power=float(np.maximum(given, 0).sum()),
        absorbed=float(-np.minimum(given, 0).sum()),
        cell=float(dissipated[row, column]),
        selected_energy=float(width * dissipated[row, column]),
        half_selected_energy=float(width * line_cells),
        others_energy=float(width * (dissipated.sum() - line_cells - dissipated[row, column])),
        wires_energy=float(width * max(given.sum() - dissipated.sum(), 0.0)),
    )


def equivalent_pulses(across: FloatArray, voltage: float, decade: float) -> FloatArray:
    """Return the number of full write pulses equivalent to the disturbance of a cell by a write.

    10^-((V - v) / decade) for a cell that sees v: switching times that fall exponentially with
    the voltage, as ionic and ferroelectric switching does over many decades (R. Waser et al.,
    Adv. Mater. 21:2632, 2009, doi:10.1002/adma.200900375). `device.pulse` takes the product of
    this and of the number of writes.

    Parameters
    ----------
    across : (…) array, V
        Of `CellWrite.voltage`; its magnitude counts.
    voltage : float, V
        Of a full write pulse.
    decade : float, V
        Rise of the voltage that makes switching ten times as fast.

    Returns
    -------
    (…) array
    """
    positive("decade", decade, "V")
    finite("voltage", voltage, "V")
    across = real_numbers("across [V]", across)
    return np.asarray(10.0 ** ((np.abs(across) - abs(voltage)) / decade))


def _array(conductance: FloatArray, row: int, column: int) -> FloatArray:
    conductance = real_numbers("conductance [S]", conductance).astype(np.float64)
    if conductance.ndim != 2:
        raise UserError(f"conductance must be a (row, column) array, got {conductance.shape}")
    rows, columns = conductance.shape
    for name, value in (("row", row), ("column", column)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            raise UserError(f"{name} must be a whole number, got {value!r}")
    if not (0 <= row < rows and 0 <= column < columns):
        raise UserError(f"the cell must lie in the {rows} × {columns} array, got ({row}, {column})")
    return conductance
