"""Output of a calibration on pulses: tables for people, and a material for `explore`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from matsweep.core.codec import plain
from matsweep.devices import PulseModel, Tabulated
from matsweep.identification.calibration.material import Destination
from matsweep.identification.fitting.fit import Fit, recommend
from matsweep.identification.measurements import PulseData


def show_fits(data: PulseData, fits: Sequence[Fit], console: Console) -> None:
    """Print the comparison of models, and every parameter of the best with its error.

    Parameters
    ----------
    data : PulseData
    fits : sequence of Fit
        The best first, as `compare` gives them.
    console : rich.console.Console
    """
    used = int(fits[0].used.sum())
    console.print(
        f"{data.name}: {len(data.devices)} devices, {data.up.size} pulses ({used} clear of the "
        f"ends of the range {fits[0].g_min:.4g} to {fits[0].g_max:.4g} S)",
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
        best.add_row(name, f"{value:.4g}", f"{fits[0].errors[name]:.2g}")
    console.print()
    console.print(best)
    if recommend(list(fits)) is None:
        console.print(
            "\nNo formula fits: residuals are far from normal. The tabulated model is written.",
            markup=False,
        )


def write_material(
    data: PulseData, model: PulseModel, to: Destination, *, g_min: float, g_max: float
) -> Path:
    """Write a material that responds to pulses as measured.

    Parameters
    ----------
    data : PulseData
    model : PulseModel
    to : Destination
    g_min : float, S
    g_max : float, S

    Returns
    -------
    Path
        Of the file.
    """
    kept = {key: value for key, value in plain(model).items() if value not in ({}, [])}
    if isinstance(model, Tabulated):
        kept.pop("cycle_to_cycle")
    of = f"from {data.name}, {len(data.devices)} devices"
    origin = {"status": "derived", "note": of}
    return to.write(
        f"Calibrated {of}, {data.up.size} pulses.",
        {"g_min": origin, "g_max": origin, "pulse_model": origin},
        {"g_min": g_min, "g_max": g_max, "pulse_model": kept},
    )
