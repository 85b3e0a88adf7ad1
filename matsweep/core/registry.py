"""Parts that a configuration may name: the package's own, and those of installed packages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping
from typing import Any

from matsweep.core.checks import UserError
from matsweep.core.packages import Package, PartsError, Point, adopt, is_own, packages


class Registry[T](MutableMapping[str, T]):
    """Parts of one sort by name.

    Most sorts are classes, which enter themselves when they are defined. Those of other packages
    are entry points of `group`, loaded the first time that the registry is read: installed
    packages are trusted, configurations can name registered parts only.

    Parameters
    ----------
    noun : str
        The sort, for messages: "workload", "metric".
    group : str or None
        Group of entry points; None: the package's own parts, and those of modules that were
        imported for others.
    named : str or None
        Attribute of a part that holds its name too, where parts are no classes.

    Raises
    ------
    UserError
        If an entry point cannot be loaded, or its name is taken.
    """

    def __init__(
        self,
        noun: str,
        group: str | None = None,
        *,
        named: str | None = None,
    ) -> None:
        self.noun = noun
        self.group = group
        self.named = named
        self._own: dict[str, T] = {}
        self._parts: dict[str, T] = {}
        self._origins: dict[str, Package] = {}
        self._loaded = group is None
        _ALL.append(self)

    def __setitem__(self, name: str, part: T) -> None:
        """Enter a part; a class may be defined again, but not take the name of another.

        Raises
        ------
        UserError
            If a class takes the name of another one.
        """
        known = self._parts.get(name, part)
        if isinstance(part, type) and isinstance(known, type) and _home(known) != _home(part):
            raise UserError(
                f"{self.noun} {name!r} of {_home(part)} has the name of {_home(known)}; rename it"
            )
        self._parts[name] = part
        self._origins.pop(name, None)
        if not self._is_own(name, part):
            _FOREIGN.add(self.noun)

    def __delitem__(self, name: str) -> None:
        """Remove a part."""
        del self._parts[name]

    def __getitem__(self, name: str) -> T:
        """Return the part with a name."""
        self._load()
        return self._parts[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, the package's own first."""
        self._load()
        return iter(self._parts)

    def __len__(self) -> int:
        """Return the number of parts."""
        self._load()
        return len(self._parts)

    def enter_own(self, parts: Iterable[T]) -> None:
        """Enter the package's own parts, where they are no classes, by their own names.

        Parameters
        ----------
        parts : iterable of parts
        """
        for part in parts:
            name = str(getattr(part, self.named or "name"))
            self._own[name] = self._parts[name] = part

    def is_own(self, name: str) -> bool:
        """Check whether the part with a name is the package's own.

        Parameters
        ----------
        name : str

        Returns
        -------
        bool
        """
        return self._is_own(name, self[name])

    def package(self, name: str) -> Package | None:
        """Package whose entry point the part with a name is.

        Parameters
        ----------
        name : str

        Returns
        -------
        Package or None
            None: no entry point.
        """
        self._load()
        return self._origins.get(name)

    def _is_own(self, name: str, part: T) -> bool:
        return is_own(part) if isinstance(part, type) else self._own.get(name) is part

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True  # loading imports modules that read the registry
        try:
            self._take(packages())
        except BaseException:
            self._loaded = False
            raise

    def _take(self, brought: Iterable[Package]) -> None:
        for package in brought:
            for point in package.points:
                if point.group == self.group and self._origins.get(point.name) != package:
                    self._enter(package, point)

    def _enter(self, package: Package, point: Point) -> None:
        """Load the part of an entry point."""
        whose = f"{self.noun} {point.name!r} of the installed package {package.name}"
        before = dict(self._parts)
        try:
            part = point.load()
        except UserError as error:  # of a class that takes a name
            raise UserError(f"{whose}: {error}, or uninstall the package") from None
        except Exception as error:
            cause = " ".join(f"{type(error).__name__}: {error}".split())
            raise UserError(
                f"{whose} cannot be loaded from {point.value} ({cause}); fix the package or "
                "uninstall it"
            ) from error
        taken = self._origins.get(point.name)
        if taken is not None or before.get(point.name, part) is not part:
            own = "matsweep" if self._is_own(point.name, before[point.name]) else "this process"
            raise UserError(
                f"{whose} has the name of one of {own if taken is None else taken.name}; rename it "
                "or uninstall the package"
            )
        name = self._stated(part, point, whose)
        if name != point.name:
            raise UserError(
                f"{whose} calls itself {name!r}; give its entry point that name, or uninstall the "
                "package"
            )
        self._parts[name] = part
        self._origins[name] = package
        _FOREIGN.add(self.noun)

    def _stated(self, part: T, point: Point, whose: str) -> str:
        """Return the name that a part states itself; refuse an object of another sort."""
        if self.named is not None:
            sorts = tuple({type(own) for own in self._own.values()})
            if isinstance(part, sorts):
                return str(getattr(part, self.named))
        elif isinstance(part, type):
            for name, known in self._parts.items():
                if known is part:
                    return name
        raise UserError(
            f"{whose} is no {self.noun}: {point.value} is {_described(part)}; fix the package or "
            "uninstall it"
        )


def load_parts(told: Iterable[Package]) -> None:
    """Load the parts of packages, and of no others, into all registries of this process.

    A worker calls it with the packages of the process that started the study.

    Parameters
    ----------
    told : iterable of Package

    Raises
    ------
    PartsError
        If one cannot be loaded, or this process has loaded another version of a package.
    """
    told = tuple(told)
    adopt(told)
    try:
        for registry in _ALL:
            if registry.group is not None:
                registry._load()
                registry._take(told)
    except UserError as error:
        raise PartsError(str(error)) from None


def described(cls: type) -> str:
    """Name of a class in messages: its registered name, if it has one.

    Parameters
    ----------
    cls : type

    Returns
    -------
    str
    """
    for registry in _ALL:
        for name, part in registry.items():
            if part is cls:
                return f"{registry.noun} {name!r}"
    return f"class {_home(cls)}"


def any_foreign() -> bool:
    """Check whether any registry of this process has parts that are not the package's own."""
    return bool(_FOREIGN)


_ALL: list[Registry[Any]] = []
_FOREIGN: set[str] = set()  # nouns of registries that have parts which are not the package's own


def _home(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _described(part: object) -> str:
    if isinstance(part, type):
        return f"the class {_home(part)}"
    return f"of type {type(part).__name__}"
