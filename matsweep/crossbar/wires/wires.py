"""Wire resistances of an array."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from matsweep.core.checks import UserError, non_negative, one_of
from matsweep.core.streams import FloatArray
from matsweep.crossbar.wires.arguments import real_numbers, refuse_first
from matsweep.crossbar.wires.nodal import BROKEN

APART = 1e5
"""Of `Segments.apart`: beyond, joining blocks and conjugate gradients lose too much."""


@dataclass(frozen=True, eq=False)
class Wires:
    """Wire resistances of an array.

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
        Method of `effective_conductance`, and thereby of `read_currents` of ohmic devices and of
        studies. Node voltages, reads and writes of one cell, and devices with an I-V law are
        exact with either.

    Raises
    ------
    UserError
        If a resistance is below zero or not a number.
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
                refuse_first(f"{name} [Ω]", value, ~(value >= 0), "must be >= 0")
            elif value != np.inf:
                non_negative(name, value, "Ω")
        non_negative("driver_resistance", self.driver_resistance, "Ω")
        non_negative("sense_resistance", self.sense_resistance, "Ω")
        one_of("driven", self.driven, ("left", "both"))
        one_of("method", self.method, ("exact", "lines"))

    def __eq__(self, other: object) -> bool:
        """Compare all resistances, element by element."""
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
        """Resistances around each cell of an array, ends included.

        Parameters
        ----------
        rows : int
        columns : int
            Of the array.

        Returns
        -------
        Segments

        Raises
        ------
        UserError
            If resistances per segment have another shape.
        """
        lines = []
        for name in ("word_resistance", "bit_resistance"):
            value = np.asarray(getattr(self, name), np.float64)
            if value.ndim and value.shape != (rows, columns):
                raise UserError(
                    f"{name} must have the array's shape {(rows, columns)}, got {value.shape}"
                )
            lines.append(np.minimum(np.broadcast_to(value, (rows, columns)), BROKEN, order="C"))
        word, bit = lines
        right = None
        if self.driven == "both":
            # It has no element in the array: an intact one is like the first.
            first = word[:, 0]
            right = np.where(first < BROKEN, first, np.min(word, axis=1)) + self.driver_resistance
        word[:, 0] += self.driver_resistance
        bit[-1] += self.sense_resistance
        return Segments(word, bit, right)


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

    def far_conductance(self) -> FloatArray:
        """Conductance to the drivers at the far ends of word lines, (row,) S."""
        if self.right is None:
            return np.zeros(len(self.word))
        return np.asarray(1 / np.maximum(self.right, 1 / BROKEN))

    def apart(self, conductance: FloatArray) -> FloatArray:
        """Bound on the ratio of segment resistances that joining loses, for each array.

        Lines that are cut off by large resistances on word and bit lines have a large resistance R
        to
        all others, which joining adds to that of the paths between them, at least r: r is lost if R
        is
        1e16 r. R is at most the smaller of the largest word and the largest bit segment; r at least
        the smallest segment of any family, and that of all devices of a line together.

        Parameters
        ----------
        conductance : (array, row, column) array, S

        Returns
        -------
        (array,) array, dimensionless
            R / r.
        """
        word, bit, right = self
        ends = [word.max(), 0.0 if right is None else right.max()]
        largest = min(max(ends), bit.max())
        largest = np.inf if largest >= BROKEN else largest
        sums = [conductance.sum(axis=axis, dtype=np.float64).max(axis=-1) for axis in (-1, -2)]
        with np.errstate(divide="ignore", invalid="ignore"):
            smallest = np.maximum(1 / np.maximum(*sums), max(word.min(), bit.min()))
            return np.asarray(np.where(smallest < largest, largest / smallest, 0.0))


def required_wires(wires: object) -> None:
    """Refuse an argument that is not a `Wires`.

    Parameters
    ----------
    wires : Wires

    Raises
    ------
    UserError
        If it is anything else.
    """
    if not isinstance(wires, Wires):
        raise UserError(f"wires must be a matsweep.crossbar.Wires, got {wires!r}")
