"""Parts that a configuration may name: the package's own, and those of installed packages."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib.metadata import EntryPoint, entry_points

from matsweep.core.checks import UserError


class Registry[T](MutableMapping[str, T]):
    """Parts of one sort by name.

    The package's own are entered when their modules are imported. Those of other packages are
    entry points of `group`, loaded the first time that the registry is read: installed packages
    are trusted, configurations can name registered parts only.

    Parameters
    ----------
    noun : str
        What a part is, for messages: "workload", "metric".
    group : str or None
        Group of entry points; None: the package's own parts only.

    Raises
    ------
    UserError
        If an entry point cannot be loaded, or its name is taken.
    """

    def __init__(self, noun: str, group: str | None = None) -> None:
        self.noun = noun
        self.group = group
        self._parts: dict[str, T] = {}
        self._origins: dict[str, EntryPoint] = {}
        self._loaded = group is None

    def __setitem__(self, name: str, part: T) -> None:
        """Enter a part."""
        self._parts[name] = part

    def __delitem__(self, name: str) -> None:
        """Remove a part."""
        del self._parts[name]

    def __getitem__(self, name: str) -> T:
        """Return the part of a name."""
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

    def name_of(self, part: T) -> str:
        """Return the name under which a part is registered.

        Raises
        ------
        KeyError
            If it is not.
        """
        for name, known in self.items():
            if known is part:
                return name
        raise KeyError(f"{part!r} is not a registered {self.noun}")

    @property
    def origins(self) -> dict[str, EntryPoint]:
        """Entry points of the parts that other packages bring, by name."""
        self._load()
        return dict(self._origins)

    def _load(self) -> None:
        if self._loaded or self.group is None:
            return
        self._loaded = True  # loading imports modules that read the registry
        for point in sorted(entry_points(group=self.group), key=lambda each: each.name):
            self.load(point)

    def load(self, point: EntryPoint) -> None:
        """Load the part of an entry point.

        Raises
        ------
        UserError
            If it cannot be loaded, or its name is taken by another part.
        """
        try:
            part = point.load()
        except Exception as error:
            raise UserError(
                f"{self.noun} {point.name!r} of the installed package {_package(point)} cannot be "
                f"loaded from {point.value}: {type(error).__name__}: {error}; fix the package or "
                "uninstall it"
            ) from error
        known = self._parts.get(point.name, part)
        if known is not part:
            raise UserError(
                f"{self.noun} {point.name!r} of the installed package {_package(point)} has the "
                "name of another one; rename it or uninstall the package"
            )
        self._parts[point.name] = part
        self._origins[point.name] = point


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.module
