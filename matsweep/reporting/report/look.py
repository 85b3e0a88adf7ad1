"""What the interactive figures share: their look, and texts that plotly may show."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsweep.core.printing import printable
from matsweep.reporting.figures.style import Style

INK = "#1a1a1a"
GREY = "#595959"
LOOK: dict[str, Any] = {
    "font": {"size": 13, "color": INK},
    "paper_bgcolor": "white",
    "plot_bgcolor": "white",
    "hovermode": "closest",
    "hoverlabel": {"align": "left", "bgcolor": "white", "font": {"color": INK}},
}
"""Dark on white, of every layout."""


LEGEND: dict[str, Any] = {
    "orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom",
    "itemsizing": "constant",
    "traceorder": "normal",
}  # fmt: skip
"""Above the panel: below it would run into the axis where a page is narrow."""

_SYMBOLS = {
    "o": "circle", "s": "square", "^": "triangle-up", "D": "diamond", "v": "triangle-down",
    "P": "cross", "X": "x", "<": "triangle-left", ">": "triangle-right",
}  # fmt: skip


def marker(style: Style, *, strong: bool) -> dict[str, Any]:
    """Return the points of a material, as in the pictures; those that are not `strong` faint."""
    return {
        "color": style.colour, "symbol": _SYMBOLS[style.marker], "size": 10 if strong else 6,
        "opacity": 1.0 if strong else 0.45,
        "line": {"color": "white", "width": 1 if strong else 0},
    }  # fmt: skip


def legend_entry(style: Style, mode: str) -> dict[str, Any]:
    """Return a trace without points: a legend takes its look from a trace, and others are faint."""
    return {
        "type": "scatter", "mode": mode, "x": [None], "y": [None], "hoverinfo": "skip",
        "marker": marker(style, strong=True), "line": {"color": style.colour, "width": 2},
    }  # fmt: skip


def rounded(values: NDArray[np.float64]) -> list[float | None]:
    """Return numbers with 6 digits, as no screen shows more; None for NaN, as JSON has none."""
    return [float(f"{v:.6g}") if np.isfinite(v) else None for v in values.tolist()]


def safe(text: object) -> str:
    """Return a text of a store as plotly shows it as it is: it reads a kind of HTML."""
    return escape(printable(text), quote=False)
