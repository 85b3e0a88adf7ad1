"""Installed packages that provide parts or configurations, by their entry points.

Installed packages are trusted, configurations are not: a configuration can name a registered part
only, and the modules that are imported depend on the packages installed where the study is started.
Worker processes load the packages that the starting process names (`adopt`), whatever is installed
on their machine.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from matsweep.core.checks import UserError, near

CONF = "matsweep.conf"
"""Group of folders of configurations."""

GROUPS = (
    "matsweep.workloads",
    "matsweep.metrics",
    "matsweep.pulse_models",
    "matsweep.dynamics",
    "matsweep.validation",
)
"""Groups of parts."""

_OWN = __name__.partition(".")[0]


class PartsError(UserError):
    """Lack of parts in a process that a study uses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Entry point.

    Parameters
    ----------
    group : str
    name : str
    value : str
        Location of the part: ``package.module:attribute``, or the module alone.
    """

    group: str
    name: str
    value: str

    @property
    def module(self) -> str:
        """The module in which the part lies."""
        return self.value.partition(":")[0].strip()

    def load(self) -> Any:
        """Import the module and return the part."""
        return EntryPoint(name=self.name, group=self.group, value=self.value).load()


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """Installed package that provides parts or configurations.

    Parameters
    ----------
    name, version : str
        Of the distribution.
    points : tuple of Point
        Sorted by group and name.
    """

    name: str
    version: str
    points: tuple[Point, ...]

    @property
    def modules(self) -> tuple[str, ...]:
        """The outermost regular packages or modules that contain its parts, by dotted name."""
        return tuple(dict.fromkeys(_outermost(point.module) for point in self.points))

    def has(self, cls: type) -> bool:
        """Check whether a class is defined in the package.

        Parameters
        ----------
        cls : type

        Returns
        -------
        bool
        """
        return any(f"{cls.__module__}.".startswith(f"{module}.") for module in self.modules)

    @property
    def places(self) -> tuple[Path, ...]:
        """Folder, or file, of each of `modules`.

        Raises
        ------
        PartsError
            If one cannot be imported here.
        """
        return tuple(_place(module) for module in self.modules)

    @property
    def digest(self) -> str:
        """Hash of the Python sources of all its modules, as they are imported here."""
        return _digest(self.places)


@functools.cache
def _outermost(module: str) -> str:
    """Return the outermost part of a module's dotted name that is no namespace package."""
    steps = module.split(".")
    for count in range(1, len(steps)):
        name = ".".join(steps[:count])
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            return name
        if spec is None or spec.origin is not None:
            return name
    return module


def _place(module: str) -> Path:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        spec = None
    if spec is None or (spec.origin is None and not spec.submodule_search_locations):
        raise PartsError(f"module {module} is not there")
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    assert spec.origin is not None
    return Path(spec.origin)


def _digest(places: Iterable[Path]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for place in places:
        files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
        for file in files:
            digest.update(f"{file.relative_to(place.parent).as_posix()}\0".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


_known: dict[str, Package] | None = None
"""By name: those installed, or in a worker those that it adopted. None: not read yet."""


def packages() -> tuple[Package, ...]:
    """Return the packages that provide parts or configurations, sorted by name.

    Returns
    -------
    tuple of Package

    Raises
    ------
    UserError
        If one has an entry point of an unknown group.
    """
    global _known
    if _known is None:
        _known = _installed()
    return tuple(_known.values())


def _installed() -> dict[str, Package]:
    installed: dict[str, tuple[str, list[Point]]] = {}
    for point in entry_points():
        if not point.group.startswith(f"{_OWN}."):
            continue
        name, version = (point.dist.name, point.dist.version) if point.dist else (point.module, "")
        if point.group not in (CONF, *GROUPS):
            known = (CONF, *GROUPS)
            raise UserError(
                f"the installed package {name} has an entry point of the group {point.group}, "
                f"which matsweep does not know (there are {', '.join(known)})"
                f"{near(point.group, known)}"
            )
        points = installed.setdefault(name, (version, []))[1]
        points.append(Point(group=point.group, name=point.name, value=point.value))
    return {
        name: Package(
            name=name,
            version=version,
            points=tuple(sorted(points, key=lambda each: (each.group, each.name))),
        )
        for name, (version, points) in sorted(installed.items())
    }


def adopt(told: Iterable[Package]) -> None:
    """Add the packages of the process that started the study.

    Parameters
    ----------
    told : iterable of Package

    Raises
    ------
    PartsError
        If this process has loaded one in another version.
    """
    global _known
    known = {} if _known is None else _known
    for package in told:
        there = known.get(package.name, package)
        if there != package:
            raise PartsError(
                f"package {package.name} must be {package.version}, as where the study started, "
                f"got {there.version} or other entry points; install the same version"
            )
        known = {**known, package.name: package}
    _known = known


def package_of(cls: type) -> Package | None:
    """Package that a class comes from.

    Parameters
    ----------
    cls : type
        Not one of matsweep's own.

    Returns
    -------
    Package or None
        None: the class is not an installed package's.
    """
    return next((package for package in packages() if package.has(cls)), None)


def versions(classes: Iterable[type]) -> dict[str, str]:
    """Versions of the packages that classes come from, by name, sorted.

    Parameters
    ----------
    classes : iterable of type
        Not matsweep's own; those of no installed package are left out.

    Returns
    -------
    dict of str to str
    """
    used = {package_of(cls) for cls in classes}
    if not used:
        return {}
    return {each.name: each.version for each in packages() if each in used}


def is_own(cls: type) -> bool:
    """Check whether a class is matsweep's own.

    Parameters
    ----------
    cls : type

    Returns
    -------
    bool
    """
    return cls.__module__.partition(".")[0] == _OWN
