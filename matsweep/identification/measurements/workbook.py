"""Sheets of Excel workbooks as rows of text."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from matsweep.core.checks import UserError, near
from matsweep.core.files import MOST_BYTES, read_content
from matsweep.core.printing import brief, listed, shown
from matsweep.core.tables import Row, bounded

SUFFIXES = (".xlsx", ".xlsm", ".xls")
_STREAMED = "xl/worksheets/"  # parts that are read row by row
_MOST_WHOLE = 2**27  # bytes of those that are read whole, such as texts


def sheets(path: Path, sheet: str | None = None) -> Iterator[tuple[str, list[Row]]]:
    """Yield the rows of a workbook's sheets; empty rows are left out.

    Parameters
    ----------
    path : Path
        `.xlsx` or `.xlsm`; needs the extra `xlsx`.
    sheet : str or None
        Name of the only one wanted.

    Yields
    ------
    tuple of (str, list of Row)
        File and sheet, for messages; values of cells as text, as if they had no format.

    Raises
    ------
    UserError
        If the extra is missing, or the file or the sheet cannot be read.
    """
    if path.suffix.lower() == ".xls":
        raise UserError(f"{path} is a workbook of Excel 97: save it as .xlsx or CSV")
    try:
        import openpyxl
    except ImportError:
        raise UserError(
            f"{path} needs the extra xlsx: pip install 'matsweep[xlsx]', or save it as CSV"
        ) from None
    book = _opened(openpyxl.load_workbook, path)
    try:
        if sheet is not None and sheet not in book.sheetnames:
            raise UserError(
                f"{path} has no sheet {shown(sheet)}{near(sheet, book.sheetnames)} (there are "
                f"{listed(book.sheetnames)})"
            )
        for name in book.sheetnames if sheet is None else [sheet]:
            where = f"{path} [{brief(name)}]"
            rows = [row for row in bounded(_rows(book[name], path), where) if any(row.cells)]
            yield where, rows
    finally:
        book.close()


def _opened(load: Callable[..., Any], path: Path) -> Any:
    """Open a workbook whose unpacked parts memory holds."""
    try:
        content = io.BytesIO(read_content(path))
        with zipfile.ZipFile(content) as parts:
            sizes = {part.filename: part.file_size for part in parts.infolist()}
    except (zipfile.BadZipFile, ValueError, EOFError):
        raise _no_workbook(path) from None
    except OSError as problem:
        raise UserError(f"{path} cannot be read: {problem.strerror or problem}") from None
    whole = sum(size for name, size in sizes.items() if not name.startswith(_STREAMED))
    for size, most in ((sum(sizes.values()), MOST_BYTES), (whole, _MOST_WHOLE)):
        if size > most:
            raise UserError(
                f"{path} cannot be read: unpacked it has {size / 2**20:.0f} MiB, the most are "
                f"{most / 2**20:.0f}: save the sheet as CSV"
            )
    try:
        return load(content, read_only=True, data_only=True)
    except Exception:  # openpyxl checks little, and fails in as many ways as files are damaged
        raise _no_workbook(path) from None


def _rows(sheet: Any, path: Path) -> Iterator[Row]:
    """Yield the rows of a sheet; its stated size is not believed, as it may be any."""
    try:
        if not hasattr(sheet, "reset_dimensions"):  # a sheet of charts
            return
        sheet.reset_dimensions()
        for line, values in enumerate(sheet.iter_rows(values_only=True), 1):
            yield Row(line, [_text(value) for value in values])
    except Exception:  # as above: rows are parsed when they are asked for
        raise _no_workbook(path) from None


def _no_workbook(path: Path) -> UserError:
    return UserError(f"{path} cannot be read: it is no workbook of Excel, or is damaged")


def _text(value: Any) -> str:
    """Return a cell's value as text: 3.0 is "3", so that whole numbers stay whole."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return "" if value is None else " ".join(str(value).split())
