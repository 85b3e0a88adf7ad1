"""Tables of a calibration on I-V sweeps, and the material with its physics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from matsweep.core.codec import plain
from matsweep.core.printing import counted, printable
from matsweep.identification.calibration.material import Destination
from matsweep.identification.calibration.sweep_pulses import (
    Programming,
    find_programming,
    stated,
)
from matsweep.identification.fitting import LoopFit
from matsweep.identification.fitting.loops import POLARITIES
from matsweep.identification.measurements import Loop
from matsweep.identification.measurements.compliance import limits_in_words

INVERTED = (
    ": the device sets under the other polarity than the model, so that its polarity is -1: "
    "voltages of the device and of the protocol have the opposite sign of those among the "
    "parameters"
)


def show_loop_fits(
    loops: Sequence[Loop], fits: Sequence[LoopFit], console: Console, read_voltage: float
) -> None:
    """Print the comparison of models, every parameter of the best, and its check on the sweeps.

    Parameters
    ----------
    loops : sequence of Loop
    fits : sequence of LoopFit
        The best first.
    console : rich.console.Console
    read_voltage : float, V
        Of the resistances that are compared.
    """
    points = sum(loop.time.size for loop in loops)
    count = counted(len(loops), "device")
    console.print(f"{count}, {points} points of I-V sweeps", highlight=False)
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
    mean, alike = best.mean(), "not measured" if len(loops) == 1 else "not detected"
    for name in best.values:
        error = best.error(name)
        parameters.add_row(
            name,
            f"{getattr(mean, name):.4g}",
            f"{error:.2g}" if np.isfinite(error) else "not determined",
            f"{spread[name]:.1%}" if name in spread else alike,
        )
    console.print()
    console.print(parameters)
    lines = [best.check(loops, read_voltage).text]
    if best.inverted:
        lines.insert(0, f"{best.kind}{INVERTED}.")
    for line in lines:
        console.print(f"\n{printable(line)}", markup=False, highlight=False, soft_wrap=True)


def write_physics(
    loops: Sequence[Loop], fit: LoopFit, to: Destination, programming: Programming | None = None
) -> Path:
    """Write a material with the mean device's physics, and a device derived from it.

    Its range is what its pulses reach. A parameter that the sweeps do not determine is marked so,
    and so is a model that does not describe its sweeps, or that its pulses switch the other way.
    Cautions of the check stand in the file, for reports of studies with the material. A compliance
    current of the sweeps stands in the origin of every parameter.

    Parameters
    ----------
    loops : sequence of Loop
    fit : LoopFit
    to : Destination
    programming : Programming or None
        From `find_programming`; None: it is found here.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    UserError
        If no pulses program the fitted model.
    """
    chosen = find_programming(loops, fit, to) if programming is None else programming
    check = fit.check(loops, to.read_voltage)
    faults = check.faults()
    if chosen.contradiction is not None:
        faults.append(chosen.contradiction)
    of = f"fitted to I-V sweeps of {counted(len(loops), 'device')}"
    limit = limits_in_words(loops)
    if limit:
        of += f" under a compliance current of {limit}"
    reached = {"status": "derived", "note": f"reached by the pulses of the protocol; physics {of}"}
    device = {"g_min": chosen.device.g_min, "g_max": chosen.device.g_max}
    if chosen.device.levels is not None:
        device["levels"] = chosen.device.levels
    physics = plain(chosen.physics)
    origins = dict.fromkeys(device, reached)
    if len(loops) == 1:
        origins["device_to_device"] = {
            "status": "missing",
            "note": f"one device was measured, {of}",
        }
    return to.write(
        f"{fit.kind}, {of}.",
        origins,
        {**device, "source": "derived"},
        physics_origins={key: _origin(fit, key, of) for key in physics if key != "kind"},
        physics=physics,
        protocol=stated(chosen.protocol),
        misfit="; ".join(faults) or None,
        cautions=check.cautions(),
    )


def _origin(fit: LoopFit, key: str, of: str) -> dict[str, str]:
    if key in fit.values:
        error = fit.error(key)
        if np.isfinite(error):
            return {"status": "derived", "note": f"{of}, ± {error:.2g}"}
        return {"status": "illustrative", "note": f"{of}, not determined by them"}
    if key in POLARITIES:
        return {"status": "derived", "note": f"from the direction in which it switches; {of}"}
    if key in fit.chosen:
        return {"status": "derived", "note": f"of several choices that with the least BIC; {of}"}
    return {"status": "illustrative", "note": "held fixed in the fit"}
