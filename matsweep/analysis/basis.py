"""What a ranking rests on: unconfirmed numbers, references, and why candidates failed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from matsweep.analysis.attributes import axes, sources, states

_UNSURE = ("illustrative", "recalled", "missing")
_DIGITS = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|0x[0-9a-f]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One number of a material with its standing: seen, derived, recalled or illustrative."""

    name: str
    value: Any
    status: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Candidates that failed in the same way: the message of the first, and how many."""

    message: str
    first: int
    count: int


def unsure_numbers(ds: xr.Dataset, material: str) -> list[Number] | None:
    """Return a material's unconfirmed numbers that the study did not sweep.

    Illustrative, recalled, or missing: those stand at a value that changes nothing.

    None if the results hold no sources of this material.
    """
    stored = sources(ds)["materials"].get(material)
    if not stored or not stored.get("numbers"):
        return None
    varied = set(axes(ds))
    return [
        Number(
            name=name,
            value=entry.get("value"),
            status=str(entry["status"]),
            note=str(entry.get("note") or ""),
        )
        for name, entry in stored["numbers"].items()
        if entry.get("status") in _UNSURE and name not in varied
    ]


def cited(ds: xr.Dataset, materials: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the references of the given materials, and those of no material, by their keys.

    A number that the study sweeps is not used, so its source does not count.

    A reference that no material cites belongs to what all share (periphery, wires).
    """
    stored = sources(ds)
    wanted = set(materials)
    varied = set(axes(ds))
    used: set[str] = set()
    others: set[str] = set()
    for material, entry in stored["materials"].items():
        for name, number in (entry.get("numbers") or {}).items():
            counts = material in wanted and name not in varied
            (used if counts else others).update(_keys(number.get("source")))
    used |= set(stored["references"]) - others
    return {key: dict(stored["references"].get(key) or {}) for key in sorted(used)}


def bibliography(references: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return references from `cited`, one line each."""
    return [_reference(key, entry) for key, entry in references.items()]


def failures(ds: xr.Dataset) -> list[Failure]:
    """Group the failed candidates by cause: equal messages but for numbers; the most first."""
    failed = np.flatnonzero(states(ds) == "failed")
    if not failed.size:
        return []
    numbers = ds["candidate"].values[failed] if "candidate" in ds.coords else failed
    errors = ds["error"].values[failed] if "error" in ds else np.full(len(failed), "")
    found: dict[str, Failure] = {}
    for number, error in zip(numbers, errors, strict=True):
        message = cause(str(error))
        key = _DIGITS.sub("#", message)
        old = found.get(key, Failure(message=message, first=int(number), count=0))
        found[key] = Failure(message=old.message, first=old.first, count=old.count + 1)
    return sorted(found.values(), key=lambda failure: -failure.count)


def cause(error: str) -> str:
    """Return the line of an error text or traceback that says what happened.

    Of a traceback this is the first line after the last call; lines below it are notes.
    """
    lines = [line for line in error.splitlines() if line.strip()]
    if not lines:
        return "no error text stored"
    calls = [k for k, line in enumerate(lines) if line.startswith((" ", "Traceback"))]
    after = lines[calls[-1] + 1 :] if calls and lines[0].startswith("Traceback") else lines
    return (after or lines[-1:])[0].strip()


def _keys(source: Any) -> Iterator[str]:
    if isinstance(source, str) and source:
        yield source
    elif isinstance(source, (list, tuple)):
        yield from map(str, source)


def _reference(key: str, entry: Mapping[str, Any]) -> str:
    if not entry:
        return f"{key}: no citation stored"
    citation = str(entry.get("citation") or "no citation stored").rstrip(".")
    doi = entry.get("doi")
    return f"{key}: {citation}" + (f". doi:{doi}" if doi else "")
