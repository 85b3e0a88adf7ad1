"""Polarity of pulses, compared with the change of conductance."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence as Ordered

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.command_line import typed
from matsweep.core.streams import FloatArray
from matsweep.identification.measurements.records import Record
from matsweep.identification.measurements.sequence import IntArray, Sequence

_SURE = 4.0  # standard deviations; by luck once in 30,000
_MOSTLY = 0.5  # share of the way that runs go in one direction


def by_change(path: str, records: Ordered[Record]) -> tuple[list[Record], str]:
    """Take the polarity of each run of pulses from its change of conductance.

    Parameters
    ----------
    path : str
        For messages.
    records : sequence of Record
        In the order of the file; a number that does not rise begins a run.

    Returns
    -------
    records : list of Record
        With +1 or -1 as pulses.
    note : str

    Raises
    ------
    UserError
        If a device has a single run, or lines without numbers.
    """
    runs: dict[str, list[list[int]]] = {}
    for k, record in enumerate(records):
        own = runs.setdefault(record.device, [])
        last = records[own[-1][-1]].number if own else None
        if record.number is None:
            raise UserError(
                f"{path}, line {record.line}: polarity=by_change needs the number of each pulse in "
                f"its run; name its column, as in {typed('columns', {'pulse': 'HEADING'})}"
            )
        if last is None or record.number <= last:
            own.append([])
        own[-1].append(k)
    found = list(records)
    for device, own in runs.items():
        if len(own) < 2:
            raise UserError(
                f"{path}: pulses of device {device} are numbered without a new start, so that runs "
                "up and down cannot be distinguished; add a column polarity"
            )
        for run in own:
            change = records[run[-1]].conductance - records[run[0]].conductance
            for k in run:
                found[k] = dataclasses.replace(records[k], pulse=1.0 if change >= 0 else -1.0)
    return found, "polarity is taken from the change of conductance over each run of pulses"


def oriented(
    path: str, sequences: Ordered[Sequence], records: Ordered[Record], invert: bool
) -> tuple[list[Sequence], str]:
    """Give pulses the polarity of the conductance, where the file has their voltages.

    Parameters
    ----------
    path : str
        For messages.
    sequences : sequence of Sequence
        With the signs of voltages as pulses.
    records : sequence of Record
        With the voltages.
    invert : bool
        Whether negative pulses are up, whatever the conductance does.

    Returns
    -------
    sequences : list of Sequence
    note : str

    Raises
    ------
    UserError
        If pulses of both signs change the conductance in the same direction.
    """
    ways = {sign: direction(sequences, sign) for sign in (1, -1)}
    if ways[1] * ways[-1] > 0:
        way = "raise" if ways[1] > 0 else "lower"
        raise UserError(
            f"{path}: pulses of positive and of negative voltage both {way} the conductance, so "
            "that polarity is no matter of their sign; add a column polarity, or reverse=down (or "
            "up) if runs are listed from their last line"
        )
    flip = invert or ways[1] < 0 or ways[-1] > 0
    parts = [
        f"of {volts} V are {word}"
        for sign, word in ((-1 if flip else 1, "up"), (1 if flip else -1, "down"))
        if (volts := _volts(records, sign))
    ]
    note = f"pulses {' and '.join(parts)}" + ("" if any(ways.values()) else " (assumed)")
    return [inverted(each) for each in sequences] if flip else list(sequences), note


def _volts(records: Ordered[Record], sign: int) -> str:
    """Return the voltages of one sign in words; empty where there are none."""
    volts = sorted({record.pulse for record in records if np.sign(record.pulse) == sign})
    ends = sorted({f"{volts[0]:+.3g}", f"{volts[-1]:+.3g}"}) if volts else []
    return " to ".join(ends)


def inverted(sequence: Sequence) -> Sequence:
    """Exchange pulses up and down.

    Parameters
    ----------
    sequence : Sequence

    Returns
    -------
    Sequence
    """
    return dataclasses.replace(sequence, pulses=-sequence.pulses)


def contradicted(path: str, sequences: Ordered[Sequence]) -> None:
    """Refuse polarities that the conductance contradicts, in all devices together or in one.

    Parameters
    ----------
    path : str
        For messages.
    sequences : sequence of Sequence

    Raises
    ------
    UserError
        If pulses up lower the conductance, or pulses down raise it.
    """
    for group in [list(sequences), *([each] for each in sequences)]:
        up, down = direction(group, 1), direction(group, -1)
        if up >= 0 and down <= 0:
            continue
        of = "" if len(group) == len(sequences) else f" of device {group[0].device}"
        raise UserError(f"{path}, from line {group[0].line[0]}: {_words(up, down, of)}")


def _words(up: int, down: int, of: str) -> str:
    if up < 0 and down > 0:
        return (
            f"pulses up{of} lower the conductance, and pulses down raise it; if the polarity is "
            "that of the voltage, give polarity=inverted (polarity=stated takes it as it is)"
        )
    wrong, way, other = ("up", "lower", down) if up < 0 else ("down", "raise", up)
    also = ", as those of the other polarity do" if other else ""
    return (
        f"pulses {wrong}{of} {way} the conductance{also}; if their runs are listed from the last "
        f"line to the first, give reverse={wrong}; if the polarity is wrong, polarity=inverted "
        "(polarity=stated takes it as it is)"
    )


def direction(sequences: Ordered[Sequence], sign: int) -> int:
    """Direction in which pulses of one sign change the conductance.

    It is sure if the mean change, or the number of changes with its sign, is beyond four standard
    deviations, and half of the way that runs go is in one direction.

    Parameters
    ----------
    sequences : sequence of Sequence
    sign : int
        Of the pulses.

    Returns
    -------
    int
        1, -1, or 0 where it is not sure.
    """
    changes, runs = [np.zeros(0)], [np.zeros(0, np.int64)]
    first = 0
    for each in sequences:
        at = np.flatnonzero(each.linked & (each.pulses == sign))
        new = np.diff(at, prepend=-2) > 1
        changes.append(each.reads[at] - each.reads[at - 1])
        runs.append(first + np.cumsum(new))
        first += int(new.sum())
    change, run = np.concatenate(changes), np.concatenate(runs)
    if change.size == 0:
        return 0
    whole = np.bincount(run, change)
    way = float(np.abs(whole).sum())
    share = float(whole.sum()) / way if way else 0.0
    sure = abs(_score(change, run)) > _SURE or abs(np.sign(change).sum()) > _SURE * change.size**0.5
    return int(np.sign(share)) if sure and abs(share) >= _MOSTLY else 0


def _score(change: FloatArray, run: IntArray) -> float:
    """Return the sum of changes (n,) in standard deviations.

    Noise of reading makes neighbouring changes of a run opposite, so that their covariance counts.
    At the least, the two ends of each run have that noise.
    """
    rest = change - change.mean()
    variance = float(rest @ rest)
    together = float(np.sum(np.where(np.diff(run) == 0, rest[1:] * rest[:-1], 0.0)))
    scale = max(variance + 2 * together, variance * np.unique(run).size / change.size)
    return float(change.sum()) / scale**0.5 if scale else 0.0
