"""`matsweep calibrate`: fit a device model to measured pulses, or to I-V sweeps."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig, ListConfig
from rich.console import Console

from matsweep.core.checks import UserError, one_of, truth
from matsweep.core.codec import build, numbers_at
from matsweep.core.command_line import assignment, command_line
from matsweep.core.files import path_text
from matsweep.core.plausible import doubts, refuse
from matsweep.core.printing import printable, shown
from matsweep.core.units import value_in_unit
from matsweep.devices import AnalogDevice
from matsweep.devices.dynamics import CompiledModel
from matsweep.identification import calibration
from matsweep.identification.calibration import (
    Ageing,
    Destination,
    LoopFit,
    MaterialFile,
    Reading,
    RetentionFit,
)
from matsweep.planning.config import plain_config
from matsweep.planning.folders import conf_folder, shipped
from matsweep.planning.loading import load_material

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_EXAMPLE = "hfox_vcm"  # the material of printed commands
_OPTIONS = (
    "unit", "read_voltage", "temperature", "rate", "compliance", "polarity", "reverse", "g_min",
    "g_max", "model", "start", "free", "cell_size", "label",
)  # fmt: skip
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
        If the data are missing, of several kinds, or several files of retention or endurance, or
        an option does nothing for them.
    """
    if config.data is None:
        raise UserError("data must name a file: matsweep calibrate measured.csv name=my_oxide")
    paths = _paths(config.data)
    if not isinstance(config.folder, str) or not config.folder:
        raise UserError(f"folder must name a folder for the material, got {shown(config.folder)}")
    _check_free(str(config.name), config.folder)
    reading = _reading(config)
    cell_size = value_in_unit(config.cell_size, "F2", "cell_size")
    kind = calibration.measured_kind(paths, reading)
    options = [name for name in _OPTIONS if config[name] is not None]
    calibration.check_options(kind, options, paths, writes=True)
    calibration.one_file(kind, paths)
    if kind in ("retention", "endurance"):
        _aged(paths[0], kind, reading, config)
        return
    given = {"read_voltage": reading.read_voltage, "cell_size": cell_size}
    stated = {name: given[name] for name in calibration.UNMEASURED if given[name] is not None}
    to = Destination(
        folder=str(config.folder),
        name=str(config.name),
        label=config.label,
        stated=frozenset(stated),
        replace=bool(config.overwrite),
        **stated,
    )
    if kind == "sweeps":
        _sweeps(paths, reading, to, config)
    else:
        _pulses(paths, reading, to, config)


def _check_free(name: str, folder: str) -> None:
    """Refuse the name of a material that is read before a user's own."""
    if shipped("material", name) and Path(folder).resolve() != conf_folder():
        raise UserError(
            f"name={name} is a material of matsweep or an installed package, which is read before "
            "one of your own: choose another name"
        )


def _reading(config: DictConfig) -> Reading:
    """Options of the command line for reading the files; `header=none`: they have no heading."""
    stated = plain_config(config)
    options = {name: stated[name] for name in _READING}
    heading = options["header"]
    if heading not in (None, True, False, "none", "no", "yes"):
        raise UserError(f"header must be true or none, got {heading!r}")
    options["header"] = heading in (True, "yes")
    if truth("plausible", options["plausible"]):
        _question(config)
    options["columns"] = options["columns"] or {}
    if options["compliance"] == "none":
        options["compliance"] = 0.0
    return build(Reading, options, "")


def _question(config: DictConfig) -> None:
    """Refuse implausible values of the new device's parameters."""
    for name, unit in (("g_min", "S"), ("g_max", "S"), ("cell_size", "F2")):
        value = value_in_unit(config[name], unit, name)
        refuse(doubts(numbers_at(AnalogDevice, [name], {}, value, name)))


def _print(notes: Sequence[str]) -> None:
    """Print how the files were understood."""
    for note in notes:
        Console().print(f"note: {printable(note)}", markup=False, highlight=False, soft_wrap=True)


def _pulses(paths: list[str], reading: Reading, to: Destination, config: DictConfig) -> None:
    data = calibration.enough_pulses(calibration.read_pulse_files(paths, reading))
    _print(data.notes)
    limits = {name: value_in_unit(config[name], "S", name) for name in ("g_min", "g_max")}
    found = calibration.calibrate_pulses(data, model=config.model, **limits)
    calibration.show_calibration(found, Console())
    from matsweep.characterization.figure import fit_figure  # slow to import

    written = calibration.write_material(found, to)
    _print([f"devices are {calibration.programming(found.chosen)[1]}"])
    _finish(written, _pictures(fit_figure(found), config), config)


def _aged(path: str, kind: str, reading: Reading, config: DictConfig) -> None:
    """Fit retention or endurance, and add it to the material of that name, or to a copy of one."""
    calibration.check_name(str(config.name))
    own = Path(path_text("folder", config.folder)) / "material" / f"{config.name}.yaml"
    known = _known(own, config.start, config.label)
    if known is not None and known.path == own and not config.overwrite:
        _check_stated(known, kind)
    found, picture = _ageing(path, kind, reading, None if known is None else known.ends, config)
    pictures = _pictures(picture, config, f"_{kind}")
    if known is None:
        _unwritten(found, own, pictures, config)
        return
    copied = known.path != own
    facts = _renamed(known, config) if copied else {}
    written = known.add(found, replace=copied or bool(config.overwrite), to=own, **facts)
    of = f", a copy of {config.start}" if copied else ""
    notes = [f"device.{found.parameter} is added to {written}{of}; all else stays as it was"]
    if others := known.replaced(found.parameter):
        names = " and ".join(f"device.{name}" for name in others)
        notes[0] = f"device.{found.parameter} is added to {written}{of}"
        notes.append(
            f"it takes the place of {names}, which would count the same loss again; all else "
            "stays as it was"
        )
    _print(notes)
    acts = "device.cycles" if kind == "endurance" else "times, and device.temperature"
    _print([f"in a study, it acts by {acts}"])
    _finish(written, pictures, config)


def _check_stated(known: MaterialFile, kind: str) -> None:
    """Refuse a file that states already whatever the fit may give, before the fit."""
    possible = ("endurance",) if kind == "endurance" else ("drift", "retention")
    if set(possible) <= known.content["device"].keys():
        known.check(possible[0], replace=False)


def _unwritten(found: Ageing, own: Path, pictures: Sequence[Path], config: DictConfig) -> None:
    """Print the parameter, and how a material gets it, where there is none to add it to."""
    notes = list[str]()
    if isinstance(found, RetentionFit) and found.decays:
        ends = MaterialFile.read(_shipped(_EXAMPLE)).ends
        found = dataclasses.replace(found, ends=ends)
        notes = list(calibration.within(found, _EXAMPLE))
    study = command_line(
        "matsweep", "explore", f"material={_EXAMPLE}", calibration.override(found),
        assignment("study", str(config.name)),
    )  # fmt: skip
    lines = [
        "",
        *map(str, pictures),
        *notes,
        f"No material is written: {own} is not there. Calibrate its pulses with the same name "
        f"first, or give start={_EXAMPLE} to add to a copy of that material. For one study:",
        study,
    ]
    for line in lines:
        Console().print(printable(line), markup=False, highlight=False, soft_wrap=True)


def _known(own: Path, start: str | None, label: str | None) -> MaterialFile | None:
    """Return the material to add to: that of the name, or else the one to start from."""
    if own.exists():
        if start is not None:
            raise UserError(
                f"start must be left out, got {start}: {own} is there already, and the parameter "
                f"joins it; for a copy of {start}, choose another name"
            )
        if label is not None:
            raise UserError(
                f"label must be left out, got {label}: {own} is there already, and keeps its own"
            )
        return MaterialFile.read(own)
    if start is None:
        return None
    load_material(start)  # refuses an unknown one by its name
    shipped = _shipped(start)
    if not shipped.exists():
        raise UserError(f"start must name a material of matsweep's own, got {start}")
    return MaterialFile.read(shipped)


def _shipped(name: str) -> Path:
    """Return the file of a material of matsweep's own."""
    return conf_folder() / "material" / f"{name}.yaml"


def _renamed(base: MaterialFile, config: DictConfig) -> dict[str, str]:
    """Return the name and the label of a material that is written from another one."""
    label = config.label or f"{base.content['material'].get('label', config.start)} (measured)"
    return {"name": str(config.name), "label": str(label)}


def _ageing(
    path: str,
    kind: str,
    reading: Reading,
    ends: tuple[float, float] | None,
    config: DictConfig,
) -> tuple[Ageing, Figure]:
    """Fit a file, print the fit, and draw it."""
    from matsweep.characterization.figure import endurance_figure, retention_figure

    if kind == "endurance":
        windows = calibration.read_endurance(path, reading)
        _print(windows.notes)
        closing = calibration.calibrate_endurance(windows)
        calibration.show_endurance(closing, Console())
        return closing, endurance_figure(closing)
    states = calibration.read_retention(path, reading)
    _print(states.notes)
    stable = value_in_unit(config.g_min, "S", "g_min")
    kept = calibration.calibrate_retention(states, stable=stable, ends=ends)
    calibration.show_retention(kept, Console())
    return kept, retention_figure(kept)


def _sweeps(paths: list[str], reading: Reading, to: Destination, config: DictConfig) -> None:
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
    from matsweep.characterization.figure import loop_figure

    picture = loop_figure(loops, fits[0] if fits else None)
    pictures = _pictures(picture, config)
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
    if programming.contradiction is not None:
        _print([f"NOT FITTED: {programming.contradiction}"])
    _finish(calibration.write_physics(loops, fits[0], to, programming), pictures, config)


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
        if config.model is not None:
            raise UserError(
                f"model must be left out, got {config.model}: start={config.start} states it"
            )
        return [next(kind for kind, cls in start.registry.items() if cls is type(start))]
    if config.model is None:
        return list(calibration.KINDS)
    return [one_of("model", str(config.model), calibration.KINDS)]


def _finish(written: Path, pictures: Sequence[Path], config: DictConfig) -> None:
    """Print the files written, and the command that uses them, on a line that can be copied."""
    study = command_line(
        "matsweep", "explore", "--config-dir", str(config.folder), "-m",
        f"material={config.name},pcm_gst", assignment("study", str(config.name)),
    )  # fmt: skip
    for line in ["", *map(str, (written, *pictures)), "", "next, for example:", study]:
        Console().print(printable(line), markup=False, highlight=False, soft_wrap=True)


def _paths(data: object) -> list[str]:
    """Return the paths that `data` names."""
    listed = [data] if isinstance(data, str) else data
    if not isinstance(listed, (list, ListConfig)) or not listed:
        raise UserError(f"data must name a file, or list several, got {shown(data)}")
    return list(map(str, listed))


def _pictures(picture: Figure, config: DictConfig, suffix: str = "") -> list[Path]:
    """Save a figure under the material's name; none if no folder of pictures is named."""
    from matsweep.reporting.figures.printed import save

    if config.pictures is None:
        return []
    if not isinstance(config.pictures, str) or not config.pictures:
        raise UserError(f"pictures must name a folder, or be null, got {shown(config.pictures)}")
    return list(save(picture, Path(config.pictures) / f"{config.name}{suffix}"))
