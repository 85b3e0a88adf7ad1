"""Output of a calibration on pulses: tables for people, and a material for `explore`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from matsweep.core.codec import plain
from matsweep.devices import PulseModel, ReadNoise, Tabulated, WriteVerify
from matsweep.devices.programming import suited
from matsweep.identification.calibration.material import Destination
from matsweep.identification.fitting.fit import Fit, recommend
from matsweep.identification.measurements import PulseData

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
    best = Table(box=None, header_style="bold", pad_edge=False)
    best.add_column(fits[0].kind)
    best.add_column("value", justify="right")
    best.add_column("standard error", justify="right")
    for name, value in fits[0].values.items():
        if name in fits[0].limits:
            best.add_row(name, f"< {fits[0].limits[name]:.2g}", "95 %")
        else:
            best.add_row(name, f"{value:.4g}", f"{fits[0].errors[name]:.2g}")
    console.print()
    console.print(best)
    if recommend(list(fits)) is None:
        console.print(
            "\nNo formula fits: residuals are far from normal. The tabulated model is written.",
            markup=False,
        )


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
    origins |= _known(fit, of, noise)
    return to.write(f"Calibrated {of}, {data.up.size} pulses.", origins, device)


def _known(fit: Fit, of: str, noise: ReadNoise) -> dict[str, dict[str, str]]:
    """Origins of parameters that are neutral because the fit says so, not for want of data."""
    notes = {"levels": f"none: states between pulses are continuous, {of}"}
    if noise.absent:
        limit = fit.limits.get("read_noise")
        below = (
            "in pulse_model" if limit is None else f"below {100 * limit:.2g} % of the range (95 %)"
        )
        notes["read_noise"] = f"{below}, {of}"
    return {name: {"status": "derived", "note": note} for name, note in notes.items()}


def programming(fit: Fit, model: PulseModel) -> tuple[WriteVerify, str]:
    """Find how closely a device can be programmed, and why.

    As `devices.programming.suited` finds it.

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
    read = 0.0 if fit.read_noise.absent else fit.values["read_noise"]
    tolerance, budget, reason = suited(model, read)
    text = f"verified to {100 * tolerance:.2g} % of the range"
    scheme = WriteVerify(tolerance=tolerance, max_pulses=budget)
    return scheme, text if reason.startswith("2 %") else f"{text}, {reason}"
