"""The files beside a report: pictures for papers and talks, and references for BibTeX."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import xarray as xr
from matplotlib import rc_context
from matplotlib.figure import Figure

from matsweep.analysis.objectives import MAIN, weighed
from matsweep.analysis.requirements import Requirements
from matsweep.core.checks import UserError
from matsweep.reporting.bibtex import bibtex
from matsweep.reporting.figures.breakdown import cheapest_figure
from matsweep.reporting.figures.distribution import distribution_figure
from matsweep.reporting.figures.figure import pareto_figure, save
from matsweep.reporting.figures.learning import learning_figure
from matsweep.reporting.figures.parallel import parallel_figure
from matsweep.reporting.figures.requirement_map import requirement_figure
from matsweep.reporting.figures.sensitivity_bars import sensitivity_figure
from matsweep.reporting.figures.tradeoff import tradeoff_figure
from matsweep.reporting.report.study import Study

_MARK = "% Written by matsweep report, and anew by each."


def draw(study: Study, folder: Path) -> tuple[list[Path], list[str]]:
    """Write the pictures of a study as PNG and PDF.

    Returns
    -------
    tuple of list of Path and list of str
        What was written, and which others were not, and why.
    """
    ds, time = study.view.ds, study.view.time
    drawn: dict[str, Callable[[], Figure]] = {"pareto": lambda: pareto_figure(ds, time=time)}
    if weighed(study.view) != MAIN and swept_numbers(study):
        drawn["tradeoff"] = lambda: tradeoff_figure(ds, time=time)
    if "energy_breakdown" in ds and weighed(study.view) == MAIN:
        drawn["energy"] = lambda: cheapest_figure(ds, time=time)
    if "learning_accuracy" in ds:
        drawn["learning"] = lambda: learning_figure(ds)
    if "accuracy" in ds and ds["accuracy"].sizes.get("realisation", 1) > 1:
        drawn["distribution"] = lambda: distribution_figure(ds, time=time)
    if study.ranked.size > 1:
        drawn["parallel"] = lambda: parallel_figure(ds, objectives=study.objectives, time=time)
    for material, found in study.required.items():
        if isinstance(found, Requirements):
            drawn[required_name(material)] = partial(requirement_figure, found)
    if isinstance(influence := study.influence, xr.Dataset):
        drawn["sensitivity"] = lambda: sensitivity_figure(influence)
    written: list[Path] = []
    problems = []
    for name, picture in drawn.items():
        try:
            # A "$" in a text of the store is no mathematics, which may not even be readable.
            with rc_context({"text.parse_math": False}):
                written += save(picture(), folder / name)
        except UserError as error:
            if name != "parallel":  # which says nothing where all but one axis are constant
                problems.append(f"{name}.png, as {error}")
    return written, list(dict.fromkeys(problems))


def required_name(material: str) -> str:
    """Return the file name, without its ending, of the map of what is required of a material."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", material)
    return f"required_{plain}" if plain else "required"


def references(cited: Mapping[str, Mapping[str, Any]], folder: Path) -> Iterator[Path]:
    """Write ``references.bib``, if anything is cited.

    Raises
    ------
    UserError
        If there is one that no report wrote: it may be a collection of the user's.
    """
    if cited:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "references.bib"
        if path.exists() and not path.read_text("utf-8", "replace").startswith(_MARK):
            raise UserError(f"{path}, as one is there that no report wrote: give another folder=")
        path.write_text(f"{_MARK}\n\n{bibtex(cited)}", encoding="utf-8")
        yield path


def swept_numbers(study: Study) -> list[str]:
    """Return the swept parameters that are numbers and have several values."""
    return [name for name in study.view.varied if study.view.summary[name].dtype.kind in "fiu"]
