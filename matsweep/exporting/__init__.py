"""Export of stored results to one Parquet, CSV or NetCDF file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from matsweep.core.checks import UserError
from matsweep.core.command_line import command_line
from matsweep.exporting.netcdf import write_netcdf
from matsweep.exporting.tables import Rows, write_csv, write_parquet
from matsweep.store import Place, open_results, workplace, written_to

SUFFIXES = (".parquet", ".csv", ".nc")

__all__ = ["SUFFIXES", "export"]


def export(
    store: str | Place,
    to: str | Path,
    *,
    realisations: bool = False,
    failed: bool = False,
    overwrite: bool = False,
    damaged: Literal["refuse", "skip"] = "refuse",
) -> Path:
    """Write the results of a study into one file, a block of candidates at a time.

    Parquet and CSV have a row for each candidate that is done: its parameters, and of every
    result a column for each time (and component, …), or two where there are realisations, their
    mean and their sample standard deviation. NetCDF has the whole Dataset.

    Parameters
    ----------
    store : path
    to : path
        ``.parquet``, ``.csv`` or ``.nc``.
    realisations : bool
        Write a row for each realisation and time of each candidate instead.
    failed : bool
        Add rows of failed candidates, with their error and no values.
    overwrite : bool
        Replace an existing file.
    damaged : {"refuse", "skip"}
        As of `matsweep.open_results`.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    UserError
        If the suffix is none of these, a package is missing, the file exists, or no candidate is
        done.
    """
    to = Path(to)
    _check(to, realisations or failed, overwrite)
    ds = open_results(store, damaged=damaged)
    with written_to(to), workplace(to) as folder:
        temporary = folder / f"new{to.suffix}"
        if to.suffix == ".nc":
            write_netcdf(ds, temporary)
        else:
            rows = Rows(ds, long=realisations, failed=failed)
            if not rows.count:
                status = command_line("matsweep", "status", str(store))
                raise UserError(f"{store} has no candidate to export yet; {status}")
            (write_csv if to.suffix == ".csv" else write_parquet)(rows, temporary)
        os.replace(temporary, to)
    return to


def _check(to: Path, rows: bool, overwrite: bool) -> None:
    """Refuse, before any reading, a file that cannot be written."""
    if to.suffix not in SUFFIXES:
        raise UserError(f"to must end in {', '.join(SUFFIXES)}, got {str(to)!r}")
    if to.suffix == ".nc" and rows:
        raise UserError(
            "realisations and failed must be false for .nc, which always has the whole Dataset"
        )
    if os.path.lexists(to) and not (overwrite and to.is_file()):
        way = "is no file" if to.is_dir() else "is there already; give overwrite=true to replace it"
        raise UserError(f"{to} {way}")
