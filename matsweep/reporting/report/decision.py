"""Sections that help to decide: certainty of the ranking, requirements, and sensitivity."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from matsweep.analysis.conditional import Conditional
from matsweep.analysis.influence import in_words
from matsweep.analysis.settled import NONE
from matsweep.analysis.stability import stability_of
from matsweep.core.checks import UserError
from matsweep.core.units import rounded
from matsweep.reporting.choice import between, counted, undecided
from matsweep.reporting.figures.conditional_map import conditional_picture
from matsweep.reporting.figures.labels import capital
from matsweep.reporting.figures.requirement_map import requirement_picture
from matsweep.reporting.figures.sensitivity_bars import sensitivity_picture
from matsweep.reporting.report.document import Block, Item, Items, Paragraph, Section, Table
from matsweep.reporting.report.figures import figure
from matsweep.reporting.report.pictures import required_name
from matsweep.reporting.report.study import Study


def certainty(study: Study) -> Section | None:
    """Probability of each material to be the best, where there are several.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Section or None
    """
    if len(study.view.present(study.view.done)) < 2 or not study.by:
        return None
    name = next(iter(study.by))
    try:
        stability = stability_of(study.view, name)
    except UserError as error:
        text = f"The certainty of the order of the materials is unknown: {error}."
        return Section(title="How sure is that?", blocks=(Paragraph(text=text),), terminal=True)
    known = stability.attrs["unknowns"] != NONE
    rows = tuple(
        (
            str(row["option"].values),
            *([f"{float(row['best_on_average']):.2f}"] if known else []),
            between(row),
            _ranks(int(row["rank_low"]), int(row["rank_high"])),
            str(int(row["candidate"])),
        )
        for row in (stability.isel(option=at) for at in range(stability.sizes["option"]))
    )
    tied = undecided(stability)
    best = ("best on average", "best once known") if known else ("best with probability",)
    headings = ("material", *best, "rank (95 %)", "no.")
    basis = (
        f"By {name}, from {stability.attrs['samples']:,} bootstrap samples of the realisations, "
        "the same for each material's best candidate. Errors of the model itself are not counted. "
        "This compares the materials' best candidates alone; = in the table compares all at "
        "once, which leaves more of them tied than a comparison of two alone."
    )
    if known:
        basis = f"{counted(stability)} {basis}"
    texts = [tied, basis] if tied else [basis]
    blocks: tuple[Block, ...] = (
        Table(headings=headings, rows=rows), *(Paragraph(text=text) for text in texts)
    )  # fmt: skip
    return Section(title="How sure is that?", blocks=blocks, terminal=True)


def _ranks(low: int, high: int) -> str:
    return f"{low} to {high}" if low != high else str(low)


def required(study: Study) -> Section | None:
    """State the requirements on devices for the target, if one was given.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Section or None
    """
    if not study.target:
        return None
    blocks = tuple(_required(study))
    return Section(title=f"What is required for {study.target}", blocks=blocks, terminal=True)


def _required(study: Study) -> Iterator[Block]:
    for number, (material, requirements) in enumerate(study.required.items()):
        if material:
            yield Paragraph(text=f"{material}:")
        saved, name = study.pictures.get(required_name(material)), f"required_{number}"
        if isinstance(requirements, UserError):
            yield Paragraph(text=f"Unknown: {requirements}.")
        elif isinstance(requirements, Conditional):
            yield Items(items=tuple(Item(text=line) for line in requirements.lines()))
            yield figure(conditional_picture(requirements, name=name), saved)
            for condition, each in zip(requirements.conditions, requirements.required, strict=True):
                yield Paragraph(text=f"{capital(condition.words)}:")
                yield Items(items=tuple(Item(text=line) for line in each.specification()))
        else:
            yield Items(items=tuple(Item(text=line) for line in requirements.specification()))
            picture = requirement_picture(
                requirements, name=name, materials=study.view.all_materials
            )
            yield figure(picture, saved)


def matters(study: Study) -> Section | None:
    """Most influential parameters, if they were asked for.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Section or None
    """
    indices = study.influence
    if indices is None:
        return None
    if isinstance(indices, UserError):
        name = next(iter(study.by), study.view.merit)
        blocks: tuple[Block, ...] = (Paragraph(text=f"Unknown: {indices}."),)
    else:
        name = str(indices.attrs["metric"])
        bars = figure(sensitivity_picture(indices), study.pictures.get("sensitivity"))
        texts = (_method(indices), *in_words(indices))
        blocks = (_indices(indices), *(Paragraph(text=text) for text in texts), bars)
    return Section(title=f"What decides {name}", blocks=blocks, terminal=True)


def _indices(indices: xr.Dataset) -> Table:
    """Table of the indices along `parameter`, each with half its interval where it has one."""
    names = [
        str(name)
        for name, values in indices.data_vars.items()
        if values.dims == ("parameter",) and not str(name).endswith("_conf")
    ]
    rows = tuple(
        (str(parameter), str(over), *(_index(indices, name, number) for name in names))
        for number, (parameter, over) in enumerate(
            zip(indices["parameter"].values, indices["over"].values, strict=True)
        )
    )
    return Table(headings=("parameter", "from … to", *names), rows=rows)


def _index(indices: xr.Dataset, name: str, number: int) -> str:
    value = indices[name].values[number]
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    half = f"{name}_conf"
    error = float(indices[half].values[number]) if half in indices else 0.0
    return rounded(float(value), error) if error > 0 else f"{value:.2f}"


def _method(indices: xr.Dataset) -> str:
    r2 = indices.attrs.get("r2")
    fit = (
        f"; the fit explains unseen candidates with r2 = {float(r2):.2f}" if r2 is not None else ""
    )
    return f"Method: {indices.attrs.get('method', 'unknown')}{fit}."
