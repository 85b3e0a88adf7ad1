"""The picture of a study of physics or of learning: all that decides it, against what was swept."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from matsweep.analysis.attributes import parameters, short_names, states
from matsweep.analysis.objectives import usual
from matsweep.analysis.summary import summarise
from matsweep.analysis.view import View
from matsweep.core.checks import UserError
from matsweep.core.units import duration, engineering
from matsweep.reporting.figures.style import FONT, drawing, quantity_axis, tidy

_YEAR = 31_557_600.0
_TICKS = (1e-9, 1e-6, 1e-3, 1.0, 60.0, 3600.0, 86_400.0, 864_000.0,
          *(_YEAR * 10.0**power for power in range(7)))  # fmt: skip
_TITLES = {
    "accuracy": "accuracy (%)",
    "retention": "half lost at 85 °C after",
    "write_energy": "energy to program a device",
    "training_energy": "energy of the training",
    "pulses_p999": "pulses, 99.9th percentile",
}


def tradeoff_figure(ds: xr.Dataset, *, time: float | str | None = None) -> Figure:
    """Draw what the study is judged by (`objectives.usual`) against what was swept.

    Of physics that is accuracy, retention and write energy; of learning accuracy, the energy of
    the training and the pulses that it gave.

    The horizontal axis is the last numeric axis that was swept, colours are the values of the
    other, if there is one; bars are one standard deviation over the realisations.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`, of a study that sweeps one or two numbers.
    time : float [s] or str, optional
        One of the stored times since programming. Default: the last.

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.

    Raises
    ------
    UserError
        If not one or two numbers were swept, or no candidate is done.
    """
    summary = summarise(ds, time)
    summary = summary.isel(candidate=np.flatnonzero(states(summary) == "done"))
    if not summary.sizes["candidate"]:
        raise UserError("no candidate is done, so there is nothing to draw")
    varied = [n for n in parameters(summary) if len(set(summary[n].values.tolist())) > 1]
    if not 1 <= len(varied) <= 2 or any(summary[n].dtype.kind not in "fiu" for n in varied):
        got = ", ".join(varied) or "none"
        raise UserError(f"the picture of a trade-off needs one or two swept numbers, got {got}")
    shown = [name for name in usual(View(summary)) if name in summary]
    with drawing(0.4) as figure:
        panels = figure.subplots(1, len(shown), squeeze=False)[0]
        for letter, name, panel in zip("abcd", shown, panels, strict=False):
            _panel(panel, summary, name, varied)
            panel.set_title(f"({letter}) {_title(name, summary)}", fontsize=FONT, loc="left")
        if len(varied) == 2:
            handles, labels = panels[0].get_legend_handles_labels()
            title = short_names(varied)[varied[0]]
            figure.legend(handles, labels, title=title, loc="outside lower center",
                          ncols=len(labels), fontsize=FONT, frameon=False)  # fmt: skip
    return figure


def _title(name: str, summary: xr.Dataset) -> str:
    if name != "accuracy" or "time" not in summary.coords:
        return _TITLES.get(name, name)
    return f"accuracy after {duration(float(summary['time']))} (%)"


def _panel(panel: Axes, summary: xr.Dataset, name: str, varied: list[str]) -> None:
    across, values = summary[varied[-1]].values.astype(float), summary[name].values.astype(float)
    spread = summary.get(f"{name}_std", xr.zeros_like(summary[name])).values
    hue = summary[varied[0]].values if len(varied) == 2 else np.zeros(across.size)
    known = sorted(set(hue.tolist()))
    colours = colormaps["viridis"](np.linspace(0, 0.85, len(known)))
    for level, colour in zip(known, colours, strict=True):
        chosen = np.flatnonzero(hue == level)
        chosen = chosen[np.argsort(across[chosen])]
        panel.errorbar(across[chosen], values[chosen], yerr=np.nan_to_num(spread[chosen]),
                       color=colour, marker="o", markersize=3, linewidth=1.0, elinewidth=0.6,
                       capsize=1.2, label=f"{level:g}")  # fmt: skip
    tidy(panel, short_names(varied)[varied[-1]], "")
    unit = str(summary[name].attrs.get("units", "1"))
    finite = values[np.isfinite(values) & (values > 0)]
    if name == "accuracy":
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g}"))
    elif finite.size and unit != "1":
        panel.set_yscale("log")
        low, high = float(finite.min()), float(finite.max())
        panel.set_ylim(low / 2, high * 2)
        quantity_axis(panel.yaxis, unit, low / 2, high * 2)
        if unit == "s":
            ticks = [tick for tick in _TICKS if low / 2 <= tick <= high * 2]
            panel.yaxis.set_major_locator(FixedLocator(ticks[:: -(-len(ticks) // 6) or 1]))
            panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: duration(value)))
            panel.yaxis.set_minor_locator(NullLocator())
    if np.ptp(across) > 0 and across.min() > 0 and across.max() / across.min() > 30:
        panel.set_xscale("log")
    if 0 < np.abs(across).max() < 1e-2:
        panel.xaxis.set_major_formatter(
            FuncFormatter(lambda value, _: engineering(value, "").strip())
        )
