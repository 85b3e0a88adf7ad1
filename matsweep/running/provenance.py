"""Where results come from: versions, revision, machines and times."""

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
    """Return what a run was made with: versions, git revision, platform, time of its start."""
    return {
        "versions": {name: _version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "git": revision(Path(__file__).resolve().parents[2]),
        "started": now(),
    }


def outside(plan: Plan, metrics: Iterable[str]) -> dict[str, str]:
    """Return the version of each package whose parts or configurations a study uses, by name.

    Parameters
    ----------
    plan : Plan
    metrics : names
        Of what is stored.
    """
    chosen = {choice for base in plan.bases for choice in base.choices.items()}
    brought = {package_of_choice(group, name) for group, name in chosen}
    configured = {each.name: each.version for each in brought if each is not None}
    found = {**configured, **Parts.of(plan.foreign, metrics).versions}
    return dict(sorted(found.items()))


def typed(overrides: Sequence[str], config_dir: object = None) -> str:
    """Return the command line that some overrides are, to be typed in a shell."""
    folder = [] if config_dir is None else ["--config-dir", str(config_dir)]
    return shlex.join(["matsweep", "explore", *folder, "-m", *overrides])


def remember_command(store: Store, command: str) -> None:
    """Keep in a store how its study is run, as it was typed last, but for `retry_failed`."""
    words = [word for word in shlex.split(command) if not word.startswith("retry_failed=")]
    command = shlex.join(words)
    if command and attributes(store.path).get("command") != command:
        store.update_attrs({"command": command})


def sources(plan: Plan) -> str:
    """Return where the numbers of the plan's materials come from, as JSON."""
    materials: dict[str, Any] = {}
    references: dict[str, Any] = {}
    bases = {base.material.name: base for base in plan.bases}
    swept = "device.source" in plan.names
    for name, material in plan.materials.items():
        plain_base = bases[name].plain
        device = plain_base["device"]
        derived = device["source"] == "derived"
        forgets = derived and _forgets(plain_base["physics"])
        unused = _unused(device, derived and not swept, forgets)
        parts = [("device", device, material.origins, unused)]
        if (derived or swept) and plain_base["physics"] is not None:
            parts.append(("physics", plain_base["physics"], material.physics_origins, set()))
        materials[name] = {
            "label": material.label,
            "numbers": {
                f"{section}.{path}": {"value": _at(values, path), **plain(origin)}
                for section, values, origins, unused in parts
                for path, origin in origins.items()
                if path not in unused
            },
        }
        references.update(plain(material.references))
    return json.dumps({"materials": materials, "references": references})


def _forgets(physics: dict[str, Any]) -> bool:
    """Whether a physics says by itself how long it keeps its state."""
    model: DynamicalModel = build(DynamicalModel, physics, "physics")
    return type(model).retention is not DynamicalModel.retention


def _unused(device: dict[str, Any], derived: bool, forgets: bool) -> set[str]:
    """Return the parameters of a device that no inference with it depends on."""
    unused = {"iv"}  # tiles are ohmic
    if device["write_verify"] is None:
        unused |= {"pulse_model", "write_pulse"}
    if not device["cycles"]:
        unused.add("endurance")
    if derived:  # the physics takes their place
        unused |= {"g_min", "g_max", "levels", "programming_error", "device_to_device"}
        unused |= {"cycle_to_cycle", "pulse_model", "write_pulse"}
        if forgets:
            unused.add("retention")
    return unused


def revision(folder: Path) -> str:
    """Return the git revision of a checkout, "+" if it was changed since; "" if it is none."""
    if not (folder / ".git").exists():
        return ""
    try:
        found = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--dirty=+", "--abbrev=40"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.strip()


def now() -> str:
    """Return the time, in UTC to the second."""
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
