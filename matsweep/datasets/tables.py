"""Samples in a user's own tables: NPZ and CSV files."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matsweep.core.checks import UserError, whole
from matsweep.core.tables import Row, finite_number, read_rows
from matsweep.datasets.dataset import Samples, Split, as_table


@dataclass(frozen=True, kw_only=True)
class NPZ(Split, kind="npz"):
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
        try:
            with np.load(self.path, allow_pickle=False) as kept:
                inputs, labels = kept["inputs"], kept["labels"]
        except KeyError as problem:
            raise UserError(
                f"path: {self.path} must hold arrays named inputs and labels: {problem}"
            ) from None
        except OSError as problem:
            raise UserError(f"path: {self.path} cannot be read as NPZ: {problem}") from None
        except (ValueError, TypeError, zipfile.BadZipFile):
            # NumPy's own words would advise to unpickle it.
            raise UserError(
                f"path: {self.path} cannot be read as NPZ: it is another kind of file, is damaged, "
                "or holds objects instead of numbers (write it with numpy.savez)"
            ) from None
        return self.split(as_table("path", inputs, labels), labels)


@dataclass(frozen=True, kw_only=True)
class CSV(Split, kind="csv"):
    """A table of numbers, one sample per row, with the class in one column.

    Parameters
    ----------
    path : str
    label_column : int
        Column of the class; -1: last.
    header : int
        Lines to leave out at the top, by default one; they must not be samples.
    """

    path: str
    label_column: int = -1
    header: int = 1

    def check(self) -> None:
        """Refuse parameters out of their range."""
        super().check()
        whole("label_column", self.label_column, low=-(2**31), high=2**31 - 1)
        whole("header", self.header, low=0)

    def files(self) -> dict[str, Path]:
        """Return the file."""
        return {"path": Path(self.path)}

    def read(self) -> Samples:
        """Read the samples, split."""
        lines = read_rows(self.path, owner="path")
        for at, row in lines[: self.header]:
            if all(finite_number(cell) is not None for cell in row):
                raise UserError(
                    f"header: line {at} of {self.path} holds numbers only, so a sample would "
                    f"be left out; give header={self.header - 1} if it is one"
                )
        return self._samples(lines[self.header :])

    def _samples(self, lines: list[Row]) -> Samples:
        """Convert rows to samples; each row has the number of its line."""
        if not lines:
            raise UserError(f"path: {self.path} holds no samples")
        width = len(lines[0][1])
        column = whole("label_column", self.label_column, low=-width, high=width - 1) % width
        inputs, labels = np.empty((len(lines), width - 1)), []
        for place, (at, row) in enumerate(lines):
            if len(row) != width:
                raise UserError(
                    f"path: {self.path}, line {at}: {width} columns are expected, got {len(row)}"
                )
            labels.append(row[column].strip())
            others = [(n, cell) for n, cell in enumerate(row) if n != column]
            for to, (n, cell) in enumerate(others):
                value = finite_number(cell)
                if value is None:
                    raise UserError(
                        f"path: {self.path}, line {at}: column {n} must be a finite number, "
                        f"got {cell!r}"
                    )
                inputs[place, to] = value
        return self.split(inputs, np.array(labels))
