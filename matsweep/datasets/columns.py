"""Tables whose columns are named: labels, targets, and inputs."""

from __future__ import annotations

import functools
import re
from collections import Counter
from pathlib import Path

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.printing import listed, shown
from matsweep.core.streams import FloatArray
from matsweep.core.tables import finite_number, iterate_rows, read_text
from matsweep.datasets.arrays import INPUTS, LABELS, TARGETS, Arrays, Outline
from matsweep.datasets.files import unreadable

_LABEL = re.compile(r"labels?|class", re.IGNORECASE)
_TARGET = re.compile(r"targets?[ _]?\d*", re.IGNORECASE)


def read_table(name: str, path: Path) -> Arrays:
    """Read a table with a line of names above its samples.

    A column `label` or `class` holds the classes, as numbers from 0; columns `target`, `target_1`
    and so on hold targets; all others are inputs.

    Parameters
    ----------
    name : str
        Parameter that names the file, for messages.
    path : Path

    Returns
    -------
    Arrays

    Raises
    ------
    UserError
        If it cannot be read, or a cell is no finite number.
    """
    try:
        facts = path.stat()
    except (OSError, ValueError) as problem:
        raise unreadable(name, path, problem) from None
    return _kept(name, str(path), facts.st_mtime_ns, facts.st_size)


def table_outline(name: str, path: Path) -> Outline:
    """Return the shape of a table's samples.

    Parameters
    ----------
    name : str
        Parameter that names the file, for messages.
    path : Path

    Returns
    -------
    Outline
    """
    table = read_table(name, path)
    inputs = table.inputs[INPUTS]
    return Outline(
        samples=len(table),
        inputs={INPUTS: (inputs.shape[1:], inputs.dtype)},
        labelled=table.labels is not None,
        targeted=table.targets is not None,
    )


@functools.lru_cache(maxsize=4)
def _kept(name: str, path: str, time: int, size: int) -> Arrays:
    """Return the table of a file that was last changed at `time` [ns]."""
    rows = iterate_rows(iter(read_text(path, owner=name).split("\n")), ",", named=f"{name}: {path}")
    first = next(rows, None)
    if first is None or all(finite_number(cell) is not None for cell in first.cells):
        raise UserError(
            f"{name} must name a table with a line of column names, label or target_1 … among "
            f"them if there are any, got {path}, whose first line holds none: add it"
        )
    heads = [cell.strip() for cell in first.cells]
    twice = [head for head, count in Counter(heads).items() if count > 1]
    if twice:
        raise UserError(
            f"{name} must name a table whose columns have a name each, got "
            f"{listed(map(shown, twice))} more than once in {path}: rename or remove them"
        )
    values = []
    for at, cells in rows:
        row = [finite_number(cell) for cell in cells]
        if len(row) != len(heads) or None in row:
            bad = next((c for c, number in zip(cells, row, strict=True) if number is None), None)
            got = f"{len(row)} cells for {len(heads)} names" if bad is None else shown(bad)
            raise UserError(
                f"{name} must name a table of finite numbers, as many in each row as names, got "
                f"{got} in line {at} of {path}: complete the row, or leave it out"
            )
        values.append(row)
    if not values:
        raise UserError(f"{name} must name a table with samples, got {path} with none")
    return _columns(name, path, heads, np.array(values, np.float64))


def _columns(name: str, path: str, heads: list[str], table: FloatArray) -> Arrays:
    of_labels = [n for n, head in enumerate(heads) if _LABEL.fullmatch(head)]
    of_targets = [n for n, head in enumerate(heads) if _TARGET.fullmatch(head)]
    rest = [n for n in range(len(heads)) if n not in (*of_labels, *of_targets)]
    if len(of_labels) > 1 or not rest:
        raise UserError(
            f"{name} must name a table with inputs and at most one column {LABELS}, got columns "
            f"{', '.join(heads)} in {path} ({TARGETS}: target_1 …): rename them"
        )
    return Arrays(
        inputs={INPUTS: table[:, rest]},
        labels=table[:, of_labels[0]] if of_labels else None,
        targets=table[:, of_targets] if of_targets else None,
    )
