"""What can go wrong with a store."""

from matsweep.core.checks import UserError


class StoreError(UserError):
    """A results store that cannot be made, opened or written, and how to mend it."""


class StoreBusy(StoreError):
    """The store is being written by another process (or by another `Store` of this one)."""
