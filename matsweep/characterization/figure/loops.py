"""Figure of measured and modelled I-V sweeps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from matsweep.core.streams import FloatArray
from matsweep.identification.fitting import LoopFit, simulated
from matsweep.identification.measurements import Loop, turned
from matsweep.reporting.figures.style import FONT, WIDTH, drawing, quantity_axis, tidy

_MODEL, _MEASURED = "#D55E00", "#0072B2"
_MOST = 4  # devices drawn


def loop_figure(loops: Sequence[Loop], fit: LoopFit) -> Figure:
    """Draw measured against modelled loops, of up to four devices, linear and logarithmic.

    Parameters
    ----------
    loops : sequence of Loop
    fit : LoopFit

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.
    """
    drawn = list(loops)[:_MOST]
    with drawing(0.62, WIDTH * min(1.0, 0.28 + 0.24 * len(drawn))) as figure:
        panels = figure.subplots(2, len(drawn), squeeze=False)
        for index, loop in enumerate(drawn):
            driven = turned(loop) if fit.flipped else loop
            current = simulated(fit.models[index], fit.states[index], driven)
            current = -current if fit.flipped else current
            _loop(panels[0, index], loop, current, logarithmic=False)
            _loop(panels[1, index], loop, current, logarithmic=True)
            panels[0, index].set_title(loop.device, fontsize=FONT, loc="left")
        panels[0, 0].legend(fontsize=FONT - 1, frameon=False, loc="best")
        figure.suptitle(f"{fit.kind}: measured and modelled sweeps", fontsize=FONT)
    return figure


def _loop(axes: Axes, loop: Loop, current: FloatArray, *, logarithmic: bool) -> None:
    shown = np.abs if logarithmic else np.asarray
    axes.plot(loop.voltage, shown(loop.current), "o", color=_MEASURED, markersize=3.5,
              markerfacecolor="none", markeredgewidth=0.5, label="measured",
              rasterized=True)  # fmt: skip
    axes.plot(loop.voltage, shown(current), color=_MODEL, linewidth=1.0, label="model")
    top = float(np.abs(loop.current).max())
    tidy(axes, "voltage (V)", "|current|" if logarithmic else "current")
    if logarithmic:
        clear = np.abs(loop.voltage) > 0.02 * np.abs(loop.voltage).max()
        low = max(float(np.abs(loop.current[clear]).min()), 1e-6 * top)
        axes.set_yscale("log")
        axes.set_ylim(0.5 * low, 2 * top)
        quantity_axis(axes.yaxis, "A", low, top)
    else:
        quantity_axis(axes.yaxis, "A", -top, top)
