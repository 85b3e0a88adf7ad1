"""Output of a calibration on pulses: tables for people, and a material for `explore`."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from matsweep.core.codec import plain
from matsweep.core.printing import counted, printable
from matsweep.core.units import engineering
from matsweep.devices import WriteVerify
from matsweep.devices.programming import suited
from matsweep.identification.calibration.material import Destination
from matsweep.identification.fitting.choice import PulseCalibration
from matsweep.identification.fitting.prediction import REPEATS
from matsweep.identification.fitting.result import RANGE, Fit
from matsweep.identification.fitting.table import TableFit

_SPREADS = ("programming_error", "device_to_device", "cycle_to_cycle")  # of a data sheet


def show_calibration(calibration: PulseCalibration, console: Console) -> None:
    """Print the comparison of models, the chosen one's parameters, and its check against the data.

    Parameters
    ----------
    calibration : PulseCalibration
    console : rich.console.Console
    """
    data, fits = calibration.data, calibration.fits
    reads = sum(each.reads.size for each in data.sequences)
    _print(
        console,
        f"{data.name}: {counted(len(data.devices), 'device')}, {data.up.size} pulses, {reads} "
        f"reads; range {engineering(calibration.chosen.g_min, 'S')} to "
        f"{engineering(calibration.chosen.g_max, 'S')}",
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
    if calibration.tabulated:
        _table(calibration.chosen, console)
    else:
        console.print(_parameters(fits[0]))
    console.print()
    _print(console, verdict(calibration))
    for caution in calibration.cautions():
        _print(console, caution)
    console.print(_checked(calibration))
    for way_out in calibration.ways_out():
        _print(console, f"  try {way_out}")


def _table(fit: Fit | TableFit, console: Console) -> None:
    """Print the noises and spreads that a table carries."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("tabulated: steps without a formula")
    for heading in ("value", "standard error"):
        table.add_column(heading, justify="right")
    for name, value in fit.values.items():
        if name not in fit.limits:
            table.add_row(name, f"{value:.4g}", f"{fit.errors[name]:.2g}")
        elif np.isfinite(fit.limits[name]):
            table.add_row(name, f"< {fit.limits[name]:.2g}", "95 %")
        else:
            table.add_row(name, "", "not determined")
    for name, value in fit.model.device_to_device.items():
        table.add_row(f"device_to_device.{name}", f"{value:.4g}", "not determined")
    console.print(table)


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


def verdict(calibration: PulseCalibration) -> str:
    """Say in a sentence whether the chosen model describes its data, and if not, by how much.

    Parameters
    ----------
    calibration : PulseCalibration

    Returns
    -------
    str
    """
    how = f"{calibration.kind}, simulated {REPEATS} times through the measured pulses,"
    if calibration.describes:
        return f"Checked against its own data: {how} describes them."
    if calibration.agreement.unchecked:
        return f"NOT FITTED: {how} cannot be checked: {calibration.misfit}."
    return f"NOT FITTED: {how} does not describe its data: {calibration.misfit}."


def _checked(calibration: PulseCalibration) -> Table:
    """Table of what was measured, and what the written device does."""
    agreement = calibration.agreement
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("")
    for heading in ("measured", "simulated (95 %)", "distance", "allowed"):
        table.add_column(heading, justify="right")
    off, ratio = agreement.medians, agreement.ratio
    table.add_row("medians, share of the range", "", "", f"{off.distance:.1%}",
                  f"{off.limit:.1%}")  # fmt: skip
    table.add_row("medians, largest factor", "", "", f"{ratio.distance:.2f}",
                  f"{ratio.limit:.2f}")  # fmt: skip
    change = agreement.change
    table.add_row("changes, share of the range", "", "", f"{change.distance:.1%}",
                  f"{change.limit:.1%}")  # fmt: skip
    for name, each in (
        ("between devices", agreement.between),
        ("from cycle to cycle", agreement.within),
    ):
        if each is None:
            table.add_row(name, "not measured", "", "", "")
            continue
        low, _, high = (engineering(value, "S") for value in each.simulated)
        table.add_row(name, engineering(each.measured, "S"), f"{low} to {high}",
                      f"{each.distance:.2f}", f"{each.allowed:.2f}")  # fmt: skip
    return table


def _print(console: Console, text: str) -> None:
    console.print(printable(text), markup=False, highlight=False, soft_wrap=True)


def write_material(calibration: PulseCalibration, to: Destination) -> Path:
    """Write a material that responds to pulses, and is read, as measured.

    It is programmed by write and verify with these pulses (`programming`), and carries the mark of
    a model that does not describe its data.

    Parameters
    ----------
    calibration : PulseCalibration
    to : Destination

    Returns
    -------
    Path
        Of the file.
    """
    data, model = calibration.data, calibration.chosen.model
    kept = {key: value for key, value in plain(model).items() if value not in ({}, [])}
    if calibration.tabulated:
        kept.pop("cycle_to_cycle")
    of = f"from {data.name}, {counted(len(data.devices), 'device')}"
    origin = {"status": "derived", "note": of}
    noise = calibration.chosen.read_noise
    scheme, accuracy = programming(calibration.chosen)
    device = {
        "g_min": calibration.chosen.g_min,
        "g_max": calibration.chosen.g_max,
        "pulse_model": kept,
        "write_verify": plain(scheme),
    }
    if not noise.absent:
        device["read_noise"] = {
            "relative": noise.relative, "exponent": noise.exponent, "cap": noise.cap,
        }  # fmt: skip
    spread = {**origin, "note": f"in pulse_model and write_verify, {of}"}
    origins = dict.fromkeys(device, origin) | dict.fromkeys(_SPREADS, spread)
    if len(data.devices) == 1:
        note = f"one device was measured, {of}"
        origins["device_to_device"] = {"status": "missing", "note": note}
    origins["write_verify"] = {**origin, "note": f"{accuracy}; {of}"}
    origins |= _known(calibration.chosen, of)
    comment = f"Calibrated {of}, {data.up.size} pulses."
    return to.write(
        comment, origins, device, misfit=calibration.misfit, cautions=calibration.cautions()
    )


def _known(fit: Fit | TableFit, of: str) -> dict[str, dict[str, str]]:
    """Origins of parameters that are neutral because the fit says so, not for want of data."""
    notes = {"levels": f"none: states between pulses are continuous, {of}"}
    limit = fit.limits.get("read_noise")
    unknown = limit is not None and not math.isfinite(limit)
    if fit.read_noise.absent and not unknown:
        below = (
            "in pulse_model" if limit is None else f"below {100 * limit:.2g} % of the range (95 %)"
        )
        notes["read_noise"] = f"{below}, {of}"
    return {name: {"status": "derived", "note": note} for name, note in notes.items()}


def programming(fit: Fit | TableFit) -> tuple[WriteVerify, str]:
    """Find how closely a device can be programmed, and why.

    As `devices.programming.suited` finds it.

    Parameters
    ----------
    fit : Fit or TableFit

    Returns
    -------
    WriteVerify
    str
        For people.
    """
    read = 0.0 if fit.read_noise.absent else fit.values["read_noise"]
    scheme = suited(fit.model, read)
    text = f"verified to {100 * scheme.tolerance:.2g} % of the range"
    verified = WriteVerify(tolerance=scheme.tolerance, max_pulses=scheme.max_pulses)
    return verified, text if scheme.least else f"{text}, {scheme.reason}"
