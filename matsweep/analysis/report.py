"""The report of a study: ranking, what it rests on, references, failures and the picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from matsweep.analysis.attributes import (
    converter_costs,
    material_label,
    numbered,
    parameters,
    states,
)
from matsweep.analysis.basis import Number, bibliography, cited, failures, unsure_numbers
from matsweep.analysis.bibtex import bibtex
from matsweep.analysis.cheapest import cheapest_figure
from matsweep.analysis.figure import pareto_figure, save
from matsweep.analysis.learning import learning_figure
from matsweep.analysis.objectives import MAIN, Objectives, front, usual
from matsweep.analysis.summary import summarise
from matsweep.analysis.table import ranking_table
from matsweep.analysis.tradeoff import tradeoff_figure
from matsweep.analysis.units import engineering
from matsweep.checks import UserError

_MOST_NUMBERS = 6
_MOST_CAUSES = 8


def report(
    ds: xr.Dataset,
    console: Console,
    folder: str | Path,
    *,
    by: Objectives | None = None,
    top: int = 20,
    objectives: Objectives | None = None,
    time: float | str | None = None,
) -> tuple[Path, ...]:
    """Print the report of a study and save its picture.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`, finished or not.
    console : rich.console.Console
        Where to print.
    folder : str or Path
        Where to save ``pareto.png``, ``pareto.pdf`` and ``references.bib``, with a breakdown of
        the energy also ``energy``, of a study of physics or of learning also ``tradeoff`` and of
        learning ``learning``; it is made.
    by, top, objectives, time
        As in `ranking_table`.

    Returns
    -------
    tuple of Path
        What was written; empty if there is nothing to draw.

    Raises
    ------
    UserError
        If a metric or the time is unknown.
    """
    ds = numbered(ds)
    summary = summarise(ds, time)
    table = ranking_table(summary, by=by, top=top, objectives=objectives)
    references = cited(ds, _present(summary, states(summary) == "done"))
    # Written before anything is printed: whoever reads the first lines only has them all the same.
    pictures, problems = _pictures(ds, summary, Path(folder), time)
    written = [*pictures, *_bibtex(references, Path(folder))]
    if study := ds.attrs.get("study"):
        _line(console, f"Study {study}", style="bold")
    console.print(table)
    _pending(console, summary)
    _failed(console, summary)
    on_front = _present(summary, front(summary, objectives))
    _basis(console, ds, on_front)
    _unknown(console, ds, _present(summary, states(summary) == "done"))
    _converters(console, ds)
    _references(console, bibliography(references))
    for problem in problems:
        _line(console, f"\nNot drawn: {problem}.")
    if written:
        _head(console, "Written")
        for path in written:
            console.print(Text(f"  {path}", overflow="fold"), soft_wrap=True)
    return tuple(written)


def _pending(console: Console, summary: xr.Dataset) -> None:
    count = Counter(states(summary).tolist())
    if count["pending"]:
        share = f"{count['pending']} of {count.total()}"
        _line(console, f"\n{share} candidates are still pending: the ranking may change.")


def _failed(console: Console, summary: xr.Dataset) -> None:
    found = failures(summary)
    if not found:
        return
    _head(console, "Failures by cause")
    for failure in found[:_MOST_CAUSES]:
        where = "no." if failure.count == 1 else "first no."
        _item(console, f"{failure.count} × {failure.message} ({where} {failure.first})")
    if len(found) > _MOST_CAUSES:
        rest = sum(failure.count for failure in found[_MOST_CAUSES:])
        _item(console, f"{rest} × {len(found) - _MOST_CAUSES} other causes")


def _basis(console: Console, ds: xr.Dataset, materials: Iterable[str]) -> None:
    """Print the unconfirmed numbers behind each material of the Pareto set."""
    lines = [f"{_named(ds, name)}: {_told(unsure_numbers(ds, name))}" for name in materials]
    if lines:
        _head(console, "Unconfirmed numbers behind the Pareto set")
        for line in lines:
            _item(console, line)


def _told(numbers: list[Number] | None) -> str:
    if numbers is None:
        return "no sources stored"
    if not numbers:
        return "none, all seen or derived"
    chosen = [number for number in numbers if number.status != "missing"]
    told = []
    for number in chosen[:_MOST_NUMBERS]:
        note = f", {number.note}" if number.note else ""
        told.append(f"{number.name} = {_value(number.value)} ({number.status}{note})")
    if len(chosen) > _MOST_NUMBERS:
        told.append(f"and {len(chosen) - _MOST_NUMBERS} more")
    missing = [number.name for number in numbers if number.status == "missing"]
    if missing:
        told.append(f"not known, so left out: {', '.join(missing)}")
    return "; ".join(told)


def _converters(console: Console, ds: xr.Dataset) -> None:
    """Print how far the sources of the ADCs' costs lie apart."""
    told = converter_costs(ds)
    if told is None:
        return
    used = str(told["used"]) if "periphery.adc_source" not in ds.coords else "swept"
    costs = ", ".join(
        f"{name} {engineering(joules, 'J')}" for name, joules in told["joules"].items()
    )
    _head(console, "ADC costs")
    _item(
        console,
        f"one conversion of {told['bits']} bits at {engineering(told['node'], 'm')}: {costs} "
        f"(periphery.adc_source, here {used}; the regression follows the best published "
        "converters, the survey is their median)",
    )


def _references(console: Console, lines: list[str]) -> None:
    if lines:
        _head(console, "References")
        for line in lines:
            _item(console, line)


def _bibtex(references: Mapping[str, Mapping[str, Any]], folder: Path) -> Iterator[Path]:
    if references:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "references.bib"
        path.write_text(bibtex(references), encoding="utf-8")
        yield path


def _pictures(
    ds: xr.Dataset, summary: xr.Dataset, folder: Path, time: float | str | None
) -> tuple[list[Path], list[str]]:
    """Return what was written, and why others were not."""
    drawn: dict[str, Callable[[], Figure]] = {"pareto": lambda: pareto_figure(ds, time=time)}
    if usual(summary) != MAIN and _numbers_swept(summary):
        drawn["tradeoff"] = lambda: tradeoff_figure(ds, time=time)
    if "energy_breakdown" in ds and usual(summary) == MAIN:
        drawn["energy"] = lambda: cheapest_figure(ds, time=time)
    if "learning_accuracy" in ds:
        drawn["learning"] = lambda: learning_figure(ds)
    written: list[Path] = []
    problems = []
    for name, draw in drawn.items():
        try:
            written += save(draw(), folder / name)
        except UserError as error:
            problems.append(f"{name}.png, as {error}")
    return written, list(dict.fromkeys(problems))


def _numbers_swept(summary: xr.Dataset) -> bool:
    """Return whether any number has several values."""
    numbers = [name for name in parameters(summary) if summary[name].dtype.kind in "fiu"]
    return any(np.unique(summary[name].values).size > 1 for name in numbers)


def _unknown(console: Console, ds: xr.Dataset, materials: Iterable[str]) -> None:
    """Print how much of each material is not known: what is left out flatters it."""
    counts = {
        name: sum(number.status == "missing" for number in numbers)
        for name in materials
        if (numbers := unsure_numbers(ds, name)) is not None
    }
    if any(counts.values()):
        _head(console, "Not known, so left out, by material")
        told = ", ".join(f"{name} {count}" for name, count in counts.items())
        _item(console, f"{told}: this flatters the materials that have been measured least.")


def _present(summary: xr.Dataset, mask: np.ndarray[Any, np.dtype[np.bool_]]) -> list[str]:
    """Return the materials of the marked candidates, in alphabetic order."""
    if "material" not in summary.coords:
        return []
    return sorted(set(np.asarray(summary["material"].values)[mask].astype(str).tolist()))


def _named(ds: xr.Dataset, material: str) -> str:
    label = material_label(ds, material)
    return material if label == material else f"{material} ({label})"


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _head(console: Console, text: str) -> None:
    _line(console, f"\n{text}", style="bold")


def _line(console: Console, text: str, style: str = "") -> None:
    console.print(Text(text, style=style))


def _item(console: Console, text: str) -> None:
    console.print(Padding(Text(f"• {text}"), (0, 0, 0, 2), expand=False))
