"""The reads of one device in their order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matsweep.core.streams import FloatArray

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
SignArray = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """Reads of one device, and the pulse before each.

    Parameters
    ----------
    device : str
    reads : (n,) array, S
        As measured, with the noise of reading.
    pulses : (n,) array of int8
        Pulse between the read before and this one: +1 potentiates, -1 depresses, 0: there is none.
    linked : (n,) array of bool
        Whether the state carries over from the read before. Not at the start, and not where the
        device was touched in between, or lines are missing.
    cycle : (n,) array of int
    line : (n,) array of int
        Of the file, from 1.
    skipped : (n,) array of int or None
        Pulses of the same run from the read before to one that begins a record as lines are
        missing, by their numbers; 0 elsewhere. None: nowhere.
    """

    device: str
    reads: FloatArray
    pulses: SignArray
    linked: BoolArray
    cycle: IntArray
    line: IntArray
    skipped: IntArray | None = None

    @property
    def changed(self) -> BoolArray:
        """(n,) whether the read ends a change by one known pulse."""
        return np.asarray(self.linked & (self.pulses != 0))
