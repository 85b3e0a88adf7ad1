"""Tables of a calibration on I-V sweeps, and the material with its physics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from matsweep.core.checks import UserError
from matsweep.core.codec import plain
from matsweep.devices.dynamics.model import CompiledModel
from matsweep.identification.calibration.material import Destination
from matsweep.identification.fitting import LoopFit
from matsweep.identification.fitting.response import response
from matsweep.identification.measurements import Loop, turned
from matsweep.solving import transient

_POOR = 0.25  # misfit beyond which a model does not describe the sweeps
TURNED = ": voltages are inverted, as the model sets under the other polarity"
_PULSES = 10  # pulses of the written protocol to half of the window


def show_loop_fits(loops: Sequence[Loop], fits: Sequence[LoopFit], console: Console) -> None:
    """Print the comparison of models, and every parameter of the best with its error.

    Parameters
    ----------
    loops : sequence of Loop
    fits : sequence of LoopFit
        The best first.
    console : rich.console.Console
    """
    points = sum(loop.time.size for loop in loops)
    console.print(f"{len(loops)} devices, {points} points of I-V sweeps", highlight=False)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("model")
    for heading in ("misfit", "AIC", "BIC", "BIC - best"):
        table.add_column(heading, justify="right")
    for fit in fits:
        table.add_row(
            fit.kind,
            f"{np.sqrt(np.mean(fit.misfit**2)):.3g}",
            f"{fit.aic:.1f}",
            f"{fit.bic:.1f}",
            f"{fit.bic - fits[0].bic:.1f}",
        )
    console.print(table)
    best, spread = fits[0], fits[0].spread()
    parameters = Table(box=None, header_style="bold", pad_edge=False)
    parameters.add_column(best.kind)
    for heading in ("value", "standard error", "between devices"):
        parameters.add_column(heading, justify="right")
    mean = best.mean()
    for name in best.values:
        error = best.error(name)
        parameters.add_row(
            name,
            f"{getattr(mean, name):.4g}",
            f"{error:.2g}" if np.isfinite(error) else "not determined",
            f"{spread[name]:.1%}" if name in spread else "not detected",
        )
    console.print()
    console.print(parameters)
    if best.flipped:
        console.print(f"\n{fit.kind}{TURNED}.")
    if np.sqrt(np.mean(best.misfit**2)) > _POOR:
        console.print(
            "\nNo model describes these sweeps well: look at the picture, or begin from a material "
            "near to them with start=NAME free=[...]."
        )


def write_physics(loops: Sequence[Loop], fit: LoopFit, to: Destination) -> Path:
    """Write a material with the mean device's physics, and a device derived from it.

    Its range is that of the sweeps at the read voltage. Pulses have the sweeps' largest voltages of
    either polarity, and a width of which ten come half way.

    Parameters
    ----------
    loops : sequence of Loop
    fit : LoopFit
    to : Destination

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    UserError
        For sweeps in which the model's conductance does not change.
    """
    model, loop = fit.mean(), turned(loops[0]) if fit.flipped else loops[0]
    g_min, g_max, protocol = _pulses(model, fit.states[0], loop, to.read_voltage)
    of = f"fitted to I-V sweeps of {len(loops)} devices"
    origin = {"status": "derived", "note": of}
    physics = plain(model)
    return to.write(
        f"{fit.kind}, {of}{TURNED if fit.flipped else ''}.",
        {"g_min": origin, "g_max": origin},
        {"g_min": g_min, "g_max": g_max, "source": "derived"},
        physics_origins={key: _origin(fit, key, of) for key in physics if key != "kind"},
        physics=physics,
        protocol={
            **protocol,
            "spread": fit.spread(),
        },
    )


def _origin(fit: LoopFit, key: str, of: str) -> dict[str, str]:
    if key not in fit.values:
        return {"status": "illustrative", "note": "held fixed in the fit"}
    error = fit.error(key)
    sure = f"± {error:.2g}" if np.isfinite(error) else "not determined by them"
    return {"status": "derived", "note": f"{of}, {sure}"}


def _pulses(
    model: CompiledModel, state: float, loop: Loop, read_voltage: float
) -> tuple[float, float, dict[str, float]]:
    """Return the range [S] of a sweep, and pulses that go through it."""
    swept = response(model, state, loop).state
    g = np.asarray(model.read_conductance(swept, read_voltage))
    if not g.max() > 1.01 * g.min() > 0:
        raise UserError("the fitted model does not switch in these sweeps: no material is written")
    high, low = float(loop.voltage.max()), float(loop.voltage.min())
    rising = model.read_conductance(swept[int(np.argmax(loop.voltage))], read_voltage)
    falling = model.read_conductance(swept[int(np.argmin(loop.voltage))], read_voltage)
    up, down = (high, low) if rising >= falling else (low, high)
    half = 0.5 * float(g.max() + g.min())
    widths = [
        _width(model, float(swept[int(np.argmin(g if going else -g))]), voltage, half,
               loop.time[-1], read_voltage)
        for voltage, going in ((up, True), (down, False))
    ]  # fmt: skip
    protocol = {"voltage_up": up, "width_up": widths[0], "voltage_down": down,
                "width_down": widths[1]}  # fmt: skip
    return float(g.min()), float(g.max()), protocol


def _width(
    model: CompiledModel, state: float, voltage: float, half: float, period: float, read: float
) -> float:
    """Return a tenth of the time [s] that a held voltage takes to half of the window."""
    time = np.concatenate([[0.0], period * np.logspace(-9, 1, 201)])
    held = transient(model, time, np.full(time.size, voltage), state=state).state.values
    g = np.asarray(model.read_conductance(held, read))
    crossed = (g >= half) if g[0] < half else (g <= half)
    return float(time[int(np.argmax(crossed))] if crossed.any() else period) / _PULSES
