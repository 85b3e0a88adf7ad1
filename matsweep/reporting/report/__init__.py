"""The report of a study: on a terminal, and as HTML, Markdown and PDF, with pictures.

`contents` says what is in it, as a `document`; `console`, `html`, `markdown` and `pdf` render that.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr
    from rich.console import Console

    from matsweep.analysis.objectives import Objectives

__all__ = ["report"]


def report(
    ds: xr.Dataset,
    console: Console,
    folder: str | Path,
    *,
    by: Objectives | None = None,
    top: int = 20,
    objectives: Objectives | None = None,
    time: float | str | None = None,
    html: bool = True,
    markdown: bool = False,
    pdf: bool = False,
    rerun: str | None = None,
    target: str = "",
    sensitivity: bool = False,
) -> tuple[Path, ...]:
    """Print the report of a study, save its pictures, and write it as a document.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`, finished or not.
    console : rich.console.Console
        Where to print.
    folder : str or Path
        Where to save ``pareto.png``, ``pareto.pdf`` and ``references.bib``, with a breakdown of
        the energy also ``energy``, of a study of physics or of training also ``tradeoff``, and each
        metric along a coordinate of its own by its name; it is made.
    by, top, objectives, time
        As in `ranking_table`.
    html, markdown, pdf : bool
        Whether to write ``report.html`` (one file that needs no network), ``report.md`` and
        ``report.pdf``. HTML and PDF need the extra `report`; where it is missing, the console says
        so, and the rest is written.
    rerun : str, optional
        Command that computes again what failed. Default: from the results' attributes.
    target : str
        A constraint on a metric, such as ``accuracy >= 95 %``: what devices must be like for it.
    sensitivity : bool
        Whether to say which parameters decide; needs the extra `sensitivity`, and half a minute.

    Returns
    -------
    tuple of Path
        What was written.

    Raises
    ------
    UserError
        If a metric or the time is unknown.
    """
    # What computes and draws is imported when it is used: a command line starts faster.
    from matsweep.reporting.report.write import write

    return write(
        ds, console, Path(folder), by=by, top=top, objectives=objectives, time=time,
        wanted={"html": html, "markdown": markdown, "pdf": pdf}, rerun=rerun,
        target=target, sensitivity=sensitivity,
    )  # fmt: skip
