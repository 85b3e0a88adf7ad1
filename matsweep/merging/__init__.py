"""Several stores of one study, or of studies that fit together, as one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from matsweep.core.checks import UserError
from matsweep.merging.compare import check_alike, check_equal
from matsweep.merging.facts import merged_attrs
from matsweep.merging.sources import Union, read_source, unite
from matsweep.merging.write import blocks, coordinates, part_of, variables
from matsweep.store import StoreTaken, create, move, open_store, workplace, written_to

__all__ = ["merge"]


def merge(stores: Sequence[str | Path], into: str | Path) -> Path:
    """Unite the candidates of several stores in a new one, in blocks.

    Candidates are the same if their identities are. Of each, done beats failed beats pending, and
    more realisations beat fewer; between equals the first store counts. Where two are done, their
    numbers must be the same to the bit. The stores themselves stay unchanged.

    If one store has all candidates, its order, configuration and axes are the new store's, so
    that its command resumes the new one too. The attributes of every store are kept in the
    attribute ``merged``.

    Parameters
    ----------
    stores : sequence of path
        Two or more, with one seed and the same times, metrics and networks.
    into : path
        Of the new store.

    Returns
    -------
    Path
        Of the new store.

    Raises
    ------
    UserError
        If a store is being written, they do not fit together, two disagree, or ``into`` exists;
        nothing is written then.
    """
    into = _free(into)
    if len({str(Path(store).resolve()) for store in stores}) < max(len(stores), 2):
        raise UserError("stores must be two or more different ones: matsweep merge A B into=M")
    sources = [read_source(store) for store in stores]
    check_alike(sources)
    union = unite(sources)
    with written_to(into), workplace(into) as folder:
        _write(union, folder / "new.zarr")
        try:
            move(folder / "new.zarr", into)
        except StoreTaken:
            raise UserError(f"{into} was created meanwhile; choose another into=…") from None
    return into


def _free(into: str | Path) -> Path:
    if "://" in str(into):
        raise UserError(f"into must be a path on this machine, got {into}; copy it there later")
    if os.path.lexists(into):
        raise UserError(f"{into} is there already; choose another into=…, or move it away")
    return Path(into)


def _write(union: Union, path: Path) -> None:
    """Write the new store, and compare it with every store that holds the same candidates."""
    create(
        path,
        coordinates=coordinates(union),
        variables=variables(union.sources[0]),
        attrs=merged_attrs(union),
    )
    with open_store(path, fold_every=np.inf) as store:
        for number, source in enumerate(union.sources):
            rows = union.chosen(number)
            for at, block in blocks(source, rows):
                store.write(part_of(union, number, at, block))
    check_equal(union, path)
