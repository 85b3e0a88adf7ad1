"""Folders that configurations are found in: matsweep's own, and those of installed packages."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from matsweep.core.checks import UserError
from matsweep.core.packages import CONF, Package, Point, packages


def conf_folder() -> Path:
    """Return the folder of the configurations that come with matsweep.

    Inside the package where it is installed, next to it in a checkout.
    """
    package = Path(__file__).resolve().parents[1]
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


@functools.cache
def outside_folders() -> tuple[tuple[Package, Path], ...]:
    """Return the folders of the installed packages that bring configurations.

    They are searched after matsweep's own, before the user's.

    Raises
    ------
    UserError
        If a package names no folder, or brings a configuration of which there is one already.
    """
    found = []
    taken = {path: "matsweep" for path in _files(conf_folder())}
    for package in packages():
        for point in package.points:
            if point.group != CONF:
                continue
            folder = _folder(package, point)
            for path in _files(folder):
                if path in taken:
                    raise UserError(
                        f"{path} of the installed package {package.name} ({folder / path}) has "
                        f"the name of one of {taken[path]}; rename it or uninstall the package"
                    )
                taken[path] = package.name
            found.append((package, folder))
    return tuple(found)


def package_of_choice(group: str, choice: str) -> Package | None:
    """Return the installed package that brings a choice of a group; None: none does."""
    for package, folder in outside_folders():
        if (folder / group / f"{choice}.yaml").is_file():
            return package
    return None


def _files(folder: Path) -> Iterator[str]:
    """Yield the configurations in a folder, by their path in it."""
    for path in sorted(folder.rglob("*.yaml")):
        yield path.relative_to(folder).as_posix()


def _folder(package: Package, point: Point) -> Path:
    try:
        spec = importlib.util.find_spec(point.value)
    except (ImportError, ValueError, AttributeError):
        spec = None
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not places or not Path(places[0]).is_dir():
        raise UserError(
            f"{CONF} {point.name!r} of the installed package {package.name} names no folder: "
            f"{point.value} must be one inside a Python package, such as {point.module}.conf; fix "
            "the package or uninstall it"
        )
    return Path(places[0])
