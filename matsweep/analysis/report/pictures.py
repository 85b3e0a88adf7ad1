"""The files beside a report: pictures for papers and talks, and references for BibTeX."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from matsweep.analysis.bibtex import bibtex
from matsweep.analysis.breakdown import cheapest_figure
from matsweep.analysis.figure import pareto_figure, save
from matsweep.analysis.learning import learning_figure
from matsweep.analysis.objectives import MAIN, usual
from matsweep.analysis.report.study import Study
from matsweep.analysis.tradeoff import tradeoff_figure
from matsweep.checks import UserError


def draw(study: Study, folder: Path) -> tuple[list[Path], list[str]]:
    """Write the pictures of a study as PNG and PDF.

    Returns
    -------
    tuple of list of Path and list of str
        What was written, and which others were not, and why.
    """
    ds, time = study.ds, study.time
    drawn: dict[str, Callable[[], Figure]] = {"pareto": lambda: pareto_figure(ds, time=time)}
    if usual(study.summary) != MAIN and swept_numbers(study):
        drawn["tradeoff"] = lambda: tradeoff_figure(ds, time=time)
    if "energy_breakdown" in ds and usual(study.summary) == MAIN:
        drawn["energy"] = lambda: cheapest_figure(ds, time=time)
    if "learning_accuracy" in ds:
        drawn["learning"] = lambda: learning_figure(ds)
    written: list[Path] = []
    problems = []
    for name, picture in drawn.items():
        try:
            # A "$" in a text of the store is no mathematics, which may not even be readable.
            with rc_context({"text.parse_math": False}):
                written += save(picture(), folder / name)
        except UserError as error:
            problems.append(f"{name}.png, as {error}")
    return written, list(dict.fromkeys(problems))


def references(cited: Mapping[str, Mapping[str, Any]], folder: Path) -> Iterator[Path]:
    """Write ``references.bib``, if anything is cited."""
    if cited:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "references.bib"
        path.write_text(bibtex(cited), encoding="utf-8")
        yield path


def swept_numbers(study: Study) -> list[str]:
    """Return the swept parameters that are numbers and have several values."""
    return [name for name in study.varied() if study.summary[name].dtype.kind in "fiu"]
