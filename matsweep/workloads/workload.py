"""What a workload is: what a configuration of one becomes, by its `kind`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from matsweep.core.registry import Registry
from matsweep.crossbar import Tile


class Workload(ABC):
    """A network, the data it is judged on, and how it comes to its weights.

    A configuration without `kind` is of the `default` one.
    """

    __slots__ = ()

    registry: ClassVar[Registry[type[Workload]]] = Registry("workload", "matsweep.workloads")
    default: ClassVar[str] = "mlp"
    kind: ClassVar[str]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        Workload.registry[cls.kind] = cls

    @property
    @abstractmethod
    def key(self) -> str:
        """Hash of all that decides what `prepare` gives."""

    @abstractmethod
    def prepare(self) -> Any:
        """Return what every candidate with this workload shares."""

    def tiled(self, tile: Tile) -> Tile:
        """Return the tile as the workload uses it."""
        return tile
