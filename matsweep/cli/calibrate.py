"""`matsweep calibrate`: fit a device model to measured pulses, or to I-V sweeps."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from omegaconf import DictConfig
from rich.console import Console

from matsweep.characterization.figure import fit_figure, loop_figure
from matsweep.core.checks import UserError, one_of
from matsweep.core.codec import build
from matsweep.core.units import value_in_unit
from matsweep.devices.dynamics import CompiledModel
from matsweep.identification import calibration
from matsweep.identification.calibration import Destination, LoopFit, Reading
from matsweep.planning.config import plain_config
from matsweep.planning.loading import load_material
from matsweep.reporting.figures.printed import save

_READ_VOLTAGE = 0.2  # V, of the material where none is given
_READING = tuple(field.name for field in dataclasses.fields(Reading))


def calibrate(config: DictConfig) -> None:
    """Run `matsweep calibrate`.

    Parameters
    ----------
    config : DictConfig
        As composed by Hydra.

    Raises
    ------
    UserError
        If the data are missing, of several kinds, or several files that are no I-V sweeps.
    """
    if config.data is None:
        raise UserError("data must name a file: matsweep calibrate measured.csv name=my_oxide")
    paths = [config.data] if isinstance(config.data, str) else [str(p) for p in config.data]
    reading = _reading(config)
    to = Destination(
        folder=str(config.folder),
        name=str(config.name),
        label=config.label,
        read_voltage=_READ_VOLTAGE if reading.read_voltage is None else reading.read_voltage,
        cell_size=value_in_unit(config.cell_size, "F2", "cell_size"),
        replace=bool(config.overwrite),
    )
    kind = calibration.measured_kind(paths, reading)
    if kind == "sweeps":
        _sweeps(paths, reading, to, config)
    elif len(paths) > 1:
        raise UserError("data must be one file; only I-V sweeps may be several")
    elif kind == "pulses":
        _pulses(paths[0], reading, to, config)
    else:
        _aged(paths[0], kind, reading, config)


def _reading(config: DictConfig) -> Reading:
    """Options of the command line for reading the files; `header=none`: they have no heading."""
    stated = plain_config(config)
    options = {name: stated[name] for name in _READING}
    options["header"] = options["header"] not in (None, False, "none", "no")
    options["columns"] = options["columns"] or {}
    if options["compliance"] == "none":
        options["compliance"] = 0.0
    return build(Reading, options, "")


def _print(notes: Sequence[str]) -> None:
    """Print how the files were understood."""
    for note in notes:
        Console().print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)


def _pulses(path: str, reading: Reading, to: Destination, config: DictConfig) -> None:
    data = calibration.enough_pulses(calibration.read_pulses(path, reading))
    _print(data.notes)
    limits = {name: value_in_unit(config[name], "S", name) for name in ("g_min", "g_max")}
    named = config.model not in (None, "tabulated")
    fits = (
        [calibration.fit_model(data, str(config.model), **limits)]
        if named
        else calibration.compare(data, **limits)
    )
    best = fits[0]
    calibration.show_fits(data, fits, Console())
    chosen = best if named else calibration.recommend(fits)
    bare = chosen is None or config.model == "tabulated"
    table = calibration.tabulate(data, g_min=best.g_min, g_max=best.g_max) if bare else None
    written = calibration.write_material(data, best, to, table=table)
    _print([f"devices are {calibration.programming(best, table or best.model)[1]}"])
    _finish(written, fit_figure(data, best), config)


def _aged(path: str, kind: str, reading: Reading, config: DictConfig) -> None:
    """Print the retention or the endurance of a file, and the parameters of a material with it."""
    if kind == "endurance":
        windows = calibration.read_endurance(path, reading)
        _print(windows.notes)
        calibration.show_endurance(windows, Console())
        return
    states = calibration.read_retention(path, reading)
    _print(states.notes)
    stable = value_in_unit(config.g_min, "S", "g_min")
    calibration.show_retention(states, Console(), stable=0.0 if stable is None else stable)


def _sweeps(paths: list[str], reading: Reading, to: Destination, config: DictConfig) -> None:
    for name in ("unit", "g_min", "g_max"):
        if config[name] is not None:
            raise UserError(f"{name} must be left out: it belongs to pulses, not to I-V sweeps")
    loops = calibration.enough_points(calibration.read_loops(paths, reading))
    _print(list(dict.fromkeys(note for loop in loops for note in loop.notes)))
    start = _start(config)
    free = None if config.free is None else [str(name) for name in config.free]
    console, fits, failures = Console(stderr=True), list[LoopFit](), list[UserError]()
    for kind in _kinds(start, config):
        with console.status(f"fitting {kind} to {len(loops)} sweeps"):
            try:
                fits.append(calibration.fit_loops(loops, kind, start=start, free=free))
            except UserError as error:
                failures.append(error)
    fits.sort(key=lambda fit: fit.bic)
    picture = loop_figure(loops, fits[0] if fits else None)
    pictures = save(picture, Path(config.pictures) / str(config.name))
    if not fits:
        raise failures[0]
    _print([str(failure) for failure in failures])
    calibration.show_loop_fits(loops, fits, Console(), to.read_voltage)
    try:
        programming = calibration.find_programming(loops, fits[0], to)
    except UserError as error:
        error.add_note(f"picture: {', '.join(map(str, pictures))}")
        raise
    _print(programming.notes)
    _finish(calibration.write_physics(loops, fits[0], to, programming), picture, config)


def _start(config: DictConfig) -> CompiledModel | None:
    """Return the physics from which a fit begins; None to choose it from the sweeps."""
    if config.start is None:
        return None
    physics = load_material(str(config.start)).physics
    if not isinstance(physics, CompiledModel):
        raise UserError(f"start must name a material that states its physics, got {config.start}")
    return physics


def _kinds(start: CompiledModel | None, config: DictConfig) -> list[str]:
    if start is not None:
        return [next(kind for kind, cls in start.registry.items() if cls is type(start))]
    if config.model is None:
        return list(calibration.KINDS)
    return [one_of("model", str(config.model), calibration.KINDS)]


def _finish(written: Path, picture: Figure, config: DictConfig) -> None:
    """Save the figure; print the files written and the command that uses them."""
    pictures = save(picture, Path(config.pictures) / str(config.name))
    lines = ["", *map(str, (written, *pictures))]
    lines.append(f"matsweep explore --config-dir {config.folder} material={config.name} takes it")
    for line in lines:
        Console().print(line, markup=False, highlight=False, soft_wrap=True)
