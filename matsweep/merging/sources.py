"""Stores to merge, and the choice among them for each candidate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import yaml
from numpy.typing import NDArray

from matsweep.core.checks import UserError
from matsweep.core.yaml_bounds import check_yaml
from matsweep.store import Status, attributes, open_results, summary

LEDGER = ("status", "error", "seconds", "realisations")
"""Variables about candidates that are not results."""

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A store to merge.

    Parameters
    ----------
    path : Path
    ds : xarray.Dataset
        Lazy.
    attrs : mapping
        Its root attributes.
    ids : (candidate,) array of bytes
        Identities.
    status : (candidate,) array of int8
    given : (candidate,) array of int32
        Numbers of realisations; 0 where not done.
    """

    path: Path
    ds: xr.Dataset
    attrs: Mapping[str, Any]
    ids: NDArray[np.bytes_]
    status: NDArray[np.int8]
    given: NDArray[np.int32]

    @property
    def results(self) -> list[str]:
        """Names of the results."""
        return [str(name) for name in self.ds.data_vars if name not in LEDGER]


@dataclass(frozen=True, slots=True, kw_only=True)
class Union:
    """Candidates of all stores together.

    Parameters
    ----------
    sources : tuple of Source
        First the one that sets the order.
    places : tuple of (candidate,) array of int64
        Positions of each store's candidates in the new one.
    winner : (total,) array of int
        Index of the store that counts for each candidate.
    row : (total,) array of int64
        Position of the candidate in that store.
    """

    sources: tuple[Source, ...]
    places: tuple[Rows, ...]
    winner: NDArray[np.intp]
    row: Rows

    @property
    def total(self) -> int:
        """Number of candidates."""
        return self.winner.size

    @property
    def covered(self) -> bool:
        """Whether the first store has all candidates."""
        return self.sources[0].ids.size == self.total

    def chosen(self, number: int) -> Rows:
        """Return the rows of a store that count and have an outcome.

        Parameters
        ----------
        number : int
            Index of the store.

        Returns
        -------
        (n,) array of int64
            Ascending.
        """
        rows = self.row[self.winner == number]
        return np.sort(rows[self.sources[number].status[rows] != Status.PENDING])

    def given(self) -> NDArray[np.int32]:
        """Return the number of realisations of each candidate: (total,)."""
        counts = np.zeros(self.total, dtype=np.int32)
        for number, source in enumerate(self.sources):
            mine = self.winner == number
            counts[mine] = source.given[self.row[mine]]
        return counts


def read_source(path: str | Path) -> Source:
    """Open a store to merge.

    Parameters
    ----------
    path : path

    Returns
    -------
    Source

    Raises
    ------
    UserError
        If it is being written, has results that cannot be read yet, or lacks added metrics.
    """
    ds, now = open_results(path), summary(path, slowest=0)
    if now.holder is not None:
        raise UserError(f"{path} is being written by {now.holder}; wait until it ends, or stop it")
    status = ds["status"].values
    if (now.done, now.failed) != tuple(np.bincount(status, minlength=3)[1:].tolist()):
        raise UserError(
            f"{path} has results that are not folded into it, and it cannot be written; merge a "
            "copy that can"
        )
    given = ds["realisations"].values
    if given.min(initial=0) < 0:
        raise UserError(f"{path} lacks metrics that were added to it; finish that study first")
    return Source(
        path=Path(path),
        ds=ds,
        attrs=attributes(path),
        ids=_identities(path, ds),
        status=status,
        given=given.astype(np.int32),
    )


def _identities(path: str | Path, ds: xr.Dataset) -> NDArray[np.bytes_]:
    texts = ds["candidate_id"].values if "candidate_id" in ds.coords else np.empty(0)
    try:
        ids = texts.astype("S32")
    except UnicodeEncodeError:
        ids = np.empty(0, "S32")
    if np.unique(ids).size != ds.sizes["candidate"]:
        raise UserError(
            f"{path} must have an identity for each candidate (candidate_id), each once, which it "
            "has not: it was written by something else, or is damaged"
        )
    return ids


def config_of(source: Source) -> dict[str, Any]:
    """Return the configuration of a store's study; empty if it states none.

    Parameters
    ----------
    source : Source

    Returns
    -------
    dict

    Raises
    ------
    UserError
        If it is no mapping in YAML.
    """
    text = str(source.attrs.get("config", "{}"))
    check_yaml(f"the configuration in {source.path}", text)
    config = yaml.safe_load(text) or {}
    if not isinstance(config, dict):
        raise UserError(f"the configuration in {source.path} must be a mapping, got {text[:60]!r}")
    return config


def unite(sources: Sequence[Source]) -> Union:
    """Unite the candidates of all stores, and choose the store that counts for each.

    Parameters
    ----------
    sources : sequence of Source

    Returns
    -------
    Union
    """
    _, inverse = np.unique(np.concatenate([s.ids for s in sources]), return_inverse=True)
    total = int(inverse.max()) + 1
    cuts = np.cumsum([source.ids.size for source in sources])[:-1]
    numbered = list(zip(sources, np.split(inverse, cuts), strict=True))
    # Order: stores with all candidates first, then by number of realisations, then as given.
    numbered.sort(
        key=lambda each: (-each[0].ids.size if each[0].ids.size == total else 0,
                          -each[0].ds.sizes.get("realisation", 0))
    )  # fmt: skip
    ordered = np.concatenate([numbers for _, numbers in numbered])
    _, first = np.unique(ordered, return_index=True)
    place = np.empty(total, dtype=np.int64)
    place[np.argsort(first)] = np.arange(total)
    chosen = tuple(source for source, _ in numbered)
    places = tuple(place[numbers] for _, numbers in numbered)
    winner, row = _winners(chosen, places)
    return Union(sources=chosen, places=places, winner=winner, row=row)


def _winners(sources: Sequence[Source], places: Sequence[Rows]) -> tuple[NDArray[np.intp], Rows]:
    """Return store and row that count for each candidate."""
    number = np.concatenate([np.full(s.ids.size, i) for i, s in enumerate(sources)])
    row = np.concatenate([np.arange(s.ids.size) for s in sources])
    rank = np.array([0, 2, 1])[np.concatenate([s.status for s in sources])]
    given = np.concatenate([s.given for s in sources])
    place = np.concatenate(places)
    order = np.lexsort((number, -given, -rank, place))
    ordered = place[order]
    best = order[np.concatenate([[True], ordered[1:] != ordered[:-1]])]
    return number[best].astype(np.intp), row[best].astype(np.int64)
