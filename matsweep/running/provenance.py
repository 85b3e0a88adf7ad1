"""Provenance of results: versions, revision, machines and times."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import shlex
import subprocess
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from matsweep.core.codec import build, plain
from matsweep.devices.dynamics import DynamicalModel
from matsweep.devices.unknown import CONTAINED, PATHS, in_words, overlap, parameter_of
from matsweep.planning.environment import flags
from matsweep.planning.folders import package_of_choice
from matsweep.planning.plan import Plan
from matsweep.running.parts import Parts
from matsweep.store import Store, attributes

_PACKAGES = (
    "matsweep",
    "numpy",
    "scipy",
    "numba",
    "llvmlite",
    "xarray",
    "zarr",
    "ray",
    "hydra-core",
    "hwcomponents",
    "hwcomponents-adc",
    "hwcomponents-library",
    "scikit-learn",
)


def provenance() -> dict[str, Any]:
    """Return the versions, git revision, platform and start time of a run.

    Returns
    -------
    dict
    """
    return {
        "versions": {name: _version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "git": revision(Path(__file__).resolve().parents[2]),
        "started": now(),
    }


def outside(plan: Plan, metrics: Iterable[str]) -> dict[str, str]:
    """Return the versions of the packages whose parts or configurations a study uses.

    Parameters
    ----------
    plan : Plan
    metrics : iterable of str
        Names of the stored metrics.

    Returns
    -------
    dict of str to str
        By the package's name, sorted.
    """
    chosen = {choice for base in plan.bases for choice in base.choices.items()}
    brought = {package_of_choice(group, name) for group, name in chosen}
    configured = {each.name: each.version for each in brought if each is not None}
    versions = {**configured, **Parts.of(plan.foreign, metrics).versions}
    return dict(sorted(versions.items()))


def typed(overrides: Sequence[str], config_dir: object = None) -> str:
    """Write overrides as a command for a shell.

    Parameters
    ----------
    overrides : sequence of str
    config_dir : path or None

    Returns
    -------
    str
    """
    folder = [] if config_dir is None else ["--config-dir", str(config_dir)]
    return shlex.join(["matsweep", "explore", *flags(), *folder, "-m", *overrides])


def remember_command(store: Store, command: str) -> None:
    """Store a study's command as typed last, without `retry_failed`.

    Parameters
    ----------
    store : Store
    command : str
    """
    words = [word for word in shlex.split(command) if not word.startswith("retry_failed=")]
    command = shlex.join(words)
    if command and attributes(store.path).get("command") != command:
        store.update_attrs({"command": command})


def sources(plan: Plan) -> str:
    """Return the origins of the numbers of the plan's materials.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    str
        JSON.
    """
    materials: dict[str, Any] = {}
    references: dict[str, Any] = {}
    bases = {base.material.name: base for base in plan.bases}
    swept = "device.source" in plan.names
    for name, material in plan.materials.items():
        plain_base = bases[name].plain
        device = plain_base["device"]
        derived = device.get("source") == "derived"
        forgets = derived and _forgets(plain_base["physics"])
        unused = _unused(device, derived and not swept, forgets)
        parts = [("device", device, material.origins, unused)]
        if (derived or swept) and plain_base["physics"] is not None:
            parts.append(("physics", plain_base["physics"], material.physics_origins, set()))
        materials[name] = {
            "label": material.label,
            "short": material.short or material.label,
            "numbers": {
                f"{section}.{path}": {
                    "value": _at(values, path),
                    **plain(origin),
                    **_prior(plan, name, f"{section}.{path}"),
                }
                for section, values, origins, unused in parts
                for path, origin in origins.items()
                if path not in unused
            },
        }
        given = plan.unknowns.given.get(name, [])
        if laws := [path for path in plan.unknowns.drawn.get(name, ()) if path not in given]:
            materials[name]["unknown"] = laws
        if given:
            materials[name]["given"] = list(given)
        if material.misfit is not None:
            materials[name]["misfit"] = material.misfit
        if material.cautions:
            materials[name]["cautions"] = list(material.cautions)
        references.update(plain(material.references))
        known = plain_base["references"]
        keys = {key for each in plan.unknowns.sources.get(name, {}).values() for key in each}
        references.update({key: known[key] for key in known if key in keys})
    return json.dumps({"materials": materials, "references": references})


def _prior(plan: Plan, material: str, path: str) -> dict[str, Any]:
    """Describe the priors of what is drawn in a field of a material's device."""
    laws = plan.unknowns.drawn.get(material, {})
    inside = [each for each in laws if f"{each}.".startswith(f"{path}.")]
    if not inside and laws and path in CONTAINED:
        return {"contained": True}
    inside = [each for each in inside if each not in plan.unknowns.given.get(material, ())]
    if not inside:
        return {"given": True} if _given(plan, material, path) else {}
    words = [f"{parameter_of(each).label} {in_words(each, laws[each])}" for each in inside]
    keys = [key for each in inside for key in plan.unknowns.sources[material].get(each, ())]
    return {"prior": "; ".join(words), "prior_sources": list(dict.fromkeys(keys))}


def _given(plan: Plan, material: str, path: str) -> bool:
    """Whether the user states all of a field that may be unknown, by a setting or as one value."""
    stated = [*plan.unknowns.stated, *plan.unknowns.given.get(material, ())]
    parts = [each for each in PATHS if f"{each}.".startswith(f"{path}.")] or [path]
    return all(any(overlap(part, each) for each in stated) for part in parts)


def _forgets(physics: dict[str, Any]) -> bool:
    """Whether a physics has its own law of retention."""
    model: DynamicalModel = build(DynamicalModel, physics, "physics")
    return type(model).retention is not DynamicalModel.retention


def _unused(device: dict[str, Any], derived: bool, forgets: bool) -> set[str]:
    """Parameters of a device that no inference with it depends on."""
    unused = {"iv"}  # tiles are ohmic
    if device.get("write_verify") in (None, False):
        unused |= {"pulse_model", "write_pulse"}
    if not device.get("cycles"):
        unused.add("endurance")
    if derived:  # the physics takes their place
        unused |= {"g_min", "g_max", "levels", "programming_error", "device_to_device"}
        unused |= {"cycle_to_cycle", "pulse_model", "write_pulse"}
        if forgets:
            unused.add("retention")
    return unused


def revision(folder: Path) -> str:
    """Return the git revision of a checkout.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    str
        Ends in "+" if files differ from it; empty if the folder is no checkout.
    """
    if not (folder / ".git").exists():
        return ""
    try:
        described = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--dirty=+", "--abbrev=40"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return described.stdout.strip()


def now() -> str:
    """Return the time, in UTC to the second.

    Returns
    -------
    str
        ISO 8601.
    """
    return datetime.now(UTC).isoformat(timespec="seconds")


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _at(node: Any, path: str) -> Any:
    for key in path.split("."):
        node = node.get(key) if isinstance(node, dict) else None
    return node
