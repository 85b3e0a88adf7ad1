"""Interactive figures: a `Picture` as plotly's `data` and `layout`, plain data without plotly.

Texts from a store are escaped here, as plotly reads a kind of HTML. Axes are in one unit with its
SI prefix, so that they stay right when one zooms.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from html import escape
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex, to_rgb

from matsweep.core.printing import printable
from matsweep.core.units import duration, engineering
from matsweep.reporting.figures import marks as m
from matsweep.reporting.figures.style import QuantityFormatter, time_ticks
from matsweep.reporting.texts import scaled

INK, GREY = "#1a1a1a", "#595959"
_SYMBOLS = {
    "o": "circle", "s": "square", "^": "triangle-up", "D": "diamond", "v": "triangle-down",
    "P": "cross", "X": "x", "<": "triangle-left", ">": "triangle-right", "x": "x-thin-open",
    "": "circle",
}  # fmt: skip
_DASHES = {"": "solid", "solid": "solid", "dash": "dash", "dot": "dot", "dashdot": "dashdot"}
_ANCHORS = {"left": ("left", 6), "middle": ("center", 0), "right": ("right", -6)}
_PIXELS = 2.0  # of a screen for a point of print
_LONGEST = 48  # characters of a line of a title
_NOTE = 46  # the same of a note below it
_LETTER, _SMALL = 7.6, 6.4  # pixels of a letter of a title and of a note
_UNIT = " (mm²)"  # with the space that a unit takes in a title
_LEFT, _RIGHT = 64.0, 24.0  # pixels next to a panel, at least
_SHORT = 9  # letters between parallel axes, at least
_PAGE = 1160  # pixels of a wide page
_ABOVE, _AROUND = 22, 130  # pixels: of texts of lines above a panel; of all around panels
_EDGE = 0.002  # of an axis
_DECADES = 1000.0  # ratio of the ends of a logarithmic axis, beyond which ticks are whole decades
_GAP = 0.09  # of the width between panels

type _Trace = dict[str, Any]
type _About = Callable[[m.Rows], tuple[list[str], list[list[str]]]]


def plot(picture: m.Picture) -> dict[str, Any]:
    """Convert a picture to a figure of plotly.

    Parameters
    ----------
    picture : Picture

    Returns
    -------
    dict
        `data` and `layout`, of numbers and texts only.
    """
    picture = m.escaped(picture)
    counts, looks = Counter(mark.name for mark in picture.named), picture.legend
    # A legend takes its look from a trace: of several, or a faint one, from one without points.
    alone = {mark.name for mark in picture.named if counts[mark.name] == mark.look.opacity == 1}
    data = [_entry(name, look) for name, look in looks.items() if name not in alone]
    layout = _layout(picture)
    for number, (panel, domain) in enumerate(_domains(picture), start=1):
        suffix = "" if number == 1 else str(number)
        x, y = _Scale.of(panel, "x"), _Scale.of(panel, "y")
        layout[f"xaxis{suffix}"] = x.layout() | {"domain": domain[0], "anchor": f"y{suffix}"}
        layout[f"yaxis{suffix}"] = y.layout() | {"domain": domain[1], "anchor": f"x{suffix}"}
        for mark in panel.marks:
            if isinstance(mark, m.Text):
                layout["annotations"].append(_note(mark, x, y, suffix))
                continue
            for trace in _traces(mark, x, y, picture.about, domain):
                name = getattr(mark, "name", "")
                shown = name in alone
                group = {"legendgroup": safe(name)} if name in looks and not shown else {}
                data.append({"name": safe(name), **group, "showlegend": shown,
                             "xaxis": f"x{suffix}", "yaxis": f"y{suffix}", **trace})  # fmt: skip
        if number > 1 or len(list(picture.panels)) > 1:
            layout["annotations"].append(_heading(panel, domain))
        layout["annotations"] += [
            _cut(way, panel, suffix) for way in ("x", "y") if getattr(panel, way).cut
        ]
    return {"data": data, "layout": layout}


def least_width(picture: m.Picture) -> int:
    """Width that the texts of a figure need on a screen: titles, notes and labels next to axes.

    Parameters
    ----------
    picture : Picture

    Returns
    -------
    int
        Pixels, as far as a wide screen has them.
    """
    widest = max(sum(map(_width, row)) for row in picture.rows)
    return min(int(widest), _PAGE)


def _width(panel: m.Panel) -> float:
    """Width of a panel in pixels: at its left the labels of y, below it the texts of x."""
    labels = [line for _, text in panel.y.ticks for line in text.split("\n")]
    left = max([_LEFT, *(_LETTER * len(text) for text in labels)])
    title, note = (min(len(text), longest) for text, longest in
                   ((panel.x.title + _UNIT, _LONGEST), (panel.x.note, _NOTE)))  # fmt: skip
    texts = max(_LETTER * title, _SMALL * note)
    if panel.y.bare and panel.x.ticks:  # parallel axes: texts stand to the right of each
        marks = [mark.text for mark in panel.marks if isinstance(mark, m.Text)]
        step = max([_LETTER * _SHORT, *(_SMALL * (len(text) + 2) for text in marks)])
        texts = max(texts, step * len(panel.x.ticks))
    return left + texts + _RIGHT


def safe(text: object) -> str:
    """Escape a text for plotly, which reads a kind of HTML.

    Parameters
    ----------
    text : object

    Returns
    -------
    str
    """
    return escape(printable(text), quote=False).replace("\n", "<br>")


def rounded(values: m.Numbers | Iterable[float]) -> list[float | None]:
    """Round numbers to 6 digits, beyond the resolution of a screen; None for NaN, as JSON has none.

    Parameters
    ----------
    values : (value,) array or iterable of float

    Returns
    -------
    list of float or None
    """
    listed = np.asarray(values, dtype=np.float64).tolist()
    return [float(f"{v:.6g}") if np.isfinite(v) else None for v in listed]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    """An axis in the unit that its title names."""

    axis: m.Axis
    factor: float
    written: str
    extent: tuple[float, float]

    @classmethod
    def of(cls, panel: m.Panel, way: str) -> _Scale:
        axis: m.Axis = getattr(panel, way)
        parts = [np.ravel(values) for mark in panel.marks for values in _values(mark, way)]
        values = np.concatenate([np.empty(0), *parts])
        values = values[np.isfinite(values)]
        factor, unit = 1.0, ""
        if not (axis.ticks or axis.time):
            factor, unit = scaled(values, axis.title, axis.unit, share=axis.percent)
        extent = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
        return cls(axis=axis, factor=factor, written=unit, extent=extent)

    @property
    def unit(self) -> str:
        """The unit, safe within plotly's templates."""
        return _template(self.written)

    @property
    def category(self) -> bool:
        """Whether places are texts: times of which one is 0, which a logarithm cannot show."""
        return self.axis.time and not self.axis.logarithmic

    def of_values(self, values: m.Numbers) -> list[Any]:
        if self.category:
            return [duration(float(value)) for value in values]
        return rounded(self.factor * values)

    def layout(self) -> dict[str, Any]:
        axis, (low, high) = self.axis, self.extent
        title = axis.title + (f" ({self.written})" if self.written and axis.title else "")
        kind = "category" if self.category else "log" if axis.logarithmic else "linear"
        text = safe(fill(title, _LONGEST))
        if axis.note:
            text += f'<br><span style="font-size:11px">{safe(fill(axis.note, _NOTE))}</span>'
        settings: dict[str, Any] = {
            "title": {"text": text}, "type": kind, "linecolor": GREY,
            "gridcolor": "#e3e3e3",
            "ticks": "outside", "zeroline": False, "automargin": True,
        }  # fmt: skip
        if axis.bare:
            settings |= {"showgrid": False, "ticks": "", "showline": False}
            settings |= {} if axis.ticks else {"visible": False}
        ticks = axis.ticks
        if axis.time and axis.logarithmic:
            ticks = tuple((at, duration(at)) for at in time_ticks(low / 2, high * 2))
        if ticks:
            settings |= {
                "tickvals": [at for at, _ in ticks],
                "ticktext": [safe(t) for _, t in ticks],
            }
        elif axis.logarithmic:
            low, high = (self.factor * each for each in axis.limits or self.extent)
            settings |= _decades(low, high)
        if axis.limits is not None:
            ends = self.factor * np.array(axis.limits)
            settings["range"] = rounded(np.log10(ends) if axis.logarithmic else ends)
        if axis.downward:
            settings |= {"range": settings["range"][::-1]} if "range" in settings else {
                "autorange": "reversed"}  # fmt: skip
        return settings


def _decades(low: float, high: float) -> dict[str, Any]:
    """Ticks of a logarithmic axis, at 1, 2 and 5 times the powers of ten where they are few."""
    if not 0 < low < high:
        return {}
    if high > _DECADES * low:
        return {"dtick": 1}
    powers = np.arange(np.floor(np.log10(low)) - 1, np.ceil(np.log10(high)) + 1)
    places = np.outer(10.0**powers, [1.0, 2.0, 5.0]).ravel()
    return {"tickvals": rounded(places), "ticktext": [f"{at:g}" for at in places]}


def _values(mark: m.Mark, way: str) -> Iterator[Any]:
    """Yield the values of a mark on an axis."""
    if isinstance(mark, m.Guide):
        if mark.across == way:
            yield mark.at
    elif isinstance(mark, m.Bars):
        yield mark.places if way == "y" else mark.starts + mark.lengths
    else:
        yield getattr(mark, way)


def _traces(
    mark: m.Mark, x: _Scale, y: _Scale, about: _About | None, domain: Any
) -> Iterator[_Trace]:
    match mark:
        case m.Series():
            yield _series(mark, x, y, about)
        case m.Paths():
            yield _paths(mark, x, y)
        case m.Area():
            yield {
                "type": "scatter", "mode": "lines", "x": x.of_values(mark.x),
                "y": y.of_values(mark.y), "fill": "toself", "line": {"width": 0},
                "fillcolor": _faint(mark.look), "hoverinfo": "skip",
            }  # fmt: skip
        case m.Bars():
            yield _bars(mark, x)
        case m.Guide():
            yield _guide(mark, x, y)
        case m.Cells():
            yield _cells(mark, x, y, last=domain[0][1] == 1)
        case m.Contour():
            low, high = (100 * mark.levels[at] for at in (0, -1))
            yield {
                "type": "contour", "x": x.of_values(mark.x), "y": y.of_values(mark.y),
                "z": [rounded(100 * row) for row in mark.values], "showscale": False,
                "hoverinfo": "skip", "line": _line(mark.look),
                "contours": {"coloring": "none", "start": low, "end": high,
                             "size": max(high - low, 1.0)},
            }  # fmt: skip


def _series(mark: m.Series, x: _Scale, y: _Scale, about: _About | None) -> _Trace:
    look = mark.look
    modes = [mode for mode, there in (("lines", look.line), ("markers", look.marker)) if there]
    trace: _Trace = {
        "type": "scatter", "mode": "+".join(modes), "x": x.of_values(mark.x),
        "y": y.of_values(mark.y), "marker": _marker(look),
        "line": _line(look) | ({"shape": "hv"} if mark.steps else {}),
    }  # fmt: skip
    for way, bars, scale in (("x", mark.x_bars, x), ("y", mark.y_bars, y)):
        if bars is not None and np.nan_to_num(bars).any():
            trace[f"error_{way}"] = _needles(scale.factor * bars, look.colour)
    if mark.rows is not None and about is not None:
        names, cells = about(mark.rows)
        lines = [f"{_template(name)}: %{{customdata[{at}]}}" for at, name in enumerate(names)]
        trace["customdata"] = [[safe(cell) for cell in row] for row in cells]
        template = "<b>%{fullData.name}</b><br>" + "<br>".join(lines)
    elif mark.text:
        trace["text"] = [safe(text) for text in mark.text]
        template = f"%{{text}}<br>%{{y:.4g}} {y.unit}" if not y.axis.ticks else "%{text}"
    else:
        template = f"<b>%{{fullData.name}}</b><br>%{{x:.4g}}: %{{y:.4g}} {y.unit}"
    if look.line and not look.marker and not mark.text:
        return trace | {"hoverinfo": "skip"}
    return trace | {"hovertemplate": f"{template}<extra></extra>"}


def _paths(mark: m.Paths, x: _Scale, y: _Scale) -> _Trace:
    """Lines as one trace, with gaps between them."""
    gap = np.full((len(mark.x), 1), np.nan)
    across, up = (np.hstack([values, gap]).ravel() for values in (mark.x, mark.y))
    trace: _Trace = {
        "type": "scatter", "mode": "lines+markers" if mark.look.marker else "lines",
        "x": x.of_values(across), "y": y.of_values(up), "line": _line(mark.look),
        "marker": _marker(mark.look), "opacity": mark.look.opacity,
    }  # fmt: skip
    if not mark.text:
        return trace | {"hoverinfo": "skip"}
    return trace | {
        "text": [safe(text) for line in mark.text for text in (*line, "")],
        "hovertemplate": "<b>%{fullData.name}</b><br>%{text}<extra></extra>",
    }


def _bars(mark: m.Bars, x: _Scale) -> _Trace:
    look = mark.look
    trace: _Trace = {
        "type": "bar", "orientation": "h", "y": rounded(mark.places), "width": mark.thickness,
        "x": x.of_values(mark.lengths), "base": x.of_values(mark.starts),
        "text": [safe(text) for text in mark.text], "textposition": "none",
        "customdata": x.of_values(mark.lengths),
        "hovertemplate": "%{text}<br>%{fullData.name}: %{customdata:.3g} "
        f"{x.unit}<extra></extra>",
        "marker": {"color": look.colour, "line": {"color": "white", "width": 0.5},
                   "pattern": {"shape": look.pattern, "fgcolor": "white", "size": 7,
                               "solidity": 0.2, "bgcolor": look.colour}},
    }  # fmt: skip
    if mark.bars is not None:
        trace["error_x"] = _needles(x.factor * mark.bars, GREY)
    return trace


def _guide(mark: m.Guide, x: _Scale, y: _Scale) -> _Trace:
    """Draw a line from the first to the last value, its text at the right or the upper end."""
    along = y if mark.across == "x" else x
    ends = along.of_values(_within(along.axis.limits or along.extent, along.axis))
    at = (x if mark.across == "x" else y).of_values(np.full(2, mark.at))
    places = {"x": at, "y": ends} if mark.across == "x" else {"x": ends, "y": at}
    text: _Trace = {"mode": "lines"}
    if mark.text:
        # The first value is at the left end, or on top where the axis goes down.
        first = along.axis.downward if mark.across == "x" else mark.start
        side, end = "bottom" if mark.below else "top", "right" if mark.start else "left"
        text = {
            "mode": "lines+text", "textfont": {"size": 11, "color": mark.look.colour},
            "text": [safe(mark.text), ""] if first else ["", safe(mark.text)],
            "textposition": f"{side} {end}" if mark.across == "y" else
            "top left" if mark.start else "top center",
            "cliponaxis": False,
        }  # fmt: skip
    return {"type": "scatter", **places, **text, "line": _line(mark.look), "hoverinfo": "skip"}


def _within(ends: tuple[float, float], axis: m.Axis) -> m.Numbers:
    """Move the ends of an axis in by a little: what rounding puts beyond them is not drawn."""
    low, high = np.log(ends) if axis.logarithmic else np.array(ends)
    inner = np.array([low + _EDGE * (high - low), high - _EDGE * (high - low)])
    return np.asarray(np.exp(inner) if axis.logarithmic else inner)


def _cells(mark: m.Cells, x: _Scale, y: _Scale, *, last: bool) -> _Trace:
    scale, values, ends = mark.scale, mark.values, np.array([mark.low, mark.high])
    factor, unit = scaled(values.ravel(), "", scale.unit, share=scale.percent)
    bar: dict[str, Any] = {
        "title": {"text": safe(f"{scale.title} ({unit})" if unit else scale.title)}
    }
    shades = colormaps[mark.colours](np.linspace(0, 1, 9))
    hover: _Trace = {"hovertemplate": f"%{{z:.3g}} {_template(unit)}<extra></extra>"}
    if scale.logarithmic:
        ticks = np.geomspace(mark.low, mark.high, 4)
        bar |= {
            "tickvals": rounded(np.log10(ticks)),
            "ticktext": QuantityFormatter(scale.unit).format_ticks(ticks.tolist()),
        }
        hover = {"customdata": [[engineering(float(v), scale.unit) for v in row] for row in values],
                "hovertemplate": "%{customdata}<extra></extra>"}  # fmt: skip
        values, ends, factor = np.log10(values), np.log10(ends), 1.0
    if mark.text:
        hover |= {"text": [[safe(text.strip("*")) for text in row] for row in mark.text],
                 "texttemplate": "%{text}"}  # fmt: skip
    return {
        "type": "heatmap", "x": x.of_values(mark.x), "y": y.of_values(mark.y), **hover,
        "z": [rounded(factor * row) for row in values],
        "zmin": factor * float(ends[0]), "zmax": factor * float(ends[1]),
        "colorscale": [[at / 8, to_hex(shade)] for at, shade in enumerate(shades)],
        "zsmooth": "best" if mark.smooth else False, "opacity": 0.8 if mark.smooth else 1.0,
        "showscale": last, "colorbar": bar,
    }  # fmt: skip


def _note(mark: m.Text, x: _Scale, y: _Scale, suffix: str) -> dict[str, Any]:
    side, shift = _ANCHORS[mark.anchor]
    across, up = (
        float(np.log10(scale.factor * at)) if scale.axis.logarithmic else scale.factor * at
        for scale, at in ((x, mark.x), (y, mark.y))
    )  # annotations take the logarithm on a logarithmic axis
    return {
        "x": across, "y": up, "xref": f"x{suffix}", "yref": f"y{suffix}",
        "text": safe(mark.text), "showarrow": False, "xanchor": side, "xshift": shift,
        "font": {"size": 11, "color": mark.colour or INK}, "bgcolor": "rgba(255,255,255,0.8)",
    }  # fmt: skip


def _cut(way: str, panel: m.Panel, suffix: str) -> dict[str, Any]:
    """Mark of a cut on an axis."""
    axis: m.Axis = getattr(panel, way)
    at = 0.04 if (axis.cut == "low") != axis.downward else 0.96
    x, y = (at, 0) if way == "x" else (0, at)
    return {
        "x": x, "y": y, "xref": f"x{suffix} domain", "yref": f"y{suffix} domain",
        "text": "//" if way == "x" else "=", "showarrow": False, "bgcolor": "white",
        "textangle": 0 if way == "x" else -20, "font": {"size": 15, "color": INK},
        "borderpad": 0,
    }  # fmt: skip


def _heading(panel: m.Panel, domain: Any) -> dict[str, Any]:
    return {
        "x": domain[0][0], "y": domain[1][1], "xref": "paper", "yref": "paper", "showarrow": False,
        "text": safe(panel.title), "xanchor": "left", "yanchor": "bottom",
        "font": {"size": 12, "color": INK},
    }  # fmt: skip


def _entry(name: str, look: m.Look) -> _Trace:
    """Legend entry: a trace without points."""
    if not look.marker and not look.line:
        look = replace(look, marker="s", size=5.0)
    modes = [mode for mode, there in (("lines", look.line), ("markers", look.marker)) if there]
    return {
        "type": "scatter", "mode": "+".join(modes), "x": [None], "y": [None], "hoverinfo": "skip",
        "name": safe(name), "legendgroup": safe(name), "marker": _marker(look),
        "line": _line(look), "showlegend": True,
    }  # fmt: skip


def _marker(look: m.Look) -> dict[str, Any]:
    edge = look.colour if look.hollow or look.marker == "x" else "white"
    return {
        "color": "white" if look.hollow else look.colour, "symbol": _SYMBOLS[look.marker],
        "size": round(_PIXELS * look.size, 1), "opacity": look.opacity,
        "line": {"color": edge, "width": 2 if look.hollow else int(look.opacity == 1)},
    }  # fmt: skip


def _line(look: m.Look) -> dict[str, Any]:
    return {"color": look.colour, "width": 1.6 * look.width, "dash": _DASHES[look.line]}


def _needles(lengths: m.Numbers, colour: str) -> dict[str, Any]:
    *below, above = np.atleast_2d(np.nan_to_num(lengths))
    sides = {"symmetric": False, "arrayminus": rounded(below[0])} if below else {}
    return {"type": "data", "array": rounded(above), **sides, "color": colour,
            "thickness": 1, "width": 2}  # fmt: skip


def _faint(look: m.Look) -> str:
    red, green, blue = (round(255 * part) for part in to_rgb(look.colour))
    return f"rgba({red},{green},{blue},{look.opacity:g})"


def _template(text: str) -> str:
    return safe(text).replace("%{", "% {")


def _domains(picture: m.Picture) -> Iterator[tuple[m.Panel, tuple[list[float], list[float]]]]:
    """Yield each panel with its parts of the width and of the height."""
    rows = len(picture.rows)
    for line, row in enumerate(picture.rows):
        top = 1 - line / rows
        up = [top - 1 / rows + (0.12 if line < rows - 1 else 0.0), top - (0.08 if line else 0.0)]
        for at in range(len(row)):
            gap = _GAP / 2 if len(row) > 1 else 0.0
            left = at / len(row) + (gap if at else 0.0)
            right = (at + 1) / len(row) - (gap if at < len(row) - 1 else 0.0)
            yield row[at], ([round(left, 4), round(right, 4)], [round(each, 4) for each in up])


def _layout(picture: m.Picture) -> dict[str, Any]:
    """Layout: dark on white, of a fixed height that has room for the legend."""
    above = any(isinstance(mark, m.Guide) and mark.across == "x" and mark.text
                for panel in picture.panels for mark in panel.marks)  # fmt: skip
    clear = _ABOVE / max(picture.pixels - _AROUND, _ABOVE) if above else 0.06
    return {
        "height": picture.pixels + 20 * (len(picture.legend) // 4),
        "margin": {"l": 64, "r": 16, "t": 30 if len(list(picture.panels)) > 1 else 12, "b": 64},
        "font": {"size": 13, "color": INK}, "paper_bgcolor": "white", "plot_bgcolor": "white",
        "hovermode": "closest", "barmode": "overlay", "annotations": [],
        "hoverlabel": {"align": "left", "bgcolor": "white", "font": {"color": INK}},
        # Above the panels: below them it would run into the axis where a page is narrow.
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": round(1 + clear, 3),
                   "yanchor": "bottom",
                   "itemsizing": "constant", "traceorder": "normal",
                   "title": {"text": safe(picture.legend_title)}},
    }  # fmt: skip
