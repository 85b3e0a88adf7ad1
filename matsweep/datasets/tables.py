"""Samples in a user's own tables: NPZ and CSV files."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matsweep.core.checks import UserError, whole
from matsweep.core.tables import Row, finite_number, read_rows
from matsweep.datasets.dataset import Samples, as_numbers
from matsweep.datasets.files import read_bytes
from matsweep.datasets.scaling import Scaled
from matsweep.datasets.split import Split

_DAMAGE = (zipfile.BadZipFile, zlib.error)
_WRITTEN = "write it with numpy.savez(PATH, inputs=(sample, …) array, labels=(sample,) array)"


@dataclass(frozen=True, kw_only=True)
class NPZ(Scaled, Split, kind="npz"):
    """An NPZ file with `inputs` (sample, …) and `labels` (sample,); never unpickled.

    Parameters
    ----------
    path : str
    """

    path: str

    def files(self) -> dict[str, Path]:
        """Return the file."""
        return {"path": Path(self.path)}

    def read(self) -> Samples:
        """Read the samples, split."""
        content = io.BytesIO(read_bytes("path", Path(self.path)))
        try:
            with np.load(content, allow_pickle=False) as kept:
                arrays = {name: kept[name] for name in ("inputs", "labels") if name in kept}
                there = ", ".join(kept) or "none"
        except (OSError, ValueError, TypeError, EOFError, RuntimeError, *_DAMAGE):
            # NumPy's own words would advise to unpickle it.
            raise UserError(
                f"path must name an NPZ file of numbers, got {self.path}, which is another kind of "
                f"file, is damaged, or holds objects: {_WRITTEN}"
            ) from None
        if len(arrays) < 2:
            raise UserError(
                f"path must name an NPZ file with arrays inputs and labels, got {self.path} with "
                f"{there}: {_WRITTEN}"
            )
        inputs, labels = arrays["inputs"], arrays["labels"]
        return self.split("path", as_numbers("path", inputs, labels), labels)


@dataclass(frozen=True, kw_only=True)
class CSV(Scaled, Split, kind="csv"):
    """A table of numbers, one sample per row, with the class in one column.

    Parameters
    ----------
    path : str
    label_column : int
        Column of the class; -1: last.
    header : int
        Lines to leave out at the top, by default one; they must not be samples.
    scaling : "column", "global", "none" or None
        As `Scaled` describes; by default each column has its own range.
    """

    path: str
    scaling: str | None = "column"
    label_column: int = -1
    header: int = 1

    def check(self) -> None:
        """Refuse parameters out of their range."""
        super().check()
        if isinstance(self.label_column, str):
            raise UserError(
                "label_column must be the number of the column of the class, from 0, or -1 for the "
                f"last one, got {self.label_column!r}"
            )
        whole("label_column", self.label_column, low=-(2**31), high=2**31 - 1)
        whole("header", self.header, low=0)

    def files(self) -> dict[str, Path]:
        """Return the file."""
        return {"path": Path(self.path)}

    def read(self) -> Samples:
        """Read the samples, split."""
        read_bytes("path", Path(self.path))  # says more where there is no such file
        lines = read_rows(self.path, owner="path")
        for number, (at, row) in enumerate(lines[: self.header]):
            if all(finite_number(cell) is not None for cell in row):
                raise UserError(
                    f"header must be the number of lines above the samples, got {self.header}, but "
                    f"line {at} of {self.path} holds numbers only; give header={number} "
                    "if it is a sample"
                )
        return self._samples(lines[self.header :])

    def _samples(self, lines: list[Row]) -> Samples:
        """Convert rows to samples; each row has the number of its line."""
        if not lines:
            raise UserError(
                f"path must name a table with samples, got {self.path} with none below "
                f"header={self.header} lines"
            )
        width = len(lines[0].cells)
        if width < 2:
            raise UserError(
                f"path must name a table of inputs and a class, got {self.path} with one column: "
                "separate columns by commas"
            )
        column = whole("label_column", self.label_column, low=-width, high=width - 1) % width
        inputs, labels = np.empty((len(lines), width - 1)), []
        for place, (at, row) in enumerate(lines):
            if len(row) != width:
                raise UserError(
                    f"path must name a table with as many cells in each row, got {len(row)} for "
                    f"{width} in line {at} of {self.path}: complete the row, or leave it out"
                )
            labels.append(row[column])
            others = [(n, cell) for n, cell in enumerate(row) if n != column]
            for to, (n, cell) in enumerate(others):
                value = finite_number(cell)
                if value is None:
                    raise UserError(
                        f"path must name a table of finite numbers, got {cell!r} in line {at}, "
                        f"column {n} of {self.path}: give header=LINES to leave out a heading, "
                        "label_column=NUMBER for the class, or leave the row out"
                    )
                inputs[place, to] = value
        return self.split("path", inputs, np.array(labels))
