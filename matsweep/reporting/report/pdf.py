"""A report as PDF, for print and mail."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matsweep.core.checks import UserError
from matsweep.core.printing import printable
from matsweep.reporting.report.document import (
    Block,
    Candidates,
    Code,
    Document,
    Facts,
    Figure,
    Item,
    Items,
    Paragraph,
    Table,
)

if TYPE_CHECKING:
    from fpdf import FPDF

NAME = "report.pdf"
_SANS, _MONO = "DejaVu", "DejaVuMono"
_TEXT, _TABLE, _CODE, _FOLDED = 9.5, 7.0, 7.0, 5.5  # pt
_INK, _SOFT = 26, 89  # grey levels
_BLUE = (0, 86, 138)


def write(document: Document, folder: Path) -> Path:
    """Write ``report.pdf``.

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
    try:
        from fpdf import FPDF
    except ImportError:
        raise UserError(f"{NAME}, as it needs fpdf2: pip install 'matsweep[report]'") from None

    class Pages(FPDF):
        """Pages with their numbers."""

        def footer(self) -> None:
            """Print the number of a page."""
            self.set_y(-12)
            _pen(self, 8, grey=_SOFT)
            self.cell(0, 5, f"{self.page_no()} / {{nb}}", align="C")

    pages = Pages(format="A4")
    pages.set_margin(18)
    pages.set_auto_page_break(auto=True, margin=18)
    pages.set_title(printable(document.title))
    _add_fonts(pages)
    pages.add_page()
    _write(pages, document.title, 18, style="B", height=8)
    _write(pages, document.state, _TEXT, grey=_SOFT)
    for section in document.sections:
        pictured = isinstance(section.blocks[0], Figure)
        if pages.will_page_break(100 if pictured else 30):
            pages.add_page()
        pages.ln(4)
        _heading(pages, section.title)
        for block in section.blocks:
            _block(pages, block)
            pages.ln(1.5)
    path = folder / NAME
    pages.output(str(path))
    return path


def _add_fonts(pages: FPDF) -> None:
    """Use the fonts that matplotlib brings: they have µ, Ω, ², ± and →."""
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for family, style, name in (
        (_SANS, "", "DejaVuSans"), (_SANS, "B", "DejaVuSans-Bold"), (_MONO, "", "DejaVuSansMono"),
    ):  # fmt: skip
        pages.add_font(family, style, folder / f"{name}.ttf")


def _heading(pages: FPDF, title: str) -> None:
    _pen(pages, 13, style="B")
    pages.start_section(printable(title))
    _write(pages, title, 13, style="B", height=7)


def _block(pages: FPDF, block: Block) -> None:
    match block:
        case Paragraph():
            _write(pages, block.text, _TEXT, style="B" if block.notice else "")
        case Facts():
            _table(pages, None, block.items, _TEXT, widths=(32, 68))
        case Items():
            for item in block.items:
                _item(pages, item)
        case Table():
            _table(pages, block.headings, block.rows, _TABLE)
        case Code():
            _code(pages, block)
        case Figure():
            _figure(pages, block)
        case Candidates():
            if block.ranking.rows:
                headings = [name or "#" for name in block.ranking.rows[0]]
                rows = [list(row.values()) for row in block.ranking.rows]
                _table(pages, headings, rows, _TABLE)
            for line in block.ranking.footer:
                _write(pages, line, 8.5, grey=_SOFT)


def _table(
    pages: FPDF,
    headings: Sequence[str] | None,
    rows: Sequence[Sequence[str]],
    size: float,
    widths: Sequence[float] | None = None,
) -> None:
    _pen(pages, size)
    shares = _widths(pages, headings, rows) if widths is None else widths
    with pages.table(
        borders_layout="NONE" if headings is None else "HORIZONTAL_LINES",
        col_widths=tuple(shares), first_row_as_headings=headings is not None,
        line_height=size * 0.5, text_align="LEFT", padding=(0.4, 0.6), width=int(pages.epw),
    ) as table:  # fmt: skip
        for cells in ([headings] if headings is not None else []) + list(rows):
            row = table.row()
            for cell in cells:
                row.cell(_shown(cell))


def _widths(
    pages: FPDF, headings: Sequence[str] | None, rows: Sequence[Sequence[str]]
) -> list[float]:
    """Relative widths of columns, with an upper bound for long texts."""
    every = [*rows, *([headings] if headings is not None else [])]
    widest = [max(pages.get_string_width(_shown(c)) for c in column)
              for column in zip(*every, strict=True)]  # fmt: skip
    return [min(1.1 * width, 60.0) + 3.0 for width in widest]  # headings are bold


def _figure(pages: FPDF, block: Figure) -> None:
    if block.picture is None:
        return
    if pages.will_page_break(95):
        pages.add_page()
    _write(pages, block.title, _TEXT, style="B")
    pages.image(str(block.picture), w=pages.epw, alt_text=printable(block.said))
    pages.ln(2)


def _code(pages: FPDF, block: Code) -> None:
    """Print code; foldable code small and in two columns."""
    if not block.summary:
        _write(pages, block.text, _CODE, family=_MONO, height=3.4)
        return
    _write(pages, block.summary, _TEXT)
    _pen(pages, _FOLDED, family=_MONO)
    with pages.text_columns(ncols=2, gutter=6, line_height=1.15, text_align="LEFT") as columns:
        columns.write(_shown(block.text))


def _item(pages: FPDF, item: Item) -> None:
    _pen(pages, _TEXT)
    pages.write(4.8, f"• {_shown(item.text)}" + (". " if item.link else ""))
    if item.link is not None:
        pages.set_text_color(*_BLUE)
        pages.write(4.8, _shown(item.link.text), item.link.address)
    if item.code:
        pages.set_font(_MONO, "", _TEXT - 1)
        pages.write(4.8, f" {_shown(item.code)}")
    pages.ln(5.4)


def _write(
    pages: FPDF,
    text: str,
    size: float,
    *,
    style: str = "",
    family: str = _SANS,
    height: float = 4.8,
    grey: int = _INK,
) -> None:
    _pen(pages, size, style=style, family=family, grey=grey)
    pages.multi_cell(0, height, _shown(text), align="L", new_x="LMARGIN", new_y="NEXT")


def _pen(
    pages: FPDF, size: float, *, style: str = "", family: str = _SANS, grey: int = _INK
) -> None:
    pages.set_font(family, style, size)
    pages.set_text_color(grey)


def _shown(text: str) -> str:
    return printable(text).replace("\t", "    ")
