"""A network in words: its weights, what lies on tiles, and what stays digital."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matsweep.networks.layer import Layer


class Row(NamedTuple):
    """A weight of a network.

    Parameters
    ----------
    name : str
    kind : str
        Of its layer.
    shape : tuple of int
        (input, output), or (block, input, output).
    uses : int or None
        Products of one inference; None where a dimension is free, and for digital ones.
    analog : bool
        Whether it lies on tiles.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    uses: int | None
    analog: bool


def rows_of(layer: Layer, shapes: Mapping[str, tuple[int, ...]]) -> list[Row]:
    """Describe the weights of a layer on tiles.

    Parameters
    ----------
    layer : Layer
    shapes : mapping of str to tuple of int
        Of tensors for one sample, as far as they are known.

    Returns
    -------
    list of Row
    """
    uses: list[int | None] = [None] * len(layer.weights)
    if all(name in shapes for name in layer.inputs):
        uses = [each.uses for each in layer.traffic([shapes[name] for name in layer.inputs])]
    return [
        Row(weight.name, layer.kind, weight.values.shape, number, True)
        for weight, number in zip(layer.weights, uses, strict=True)
    ]


def text(rows: Sequence[Row], operations: Mapping[str, int]) -> str:
    """Write a table of weights, and the digital operations of one inference.

    Parameters
    ----------
    rows : sequence of Row
    operations : mapping of str to int
        By kind.

    Returns
    -------
    str
    """
    table = [("weight", "kind", "shape", "products", "on tiles")]
    for row in rows:
        uses = "" if row.uses is None else f"{row.uses:,}"
        shape = " × ".join(map(str, row.shape))
        table.append((row.name, row.kind, shape, uses, "yes" if row.analog else "no"))
    widths = [max(len(line[column]) for line in table) for column in range(5)]
    lines = [
        "  ".join(each.ljust(width) for each, width in zip(line, widths, strict=True)).rstrip()
        for line in table
    ]
    counted = ", ".join(f"{number:,} {kind}s" for kind, number in sorted(operations.items()))
    return "\n".join([*lines, f"digital operations of one inference: {counted or 'none'}"])
