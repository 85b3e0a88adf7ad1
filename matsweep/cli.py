"""The command line: `matsweep COMMAND [hydra overrides]`.

Every command is a Hydra application of its own, so that what a Hydra user knows works: `--cfg
job`, `--info`, `--help`, `-m`, `--config-dir`, experiments and tab completion. A user's mistake
is told in one line and ends with exit code 2.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console
from yaml import YAMLError

from matsweep.checks import UserError, near, positive, whole
from matsweep.sweep.config import conf_folder, explain

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from matsweep.derivation import Protocol
    from matsweep.devices import AnalogDevice, PulseModel
    from matsweep.devices.dynamics import DynamicalModel
    from matsweep.materials import Material

_USAGE = """matsweep: which memristor should this network be built from?

Usage: matsweep COMMAND [Hydra overrides]

  explore        simulate every candidate of a design, or resume a stopped one
  report         rank the candidates of a stored study and draw it
  status         show how far a study is
  materials      list the material families, or show one with its sources
  characterize   put a material's device on a virtual test bench
  calibrate      fit a device model to measured pulses, or I-V sweeps

  matsweep explore experiment=quickstart
  matsweep explore -m material=hfox_vcm,pcm_gst device.read_noise=0.01,0.02
  matsweep report results/quickstart.zarr
  matsweep materials pcm_gst
  matsweep characterize material=pcm_gst

`matsweep COMMAND --help` tells what can be set. For completion with the tab key:
  eval "$(matsweep -sc install=bash)"
"""


def explore(overrides: Sequence[str]) -> Path:
    """Run a study, or resume it, and tell where its results are.

    Parameters
    ----------
    overrides : sequence of str
        As on the command line, without or with values to sweep.

    Returns
    -------
    Path
        Of the store.
    """
    from matsweep.sweep.study import run_overrides

    console = Console(stderr=True)
    path = run_overrides(overrides, console)
    console.print(f"results are in {path}; matsweep report {path} ranks them", soft_wrap=True)
    return path


def _explore(config: DictConfig) -> None:
    explore(HydraConfig.get().overrides.task)


def _report(config: DictConfig) -> None:
    from matsweep.analysis import report
    from matsweep.store import open_results

    top = whole("top", config.top, low=1)
    store = Path(config.store or _newest(Path(config.results)))
    folder = Path(config.folder or store.with_suffix(""))
    report(
        open_results(store),
        Console(),
        folder,
        top=top,
        objectives=None if config.objectives is None else list(config.objectives),
        time=config.time,
    )


def _status(config: DictConfig) -> None:
    from matsweep.status import show

    slowest = whole("slowest", config.slowest, low=0)
    show(Path(config.store or _newest(Path(config.results))), Console(), slowest=slowest)


def _materials(config: DictConfig) -> None:
    from matsweep.catalogue import list_materials, show_material

    if config.name is None:
        list_materials(Console())
    else:
        show_material(str(config.name), Console())


def _characterize(config: DictConfig) -> None:
    from matsweep.build import build
    from matsweep.characterization import (
        array_figure,
        bench_figure,
        characterize,
        characterize_physics,
        physics_figure,
    )
    from matsweep.characterization.derived import show_derived
    from matsweep.devices import AnalogDevice
    from matsweep.sweep.config import material_of, plain_config

    material = material_of(config)
    device = _resolved(build(AnalogDevice, plain_config(config.device), "device"), config)
    folder, name = Path(config.folder), "bench" if config.get("tile") is None else "array"
    data = folder / f"{name}.zarr"
    if data.exists() and not config.overwrite:
        raise UserError(
            f"{data} is there already: give another folder=…, or overwrite=true to replace it"
        )
    if name == "bench":
        found = characterize(device, **plain_config(config.bench))
        draw = bench_figure
    else:
        found, draw = _array(device, config), array_figure
    written = _keep(found, draw, material, folder / name)
    if name == "bench" and config.physics is not None:
        physics, protocol = _virtual(config)
        read_voltage, seed = device.read_voltage, int(config.bench.seed)
        measured = characterize_physics(physics, protocol, read_voltage=read_voltage, seed=seed)
        written += _keep(measured, physics_figure, material, folder / "physics")
        show_derived(physics, protocol, device, Console())
    for path in written:
        Console().print(str(path), markup=False, soft_wrap=True)


def _keep(
    found: xr.Dataset, draw: Callable[[xr.Dataset, str], Figure], material: Material, path: Path
) -> list[Path]:
    """Write data and pictures beside each other; return their paths."""
    from matsweep.analysis.figure import save

    found.attrs.update(material=material.name, label=material.label)
    pictures = save(draw(found, material.label), path)
    data = path.with_suffix(".zarr")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of zarr: consolidated metadata is no standard yet
        found.to_zarr(data, mode="w", consolidated=True)
    return [data, *pictures]


def _virtual(config: DictConfig) -> tuple[DynamicalModel, Protocol]:
    """Build a material's physics and the pulses of its virtual experiment."""
    from matsweep.build import build
    from matsweep.derivation import Protocol
    from matsweep.devices.dynamics import DynamicalModel
    from matsweep.sweep.config import plain_config

    physics: DynamicalModel = build(DynamicalModel, plain_config(config.physics), "physics")
    return physics, build(Protocol, plain_config(config.protocol), "protocol")


def _resolved(device: AnalogDevice, config: DictConfig) -> AnalogDevice:
    """Return the device that its source gives."""
    import dataclasses

    from matsweep.derivation import derived_device, measured_device

    if device.source == "measured":
        return measured_device(device)
    if device.source == "derived":
        if config.physics is None:
            raise UserError(
                f"device.source must be reported for material={config.material.name}: "
                f"{config.material.name} states no physics"
            )
        physics, protocol = _virtual(config)
        return derived_device(
            physics, protocol, base=dataclasses.replace(device, source="reported")
        )
    return device


def _array(device: AnalogDevice, config: DictConfig) -> xr.Dataset:
    from matsweep.build import build
    from matsweep.characterization import characterize_array
    from matsweep.crossbar import Interconnect, Tile, Wires
    from matsweep.scenario import array_wires
    from matsweep.sweep.config import plain_config

    tile = build(Tile, plain_config(config.tile), "tile")
    interconnect: Interconnect = build(Interconnect, plain_config(config.wires), "wires")
    bench = plain_config(config.array)
    node = positive("array.node", bench.pop("node"), "m")
    wires = array_wires(interconnect, device.cell_size, node, "array.node") or Wires(0.0, 0.0)
    found = characterize_array(device, tile, wires, **bench)
    own = getattr(interconnect, "node", None)
    return found.assign_attrs(node=node if own is None else own)


def _calibrate(config: DictConfig) -> None:
    from matsweep import calibration
    from matsweep.analysis.figure import save

    if config.data is None:
        raise UserError("data must name a file: matsweep calibrate measured.csv name=my_oxide")
    paths = [config.data] if isinstance(config.data, str) else list(config.data)
    if any(calibration.is_sweep(str(path)) for path in paths):
        _calibrate_loops([str(path) for path in paths], config)
        return
    if len(paths) > 1:
        raise UserError("data must be one file of pulses; only I-V sweeps may be several")
    data = calibration.read_pulses(str(paths[0]), unit=config.unit)
    limits = {"g_min": config.g_min, "g_max": config.g_max}
    if config.model in (None, "tabulated"):
        fits = calibration.compare(data, **limits)
    else:
        fits = [calibration.fit_model(data, str(config.model), **limits)]
    console, best = Console(), fits[0]
    calibration.show_fits(data, fits, console)
    chosen = best if config.model not in (None, "tabulated") else calibration.recommend(fits)
    if chosen is None or config.model == "tabulated":
        model: PulseModel = calibration.tabulate(data, **limits)
    else:
        model = chosen.model
    written = calibration.write_material(
        data,
        model,
        str(config.folder),
        str(config.name),
        g_min=best.g_min,
        g_max=best.g_max,
        label=config.label,
        read_voltage=config.read_voltage,
        cell_size=config.cell_size,
        replace=bool(config.overwrite),
    )
    pictures = save(calibration.fit_figure(data, best), Path(config.pictures) / str(config.name))
    console.print()
    for path in (written, *pictures):
        console.print(str(path), markup=False, soft_wrap=True, highlight=False)
    console.print(
        f"matsweep explore --config-dir {config.folder} material={config.name} takes it",
        markup=False,
        highlight=False,
    )


def _calibrate_loops(paths: list[str], config: DictConfig) -> None:
    from matsweep import calibration
    from matsweep.analysis.figure import save
    from matsweep.checks import one_of
    from matsweep.devices.dynamics import CompiledModel
    from matsweep.sweep.config import load_material

    loops = calibration.read_loops(paths)
    calibration.new_material(
        str(config.folder), str(config.name), config.read_voltage, config.cell_size,
        bool(config.overwrite),
    )  # fmt: skip
    start: CompiledModel | None = None
    if config.start is not None:
        physics = load_material(str(config.start)).physics
        if not isinstance(physics, CompiledModel):
            raise UserError(
                f"start must name a material that states its physics, got {config.start}"
            )
        start = physics
    free = None if config.free is None else [str(name) for name in config.free]
    if start is not None:
        kinds = [next(k for k, cls in type(start).registry.items() if cls is type(start))]
        if free is None:
            free = list(getattr(calibration.KINDS.get(kinds[0]), "free", ())) or None
    elif config.model is None:
        kinds = list(calibration.KINDS)
    else:
        kinds = [one_of("model", str(config.model), calibration.KINDS)]
    told, fits = Console(stderr=True), []
    for kind in kinds:
        with told.status(f"fitting {kind} to {len(loops)} sweeps"):
            fits.append(calibration.fit_loops(loops, kind, start=start, free=free))
    fits.sort(key=lambda fit: fit.bic)
    console = Console()
    calibration.show_loop_fits(loops, fits, console)
    pictures = save(
        calibration.loop_figure(loops, fits[0]), Path(config.pictures) / str(config.name)
    )
    written = calibration.write_physics(
        loops,
        fits[0],
        str(config.folder),
        str(config.name),
        label=config.label,
        read_voltage=config.read_voltage,
        cell_size=config.cell_size,
        replace=bool(config.overwrite),
    )
    console.print()
    for path in (written, *pictures):
        console.print(str(path), markup=False, soft_wrap=True, highlight=False)
    console.print(
        f"matsweep explore --config-dir {config.folder} material={config.name} "
        "device.source=derived takes it",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


_COMMANDS: dict[str, Callable[[DictConfig], None]] = {
    "explore": _explore,
    "report": _report,
    "status": _status,
    "materials": _materials,
    "characterize": _characterize,
    "calibrate": _calibrate,
}

_POSITIONAL = {"report": "store", "status": "store", "materials": "name", "calibrate": "data"}
"""What a command's first word means if it is no override."""


def _newest(folder: Path) -> Path:
    """Return the store that was changed last."""
    stores = [path for path in folder.glob("*.zarr") if (path / "zarr.json").is_file()]
    if not stores:
        raise UserError(f"no store in {folder}: name one, as in matsweep report PATH")
    return max(stores, key=lambda path: (path / "zarr.json").stat().st_mtime)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str or None
        After the program's name; None: the process's own.

    Returns
    -------
    int
        Exit code: 0, 2 for a user's mistake, 130 if stopped by Ctrl-C.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] in ([], ["-h"], ["--help"], ["help"]):
        print(_USAGE, end="")
        return 0
    if given == ["--version"]:
        print(f"matsweep {version('matsweep')}")
        return 0
    if given[0].startswith(("-sc", "--shell-completion", "--shell_completion")):
        return _complete(given)
    command, *rest = given
    if command not in _COMMANDS:
        print(f"matsweep: no command {command!r}{near(command, _COMMANDS)}", file=sys.stderr)
        print(f"there are {', '.join(_COMMANDS)}; matsweep --help", file=sys.stderr)
        return 2
    words = [word for word in rest if "=" not in word and not word.startswith("-")]
    if command == "calibrate" and len(words) > 1 and rest[: len(words)] == words:
        rest[: len(words)] = [f"data=[{','.join(map(_quoted, words))}]"]
    elif command in _POSITIONAL and rest and "=" not in rest[0] and not rest[0].startswith("-"):
        rest[0] = f"{_POSITIONAL[command]}={_quoted(rest[0])}"
    return _run(command, rest)


def _run(command: str, arguments: list[str]) -> int:
    """Run one command's Hydra application and turn what goes wrong into one line."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come here instead of being printed by Hydra
    mistakes: list[UserError] = []

    def task(config: DictConfig) -> None:
        try:
            _COMMANDS[command](config)
        except UserError as error:  # kept from Hydra, which would print lines of its own
            mistakes.append(error)
        except BrokenPipeError:
            raise
        except OSError as error:
            place = f" {error.filename}" if error.filename else ""
            mistakes.append(UserError(f"cannot use{place}: {error.strerror or error}"))

    application = hydra.main(
        version_base="1.3", config_path=str(conf_folder()), config_name=command
    )(task)
    before = sys.argv
    sys.argv = [f"matsweep {command}", *arguments]
    try:
        application()
        if mistakes:
            raise mistakes[0]
    except UserError as error:
        from matsweep.sweep.study import StoppedError

        print(f"matsweep: {error}", file=sys.stderr)
        return 130 if isinstance(error, StoppedError) else 2
    except (HydraException, OmegaConfBaseException) as error:
        print(f"matsweep: {_explained(error, command, arguments)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("matsweep: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except YAMLError as error:
        told = " ".join(str(error).split())
        print(f"matsweep: a configuration is no valid YAML: {told}", file=sys.stderr)
        return 2
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else 2
    finally:
        sys.argv = before
    return 0


def _explained(error: Exception, command: str, arguments: list[str]) -> str:
    from matsweep.sweep.config import composer

    with composer():
        return explain(error, arguments, command)


def _quoted(path: str) -> str:
    """Write a path in Hydra's grammar."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _complete(given: list[str]) -> int:
    """Complete the command's name here, and leave its overrides to Hydra."""
    action = given[0].partition("=")[2] or (given[1] if len(given) > 1 else "")
    line = os.environ.get("COMP_LINE", "")
    words = line.split()
    if not action.startswith("query") and "query" not in " ".join(given):
        return _run("explore", given)
    typed = words[1] if len(words) > 1 else ""
    if typed not in _COMMANDS or (len(words) == 2 and not line.endswith(" ")):
        print(" ".join(name for name in _COMMANDS if name.startswith(typed)))
        return 0
    shorter = " ".join([words[0], *words[2:]]) + (" " if line.endswith(" ") else "")
    os.environ["COMP_LINE"] = shorter
    os.environ["COMP_POINT"] = str(len(shorter))
    return _run(typed, given)


def run() -> None:
    """Run the process's own command line and leave with its exit code."""
    sys.exit(main())
