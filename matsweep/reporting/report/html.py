"""A report as one HTML file that needs no network and no other file.

All text is escaped: the template by jinja2, data inside scripts by `_embedded`. Beyond that the
page forbids itself, by its content security policy, any script but its own and any connection.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from matsweep.core.checks import UserError
from matsweep.core.printing import printable
from matsweep.core.units import spellings
from matsweep.reporting.report.document import (
    Candidates,
    Column,
    Document,
    Figure,
    Section,
)

NAME = "report.html"
_FIRST = 25  # rows that are there without scripts


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """Progress of a study whose page is served and follows it.

    Parameters
    ----------
    revision : str
        Of the page's contents.
    total, done, failed : int
        Candidates.
    """

    revision: str
    total: int
    done: int
    failed: int

    @property
    def over(self) -> int:
        """Candidates that have an outcome."""
        return self.done + self.failed


def write(document: Document, folder: Path) -> Path:
    """Write ``report.html``.

    Parameters
    ----------
    document : Document
    folder : Path

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    UserError
        If the extra `report` is missing.
    """
    page = render(document)
    path = folder / NAME
    path.write_text(page, encoding="utf-8")
    return path


def render(document: Document, live: Live | None = None) -> str:
    """Render the page of a report.

    Parameters
    ----------
    document : Document
    live : Live, optional
        Progress, for a page that is served: it polls ``state`` next to it, shows the progress,
        and reloads itself when the study has changed.

    Returns
    -------
    str
        HTML.

    Raises
    ------
    UserError
        If plotly or jinja2 is missing.
    """
    try:
        from jinja2 import Environment
        from markupsafe import Markup
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise UserError(
            f"{NAME}, as it needs plotly and jinja2: pip install 'matsweep[report]'"
        ) from None

    def shown(value: Any) -> Any:
        return value if isinstance(value, Markup) else printable(value)

    environment = Environment(autoescape=True, finalize=shown, trim_blocks=True, lstrip_blocks=True)
    environment.tests["of"] = lambda block, kind: type(block).__name__ == kind
    # A script ends at the first "</script", also inside a string of JavaScript.
    plotly = get_plotlyjs() if _plots(document) else ""
    scripts = [code.replace("</script", "<\\/script") for code in (plotly, _own("page.js")) if code]
    return environment.from_string(_own("page.html")).render(
        document=document,
        sections=[(_anchor(section, number), section)
                  for number, section in enumerate(document.sections)],
        live=live,
        policy=_policy(scripts, live),
        style=Markup(_own("page.css")),
        scripts=[Markup(code) for code in scripts],
        plot=lambda figure: Markup(_embedded(figure.plot)),
        picture=_picture,
        table=lambda block: Markup(_embedded(_data(block))),
        shown=[column.main for column in _columns(document)],
        first=_FIRST,
        zip=zip,
    )  # fmt: skip


def _own(name: str) -> str:
    return (files("matsweep.reporting.report") / name).read_text(encoding="utf-8")


def _policy(scripts: Sequence[str], live: Live | None) -> str:
    """Content security policy: these scripts and no others, and no connections."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"
        for code in scripts
    )
    connect = "'none'" if live is None else "'self'"
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        f"img-src data: blob:; connect-src {connect}; base-uri 'none'; form-action 'none'"
    )


def _embedded(value: Any) -> str:
    """JSON that is safe inside a script element, whatever texts it holds."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _data(block: Candidates) -> dict[str, Any]:
    """Convert the table to data for the page's script."""
    columns = block.columns
    return {
        "columns": [
            {"name": printable(c.name), "label": printable(c.label), "about": printable(c.about),
             "unit": printable(c.unit), "better": c.better, "main": c.main}
            for c in columns
        ],
        "values": [[_plain(value) for value in c.values] for c in columns],
        "texts": [[printable(text) for text in c.texts] for c in columns],
        "units": {
            printable(c.unit): {printable(name): by for name, by in spellings(c.unit).items()}
            for c in columns
            if c.unit
        },
    }  # fmt: skip


def _plain(value: float | str | None) -> float | str | None:
    if isinstance(value, str):
        return printable(value)
    return None if value is None or not math.isfinite(value) else value


def _picture(figure: Figure) -> str:
    """Address that holds a PNG."""
    if figure.picture is None:
        raise ValueError(f"figure {figure.name} has neither a plot nor a picture")
    return "data:image/png;base64," + base64.b64encode(figure.picture.read_bytes()).decode()


def _anchor(section: Section, number: int) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", section.title.lower()).strip("-")
    return f"{words or 'section'}-{number + 1}"


def _columns(document: Document) -> tuple[Column, ...]:
    for section in document.sections:
        for block in section.blocks:
            if isinstance(block, Candidates):
                return block.columns
    return ()


def _plots(document: Document) -> bool:
    return any(
        isinstance(block, Figure) and block.plot is not None
        for section in document.sections
        for block in section.blocks
    )
