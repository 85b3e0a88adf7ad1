"""Sections that help to decide: how sure the ranking is, what is required, and what matters."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from matsweep.analysis.stability import stability_of
from matsweep.core.checks import UserError
from matsweep.reporting.figures.requirement_map import requirement_picture
from matsweep.reporting.figures.sensitivity_bars import sensitivity_picture
from matsweep.reporting.report.document import Block, Item, Items, Paragraph, Section, Table
from matsweep.reporting.report.figures import figure
from matsweep.reporting.report.pictures import required_name
from matsweep.reporting.report.study import Study


def certainty(study: Study) -> Section | None:
    """Say how probably each material is the best, where there are several."""
    if len(study.view.present(study.view.done)) < 2 or not study.by:
        return None
    name = next(iter(study.by))
    try:
        found = stability_of(study.view, name)
    except UserError as error:
        text = f"How sure the order of the materials is, is not known: {error}."
        return Section(title="How sure is that?", blocks=(Paragraph(text=text),), terminal=True)
    rows = tuple(
        (str(option), f"{share:.2f}", f"{low} to {high}" if low != high else str(low), str(number))
        for option, share, low, high, number in zip(
            found["option"].values, found["best"].values, found["rank_low"].values,
            found["rank_high"].values, found["candidate"].values, strict=True,
        )
    )  # fmt: skip
    headings = ("material", "best with probability", "rank (95 %)", "no.")
    told = (
        f"By {name}, from {found.attrs['samples']:,} bootstrap samples of the realisations of each "
        "material's best candidate. What the model does not know is not counted."
    )
    blocks: tuple[Block, ...] = (Table(headings=headings, rows=rows), Paragraph(text=told))
    return Section(title="How sure is that?", blocks=blocks, terminal=True)


def required(study: Study) -> Section | None:
    """Say what devices must be like for the target, if one was given."""
    if not study.target:
        return None
    blocks = tuple(_required(study))
    return Section(title=f"What is required for {study.target}", blocks=blocks, terminal=True)


def _required(study: Study) -> Iterator[Block]:
    for number, (material, found) in enumerate(study.required.items()):
        if material:
            yield Paragraph(text=f"{material}:")
        if isinstance(found, UserError):
            yield Paragraph(text=f"Not to be said: {found}.")
        else:
            yield Items(items=tuple(Item(text=line) for line in found.specification()))
            picture = requirement_picture(found, name=f"required_{number}")
            yield figure(picture, study.pictures.get(required_name(material)))


def matters(study: Study) -> Section | None:
    """Say which parameters decide, if that was asked for."""
    found = study.influence
    if found is None:
        return None
    if isinstance(found, UserError):
        name = next(iter(study.by), study.view.merit)
        blocks: tuple[Block, ...] = (Paragraph(text=f"Not to be said: {found}."),)
    else:
        name = str(found.attrs["metric"])
        bars = figure(sensitivity_picture(found), study.pictures.get("sensitivity"))
        blocks = (_indices(found), Paragraph(text=_method(found)), bars)
    return Section(title=f"What decides {name}", blocks=blocks, terminal=True)


def _indices(found: xr.Dataset) -> Table:
    """Return the indices along `parameter`, each with half its interval where it has one."""
    names = [
        str(name)
        for name, values in found.data_vars.items()
        if values.dims == ("parameter",) and not str(name).endswith("_conf")
    ]
    rows = tuple(
        (str(parameter), *(_index(found, name, number) for name in names))
        for number, parameter in enumerate(found["parameter"].values)
    )
    return Table(headings=("parameter", *names), rows=rows)


def _index(found: xr.Dataset, name: str, number: int) -> str:
    value = found[name].values[number]
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    half = f"{name}_conf"
    error = f" ± {found[half].values[number]:.2f}" if half in found else ""
    return f"{value:.2f}{error}"


def _method(found: xr.Dataset) -> str:
    r2 = found.attrs.get("r2")
    fit = (
        f"; the fit explains unseen candidates with r2 = {float(r2):.2f}" if r2 is not None else ""
    )
    return f"Method: {found.attrs.get('method', 'not told')}{fit}."
