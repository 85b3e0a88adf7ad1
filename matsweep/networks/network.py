"""A network as steps: digital segments, and layers whose products lie on tiles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from matsweep.networks import sessions
from matsweep.networks.batches import Port, joined, micro_batches, prepared
from matsweep.networks.description import Row, rows_of, text
from matsweep.networks.layer import AnyArray, Layer

_CACHED = 2**21  # bytes of the widest tensor of a micro-batch: about the second cache of a core
_MOST_SAMPLES = 256


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
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
    stored : int
        Weights of its layers that could lie on tiles, or are of their kinds.
    """

    model: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    operations: Mapping[str, int] = field(default_factory=dict)
    stored: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
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
    widest : int
        Values of one sample in the largest tensor between steps.
    digital : tuple of (str, str, tuple of int)
        Name, kind and shape of the weights that could lie on tiles, and do not.
    shapes : mapping of str to tuple of int
        Of the tensors between steps, for one sample.
        Empty where a dimension other than the batch is free: `sizing.sized` finds them for inputs.
    digest : str
        Hash of all that decides results.
    """

    name: str
    model: bytes
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    steps: tuple[Digital | Layer, ...]
    batch: int | None
    widest: int
    digest: str
    digital: tuple[tuple[str, str, tuple[int, ...]], ...] = ()
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers whose products lie on tiles."""
        return tuple(step for step in self.steps if not isinstance(step, Digital))

    @property
    def micro_batch(self) -> int:
        """Samples that are run at a time, so many that a tensor stays in a core's cache.

        A function of the network alone: memory is bounded whatever the batch.
        """
        if self.batch is not None:
            return self.batch
        return max(1, min(_MOST_SAMPLES, _CACHED // (4 * max(self.widest, 1))))

    def __call__(self, inputs: AnyArray | Mapping[str, AnyArray]) -> AnyArray | dict[str, AnyArray]:
        """Run the whole graph in floating point, in ONNX Runtime.

        Parameters
        ----------
        inputs : (sample, ...) array, or mapping of str to array
            By name where there are several.

        Returns
        -------
        (sample, ...) array, or dict of str to array where there are several outputs
        """
        given = prepared(self.inputs, inputs)
        names = [port.name for port in self.outputs]
        parts = [
            dict(zip(names, sessions.run(self, part, names), strict=True))
            for part in micro_batches(given, self.micro_batch, whole=self.batch is not None)
        ]
        outputs = joined(parts, given)
        return outputs[names[0]] if len(names) == 1 else outputs

    @property
    def rows(self) -> tuple[Row, ...]:
        """Its weights, in the order of execution; those that stay digital last."""
        analog = [row for layer in self.layers for row in rows_of(layer, self.shapes)]
        return (*analog, *(Row(*each, None, False) for each in self.digital))

    @property
    def operations(self) -> Mapping[str, int]:
        """Digital operations of one inference by kind, as far as shapes are known."""
        total: Counter[str] = Counter()
        for step in self.steps:
            if isinstance(step, Digital):
                total.update(step.operations)
            elif all(name in self.shapes for name in step.inputs):
                total.update(step.operations([self.shapes[name] for name in step.inputs]))
        return {kind: number for kind, number in sorted(total.items()) if number}

    def describe(self) -> str:
        """Describe weights, what lies on tiles, and digital operations, as a table.

        Returns
        -------
        str
        """
        return text(self.rows, self.operations)
