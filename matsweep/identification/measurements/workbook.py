"""Sheets of Excel workbooks as rows of text."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matsweep.core.checks import UserError, near
from matsweep.core.files import check_plain
from matsweep.core.tables import Row

SUFFIXES = (".xlsx", ".xlsm", ".xls")


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
    try:
        check_plain(path)
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except OSError as problem:
        raise UserError(f"{path} cannot be read: {problem.strerror or problem}") from None
    except (KeyError, ValueError, SyntaxError, zipfile.BadZipFile):
        raise UserError(f"{path} cannot be read: it is no workbook of Excel") from None
    try:
        if sheet is not None and sheet not in book.sheetnames:
            raise UserError(
                f"{path} has no sheet {sheet!r}{near(sheet, book.sheetnames)} (there are "
                f"{', '.join(book.sheetnames)})"
            )
        for name in book.sheetnames if sheet is None else [sheet]:
            rows = (
                Row(line, [_text(value) for value in values])
                for line, values in enumerate(book[name].iter_rows(values_only=True), 1)
            )
            yield f"{path} [{name}]", [row for row in rows if any(row.cells)]
    finally:
        book.close()


def _text(value: Any) -> str:
    """Return a cell's value as text: 3.0 is "3", so that whole numbers stay whole."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return "" if value is None else " ".join(str(value).split())
