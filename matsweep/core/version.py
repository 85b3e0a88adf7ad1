"""The installed version of matsweep."""

from __future__ import annotations

import functools


@functools.cache
def version() -> str:
    """Return the version of the installed package; "0" in a checkout that is not installed."""
    from importlib.metadata import PackageNotFoundError  # 80 ms that most imports can do without
    from importlib.metadata import version as installed

    try:
        return installed("matsweep")
    except PackageNotFoundError:
        return "0"
