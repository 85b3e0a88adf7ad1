"""Arrays with wires: the exact linear map, an approximation, and single reads."""

from __future__ import annotations

import dataclasses
import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from threadpoolctl import ThreadpoolController

from matsweep.checks import UserError, non_negative, one_of
from matsweep.crossbar.nodal import BROKEN, Network
from matsweep.crossbar.ports import BOTTOM, LEFT, RIGHT, Block, port_response
from matsweep.devices import CurrentLaw
from matsweep.streams import FloatArray

_APART, _APART_SINGLE = 1e5, 300.0  # of `_apart`: beyond, joining loses too much
_FEW = 16  # inputs, below which conjugate gradients cost less than the whole map
_RESIDUAL = 1e-13  # of the linear solve, over the device currents
_ERROR = 1e-9  # estimated, of the currents, that conjugate gradients may leave
_MOST_ITERATIONS = 10_000
_NEWTON_RESIDUAL = 1e-10  # of the device law, over the largest device current
_MOST_STEPS = 200
_CELLS_AT_ONCE = 200_000  # times inputs: a temporary array has so many numbers


@dataclass(frozen=True, eq=False)
class Wires:
    """Resistances of an array's wires.

    A word line is driven at its left end, through `driver_resistance` and one segment before its
    first cell; a bit line ends, after one segment below its last cell and `sense_resistance`, in
    a virtual ground; between neighbouring cells there is one segment.

    Parameters
    ----------
    word_resistance : float or (row, column) array, Ω
        Of one segment; as an array, of the segment before (left of) each cell. Infinite: broken.
    bit_resistance : float or (row, column) array, Ω
        Likewise, of the segment after (below) each cell.
    driver_resistance, sense_resistance : float, Ω
    driven : "left" or "both"
        Both: the same driver at the right end too, through one more segment, like the first of
        its line (or, where that is broken, like the line's least).
    method : "exact" or "lines"
        What `effective_conductance` computes, and what rests on it: `read_currents` of ohmic
        devices, and studies. Node voltages, reads and writes of one cell, and devices with an I-V
        law are exact whichever is chosen.

    Raises
    ------
    UserError
        For a resistance below zero or not a number.
    """

    word_resistance: float | FloatArray
    bit_resistance: float | FloatArray
    driver_resistance: float = 0.0
    sense_resistance: float = 0.0
    driven: str = "left"
    method: str = "exact"

    def __post_init__(self) -> None:
        for name in ("word_resistance", "bit_resistance"):
            value = getattr(self, name)
            if isinstance(value, (np.ndarray, np.generic)) and np.ndim(value) == 0:
                value = value.item()
                object.__setattr__(self, name, value)
            if isinstance(value, np.ndarray):
                if value.ndim != 2:
                    raise UserError(
                        f"{name} [Ω] must be a number or a (row, column) array, got shape "
                        f"{value.shape}"
                    )
                value = real_numbers(f"{name} [Ω]", value)
                _refuse_first(f"{name} [Ω]", value, ~(value >= 0), "must be >= 0")
            elif value != np.inf:
                non_negative(name, value, "Ω")
        non_negative("driver_resistance", self.driver_resistance, "Ω")
        non_negative("sense_resistance", self.sense_resistance, "Ω")
        one_of("driven", self.driven, ("left", "both"))
        one_of("method", self.method, ("exact", "lines"))

    def __eq__(self, other: object) -> bool:
        """Whether all resistances are the same, element by element."""
        return isinstance(other, Wires) and self._values() == other._values()

    def __hash__(self) -> int:
        """Return a hash of the values."""
        return hash(self._values())

    def _values(self) -> tuple[object, ...]:
        parts = (getattr(self, field.name) for field in dataclasses.fields(self))
        return tuple(
            (part.shape, np.asarray(part, np.float64).tobytes())
            if isinstance(part, np.ndarray)
            else part
            for part in parts
        )

    def segments(self, rows: int, columns: int) -> Segments:
        """Return the resistances around each cell of an array, ends included."""
        found = []
        for name in ("word_resistance", "bit_resistance"):
            value = np.asarray(getattr(self, name), np.float64)
            if value.ndim and value.shape != (rows, columns):
                raise UserError(
                    f"{name} must have the array's shape {(rows, columns)}, got {value.shape}"
                )
            found.append(np.minimum(np.broadcast_to(value, (rows, columns)), BROKEN))
        word, bit = found[0].copy(), found[1].copy()
        # The segment on the right has no element of its own: a sound one is like the first.
        sound = word[:, 0] < BROKEN
        right = np.where(sound, word[:, 0], np.min(word, axis=1)) + self.driver_resistance
        word[:, 0] += self.driver_resistance
        bit[-1] += self.sense_resistance
        return Segments(word, bit, right if self.driven == "both" else None)


class Segments(NamedTuple):
    """Resistances around each cell, Ω.

    Parameters
    ----------
    word : (row, column) array
        Left of each cell, the driver's included.
    bit : (row, column) array
        Below each cell, the sense amplifier's included.
    right : (row,) array or None
        Between the last cell and the driver on the right, if there is one.
    """

    word: FloatArray
    bit: FloatArray
    right: FloatArray | None


def effective_conductance(conductance: FloatArray, wires: Wires) -> FloatArray:
    """Return the linear map of a wired array of ohmic devices.

    Parameters
    ----------
    conductance : (…, row, column) array, S
        Of the devices; 0: open, infinite (a short; not between ideal wires) allowed.
    wires : Wires

    Returns
    -------
    (…, row, column) array, S
        So that column currents = voltages @ it. Of the type of `conductance` (float32 stays so).

    Raises
    ------
    UserError
        For a conductance below zero or not a number.

    Notes
    -----
    method "exact": joining blocks (`matsweep.crossbar.ports`), O(n³) for n × n cells; to a few
    1e-14 of the largest element in double precision, to 1e-5 in single (3e-6 at 128 × 128, 8e-6
    at 512 × 512). Joining loses what flows around in lines that reach neither a driver nor ground
    but through resistances far larger than those around them, on word and bit lines alike. Where
    those are 1e5 times as large, or infinite on both, nodes are eliminated instead
    (`matsweep.crossbar.nodal`): each element exact to its own size whatever the resistances, some
    thirty times as slow. Below, 1e-11 of the largest element is lost at most; single precision is
    computed in double from 300 times on. Uses one thread: run several arrays side by side in
    processes.

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
    return _maps(conductance, wires, inputs=False)[0]


def port_conductance(conductance: FloatArray, wires: Wires) -> tuple[FloatArray, FloatArray]:
    """Return the maps from voltages to column currents and to the drivers' currents.

    Parameters
    ----------
    conductance : (…, row, column) array, S
    wires : Wires

    Returns
    -------
    (…, row, column) array, S
        The effective conductance.
    (…, row, row) array, S
        Currents that the drivers give = voltages @ it; the power that enters an array is
        the sum of voltages times these. With method "lines" diagonal: the rows' sums of the
        effective conductance, which leaves out what drivers of different voltage exchange, so
        that the power comes out too low: by up to 0.31 of the share of the current that is lost
        for inputs of one sign where that is below 0.3, 0.88 above; for inputs of both signs by up
        to all of it (square arrays without ends' resistances: 0.56 and 0.80). Measured as in
        `effective_conductance`.
    """
    found = _maps(conductance, wires, inputs=True)
    assert found[1] is not None
    return found[0], found[1]


def _maps(
    conductance: FloatArray, wires: Wires, *, inputs: bool
) -> tuple[FloatArray, FloatArray | None]:
    conductance = _checked(conductance)
    _needed(wires)
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
        found = _lines(flat, segments)
        power: FloatArray | None = None
        if inputs:
            power = np.asarray(np.eye(rows, dtype=flat.dtype) * found.sum(axis=-1)[..., None])
    else:
        # Of products as small as most are here, several threads make ten times as long a job.
        with _threads().limit(limits=1, user_api="blas"):
            found, power = _exact(flat, segments, inputs=inputs)
    return (
        found.reshape(conductance.shape),
        None if power is None else power.reshape(*lead, rows, rows),
    )


@functools.cache
def _threads() -> ThreadpoolController:
    """Return the handles of the libraries loaded, which take a millisecond to find."""
    return ThreadpoolController()


def _refuse_first(name: str, values: FloatArray, wrong: npt.NDArray[np.bool_], rule: str) -> None:
    """Refuse an array for its first wrong element, with its value and place."""
    if wrong.any():
        place = [int(index) for index in np.argwhere(wrong)[0]]
        raise UserError(f"{name} {rule}, got {values[tuple(place)]!s} at {place}")


def real_numbers(name: str, values: FloatArray) -> FloatArray:
    """Return real numbers as float32 or float64."""
    found = np.asarray(values)
    if found.dtype.kind not in "fiub":
        raise UserError(f"{name} must be an array of real numbers, got {found.dtype} values")
    return found if found.dtype in (np.float32, np.float64) else found.astype(np.float64)


def _voltages(voltage: FloatArray, name: str = "voltage [V]") -> FloatArray:
    """Return voltages, all finite."""
    found = real_numbers(name, voltage)
    _refuse_first(name, found, ~np.isfinite(found), "must be finite")
    return found


def _needed(wires: object) -> None:
    if not isinstance(wires, Wires):
        raise UserError(f"wires must be a matsweep.crossbar.Wires, got {wires!r}")


def _law(iv: object) -> None:
    if iv is not None and not isinstance(iv, CurrentLaw):
        raise UserError(f"iv must be a device's I-V law, such as SinhIV(v0=0.3), got {iv!r}")


def _checked(conductance: FloatArray) -> FloatArray:
    conductance = real_numbers("conductance [S]", conductance)
    if conductance.ndim < 2 or 0 in conductance.shape[-2:]:
        raise UserError(
            f"conductance must be a (…, row, column) array, got shape {conductance.shape}"
        )
    _refuse_first("conductance [S]", conductance, ~(conductance >= 0), "must be >= 0")
    return conductance


def _exact(
    conductance: FloatArray, segments: Segments, *, inputs: bool
) -> tuple[FloatArray, FloatArray | None]:
    """Return the maps of some arrays, each by the fastest way that is exact for it."""
    single = conductance.dtype == np.float32
    far = _apart(conductance, segments) > (_APART_SINGLE if single else _APART)
    if not far.any():
        return _joined(conductance, segments, inputs=inputs)
    slow = _exact if single else _eliminated
    parts = [(far, slow(conductance[far].astype(np.float64), segments, inputs=inputs))]
    if not far.all():
        parts.append((~far, _joined(conductance[~far], segments, inputs=inputs)))
    found = np.empty_like(conductance)
    rows = conductance.shape[1]
    power = np.empty((len(found), rows, rows), found.dtype) if inputs else None
    for some, (down, taken) in parts:
        found[some] = down
        if power is not None:
            power[some] = taken
    return found, power


def _apart(conductance: FloatArray, segments: Segments) -> FloatArray:
    """Return how far the segments of each array are apart, (array,).

    Lines that are cut off by large resistances on word and bit lines have a large resistance to
    all others, R, which joining adds to that of the paths between them, at least r: r is lost if
    R is 1e16 r. R is at most the largest segment of those lines whose largest is smaller; r at
    least the smallest segment of any family, and that of all devices of a line together.
    """
    word, bit, right = segments
    ends = [word.max(), 0.0 if right is None else right.max()]
    largest = min(max(ends), bit.max())
    largest = np.inf if largest >= BROKEN else largest
    sums = [conductance.sum(axis=axis, dtype=np.float64).max(axis=-1) for axis in (-1, -2)]
    with np.errstate(divide="ignore", invalid="ignore"):
        smallest = np.maximum(1 / np.maximum(*sums), max(word.min(), bit.min()))
        return np.asarray(np.where(smallest < largest, largest / smallest, 0.0))


def _eliminated(
    conductance: FloatArray, segments: Segments, *, inputs: bool
) -> tuple[FloatArray, FloatArray | None]:
    rows = conductance.shape[1]
    found = np.empty(conductance.shape)
    power = np.empty((len(found), rows, rows)) if inputs else None
    for index, array in enumerate(conductance):
        between = Network(array, *segments, solve=False).between
        found[index] = between[:rows, rows:]
        if power is not None:
            power[index] = np.diag(between[:rows].sum(axis=1)) - between[:rows, :rows]
    return found, power


def _joined(
    conductance: FloatArray, segments: Segments, *, inputs: bool
) -> tuple[FloatArray, FloatArray | None]:
    both = segments.right is not None
    block = port_response(
        conductance, segments.word, segments.bit, right=both, inputs=inputs or both
    )
    response = block.response[:, 0, 0]
    if segments.right is None:
        down = -_part(response, block, BOTTOM, LEFT)
        taken = _part(response, block, LEFT, LEFT) if inputs else None
    else:
        # The driver on the right holds V = v_right - R i_right; solved for the current leaving.
        seen = _part(response, block, RIGHT, LEFT) - np.eye(len(segments.right))
        loop = -_part(response, block, RIGHT, RIGHT) + np.diag(segments.right)
        # Without any resistance on its whole line a driver on the right changes nothing.
        idle = np.flatnonzero(segments.right + segments.word.sum(axis=-1) == 0)
        loop[:, idle, idle] += 1
        leaving = np.linalg.solve(loop, seen).astype(conductance.dtype)
        leaving[:, idle] = 0
        down = -_part(response, block, BOTTOM, LEFT)
        down -= _part(response, block, BOTTOM, RIGHT) @ leaving
        taken = None
        if inputs:
            taken = _part(response, block, LEFT, LEFT) - leaving
            taken += _part(response, block, LEFT, RIGHT) @ leaving
    turned = np.ascontiguousarray(down.swapaxes(-1, -2))
    return turned, taken


def _part(response: FloatArray, block: Block, output: int, source: int) -> FloatArray:
    rows, columns = block.ports.outputs[output], block.ports.inputs[source]
    return np.asarray(response[:, rows[:, None], columns])


def _lines(conductance: FloatArray, segments: Segments) -> FloatArray:
    """Return the product of each device and its two lines' shares, each line by itself."""
    from matsweep.crossbar import compiled

    near, shares = np.empty_like(conductance), np.empty_like(conductance)
    compiled.arriving(conductance, segments.word, _ends(segments), near)
    ground = np.zeros(conductance.shape[-1])
    upward = (conductance.swapaxes(-1, -2)[..., ::-1], segments.bit.T[:, ::-1], ground)
    compiled.arriving(*upward, shares.swapaxes(-1, -2)[..., ::-1])
    return np.asarray(conductance * near * shares)


def _ends(segments: Segments) -> FloatArray:
    """Return the conductance to the drivers at the far ends of word lines, (row,) S."""
    if segments.right is None:
        return np.zeros(len(segments.word))
    return np.asarray(1 / np.maximum(segments.right, 1 / BROKEN))


class Nodes(NamedTuple):
    """What every node of an array does under given inputs.

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


def read_currents(
    conductance: FloatArray,
    voltage: FloatArray,
    wires: Wires | None = None,
    iv: CurrentLaw | None = None,
) -> FloatArray:
    """Return the column currents of an array.

    Parameters
    ----------
    conductance : (…, row, column) array, S
    voltage : (…, sample, row) array, V
        Leading axes broadcast with those of `conductance`.
    wires : Wires or None
        None: ideal.
    iv : CurrentLaw or None
        None: ohmic devices.

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
    with fewer by conjugate gradients (`node_voltages`), to the same to 1e-12. Other devices:
    Newton's method, see `node_voltages`; `wires.method` has no say in it. Memory: what the result
    takes, and 30 MB.
    """
    conductance, voltage = _checked(conductance), _voltages(voltage)
    _check_shapes(conductance, voltage)
    _law(iv)
    if wires is None and iv is None:
        _refuse_first("conductance [S]", conductance, np.isinf(conductance), "must be finite")
        return np.asarray(np.matmul(voltage, conductance))
    if wires is None:
        assert iv is not None
        return _summed(conductance, voltage, iv)
    _needed(wires)
    if iv is None:
        few = wires.method == "exact" and voltage.shape[-2] < _FEW
        if few and not np.isinf(conductance).any():
            try:
                found = _column_currents(conductance, voltage, wires, None)
                return np.asarray(found, np.result_type(conductance, voltage))
            except SolveError:
                pass  # what iterations do not solve the map does
        return np.asarray(np.matmul(voltage, effective_conductance(conductance, wires)))
    _refuse_first("conductance [S]", conductance, np.isinf(conductance), "must be finite")
    return _column_currents(conductance, voltage, wires, iv)


def _summed(conductance: FloatArray, voltage: FloatArray, iv: CurrentLaw) -> FloatArray:
    """Add the currents of a law up column by column, some inputs at a time."""
    lead = np.broadcast_shapes(conductance.shape[:-2], voltage.shape[:-2])
    samples, columns = voltage.shape[-2], conductance.shape[-1]
    out = np.empty((*lead, samples, columns), np.result_type(conductance, voltage))
    step = max(1, _CELLS_AT_ONCE // (math.prod(lead) * math.prod(conductance.shape[-2:]) or 1))
    for start in range(0, samples, step):
        some = slice(start, start + step)
        applied = voltage[..., some, :, None]
        out[..., some, :] = iv.current(conductance[..., None, :, :], applied).sum(axis=-2)
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
    step = max(1, _CELLS_AT_ONCE // (rows * columns))
    for array in np.ndindex(lead):
        for start in range(0, samples, step):
            some = slice(start, start + step)
            nodes = _nodes(g[array], v[array][some], wires, iv, 0.0, direct=iv is not None)
            out[array][some] = nodes.current.sum(axis=-2)
    return out


class SolveError(UserError):
    """The nodes of an array could not be found by iterations."""


def _check_shapes(conductance: FloatArray, voltage: FloatArray) -> None:
    if voltage.ndim < 2 or voltage.shape[-1] != conductance.shape[-2]:
        raise UserError(
            f"voltage must be (…, sample, row) with {conductance.shape[-2]} rows, "
            f"got shape {voltage.shape}"
        )
    try:
        np.broadcast_shapes(conductance.shape[:-2], voltage.shape[:-2])
    except ValueError:
        raise UserError(
            "leading axes of voltage must broadcast with those of conductance, got "
            f"{voltage.shape[:-2]} and {conductance.shape[:-2]}"
        ) from None


def node_voltages(
    conductance: FloatArray,
    voltage: FloatArray,
    wires: Wires,
    iv: CurrentLaw | None = None,
    *,
    ground: FloatArray | float = 0.0,
) -> Nodes:
    """Solve for every node of an array.

    Ohmic devices: conjugate gradients on the bit lines' voltages, word and bit lines solved
    exactly; 3 to 20 iterations of O(n²) each while lines drop up to all of their voltage, to a
    relative residual of 1e-13. Where they do not converge, or where segments are so far apart that
    a small residual says little (see `effective_conductance`), nodes are eliminated instead
    (`matsweep.crossbar.nodal`), O(n³): exact voltages, currents to 1e-15 of the devices'
    conductance times the largest voltage. Other devices: Newton's method on the same solves, each
    device replaced by its slope and an offset, until the currents of law and tangent agree to
    1e-10 of the largest. Nodes without a path to a driver or to ground are at 0 V. `wires.method`
    has no say here: this is exact.

    Parameters
    ----------
    conductance : (…, row, column) array, S
        Finite.
    voltage : (…, sample, row) array, V
    wires : Wires
    iv : CurrentLaw or None
    ground : float or (column,) array, V
        Voltage in which the bit lines end.

    Returns
    -------
    Nodes
        float64.

    Raises
    ------
    UserError
        If shapes do not fit, or if Newton's method does not converge.
    """
    conductance, voltage = _checked(conductance), _voltages(voltage)
    _needed(wires)
    _check_shapes(conductance, voltage)
    _law(iv)
    _refuse_first("conductance [S]", conductance, np.isinf(conductance), "must be finite")
    return _nodes(conductance, voltage, wires, iv, ground, direct=True)


def _nodes(
    conductance: FloatArray,
    voltage: FloatArray,
    wires: Wires,
    iv: CurrentLaw | None,
    ground: FloatArray | float,
    *,
    direct: bool,
) -> Nodes:
    """Do as `node_voltages`; not direct: `SolveError` where conjugate gradients do not converge."""
    lead = np.broadcast_shapes(conductance.shape[:-2], voltage.shape[:-2])
    cells = conductance.shape[-2:]
    inputs, count = voltage.shape[-2:], math.prod(lead)
    g = np.broadcast_to(conductance, (*lead, *cells)).reshape(count, *cells).astype(np.float64)
    v = np.broadcast_to(voltage, (*lead, *inputs)).reshape(count, *inputs).astype(np.float64)
    samples = v.shape[-2]
    out = Nodes(*(np.empty((len(g), samples, *cells)) for _ in range(3)))
    segments = wires.segments(*cells)
    if np.shape(ground) not in ((), cells[1:]):
        raise UserError(
            f"ground must be a number or a (column,) array of {cells[1]}, got shape "
            f"{np.shape(ground)}"
        )
    ends = np.broadcast_to(
        _voltages(np.asarray(ground), "ground [V]").astype(np.float64), cells[1:]
    )
    at_once = max(1, _CELLS_AT_ONCE // (cells[0] * cells[1]))
    for array in range(len(g)):
        for start in range(0, samples, at_once):
            some = slice(start, start + at_once)
            part = Nodes(*(x[array, some] for x in out))
            if iv is not None:
                _newton(g[array], v[array, some], ends, segments, iv, part)
            else:
                _ohmic(g[array], v[array, some], ends, segments, part, direct=direct)
    return Nodes(*(x.reshape(*lead, samples, *cells) for x in out))


def _ohmic(
    conductance: FloatArray,
    voltage: FloatArray,
    ground: FloatArray,
    segments: Segments,
    out: Nodes,
    *,
    direct: bool,
) -> None:
    """Solve one array of ohmic devices for some inputs; fills `out`."""
    extra = np.zeros_like(out.word)
    out.bit[...], out.current[...] = ground, 0
    slope = np.broadcast_to(conductance, out.word.shape)
    if _apart(conductance[None], segments)[0] <= _APART and all(
        _iterated(slope, extra, voltage, ground, segments, out, sample)
        for sample in range(len(voltage))
    ):
        return
    if not direct:
        raise SolveError("the array's nodes did not converge by iterations")
    _direct(conductance, extra, voltage, ground, segments, out)


def _newton(
    conductance: FloatArray,
    voltage: FloatArray,
    ground: FloatArray,
    segments: Segments,
    iv: CurrentLaw,
    out: Nodes,
) -> None:
    """Solve one array for some inputs; fills `out`."""
    slope = np.broadcast_to(conductance, out.word.shape)
    extra = np.zeros_like(out.word)
    out.bit[...], out.current[...] = ground, 0
    everything = np.ones(len(voltage), bool)
    _linear(slope, extra, voltage, ground, segments, out, everything)
    error = np.full(len(voltage), np.inf)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        point = _start(conductance, voltage, ground, segments, iv, out)
        active = everything
        for _ in range(_MOST_STEPS):
            law, slope = iv.current(conductance, point), np.maximum(iv.slope(conductance, point), 0)
            try:
                _linear(slope, law - slope * point, voltage, ground, segments, out, active)
            except SolveError:
                break  # too steep even for the linear solve
            drop = out.word - out.bit
            true = iv.current(conductance, drop)
            bent = np.abs(true - out.current).max(axis=(-1, -2))
            error = bent / np.maximum(np.abs(out.current).max(axis=(-1, -2)), np.finfo(float).tiny)
            active = ~(error <= _NEWTON_RESIDUAL)
            if not active.any():
                return
            point = np.where(active[:, None, None], _next(point, law, slope, drop), point)
    worst = int(np.argmax(np.where(active, np.nan_to_num(error, nan=np.inf), 0)))
    raise SolveError(
        f"the array's nodes did not converge in {_MOST_STEPS} Newton steps (sample {worst}: "
        f"residual {error[worst]:.2g} of the largest current); the device's I-V law is too steep "
        "for this voltage: lower the voltage, or check the law"
    )


def _start(
    conductance: FloatArray,
    voltage: FloatArray,
    ground: FloatArray,
    segments: Segments,
    iv: CurrentLaw,
    out: Nodes,
) -> FloatArray:
    """Return device voltages to begin from: no device carries more than its wires let through."""
    point = out.word - out.bit
    along = np.cumsum(segments.word, axis=1)
    if segments.right is not None:
        back = segments.right[:, None] + (along[:, -1:] - along)
        along = np.minimum(along, back)
    path = along + np.cumsum(segments.bit[::-1], axis=0)[::-1]
    reach = np.abs(voltage).max(axis=-1)[:, None, None] + np.abs(ground).max()
    most = np.where(path > 0, 2 * reach / path, 1e100)
    for _ in range(400):
        beyond = ~(np.abs(iv.current(conductance, point)) <= most)
        if not beyond.any():
            break
        point = np.where(beyond, 0.9 * point, point)
    return point


def _next(point: FloatArray, law: FloatArray, slope: FloatArray, drop: FloatArray) -> FloatArray:
    """Return where to linearise next: at the tangent's voltage, or, far away, at its current.

    A law that rises by e within `fold` is followed by its current there, as an exponential.
    """
    fold = np.abs(law) / np.maximum(slope, np.finfo(float).tiny)
    ratio = 1 + slope * (drop - point) / np.where(law == 0, 1, law)
    by_current = point + np.sign(point) * fold * np.log(np.maximum(ratio, 1e-300))
    far = np.where(ratio > 0, by_current, np.clip(drop, -fold, fold))
    near = (np.abs(drop - point) <= fold) | (law == 0)
    return np.asarray(np.where(near, drop, far))


def _linear(
    slope: FloatArray,
    extra: FloatArray,
    voltage: FloatArray,
    ground: FloatArray,
    segments: Segments,
    out: Nodes,
    active: npt.NDArray[np.bool_],
) -> None:
    """Solve for some inputs by conjugate gradients, or, where that fails, by elimination."""
    for sample in map(int, np.flatnonzero(active)):
        if not np.isfinite(slope[sample]).all():
            raise SolveError("slopes of the device's I-V law are infinite")
        if not _iterated(slope, extra, voltage, ground, segments, out, sample):
            only = slice(sample, sample + 1)
            part = Nodes(*(each[only] for each in out))
            _direct(slope[sample], extra[only], voltage[only], ground, segments, part)


def _iterated(
    slope: FloatArray,
    extra: FloatArray,
    voltage: FloatArray,
    ground: FloatArray,
    segments: Segments,
    out: Nodes,
    sample: int,
) -> bool:
    """Solve for one input by conjugate gradients; False where that did not converge."""
    from matsweep.crossbar import compiled

    # What a bit line has above the voltage in which it ends.
    above = out.bit[sample] - ground
    _, error = compiled.solve_array(
        np.ascontiguousarray(slope[sample]),
        extra[sample] - slope[sample] * ground,
        voltage[sample],
        _ends(segments),
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


def _direct(
    slope: FloatArray,
    extra: FloatArray,
    voltage: FloatArray,
    ground: FloatArray,
    segments: Segments,
    out: Nodes,
) -> None:
    """Solve one array for some inputs by elimination."""
    network = Network(slope, *segments, solve=True)
    out.word[...], out.bit[...] = network.nodes(voltage, ground, extra)
    out.current[...] = slope * (out.word - out.bit) + extra
