"""Default store of a command."""

from __future__ import annotations

import sys
from pathlib import Path

from omegaconf import DictConfig

from matsweep.core.checks import UserError
from matsweep.core.printing import on_terminal
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
        return place_of(str(config.store))
    folder = Path(config.results)
    stores = [path for path in folder.glob("*.zarr") if (path / "zarr.json").is_file()]
    studies = [path for path in stores if not path.name.endswith(VERIFIED)]
    if not stores:
        raise UserError(f"no store in {folder}: name one, as in matsweep report PATH")
    newest = max(studies or stores, key=lambda path: (path / "zarr.json").stat().st_mtime)
    print(f"matsweep: no store is named, the newest is {on_terminal(newest)}", file=sys.stderr)
    return newest
