"""Differentiable runs of a network: the same steps as `networks.forward`, in JAX."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

import numpy as np

from matsweep.core.checks import UserError
from matsweep.networks.batch import probe
from matsweep.networks.layer import AnyArray, Layer, Weight
from matsweep.networks.layers.transposed import TransposedConvolution
from matsweep.networks.network import Digital, Network
from matsweep.networks.training.constants import trainable
from matsweep.networks.training.interpreter import interpreted, refusal, segment
from matsweep.networks.training.layers import Finished, run_layer
from matsweep.networks.training.libraries import jax
from matsweep.networks.training.operators.registry import OPERATORS
from matsweep.networks.training.parameters import Array, Parameters

_SAMPLES = 2
"""Samples of a run that checks operators."""

type Product = Callable[[Array, Array | int], Array]
"""Product of rows with a weight, without bias and rectification.

From (sample, position, input) and the number of the call (the step of a recurrent layer, which may
be traced; 0 of others) to (sample, position, output). Inputs and outputs of a weight in blocks lie
block by block.
"""


def initial(network: Network) -> Parameters:
    """Return the parameters that a network has.

    Parameters
    ----------
    network : Network

    Returns
    -------
    pytree of arrays
        Copies in float32. The bias of a transposed convolution, (output channel,), has the name of
        its weight, though it follows the sum of its products.
    """
    weights = [(layer, weight) for layer in network.layers for weight in layer.weights]
    biases = {
        weight.name: layer.bias if isinstance(layer, TransposedConvolution) else weight.bias
        for layer, weight in weights
    }
    constants = {
        name: each
        for step in network.steps
        if isinstance(step, Digital)
        for name, each in trainable(step).items()
    }
    return Parameters(
        weights={weight.name: _copy(weight.values) for _, weight in weights},
        biases={name: _copy(each) for name, each in biases.items() if each is not None},
        constants={name: _copy(each) for name, each in constants.items()},
    )


def _copy(values: AnyArray) -> AnyArray:
    return np.array(values, np.float32)


def covered(network: Network) -> None:
    """Check that all operators of a network have a gradient here.

    Where a size is free, only the kinds of operators are checked, and `run` refuses the rest.

    Parameters
    ----------
    network : Network

    Raises
    ------
    UserError
        If one has none, or the variant of one.
    """
    _check_kinds(network)
    inputs = probe(network.inputs, network.batch or _SAMPLES)
    if inputs is not None:
        parameters = initial(network)
        products = exact_products(network, parameters)
        jax().eval_shape(lambda given: run(network, parameters, given, products), inputs)


def _check_kinds(network: Network) -> None:
    """Check the kinds of nodes that read what depends on inputs."""
    for step in network.steps:
        if not isinstance(step, Digital):
            continue
        nodes, constants = segment(step)
        fixed = {"", *constants}
        for node in nodes:
            shape = node.kind in ("Shape", "Size")
            if node.kind and (shape or fixed.issuperset(node.inputs)):
                fixed.update(node.outputs)
            elif node.kind not in OPERATORS:
                raise UserError(refusal(node))


def run(
    network: Network,
    parameters: Parameters,
    inputs: Mapping[str, Array],
    products: Mapping[str, Product],
) -> dict[str, Array]:
    """Run a network step by step in JAX, on all samples at once.

    A pure function, to be compiled and differentiated for fixed shapes.

    Parameters
    ----------
    network : Network
    parameters : Parameters
        Biases and constants are read here, weights by products alone.
    inputs : mapping of str to (sample, ...) array
        As `networks.batches.prepared` returns them. A network of a fixed batch takes that number of
        samples.
    products : mapping of str to Product
        With each weight, by its name.

    Returns
    -------
    dict of str to (sample, ...) array
        The outputs by name.

    Raises
    ------
    UserError
        If an operator is not covered.
    """
    samples = len(next(iter(inputs.values())))
    tensors = {name: jax().numpy.asarray(each) for name, each in inputs.items()}
    for step in network.steps:
        values = [tensors[name] for name in step.inputs]
        if isinstance(step, Digital):
            results = interpreted(step, values, parameters.constants)
        else:
            finished = [
                _finished(step, each, parameters, products[each.name], samples)
                for each in step.weights
            ]
            results = list(run_layer(step, values, finished, _bias(step, parameters)))
        tensors.update(zip(step.outputs, results, strict=True))
    return {port.name: tensors[port.name] for port in network.outputs}


def exact_products(network: Network, parameters: Parameters) -> dict[str, Product]:
    """Return exact products with all weights.

    Parameters
    ----------
    network : Network
    parameters : Parameters

    Returns
    -------
    dict of str to Product
    """
    return {
        weight.name: functools.partial(_multiply, parameters.weights[weight.name])
        for layer in network.layers
        for weight in layer.weights
    }


def _multiply(weight: Array, rows: Array, _: Array | int) -> Array:
    if weight.ndim == 2:
        return rows @ weight
    blocks, inputs, _ = weight.shape
    parts = rows.reshape(*rows.shape[:2], blocks, inputs)
    y = jax().numpy.einsum("spbi,bio->spbo", parts, weight)
    return y.reshape(*rows.shape[:2], -1)


def _finished(
    layer: Layer, weight: Weight, parameters: Parameters, product: Product, samples: int
) -> Finished:
    """Add the bias and rectification of a weight to its product."""
    bias = None if _late(layer) else parameters.biases.get(weight.name)

    def finished(rows: Array, call: Array | int) -> Array:
        y = _grouped(product, rows, call, samples)
        y = y if bias is None else y + bias
        return jax().nn.relu(y) if weight.rectified else y

    return finished


def _grouped(product: Product, rows: Array, call: Array | int, samples: int) -> Array:
    """Give a product the rows of samples, where a graph merged other axes with that of samples."""
    lead, positions, inputs = rows.shape
    if lead == samples or lead % samples:
        return product(rows, call)
    y = product(rows.reshape(samples, -1, inputs), call)
    return y.reshape(lead, positions, y.shape[-1])


def _late(layer: Layer) -> bool:
    """Check whether a bias follows a sum of products, rather than each."""
    return isinstance(layer, TransposedConvolution)


def _bias(layer: Layer, parameters: Parameters) -> Array | None:
    return parameters.biases.get(layer.weights[0].name) if _late(layer) else None
