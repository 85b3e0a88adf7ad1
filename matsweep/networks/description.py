"""A network in words: its layers, what lies on tiles, and what stays digital."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from matsweep.networks.network import Digital, Network


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
        Products of one inference; None where a dimension is free (`Network.sized`).
    analog : bool
        Whether it lies on tiles.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    uses: int | None
    analog: bool


def rows(network: Network) -> tuple[Row, ...]:
    """Describe the weights of a network in the order of execution; those that stay digital last.

    Parameters
    ----------
    network : Network

    Returns
    -------
    tuple of Row
    """
    described = []
    for layer in network.layers:
        shapes = [network.shapes[name] for name in layer.inputs if name in network.shapes]
        known = len(shapes) == len(layer.inputs)
        uses = (
            [each.uses for each in layer.traffic(shapes)] if known else [None] * len(layer.weights)
        )
        described += [
            Row(weight.name, layer.kind, weight.values.shape, number, True)
            for weight, number in zip(layer.weights, uses, strict=True)
        ]
    described += [Row(name, kind, shape, None, False) for name, kind, shape in network.digital]
    return tuple(described)


def text(network: Network) -> str:
    """Describe a network as a table, with the digital operations of one inference.

    Parameters
    ----------
    network : Network

    Returns
    -------
    str
    """
    table = [("weight", "kind", "shape", "products", "on tiles")]
    for row in rows(network):
        uses = "" if row.uses is None else f"{row.uses:,}"
        shape = " × ".join(map(str, row.shape))
        table.append((row.name, row.kind, shape, uses, "yes" if row.analog else "no"))
    widths = [max(len(line[column]) for line in table) for column in range(5)]
    lines = [
        "  ".join(each.ljust(width) for each, width in zip(line, widths, strict=True)).rstrip()
        for line in table
    ]
    total: Counter[str] = Counter()
    for step in network.steps:
        if isinstance(step, Digital):
            total.update(step.operations)
    for layer in network.layers:
        if all(name in network.shapes for name in layer.inputs):
            total.update(layer.operations([network.shapes[name] for name in layer.inputs]))
    counted = ", ".join(f"{number:,} {kind}s" for kind, number in sorted(total.items()) if number)
    lines.append(f"digital operations of one inference: {counted or 'none'}")
    return "\n".join(lines)
