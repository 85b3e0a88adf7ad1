"""The ranking as a table for a terminal, a log or a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from matsweep.analysis.best_set import best_set, ranked_in_words
from matsweep.analysis.dominance import SENSE, Sense
from matsweep.analysis.labels import choice
from matsweep.analysis.objectives import Objectives, directions, judged, order, usual
from matsweep.analysis.view import Index, View
from matsweep.core.checks import whole
from matsweep.core.printing import one_line
from matsweep.core.units import duration, engineering, normal_unit, percent
from matsweep.reporting.rows import rows_of

_FIRST_TO_GO = ("area", "latency", "p05 %")
_ASCII = str.maketrans({"●": "*", "±": "~", "µ": "u", "²": "2", "–": "-", "Ω": "Ohm", "…": ".."})


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingTable:
    """Ranked candidates that `rich` prints at any width.

    Parameters that are the same in all rows stand above the table, the others have columns. Where
    the width does not allow that, columns of costs go, and at last parameters share one with the
    material. Build it with `ranking_table`.

    Parameters
    ----------
    rows : list of dict of str to str
        Cells by column, best candidate first.
    parameters : list of str
        Columns of swept parameters.
    footer : list of str
        Lines below the table.
    first : int
        Rows of the best of each material and the Pareto set, which stand before the others.
    """

    rows: list[dict[str, str]]
    parameters: list[str]
    footer: list[str]
    first: int = 0

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Any]:
        """Lay out the table for the width of the console."""
        ascii_only = options.ascii_only
        if self.rows:
            rows, names, common = self._unlike()
            if common:
                yield Text(_plain(f"all rows: {', '.join(common)}", ascii_only))
            yield self._fitting(rows, names, console, options)
        for line in self.footer:
            yield Text(_plain(line, ascii_only))

    def _unlike(self) -> tuple[list[dict[str, str]], list[str], list[str]]:
        """Rows without parameters alike in all, the names of the others, and the alike ones."""
        first = self.rows[0]
        same = [
            name
            for name in self.parameters
            if len(self.rows) > 1 and all(row[name] == first[name] for row in self.rows)
        ]
        rows = [{key: cell for key, cell in row.items() if key not in same} for row in self.rows]
        names = [name for name in self.parameters if name not in same]
        return rows, names, [f"{name} {first[name]}" for name in same]

    def _fitting(
        self,
        rows: list[dict[str, str]],
        names: list[str],
        console: Console,
        options: ConsoleOptions,
    ) -> Table:
        """Lay out with as many columns as fit, with shared parameters where none do."""
        unbound = options.update(width=10_000)
        gone = [_FIRST_TO_GO[:count] for count in range(len(_FIRST_TO_GO) + 1)]
        tries = [
            (False, 1, ()),
            *((shared, 0, names) for shared in (False, True) for names in gone),
        ]
        for shared, gap, dropped in tries:
            left = [{key: cell for key, cell in row.items() if key not in dropped} for row in rows]
            table = _layout(left, names, shared=shared, gap=gap, ascii_only=options.ascii_only,
                            first=self.first)  # fmt: skip
            size = Measurement.get(console, unbound, table)
            if (size.minimum if shared else size.maximum) <= options.max_width:
                break
        return table


def ranking_table(
    ds: xr.Dataset,
    *,
    by: Objectives | None = None,
    top: int = 10,
    objectives: Objectives | None = None,
    time: float | str | None = None,
    counted: bool = True,
) -> RankingTable:
    """Rank the done candidates and mark the Pareto set.

    The best of each material and the Pareto set stand first, then the others. Candidates that
    cannot be told apart from a better one of their material are counted below the table.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`.
    by : name, names or mapping, optional
        Metrics to rank by, later ones where earlier ones are equal. Default: the merit of the
        study, energy, latency and area, or the study's own objectives.
    top : int
        Number of candidates listed; the Pareto set always is whole.
    objectives : names or mapping, optional
        Objectives of the Pareto set. Default: the merit, energy, latency, area; of a study that
        sweeps physics or its pulses the merit, retention and write energy.
    time : float [s] or str, optional
        One of the stored times. Default: the last.
    counted : bool
        Whether the footer counts done, failed and pending candidates.

    Returns
    -------
    RankingTable
        For `rich.console.Console.print`.

    Raises
    ------
    UserError
        If a metric or the time is unknown.
    """
    return ranking_of(View(ds, time), by=by, top=top, objectives=objectives, counted=counted)


def ranking_of(
    view: View,
    *,
    by: Objectives | None = None,
    top: int = 10,
    objectives: Objectives | None = None,
    sense: Sense = SENSE,
    counted: bool = True,
) -> RankingTable:
    """Rank the done candidates of a view; see `ranking_table`.

    Parameters
    ----------
    view : View
    by : name, names or mapping, optional
    top : int
    objectives : names or mapping, optional
    sense : Sense
        Differences that count for the Pareto set.
    counted : bool

    Returns
    -------
    RankingTable
    """
    top = whole("top", top, low=0)
    by = by if by is not None else directions(view)
    best = order(view, by) if by else np.empty(0, dtype=np.intp)
    pareto = judged(view, objectives, sense)
    marked = pareto.mask
    first = next(iter(directions(view, by)), None) if by else None
    tied = best_set(view, by) if first else np.zeros_like(marked)
    tied &= bool(tied.sum() > 1)
    rows = rows_of(view, best, marked, first, top)
    listed = rows.places
    columns = _columns(view, best[listed], by, objectives)
    ranks = ["=" if tied[best[rank]] else str(rank + 1) for rank in listed]
    columns = {"": ranks, "P": _marks(marked[best[listed]]), **columns}
    cells = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    footer = _footer(view, len(best) - len(listed), int(marked.sum()), objectives,
                     counted=counted, alike=rows.alike)  # fmt: skip
    footer[1:1] = pareto.lines
    if first and (text := ranked_in_words(int(tied.sum()), first)):
        footer.insert(0, f"= {text}")
    return RankingTable(
        rows=cells, parameters=list(view.short.values()), footer=footer, first=rows.first
    )


def _columns(
    view: View, listed: Index, by: Objectives | None, objectives: Objectives | None
) -> dict[str, list[str]]:
    """Texts of all cells, column by column."""
    shown = view.summary.isel(candidate=listed)
    columns = {}
    if view.has_materials:
        columns["material"] = [str(value) for value in view.materials[listed]]
    columns |= {short: _settings(view, shown[name]) for name, short in view.short.items()}
    main = [*usual(view), *(directions(view, objectives) if objectives else ())]
    main += list(directions(view, by)) if by else []
    for name in dict.fromkeys(main):
        if name not in shown or name in view.varied:
            continue
        if name == view.merit and view.is_share(name):
            columns |= _share(shown, name)
        elif view.is_share(name):
            columns[f"{name} %"] = [_percent(value) for value in shown[name].values]
        else:
            columns[name] = _values(shown[name])
    columns["no."] = [str(value) for value in view.numbers[listed]]
    return columns


def _share(shown: xr.Dataset, name: str) -> dict[str, list[str]]:
    """Merit ± spread and its 5th percentile, in percent."""
    cells = [_percent(value) for value in shown[name].values]
    # A single realisation has a stored spread of 0, which is no estimate.
    if f"{name}_std" in shown and bool((shown[f"{name}_std"] > 0).any()):
        cells = [
            percent(float(value), float(spread)) if spread > 0 else cell
            for cell, value, spread in zip(
                cells, shown[name].values, shown[f"{name}_std"].values, strict=True
            )
        ]
    columns = {f"{name} %": cells}
    if f"{name}_p05" in shown:
        columns["p05 %"] = [_percent(value) for value in shown[f"{name}_p05"].values]
    return columns


def _settings(view: View, variable: xr.DataArray) -> list[str]:
    """Values of a swept parameter."""
    if str(variable.name) in view.conditions:
        return [choice(value) for value in variable.values.tolist()]
    return _values(variable)


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


def _layout(
    rows: list[dict[str, str]],
    names: list[str],
    *,
    shared: bool,
    gap: int,
    ascii_only: bool,
    first: int,
) -> Table:
    """Build the table, with parameters in their own columns or `shared` with the material."""
    table = Table(box=SIMPLE_HEAD, padding=(0, gap, 0, 0), pad_edge=False, show_edge=False)
    main = "material" if "material" in rows[0] else "parameters"
    if shared and names:
        rows = [_with_parameters(row, names, main) for row in rows]
    for name in rows[0]:
        left = name in ("P", main) or (name in names and not _numeric(rows, name))
        if name == main or name in names:
            table.add_column(Text(name), justify="left" if left else "right", overflow="fold")
        else:
            table.add_column(
                Text(_plain("●" if name == "P" else name, ascii_only)),
                justify="left" if left else "right",
                no_wrap=True,
            )
    for place, row in enumerate(rows):
        if place and place == first:
            table.add_section()
        style = "bold" if row["P"] else ""
        table.add_row(*(Text(_plain(cell, ascii_only)) for cell in row.values()), style=style)
    return table


def _with_parameters(row: dict[str, str], names: list[str], first: str) -> dict[str, str]:
    """Join the parameters of a row with the material in one cell."""
    # Unbreakable within one parameter, so that lines break between them.
    joined = " ".join(f"{name}={row[name]}".replace(" ", "\u00a0") for name in names)
    result = {}
    for name, cell in row.items():
        if name == first:
            result[name] = f"{cell}\n{joined}"
        elif name not in names:
            result[name] = cell
        if name == "P" and first not in row:
            result[first] = joined
    return result


def _numeric(rows: list[dict[str, str]], name: str) -> bool:
    return all(row[name][:1] in "+-.0123456789–" for row in rows)


def _footer(
    view: View,
    left_out: int,
    front_size: int,
    objectives: Objectives | None,
    *,
    counted: bool,
    alike: Mapping[str, int],
) -> list[str]:
    """Lines below the table: size of the Pareto set, rows left out, time, reference and counts."""
    count = Counter(view.states.tolist())
    lines = []
    if not count["done"]:
        lines.append("No candidate is done, so there is nothing to rank.")
    elif chosen := directions(view, objectives):
        ends = ", ".join(f"{name} {'↑' if b == 'higher' else '↓'}" for name, b in chosen.items())
        lines.append(f"● Pareto set: {front_size} of {count['done']} by {ends}")
    else:
        lines.append("The results hold no metric with a good direction to rank by.")
    if left_out:
        text = f"{left_out} more done candidate{'s' * (left_out > 1)} not shown"
        if alike:
            names = ", ".join(f"{count} {name}".rstrip() for name, count in alike.items())
            text += f"; of these {names} cannot be told apart from a better one of their material"
        lines.append(text)
    facts = []
    if view.chosen_time is not None:
        facts.append(f"{duration(view.chosen_time)} after programming")
    if (ideal := view.reference(view.merit)) is not None:
        value = f"{_percent(ideal)} %" if view.is_share(view.merit) else f"{ideal:.4g}"
        facts.append(f"float {view.merit} {value}")
    if counted:
        states = (f"{count[state]} {state}" for state in ("done", "failed", "pending"))
        facts.append(", ".join(states))
    return [*lines, "; ".join(facts)] if facts else lines


def _plain(text: str, ascii_only: bool) -> str:
    text = one_line(text)
    text = text.replace("↑", "higher").replace("↓", "lower") if ascii_only else text
    return text.translate(_ASCII).encode("ascii", "replace").decode() if ascii_only else text
