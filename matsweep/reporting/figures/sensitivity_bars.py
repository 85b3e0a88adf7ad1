"""Sensitivity indices: bars, and pairs."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from matsweep.analysis.attributes import short_names
from matsweep.analysis.influence import meaning
from matsweep.core.checks import UserError
from matsweep.core.units import rounded
from matsweep.reporting.figures import marks as m
from matsweep.reporting.figures.labels import worded
from matsweep.reporting.figures.printed import draw
from matsweep.reporting.figures.style import PALETTE

_ALONE, _ALL = PALETTE[0], PALETTE[4]
_KINDS = {
    "ST": (("S1", "alone (S1)", _ALONE, -0.19), ("ST", "with interactions (ST)", _ALL, 0.19)),
    "median": (("median", "PAWN, median over slices", _ALONE, 0.0),),
    "delta": (("delta", "Borgonovo's delta", _ALONE, 0.0),),
}
_METHODS = {"sobol": "Sobol' indices", "pawn": "PAWN indices", "delta": "Borgonovo's delta"}
_MOST_PAIRS = 12  # parameters up to which a table of pairs can be read
_THRESHOLD = m.Look(colour="#333333", line="dash", width=0.9)


def sensitivity_figure(found: xr.Dataset) -> Figure:
    """Draw sensitivity indices as bars, with their intervals.

    Sobol' indices are drawn alone (`S1`) and with all interactions (`ST`), the strongest parameter
    first, and those of pairs as a table next to them; PAWN and delta with the threshold below which
    a parameter has no influence.

    Parameters
    ----------
    found : Dataset
        Result of `sensitivity`.

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.

    Raises
    ------
    UserError
        If it holds no indices.
    """
    return draw(sensitivity_picture(found))


def sensitivity_picture(found: xr.Dataset) -> m.Picture:
    """Describe sensitivity indices, the strongest parameter first.

    Parameters
    ----------
    found : Dataset
        Result of `sensitivity`.

    Returns
    -------
    Picture

    Raises
    ------
    UserError
        If it holds no indices.
    """
    if "parameter" not in found.dims or not {*_KINDS} & set(found.data_vars):
        raise UserError("found must be a result of sensitivity(), got a Dataset without indices")
    main = next(name for name in _KINDS if name in found)
    strongest = np.argsort(-np.nan_to_num(found[main].values), kind="stable")
    found = found.isel(parameter=strongest)
    names = [str(name) for name in found["parameter"].values]
    short = short_names(names)
    labels = [worded(name, short[name]) for name in names]
    pairs = "S2" in found and 2 <= len(names) <= _MOST_PAIRS
    bars = _bars(found, labels, main)
    panels = (bars, _interactions(found.sel(other=names), labels)) if pairs else (bars,)
    return m.Picture(
        name="sensitivity", title=f"What moves {found.attrs.get('metric', '')}", wide=pairs,
        caption=f"{_caption(found)}. {meaning(found)}{_ranges(found, labels)}",
        alt=_said(found, labels, main),
        heading=_caption(found), rows=(panels,),
        width=180.0 if pairs else 120.0, height=min(28.8 + 9.9 * len(names), 162.0),
        pixels=150 + 46 * len(names),
    )  # fmt: skip


def _said(found: xr.Dataset, labels: list[str], main: str) -> str:
    """State the index of each parameter, the strongest first."""
    halves = found[f"{main}_conf"].values
    parts = [
        f"{label} {rounded(float(value), float(half)) if half > 0 else f'{value:.2f}'}"
        for label, value, half in zip(labels, found[main].values, halves, strict=True)
    ]
    return f"{main} by parameter, the strongest first: {'; '.join(parts)}."


def _bars(indices: xr.Dataset, labels: list[str], main: str) -> m.Panel:
    places = np.arange(len(labels), dtype=np.float64)
    marks: list[m.Mark] = [
        m.Bars(
            places=places + shift, starts=0 * places, lengths=indices[name].values, name=label,
            thickness=0.36 if shift else 0.6, look=m.Look(colour=colour, pattern="/" * (shift > 0)),
            bars=indices[f"{name}_conf"].values, text=tuple(labels),
        )
        for name, label, colour, shift in _KINDS[main]
    ]  # fmt: skip
    if "threshold" in indices:
        ends = np.stack([places - 0.42, places + 0.42], axis=1)
        level = np.repeat(indices["threshold"].values[:, None], 2, axis=1)
        marks.append(m.Paths(x=level, y=ends, look=_THRESHOLD, name="without influence"))
    y = m.Axis(ticks=tuple(zip(places.tolist(), labels, strict=True)), downward=True,
             limits=(-0.5, len(labels) - 0.5))  # fmt: skip
    x = m.Axis(title="share of the variance" if main == "ST" else "index")
    return m.Panel(x=x, y=y, marks=tuple(marks), title="(a)" if "S2" in indices else "")


def _interactions(indices: xr.Dataset, labels: list[str]) -> m.Panel:
    values, half = indices["S2"].values, indices["S2_conf"].values
    shown = np.where(np.tri(len(labels), k=-1, dtype=bool), values, np.nan)[1:, :-1]
    sure = np.abs(shown) > half[1:, :-1]
    cell_texts = tuple(
        tuple(
            f"{'*' * bool(sure[row, column])}{value:.2f}".replace("-0.00", "0.00")
            if np.isfinite(value) else ""
            for column, value in enumerate(line)
        )
        for row, line in enumerate(shown)
    )  # fmt: skip
    places = np.arange(len(labels) - 1, dtype=np.float64)
    high = max(0.05, float(np.nanmax(np.nan_to_num(values))))
    cells = m.Cells(x=places, y=places, values=np.clip(shown, 0, None), colours="Blues", low=0.0,
                  high=high, scale=m.Axis(title="S2"), text=cell_texts)  # fmt: skip
    ends = (-0.5, len(places) - 0.5)
    return m.Panel(
        x=m.Axis(ticks=tuple(zip(places.tolist(), labels[:-1], strict=True)), limits=ends),
        y=m.Axis(ticks=tuple(zip(places.tolist(), labels[1:], strict=True)), limits=ends,
               downward=True),
        marks=(cells,), title="(b) pairs, beyond both alone (bold: surely)",
    )  # fmt: skip


def _ranges(indices: xr.Dataset, labels: list[str]) -> str:
    """Ranges for which the indices hold, where they are known."""
    if "over" not in indices.coords:
        return ""
    ranges = zip(labels, indices["over"].values, strict=True)
    return f" Ranges: {'; '.join(f'{label} {over}' for label, over in ranges)}."


def _caption(indices: xr.Dataset) -> str:
    name = str(indices.attrs.get("method", ""))
    method = _METHODS.get(name, "Sobol' indices of a fit")
    if name == "surrogate":
        method += f" (cross-validated r2 {indices.attrs['r2']:.3f})"
    confidence = 100 * float(indices.attrs.get("confidence", 0.95))
    return (
        f"{indices.attrs.get('metric', '')}: {method}; bars of error: {confidence:.3g} % intervals"
    )
