"""The report of a study: on a terminal, and as HTML, Markdown and PDF, with pictures.

`contents` builds a `document`; `console`, `html`, `markdown` and `pdf` render it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr
    from rich.console import Console

    from matsweep.analysis.objectives import Objectives
    from matsweep.reporting.report.study import Check

__all__ = ["report"]


def report(
    ds: xr.Dataset,
    console: Console,
    folder: str | Path,
    *,
    by: Objectives | None = None,
    top: int = 10,
    objectives: Objectives | None = None,
    time: float | str | None = None,
    html: bool = True,
    markdown: bool = False,
    pdf: bool = False,
    rerun: str | None = None,
    target: str = "",
    sensitivity: bool = False,
    check: Check | None = None,
) -> tuple[Path, ...]:
    """Print the report of a study, save its pictures, and write it as a document.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`, finished or not.
    console : rich.console.Console
    folder : str or Path
        Folder for ``pareto.png``, ``pareto.pdf`` and ``references.bib``, with a breakdown of
        the energy also ``energy``, of a study of physics or of training also ``tradeoff``, and
        each metric along its own coordinate by its name; it is created.
    by : name, names or mapping, optional
        Metrics to rank by, see `ranking_table`.
    top : int
        Number of best candidates listed.
    objectives : names or mapping, optional
        Objectives of the Pareto set, see `ranking_table`.
    time : float [s] or str, optional
        One of the stored times. Default: the last.
    html : bool
        Whether to write ``report.html``: one file that needs no network. Needs the extra `report`;
        where it is missing, the console reports that, and the rest is written.
    markdown : bool
        Whether to write ``report.md``.
    pdf : bool
        Whether to write ``report.pdf``. Needs the extra `report`, too.
    rerun : str, optional
        Command that computes failed candidates again. Default: from the results' attributes.
    target : str
        A constraint on a metric, such as ``accuracy >= 95 %``, whose device requirements are
        reported; empty: none.
    sensitivity : bool
        Whether to report the most influential parameters; needs the extra `sensitivity`, and half
        a minute.

    check : callable, optional
        Checks the regions that meet the target: it takes requirements by material and returns, by
        material, the results of new candidates at their edges.

    Returns
    -------
    tuple of Path
        The files written.

    Raises
    ------
    UserError
        If a metric or the time is unknown.
    """
    # Imported on use, so that a command line starts faster.
    from matsweep.reporting.report.write import write

    return write(
        ds, console, Path(folder), by=by, top=top, objectives=objectives, time=time,
        wanted={"html": html, "markdown": markdown, "pdf": pdf}, rerun=rerun,
        target=target, sensitivity=sensitivity, check=check,
    )  # fmt: skip
