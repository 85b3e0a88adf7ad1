"""A network with parameters that training has changed, and inputs that calibrate its weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from matsweep.networks.layer import AnyArray, Layer
from matsweep.networks.layers.transposed import TransposedConvolution
from matsweep.networks.libraries import onnx
from matsweep.networks.network import Digital, Network
from matsweep.networks.recording import Recorded, record
from matsweep.networks.training.parameters import Parameters


def calibrated(
    network: Network, parameters: Parameters, inputs: Mapping[str, AnyArray]
) -> dict[str, Recorded]:
    """Run a network with other parameters in floating point, and keep inputs of its weights.

    They are those on which the simulation calibrates its converters.

    Parameters
    ----------
    network : Network
    parameters : Parameters
        NumPy arrays.
    inputs : mapping of str to (sample, …) array
        Calibration inputs by name.

    Returns
    -------
    dict of str to Recorded
        By the weight's name.

    Raises
    ------
    UserError
        If a value inside the network is not finite.
    """
    return dict(record(with_parameters(network, parameters), inputs).weights)


def with_parameters(network: Network, parameters: Parameters) -> Network:
    """Return a network whose steps have other parameters.

    Parameters
    ----------
    network : Network
    parameters : Parameters
        NumPy arrays.

    Returns
    -------
    Network
        Its `model` and `digest` stay as they were: it is for runs step by step alone.
    """
    steps = tuple(
        _segment(step, parameters.constants)
        if isinstance(step, Digital)
        else _layer(step, parameters)
        for step in network.steps
    )
    return dataclasses.replace(network, steps=steps)


def _layer(layer: Any, parameters: Parameters) -> Layer:
    biases, late = parameters.biases, isinstance(layer, TransposedConvolution)
    weights = tuple(
        dataclasses.replace(
            weight,
            values=parameters.weights[weight.name],
            bias=None if late else biases.get(weight.name),
        )
        for weight in layer.weights
    )
    more = {"bias": biases[weights[0].name]} if late and weights[0].name in biases else {}
    replaced: Layer = dataclasses.replace(layer, weights=weights, **more)
    return replaced


def _segment(segment: Digital, constants: Mapping[str, AnyArray]) -> Digital:
    if not constants:
        return segment
    model, helper = onnx().load_model_from_string(segment.model), onnx().numpy_helper
    changed = False
    for tensor in model.graph.initializer:
        if tensor.name in constants:
            values = constants[tensor.name].astype(helper.to_array(tensor).dtype)
            tensor.CopyFrom(helper.from_array(np.asarray(values), tensor.name))
            changed = True
    return dataclasses.replace(segment, model=model.SerializeToString()) if changed else segment
