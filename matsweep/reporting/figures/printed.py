"""Figures for papers: a `Picture` as a figure of matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import fill
from typing import Any, Literal

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)

from matsweep.core.units import duration, engineering
from matsweep.reporting.figures import marks as m
from matsweep.reporting.figures.style import (
    FONT,
    IDEAL,
    MILLIMETRE,
    SMALL,
    WIDTH,
    drawing,
    quantity_axis,
    tidy,
    time_axis,
    time_ticks,
)

_CROWD = 2000  # more points than this are pixels in a PDF too
_LONGEST, _TALLEST = 100, 32  # characters of a title along the width and the height of a page
_SMALLER = 1.12  # characters of a line of small text over those of a title
_NARROW = 120.0  # mm, below which panels stand below each other, and so does the legend
_BESIDE = 0.4  # of the width of a figure, that the texts of ticks may take
_FOOT, _LEADING = 22.0, 4.0  # mm, of the rest of a panel, and of a line of the texts of ticks
_NARROW_PANEL = 0.62  # height of a panel there, over the width
_LINES = {"": "none", "solid": "solid", "dash": (0, (4, 2)), "dot": (0, (1, 1.5)),
          "dashdot": (0, (5, 1.5, 1, 1.5))}  # fmt: skip
_CONTOURS = {"solid": "solid", "dashdot": "dashdot", "dot": "dotted"}
_BEHIND = {"facecolor": "white", "alpha": 0.85, "linewidth": 0, "pad": 0.6}
_HALO = [withStroke(linewidth=2.6, foreground="white")]
_CUT: dict[str, Any] = {
    "marker": [(-1, -0.6), (1, 0.6)], "markersize": 7, "linestyle": "none", "color": "0.1",
    "markeredgewidth": 0.9, "clip_on": False, "zorder": 6, "label": "cut",
}  # fmt: skip
_ANCHORS = {"left": ("left", 3), "middle": ("center", 0), "right": ("right", -3)}
_NEEDLES = {"elinewidth": 0.7, "capsize": 1.5}


def draw(picture: m.Picture) -> Figure:
    """Draw a picture.

    In one column of a paper (85 mm) panels stand below each other. Texts keep their size.

    Parameters
    ----------
    picture : Picture

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.
    """
    picture = m.escaped(picture)
    if picture.width < _NARROW:
        picture = _narrowed(picture)
    heading = fill(picture.heading, _characters(picture.width))
    picture = replace(picture, height=picture.height + _LEADING * heading.count("\n"))
    with drawing(picture.height / WIDTH, picture.width) as figure:
        holders: list[Figure | SubFigure] = [figure]
        if len(picture.rows) > 1:
            holders = list(figure.subfigures(len(picture.rows), 1, squeeze=False)[:, 0])
        for holder, row in zip(holders, picture.rows, strict=True):
            _row(holder, row, picture.width)
        if picture.heading:
            figure.suptitle(heading, fontsize=FONT)
        if picture.legend:
            _legend(figure, holders[-1], picture)
    return figure


def save(figure: Figure, path: str | Path) -> tuple[Path, Path]:
    """Write a figure as PNG (300 dpi) and PDF (fonts embedded).

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : str or Path
        With or without one of the two endings; the folder is created.

    Returns
    -------
    png, pdf : Path
    """
    path = Path(path)
    stem = path.with_suffix("") if path.suffix.lower() in (".png", ".pdf") else path
    stem.parent.mkdir(parents=True, exist_ok=True)
    png, pdf = (stem.with_name(stem.name + ending) for ending in (".png", ".pdf"))
    # TrueType: text stays text, as publishers ask.
    with rc_context({"pdf.fonttype": 42, "text.parse_math": False}):
        figure.savefig(png, dpi=300)
        figure.savefig(pdf, dpi=300, metadata={"CreationDate": None})
    return png, pdf


def _narrowed(picture: m.Picture) -> m.Picture:
    """Put the panels below each other, and the legend below them."""
    width = _characters(picture.width)
    panels = tuple(
        (replace(panel, x=_wrapped(panel.x, width // max(len(panel.x.ticks), 1)),
                 y=_wrapped(panel.y, int(_BESIDE * width))),)
        for panel in picture.panels
    )  # fmt: skip
    labels = max(sum(text.count("\n") + 1 for _, text in panel.y.ticks) for (panel,) in panels)
    one = max(picture.height / len(picture.rows), _FOOT + _LEADING * labels)
    if all(len(row) == 1 for row in picture.rows):
        return replace(picture, rows=panels, beside=False, height=one * len(panels))
    return replace(picture, rows=panels, beside=False,
                   height=max(one, _NARROW_PANEL * picture.width) * len(panels))  # fmt: skip


def _wrapped(axis: m.Axis, longest: int) -> m.Axis:
    """Break the texts of ticks into lines."""
    return replace(axis, ticks=tuple((at, _filled(text, longest)) for at, text in axis.ticks))


def _filled(text: str, longest: int) -> str:
    lines = text.split("\n")
    return "\n".join(fill(line, max(longest, 6), break_long_words=False) for line in lines)


def _characters(width: float) -> int:
    """Characters of a line along the width of a figure in mm."""
    return max(20, int(_LONGEST * width / WIDTH))


def _row(holder: Figure | SubFigure, row: Sequence[m.Panel], width: float) -> None:
    panels = holder.subplots(1, len(row), squeeze=False)[0]
    maps = []
    for axes, panel in zip(panels, row, strict=True):
        images = _panel(axes, panel, _characters(width) // len(row))
        maps += [(axes, cells, image) for cells, image in images]
    if maps:  # maps of a row share their scale of colours
        _colour_bar(holder, [axes for axes, _, _ in maps], *maps[-1][1:])


def _panel(axes: Axes, panel: m.Panel, longest: int) -> list[tuple[m.Cells, Any]]:
    images = []
    tidy(axes, fill(_label(panel.x), longest), fill(_label(panel.y), _TALLEST))
    beside = max((len(line) for _, text in panel.y.ticks for line in text.split("\n")), default=0)
    longest = max(20, longest - beside)
    if notes := [note for note in (panel.x.note, panel.y.note) if note]:
        axes.annotate(fill(" ".join(notes), int(_SMALLER * longest)), (0.5, 0),
                      xycoords=axes.xaxis.label, xytext=(0, -2), textcoords="offset points",
                      ha="center", va="top", fontsize=SMALL, color=IDEAL.colour)  # fmt: skip
    for way, axis in (("x", panel.x), ("y", panel.y)):
        if axis.logarithmic:  # before anything is drawn, as contours need it
            axes.set(**{f"{way}scale": "log"})
        if axis.limits is not None:
            axes.set(**{f"{way}lim": axis.limits})
    for number, mark in enumerate(panel.marks):
        image = _mark(axes, mark, 2 + 0.01 * number, clipped=bool(panel.x.cut or panel.y.cut))
        if isinstance(mark, m.Cells):
            images.append((mark, image))
            axes.grid(visible=False)
    _scale(axes, "x", panel.x, panel)
    _scale(axes, "y", panel.y, panel)
    above = [mark for mark in panel.marks if isinstance(mark, m.Guide) and mark.across == "x"]
    if panel.title:
        rise = FONT + 6 if any(mark.text for mark in above) else None
        axes.set_title(fill(panel.title, longest) if "\n" not in panel.title else panel.title,
                       loc="left", fontsize=FONT, pad=rise)  # fmt: skip
    return images


def _label(axis: m.Axis) -> str:
    return f"{axis.title} [%]" if axis.percent and axis.title else axis.title


def _scale(axes: Axes, way: Literal["x", "y"], axis: m.Axis, panel: m.Panel) -> None:
    """Set limits, ticks and their texts."""
    target = axes.xaxis if way == "x" else axes.yaxis
    low, high = axes.get_xlim() if way == "x" else axes.get_ylim()
    if axis.ticks:
        target.set_ticks([at for at, _ in axis.ticks], [text for _, text in axis.ticks],
                         fontsize=FONT)  # fmt: skip
    elif axis.time and way == "x":
        time_axis(axes, *_extent(panel))
    elif axis.time:
        target.set_major_locator(FixedLocator(time_ticks(low, high)))
        target.set_major_formatter(FuncFormatter(lambda value, _: duration(value)))
        target.set_minor_locator(NullLocator())
    elif axis.percent:
        target.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g}"))
        if not axis.logarithmic:
            axes.set(**{f"{way}lim": (low, min(high, 1.02))})
    elif axis.unit != "1":
        quantity_axis(target, axis.unit, low if axis.logarithmic else 0.0, high)
    elif axis.logarithmic:
        target.set_major_locator(LogLocator(numticks=8))
        target.set_major_formatter(FuncFormatter(lambda value, _: engineering(value)))
        target.set_minor_formatter(NullFormatter())
    elif axis.whole:
        target.set_major_locator(MaxNLocator(nbins=6, integer=True))
    elif 0 < max(abs(low), abs(high)) < 1e-2:
        target.set_major_formatter(FuncFormatter(lambda value, _: engineering(value)))
    if axis.downward:
        target.set_inverted(True)
    if axis.bare:
        _bare(axes, way)
    if axis.cut:
        end = 0.0 if (axis.cut == "low") != axis.downward else 1.0
        at = 0.045 if end == 0 else 0.955
        place = (at, 0.0) if way == "x" else (0.0, at)
        turned = {"marker": [(-0.6, -1), (0.6, 1)]} if way == "x" else {}
        for shift in (-0.011, 0.011):
            axes.plot(*(each + shift * (each == at) for each in place),
                      transform=axes.transAxes, **(_CUT | turned))  # fmt: skip


def _bare(axes: Axes, way: Literal["x", "y"]) -> None:
    axes.tick_params(axis=way, length=0)
    axes.spines["bottom" if way == "x" else "left"].set_visible(False)
    axes.grid(visible=False)
    if way == "y":
        axes.set_yticks([])


def _extent(panel: m.Panel) -> tuple[float, float]:
    """Smallest and largest x of a panel's series."""
    across = np.concatenate([mark.x for mark in panel.marks if isinstance(mark, m.Series)])
    return float(np.nanmin(across)), float(np.nanmax(across))


def _mark(axes: Axes, mark: m.Mark, order: float, *, clipped: bool) -> Any:
    match mark:
        case m.Series():
            _series(axes, mark, order, clipped=clipped)
        case m.Paths():
            axes.plot(mark.x.T, mark.y.T, zorder=order, **_line(mark.look))
        case m.Area():
            axes.fill(mark.x, mark.y, color=mark.look.colour, alpha=mark.look.opacity, linewidth=0,
                      zorder=order)  # fmt: skip
        case m.Bars():
            axes.barh(mark.places, mark.lengths, left=mark.starts, height=mark.thickness,
                      color=mark.look.colour, zorder=order, edgecolor="white", linewidth=0.4,
                      error_kw={**_NEEDLES, "ecolor": "0.2", "zorder": order},
                      xerr=mark.bars,
                      hatch=3 * mark.look.pattern or None)  # fmt: skip
        case m.Guide():
            _guide(axes, mark, order)
        case m.Cells():
            return _cells(axes, mark)
        case m.Contour():
            there = [v for v in mark.levels if mark.values.min() < v < mark.values.max()]
            if there:
                axes.contour(mark.x, mark.y, mark.values, levels=there, colors=mark.look.colour,
                             linewidths=mark.look.width, zorder=order,
                             linestyles=_CONTOURS.get(mark.look.line, "dashed"))  # fmt: skip
        case m.Text():
            side, offset = _ANCHORS[mark.anchor]
            axes.annotate(mark.text, (mark.x, mark.y), xytext=(offset, 0), ha=side, va="center",
                          textcoords="offset points", fontsize=SMALL, zorder=5, bbox=_BEHIND,
                          color=mark.colour or "0.1", annotation_clip=False)  # fmt: skip
    return None


def _series(axes: Axes, mark: m.Series, order: float, *, clipped: bool) -> None:
    look = mark.look
    bars: dict[str, Any] = {"xerr": mark.x_bars, "yerr": mark.y_bars, **_NEEDLES}
    barred = mark.x_bars is not None or mark.y_bars is not None
    if not look.line:
        if barred:
            axes.errorbar(mark.x, mark.y, fmt="none", ecolor=look.colour, zorder=order, **bars)
        axes.scatter(mark.x, mark.y, s=look.size**2, marker=look.marker, zorder=order,
                     alpha=look.opacity, rasterized=len(mark.x) > _CROWD, clip_on=clipped,
                     **_edge(look))  # fmt: skip
    elif mark.steps:
        axes.step(mark.x, mark.y, where="post", zorder=order, **_line(look), label=mark.name)
    elif barred:
        axes.errorbar(mark.x, mark.y, **_line(look), **bars, label=mark.name, zorder=order)
    else:
        axes.plot(mark.x, mark.y, **_line(look), label=mark.name, zorder=order)


def _edge(look: m.Look) -> dict[str, Any]:
    if look.marker == "x":
        return {"c": look.colour, "linewidths": 1.0}
    if look.hollow:
        return {"facecolors": "white", "edgecolors": look.colour,
                "linewidths": 0.5 if look.size < 4 else 1.4}  # fmt: skip
    if look.opacity < 1 or look.marker in ("P", "X"):  # an edge would leave little of these
        return {"c": look.colour, "linewidths": 0, "edgecolors": "none"}
    return {"c": look.colour, "linewidths": 0.5, "edgecolors": "white"}


def _line(look: m.Look) -> dict[str, Any]:
    hollow = {"markerfacecolor": "white", "markeredgecolor": look.colour, "markeredgewidth": 1.0}
    return {"color": look.colour, "linewidth": look.width, "linestyle": _LINES[look.line],
            "alpha": look.opacity, "marker": look.marker or None, "markersize": look.size,
            "markeredgecolor": "white", "markeredgewidth": 0.5,
            **(hollow if look.hollow else {})}  # fmt: skip


def _guide(axes: Axes, mark: m.Guide, order: float) -> None:
    draw = axes.axvline if mark.across == "x" else axes.axhline
    draw(mark.at, color=mark.look.colour, linewidth=mark.look.width,
         zorder=order if mark.front else 1.5, linestyle=_LINES[mark.look.line],
         label=mark.name or mark.text, path_effects=_HALO if mark.front else None)  # fmt: skip
    if mark.text and mark.across == "x":
        axes.annotate(mark.text, (mark.at, 1.0), xycoords=("data", "axes fraction"),
                      xytext=(0, 2), textcoords="offset points", va="bottom",
                      ha="right" if mark.start else "center",
                      fontsize=SMALL, color=mark.look.colour)  # fmt: skip
    elif mark.text:
        end, side = (0.005, "left") if mark.start else (0.995, "right")
        axes.annotate(mark.text, (end, mark.at), xycoords=("axes fraction", "data"),
                      xytext=(0, -1.5 if mark.below else 1.5), textcoords="offset points",
                      ha=side, va="top" if mark.below else "bottom", zorder=1.6, fontsize=SMALL,
                      bbox=_BEHIND | {"pad": 0}, color=mark.look.colour)  # fmt: skip


def _cells(axes: Axes, mark: m.Cells) -> Any:
    if mark.smooth:
        return axes.contourf(mark.x, mark.y, mark.values, levels=mark.levels, cmap=mark.colours,
                             alpha=0.8)  # fmt: skip
    norm = (LogNorm if mark.scale.logarithmic else Normalize)(mark.low, mark.high)
    image = axes.pcolormesh(*map(_borders, (mark.x, mark.y)), mark.values, cmap=mark.colours,
                            norm=norm, edgecolors="white")  # fmt: skip
    for y, line, values in zip(mark.y, mark.text, mark.values, strict=False):
        for x, text, value in zip(mark.x, line, values, strict=True):
            if text:
                axes.text(x, y, text.strip("*"), ha="center", va="center", fontsize=SMALL,
                          fontweight="bold" if text.startswith("*") else "normal",
                          color="white" if value > 0.6 * mark.high else "0.2")  # fmt: skip
    return image


def _borders(middles: np.ndarray[Any, np.dtype[np.float64]]) -> Any:
    return np.append(middles - 0.5, middles[-1] + 0.5)


def _colour_bar(
    holder: Figure | SubFigure, panels: Sequence[Axes], cells: m.Cells, image: Any
) -> None:
    bar = holder.colorbar(image, ax=panels, pad=0.02)
    bar.ax.tick_params(labelsize=FONT, width=0.6, length=3)
    bar.outline.set_linewidth(0.6)
    scale = cells.scale
    bar.set_label(_label(scale), fontsize=FONT)
    if cells.levels:
        bar.set_ticks(list(cells.levels))
    if scale.percent:
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.3g}"))
    elif scale.unit != "1":
        low = cells.low if scale.logarithmic else 0.0
        quantity_axis(bar.ax.yaxis, scale.unit, low, cells.high)


def _legend(figure: Figure, last: Figure | SubFigure, picture: m.Picture) -> None:
    """Put the legend next to the panels, or into its own space below them."""
    handles = [_handle(name, look) for name, look in picture.legend.items()]
    shared: dict[str, Any] = {"fontsize": FONT, "frameon": False, "handlelength": 1.8,
                              "columnspacing": 1.4, "title_fontsize": FONT}  # fmt: skip
    title = picture.legend_title or None
    if picture.beside:
        last.legend(handles=handles, loc="outside right upper", title=title, **shared)
        return
    longest = max(map(len, picture.legend))
    # At 8 pt a character takes about 1.45 mm and a handle with its gaps about 11 mm.
    columns = max(1, min(len(handles), int(picture.width / (1.45 * longest + 11))))
    lines = -(-len(handles) // columns) + (title is not None)
    figure.set_size_inches(picture.width * MILLIMETRE, (picture.height + 4.2 * lines) * MILLIMETRE)
    last.legend(handles=handles, loc="outside lower center", ncols=columns, title=title, **shared)


def _handle(name: str, look: m.Look) -> Any:
    if look.marker or look.line:
        face = "white" if look.hollow else look.colour
        edge = look.colour if look.hollow else "white"
        return Line2D([], [], label=name, **_line(look)
                      | {"markerfacecolor": face, "markeredgecolor": edge})  # fmt: skip
    return Patch(facecolor=look.colour, label=name, edgecolor="white",
                 hatch=3 * look.pattern or None, linewidth=0.4)  # fmt: skip
