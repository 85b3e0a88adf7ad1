"""Measured responses to pulses: the reads of each device in their order, from a file."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence as Ordered
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.core.units import engineering
from matsweep.identification.measurements.copies import refuse_copies
from matsweep.identification.measurements.order import ordered
from matsweep.identification.measurements.outliers import refuse_outliers
from matsweep.identification.measurements.polarity import (
    by_change,
    contradicted,
    inverted,
    oriented,
)
from matsweep.identification.measurements.reading import Reading
from matsweep.identification.measurements.records import Record, read_records
from matsweep.identification.measurements.sequence import BoolArray, IntArray, Sequence
from matsweep.identification.measurements.unresponsive import unresponsive

_LEAST = 20  # changes of each polarity
_NAMED = 3  # gaps in a note


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Changes of conductance by single pulses, without the order of reads.

    Parameters
    ----------
    name : str
        Of the data, for messages and notes.
    devices : tuple of str
        Names of the devices.
    device : (change,) array of int
        Position in `devices` of each change's device.
    before, after : (change,) array, S
    up : (change,) array of bool
        Whether the pulse potentiates.
    """

    name: str
    devices: tuple[str, ...]
    device: npt.NDArray[np.int64]
    before: FloatArray
    after: FloatArray
    up: BoolArray

    @property
    def lowest(self) -> float:
        """The lowest conductance measured, S."""
        return float(min(self.before.min(), self.after.min()))

    @property
    def highest(self) -> float:
        """The highest conductance measured, S."""
        return float(max(self.before.max(), self.after.max()))


@dataclass(frozen=True, slots=True, kw_only=True)
class PulseData:
    """Reads of devices between pulses, in their order.

    Parameters
    ----------
    name : str
        Of the file, for messages and notes.
    sequences : tuple of Sequence
        One per device.
    notes : tuple of str
        Statements on what the file did not say, or on how it was understood.
    """

    name: str
    sequences: tuple[Sequence, ...]
    notes: tuple[str, ...] = ()

    @property
    def devices(self) -> tuple[str, ...]:
        """Names of the devices."""
        return tuple(each.device for each in self.sequences)

    @property
    def unresponsive(self) -> tuple[str, ...]:
        """Names of the devices whose reads do not depend on pulses beyond their noise."""
        return tuple(each.device for each in self.sequences if unresponsive(each))

    @property
    def changes(self) -> Changes:
        """Changes by single pulses, in the order of the file's lines."""
        masks = [each.changed for each in self.sequences]
        line = _joined([s.line[m] for s, m in zip(self.sequences, masks, strict=True)])
        by_line = np.argsort(line, kind="stable")
        before, after, up, device = [], [], [], []
        for k, (each, changed) in enumerate(zip(self.sequences, masks, strict=True)):
            at = np.flatnonzero(changed)
            before.append(each.reads[at - 1])
            after.append(each.reads[at])
            up.append(each.pulses[at] > 0)
            device.append(np.full(at.size, k))
        return Changes(
            name=self.name,
            devices=self.devices,
            device=np.concatenate(device)[by_line],
            before=np.concatenate(before)[by_line],
            after=np.concatenate(after)[by_line],
            up=np.concatenate(up)[by_line],
        )

    @property
    def device(self) -> npt.NDArray[np.int64]:
        """(change,) position in `devices` of each change's device."""
        return self.changes.device

    @property
    def before(self) -> FloatArray:
        """(change,) conductance before each pulse, S."""
        return self.changes.before

    @property
    def after(self) -> FloatArray:
        """(change,) conductance after each pulse, S."""
        return self.changes.after

    @property
    def up(self) -> BoolArray:
        """(change,) whether each pulse potentiates."""
        return self.changes.up

    @property
    def lowest(self) -> float:
        """The lowest conductance of a change, S."""
        return self.changes.lowest

    @property
    def highest(self) -> float:
        """The highest conductance of a change, S."""
        return self.changes.highest


def _missing(sequences: Ordered[Sequence]) -> list[str]:
    """Return a note on records that begin as lines are missing."""
    texts = [
        f"{each.skipped[at] - 1} pulses before line {each.line[at]} (device {each.device})"
        for each in sequences
        if each.skipped is not None
        for at in np.flatnonzero(each.skipped)
    ]
    if not texts:
        return []
    more = f", and before {len(texts) - _NAMED} lines more" if len(texts) > _NAMED else ""
    return [
        f"missing by their numbers: {', '.join(texts[:_NAMED])}{more}: a new record begins there"
    ]


def _joined(parts: Ordered[IntArray]) -> IntArray:
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def read_pulses(path: str | Path, reading: Reading | None = None) -> PulseData:
    """Read measured pulse responses.

    One line per pulse, in the order of the measurement, with the conductance after it (or the
    resistance, or the current at a read voltage) and its polarity: a word, a sign, or the pulse's
    voltage. Where pulses are numbered, the number goes from 1 on in each run of one polarity, and 0
    is the state before it: a repeated read, or a new start where the conductance has jumped. A
    number that does not follow on begins a new record, too. Readings with noise that stand twice,
    and isolated ones off the course of their device, are refused.

    Parameters
    ----------
    path : path
    reading : Reading or None
        What the file does not say.

    Returns
    -------
    PulseData

    Raises
    ------
    UserError
        For a file that cannot be read, or be right; the message names the line and the way out.
    """
    reading = reading or Reading()
    records, notes, voltages = read_records(path, reading)
    if any(math.isnan(record.pulse) for record in records) or reading.polarity == "by_change":
        records, note = by_change(str(path), records)
        notes.append(note)
        reading = dataclasses.replace(reading, polarity="by_change")
    by_device: dict[str, list[Record]] = {}
    for record in records:
        by_device.setdefault(record.device, []).append(record)
    pairs = [ordered(str(path), name, own, reading) for name, own in by_device.items()]
    sequences, jumps = [pair[0] for pair in pairs], sum(pair[1] for pair in pairs)
    if reading.plausible:
        refuse_copies(str(path), sequences)
    if jumps:
        notes.append(
            f"{jumps} runs begin at another conductance than the last one ended at: the device was "
            "programmed in between"
        )
    notes += _missing(sequences)
    if reading.polarity in (None, "inverted"):
        invert = reading.polarity == "inverted"
        if voltages:
            sequences, note = oriented(str(path), sequences, records, invert)
            notes.append(note)
        elif invert:
            sequences = [inverted(each) for each in sequences]
        contradicted(str(path), sequences)
    if reading.plausible:  # polarities are those of the device now
        refuse_outliers(str(path), sequences)
    return PulseData(name=Path(path).name, sequences=tuple(sequences), notes=tuple(notes))


def read_pulse_files(paths: Ordered[str | Path], reading: Reading | None = None) -> PulseData:
    """Read measured pulse responses of one file or more.

    A file is a device, named by it, unless it has a column of devices.

    Parameters
    ----------
    paths : sequence of path
    reading : Reading or None
        What the files do not say.

    Returns
    -------
    PulseData

    Raises
    ------
    UserError
        For a file that cannot be read, or a device that two files hold.
    """
    if len(paths) == 1:
        return read_pulses(paths[0], reading)
    parts = [read_pulses(path, reading) for path in paths]
    first: dict[str, str] = {}
    for path, part in zip(paths, parts, strict=True):
        for device in part.devices:
            if device in first:
                raise UserError(
                    f"{path}: there are pulses of device {device} in {first[device]} already; give "
                    "each device one file, or its own name in a column device"
                )
        first |= dict.fromkeys(part.devices, str(path))
    sequences = tuple(each for part in parts for each in part.sequences)
    if reading is None or reading.plausible:
        refuse_copies(" and ".join(map(str, paths)), sequences)
    names = [part.name for part in parts]
    return PulseData(
        name=" and ".join(names) if len(names) == 2 else f"{names[0]} and {len(names) - 1} more",
        sequences=sequences,
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


def enough_pulses(data: PulseData) -> PulseData:
    """Check that pulses of both polarities suffice for a fit.

    Parameters
    ----------
    data : PulseData

    Returns
    -------
    PulseData
        The same.

    Raises
    ------
    UserError
        If there are fewer than 20 changes of a polarity, or no device responds to pulses beyond the
        noise of its reads.
    """
    changes, lines = data.changes, sum(each.reads.size for each in data.sequences)
    for way, count in (("up", int(changes.up.sum())), ("down", int((~changes.up).sum()))):
        if count < _LEAST:
            raise UserError(
                f"{data.name} has {count} pulses {way} that follow on another (of {lines} lines): "
                f"at least {_LEAST} of each polarity are needed"
            )
    if changes.highest <= changes.lowest * (1 + 1e-9):
        raise UserError(
            f"{data.name}: conductance is constant ({changes.lowest:g} S); there is no response to "
            "fit"
        )
    if len(data.unresponsive) == len(data.devices):
        low, high = (engineering(g, "S") for g in (changes.lowest, changes.highest))
        raise UserError(
            f"{data.name}: conductance ({low} to {high}) does not depend on the pulses beyond the "
            "noise of its reads; there is no response to fit: check which columns hold pulse, "
            "polarity and conductance, or apply stronger pulses"
        )
    return data
