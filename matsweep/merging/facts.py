"""Attributes of a merged store."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import xarray as xr

from matsweep.analysis.attributes import chances, references
from matsweep.merging.sources import Source, Union

_OF_ORDER = ("fingerprint", "design")
"""Attributes that hold only for a store with all candidates of its design."""


def merged_attrs(union: Union) -> dict[str, Any]:
    """Return the first store's attributes, joined with those of the others.

    Attributes that belong to its design are left out unless it has all candidates.

    Parameters
    ----------
    union : Union

    Returns
    -------
    dict
        JSON.
    """
    first = union.sources[0]
    facts = dict(first.attrs)
    if not union.covered:
        for name in _OF_ORDER:
            facts.pop(name, None)
        facts["axes"] = json.dumps(_axes(union))
    for name in ("sources", "networks", "groundwork"):
        if any(name in source.attrs for source in union.sources):
            facts[name] = json.dumps(_joined(union, name))
    for name in ("data", "conditions"):
        if any(name in source.attrs for source in union.sources):
            facts[name] = json.dumps(_listed(union, name))
    for name, read in (("reference", references), ("chance", chances)):
        if best := _best(union, read):
            facts[name] = json.dumps(best, sort_keys=True)
    facts["merged"] = json.dumps([_record(source) for source in union.sources])
    return facts


def _best(union: Union, read: Callable[[xr.Dataset], dict[str, float]]) -> dict[str, float]:
    """Return the best of values that all stores state, by metric."""
    best: dict[str, float] = {}
    for source in union.sources:
        for name, value in read(source.ds).items():
            lower = name in source.ds and source.ds[name].attrs.get("better") == "lower"
            best[name] = (min if lower else max)(best.get(name, value), value)
    return best


def _record(source: Source) -> dict[str, Any]:
    """Return the attributes of a store for ``merged``."""
    attrs = source.attrs
    names = ("study", "command", "config", "provenance", "merged")
    return {
        "store": source.path.name,
        "candidates": int(source.ids.size),
        **{name: attrs[name] for name in names if name in attrs},
    }


def _joined(union: Union, name: str) -> dict[str, Any]:
    """Join a mapping of mappings, or of values, over all stores; the first store counts."""
    joined: dict[str, Any] = {}
    for source in reversed(union.sources):
        for key, value in json.loads(str(source.attrs.get(name, "{}"))).items():
            both = isinstance(value, dict) and isinstance(joined.get(key), dict)
            joined[key] = {**joined[key], **value} if both else value
    return joined


def _listed(union: Union, name: str) -> list[str]:
    """Join a list of texts over all stores, each text once."""
    lists = [json.loads(str(source.attrs.get(name, "[]"))) for source in union.sources]
    return list(dict.fromkeys(text for each in lists for text in each))


def _axes(union: Union) -> list[dict[str, Any]]:
    """Return the axes of all stores, with their values if every combination of them exists."""
    stored = [json.loads(str(source.attrs.get("axes", "[]"))) for source in union.sources]
    merged: dict[str, list[Any] | None] = {}
    for axes in stored:
        for axis in axes:
            name, values = axis["name"], axis["values"]
            old = merged.get(name, [])
            merged[name] = (
                None if values is None or old is None else list(dict.fromkeys([*old, *values]))
            )
    names = [{axis["name"] for axis in axes} for axes in stored]
    known = [values for values in merged.values() if values is not None]
    whole = len(known) == len(merged) and all(each == names[0] for each in names)
    if not whole or math.prod(map(len, known)) != union.total:
        return [{"name": name, "values": None} for name in merged]
    return [{"name": name, "values": values} for name, values in merged.items()]
