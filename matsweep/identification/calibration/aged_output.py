"""Retention and endurance of a file as tables and sentences, and as an option of a study."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from rich.console import Console
from rich.table import Table

from matsweep.core.printing import counted, printable
from matsweep.core.units import engineering, estimate
from matsweep.identification.calibration.aged import Ageing, EnduranceFit, RetentionFit

_RISES = (
    "the conductance rises with time: the exponent is negative, and devices of the material drift "
    "upward; where states decay, check which column is the conductance"
)
_SHOWN = 4  # significant digits


def show_retention(found: RetentionFit, console: Console) -> None:
    """Print drift exponents, and the activation of the decay where temperatures are stated.

    Parameters
    ----------
    found : RetentionFit
    console : rich.console.Console
    """
    data, drift = found.data, found.drift
    _line(console, f"{data.name}: {counted(len(data.traces), 'trace')}")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("device", "state", "temperature", "drift exponent", "standard error"):
        table.add_column(heading, justify="left" if heading in ("device", "state") else "right")
    for trace, nu, error in zip(data.traces, drift.nu, drift.nu_error, strict=True):
        kelvin = "" if trace.temperature is None else engineering(trace.temperature, "K")
        table.add_row(trace.device, trace.state, kelvin, f"{nu:.4g}", f"{error:.2g}")
    console.print(table)
    failings = "; ".join(drift.failings())
    if failings and found.decays:
        _line(console, f"no power law: {failings}")
    else:
        _line(
            console,
            f"drift over all traces: {estimate(drift.mean, drift.mean_error)}, between them "
            f"{estimate(drift.spread, drift.spread_error)}",
        )
        if drift.mean < 0 and not found.decays:
            _line(console, _RISES)
        if found.misfit is not None:
            _line(
                console, f"NOT FITTED: one power law does not describe these data: {found.misfit}"
            )
    if not found.decays:
        for caution in found.cautions():
            _line(console, caution)
    if found.decay is None:
        if failings and any(trace.temperature is None for trace in data.traces):
            unused = f" (not used: {', '.join(data.unused)})" if data.unused else ""
            _line(
                console,
                f"state the temperature, by a column{unused} or as in temperature=85degC, to fit "
                "a decay",
            )
        return
    console.print()
    if not found.decays:
        better = np.isfinite(list(found.decay.errors.values())).all() and not failings
        _line(
            console,
            "a power law describes the states better than a decay to a stable state" if better
            else "no decay to a stable state is seen within the measured times",
        )  # fmt: skip
        return
    _show_decay(found, console)


def _show_decay(found: RetentionFit, console: Console) -> None:
    """Print the parameters of a decay, its stable state, and whether it describes the data."""
    fit = found.decay
    assert fit is not None
    below = len(found.data.traces) - len(found.decaying)
    if below:
        _line(
            console,
            f"{counted(below, 'trace')} that begin at or below the stable state "
            f"({engineering(found.stable, 'S')}) are left out of the decay",
        )
    units = {"time": "s", "activation_ev": "eV", "stretch": "", "stable": "S"}
    _values(console, "retention", fit.values, fit.errors, units)
    kelvin = engineering(fit.values["temperature"], "K")
    _line(console, f"time at {kelvin}; misfit {fit.misfit:.1%} of the conductance")
    if found.floor == "stated":
        text = engineering(found.stable, "S")
        _line(console, f"stable state: {text}, as stated by g_min; without it, it is fitted")
    elif found.floor == "fitted":
        _line(console, f"stable state: {found.approached}; state a known one by g_min=…")
    for caution in found.cautions():
        _line(console, caution)
    if found.misfit is not None:
        other = "another conductance" if found.floor == "stated" else "a known stable state"
        _line(
            console,
            f"NOT FITTED: the decay does not describe these data: {found.misfit}. State {other} "
            "by g_min=…, or leave out states that behave otherwise",
        )


def show_endurance(found: EnduranceFit, console: Console) -> None:
    """Print the closing of the window.

    Parameters
    ----------
    found : EnduranceFit
    console : rich.console.Console
    """
    data, fit = found.data, found.fit
    devices = counted(np.unique(data.device).size, "device")
    cycles = counted(data.cycle.size, "cycle")
    _line(console, f"{data.name}: {devices}, {cycles} with both states")
    if not found.closes:
        if found.misfit is None:
            _line(console, f"the window does not close within {fit.values['most']:.3g} cycles")
            return
        at = found.values["half_window"]
        if at is not None:
            _line(console, f"half of the window is first lost at {at:.3g} cycles; this is written")
        _not_fitted(found, console)
        return
    units = {"half_window": "cycles", "steepness": "", "towards": ""}
    _values(console, "endurance", fit.values, fit.errors, units)
    for caution in found.cautions():
        _line(console, caution)
    if fit.abrupt:
        _line(
            console,
            f"the window closes between two reads: steepness is {fit.values['steepness']:.2g} at "
            "least, and the half window lies between them",
        )
    if found.lives is not None:
        _line(console, f"{found.lives}; half_window is their median")
    if found.misfit is not None:
        _not_fitted(found, console)


def _not_fitted(found: EnduranceFit, console: Console) -> None:
    """Say by how much the law departs from its data, and what to try."""
    _line(
        console,
        f"NOT FITTED: the closing of the window does not describe these data: {found.misfit}. "
        "Leave out cycles or devices that behave otherwise, such as those after a failure or a "
        "recovery",
    )


def override(found: Ageing) -> str:
    """Return the parameter as it stands on a command line.

    Parameters
    ----------
    found : Ageing

    Returns
    -------
    str
        ``device.retention={time:3e6,stretch:0.6,stable:0.1}``; `stable` is a fraction of the range
        of the material.
    """
    values = ",".join(
        f"{name}:{'null' if value is None else f'{value:.{_SHOWN}g}'}"
        for name, value in found.values.items()
    )
    return f"device.{found.parameter}={{{values}}}"


def within(found: RetentionFit, material: str) -> tuple[str, ...]:
    """Say of which range `stable` is a fraction, and where the states measured lie beyond it.

    Parameters
    ----------
    found : RetentionFit
        With the range of the material.
    material : str
        Its name.

    Returns
    -------
    tuple of str
        Sentences; none where the range is not known.
    """
    if found.ends is None:
        return ()
    low, high = (engineering(end, "S") for end in found.ends)
    text = f"stable is a fraction of the range of {material}, {low} to {high}"
    if not found.ends[0] <= found.stable <= found.ends[1]:
        stable = engineering(found.stable, "S")
        text += (
            f", beyond which the stable state of these data, {stable}, lies: {material} decays "
            "towards the end of its range"
        )
    return (text,)


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
        label, error = f"{name} [{unit}]" if unit else name, errors.get(name)
        if error is None:
            continue
        wide = f"{error:.2g}" if np.isfinite(error) else "not determined"
        table.add_row(label, f"{values[name]:.{_SHOWN}g}", wide)
    console.print(table)


def _line(console: Console, text: str) -> None:
    console.print(printable(text), markup=False, highlight=False, soft_wrap=True)
