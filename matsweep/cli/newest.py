"""Default store of a command."""

from __future__ import annotations

import sys
from pathlib import Path

from omegaconf import DictConfig

from matsweep.core.checks import UserError
from matsweep.core.files import path_text
from matsweep.core.printing import printable
from matsweep.store import VERIFIED, Place, place_of


def store_of(config: DictConfig) -> Place:
    """Return the named store, or the most recently changed one in the folder `results`.

    The latter is named on the standard error output.

    Parameters
    ----------
    config : DictConfig
        With the settings ``store`` and ``results``.

    Returns
    -------
    Place

    Raises
    ------
    UserError
        If none is named and the folder holds none.
    """
    if config.store:
        return place_of(path_text("store", config.store))
    folder = Path(path_text("results", config.results))
    stores = [path for path in folder.glob("*.zarr") if (path / "zarr.json").is_file()]
    studies = [path for path in stores if not path.name.endswith(VERIFIED)]
    if not stores:
        raise UserError(f"no store in {folder}: name one, as in matsweep report PATH")
    newest = max(studies or stores, key=lambda path: (path / "zarr.json").stat().st_mtime)
    print(f"matsweep: no store is named, the newest is {printable(newest)}", file=sys.stderr)
    return newest
