"""Figure of measured and modelled I-V sweeps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from matsweep.core.printing import printable
from matsweep.core.streams import FloatArray
from matsweep.core.units import engineering
from matsweep.identification.fitting import LoopFit, simulated
from matsweep.identification.fitting.hysteresis import excursions
from matsweep.identification.measurements import Loop
from matsweep.identification.measurements.compliance import limits
from matsweep.reporting.figures.style import (
    BLUE,
    FONT,
    RED,
    SMALL,
    WIDTH,
    drawing,
    quantity_axis,
    tidy,
)

_MODEL, _MEASURED = RED, BLUE
_MOST = 4  # devices drawn
_COLUMNS = 3  # of the legend


def loop_figure(loops: Sequence[Loop], fit: LoopFit | None) -> Figure:
    """Draw measured against modelled loops, of up to four devices, linear and logarithmic.

    Triangles at the lower edge mark the voltages at which the devices set and reset, hollow ones
    those of the model; a dashed line is the compliance current. Currents around 0 V are left out
    of the logarithmic panels.

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
                _switching(panels[row, index], loop, current, named=row == 0)
                _compliance(panels[row, index], loop, logarithmic=logarithmic)
            panels[0, index].set_title(printable(loop.device), fontsize=FONT, loc="left")
        handles, names = panels[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", fontsize=SMALL, frameon=False,
                      ncols=_COLUMNS if len(drawn) > 1 else 2)  # fmt: skip
        of = "measured sweeps"
        if fit is not None:
            of = f"{fit.kind.replace('_', ' ')}: measured and modelled sweeps"
        figure.suptitle(of, fontsize=FONT)
    return figure


def _loop(axes: Axes, loop: Loop, current: FloatArray | None, *, logarithmic: bool) -> None:
    top = float(np.abs(loop.current).max())
    clear = np.abs(loop.voltage) > 0.02 * np.abs(loop.voltage).max()
    low = max(float(np.abs(loop.current[clear]).min()), 1e-6 * top)

    def shown(current: FloatArray) -> FloatArray:
        if not logarithmic:
            return current
        # A line to a current of zero would be a vertical one.
        sizes: FloatArray = np.ma.masked_less_equal(np.abs(current), 0.5 * low)
        return sizes

    axes.plot(loop.voltage, shown(loop.current), "o", color=_MEASURED, markersize=3.5,
              markerfacecolor="none", markeredgewidth=0.5, label="measured",
              rasterized=True)  # fmt: skip
    if current is not None:
        axes.plot(loop.voltage, shown(current), color=_MODEL, linewidth=1.0, label="model")
    tidy(axes, "voltage [V]", "|current|" if logarithmic else "current")
    if logarithmic:
        axes.set_yscale("log")
        axes.set_ylim(0.5 * low, 2 * top)
        quantity_axis(axes.yaxis, "A", low, top)
    else:
        quantity_axis(axes.yaxis, "A", -top, top)


def _switching(axes: Axes, loop: Loop, current: FloatArray | None, *, named: bool) -> None:
    """Mark the median switching voltages of either polarity at the lower edge."""
    for of, colour, face, size, who in (
        (loop.current, _MEASURED, _MEASURED, 4.0, "measured"),
        (current, _MODEL, "none", 6.5, "of the model"),
    ):
        if of is None:
            continue
        halves = excursions(loop, of, 0.2 * float(np.abs(loop.voltage).max()))
        every = [
            float(np.median(own))
            for sign in (1, -1)
            if (own := [h.switching for h in halves if h.peak * sign > 0 and h.switches])
        ]
        if every:
            label = f"switches at {', '.join(f'{value:.2g} V' for value in sorted(every))}, {who}"
            axes.plot(every, [0.0] * len(every), "^", color=colour, markerfacecolor=face,
                      markersize=size, markeredgewidth=0.9, clip_on=False, zorder=6,
                      transform=axes.get_xaxis_transform(),
                      label=label if named else "")  # fmt: skip


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
