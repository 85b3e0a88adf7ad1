"""Samples in a user's own tables: NPZ and CSV files."""

from __future__ import annotations

import io
import itertools
import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from matsweep.core.checks import UserError, whole
from matsweep.core.printing import listed, shown
from matsweep.core.streams import FloatArray
from matsweep.core.tables import Row, finite_number, iterate_rows, read_text
from matsweep.datasets.dataset import Samples, as_numbers
from matsweep.datasets.files import MOST_UNPACKED, read_bytes
from matsweep.datasets.scaling import Scaled
from matsweep.datasets.split import Split

_LONGEST = 200  # characters of the name of a class
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
            with zipfile.ZipFile(content) as members:
                names = [name.removesuffix(".npy") for name in members.namelist()]
                wanted = {"inputs", "labels"}.intersection(names)
                size = sum(members.getinfo(f"{name}.npy").file_size for name in wanted)
                arrays = {
                    name: _array(members, f"{name}.npy") for name in wanted if size <= MOST_UNPACKED
                }
        except Exception:  # NumPy and zipfile fail in as many ways as files are damaged
            # NumPy's own words would advise to unpickle it.
            raise UserError(
                f"path must name an NPZ file of numbers, got {self.path}, which is another kind of "
                f"file, is damaged, or holds objects: {_WRITTEN}"
            ) from None
        if size > MOST_UNPACKED:
            raise UserError(
                f"path must name an NPZ file of at most {MOST_UNPACKED / 2**30:.0f} GiB, got "
                f"{self.path} with {size / 2**30:.3g} GiB: leave samples out"
            )
        if len(arrays) < 2:
            raise UserError(
                f"path must name an NPZ file with arrays inputs and labels, got {self.path} with "
                f"{listed(names) or 'none'}: {_WRITTEN}"
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
        lines = iter(read_text(self.path, owner="path").split("\n"))
        rows = iterate_rows(lines, ",", named=f"path: {self.path}")
        for number, (at, row) in enumerate(itertools.islice(rows, self.header)):
            if all(finite_number(cell) is not None for cell in row):
                raise UserError(
                    f"header must be the number of lines above the samples, got {self.header}, but "
                    f"line {at} of {self.path} holds numbers only; give header={number} "
                    "if it is a sample"
                )
        return self._samples(rows)

    def _samples(self, rows: Iterator[Row]) -> Samples:
        """Convert rows to samples; each row has the number of its line."""
        first = next(rows, None)
        if first is None:
            raise UserError(
                f"path must name a table with samples, got {self.path} with none below "
                f"header={self.header} lines"
            )
        width = len(first.cells)
        if width < 2:
            raise UserError(
                f"path must name a table of inputs and a class, got {self.path} with one column: "
                "separate columns by commas"
            )
        column = whole("label_column", self.label_column, low=-width, high=width - 1) % width
        inputs, labels = list[FloatArray](), list[str]()
        for at, row in itertools.chain([first], rows):
            if len(row) != width:
                raise UserError(
                    f"path must name a table with as many cells in each row, got {len(row)} for "
                    f"{width} in line {at} of {self.path}: complete the row, or leave it out"
                )
            if len(row[column]) > _LONGEST:
                raise UserError(
                    f"path must name a table with classes of at most {_LONGEST} characters, got "
                    f"{shown(row[column])} in line {at}, column {column} of {self.path}: give "
                    "label_column=NUMBER for the class"
                )
            labels.append(row[column])
            inputs.append(self._numbers(at, row, column))
        return self.split("path", np.array(inputs), np.array(labels))

    def _numbers(self, at: int, row: list[str], column: int) -> FloatArray:
        """Convert the inputs of a row; `column` is that of the class."""
        values = np.empty(len(row) - 1)
        for to, (n, cell) in enumerate((n, c) for n, c in enumerate(row) if n != column):
            value = finite_number(cell)
            if value is None:
                raise UserError(
                    f"path must name a table of finite numbers, got {shown(cell)} in line {at}, "
                    f"column {n} of {self.path}: give header=LINES to leave out a heading, "
                    "label_column=NUMBER for the class, or leave the row out"
                )
            values[to] = value
        return values


def _array(members: zipfile.ZipFile, name: str) -> npt.NDArray[Any]:
    """Read an array that its member of the file holds whole: memory is taken for no other.

    Raises
    ------
    UserError
        If its header states another size, or objects, which would be unpickled.
    """
    with members.open(name) as file:
        version = npy.read_magic(file)
        header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = header(file)
        data = members.getinfo(name).file_size - file.tell()
        if dtype.hasobject or math.prod(shape) * dtype.itemsize != data:
            raise UserError(f"{name} is not whole, or holds objects")
    with members.open(name) as file:
        return np.asarray(npy.read_array(file, allow_pickle=False))
