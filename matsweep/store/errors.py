"""Errors of a store."""

from matsweep.core.checks import UserError


class StoreError(UserError):
    """A results store cannot be created, opened or written; the message gives the way out."""


class StoreBusy(StoreError):
    """The store is being written by another process (or by another `Store` of this one)."""
