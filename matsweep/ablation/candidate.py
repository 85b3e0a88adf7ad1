"""A candidate of a store, named by its number or its family, and what its store says of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from matsweep.analysis.attributes import axes
from matsweep.analysis.named import best_of
from matsweep.analysis.view import View
from matsweep.core.checks import UserError
from matsweep.planning.restoring import Record


def position(view: View, asked: int | str) -> int:
    """Return the position of a candidate that is done.

    Parameters
    ----------
    view : View
    asked : int or str
        Number of a candidate, or the name or label of a material: its best candidate.

    Returns
    -------
    int

    Raises
    ------
    UserError
        If there is no such candidate, or it is not done: a failed one is explained by its error.
    """
    text = str(asked).strip()
    if not re.fullmatch(r"-?[0-9]+", text):
        return best_of(view, text)
    here = np.flatnonzero(view.numbers == int(text))
    if not here.size:
        raise UserError(
            f"there is no candidate {text}: the {view.numbers.size} candidates are numbered from "
            f"{view.numbers.min()} to {view.numbers.max()}"
        )
    row = int(here[0])
    if view.states[row] == "failed":
        why = str(view.ds["error"].values[row]) if "error" in view.ds else "no error is stored"
        raise UserError(f"candidate {text} failed: {why}")
    if view.states[row] != "done":
        raise UserError(
            f"candidate {text} is {view.states[row]}: run the study's command to compute it"
        )
    return row


def record(view: View, row: int) -> Record:
    """Collect what the store holds of a candidate.

    Parameters
    ----------
    view : View
    row : int
        Position.

    Returns
    -------
    Record

    Raises
    ------
    UserError
        If the store states no configuration, or no times.
    """
    ds = view.ds
    stated = ds.attrs.get("config") and "seed" in ds.attrs
    if not stated or "candidate_id" not in ds or "time" not in ds.coords:
        raise UserError(
            "the results hold no configuration, seed, identities or times: open the store of a "
            "study, not an export of it"
        )
    names = [name for name in axes(ds) if name in ds.coords]
    return Record(
        config=str(ds.attrs["config"]),
        command=str(ds.attrs.get("command", "")),
        axes=str(ds.attrs.get("axes", "[]")),
        values={name: ds[name].values[row] for name in names},
        times=tuple(ds["time"].values.tolist()),
        identity=str(ds["candidate_id"].values[row]),
    )


def attribute(ds: xr.Dataset, name: str) -> dict[str, Any]:
    """Return an attribute of a store that holds a JSON object; empty where there is none.

    Parameters
    ----------
    ds : Dataset
    name : str

    Returns
    -------
    dict

    Raises
    ------
    UserError
        If it is something else.
    """
    try:
        found = json.loads(str(ds.attrs.get(name, "{}")))
    except ValueError:
        found = None
    if not isinstance(found, Mapping):
        raise UserError(f"the store's attribute {name!r} must be a JSON object of matsweep")
    return dict(found)


def other_versions(ds: xr.Dataset, now: Mapping[str, Any]) -> list[str]:
    """Write which versions differ from those that the study was computed with.

    Parameters
    ----------
    ds : Dataset
    now : mapping
        `provenance` of the present process.

    Returns
    -------
    list of str
        "numpy 2.5.1 (now 2.5.5)".
    """
    begun = attribute(ds, "provenance")
    versions = begun.get("versions")
    then = {str(k): str(v) for k, v in versions.items()} if isinstance(versions, Mapping) else {}
    present: Mapping[str, str] = now["versions"]
    lines = [
        f"{name} {was} (now {present[name] or 'not there'})"
        for name, was in then.items()
        if was and name in present and present[name] != was
    ]
    was, this = (str(facts.get("git") or "") for facts in (begun, now))
    if was and this and was != this:
        lines.append(f"revision {was[:10]} (now {this[:10]})")
    return lines
