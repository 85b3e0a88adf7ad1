"""Readings that stand twice in a file: a device's records pasted again, or under another name.

Two reads with noise do not agree in a row of twenty. A device without noise repeats itself exactly
from cycle to cycle; so only readings with noise are compared: those whose second differences,
within runs of one polarity, change sign more often than a smooth response does.
"""

from __future__ import annotations

from collections.abc import Sequence as Ordered
from typing import NamedTuple

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.identification.measurements.sequence import BoolArray, IntArray, Sequence

_BLOCK = 20  # reads; of two decimals' noise, 2,000 reads repeat as many by luck once in 1e9 files
_NOISY = 0.5  # of second differences with a sign; of independent reads 0.73 change it, of walks 2/3
_LEAST = 10  # second differences with a sign, in a block
_RESOLVED = 4.0  # units of the last digit, above which a second difference has a sign
_NEAR = 11  # second differences next to each other
_PARTS = 4  # of an octave
_EXACT = 1e-9  # of a read: differences of computing


class _Reads(NamedTuple):
    """Reads of all devices in turn: values, their device, and signs of second differences.

    A sign is 0 at the ends of runs, and within the resolution of the file.
    """

    value: FloatArray
    device: IntArray
    sign: IntArray


def refuse_copies(path: str, sequences: Ordered[Sequence]) -> None:
    """Refuse a file whose readings with noise repeat exactly.

    Parameters
    ----------
    path : str
        For messages.
    sequences : sequence of Sequence

    Raises
    ------
    UserError
        If 20 reads with noise, or more in a row, stand twice: within a device, or in two.
    """
    device = np.repeat(np.arange(len(sequences)), [each.reads.size for each in sequences])
    reads = _Reads(
        value=np.concatenate([each.reads for each in sequences]),
        device=device,
        sign=np.concatenate([_signs(each) for each in sequences]),
    )
    pair = _first_copy(reads)
    if pair is None:
        return
    before, after = _extent(reads, *pair)
    lines = np.concatenate([each.line for each in sequences])
    ends = [f"{lines[k + before]} to {lines[k + after - 1]} (device {sequences[device[k]].device})"
            for k in pair]  # fmt: skip
    raise UserError(
        f"{path}: {after - before} readings stand twice, in lines {ends[0]} and {ends[1]}, equal "
        "to the last digit though they have noise: leave one copy out, or give plausible=false if "
        "they were measured twice"
    )


def _signs(own: Sequence) -> IntArray:
    """Signs (n,) of second differences of a device's reads, at their last read.

    Those of a smooth response to rounded reads are off by two units of the last digit at most,
    which is not more than the least one nearby that is not 0, or than the `_resolution`.
    """
    size = own.reads.size
    signs = np.zeros(size, np.int64)
    if size < _NEAR:
        return signs
    bend = np.diff(own.reads, 2)
    straight = own.linked[2:] & own.linked[1:-1] & (own.pulses[2:] == own.pulses[1:-1])
    bend[~straight | (np.abs(bend) < _EXACT * own.reads[2:])] = 0
    around = np.pad(np.where(bend == 0, np.inf, np.abs(bend)), _NEAR // 2, constant_values=np.inf)
    digit = np.lib.stride_tricks.sliding_window_view(around, _NEAR).min(axis=1)
    digit = np.maximum(digit, _resolution(own.reads)[2:])
    clear = np.abs(bend) > _RESOLVED * digit
    signs[2:][clear] = np.sign(bend[clear])
    return signs


def _resolution(reads: FloatArray) -> FloatArray:
    """Least difference (n,) of two reads near each: the last digit of a file without noise.

    The last digit of rounded conductances, currents and resistances depends on the number. So the
    largest is taken of the least differences in the octaves below and above, and in the quarters of
    an octave around the read.
    """
    ordered, index = np.unique(reads, return_inverse=True)
    if ordered.size < 2:
        return np.full(reads.size, np.inf)
    place = np.floor(_PARTS * np.log2(ordered / ordered[0])).astype(np.int64)
    least = np.full(int(place[-1]) + 1 + 2 * _PARTS, np.inf)
    np.minimum.at(least, place[:-1] + _PARTS, np.diff(ordered))
    octaves = np.lib.stride_tricks.sliding_window_view(least, _PARTS).min(axis=1)
    here = place + _PARTS
    near = [octaves[place], octaves[here + 1], least[here - 1], least[here], least[here + 1]]
    resolution = np.maximum.reduce([np.where(np.isinf(each), 0, each) for each in near])
    return np.asarray(resolution[index])


def _first_copy(reads: _Reads) -> tuple[int, int] | None:
    """Return the places of the first two blocks that are equal; None if there are none."""
    count = reads.value.size - _BLOCK + 1
    if count < 2:
        return None
    whole = reads.device[:count] == reads.device[_BLOCK - 1 :]
    places = np.flatnonzero(whole & _noisy(reads.sign))
    values = np.lib.stride_tricks.sliding_window_view(reads.value, _BLOCK)[places]
    seen = dict[bytes, int]()
    for place, block in zip(places.tolist(), values, strict=True):
        first = seen.setdefault(block.tobytes(), place)
        if first != place:
            return first, place
    return None


def _noisy(sign: IntArray) -> BoolArray:
    """Whether each block (n - 19,) has the noise that tells a copy from a repetition."""
    windows = np.lib.stride_tricks.sliding_window_view(sign, _BLOCK)[:, 2:]
    known = (windows != 0).sum(axis=1)
    turns = (windows[:, 1:] * windows[:, :-1] < 0).sum(axis=1)
    return np.asarray((known >= _LEAST) & (turns >= _NOISY * known))


def _extent(reads: _Reads, first: int, second: int) -> tuple[int, int]:
    """Return the places before and after two equal blocks' starts to which they agree."""
    least, most = min(first, second - first - 1), min(second - first, reads.value.size - second)
    shift = np.arange(-least, most)
    same = (
        (reads.value[first + shift] == reads.value[second + shift])
        & (reads.device[first + shift] == reads.device[first])
        & (reads.device[second + shift] == reads.device[second])
    )
    other = np.append(shift[~same], most)
    before = other[other < 0]
    return int(before[-1] + 1) if before.size else -least, int(other[other > 0][0])
