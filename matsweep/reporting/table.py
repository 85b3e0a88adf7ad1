"""The ranking as a table for a terminal, a log or a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from matsweep.analysis.attributes import float_accuracy, parameters, short_names, states
from matsweep.analysis.objectives import Objectives, directions, front, order, usual
from matsweep.analysis.summary import summarise
from matsweep.core.checks import whole
from matsweep.core.printing import one_line
from matsweep.core.units import duration, engineering, normal_unit

_FIRST_TO_GO = ("area", "latency", "p05 %")
_ASCII = str.maketrans({"●": "*", "±": "~", "µ": "u", "²": "2", "–": "-", "Ω": "Ohm", "…": ".."})


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingTable:
    """The ranked candidates as something `rich` can print at any width.

    Where the width allows, every swept parameter has its own column; else they share one with
    the material. Build it with `ranking_table`.
    """

    rows: list[dict[str, str]]
    parameters: list[str]
    footer: list[str]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Any]:
        """Lay the table out for the width of the console."""
        ascii_only = options.ascii_only
        if self.rows:
            wide = _layout(self.rows, self.parameters, shared=False, ascii_only=ascii_only)
            unbound = options.update(width=10_000)
            if Measurement.get(console, unbound, wide).maximum <= options.max_width:
                yield wide
            else:
                yield self._narrow(console, options)
        for line in self.footer:
            yield Text(_plain(line, ascii_only))

    def _narrow(self, console: Console, options: ConsoleOptions) -> Table:
        """Lay out with shared parameters, and without the columns that there is no room for."""
        rows = self.rows
        for name in ("", *_FIRST_TO_GO):
            rows = [{key: cell for key, cell in row.items() if key != name} if name else row
                    for row in rows]  # fmt: skip
            table = _layout(rows, self.parameters, shared=True, ascii_only=options.ascii_only)
            unbound = options.update(width=10_000)
            if Measurement.get(console, unbound, table).minimum <= options.max_width:
                break
        return table


def ranking_table(
    ds: xr.Dataset,
    *,
    by: Objectives | None = None,
    top: int = 20,
    objectives: Objectives | None = None,
    time: float | str | None = None,
    counted: bool = True,
) -> RankingTable:
    """Rank the done candidates and mark the Pareto set.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`.
    by : name, names or mapping, optional
        What to rank by, later ones where earlier ones are equal. Default: accuracy, energy,
        latency and area, or what else a study is judged by.
    top : int
        How many of the best are listed; the Pareto set always is.
    objectives : names or mapping, optional
        What the Pareto set is of. Default: accuracy, energy, latency, area; of a study that
        sweeps physics or its pulses accuracy, retention and write energy.
    time : float [s] or str, optional
        One of the stored times. Default: the last.
    counted : bool
        Whether to tell how many are done, failed and pending; a selection has only done ones.

    Returns
    -------
    RankingTable
        For `rich.console.Console.print`.

    Raises
    ------
    UserError
        If a metric or the time is unknown.
    """
    top = whole("top", top, low=0)
    summary = summarise(ds, time)
    by = by if by is not None else directions(summary)
    best = order(summary, by) if by else np.empty(0, dtype=np.intp)
    marked = front(summary, objectives)
    listed = np.flatnonzero((np.arange(len(best)) < top) | marked[best])
    shown = summary.isel(candidate=best[listed])
    names = _varying(summary)
    short = short_names(names, taken=map(str, summary.data_vars))
    columns = _columns(shown, summary, names, short, by, objectives)
    columns = {"": [str(rank + 1) for rank in listed], "P": _marks(marked[best[listed]]), **columns}
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    footer = _footer(summary, len(best) - len(listed), int(marked.sum()), objectives,
                     counted=counted)  # fmt: skip
    return RankingTable(rows=rows, parameters=[short[name] for name in names], footer=footer)


def _columns(
    shown: xr.Dataset,
    summary: xr.Dataset,
    names: list[str],
    short: dict[str, str],
    by: Objectives | None,
    objectives: Objectives | None,
) -> dict[str, list[str]]:
    """Return the text of every cell, column by column."""
    columns = {}
    if "material" in shown.coords:
        columns["material"] = [str(value) for value in shown["material"].values]
    columns |= {short[name]: _values(shown[name]) for name in names}
    main = [*usual(summary), *(directions(summary, objectives) if objectives else ())]
    main += list(directions(summary, by)) if by else []
    for name in dict.fromkeys(main):
        if name not in shown or name in names:
            continue
        columns |= _accuracy(shown) if name == "accuracy" else {name: _values(shown[name])}
    columns["no."] = [str(value) for value in shown["candidate"].values]
    return columns


def _accuracy(shown: xr.Dataset) -> dict[str, list[str]]:
    """Return accuracy ± spread and its low percentile, in percent."""
    if normal_unit(str(shown["accuracy"].attrs.get("units", "1"))) != "1":
        return {"accuracy": _values(shown["accuracy"])}
    cells = [_percent(value) for value in shown["accuracy"].values]
    # A single realisation is stored with a spread of 0, which says nothing.
    if "accuracy_std" in shown and bool((shown["accuracy_std"] > 0).any()):
        spread = [_percent(value) for value in shown["accuracy_std"].values]
        cells = [c if s == "–" else f"{c} ±{s:>5}" for c, s in zip(cells, spread, strict=True)]
    columns = {"accuracy %": cells}
    if "accuracy_p05" in shown:
        columns["p05 %"] = [_percent(value) for value in shown["accuracy_p05"].values]
    return columns


def _values(variable: xr.DataArray) -> list[str]:
    if variable.dtype.kind not in "fiu":
        return [str(value) for value in variable.values]
    unit = str(variable.attrs.get("units", "1"))
    if variable.dtype.kind in "iu" and normal_unit(unit) == "1":
        return [str(value) for value in variable.values]
    long = unit == "s" and bool((variable >= 60).any())
    return [
        duration(float(value)) if long and np.isfinite(value) else engineering(float(value), unit)
        for value in variable.values
    ]


def _percent(fraction: float) -> str:
    return "–" if np.isnan(fraction) else f"{100 * float(fraction):.2f}"


def _marks(marked: np.ndarray[Any, np.dtype[np.bool_]]) -> list[str]:
    return ["●" if mark else "" for mark in marked]


def _varying(summary: xr.Dataset) -> list[str]:
    """Return the swept parameters that differ between candidates."""
    return [name for name in parameters(summary) if len(set(summary[name].values.tolist())) > 1]


def _layout(
    rows: list[dict[str, str]], names: list[str], *, shared: bool, ascii_only: bool
) -> Table:
    """Build the table, the parameters in columns of their own or `shared` with the material."""
    gap = (0, 0) if shared else (0, 1, 0, 0)
    table = Table(box=SIMPLE_HEAD, padding=gap, pad_edge=False, show_edge=False)
    first = "material" if "material" in rows[0] else "parameters"
    if shared and names:
        rows = [_with_parameters(row, names, first) for row in rows]
    for name in rows[0]:
        left = name in ("P", first) or (name in names and not _numeric(rows, name))
        if name == first or name in names:
            table.add_column(Text(name), justify="left" if left else "right", overflow="fold")
        else:
            table.add_column(
                Text(_plain("●" if name == "P" else name, ascii_only)),
                justify="left" if left else "right",
                no_wrap=True,
            )
    for row in rows:
        style = "bold" if row["P"] else ""
        table.add_row(*(Text(_plain(cell, ascii_only)) for cell in row.values()), style=style)
    return table


def _with_parameters(row: dict[str, str], names: list[str], first: str) -> dict[str, str]:
    """Return a row whose parameters stand with the material in one cell."""
    # Unbreakable within one parameter, so that lines break between them.
    told = " ".join(f"{name}={row[name]}".replace(" ", "\u00a0") for name in names)
    result = {}
    for name, cell in row.items():
        if name == first:
            result[name] = f"{cell}\n{told}"
        elif name not in names:
            result[name] = cell
        if name == "P" and first not in row:
            result[first] = told
    return result


def _numeric(rows: list[dict[str, str]], name: str) -> bool:
    return all(row[name][:1] in "+-.0123456789–" for row in rows)


def _footer(
    summary: xr.Dataset,
    left_out: int,
    front_size: int,
    objectives: Objectives | None,
    *,
    counted: bool,
) -> list[str]:
    """Return the lines below the table: what it shows, of what, and what it leaves out."""
    count = Counter(states(summary).tolist())
    lines = []
    if not count["done"]:
        lines.append("No candidate is done, so there is nothing to rank.")
    elif chosen := directions(summary, objectives):
        told = ", ".join(f"{name} {'↑' if b == 'higher' else '↓'}" for name, b in chosen.items())
        lines.append(f"● Pareto set: {front_size} of {count['done']} by {told}")
    else:
        lines.append("The results hold no metric with a good direction to rank by.")
    if left_out:
        lines.append(f"{left_out} more done candidate{'s' * (left_out > 1)} not shown")
    facts = []
    if "time" in summary.coords:
        facts.append(f"{duration(float(summary['time']))} after programming")
    if (baseline := float_accuracy(summary)) is not None:
        facts.append(f"float accuracy {_percent(baseline)} %")
    if counted:
        states_told = (f"{count[state]} {state}" for state in ("done", "failed", "pending"))
        facts.append(", ".join(states_told))
    return [*lines, "; ".join(facts)] if facts else lines


def _plain(text: str, ascii_only: bool) -> str:
    text = one_line(text)
    text = text.replace("↑", "higher").replace("↓", "lower") if ascii_only else text
    return text.translate(_ASCII).encode("ascii", "replace").decode() if ascii_only else text
