"""The picture of networks that learn on the devices: accuracy against epoch."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from matsweep.analysis.attributes import parameters, short_names, states
from matsweep.analysis.objectives import order
from matsweep.analysis.view import View
from matsweep.core.checks import UserError
from matsweep.reporting.figures.style import BASELINE, FONT, drawing, tidy

_MOST = 8


def learning_figure(ds: xr.Dataset) -> Figure:
    """Draw accuracy against epoch for the best candidates, and what floating point reaches.

    Lines are means over the realisations, bands one standard deviation to either side. Where more
    than eight candidates are done, eight are shown that are evenly spaced in rank, the best and
    the worst among them.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`, with `learning_accuracy` (candidate, realisation, epoch).

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.

    Raises
    ------
    UserError
        If nothing learned, or no candidate is done.
    """
    if "learning_accuracy" not in ds:
        raise UserError(
            "learning_accuracy is needed: only a workload that learns on devices has it"
        )
    if not (states(ds) == "done").any():
        raise UserError("no candidate is done, so there is nothing to draw")
    ranked = order(View(ds), "learning_accuracy")
    shown = ranked[np.unique(np.linspace(0, ranked.size - 1, min(_MOST, ranked.size)).round())
                   .astype(int)]  # fmt: skip
    known = [*(["material"] if "material" in ds.coords else []), *parameters(ds)]
    varied = [n for n in known if len(set(ds[n].values[ranked].tolist())) > 1]
    short = short_names(varied)
    values = ds["learning_accuracy"].transpose("candidate", "realisation", "epoch").values * 100
    epoch = ds["epoch"].values
    with drawing(0.45) as figure:
        panel = figure.subplots()
        colours = colormaps["viridis"](np.linspace(0, 0.9, shown.size))
        for at, colour in zip(shown, colours, strict=True):
            label = ", ".join(
                str(ds[n].values[at])
                if n == "material"
                else f"{short[n]} {_told(ds[n].values[at])}"
                for n in varied
            )
            mean = values[at].mean(axis=0)
            spread = values[at].std(axis=0, ddof=1) if values.shape[1] > 1 else 0 * mean
            panel.plot(epoch, mean, color=colour, linewidth=1.0, label=label or "the candidate")
            panel.fill_between(epoch, mean - spread, mean + spread, color=colour, alpha=0.18, lw=0)
        if (best := View(ds).reference("accuracy")) is not None:
            panel.axhline(100 * best, **BASELINE, label="floating point")
        tidy(panel, "epoch", "accuracy on held-out samples (%)")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.margins(x=0.01)
        panel.legend(fontsize=FONT, frameon=False, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def _told(value: object) -> str:
    return f"{value:g}" if isinstance(value, float | np.floating) else str(value)
