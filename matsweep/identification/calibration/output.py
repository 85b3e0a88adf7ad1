"""Output of a calibration on pulses: tables for people, and a material for `explore`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from matsweep.core.codec import plain
from matsweep.devices import PulseModel, ReadNoise, Tabulated, WriteVerify
from matsweep.identification.calibration.material import Destination
from matsweep.identification.fitting.fit import recommend
from matsweep.identification.fitting.result import RANGE, Fit
from matsweep.identification.measurements import PulseData

_TOLERANCE = 0.02  # of the range, as in `device.source=measured`
_NOISES = 2.0  # standard deviations of a read, or of a pulse
_BUDGET = 3.0  # times the pulses across the range
_LEAST_PULSES, _MOST_PULSES = 100, 1000
_SPREADS = ("programming_error", "device_to_device", "cycle_to_cycle")  # of a data sheet


def show_fits(data: PulseData, fits: Sequence[Fit], console: Console) -> None:
    """Print the comparison of models, and every parameter of the best with its error.

    Parameters
    ----------
    data : PulseData
    fits : sequence of Fit
        The best first, as `compare` gives them.
    console : rich.console.Console
    """
    reads = sum(each.reads.size for each in data.sequences)
    console.print(
        f"{data.name}: {len(data.devices)} devices, {data.up.size} pulses, {reads} reads; range "
        f"{fits[0].g_min:.4g} to {fits[0].g_max:.4g} S",
        markup=False,
        highlight=False,
    )
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("model")
    for heading in ("log-likelihood", "AIC", "BIC", "BIC - best", "from normal"):
        table.add_column(heading, justify="right")
    for fit in fits:
        table.add_row(
            fit.kind,
            f"{fit.log_likelihood:.1f}",
            f"{fit.aic:.1f}",
            f"{fit.bic:.1f}",
            f"{fit.bic - fits[0].bic:.1f}",
            f"{fit.distance:.3f}",
        )
    console.print(table)
    console.print()
    console.print(_parameters(fits[0]))
    if not fits[0].converged:
        console.print("\nThe search did not end at a maximum: errors and limits are too small.")
    if missing := fits[0].undetermined & set(RANGE):
        console.print(
            f"\nThe data do not determine {' and '.join(sorted(missing))}: parameters and their "
            f"errors refer to the range visited, {fits[0].g_min:.4g} to {fits[0].g_max:.4g} S; "
            "state a known range by g_min=… and g_max=…",
            markup=False,
            highlight=False,
        )
    if recommend(list(fits)) is None:
        console.print(
            "\nNo formula fits: residuals are far from normal. The tabulated model is written.",
            markup=False,
        )


def _parameters(fit: Fit) -> Table:
    """Return a table of parameters, with their errors, intervals and limits."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(fit.kind)
    for heading in ("value", "standard error", "95 % interval"):
        table.add_column(heading, justify="right")
    for name, value in fit.values.items():
        if name in fit.undetermined:
            table.add_row(name, f"{value:.4g}", "not determined", "")
        elif name in fit.limits:
            table.add_row(name, f"< {fit.limits[name]:.2g}", "", "95 %")
        else:
            low, high = fit.interval(name)
            interval = f"{low:.3g} to {high:.3g}"
            table.add_row(name, f"{value:.4g}", f"{fit.errors[name]:.2g}", interval)
    for name in sorted(fit.undetermined - set(fit.values) - set(RANGE)):
        table.add_row(name, "", "not determined", "")
    return table


def write_material(
    data: PulseData,
    fit: Fit,
    to: Destination,
    *,
    table: Tabulated | None = None,
) -> Path:
    """Write a material that responds to pulses, and is read, as measured.

    It is programmed by write and verify with these pulses (`programming`).

    Parameters
    ----------
    data : PulseData
    fit : Fit
    to : Destination
    table : Tabulated or None
        Response to pulses, over the range of the fit, in the place of the formula. The noise of
        reads is then part of it.

    Returns
    -------
    Path
        Of the file.
    """
    model: PulseModel = fit.model if table is None else table
    kept = {key: value for key, value in plain(model).items() if value not in ({}, [])}
    if table is not None:
        kept.pop("cycle_to_cycle")
    of = f"from {data.name}, {len(data.devices)} devices"
    origin = {"status": "derived", "note": of}
    noise = ReadNoise() if table is not None else fit.read_noise
    scheme, accuracy = programming(fit, model)
    device = {
        "g_min": fit.g_min,
        "g_max": fit.g_max,
        "pulse_model": kept,
        "write_verify": plain(scheme),
    }
    if not noise.absent:
        device["read_noise"] = {
            "relative": noise.relative, "exponent": noise.exponent, "cap": noise.cap,
        }  # fmt: skip
    spread = {**origin, "note": f"in pulse_model and write_verify, {of}"}
    origins = dict.fromkeys(device, origin) | dict.fromkeys(_SPREADS, spread)
    origins["write_verify"] = {**origin, "note": f"{accuracy}; {of}"}
    return to.write(f"Calibrated {of}, {data.up.size} pulses.", origins, device)


def programming(fit: Fit, model: PulseModel) -> tuple[WriteVerify, str]:
    """Find how closely a device can be programmed, and why.

    The tolerance is 2 % of the range, or twice the noise of a read or of a pulse in the middle of
    the range where these are more: a device that meets a tighter one does so by luck. The budget is
    three times the pulses across the range, from 100 to 1000.

    Parameters
    ----------
    fit : Fit
    model : PulseModel
        As written.

    Returns
    -------
    WriteVerify
    str
        For people.
    """
    middle = np.array([0.5])
    step = max(
        abs(float(fit.model.step(middle, way, fit.model.nominal)[0])) for way in (True, False)
    )
    noise = fit.model.cycle_to_cycle
    reasons = {
        "2 % of the range": _TOLERANCE,
        "twice the noise of a read": _NOISES
        * (0 if fit.read_noise.absent else fit.values["read_noise"]),
        "twice the noise of a pulse": _NOISES
        * float(np.hypot(noise.of_step * step, noise.of_range)),
    }
    reason, tolerance = max(reasons.items(), key=lambda item: item[1])
    budget = _BUDGET * max(model.pulses_across)
    scheme = WriteVerify(
        tolerance=tolerance, max_pulses=int(min(max(budget, _LEAST_PULSES), _MOST_PULSES))
    )
    text = f"verified to {100 * tolerance:.2g} % of the range"
    return scheme, text if reason.startswith("2 %") else f"{text}, {reason}"
