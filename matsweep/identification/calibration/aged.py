"""Tables of retention and endurance, and the parameters of a device that they give."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from rich.console import Console
from rich.table import Table

from matsweep.core.units import engineering
from matsweep.identification.fitting import fit_drift, fit_endurance, fit_retention
from matsweep.identification.measurements import EnduranceData, RetentionData

_SHOWN = 4  # significant digits


def show_retention(data: RetentionData, console: Console, *, stable: float = 0.0) -> None:
    """Print drift exponents, and the activation of the decay where temperatures are stated.

    Parameters
    ----------
    data : RetentionData
    console : rich.console.Console
    stable : float, S
        Conductance that a decay approaches.
    """
    drift = fit_drift(data)
    console.print(f"{data.name}: {len(data.traces)} traces", markup=False, highlight=False)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("device", "state", "temperature", "drift exponent", "standard error"):
        table.add_column(heading, justify="left" if heading in ("device", "state") else "right")
    for trace, nu, error in zip(data.traces, drift.nu, drift.nu_error, strict=True):
        kelvin = "" if trace.temperature is None else engineering(trace.temperature, "K")
        table.add_row(trace.device, trace.state, kelvin, f"{nu:.4g}", f"{error:.2g}")
    console.print(table)
    _line(
        console,
        f"drift over all traces: {drift.mean:.4g} ± {drift.mean_error:.2g}, between them "
        f"{drift.spread:.2g} ± {drift.spread_error:.2g}",
    )
    given = {"nu": drift.mean, "spread": drift.spread, "time_zero": drift.time_zero}
    _line(console, f"device.drift={_mapping(given)} states it")
    if any(trace.temperature is None for trace in data.traces):
        return
    fit = fit_retention(data, stable=stable)
    console.print()
    units = {"time": "s", "activation_ev": "eV", "stretch": ""}
    _values(console, "retention", fit.values, fit.errors, units)
    kelvin = engineering(fit.values["temperature"], "K")
    _line(console, f"time at {kelvin}; misfit {fit.misfit:.1%} of the conductance")
    if np.isfinite([fit.errors["time"], fit.errors["stretch"]]).all():
        sure = {k: v for k, v in fit.values.items() if np.isfinite(fit.errors.get(k, 0.0))}
        _line(console, f"device.retention={_mapping(sure)} states it, in place of the drift")
    else:
        _line(console, "no decay to a stable state is seen within the measured times")


def show_endurance(data: EnduranceData, console: Console) -> None:
    """Print the closing of the window.

    Parameters
    ----------
    data : EnduranceData
    console : rich.console.Console
    """
    fit = fit_endurance(data)
    devices = np.unique(data.device).size
    console.print(f"{data.name}: {devices} devices, {data.cycle.size} cycles with both states",
                  markup=False, highlight=False)  # fmt: skip
    if not np.isfinite(fit.errors["half_window"]):
        _line(console, f"the window does not close within {fit.values['most']:.3g} cycles")
        return
    units = {"half_window": "cycles", "steepness": "", "towards": ""}
    _values(console, "endurance", fit.values, fit.errors, units)
    if fit.values["half_window"] > fit.values["most"]:
        _line(console, f"extrapolated: {fit.values['most']:.3g} cycles were measured")
    given = {name: fit.values[name] for name in units}
    _line(console, f"device.endurance={_mapping(given)} states it")


def _values(
    console: Console,
    title: str,
    values: Mapping[str, float],
    errors: Mapping[str, float],
    units: Mapping[str, str],
) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(title)
    for heading in ("value", "standard error"):
        table.add_column(heading, justify="right")
    for name, unit in units.items():
        label = f"{name} [{unit}]" if unit else name
        error = f"{errors[name]:.2g}" if np.isfinite(errors[name]) else "not determined"
        table.add_row(label, f"{values[name]:.{_SHOWN}g}", error)
    console.print(table)


def _line(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _mapping(values: Mapping[str, float]) -> str:
    """Return parameters as they stand on a command line."""
    return "{" + ",".join(f"{name}:{value:.{_SHOWN}g}" for name, value in values.items()) + "}"
