"""Configuration folders: matsweep's own, and those of installed packages."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path

from matsweep.core.checks import UserError
from matsweep.core.packages import CONF, Package, Point, packages


def conf_folder() -> Path:
    """Return the folder of matsweep's own configurations.

    It lies inside the package where that is installed, next to it in a checkout.

    Returns
    -------
    Path
    """
    package = Path(__file__).resolve().parents[1]
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


@functools.cache
def outside_folders() -> tuple[tuple[Package, Path], ...]:
    """Return the configuration folders of the installed packages.

    They are searched after matsweep's own, before the user's.

    Returns
    -------
    tuple of (Package, Path)

    Raises
    ------
    UserError
        If a package names no folder, or brings a configuration whose name is taken.
    """
    folders = []
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
            folders.append((package, folder))
    return tuple(folders)


def package_of_choice(group: str, choice: str) -> Package | None:
    """Return the installed package that brings a choice of a group.

    Parameters
    ----------
    group : str
    choice : str

    Returns
    -------
    Package or None
        None where no package does.
    """
    for package, folder in outside_folders():
        if (folder / group / f"{choice}.yaml").is_file():
            return package
    return None


def check_names(folder: Path, earlier: Iterable[Path]) -> None:
    """Refuse a folder with a file that is never read, as an earlier folder has its name.

    Parameters
    ----------
    folder : Path
        A user's own.
    earlier : iterable of Path
        Folders that are searched before it.

    Raises
    ------
    UserError
        With the first such file; one of the same content does no harm.
    """
    for other in earlier:
        for name in _names(other):
            own = folder / name
            if not own.is_file() or own.read_bytes() == (other / name).read_bytes():
                continue
            raise UserError(
                f"{own} would not be read, as {name} of matsweep or an installed package is read "
                "first: give it another name"
            )


def shipped(group: str, name: str) -> bool:
    """Whether a choice of a group is matsweep's own or an installed package's.

    Parameters
    ----------
    group : str
    name : str

    Returns
    -------
    bool
    """
    folders = [conf_folder(), *(folder for _, folder in outside_folders())]
    return any((folder / group / f"{name}.yaml").is_file() for folder in folders)


@functools.cache
def _names(folder: Path) -> tuple[str, ...]:
    """Return the relative paths of the configurations in a folder that does not change."""
    return tuple(_files(folder))


def _files(folder: Path) -> Iterator[str]:
    """Yield the relative paths of the configurations in a folder."""
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
