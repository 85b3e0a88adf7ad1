"""Writing a report: pictures, documents, and what is said of them."""

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
from matsweep.reporting.report.study import studied

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
) -> tuple[Path, ...]:
    """Write and print a report; `matsweep.reporting.report` has the parameters."""
    study = studied(ds, by=by, top=top, objectives=objectives, time=time, target=target,
                    sensitivity=sensitivity)  # fmt: skip
    # Written before anything is printed: whoever reads the first lines only has them all the same.
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
