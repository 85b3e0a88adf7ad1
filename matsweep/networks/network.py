"""A network as steps: digital segments, and layers whose products lie on tiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from matsweep.networks.layer import Layer


class Port(NamedTuple):
    """An input or an output of a network.

    Parameters
    ----------
    name : str
    shape : tuple of int or None
        The first is the batch; None where a dimension is free.
    dtype : str
        NumPy's name of its type in the file; runs are in float32 where it is a float.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Digital:
    """Operations between analog products, run by ONNX Runtime.

    Parameters
    ----------
    model : bytes
        ONNX model of the segment.
    inputs, outputs : tuple of str
        Tensors that it reads and writes.
    operations : mapping of str to int
        Digital operations for one sample, by kind (`machine.matrix.OPERATIONS`).
    """

    model: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    operations: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Network:
    """A network of layers on tiles and digital segments between them.

    Parameters
    ----------
    name : str
    model : bytes
        The whole graph, simplified, as an ONNX model: what floating point runs.
    inputs, outputs : tuple of Port
    steps : tuple of Digital or Layer
        In the order of execution; each reads tensors that inputs or earlier steps write.
    batch : int or None
        Samples that the graph takes at a time; None: any number.
    digest : str
        Hash of all that decides results.
    """

    name: str
    model: bytes
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    steps: tuple[Digital | Layer, ...]
    batch: int | None
    digest: str

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers whose products lie on tiles."""
        return tuple(step for step in self.steps if not isinstance(step, Digital))
