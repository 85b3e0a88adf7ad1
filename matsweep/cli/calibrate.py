"""`matsweep calibrate`: fit a device model to measured pulses, or to I-V sweeps."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure
from omegaconf import DictConfig
from rich.console import Console

from matsweep.characterization.figure import fit_figure, loop_figure
from matsweep.core.checks import UserError, one_of
from matsweep.core.units import value_in_unit
from matsweep.devices.dynamics import CompiledModel
from matsweep.identification import calibration
from matsweep.identification.calibration import Destination, LoopFit
from matsweep.planning.loading import load_material
from matsweep.reporting.figures.printed import save


def calibrate(config: DictConfig) -> None:
    """Run `matsweep calibrate`.

    Parameters
    ----------
    config : DictConfig
        As composed by Hydra.

    Raises
    ------
    UserError
        If the data are missing, of two kinds, or more than one file of pulses.
    """
    if config.data is None:
        raise UserError("data must name a file: matsweep calibrate measured.csv name=my_oxide")
    paths = [config.data] if isinstance(config.data, str) else [str(p) for p in config.data]
    to = Destination(
        folder=str(config.folder),
        name=str(config.name),
        label=config.label,
        read_voltage=value_in_unit(config.read_voltage, "V", "read_voltage"),
        cell_size=value_in_unit(config.cell_size, "F2", "cell_size"),
        replace=bool(config.overwrite),
    )
    sweeps = [path for path in paths if calibration.is_sweep(path)]
    if sweeps and len(sweeps) < len(paths):
        other = next(path for path in paths if path not in sweeps)
        raise UserError(
            f"data must be of one kind: {sweeps[0]} holds I-V sweeps (time, voltage, current), "
            f"{other} does not"
        )
    if sweeps:
        _sweeps(paths, to, config)
    elif len(paths) > 1:
        raise UserError("data must be one file of pulses; only I-V sweeps may be several")
    else:
        _pulses(paths[0], to, config)


def _pulses(path: str, to: Destination, config: DictConfig) -> None:
    data = calibration.read_pulses(path, unit=config.unit)
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
    table = chosen is None or config.model == "tabulated"
    model = calibration.tabulate(data, **limits) if table else best.model
    written = calibration.write_material(data, model, to, g_min=best.g_min, g_max=best.g_max)
    _finish(written, fit_figure(data, best), config)


def _sweeps(paths: list[str], to: Destination, config: DictConfig) -> None:
    for name in ("unit", "g_min", "g_max"):
        if config[name] is not None:
            raise UserError(f"{name} must be left out: it belongs to pulses, not to I-V sweeps")
    loops = calibration.read_loops(paths)
    start = _start(config)
    free = None if config.free is None else [str(name) for name in config.free]
    console, fits = Console(stderr=True), list[LoopFit]()
    for kind in _kinds(start, config):
        with console.status(f"fitting {kind} to {len(loops)} sweeps"):
            fits.append(calibration.fit_loops(loops, kind, start=start, free=free))
    fits.sort(key=lambda fit: fit.bic)
    calibration.show_loop_fits(loops, fits, Console())
    written = calibration.write_physics(loops, fits[0], to)
    _finish(written, loop_figure(loops, fits[0]), config)


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
