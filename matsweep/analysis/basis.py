"""Basis of a ranking: unconfirmed numbers, references, and causes of failures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from matsweep.analysis.attributes import axes, decoded, sources, states
from matsweep.core.causes import Failure, by_cause

NEVER_DRAWN = ("device.short_term",)
"""Parameters that no study draws: hardly any family states them, so that none is favoured."""

_UNSURE = ("illustrative", "recalled", "missing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One number of a material with its status.

    Parameters
    ----------
    name : str
    value : Any
    status : {"seen", "derived", "recalled", "illustrative", "missing"}
    note : str
    prior : str
        Distribution that its value is drawn from in each realisation; empty where none is drawn.
    """

    name: str
    value: Any
    status: str
    note: str
    prior: str = ""

    @property
    def left_out(self) -> bool:
        """Whether it is unknown and at a neutral value."""
        return self.status == "missing" and not self.prior


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsure:
    """Names of the unconfirmed numbers of a material by kind, each counted once.

    Parameters
    ----------
    drawn, left_out : tuple of str
        Numbers that no source states: parameters that are drawn in each realisation, and numbers
        at a neutral value, without `NEVER_DRAWN`.
    recalled, illustrative : tuple of str
    """

    drawn: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    recalled: tuple[str, ...] = ()
    illustrative: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Number of all."""
        return sum(map(len, (self.drawn, self.left_out, self.recalled, self.illustrative)))


def unsure_of(ds: xr.Dataset, material: str) -> Unsure | None:
    """Count the unconfirmed numbers of a material by kind.

    Parameters
    ----------
    ds : Dataset
    material : str

    Returns
    -------
    Unsure or None
        None if the results hold no sources of this material.
    """
    numbers = unsure_numbers(ds, material)
    if numbers is None:
        return None
    drawn = _drawn_in(ds, material)
    of: dict[str, list[str]] = {"drawn": []}
    for number in numbers:
        within = [path for path in drawn if f"{path}.".startswith(f"{number.name}.")]
        if number.status != "missing":
            of.setdefault(number.status, []).append(number.name)
        elif within or number.prior:
            of["drawn"] += within or [number.name]
        elif number.name not in NEVER_DRAWN:
            of.setdefault("left_out", []).append(number.name)
    of["drawn"] += drawn
    return Unsure(**{kind: tuple(dict.fromkeys(names)) for kind, names in of.items()})


def _drawn_in(ds: xr.Dataset, material: str) -> list[str]:
    """Parameters that are drawn in the realisations of a material, as they are stored."""
    if "unknown" not in ds or "parameter" not in ds.coords:
        return drawn_for(ds, material)
    rows = np.flatnonzero((ds["material"].values == material) & (states(ds) == "done"))
    if not rows.size:
        return []
    values = ds["unknown"].isel(candidate=int(rows[0]))
    known = np.isfinite(values.values).any(axis=values.get_axis_num("realisation"))
    given = given_for(ds, material)
    return [name for name in ds["parameter"].values[known].astype(str) if name not in given]


def unsure_numbers(ds: xr.Dataset, material: str) -> list[Number] | None:
    """Unconfirmed numbers of a material that the study did not sweep.

    They are illustrative, recalled, or missing: missing ones have a neutral value, or are drawn
    from a prior. Those that the user states in the study's settings do not count.

    Parameters
    ----------
    ds : Dataset
    material : str

    Returns
    -------
    list of Number or None
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
            prior=str(entry.get("prior") or ""),
        )
        for name, entry in stored["numbers"].items()
        if entry.get("status") in _UNSURE
        and name not in varied
        and not entry.get("given")
        and not _contained(entry)
    ]


def drawn_for(ds: xr.Dataset, material: str) -> list[str]:
    """Parameters that are drawn in each realisation of a material.

    Parameters
    ----------
    ds : Dataset
    material : str

    Returns
    -------
    list of str
        Dotted.
    """
    return list((sources(ds)["materials"].get(material) or {}).get("unknown") or [])


def given_for(ds: xr.Dataset, material: str) -> list[str]:
    """Parameters of a material to which the user's prior gives one value, by their paths.

    Parameters
    ----------
    ds : Dataset
    material : str

    Returns
    -------
    list of str
        Dotted.
    """
    return list((sources(ds)["materials"].get(material) or {}).get("given") or [])


def favours_unmeasured(ds: xr.Dataset, materials: Iterable[str]) -> bool:
    """Whether a comparison of materials leaves out unknown numbers, and draws none.

    Parameters
    ----------
    ds : Dataset
    materials : iterable of str

    Returns
    -------
    bool
        False for fewer than two materials.
    """
    names = list(materials)
    if len(names) < 2 or any(drawn_for(ds, name) for name in names):
        return False
    return any(
        number.left_out and number.name not in NEVER_DRAWN
        for name in names
        for number in unsure_numbers(ds, name) or ()
    )


def _contained(entry: Mapping[str, Any]) -> bool:
    """Whether a number that is missing is contained in one that is drawn or stated."""
    return entry.get("status") == "missing" and bool(entry.get("contained"))


def without_effect(ds: xr.Dataset) -> list[str]:
    """Conditions of a study that change nothing in some materials, of which too little is known.

    Parameters
    ----------
    ds : Dataset

    Returns
    -------
    list of str
        One sentence each.
    """
    return [str(each) for each in decoded(ds, "without_effect") or []]


def misfits(ds: xr.Dataset, materials: Iterable[str]) -> list[str]:
    """Warnings on materials that do not describe the measurement that they were fitted to.

    Parameters
    ----------
    ds : Dataset
    materials : iterable of str

    Returns
    -------
    list of str
        One sentence for each such material.
    """
    stored = sources(ds)["materials"]
    texts = {name: (stored.get(name) or {}).get("misfit") for name in materials}
    return [
        f"{name} does not describe the measurement it was fitted to: {text}."
        for name, text in texts.items()
        if text
    ]


def cautions(ds: xr.Dataset, materials: Iterable[str]) -> list[str]:
    """Cautions on the fits of materials: what their measurements do not determine.

    Parameters
    ----------
    ds : Dataset
    materials : iterable of str

    Returns
    -------
    list of str
        Each begins with the material's name.
    """
    stored = sources(ds)["materials"]
    return [
        f"{name}: {text}"
        for name in materials
        for text in (stored.get(name) or {}).get("cautions") or ()
    ]


def cited(ds: xr.Dataset, materials: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Collect the references of the given materials, and those of no material, by their keys.

    A number that the study sweeps is not used, so its source does not count.
    A reference that no material cites belongs to the shared parts (periphery, wires).

    Parameters
    ----------
    ds : Dataset
    materials : iterable of str

    Returns
    -------
    dict of str to dict
    """
    stored = sources(ds)
    wanted = set(materials)
    varied = set(axes(ds))
    used: set[str] = set()
    others: set[str] = set()
    for material, entry in stored["materials"].items():
        for name, number in (entry.get("numbers") or {}).items():
            counts = material in wanted and name not in varied
            keys = {*_keys(number.get("source")), *_keys(number.get("prior_sources"))}
            (used if counts else others).update(keys)
    used |= set(stored["references"]) - others
    return {key: dict(stored["references"].get(key) or {}) for key in sorted(used)}


def bibliography(references: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Format references from `cited`, one line each.

    Parameters
    ----------
    references : mapping of str to mapping

    Returns
    -------
    list of str
    """
    return [_reference(key, entry) for key, entry in references.items()]


def failures(ds: xr.Dataset) -> list[Failure]:
    """Group the failed candidates by cause: messages that differ in numbers only; most first.

    Parameters
    ----------
    ds : Dataset

    Returns
    -------
    list of Failure
    """
    failed = np.flatnonzero(states(ds) == "failed")
    if not failed.size:
        return []
    numbers = ds["candidate"].values[failed] if "candidate" in ds.coords else failed
    errors = ds["error"].values[failed] if "error" in ds else np.full(len(failed), "")
    return by_cause(zip(map(int, numbers), map(str, errors), strict=True))


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
