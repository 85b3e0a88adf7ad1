"""Measurements of `matsweep characterize`: the test bench, the physics, a wired array."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_type_hints

import xarray as xr
from matplotlib.figure import Figure
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from matsweep.characterization import (
    array_figure,
    bench_figure,
    characterize_array,
    characterize_physics,
    physics_figure,
)
from matsweep.characterization import characterize as bench
from matsweep.characterization.array import array_footprint
from matsweep.characterization.bench import bench_footprint
from matsweep.characterization.derived import show_derived
from matsweep.core.checks import UserError, positive, truth, whole
from matsweep.core.codec import arguments, build, numbers
from matsweep.core.plausible import doubts, preferred, refuse
from matsweep.core.printing import shown
from matsweep.core.sizes import check_memory, counted
from matsweep.core.units import value_in_unit
from matsweep.crossbar import Interconnect, Tile, Wires
from matsweep.devices import AnalogDevice
from matsweep.devices.dynamics import DynamicalModel
from matsweep.identification.derivation import Protocol, resolve
from matsweep.materials import Material
from matsweep.planning.config import plain_config
from matsweep.planning.loading import material_of
from matsweep.planning.plausibility import questions
from matsweep.planning.quantities import resolve_quantities
from matsweep.reporting.figures.printed import save
from matsweep.scenario import array_wires


def measure(config: DictConfig, path: Path) -> None:
    """Measure what a configuration of `matsweep characterize` asks for, and write it.

    Parameters
    ----------
    config : DictConfig
        As composed by Hydra.
    path : Path
        Of the data and the figures, without a suffix.

    Raises
    ------
    UserError
        If a parameter breaks its rule, or a value is implausible.
    """
    material = material_of(config)
    name = path.name
    device = _resolved(_questioned(config), config)
    most = _most(config)
    if name == "bench":
        settings = arguments(bench, plain_config(config.bench), "bench")
        _check_bench(settings, most)
        dataset = bench(device, **settings)
        draw = bench_figure
    else:
        dataset, draw = _array(device, config, most), array_figure
    written = _keep(dataset, draw, material, path)
    if name == "bench" and config.physics is not None:
        physics, protocol = _virtual(config)
        read_voltage, seed = device.read_voltage, int(config.bench.seed)
        measured = characterize_physics(physics, protocol, read_voltage=read_voltage, seed=seed)
        written += _keep(measured, physics_figure, material, path.with_name("physics"))
        show_derived(physics, protocol, device, Console())
    for path in written:
        Console().print(str(path), markup=False, soft_wrap=True)


def _questioned(config: DictConfig) -> AnalogDevice:
    """Build the device, once no value of the whole configuration is in question."""
    resolve_quantities(config)
    stated = plain_config(config)
    found = questions([stated], ())
    for section, function in (("bench", bench), ("array", characterize_array)):
        hints = get_type_hints(function, include_extras=True)
        values = arguments(function, stated[section], section)
        for key in (name for name in values if name in hints):
            found += doubts(numbers(hints[key], values[key], f"{section}.{key}"))
    strict = truth("plausible", config.plausible)
    try:
        device = build(AnalogDevice, stated["device"], "device")
        if stated.get("tile") is not None:
            build(Tile, stated["tile"], "tile")
            build(Interconnect, stated["wires"], "wires")
    except UserError as error:
        raise preferred(error, found if strict else ()) from None
    if strict:
        refuse(found)
    for each in found:
        Console(stderr=True).print(f"implausible: {each.line}", markup=False, soft_wrap=True)
    return device


def _keep(
    dataset: xr.Dataset, draw: Callable[[xr.Dataset, str], Figure], material: Material, path: Path
) -> list[Path]:
    """Write data and figures next to each other; return their paths."""
    dataset.attrs.update(material=material.name, label=material.label)
    pictures = save(draw(dataset, material.label), path)
    data = path.with_suffix(".zarr")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zarr: consolidated metadata are no standard yet
        dataset.to_zarr(data, mode="w", consolidated=True)
    return [data, *pictures]


def _virtual(config: DictConfig) -> tuple[DynamicalModel, Protocol]:
    """Build a material's physics and the pulses of its virtual experiment."""
    physics: DynamicalModel = build(DynamicalModel, plain_config(config.physics), "physics")
    protocol: Protocol = build(Protocol, plain_config(config.protocol), "protocol")
    check_memory("protocol", protocol.footprint, _most(config), "limits.memory", protocol.extent)
    return physics, protocol


def _resolved(device: AnalogDevice, config: DictConfig) -> AnalogDevice:
    """Return the device of the configured source, reported or derived."""
    if device.source != "derived":
        return resolve(device, None, None)
    if config.physics is None:
        raise UserError(
            f"device.source must be reported for material={config.material.name}: "
            f"{config.material.name} states no physics"
        )
    return resolve(device, *_virtual(config))


def _most(config: DictConfig) -> int:
    """Return the bound of memory, bytes."""
    stated = OmegaConf.select(config, "limits.memory")
    return whole("limits.memory", value_in_unit(stated, "B", "limits.memory"), low=1)


def _check_bench(settings: Mapping[str, Any], most: int) -> None:
    """Refuse a test bench of more devices than fit the memory."""
    defaults = {name: each.default for name, each in inspect.signature(bench).parameters.items()}
    stated = {**defaults, **settings}
    if not isinstance(stated["temperatures"], (list, tuple)):
        raise UserError(
            f"bench.temperatures [K] must be a list, got {shown(stated['temperatures'])}"
        )
    devices = whole("bench.devices", stated["devices"], low=2)
    pulses = 1 if stated["pulses"] is None else whole("bench.pulses", stated["pulses"], low=1)
    because = f"{counted(devices)} devices and {counted(pulses)} pulses"
    needed = bench_footprint(devices, pulses, len(stated["temperatures"]))
    check_memory("bench.devices", needed, most, "limits.memory", because)


def _array(device: AnalogDevice, config: DictConfig, most: int) -> xr.Dataset:
    tile = build(Tile, plain_config(config.tile), "tile")
    because = f"an array of {counted(tile.rows)} × {counted(tile.columns)} devices"
    check_memory("tile.rows", array_footprint(tile), most, "limits.memory", because)
    interconnect: Interconnect = build(Interconnect, plain_config(config.wires), "wires")
    settings = plain_config(config.array)
    node = positive("array.node", value_in_unit(settings.pop("node"), "m", "array.node"), "m")
    wires = array_wires(interconnect, device.cell_size, node, "array.node") or Wires(0.0, 0.0)
    dataset = characterize_array(
        device, tile, wires, **arguments(characterize_array, settings, "array")
    )
    own = getattr(interconnect, "node", None)
    return dataset.assign_attrs(node=node if own is None else own)
