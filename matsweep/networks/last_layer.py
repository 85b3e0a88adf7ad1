"""The last layer of a network fitted again to what the chip gives it, and programmed again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError
from matsweep.core.printing import shown
from matsweep.core.streams import FloatArray
from matsweep.machine.mapped import map_matrices
from matsweep.machine.matrix import Matrix
from matsweep.machine.windows import Windows
from matsweep.networks.chip import AgedNetwork
from matsweep.networks.forward import exact, forward
from matsweep.networks.graph import attributes
from matsweep.networks.layer import AnyArray, Multiply, Weight
from matsweep.networks.libraries import onnx
from matsweep.networks.matrices import network_weights
from matsweep.networks.network import Digital, Network
from matsweep.networks.products import ProgrammedWeight
from matsweep.networks.recording import Counting
from matsweep.networks.regression import Linear, least_squares, softmax_regression

LABELS_RIDGE, TARGETS_RIDGE = 0.01, 0.3
"""Of the fits to labels and to targets, our choice.

Errors of the layer's own devices, which the fit does not see, harm weights that cancel each other.
LeNet-5 on 512 samples, devices off by 9 % of their range: accuracy 81 % without a fit, 94 % with
0.01 and 91 % with 0.3 of labels; output error 0.59 without a fit, of least squares 0.45 with 0.3,
0.51 with 0.1 and 1.1 with 0.001.
"""

_SHAPES = ("Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze")
_MONOTONIC = ("LogSoftmax", "Sigmoid", "Softmax")
_WAY = "choose another adapt, or leave the operation out of the network"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Refit:
    """Samples that the last layer is fitted to.

    Parameters
    ----------
    weight : Weight
        Of the last layer.
    inputs : mapping of str to (sample, …) array
        Of the network.
    labels : (row,) int64 array or None
        A row is one product of the layer; negative ones are left out.
    targets : (row, output) array or None
        Of the products, where there are no labels.
    threshold : float
        Between the two classes of one output.
    """

    weight: Weight
    inputs: Mapping[str, AnyArray]
    labels: npt.NDArray[np.int64] | None
    targets: FloatArray | None
    threshold: float = 0.0

    @property
    def answers(self) -> AnyArray:
        """Labels, or else targets."""
        answers = self.targets if self.labels is None else self.labels
        assert answers is not None
        return answers


class Last(NamedTuple):
    """The last layer of a network.

    Parameters
    ----------
    weight : Weight
    plain : bool
        Whether its products are the output, but for their shape; else a softmax or a sigmoid
        follows.
    """

    weight: Weight
    plain: bool


def last_layer(network: Network, output: str, *, monotonic: bool = True) -> Last:
    """Return the layer whose products are an output, but for their shape and a softmax.

    Parameters
    ----------
    network : Network
    output : str
    monotonic : bool
        Whether operations that keep the order of the outputs may follow.

    Returns
    -------
    Last

    Raises
    ------
    UserError
        If it is no dense layer on tiles, or other operations follow it.
    """
    allowed = (*_SHAPES, *_MONOTONIC) if monotonic else _SHAPES
    behind: list[str] = []
    rank = next(len(port.shape) for port in network.outputs if port.name == output)
    name = output
    for step in reversed(network.steps):
        if name not in step.outputs:
            continue
        if isinstance(step, Digital):
            name = _before(step, name, allowed, rank, behind)
            continue
        weight = step.weights[0]
        if step.kind != "dense":
            raise _refused(f"the {step.kind.replace('_', ' ')} {step.name}")
        if weight.rectified:
            raise _refused(f"the rectification behind {step.name}")
        return Last(weight, not set(_MONOTONIC) & set(behind))
    raise _refused("an input")


def _before(
    step: Digital, name: str, allowed: tuple[str, ...], rank: int, behind: list[str]
) -> str:
    """Follow a tensor to the beginning of a segment, through allowed operations."""
    nodes = onnx().load_from_string(step.model).graph.node
    writers = {each: node for node in nodes for each in node.output}
    while name not in step.inputs:
        node = writers.get(name)
        if node is None or node.op_type not in allowed:
            raise _refused("a constant" if node is None else f"{node.op_type} {node.name}")
        axis = attributes(node).get("axis", -1)
        if node.op_type.endswith("Softmax") and axis not in (-1, rank - 1):
            raise _refused(f"{node.op_type} {node.name}, which is not along the outputs,")
        behind.append(node.op_type)
        name = node.input[0]
    return name


def _refused(what: str) -> UserError:
    return UserError(
        "adapt=last_layer must find a dense layer on tiles at the network's output, with nothing "
        f"but a softmax or another shape behind it, got {shown(what)}: {_WAY}"
    )


class _Inputs(Counting):
    """Exact product of a weight that keeps its input vectors."""

    def __init__(self, weight: Weight) -> None:
        super().__init__()
        self._multiply: Multiply = exact(weight)
        self._rows: list[FloatArray] = []

    def __call__(self, windows: Windows) -> FloatArray:
        self._rows.append(windows.rows())
        return self._multiply(windows)

    def rows(self, samples: int) -> FloatArray:
        """Return the vectors (row, input) of the first samples: a fixed batch is filled up."""
        rows = np.concatenate(self._rows)[:samples]
        return rows.reshape(-1, rows.shape[-1])


def exact_products(network: Network, weight: Weight, inputs: Mapping[str, AnyArray]) -> FloatArray:
    """Return the products of a weight in floating point.

    Parameters
    ----------
    network : Network
    weight : Weight
    inputs : mapping of str to (sample, …) array

    Returns
    -------
    (row, output) array
        With the bias.
    """
    seen = _Inputs(weight)
    multiply = {each.name: exact(each) for each in network_weights(network)}
    forward(network, inputs, multiply | {weight.name: seen})
    rows = seen.rows(len(next(iter(inputs.values()))))
    products = rows @ weight.values
    return products if weight.bias is None else products + weight.bias


def chip_inputs(
    aged: AgedNetwork, realisation: int, weight: Weight, inputs: Mapping[str, AnyArray]
) -> FloatArray:
    """Return the vectors that a weight multiplies when the network runs on devices.

    Parameters
    ----------
    aged : AgedNetwork
    realisation : int
        Index among those programmed.
    weight : Weight
    inputs : mapping of str to (sample, …) array
        Of the network.

    Returns
    -------
    (row, input) array
        Each row is one product.
    """
    seen = _Inputs(weight)
    products: dict[str, Any] = dict(aged.products(realisation, purpose="adaptation"))
    aged.run(inputs, products | {weight.name: seen})
    return seen.rows(len(next(iter(inputs.values()))))


def refitted(aged: AgedNetwork, realisation: int, matrix: Matrix, refit: Refit) -> ProgrammedWeight:
    """Fit the last layer to its inputs on the chip, and program it into its devices again.

    Samples run on the chip up to the layer; its weights and bias are fitted in floating point, to
    labels by softmax regression, else to targets by least squares, near the present ones. The
    devices are programmed with the random numbers that they had, and count as programmed at the
    same time as all others; converters are calibrated on the same inputs.

    Parameters
    ----------
    aged : AgedNetwork
        At the time of the fit.
    realisation : int
        Index among those programmed.
    matrix : Matrix
        Of the layer, before.
    refit : Refit

    Returns
    -------
    ProgrammedWeight
        Of this realisation alone.

    References
    ----------
    P. Yao et al., Nature 577:641, 2020, doi:10.1038/s41586-020-1942-4; W. Wan et al., Nature
    608:504, 2022, doi:10.1038/s41586-022-04992-8.
    """
    weight = refit.weight
    x = chip_inputs(aged, realisation, weight, refit.inputs)
    fit = fitted(x, refit)
    new = dataclasses.replace(
        weight, values=fit.weights.astype(np.float32), bias=fit.bias.astype(np.float32)
    )
    own = next(
        each.rng for each in aged.programmed.weights if each.weight.name == weight.name
    ).alone(realisation)
    changed = dataclasses.replace(matrix, weight=new.values)
    hardware = aged.programmed.hardware
    return ProgrammedWeight.program(new, map_matrices((changed,), hardware), hardware, rng=own)


def fitted(x: FloatArray, refit: Refit) -> Linear:
    """Fit weights and bias of the last layer to inputs.

    Parameters
    ----------
    x : (row, input) array
    refit : Refit

    Returns
    -------
    Linear
    """
    weight = refit.weight
    bias = np.zeros(weight.values.shape[1]) if weight.bias is None else weight.bias
    start = Linear(weight.values, bias - refit.threshold)
    if refit.labels is None:
        assert refit.targets is not None
        return least_squares(x, refit.targets, start, ridge=TARGETS_RIDGE)
    counts = refit.labels >= 0
    fit = softmax_regression(x[counts], refit.labels[counts], start, ridge=LABELS_RIDGE)
    return Linear(fit.weights, fit.bias + refit.threshold)
