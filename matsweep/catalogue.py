"""Catalogue of material families, printed on the terminal."""

from __future__ import annotations

import dataclasses
from collections import Counter

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from matsweep.core.codec import plain
from matsweep.core.units import engineering
from matsweep.devices.unknown import CONTAINED, in_words, parameter_of, unknown_parameters
from matsweep.materials import STATUSES
from matsweep.materials.priors import Evidence
from matsweep.planning.config import composer, options
from matsweep.planning.folders import package_of_choice
from matsweep.planning.loading import LoadedMaterial, load_material, load_materials, references
from matsweep.planning.unknowns import ANY, mechanism, priors


def list_materials(console: Console) -> None:
    """Print all families in a table; to be called inside `composer`.

    Parameters
    ----------
    console : rich.console.Console
    """
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("material", "what it is, and its role", "range", "levels", "numbers"):
        table.add_column(heading, no_wrap=not heading.startswith("what"))
    names = options("material")
    for name, loaded in zip(names, load_materials(names), strict=True):
        table.add_row(*_row(name, loaded))
    console.print(table)
    console.print(
        f"{len(names)} families; numbers are counted as {', '.join(_short(s) for s in STATUSES)}. "
        "matsweep materials NAME shows one with its sources.",
        markup=False,
    )


def _short(status: str) -> str:
    return f"{status[0]} {status}"


def _row(name: str, loaded: LoadedMaterial) -> tuple[str, ...]:
    device = loaded.device
    counts = Counter(origin.status for origin in loaded.sources.values())
    package = package_of_choice("material", name)
    whose = "" if package is None else f" (of {package.name} {package.version})"
    return (
        name,
        f"{loaded.material.label}: {loaded.material.role}{whose}",
        f"{engineering(device.g_min, 'S')} to {engineering(device.g_max, 'S')}",
        "analog" if device.levels is None else str(device.levels),
        " ".join(f"{counts[status]}{status[0]}" for status in STATUSES if counts[status]),
    )


def show_material(name: str, console: Console) -> None:
    """Print one family: every number of its device with its source.

    Parameters
    ----------
    name : str
    console : rich.console.Console

    Raises
    ------
    UserError
        If there is no such family; with similar names.
    """
    with composer():
        _show(load_material(name), console)


def _show(loaded: LoadedMaterial, console: Console) -> None:
    name, material = loaded.material.name, loaded.material
    console.print(Text(f"{material.name}: {material.label}", style="bold"))
    console.print(f"mechanism  {material.mechanism}", markup=False)
    console.print(f"role       {material.role}", markup=False)
    if (package := package_of_choice("material", name)) is not None:
        console.print(f"brought by {package.name} {package.version}", markup=False)
    if material.misfit is not None:
        console.print(f"NOT FITTED: it does not describe its measurement: {material.misfit}",
                      markup=False)  # fmt: skip
    for caution in material.cautions:
        console.print(f"caution    {caution}", markup=False)
    console.print()
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("device.", "value", "from"):
        table.add_column(heading, no_wrap=heading == "device.", overflow="fold")
    laws = _priors(loaded)
    fields = {path.split(".")[1] for path in (*laws, *CONTAINED[: len(laws)])}
    missing = []
    for path, origin in material.origins.items():
        if origin.status == "missing" and origin.note is None:
            if path not in fields:
                missing.append(path)
            continue
        value = "not known"
        if origin.status != "missing":
            value = _text(_stated(getattr(loaded.device, path)))
        known = ", ".join(filter(None, (origin.status, origin.source)))
        table.add_row(path, value, f"{known}: {origin.note}" if origin.note else known)
    console.print(table)
    if loaded.physics is not None:
        _show_physics(loaded, console)
    if laws:
        _show_priors(loaded, laws, console)
    if missing:
        console.print(
            f"\nUnknown, so left out of any simulation: {', '.join(missing)}.", markup=False
        )
    console.print(Text("\nReferences", style="bold"))
    cited = [key for each in laws.values() if each is not None for key in each.sources]
    for key, reference in {**material.references, **references(cited)}.items():
        doi = f" doi:{reference.doi}" if reference.doi else ""
        console.print(Padding(Text(f"{key}: {reference.citation}.{doi}"), (0, 0, 0, 2)))


def _priors(loaded: LoadedMaterial) -> dict[str, Evidence | None]:
    """Return the priors of all that may be unknown, by path; None: about a stated number."""
    device, material = loaded.device, loaded.material
    of = mechanism(material.prior)
    statuses = unknown_parameters(device, material.origins)
    return {
        path: of.evidence[path] if statuses[path] == "missing" else None
        for path in priors(device, statuses, of)
    }


def _show_priors(
    loaded: LoadedMaterial, laws: dict[str, Evidence | None], console: Console
) -> None:
    """Print what a study draws for the parameters that a material does not state or confirm."""
    device, material = loaded.device, loaded.material
    of = mechanism(material.prior)
    console.print(Text("\nUnknown, so drawn with unknowns=prior", style="bold"), end="")
    widest = " (the material names no mechanism)" if material.prior == ANY else ""
    console.print(f" (material.prior={material.prior}: {of.label}){widest}", markup=False)
    statuses = unknown_parameters(device, material.origins)
    drawn = priors(device, statuses, of)
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for path, evidence in laws.items():
        words = in_words(path, drawn[path])
        if evidence is None:
            text = f"{statuses[path]}; {words} about the stated number"
        else:
            text = f"not stated; {words}, {_from(evidence, of.label)}"
        table.add_row(parameter_of(path).label, text)
    console.print(table)
    if within := [path for path in CONTAINED if path in statuses and path not in drawn]:
        names = " and ".join(parameter_of(path).label for path in within)
        console.print(f"The programming error contains {names}.", markup=False)


def _from(evidence: Evidence, label: str) -> str:
    """Describe the sources of a prior in words."""
    note = f" {evidence.note}" if evidence.note else ""
    if not evidence.sources:
        return f"pooled{note}"
    keys = ", ".join(key for key, status in evidence.sources.items() if status == "seen")
    if not evidence.seen:
        return f"recalled of {label}{note}"
    papers = "1 paper" if evidence.seen == 1 else f"{evidence.seen} papers"
    return f"from {papers} on {label}{note}: {keys}"


def _show_physics(loaded: LoadedMaterial, console: Console) -> None:
    """Print the physics: every parameter with its source."""
    kind = plain(loaded.physics)["kind"]
    console.print(Text(f"\nPhysics: {type(loaded.physics).__name__}", style="bold"), end="")
    console.print(f" ({kind}); device.source=derived simulates it", markup=False)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("physics.", "value", "from"):
        table.add_column(heading, no_wrap=heading == "physics.", overflow="fold")
    for path, origin in loaded.material.physics_origins.items():
        known = ", ".join(filter(None, (origin.status, origin.source)))
        source = f"{known}: {origin.note}" if origin.note else known
        table.add_row(path, _text(plain(getattr(loaded.physics, path))), source)
    console.print(table)


def _stated(part: object) -> object:
    """Return a parameter object as plain values, without those at their defaults."""
    if not dataclasses.is_dataclass(part) or isinstance(part, type):
        return plain(part)
    values = plain(part)
    kept = {"kind": values["kind"]} if "kind" in values else {}
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        if value != field.default and value not in ({}, ()):
            kept[field.name] = _stated(value)
    return kept


def _text(value: object) -> str:
    """Format a parameter in one line."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(item)}" for key, item in value.items())
    if isinstance(value, list):
        return f"[{', '.join(_text(item) for item in value)}]"
    return f"{value:.5g}" if isinstance(value, float) else str(value)
