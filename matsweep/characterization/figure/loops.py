"""Figure of measured and modelled I-V sweeps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from matsweep.core.streams import FloatArray
from matsweep.core.units import engineering
from matsweep.identification.fitting import LoopFit, simulated
from matsweep.identification.fitting.hysteresis import excursions
from matsweep.identification.measurements import Loop
from matsweep.identification.measurements.compliance import limits
from matsweep.reporting.figures.style import FONT, WIDTH, drawing, quantity_axis, tidy

_MODEL, _MEASURED = "#D55E00", "#0072B2"
_MOST = 4  # devices drawn


def loop_figure(loops: Sequence[Loop], fit: LoopFit | None) -> Figure:
    """Draw measured against modelled loops, of up to four devices, linear and logarithmic.

    Lines mark the voltages at which the devices set and reset, dotted ones those of the model, and
    the compliance current.

    Parameters
    ----------
    loops : sequence of Loop
    fit : LoopFit or None
        None where no model could be fitted: the measurement alone.

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.
    """
    drawn = list(loops)[:_MOST]
    with drawing(0.62, WIDTH * min(1.0, 0.28 + 0.24 * len(drawn))) as figure:
        panels = figure.subplots(2, len(drawn), squeeze=False)
        for index, loop in enumerate(drawn):
            current = None
            if fit is not None:
                current = simulated(fit.models[index], fit.states[index], loop)
            for row, logarithmic in enumerate((False, True)):
                _loop(panels[row, index], loop, current, logarithmic=logarithmic)
                _switching(panels[row, index], loop, current)
                _compliance(panels[row, index], loop, logarithmic=logarithmic)
            panels[0, index].set_title(loop.device, fontsize=FONT, loc="left")
        panels[0, 0].legend(fontsize=FONT - 1, frameon=False, loc="best")
        of = "measured sweeps" if fit is None else f"{fit.kind}: measured and modelled sweeps"
        figure.suptitle(of, fontsize=FONT)
    return figure


def _loop(axes: Axes, loop: Loop, current: FloatArray | None, *, logarithmic: bool) -> None:
    shown = np.abs if logarithmic else np.asarray
    axes.plot(loop.voltage, shown(loop.current), "o", color=_MEASURED, markersize=3.5,
              markerfacecolor="none", markeredgewidth=0.5, label="measured",
              rasterized=True)  # fmt: skip
    if current is not None:
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


def _switching(axes: Axes, loop: Loop, current: FloatArray | None) -> None:
    """Mark the median switching voltages of either polarity."""
    for of, colour, style in ((loop.current, _MEASURED, "-"), (current, _MODEL, ":")):
        if of is None:
            continue
        halves = excursions(loop, of, 0.2 * float(np.abs(loop.voltage).max()))
        for sign in (1, -1):
            own = [half.switching for half in halves if half.peak * sign > 0 and half.switches]
            if own:
                axes.axvline(float(np.median(own)), color=colour, linewidth=1.0, linestyle=style,
                             alpha=0.7, zorder=0)  # fmt: skip


def _compliance(axes: Axes, loop: Loop, *, logarithmic: bool) -> None:
    """Draw the limit of the current over the halves in which it was reached, with its value."""
    limit = limits(loop)
    for sign in (1, -1):
        own = np.isfinite(limit) & (loop.voltage * sign > 0)
        if not own.any():
            continue
        size, top = float(np.median(limit[own])), sign * float(np.abs(loop.voltage[own]).max())
        height = size if logarithmic else sign * size
        axes.plot([0, top], [height, height], color="0.3", linewidth=0.8, linestyle="--",
                  label=f"compliance {engineering(size, 'A')}")  # fmt: skip
