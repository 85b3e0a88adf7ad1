"""Errors of a store."""

from matsweep.core.checks import UserError


class StoreError(UserError):
    """A results store cannot be created, opened or written; the message gives the way out."""


class UnreachableError(StoreError):
    """A store that cannot be read now, for a reason outside it: nothing is damaged."""


class StoreBusy(StoreError):
    """The store is being written by another process (or by another `Store` of this one)."""


class StoreTaken(StoreError):
    """A new store cannot be created, because something is at its place already."""


def damaged(path: object, what: str) -> StoreError:
    """Return the error of a damaged store.

    Parameters
    ----------
    path : Place
    what : str
        The damage, in words.

    Returns
    -------
    StoreError
    """
    return StoreError(
        f"{path} is damaged ({what}); restore it from a copy, or move it away and run the study "
        "again"
    )
