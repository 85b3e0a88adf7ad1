"""Energy of candidates that are alike but for the material, component by component."""

from __future__ import annotations

from dataclasses import replace
from textwrap import fill

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from matsweep.analysis.alike import Alike, alike
from matsweep.analysis.pareto import Mask
from matsweep.analysis.view import Index, View
from matsweep.core.checks import UserError
from matsweep.core.units import engineering
from matsweep.reporting.figures import marks as m
from matsweep.reporting.figures.labels import label, parameter_title, short_labels, words
from matsweep.reporting.figures.printed import draw
from matsweep.reporting.figures.style import (
    IDEAL,
    LEAST_RATIO,
    OTHERS,
    component_looks,
    short_quantity,
    widened,
)
from matsweep.reporting.texts import texts

_LEAST_NAMED = 0.12  # of the largest bar: parts from it on carry their share in numbers
_BROAD = 36  # characters of a line of a label
_LEAST_SHARE = 0.02  # of the largest bar: components below it everywhere are drawn as one
_MOST_MAPS = 4
_MACHINES = {
    "int8_sram": ("int8 SRAM", "8-bit digital multipliers with the weights in SRAM"),
    "brain": ("human brain", "the energy of as many synaptic events in a human brain"),
}
_CROSS = m.Look(colour="#ffffff", marker="x", size=5.0)
_FRAME = m.Look(colour="#000000", line="solid", width=1.8)  # seen in grey too


def cheapest_figure(
    ds: xr.Dataset, *, loss: float = 0.01, time: float | str | None = None
) -> Figure:
    """Draw where the energy of each material goes, component by component, all else being equal.

    The candidates share the values of all other axes, where the study has such: of the settings in
    which most materials keep the merit, the one of the lowest energy. Where two numbers were swept,
    such as the size of the array and the bits of the ADC, maps of the lowest energy over them stand
    above, one for each material (four at most): crossed where the merit is not kept, framed at the
    lowest energy.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`, with `energy_breakdown`.
    loss : float
        Largest loss of the merit against floating point, in the merit's unit. Where no candidate
        keeps that, those count that are useful.
    time : float [s] or str, optional
        One of the stored times. Default: the last.

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.

    Raises
    ------
    UserError
        If the results hold no breakdown, or no candidate is done.
    """
    return draw(cheapest_picture(View(ds, time), loss))


def cheapest_picture(view: View, loss: float = 0.01) -> m.Picture:
    """Describe where energy goes: maps where two numbers were swept, and bars of like with like.

    Parameters
    ----------
    view : View
    loss : float
        Largest loss of the merit against floating point, in the merit's unit; see `alike`.

    Returns
    -------
    Picture

    Raises
    ------
    UserError
        If the results hold no breakdown, or no candidate is done.
    """
    bars, chosen = _bars(view, loss)
    axes = [name for name in view.varied if view.ds[name].dtype.kind in "fiu"]
    kept = chosen.rows[chosen.good[chosen.rows]]
    if len(axes) != 2:
        return bars
    names = list(dict.fromkeys(view.materials[kept].tolist()))[:_MOST_MAPS]
    maps = _maps(view, names, axes, chosen.good)
    legend = f"crossed: {chosen.misses}; framed: lowest energy"
    caption = f"{legend[:1].upper()}{legend[1:]}. {bars.caption}"
    return replace(bars, rows=(maps, *bars.rows), height=118.0, pixels=900, heading=legend,
                   caption=caption)  # fmt: skip


def alike_picture(view: View, loss: float = 0.01) -> m.Picture:
    """Describe where the energy of candidates goes that are alike but for the material.

    Parameters
    ----------
    view : View
    loss : float
        Largest loss of the merit against floating point, in the merit's unit; see `alike`.

    Returns
    -------
    Picture

    Raises
    ------
    UserError
        If the results hold no breakdown, or no candidate is done.
    """
    return _bars(view, loss)[0]


def _bars(view: View, loss: float) -> tuple[m.Picture, Alike]:
    if "energy_breakdown" not in view.ds:
        raise UserError("the results hold no energy_breakdown")
    chosen = alike(view, loss)
    poor = chosen.rows[~chosen.good[chosen.rows]]
    which = which_are_drawn(view, chosen)
    return breakdown(view, chosen.rows, which=which, poor=poor, misses=chosen.misses), chosen


def _missing(view: View, chosen: Alike) -> str:
    """Name the materials that do not keep the merit; empty where all do."""
    rows = [row for row in chosen.rows.tolist() if not chosen.good[row]]
    names = ", ".join(label(view, str(view.materials[row])) for row in rows)
    return f"{names}: {chosen.misses}" if rows else ""


def which_are_drawn(view: View, chosen: Alike) -> str:
    """Write which candidates are drawn, and whether they are alike.

    Parameters
    ----------
    view : View
    chosen : Alike

    Returns
    -------
    str
        Sentences.
    """
    rows = chosen.rows
    differing = [
        view.spoken[name] for name in view.varied
        if len(set(np.asarray(view.ds[name].values)[rows].tolist())) > 1
    ]  # fmt: skip
    if chosen.shared:
        text = "Candidates that share all but the material."
    elif differing:
        text = f"The lowest energy of each material: they differ in {', '.join(differing)} too."
    else:
        text = "The lowest energy of each material."
    missing = _missing(view, chosen)
    return f"{text} {missing}." if missing else text


def breakdown(
    view: View,
    best: Index,
    *,
    title: str = "Energy of an inference",
    which: str = "The best candidate of each material.",
    poor: Index | tuple[()] = (),
    misses: str = "",
) -> m.Picture:
    """Describe where the energy of some candidates goes.

    Parameters
    ----------
    view : View
    best : (bar,) array of int
        Positions of the candidates.
    title : str
        Title of the horizontal axis.
    which : str
        Which candidates these are, for the caption.
    poor : (n,) array of int
        Those that do not keep the merit: an asterisk marks their names.
    misses : str
        Meaning of the asterisk.

    Returns
    -------
    Picture
    """
    terms = view.at_time["energy_breakdown"].isel(candidate=best)
    terms = terms.mean([dim for dim in terms.dims if dim not in ("candidate", "component")])
    values = np.nan_to_num(terms.transpose("candidate", "component").values.astype(np.float64))
    large = (values > _LEAST_SHARE * values.sum(axis=1).max(initial=0.0)).any(axis=0)
    names = [str(name) for name in terms["component"].values]
    rows = _alike(view, best, values)
    values = values[[each[0] for each in rows]]
    shown = [(name, column) for name, column in zip(names, values.T, strict=True)
             if large[names.index(name)]]  # fmt: skip
    if values[:, ~large].any():
        shown.append(("others", values[:, ~large].sum(axis=1)))
    places = np.arange(len(rows), dtype=np.float64)
    common, labels = _labels(view, [best[each] for each in rows], poor)
    marks: list[m.Mark] = []
    start, longest = np.zeros(len(rows)), float(values.sum(axis=1).max(initial=0.0))
    looks = component_looks(names) | {"others": m.Look(colour=OTHERS)}
    shares: list[m.Mark] = []
    for name, column in shown:
        marks.append(m.Bars(places=places, starts=start, lengths=column, thickness=0.6,
                          look=looks[name], name=words(name), text=tuple(labels)))  # fmt: skip
        shares += [
            m.Text(x=float(left + part / 2), y=float(at), anchor="middle",
                   text=f"{100 * part / whole:.0f} %")
            for at, left, part, whole in zip(places, start, column, values.sum(axis=1), strict=True)
            if part > _LEAST_NAMED * longest
        ]  # fmt: skip
        start = start + column
    others = _others(view, best, longest)
    marks += [*others.values(), *shares]
    notes = [f"* {misses}"] if len(poor) else []
    notes += [f"all with {common}"] if common else []
    notes += [f"dashed: {_MACHINES[name][1]}" for name in others]
    unit = str(terms.attrs.get("units") or "J")
    x = m.Axis(title=title, unit=unit)
    y = m.Axis(ticks=tuple(zip(places.tolist(), labels, strict=True)), downward=True,
             limits=(-0.5, len(rows) - 0.5) if len(rows) > 1 else (-0.8, 0.8))  # fmt: skip
    tall = sum(max(2, text.count("\n") + 1) for text in labels)
    caption = f"{which} Numbers in the bars are shares of the whole."
    if common:
        caption += f" All with {common}."
    said = "; ".join(
        f"{text.replace(chr(10), ' ')}: {engineering(float(own.sum()), unit)}, of it "
        + ", ".join(f"{words(name)} {100 * column[at] / own.sum():.0f} %"
                    for name, column in shown if column[at] > _LEAST_SHARE * own.sum())
        for at, (text, own) in enumerate(zip(labels, values, strict=True)) if own.sum() > 0
    )  # fmt: skip
    missed = f" * {misses}." if len(poor) else ""
    return m.Picture(
        name="energy", title="Where the energy goes", caption=caption,
        alt=f"{title}. {said}.{missed}",
        rows=((m.Panel(x=replace(x, note="; ".join(notes)), y=y,
                       marks=tuple(marks)),),),
        beside=True, height=max(34.0, 24.0 + 5.2 * tall), pixels=170 + 24 * tall,
    )  # fmt: skip


def _alike(view: View, best: Index, values: m.Numbers) -> list[list[int]]:
    """Group candidates of equal settings and energies to three digits, by their energy.

    They are one bar.
    """
    groups = dict[tuple[object, ...], list[int]]()
    for at in np.argsort(values.sum(axis=1), kind="stable").tolist():
        setting = tuple(str(view.ds[name].values[best[at]]) for name in view.varied)
        digits = 2 - np.floor(np.log10(max(float(values[at].sum()), 1e-300)))
        total = np.round(values[at] * 10.0**digits).astype(np.int64)
        groups.setdefault((setting, *total.tolist()), []).append(at)
    return list(groups.values())


def _labels(view: View, groups: list[Index], poor: Index | tuple[()]) -> tuple[str, list[str]]:
    """List the settings that all share, and label groups by materials and the other settings."""
    first = [int(rows[0]) for rows in groups]
    columns = {name: texts(view, view.summary[name][first]) for name in view.varied}
    same = {name: column[0] for name, column in columns.items() if len(set(column)) == 1}
    common = ", ".join(f"{parameter_title(view, name)} {text}" for name, text in same.items())
    named = short_labels(view, {str(each) for rows in groups for each in view.materials[rows]})
    labels = []
    for at, rows in enumerate(groups):
        names = [named[str(view.materials[row])] + "*" * (row in poor) for row in rows.tolist()]
        parts = [fill(", ".join(names), _BROAD)]
        own = ", ".join(f"{parameter_title(view, name)} {column[at]}"
                        for name, column in columns.items() if name not in same)  # fmt: skip
        labels.append("\n".join([*parts, *([fill(own, _BROAD)] if own else [])]))
    return common, labels


def _maps(view: View, names: list[str], axes: list[str], good: Mask) -> tuple[m.Panel, ...]:
    """Describe a map of the energy for each material, on one scale."""
    energy = view.column("energy")
    up, across = (view.column(name) for name in axes)
    here = np.isin(view.materials, names) & np.isfinite(energy)
    columns, lines = np.unique(across[here]), np.unique(up[here])
    low, high = widened(float(energy[here].min()), float(energy[here].max()), LEAST_RATIO)
    scale = m.Axis(title="energy of an inference", unit=view.unit("energy"), logarithmic=True)
    panels: list[m.Panel] = []
    for letter, name in zip("abcd", names, strict=False):
        mine = here & (view.materials == name)
        place = (np.searchsorted(columns, across), np.searchsorted(lines, up))
        table = np.full((lines.size, columns.size), np.nan)
        table[place[1][mine], place[0][mine]] = energy[mine]
        winner = min(np.flatnonzero(mine & good), key=lambda row: energy[row])
        x, y = (float(at[winner]) for at in place)
        marks: tuple[m.Mark, ...] = (
            m.Cells(x=m.numbers(range(columns.size)), y=m.numbers(range(lines.size)), values=table,
                  colours="viridis_r", low=low, high=high, scale=scale),
            m.Series(x=place[0][mine & ~good] * 1.0, y=place[1][mine & ~good] * 1.0, look=_CROSS),
            m.Series(x=x + m.numbers([-0.5, 0.5, 0.5, -0.5, -0.5]),
                   y=y + m.numbers([-0.5, -0.5, 0.5, 0.5, -0.5]), look=_FRAME),
        )  # fmt: skip
        panels.append(
            m.Panel(
                x=_places(view, axes[1], columns),
                y=_places(view, axes[0] if not panels else "", lines), marks=marks,
                title=f"({letter}) {label(view, name)}: {engineering(energy[winner], 'J')}",
            )
        )  # fmt: skip
    return tuple(panels)


def _places(view: View, name: str, values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> m.Axis:
    ticks = tuple((float(i), short_quantity(float(v), view.unit(name) if name else "1"))
                  for i, v in enumerate(values))  # fmt: skip
    return m.Axis(title=parameter_title(view, name) if name else "", ticks=ticks,
                limits=(-0.5, values.size - 0.5))  # fmt: skip


def _others(view: View, best: Index, longest: float) -> dict[str, m.Mark]:
    """Lines at the energies of reference machines that are near the bars, by machine."""
    if "baseline_energy" not in view.ds or not best.size:
        return {}
    first = view.ds["baseline_energy"].isel(candidate=int(best[0]))
    limit = 1.5 * longest
    energies = {str(name): float(first.sel(baseline=name)) for name in first["baseline"].values}
    return {
        name: m.Guide(at=value, across="x", look=IDEAL, text=_MACHINES[name][0], front=True)
        for name, value in energies.items()
        if name in _MACHINES and 0.02 * limit < value < limit
    }
