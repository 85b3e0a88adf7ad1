"""Whether compiled kernels are kept already; for those who wait for them."""

from __future__ import annotations

from matsweep.core.compiled import own_folder


def kernels_kept() -> bool:
    """Whether an earlier process kept kernels of these sources, versions and processor.

    Returns
    -------
    bool
        False: the first process that needs kernels compiles them, which takes seconds.
    """
    folder = own_folder()
    if folder is None:
        return False
    return any(not each.name.startswith(".") for each in folder.iterdir())  # no lock, no part
