"""Writing a report: pictures, documents, and the summary on the terminal."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

import xarray as xr
from rich.console import Console

from matsweep.analysis.basis import cited
from matsweep.analysis.objectives import Objectives
from matsweep.core.checks import UserError
from matsweep.reporting.report import console as terminal
from matsweep.reporting.report import contents, pictures
from matsweep.reporting.report.document import Document
from matsweep.reporting.report.html import write as write_html
from matsweep.reporting.report.markdown import write as write_markdown
from matsweep.reporting.report.pdf import write as write_pdf
from matsweep.reporting.report.study import Check, studied

_WRITERS: Mapping[str, Callable[[Document, Path], Path]] = {
    "html": write_html,
    "markdown": write_markdown,
    "pdf": write_pdf,
}


def write(
    ds: xr.Dataset,
    console: Console,
    folder: Path,
    *,
    by: Objectives | None,
    top: int,
    objectives: Objectives | None,
    time: float | str | None,
    wanted: Mapping[str, bool],
    rerun: str | None,
    target: str,
    sensitivity: bool,
    check: Check | None = None,
) -> tuple[Path, ...]:
    """Write and print a report.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`.
    console : rich.console.Console
    folder : Path
    by : name, names or mapping, optional
    top : int
    objectives : names or mapping, optional
    time : float [s] or str, optional
    wanted : mapping of {"html", "markdown", "pdf"} to bool
        Documents to write.
    rerun : str, optional
    target : str
    sensitivity : bool
    check : callable, optional
        The others are parameters of `matsweep.reporting.report`.

    Returns
    -------
    tuple of Path
        The files written.
    """
    study = studied(ds, by=by, top=top, objectives=objectives, time=time, target=target,
                    sensitivity=sensitivity, check=check)  # fmt: skip
    # Written before printing: a pipe that closes after the first lines loses no file.
    written, problems = pictures.draw(study, folder)
    references = cited(study.view.ds, study.view.present(study.view.done))
    shown = {path.stem: path for path in written if path.suffix == ".png"}
    study = dataclasses.replace(study, pictures=shown, rerun=rerun or study.rerun)
    document = contents.document(study)
    refused = []
    for kind, writer in _WRITERS.items():
        if wanted[kind]:
            folder.mkdir(parents=True, exist_ok=True)
            try:
                written.append(writer(document, folder))
            except UserError as error:
                refused.append(str(error))
    try:
        written += pictures.references(references, folder)
    except UserError as error:
        refused.append(str(error))
    terminal.tell(document, console)
    terminal.tell_files(console, written, problems, refused)
    return tuple(written)
