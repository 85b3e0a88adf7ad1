"""The files next to a report: pictures for papers and talks, and references for BibTeX."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import xarray as xr

from matsweep.analysis.conditional import Conditional
from matsweep.analysis.objectives import MAIN, weighed
from matsweep.analysis.requirements import Requirements
from matsweep.core.checks import UserError
from matsweep.reporting.bibtex import bibtex
from matsweep.reporting.figures import printed
from matsweep.reporting.figures.breakdown import cheapest_picture
from matsweep.reporting.figures.conditional_map import conditional_picture
from matsweep.reporting.figures.conditions import conditions_picture
from matsweep.reporting.figures.course import course_name, course_picture
from matsweep.reporting.figures.distribution import distribution_picture
from matsweep.reporting.figures.marks import Picture
from matsweep.reporting.figures.parallel import parallel_picture
from matsweep.reporting.figures.pareto import pareto_picture
from matsweep.reporting.figures.printed import save
from matsweep.reporting.figures.requirement_map import requirement_picture
from matsweep.reporting.figures.sensitivity_bars import sensitivity_picture
from matsweep.reporting.figures.tradeoff import tradeoff_picture
from matsweep.reporting.report.study import Study

_MARK = "% Written by matsweep report"
_NOTE = f"{_MARK}; each report replaces this file."


def draw(study: Study, folder: Path) -> tuple[list[Path], list[str]]:
    """Write the pictures of a study as PNG and PDF.

    Parameters
    ----------
    study : Study
    folder : Path

    Returns
    -------
    written : list of Path
    problems : list of str
        Pictures that were not drawn, and why.
    """
    view = study.view
    drawn: dict[str, Callable[[], Picture]] = {"pareto": partial(pareto_picture, view)}
    if weighed(view) != MAIN and swept_numbers(study):
        drawn["tradeoff"] = partial(tradeoff_picture, view)
    if "energy_breakdown" in view.ds and "energy" in weighed(view):
        drawn["energy"] = partial(cheapest_picture, view)
    if view.done.any():
        drawn |= {course_name(n): partial(course_picture, view, n) for n in view.courses}
    if view.merit in view.ds and view.ds[view.merit].sizes.get("realisation", 1) > 1:
        drawn["distribution"] = partial(distribution_picture, view)
    if study.ranked.size > 1:
        drawn["parallel"] = partial(parallel_picture, view, study.objectives)
    if study.changes:
        drawn["conditions"] = partial(conditions_picture, view, study.changes)
    for material, requirements in study.required.items():
        if isinstance(requirements, Requirements):
            drawn[required_name(material)] = partial(
                requirement_picture, requirements, materials=view.all_materials
            )
        elif isinstance(requirements, Conditional):
            drawn[required_name(material)] = partial(conditional_picture, requirements)
    if isinstance(influence := study.influence, xr.Dataset):
        drawn["sensitivity"] = partial(sensitivity_picture, influence)
    written: list[Path] = []
    problems = []
    for name, picture in drawn.items():
        try:
            written += save(printed.draw(picture()), folder / name)
        except UserError as error:
            if name != "parallel":  # no problem to report where all but one axis are constant
                problems.append(f"{name}.png, as {error}")
    return written, list(dict.fromkeys(problems))


def required_name(material: str) -> str:
    """File name, without its ending, of the map of a material's requirements.

    Parameters
    ----------
    material : str
        "" where no material was swept.

    Returns
    -------
    str
    """
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", material)
    return f"required_{plain}" if plain else "required"


def references(cited: Mapping[str, Mapping[str, Any]], folder: Path) -> Iterator[Path]:
    """Write ``references.bib``, if anything is cited.

    Parameters
    ----------
    cited : mapping of str to mapping
        Citation and DOI by key.
    folder : Path

    Yields
    ------
    Path
        Of the file.

    Raises
    ------
    UserError
        If a file of that name exists that no report wrote, such as a user's own collection.
    """
    if cited:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "references.bib"
        if path.exists() and not path.read_text("utf-8", "replace").startswith(_MARK):
            raise UserError(f"{path}, as it exists and no report wrote it: give another folder=")
        path.write_text(f"{_NOTE}\n\n{bibtex(cited)}", encoding="utf-8", errors="backslashreplace")
        yield path


def swept_numbers(study: Study) -> list[str]:
    """Names of the swept parameters that are numbers.

    Parameters
    ----------
    study : Study

    Returns
    -------
    list of str
    """
    return [name for name in study.view.varied if study.view.summary[name].dtype.kind in "fiu"]
