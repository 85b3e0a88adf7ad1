"""Comparison of stores: whether they fit together, and agree on candidates they share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsweep.core.checks import UserError
from matsweep.merging.sources import Source, Union, config_of
from matsweep.merging.write import blocks
from matsweep.store import Status, open_results

_FIXED = ("time", "component", "baseline", "adc_source", "parameter")
"""Dims with the same values in all stores; along others a store may have fewer values."""

_DIGESTS = ("networks", "groundwork")
"""Attributes with digests of what candidates share, by key."""

_SETTINGS = ("workload", "tile", "wires", "periphery", "adc", "dac")
"""Nodes of the configuration that no material sets."""


def check_alike(sources: Sequence[Source]) -> None:
    """Refuse stores whose results do not belong together.

    Parameters
    ----------
    sources : sequence of Source

    Raises
    ------
    UserError
        With the first difference.
    """
    first = sources[0]
    for other in sources[1:]:
        what = _unlike(first, other)
        if what:
            raise UserError(
                f"{first.path} and {other.path} do not fit together: they differ in {what}; "
                "merge stores of one study"
            )


def _unlike(first: Source, other: Source) -> str:
    """Return the first forbidden difference of two stores; "" if there is none."""
    seeds = first.attrs.get("seed"), other.attrs.get("seed")
    if seeds[0] != seeds[1]:
        return f"seed ({seeds[0]} and {seeds[1]})"
    names = sorted(set(first.results) ^ set(other.results))
    if names:
        return f"metrics ({', '.join(names[:5])} only in one)"
    for name in first.results:
        mine, theirs = first.ds[name], other.ds[name]
        if (mine.dims, mine.dtype, mine.attrs.get("units")) != (
            theirs.dims, theirs.dtype, theirs.attrs.get("units"),
        ):  # fmt: skip
            return f"dims, type or units of {name}"
    for dim in first.ds.dims:
        if dim != "candidate" and not _dims_fit(first, other, str(dim)):
            return "times" if dim == "time" else str(dim)
    unlike = next((name for name in _DIGESTS if _digests_unlike(name, first, other)), "")
    return unlike or _settings_unlike(first, other)


def _dims_fit(first: Source, other: Source, dim: str) -> bool:
    if dim not in other.ds.dims:
        return False
    mine, theirs = first.ds[dim].values, other.ds[dim].values
    shared = min(mine.size, theirs.size)
    same = bool(np.array_equal(mine[:shared], theirs[:shared]))
    return same and (dim not in _FIXED or mine.size == theirs.size)


def _digests_unlike(name: str, first: Source, other: Source) -> bool:
    mine, theirs = (json.loads(str(source.attrs.get(name, "{}"))) for source in (first, other))
    return any(mine[key] != theirs[key] for key in set(mine) & set(theirs))


def _settings_unlike(first: Source, other: Source) -> str:
    """Return a setting, not of the material, that differs and that no coordinate shows."""
    mine, theirs = config_of(first), config_of(other)
    swept = {str(name) for source in (first, other) for name in source.ds.coords}
    for node in _SETTINGS:
        if any(name == node or name.startswith(f"{node}.") for name in swept):
            continue
        if mine.get(node) != theirs.get(node) and None not in (mine.get(node), theirs.get(node)):
            return f"{node}, which neither sweeps: their candidates could not be distinguished"
    return ""


def check_equal(union: Union, path: Path) -> None:
    """Refuse stores whose results for a candidate differ from those in the new store.

    Parameters
    ----------
    union : Union
    path : Path
        Of the new store.

    Raises
    ------
    UserError
        With the candidate and the variable.
    """
    written, given = open_results(path), union.given()
    for number, source in enumerate(union.sources):
        place = union.places[number]
        rows = np.arange(source.ids.size)
        mine = (union.winner[place] == number) & (union.row[place] == rows)
        both = ~mine & (source.status == Status.DONE)
        for at, block in blocks(source, np.flatnonzero(both)):
            there = written.isel(candidate=place[at]).load()
            for name in source.results:
                shared = np.minimum(source.given[at], given[place[at]])
                same = source.given[at] == given[place[at]]
                wrong = _differ(
                    block[name].values, there[name].values, block[name].dims, shared, same
                )
                if wrong.size:
                    worst = int(at[wrong[0]])
                    other = union.sources[union.winner[place[worst]]]
                    raise UserError(
                        f"{source.path} and {other.path} disagree on candidate "
                        f"{source.ids[worst].decode()} ({worst} of the first) in {name}: the same "
                        "candidate and seed must give the same numbers; compute one of them again "
                        "with the same versions"
                    )


def _differ(
    mine: NDArray[Any],
    theirs: NDArray[Any],
    dims: Sequence[Any],
    shared: NDArray[np.int32],
    same: NDArray[np.bool_],
) -> NDArray[np.intp]:
    """Return the rows in which two stores differ, over the realisations that both have.

    Statistics of different numbers of realisations may differ: they are not compared.
    """
    overlap = (slice(None), *(slice(0, size) for size in mine.shape[1:]))
    theirs = theirs[overlap]
    unlike = ~((mine == theirs) | (np.isnan(mine) & np.isnan(theirs)))
    if "realisation" in dims:
        axis = list(dims).index("realisation")
        shape = [1] * mine.ndim
        shape[axis] = -1
        index = np.arange(mine.shape[axis]).reshape(shape)
        unlike &= index < shared.reshape(-1, *[1] * (mine.ndim - 1))
    else:
        unlike &= same.reshape(-1, *[1] * (mine.ndim - 1))
    return np.flatnonzero(unlike.reshape(len(mine), -1).any(axis=1))
