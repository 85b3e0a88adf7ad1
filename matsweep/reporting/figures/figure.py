"""The picture of a study: accuracy against energy, and how accuracy lasts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from matsweep.analysis.attributes import axes as swept
from matsweep.analysis.attributes import material_label, sources, states
from matsweep.analysis.summary import summarise
from matsweep.analysis.view import View
from matsweep.core.checks import UserError, one_of
from matsweep.core.units import duration
from matsweep.reporting.figures.panels import draw_cost, draw_materials, draw_time
from matsweep.reporting.figures.style import (
    BASELINE,
    FONT,
    FRONT_LINE,
    MILLIMETRE,
    WIDTH,
    Style,
    drawing,
    material_styles,
)

_COSTS = ("training_energy", "energy", "latency", "area")


def pareto_figure(
    ds: xr.Dataset,
    *,
    cost: str | None = None,
    time: float | str | None = None,
    materials: Iterable[str] | None = None,
    width: float = WIDTH,
) -> Figure:
    """Draw accuracy against a cost, and against time for the best of each material.

    Bars are one standard deviation over the realisations; the line is the Pareto front of
    these two metrics (what is attained at each cost). Over time, materials stand a little apart, so
    that equal ones do not hide each other. Colours and markers go by the names of
    all materials of the study, so that pictures of its parts agree.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`.
    cost : "training_energy", "energy", "latency" or "area", optional
        Default: the first of these that is known.
    time : float [s] or str, optional
        One of the stored times since programming. Default: the last.
    materials : names, optional
        All names that colours are shared between, for pictures of several studies.
    width : float, mm
        Of the whole figure.

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot; `save` writes it.

    Raises
    ------
    UserError
        If no candidate is done, or the results hold no accuracy.
    """
    summary = _drawable(summarise(ds, time))
    cost = _cost(summary, cost)
    names = np.asarray(_materials(summary))
    styles = material_styles({*names.tolist(), *(materials or ()), *_study_materials(ds)})
    over_time = "time" in ds.dims and ds.sizes["time"] > 1 and "time" in ds["accuracy"].dims
    with drawing(0.4, width) as figure:  # the legend decides how high it gets
        panels = figure.subplots(1, 2 if over_time else 1, squeeze=False, sharey=False)[0]
        if cost is None:
            draw_materials(panels[0], summary, names, styles)
        else:
            draw_cost(panels[0], summary, cost, names, styles)
        if over_time:
            draw_time(panels[1], ds, summary, names, styles)
        _title(panels, summary, over_time)
        _legend(figure, ds, styles, names, width, front_of=cost if len(names) > 1 else None)
    return figure


def save(figure: Figure, path: str | Path) -> tuple[Path, Path]:
    """Write a figure as PNG (300 dpi) and PDF (fonts embedded) and return both paths.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : str or Path
        With or without one of the two endings; the folder is made.
    """
    path = Path(path)
    stem = path.with_suffix("") if path.suffix.lower() in (".png", ".pdf") else path
    stem.parent.mkdir(parents=True, exist_ok=True)
    png, pdf = (stem.with_name(stem.name + ending) for ending in (".png", ".pdf"))
    figure.savefig(png, dpi=300)
    with rc_context({"pdf.fonttype": 42}):  # TrueType: text stays text, as publishers ask
        figure.savefig(pdf, dpi=300, metadata={"CreationDate": None})
    return png, pdf


def _drawable(summary: xr.Dataset) -> xr.Dataset:
    """Return the done candidates that have an accuracy."""
    if "accuracy" not in summary:
        raise UserError("the results hold no accuracy, so there is nothing to draw")
    done = states(summary) == "done"
    known = done & np.isfinite(np.asarray(summary["accuracy"].values, dtype=np.float64))
    if not known.any():
        why = "no done candidate has an accuracy" if done.any() else "no candidate is done"
        raise UserError(f"{why}, so there is nothing to draw")
    return summary.isel(candidate=np.flatnonzero(known))


def _cost(summary: xr.Dataset, cost: str | None) -> str | None:
    """Return the metric of the horizontal axis; None if the results hold no cost."""
    known = [c for c in _COSTS if c in summary and bool(np.isfinite(summary[c]).any())]
    if cost is not None:
        return one_of("cost", cost, known)
    return known[0] if known else None


def _materials(summary: xr.Dataset) -> list[str]:
    if "material" not in summary.coords:
        return ["candidates"] * summary.sizes["candidate"]
    return [str(name) for name in summary["material"].values]


def _study_materials(ds: xr.Dataset) -> set[str]:
    """Return the materials of the whole study, of which `ds` may be a part."""
    present = set(np.asarray(ds["material"].values).astype(str)) if "material" in ds.coords else ()
    return {*map(str, swept(ds).get("material") or ()), *sources(ds)["materials"], *present}


def _title(panels: NDArray[np.object_], summary: xr.Dataset, over_time: bool) -> None:
    """Letter the panels and say what each shows."""
    at = f"{duration(float(summary['time']))} after programming" if "time" in summary.coords else ""
    heads = (f"(a) {at}", "(b) best candidate of each material") if over_time else (at,)
    for panel, head in zip(panels, heads, strict=True):
        panel.set_title(head, loc="left", fontsize=FONT)


def _legend(
    figure: Figure,
    ds: xr.Dataset,
    styles: dict[str, Style],
    names: NDArray[np.str_],
    width: float,
    *,
    front_of: str | None,
) -> None:
    """Put the legend below the panels and size the figure so that both have room."""
    handles = [
        Line2D([], [], color=style.colour, marker=style.marker, markersize=4.5, linestyle="none",
               label=material_label(ds, name))
        for name, style in styles.items()
        if name in set(names.tolist())
    ]  # fmt: skip
    if front_of:
        handles.append(
            Line2D([], [], label=f"Pareto front of accuracy and {front_of}", **FRONT_LINE)
        )
    if (baseline := View(ds).reference("accuracy")) is not None:
        handles.append(Line2D([], [], label=f"float, {100 * baseline:.1f} %", **BASELINE))
    longest = max(len(str(handle.get_label())) for handle in handles)
    # At 8 pt a character takes about 1.45 mm and a handle with its gaps about 11 mm.
    columns = max(1, min(len(handles), int(width / (1.45 * longest + 11))))
    rows = -(-len(handles) // columns)
    figure.set_size_inches(width * MILLIMETRE, (68 + 4.2 * rows) * MILLIMETRE)
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=columns,
        fontsize=FONT,
        frameon=False,
        handlelength=1.8,
        columnspacing=1.4,
    )
