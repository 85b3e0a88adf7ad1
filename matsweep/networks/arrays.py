"""Plain perceptrons from arrays: weights and biases as NPZ, mapping or list."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from matsweep.core.checks import UserError, one_of
from matsweep.core.files import read_content
from matsweep.core.printing import shown
from matsweep.core.streams import FloatArray
from matsweep.networks.layer import AnyArray
from matsweep.networks.libraries import onnx
from matsweep.networks.sessions import MOST_BYTES

ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh"}
_NAME = re.compile(r"(weight|bias)_(0|[1-9][0-9]{0,3})")


def read_arrays(path: Path) -> dict[str, AnyArray]:
    """Read the arrays of an NPZ file; no objects.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict of str to array

    Raises
    ------
    UserError
        If it cannot be read, is no NPZ, or is larger than 2 GiB when unpacked.
    """
    try:
        content = read_content(path, most=MOST_BYTES)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            size = sum(each.file_size for each in file.infolist())
        if size > MOST_BYTES:
            raise UserError(f"{path} must unpack to at most {MOST_BYTES:,} bytes, got {size:,}")
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return {name: np.asarray(arrays[name]) for name in arrays.files}
    except UserError:
        raise
    except Exception:
        raise UserError(
            f"{path} is not an NPZ file of numbers, or is cut off: "
            "write it with numpy.savez(path, weight_0=…, bias_0=…)"
        ) from None


def perceptron(
    arrays: Mapping[str, AnyArray] | Sequence[AnyArray], activation: str = "relu"
) -> Any:
    """Return a perceptron as a graph: x_{n+1} = φ(x_n W_n + b_n), without φ at the end.

    Parameters
    ----------
    arrays : mapping or sequence of arrays
        ``weight_0`` (input, output), ``bias_0`` (output,) and so on, where biases may be left out;
        or weights, each followed by its bias if it has one.
    activation : str
        φ: "relu", "sigmoid" or "tanh".

    Returns
    -------
    onnx.ModelProto

    Raises
    ------
    UserError
        If a name, shape or value does not fit.
    """
    function = ACTIVATIONS[one_of("activation", activation, ACTIVATIONS)]
    pairs = _pairs(arrays if isinstance(arrays, Mapping) else _named(arrays))
    helper, numpy_helper = onnx().helper, onnx().numpy_helper
    real = onnx().TensorProto.FLOAT
    nodes, constants, x = [], [], "inputs"
    for layer, (weight, bias) in enumerate(pairs):
        y = "outputs" if layer == len(pairs) - 1 else f"sum_{layer}"
        names = [x, f"weight_{layer}", *([f"bias_{layer}"] if bias is not None else [])]
        nodes.append(helper.make_node("Gemm", names, [y], name=f"layer_{layer}"))
        held = (weight,) if bias is None else (weight, bias)
        constants += [
            numpy_helper.from_array(each, name) for each, name in zip(held, names[1:], strict=True)
        ]
        x = f"activation_{layer}"
        if layer < len(pairs) - 1:
            nodes.append(helper.make_node(function, [y], [x], name=x))
    graph = helper.make_graph(
        nodes,
        "perceptron",
        [helper.make_tensor_value_info("inputs", real, ["batch", len(pairs[0][0])])],
        [helper.make_tensor_value_info("outputs", real, ["batch", pairs[-1][0].shape[1]])],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _named(arrays: Sequence[AnyArray]) -> dict[str, AnyArray]:
    named: dict[str, AnyArray] = {}
    layer = -1
    for each in arrays:
        array = np.asarray(each)
        layer += array.ndim == 2
        name = f"{'weight' if array.ndim == 2 else 'bias'}_{layer}"
        if layer < 0 or name in named:
            raise UserError(
                "a list of arrays must hold weights (input, output), each followed by its bias if "
                f"it has one, got shapes {[np.shape(one) for one in arrays]}"
            )
        named[name] = array
    return named


def _pairs(arrays: Mapping[str, AnyArray]) -> list[tuple[FloatArray, FloatArray | None]]:
    for name in arrays:
        if not _NAME.fullmatch(str(name)):
            raise UserError(
                f"arrays must be named weight_0, bias_0, weight_1, …, got {shown(name)}"
            )
    count = sum(name.startswith("weight") for name in arrays)
    pairs: list[tuple[FloatArray, FloatArray | None]] = []
    used = 0
    for layer in range(count):
        if f"weight_{layer}" not in arrays:
            raise UserError(
                f"arrays must be named weight_0 to weight_{count - 1}; weight_{layer} is missing"
            )
        weight = _real(f"weight_{layer}", arrays[f"weight_{layer}"], 2)
        bias = None
        if f"bias_{layer}" in arrays:
            bias = _real(f"bias_{layer}", arrays[f"bias_{layer}"], 1)
            used += 1
            if len(bias) != weight.shape[1]:
                raise UserError(
                    f"bias_{layer} must have {weight.shape[1]} values, as weight_{layer} has "
                    f"columns, got {len(bias)}"
                )
        if pairs and pairs[-1][0].shape[1] != weight.shape[0]:
            raise UserError(
                f"weight_{layer} must have shape (input, output) with {pairs[-1][0].shape[1]} "
                f"inputs, the outputs of weight_{layer - 1}, got {weight.shape}"
                + ("; transpose each weight" if pairs[-1][0].shape[0] == weight.shape[1] else "")
            )
        pairs.append((weight, bias))
    if not pairs or count + used != len(arrays):
        raise UserError(
            "arrays must be weight_0, bias_0, weight_1, …, each bias with its weight, "
            f"got {', '.join(sorted(map(str, arrays))) or 'none'}"
        )
    return pairs


def _real(name: str, array: AnyArray, rank: int) -> FloatArray:
    values = np.asarray(array)
    if values.ndim != rank or not values.size or values.dtype.kind not in "fiu":
        raise UserError(
            f"{name} must be an array of numbers of {rank} axes, got {values.dtype} of shape "
            f"{values.shape}"
        )
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
    if not np.isfinite(single).all():
        raise UserError(f"{name} must hold finite numbers, got nan or inf")
    return single
