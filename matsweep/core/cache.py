"""Cache of expensive results between runs."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """Return the folder of kept results: $MATSWEEP_CACHE, or the user's cache folder."""
    return Path(os.environ.get("MATSWEEP_CACHE") or platformdirs.user_cache_dir("matsweep"))


def keep(name: str, content: bytes) -> None:
    """Keep a file in the cache, whole or not at all; do without if it cannot be written.

    Parameters
    ----------
    name : str
        Path below the cache folder.
    content : bytes
    """
    path = cache_folder() / name
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink()
