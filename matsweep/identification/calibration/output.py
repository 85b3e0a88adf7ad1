"""Output of a calibration on pulses: tables for people, and a material for `explore`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from matsweep.core.codec import plain
from matsweep.core.streams import FloatArray
from matsweep.devices import PulseModel, Tabulated, WriteVerify
from matsweep.identification.calibration.material import Destination
from matsweep.identification.fitting.fit import Fit
from matsweep.identification.fitting.table import TableFit
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


def write_material(
    data: PulseData,
    fit: Fit | TableFit,
    to: Destination,
) -> Path:
    """Write a material that responds to pulses, and is read, as measured.

    It is programmed by write and verify with these pulses (`programming`).

    Parameters
    ----------
    data : PulseData
    fit : Fit or TableFit
    to : Destination

    Returns
    -------
    Path
        Of the file.
    """
    model: PulseModel = fit.model
    kept = {key: value for key, value in plain(model).items() if value not in ({}, [])}
    if isinstance(model, Tabulated):
        kept.pop("cycle_to_cycle")
    of = f"from {data.name}, {len(data.devices)} devices"
    origin = {"status": "derived", "note": of}
    noise = fit.read_noise
    scheme, accuracy = programming(fit)
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


def programming(fit: Fit | TableFit) -> tuple[WriteVerify, str]:
    """Find how closely a device can be programmed, and why.

    The tolerance is 2 % of the range, or twice the noise of a read or of a pulse in the middle of
    the range where these are more: a device that meets a tighter one does so by luck. The budget is
    three times the pulses across the range, from 100 to 1000; the most where pulses do not move the
    device in the middle of its range, which is named.

    Parameters
    ----------
    fit : Fit or TableFit

    Returns
    -------
    WriteVerify
    str
        For people.
    """
    middle, model = np.array([0.5]), fit.model
    steps = {way: abs(float(model.step(middle, way, model.nominal)[0])) for way in (True, False)}
    reasons = {
        "2 % of the range": _TOLERANCE,
        "twice the noise of a read": _NOISES
        * (0 if fit.read_noise.absent else fit.values["read_noise"]),
        "twice the noise of a pulse": _NOISES * _noise(model, middle, max(steps.values())),
    }
    reason, tolerance = max(reasons.items(), key=lambda item: item[1])
    still = [way for way, step in steps.items() if step == 0]
    budget = _MOST_PULSES if still else _BUDGET / min(steps.values())
    scheme = WriteVerify(
        tolerance=tolerance, max_pulses=int(min(max(budget, _LEAST_PULSES), _MOST_PULSES))
    )
    text = f"verified to {100 * tolerance:.2g} % of the range"
    if not reason.startswith("2 %"):
        text = f"{text}, {reason}"
    for way in still:
        text += f"; pulses {'up' if way else 'down'} do not move them in the middle of the range"
    return scheme, text


def _noise(model: PulseModel, middle: FloatArray, step: float) -> float:
    """Return the noise of a pulse in the middle of the range, jumps apart."""
    if isinstance(model, Tabulated):
        return max(float(model.deviation(middle, way)[0]) for way in (True, False))
    return float(np.hypot(model.cycle_to_cycle.of_step * step, model.cycle_to_cycle.of_range))
