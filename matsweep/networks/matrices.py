"""Matrices of a network: its weights with calibration inputs, uses and operations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from matsweep.machine.matrix import Matrix
from matsweep.networks.layer import Traffic, Weight
from matsweep.networks.network import Digital, Network
from matsweep.networks.recording import Recorded


def network_weights(network: Network) -> tuple[Weight, ...]:
    """Return the weights of a network that lie on tiles, in the order of execution.

    Parameters
    ----------
    network : Network

    Returns
    -------
    tuple of Weight
    """
    return tuple(weight for layer in network.layers for weight in layer.weights)


def network_matrices(
    network: Network, recorded: Mapping[str, Recorded], *, decided: int = 0
) -> tuple[Matrix, ...]:
    """Return the matrices of a network, from which costs are counted.

    Digital operations and weights of a segment are those of the last matrix before it, or of the
    first where none is before; rectifications are comparisons. Additions of biases are left out:
    partial sums begin with them. Products are those of the run in floating point; the values that
    arrive and are held follow from the shapes of tensors.

    Parameters
    ----------
    network : Network
        With the shapes of its tensors (`networks.sizing.sized`).
    recorded : mapping of str to Recorded
        By the weight's name.
    decided : int
        Comparisons of the network's outputs, for the largest.

    Returns
    -------
    tuple of Matrix
        Of each of `network_weights`.
    """
    weights = network_weights(network)
    behind = {weight.name: Counter[str]() for weight in weights}
    stored, traffic = Counter[str](), dict[str, Traffic]()
    current = weights[0].name
    for step in network.steps:
        if isinstance(step, Digital):
            behind[current].update(step.operations)
            stored[current] += step.stored
        elif step.weights:
            current = step.weights[-1].name
            shapes = [network.shapes[name] for name in step.inputs]
            behind[current].update(step.operations(shapes))
            names = [weight.name for weight in step.weights]
            traffic |= zip(names, step.traffic(shapes), strict=True)
    behind[current]["comparison"] += decided
    return tuple(
        _matrix(
            weight,
            recorded[weight.name],
            traffic[weight.name],
            behind[weight.name],
            stored[weight.name],
        )
        for weight in weights
    )


def _matrix(
    weight: Weight, recorded: Recorded, traffic: Traffic, operations: Counter[str], stored: int
) -> Matrix:
    uses = max(1, round(recorded.uses))
    outputs = weight.blocks * weight.values.shape[-1]
    if weight.rectified:
        operations["comparison"] += outputs * uses
    return Matrix(
        weight=weight.values,
        calibration=recorded.rows,
        signed=bool((recorded.rows < 0).any()),
        uses=uses,
        operations={kind: number for kind, number in operations.items() if number},
        fresh=traffic.fresh,
        held=traffic.held,
        recurrent=recorded.calls > 1,
        stored=stored,
    )
