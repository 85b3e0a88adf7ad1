"""Devices whose conductance does not depend on pulses, beyond the noise of their reads.

The reads of such a device are white noise about a constant. Each is compared with soft-bounds
courses of the measured pulses, from one that a single pulse switches to one of nearly even steps.
A device that pulses move at random is none: its reads are no white noise.
"""

from __future__ import annotations

import math

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.identification.measurements.sequence import IntArray, Sequence

_STEPS = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003)
_SURE = 4.5  # standard errors of a response; noise has one in 1 of 3e4 cases (six courses)
_WHITE = 4.0  # standard errors of the mean square of changes: noise is less in 1 of 3e4 cases
_LEAST = 40  # reads


def unresponsive(own: Sequence) -> bool:
    """Whether the reads of a device do not depend on its pulses.

    Parameters
    ----------
    own : Sequence

    Returns
    -------
    bool
        False where reads are too few to say so.

    Notes
    -----
    The mean square of changes between n reads of white noise is twice their variance, with a
    relative standard error of 1/√n (J. von Neumann, Ann. Math. Stat. 12:367, 1941). All courses
    rise at potentiating pulses; each record has a mean.
    """
    record = np.cumsum(~own.linked)
    if own.reads.size < _LEAST or not own.changed.any():
        return False
    rest = _centred(own.reads, record)
    square, count = float(rest @ rest), rest.size
    if square <= (1e-9 * float(own.reads.max())) ** 2 * count:
        return True
    change = np.diff(own.reads)[own.linked[1:]]
    ratio = float(np.mean(change**2)) / (2 * square / (count - record[-1]))
    if ratio < 1 - _WHITE / math.sqrt(count):
        return False
    for step in _STEPS:
        course = _centred(_course(own, step), record)
        size = float(course @ course)
        if size == 0:
            continue
        shared = float(rest @ course) ** 2 / size
        left = max(square - shared, 1e-30 * square) / count
        if shared > _SURE**2 * left:
            return False
    return True


def _course(own: Sequence, step: float) -> FloatArray:
    """State (n,) of soft bounds with a step x' = x + step (1 - x) up, x - step x down."""
    course, x = np.empty(own.reads.size), 0.5
    for n, (pulse, linked) in enumerate(zip(own.pulses, own.linked, strict=True)):
        if not linked:
            x = 0.5
        elif pulse:
            x += (1 - (1 - step) ** abs(int(pulse))) * ((pulse > 0) - x)
        course[n] = x
    return course


def _centred(values: FloatArray, record: IntArray) -> FloatArray:
    """Values (n,) less their mean within each record, numbered from 1."""
    mean = np.bincount(record, values) / np.maximum(np.bincount(record), 1)
    return np.asarray(values - mean[record])
