"""What a workload is: what a configuration of one becomes, by its `kind`."""

from __future__ import annotations

from typing import Any, ClassVar

from matsweep.crossbar import Tile


class Workload:
    """A network, the data it is judged on, and how it comes to its weights.

    A configuration without `kind` is of the `default` one.
    """

    __slots__ = ()

    registry: ClassVar[dict[str, type[Workload]]] = {}
    default: ClassVar[str] = "mlp"
    kind: ClassVar[str]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        Workload.registry[cls.kind] = cls

    @property
    def key(self) -> str:
        """Hash of all that decides what `prepare` gives."""
        raise NotImplementedError

    def prepare(self) -> Any:
        """Return what every candidate with this workload shares."""
        raise NotImplementedError

    def tiled(self, tile: Tile) -> Tile:
        """Return the tile as the workload uses it."""
        return tile
