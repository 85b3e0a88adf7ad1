"""Sizes in messages, and the refusal of what is larger than its bound."""

from __future__ import annotations

from decimal import Decimal

from matsweep.core.checks import UserError

_PREFIXES = ("", "k", "M", "G", "T", "P", "E")
_LONGEST = 10**12  # counts below are written in full


def counted(number: int) -> str:
    """Write a count: in full up to a trillion, then by its power of ten.

    Parameters
    ----------
    number : int
        >= 0.

    Returns
    -------
    str
        ``1,000,000``, ``1.5e+300``.
    """
    if number < _LONGEST:
        return f"{number:,}"
    return f"{Decimal(number):.1e}".replace(".0e", "e")


def in_bytes(number: int) -> str:
    """Write an amount of memory with a decimal prefix.

    Parameters
    ----------
    number : int
        Bytes, >= 0.

    Returns
    -------
    str
        ``64 GB``, ``1.5 TB``; beyond exabytes ``1e+30 B``.
    """
    power = 0
    while power < len(_PREFIXES) and number >= 1000 ** (power + 1):
        power += 1
    if power >= len(_PREFIXES):
        return f"{counted(number)} B"
    return f"{number / 1000**power:.3g} {_PREFIXES[power]}B"


def check_memory(name: str, needed: int, most: int, key: str, because: str) -> None:
    """Refuse what needs more memory than its bound, before any is taken.

    Parameters
    ----------
    name : str
        Of the number that needs it.
    needed : int
        Bytes, as far as known.
    most : int
        Bytes.
    key : str
        Parameter that holds the bound.
    because : str
        What needs it, with its factors: ``2 devices of 100 pulses``.

    Raises
    ------
    UserError
        If it needs more.
    """
    if needed > most:
        raise UserError(
            f"{name} must need at most {in_bytes(most)} of memory ({key}), got {in_bytes(needed)} "
            f"or more, for {because}: give less, or raise {key}"
        )
