"""Bounds of a study's size, compared with what is counted before memory is taken."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from matsweep.core.checks import UserError, whole
from matsweep.core.quantities import Bytes
from matsweep.core.sizes import counted, in_bytes

MOST_CANDIDATES = 10_000_000
"""Default of `limits.candidates`."""

_KEY = "limits.candidates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Bounds of a study: the section `limits` of its configuration.

    Parameters
    ----------
    candidates : int
        Of a design, and values of an axis.
    store : int, bytes
        Of all metrics, uncompressed.
    memory : int, bytes
        Of one candidate on a worker, as far as it is known before it is simulated, and of the
        preparation of its workload.
    """

    candidates: int = MOST_CANDIDATES
    store: Bytes = 10**12
    memory: Bytes = 64 * 10**9

    def __post_init__(self) -> None:
        for name in ("candidates", "store", "memory"):
            # A whole number may be written as 1e6.
            object.__setattr__(self, name, whole(name, getattr(self, name), low=1))


def check_values(name: str, number: int, most: int) -> None:
    """Refuse an axis of more values than a study may have candidates.

    Parameters
    ----------
    name : str
    number : int
        Of its values.
    most : int

    Raises
    ------
    UserError
        If there are more.
    """
    if number > most:
        raise UserError(
            f"axis {name} must have at most {counted(most)} values ({_KEY}), got "
            f"{counted(number)}: take a longer step, or raise {_KEY}"
        )


def check_candidates(number: int, most: int, lengths: Mapping[str, int]) -> None:
    """Refuse a design of more candidates than a study may have.

    Parameters
    ----------
    number : int
        Rows of the design.
    most : int
    lengths : mapping of str to int
        Values of each axis, where the design is all their combinations.

    Raises
    ------
    UserError
        If there are more.
    """
    if number > most:
        factors = [f"{name} {counted(length)}" for name, length in lengths.items() if length > 1]
        product = f" ({' × '.join(factors)})" if factors else ""
        raise UserError(
            f"design must give at most {counted(most)} candidates ({_KEY}), got "
            f"{counted(number)}{product}: give fewer, or raise {_KEY}"
        )


def check_store(
    shapes: Sequence[Sequence[str]], lengths: Mapping[str, int], fixed: Collection[str], most: int
) -> None:
    """Refuse a study whose results would be larger than its bound.

    Parameters
    ----------
    shapes : sequence of sequence of str
        Dimensions of each metric, without `candidate`.
    lengths : mapping of str to int
        Of each dimension, `candidate` among them.
    fixed : collection of str
        Dimensions whose lengths no setting decides.
    most : int, bytes

    Raises
    ------
    UserError
        If it would be; the message begins with what decides the longest dimension.
    """
    numbers = sum(math.prod(lengths[dim] for dim in dims) for dims in shapes)
    needed = 8 * lengths["candidate"] * numbers
    if needed > most:
        used = {"candidate"}.union(*shapes) - set(fixed)
        chosen = sorted(used, key=lambda dim: (-lengths[dim], dim))
        factors = " × ".join(f"{dim} {counted(lengths[dim])}" for dim in chosen)
        name = _SETTING.get(chosen[0], "workload")
        raise UserError(
            f"{name} must keep the results within {in_bytes(most)} (limits.store), got "
            f"{in_bytes(needed)} ({factors}): give fewer, or raise limits.store"
        )


_SETTING = {"candidate": "design", "realisation": "realisations", "time": "times"}
"""Parameters that decide the length of a dimension; of others the workload does."""
