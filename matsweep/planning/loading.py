"""Material families from their configurations."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from matsweep.core.checks import UserError
from matsweep.core.codec import build
from matsweep.core.printing import shown
from matsweep.devices import AnalogDevice
from matsweep.devices.dynamics.model import DynamicalModel
from matsweep.identification.derivation import Protocol
from matsweep.materials import Material, Origin, Reference
from matsweep.planning.config import compose, composer, merge_choices, plain_config, set_path


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedMaterial:
    """A material family, ready to use.

    Parameters
    ----------
    material : Material
        Its description and sources.
    physics : DynamicalModel or None
        Its state equations, for `matsweep.devices.transient`; None where it states none.
    protocol : Protocol or None
        The virtual experiment that derives its device from `physics`.
    device : AnalogDevice
        Its behavioural model.
    sources : dict of str to Origin
        Origin of each number of the device; those of the physics begin with `physics.`.
    """

    material: Material
    physics: DynamicalModel | None
    protocol: Protocol | None
    device: AnalogDevice
    sources: dict[str, Origin]


def load_material(
    name: str, /, *, config_dir: str | Path | None = None, **overrides: object
) -> LoadedMaterial:
    """Load a material family by name.

    Parameters
    ----------
    name : str
        As in conf/material, e.g. "pcm_gst".
    config_dir : str or Path or None
        A folder of the user's own configurations, such as `matsweep calibrate` writes; its
        materials are loaded by name like matsweep's.
    **overrides
        Values of the device's parameters: ``load_material("pcm_gst", g_max=2e-5)``; a nested
        one with two underscores for the dot, ``drift__nu=0.05``.

    Returns
    -------
    LoadedMaterial

    Raises
    ------
    UserError
        For an unknown name, parameter or folder, or a value out of its range.

    Examples
    --------
    >>> import matsweep
    >>> matsweep.load_material("pcm_gst").device.g_max
    2.5e-05
    """
    with composer(config_dir):
        config = compose([f"material={name}"], _LEAST)
        parts = {part: plain_config(config[part]) for part in _PARTS if config[part] is not None}
        material = material_of(config)
    for key, value in overrides.items():
        set_path(parts["device"], key.replace("__", "."), value, "device")
    return _loaded(parts, material)


def load_materials(names: Sequence[str]) -> list[LoadedMaterial]:
    """Load many material families, faster than one by one.

    Parameters
    ----------
    names : sequence of str

    Returns
    -------
    list of LoadedMaterial

    Raises
    ------
    UserError
        As `load_material` does.
    """
    with composer():
        without = compose(["~material"], _LEAST)
        known = plain_config(without.references)
        base = {part: plain_config(without[part]) for part in _PARTS if without[part] is not None}
        return [
            load_material(name)
            if parts is None or "references" in parts
            else _loaded(parts, _material(parts.get("material") or {}, known))
            for name, parts in zip(names, merge_choices(base, "material", names), strict=True)
        ]


def references(keys: Iterable[str]) -> dict[str, Reference]:
    """Return references by their keys; call it inside `composer`.

    Parameters
    ----------
    keys : iterable of str
        As in conf/references.

    Returns
    -------
    dict of str to Reference
        In the order of conf/references; unknown keys are left out.
    """
    known, wanted = plain_config(compose([], _LEAST).references), set(keys)
    return {
        key: build(Reference, each, f"references.{key}")
        for key, each in known.items()
        if key in wanted
    }


_LEAST = "characterize"
"""Smallest configuration that holds a whole material."""

_PARTS = ("device", "physics", "protocol")


def _loaded(parts: Mapping[str, Any], material: Material) -> LoadedMaterial:
    """Build the objects that a configuration states of a material."""
    physics = protocol = None
    if parts.get("physics") is not None:
        physics = build(DynamicalModel, parts["physics"], "physics")
        protocol = build(Protocol, parts["protocol"], "protocol")
    of_physics = {f"physics.{path}": origin for path, origin in material.physics_origins.items()}
    return LoadedMaterial(
        material=material,
        physics=physics,
        protocol=protocol,
        device=build(AnalogDevice, parts["device"], "device"),
        sources={**material.origins, **of_physics},
    )


_CONDITIONS = ("temperature", "cycles", "write_verify", "source", "measurements",
               "reading")  # fmt: skip
"""Operating conditions of a device, set by the study rather than by the material."""

_STATED = tuple(f.name for f in dataclasses.fields(AnalogDevice) if f.name not in _CONDITIONS)


def material_of(config: DictConfig) -> Material:
    """Return the material of a composed configuration, with the references that it uses.

    Parameters of the device without an origin have status "missing".

    Parameters
    ----------
    config : DictConfig

    Returns
    -------
    Material
    """
    material, known = config.material, config.references
    return _material(
        plain_config(material) if OmegaConf.is_dict(material) else material,
        plain_config(known) if OmegaConf.is_dict(known) else known,
    )


def _material(stated: object, known: object) -> Material:
    """Build a material as stated, with those of the known references that it uses."""
    if not isinstance(stated, Mapping) or not isinstance(known, Mapping):
        name, value = ("references", known) if isinstance(stated, Mapping) else ("material", stated)
        raise UserError(f"{name} must be a mapping, as in conf/{name}, got {shown(value)}")
    facts = dict(stated)
    if not isinstance(facts.get("origins"), dict):
        raise UserError(
            "material.origins must say where each number comes from, as in conf/material: "
            f"origins: {{g_max: {{status: illustrative}}}} at least (material={facts.get('name')})"
        )
    unstated = {name: {"status": "missing"} for name in _STATED if name not in facts["origins"]}
    facts["origins"] = {**facts["origins"], **unstated}
    of_physics = facts.get("physics_origins", {})
    if not isinstance(of_physics, Mapping):
        raise UserError(f"material.physics_origins must be a mapping, got {shown(of_physics)}")
    used = []
    for path, origin in [*facts["origins"].items(), *of_physics.items()]:
        if not isinstance(origin, Mapping):
            raise UserError(
                f"material: the origin of {path} must be a mapping, {{status: …}}, got "
                f"{shown(origin)}"
            )
        used.append(origin.get("source"))
    facts["references"] = {key: known[key] for key in known if key in used}
    return build(Material, facts, "material")
