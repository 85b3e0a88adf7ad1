"""Order of the reads of a device: runs of pulses, repeated reads, and new starts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence as Ordered

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.identification.measurements.reading import Reading
from matsweep.identification.measurements.records import Record
from matsweep.identification.measurements.sequence import (
    BoolArray,
    IntArray,
    Sequence,
    SignArray,
)

_JUMP = 6.0  # standard deviations of single changes; by luck once in 1e9
_JUMP_SHARE = 0.1  # of the device's range, at least
_ROBUST = 0.6745  # median of |z| of a normal distribution
_SHUFFLED = 0.25  # of steps that fall to a number above 1; of shuffled lines about half do
_FEW = 5  # changes below which a jump cannot be seen


def ordered(
    path: str, device: str, records: Ordered[Record], reading: Reading
) -> tuple[Sequence, int]:
    """Order the reads of one device.

    Parameters
    ----------
    path : str
        For messages.
    device : str
    records : sequence of Record
        Of the device, in the order of the file, with +1, -1 or 0, or voltages, as pulses.
    reading : Reading

    Returns
    -------
    sequence : Sequence
        Its pulses have the signs of the records'.
    jumps : int
        New starts at another conductance.

    Raises
    ------
    UserError
        If a line is there twice, or the lines of a run stand in the reverse order.
    """
    runs = list(_runs(records))
    for run in runs:
        _forward(path, device, run, reading)
    if reading.reverse is not None:
        sign = 1 if reading.reverse == "up" else -1
        runs = [_reversed(run) if np.sign(run[0].pulse) == sign else run for run in runs]
    records = [record for run in runs for record in run]
    pulses, linked, restarts, skipped = _steps(path, device, records)
    reads = np.array([record.conductance for record in records])
    jumped = _jumps(reads, pulses, linked, restarts)
    pulses[jumped], linked[jumped] = 0, False
    sequence = Sequence(
        device=device,
        reads=reads,
        pulses=pulses,
        linked=linked,
        cycle=_cycles(records, runs),
        line=np.array([record.line for record in records]),
        skipped=skipped if skipped.any() else None,
    )
    return sequence, int(jumped.sum())


def _runs(records: Ordered[Record]) -> Iterator[list[Record]]:
    """Yield consecutive records of one polarity, whose numbers all rise or all fall."""
    run: list[Record] = []
    for record in records:
        if run and not _continues(run, record):
            yield run
            run = []
        run.append(record)
    if run:
        yield run


def _continues(run: Ordered[Record], record: Record) -> bool:
    last = run[-1]
    if np.sign(last.pulse) != np.sign(record.pulse) or last.cycle != record.cycle:
        return False
    if last.number is None or record.number is None:
        return True
    if len(run) == 1:
        return abs(record.number - last.number) <= 1
    before = run[-2].number
    falls = before is not None and before > last.number
    return record.number < last.number if falls else record.number >= last.number


def _forward(path: str, device: str, run: Ordered[Record], reading: Reading) -> None:
    """Refuse a run whose numbers fall."""
    way = "up" if run[0].pulse > 0 else "down"
    first, last = run[0].number, run[-1].number
    if first is None or last is None or len(run) < 3 or first <= last or reading.reverse == way:
        return
    raise UserError(
        f"{path}, lines {run[0].line} to {run[-1].line}: the pulses {way} of device {device} are "
        f"numbered from {first} down to {last}; give reverse={way} to read such runs from their "
        "last line"
    )


def _reversed(run: Ordered[Record]) -> list[Record]:
    """Return a run read from its last line on, with numbers that rise."""
    numbers = sorted(r.number for r in run if r.number is not None)
    backwards = run[::-1]
    if len(numbers) != len(run):
        return list(backwards)
    # Each conductance stays with its line; the numbers say when it was read.
    return [dataclasses.replace(r, number=n) for r, n in zip(backwards, numbers, strict=True)]


def _steps(
    path: str, device: str, records: Ordered[Record]
) -> tuple[SignArray, BoolArray, BoolArray, IntArray]:
    """Return pulses, whether reads are linked, whether a run starts, and `skipped`, each (n,)."""
    signs = [int(np.sign(record.pulse)) for record in records]
    pulses = np.zeros(len(records), np.int8)
    linked = np.zeros(len(records), bool)
    restarts = np.zeros(len(records), bool)
    skipped = np.zeros(len(records), np.int64)
    last, same = None, 0  # number and sign of the last pulse
    for n, (record, sign) in enumerate(zip(records, signs, strict=True)):
        number = record.number
        if n == 0:
            last, same = number, sign
            continue
        if sign == 0 or number == 0:
            linked[n], restarts[n] = True, number == 0
        elif number is None or last is None:
            pulses[n], linked[n] = sign, True
        elif number == last and sign == same:
            way = "stands twice; leave one out"
            if _scattered(records):
                way = (
                    "stands twice, and the lines of this device are out of order; put them in the "
                    "order of the measurement"
                )
            raise UserError(f"{path}, line {record.line}: pulse {number} of device {device} {way}")
        elif number in (last, last + 1) or number == 1:
            pulses[n], linked[n] = sign, True
            restarts[n] = number == 1 and last != 0 and sign == same
        elif sign == same and number > last:
            skipped[n] = number - last
        if sign != 0:
            last, same = number, sign
    return pulses, linked, restarts, skipped


def _scattered(records: Ordered[Record]) -> bool:
    """Whether the numbers of pulses fall and rise as those of shuffled lines do."""
    numbers = np.array([r.number for r in records if r.number is not None])
    steps = np.diff(numbers)
    return steps.size >= _FEW and float(np.mean((steps < 0) & (numbers[1:] > 1))) > _SHUFFLED


def _jumps(
    reads: FloatArray,
    pulses: SignArray,
    linked: BoolArray,
    restarts: BoolArray,
) -> BoolArray:
    """Select starts of runs (n,) whose read is far from the one before.

    Far is six standard deviations of single changes, by their median, and a tenth of the range.
    """
    change = np.abs(np.diff(reads, prepend=reads[:1]))
    single = change[linked & (pulses != 0) & ~restarts]
    if single.size < _FEW:
        return np.zeros(reads.size, bool)
    far = max(_JUMP * float(np.median(single)) / _ROBUST, _JUMP_SHARE * float(np.ptp(reads)))
    return restarts & (change > far)


def _cycles(records: Ordered[Record], runs: Ordered[Ordered[Record]]) -> IntArray:
    """Return the cycle of each read: as stated, or counted by runs of the first polarity."""
    if all(record.cycle is not None for record in records):
        return np.array([record.cycle for record in records], np.int64)
    signs = [float(np.sign(run[0].pulse)) for run in runs]
    first = next((sign for sign in signs if sign), 0.0)
    counted, cycle, last = list[int](), -1, 0.0
    for run, sign in zip(runs, signs, strict=True):
        # A read in the middle of a run does not end it: then numbers go on.
        cycle += int(sign == first and (last != first or run[0].number in (0, 1)))
        last = sign or last
        counted += [max(cycle, 0)] * len(run)
    return np.array(counted, np.int64)
