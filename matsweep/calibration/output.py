"""What a calibration leaves: tables for people, and a material for `explore`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from matsweep.build import plain
from matsweep.checks import UserError, positive
from matsweep.devices import PulseModel, Tabulated
from matsweep.fitting.data import PulseData
from matsweep.fitting.fit import Fit, recommend

_NAME = re.compile(r"[a-z][a-z0-9_]*")


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
    data: PulseData,
    model: PulseModel,
    folder: str | Path,
    name: str,
    *,
    g_min: float,
    g_max: float,
    label: str | None = None,
    read_voltage: float = 0.2,
    cell_size: float = 48.0,
    replace: bool = False,
) -> Path:
    """Write a material that ``matsweep explore --config-dir FOLDER material=NAME`` takes.

    Parameters
    ----------
    data : PulseData
    model : PulseModel
    folder : path
        The user's own folder of configurations; the file is ``material/NAME.yaml`` in it.
    name : str
        Small letters, digits and underscores, a letter first.
    g_min, g_max : float, S
    label : str, optional
        For people.
    read_voltage : float, V
    cell_size : float, F²
    replace : bool
        Write over a file that is there.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    UserError
        For a name that cannot be, or a file that is there already.
    """
    path = new_material(folder, name, read_voltage, cell_size, replace)
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {key: value for key, value in plain(model).items() if value not in ({}, [])}
    if isinstance(model, Tabulated):
        kept.pop("cycle_to_cycle")
    of = f"from {data.name}, {len(data.devices)} devices"
    text = "\n".join(
        [
            "# @package _global_",
            f"# Calibrated {of}, {data.up.size} pulses.",
            "material:",
            f"  name: {name}",
            f"  label: {json.dumps(label or name, ensure_ascii=False)}",
            "  mechanism: not stated",
            "  role: synapse",
            "  origins:",
            f"    g_min: {{status: derived, note: {json.dumps(of)}}}",
            f"    g_max: {{status: derived, note: {json.dumps(of)}}}",
            f"    pulse_model: {{status: derived, note: {json.dumps(of)}}}",
            "    read_voltage: {status: illustrative, note: not in the data}",
            "    cell_size: {status: illustrative, note: not in the data}",
            "device:",
            f"  g_min: {number(g_min)}",
            f"  g_max: {number(g_max)}",
            f"  read_voltage: {number(read_voltage)}",
            f"  cell_size: {number(cell_size)}",
            "  pulse_model:",
            *(f"    {key}: {_written(value)}" for key, value in kept.items()),
            "",
        ]
    )
    path.write_text(text, encoding="utf-8")
    return path


def new_material(
    folder: str | Path, name: str, read_voltage: float, cell_size: float, replace: bool
) -> Path:
    """Return where a material's file goes, or refuse what `write_material` refuses."""
    if not _NAME.fullmatch(name):
        raise UserError(
            f"name must be small letters, digits and underscores, a letter first, got {name!r}"
        )
    positive("read_voltage", read_voltage, "V")
    positive("cell_size", cell_size, "F^2")
    path = Path(folder) / "material" / f"{name}.yaml"
    if path.exists() and not replace:
        raise UserError(
            f"{path} is there already: choose another name, or overwrite=true to replace it"
        )
    return path


def _written(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_written(item) for item in value) + "]"
    return number(value) if isinstance(value, float) else str(value)


def number(value: float) -> str:
    """Write a number so that YAML reads a float: with a point and a sign in its exponent."""
    text = f"{value:.6g}"
    mantissa, mark, exponent = text.partition("e")
    if "." not in mantissa:
        mantissa += ".0"
    return f"{mantissa}{mark}{exponent}"
