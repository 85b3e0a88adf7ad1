"""Parts of a study from outside matsweep, which the computing processes need."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matsweep.core.checks import UserError
from matsweep.core.packages import Package, PartsError, package_of
from matsweep.core.registry import described, load_parts

# Metrics and stores take a second to import, which the process that holds Ray does not need.
if TYPE_CHECKING:
    from matsweep.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of a study from outside matsweep.

    Parameters
    ----------
    packages : tuple of Package
        Whose parts are used, sorted by name.
    digests : tuple of str
        Digest of the sources of each, as installed here.
    classes : tuple of (str, str)
        Module and qualified name of each class that comes from a package.
    metrics : tuple of str
        Names of the metrics that come from a package.
    by_hand : tuple of str
        Parts registered in this process only, as named in messages.
    """

    packages: tuple[Package, ...] = ()
    digests: tuple[str, ...] = ()
    classes: tuple[tuple[str, str], ...] = ()
    metrics: tuple[str, ...] = ()
    by_hand: tuple[str, ...] = ()

    @classmethod
    def of(cls, classes: Iterable[type], metrics: Iterable[str]) -> Parts:
        """Collect the parts from outside matsweep.

        Parameters
        ----------
        classes : iterable of type
            Classes from outside matsweep.
        metrics : iterable of str
            Names of metrics; matsweep's are skipped.

        Returns
        -------
        Parts
        """
        from matsweep.metrics import METRICS

        homes = {each: package_of(each) for each in classes}
        foreign = {name: METRICS.package(name) for name in metrics if not METRICS.is_own(name)}
        bringing = {each for each in (*homes.values(), *foreign.values()) if each is not None}
        used = tuple(sorted(bringing, key=lambda each: each.name))
        by_hand = [described(each) for each, package in homes.items() if package is None]
        by_hand += [f"metric {name!r}" for name, package in foreign.items() if package is None]
        return cls(
            packages=used,
            digests=tuple(package.digest for package in used),
            classes=tuple(
                sorted((c.__module__, c.__qualname__) for c, p in homes.items() if p is not None)
            ),
            metrics=tuple(sorted(name for name, package in foreign.items() if package is not None)),
            by_hand=tuple(sorted(by_hand)),
        )

    @property
    def versions(self) -> dict[str, str]:
        """Version of each package, by its name."""
        return {package.name: package.version for package in self.packages}

    def check_shared(self) -> None:
        """Refuse parts that other processes cannot have.

        Raises
        ------
        UserError
            For the first such part.
        """
        if self.by_hand:
            raise UserError(
                f"{self.by_hand[0]} was registered in this process only, so workers cannot "
                "have it: bring it in an installed package with an entry point, or give "
                "executor=serial"
            )


def lacking(parts: Parts) -> str:
    """Explain which of some parts this process lacks.

    Parameters
    ----------
    parts : Parts
        As in the process that started the study.

    Returns
    -------
    str
        Empty if this process has all.

    Raises
    ------
    PartsError
        Caught here, and returned as text.
    """
    from matsweep.metrics import METRICS

    try:
        load_parts(parts.packages)
        for package, digest in zip(parts.packages, parts.digests, strict=True):
            if package.digest != digest:
                raise PartsError(f"package {package.name} {package.version} differs there")
        for module, name in parts.classes:
            if not hasattr(importlib.import_module(module), name.partition(".")[0]):
                raise PartsError(f"module {module} has no {name} there")
        for name in parts.metrics:
            if name not in METRICS:
                raise PartsError(f"there is no metric {name!r}")
    except PartsError as error:
        return str(error)
    except Exception as error:  # of an import
        return " ".join(f"{type(error).__name__}: {error}".split())
    return ""


def check_versions(parts: Parts, store: Store) -> None:
    """Refuse to resume with another version of a package than the store was begun with.

    The identity of a candidate holds the versions of the packages whose parts it is made of, but
    not of those that bring metrics.

    Parameters
    ----------
    parts : Parts
    store : Store

    Raises
    ------
    UserError
    """
    for begun in _histories(store):
        for name, version in begun.items():
            now = parts.versions.get(name, version)
            if now != version:
                raise UserError(
                    f"{store.path} was begun with {name} {version}, this is {now}, whose parts may "
                    f"give other numbers: install {name}=={version}, or give this study its own "
                    "place with study=NAME"
                )


def _histories(store: Store) -> list[dict[str, str]]:
    """Return the versions of outside packages at the beginning of a study and at each extension.

    Raises
    ------
    UserError
        If the store's provenance is not what matsweep writes.
    """
    from matsweep.store import attributes

    try:
        facts = json.loads(str(attributes(store.path).get("provenance", "{}")))
        begun = [facts, *facts.get("extended", [])]
        return [{str(k): str(v) for k, v in each.get("outside", {}).items()} for each in begun]
    except (ValueError, AttributeError, TypeError) as problem:
        raise UserError(
            f"{store.path}: the attribute 'provenance' must be JSON of matsweep, which it is not "
            f"({problem}): the store was written by something else, or is damaged"
        ) from None
