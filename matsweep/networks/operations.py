"""Digital operations of a segment, counted for one sample, by kind.

A product of two activations counts one multiplication and one addition for each term. Operators
that only move values count nothing; one that is not listed counts one function per output value.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matsweep.networks.graph import attributes

type Count = dict[str, int]
type Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """A node with the shapes of its tensors.

    Parameters
    ----------
    settings : mapping of str to object
        Attributes.
    inputs, outputs : sequence of tuple of int
        Shapes; () for an input that is left out.
    """

    settings: Mapping[str, Any]
    inputs: Sequence[Shape]
    outputs: Sequence[Shape]

    @property
    def read(self) -> int:
        """Values of the first input."""
        return math.prod(self.inputs[0]) if self.inputs else 0

    @property
    def written(self) -> int:
        """Values of the first output."""
        return math.prod(self.outputs[0])

    @property
    def kernel(self) -> int:
        """Values below a kernel."""
        return math.prod(self.settings.get("kernel_shape", ()))


def _each(**kinds: int) -> Callable[[Sized], Count]:
    """Count a fixed number of operations for each output value."""
    return lambda node: {kind: number * node.written for kind, number in kinds.items()}


def _of_all_inputs(kind: str) -> Callable[[Sized], Count]:
    return lambda node: {kind: max(len(node.inputs) - 1, 0) * node.written}


def _reduction(kind: str, **more: int) -> Callable[[Sized], Count]:
    """Count a reduction, and a fixed number of operations for each value that it leaves."""

    def count(node: Sized) -> Count:
        reduced = max(node.read - node.written, 0)
        return {kind: reduced} | {name: each * node.written for name, each in more.items()}

    return count


def _squares(node: Sized) -> Count:
    less = max(node.read - node.written, 0)
    return {"multiplication": node.read, "addition": less}


def _norm(node: Sized) -> Count:
    return _squares(node) | {"function": node.written}


def _pool(kind: str, divisions: int) -> Callable[[Sized], Count]:
    def count(node: Sized) -> Count:
        return {kind: (node.kernel - 1) * node.written, "division": divisions * node.written}

    return count


def _softmax(node: Sized) -> Count:
    values = node.written
    rank = len(node.outputs[0])
    rows = values // max(node.outputs[0][node.settings.get("axis", -1) % rank], 1) if rank else 1
    return {
        "comparison": values - rows,
        "addition": 2 * values - rows,
        "function": values,
        "division": values,
    }


def _normalisation(rows_of: Callable[[Sized], int]) -> Callable[[Sized], Count]:
    """Count mean, variance and scale over rows, and a gain and an offset for each value."""

    def count(node: Sized) -> Count:
        values, rows = node.written, rows_of(node)
        return {
            "addition": 2 * (values - rows) + 2 * values,
            "multiplication": 3 * values,
            "division": 3 * rows,
            "function": rows,
        }

    return count


def _layer_rows(node: Sized) -> int:
    axis = node.settings.get("axis", -1) % max(len(node.inputs[0]), 1)
    return math.prod(node.inputs[0][:axis])


def _group_rows(node: Sized) -> int:
    return node.inputs[0][0] * int(node.settings.get("num_groups", 1))


def _instance_rows(node: Sized) -> int:
    return node.inputs[0][0] * node.inputs[0][1]


def _macs(number: int) -> Count:
    return {"multiplication": number, "addition": number}


def _matmul(node: Sized) -> Count:
    return _macs(node.written * (node.inputs[0][-1] if node.inputs[0] else 1))


def _gemm(node: Sized) -> Count:
    inner = node.inputs[0][0 if node.settings.get("transA", 0) else 1]
    count = _macs(node.written * inner)
    count["addition"] += node.written if len(node.inputs) > 2 else 0
    return count


def _convolution(node: Sized) -> Count:
    return _macs(node.written * math.prod(node.inputs[1][1:]))


def _transposed(node: Sized) -> Count:
    return _macs(node.read * math.prod(node.inputs[1][1:]))


def _einsum(node: Sized) -> Count:
    terms = node.settings["equation"].replace(" ", "").partition("->")[0].split(",")
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, node.inputs, strict=False):
        if "." in term:
            return _macs(node.written * max((size[-1] for size in node.inputs if size), default=1))
        sizes |= dict(zip(term, shape, strict=False))
    total = math.prod(sizes.values())
    return _macs(total) if len(terms) > 1 else {"addition": max(total - node.written, 0)}


def _recurrent(gates: int) -> Callable[[Sized], Count]:
    """Count an LSTM, GRU or RNN that stays digital, its elementwise part from `gate_operations`."""

    def count(node: Sized) -> Count:
        steps = node.inputs[0][0] * node.inputs[0][1]
        directions, rows, inputs = node.inputs[1]
        hidden = rows // gates
        total = Counter(_macs(steps * directions * rows * (inputs + hidden)))
        total.update(gate_operations(gates, steps * directions * hidden))
        return dict(total)

    return count


def gate_operations(gates: int, values: int) -> Count:
    """Count the operations of recurrent cells between their products.

    Parameters
    ----------
    gates : int
        4 of an LSTM, 3 of a GRU, 1 of an RNN.
    values : int
        Steps times directions times hidden values.

    Returns
    -------
    dict of str to int
        Of an LSTM: four additions of products, five functions, c = f c + i g and h = o tanh(c).
    """
    match gates:
        case 4:
            return {"addition": 5 * values, "multiplication": 3 * values, "function": 5 * values}
        case 3:  # h = (1 - z) g + z h
            return {"addition": 5 * values, "multiplication": 3 * values, "function": 3 * values}
        case _:
            return {"addition": values, "function": values}


def _lrn(node: Sized) -> Count:
    size, values = int(node.settings["size"]), node.written
    return {
        "multiplication": 2 * values, "addition": size * values, "function": values,
        "division": values,
    }  # fmt: skip


def _resize(node: Sized) -> Count:
    taps = {"linear": 2, "cubic": 4}.get(node.settings.get("mode", "nearest"), 0)
    if not taps:
        return {}
    axes = sum(a != b for a, b in zip(node.inputs[0], node.outputs[0], strict=True))
    total = taps**axes * node.written
    return {"multiplication": total, "addition": total - node.written}


def _nothing(node: Sized) -> Count:
    return {}


_FUNCTIONS = """Acos Acosh Asin Asinh Atan Atanh Celu Cos Cosh Elu Erf Exp Log Selu Sigmoid Sin Sinh
    Softplus Softsign Sqrt Tan Tanh Pow Mish"""
_COMPARISONS = """Abs And Ceil Equal Floor Greater GreaterOrEqual IsInf IsNaN Less LessOrEqual Not
    Or Relu Round Sign Where Xor"""
_MOVES = """ArrayFeatureExtractor Cast CastLike CenterCropPad Col2Im Compress Concat Constant
    ConstantOfShape DepthToSpace Dropout Expand EyeLike Flatten Gather GatherElements GatherND
    Identity LabelEncoder Neg NonZero OneHot Pad Range Reshape ReverseSequence Scatter
    ScatterElements ScatterND Shape Size Slice SpaceToDepth Split Squeeze Tile Transpose Trilu
    Unsqueeze ZipMap SequenceConstruct SequenceAt SplitToSequence ConcatFromSequence If Scan"""

COUNTED: Mapping[str, Callable[[Sized], Count]] = {
    **dict.fromkeys(_FUNCTIONS.split(), _each(function=1)),
    **dict.fromkeys(_COMPARISONS.split(), _each(comparison=1)),
    **dict.fromkeys(_MOVES.split(), _nothing),
    "Add": _each(addition=1),
    "Sub": _each(addition=1),
    "Sum": _of_all_inputs("addition"),
    "Mean": lambda node: _of_all_inputs("addition")(node) | {"division": node.written},
    "Mul": _each(multiplication=1),
    "Div": _each(division=1),
    "Mod": _each(division=1),
    "Reciprocal": _each(division=1),
    "Max": _of_all_inputs("comparison"),
    "Min": _of_all_inputs("comparison"),
    "Clip": _each(comparison=2),
    "LeakyRelu": _each(comparison=1, multiplication=1),
    "PRelu": _each(comparison=1, multiplication=1),
    "ThresholdedRelu": _each(comparison=1),
    "Shrink": _each(comparison=2, addition=1),
    "HardSigmoid": _each(comparison=2, addition=1, multiplication=1),
    "HardSwish": _each(comparison=2, addition=1, multiplication=2),
    "Gelu": _each(function=1, addition=1, multiplication=2),
    "QuickGelu": _each(function=1, multiplication=2),
    "Swish": _each(function=1, multiplication=1),
    "MaxPool": _pool("comparison", 0),
    "AveragePool": _pool("addition", 1),
    "LpPool": _pool("addition", 1),
    "GlobalMaxPool": _reduction("comparison"),
    "GlobalAveragePool": _reduction("addition", division=1),
    "ReduceMax": _reduction("comparison"),
    "ReduceMin": _reduction("comparison"),
    "ArgMax": _reduction("comparison"),
    "ArgMin": _reduction("comparison"),
    "ReduceSum": _reduction("addition"),
    "ReduceL1": _reduction("addition"),
    "ReduceMean": _reduction("addition", division=1),
    "ReduceProd": _reduction("multiplication"),
    "ReduceSumSquare": _squares,
    "ReduceL2": _norm,
    "ReduceLogSum": _reduction("addition", function=1),
    "ReduceLogSumExp": lambda node: {"addition": node.read, "function": node.read + node.written},
    "TopK": lambda node: {"comparison": node.read * max(1, math.ceil(math.log2(node.written + 1)))},
    "CumSum": _each(addition=1),
    "Softmax": _softmax,
    "LogSoftmax": _softmax,
    "Hardmax": _each(comparison=1),
    "BatchNormalization": _each(multiplication=1, addition=1),
    "LayerNormalization": _normalisation(_layer_rows),
    "SimplifiedLayerNormalization": _normalisation(_layer_rows),
    "RMSNormalization": _normalisation(_layer_rows),
    "GroupNormalization": _normalisation(_group_rows),
    "InstanceNormalization": _normalisation(_instance_rows),
    "LRN": _lrn,
    "MatMul": _matmul,
    "Gemm": _gemm,
    "Conv": _convolution,
    "ConvTranspose": _transposed,
    "Einsum": _einsum,
    "LSTM": _recurrent(4),
    "GRU": _recurrent(3),
    "RNN": _recurrent(1),
    "Scaler": _each(multiplication=1, addition=1),
    "Resize": _resize,
    "Upsample": _resize,
    "QuantizeLinear": _each(division=1, addition=1, comparison=2),
    "DequantizeLinear": _each(multiplication=1, addition=1),
}
"""Operators whose operations are known."""


def count(nodes: Sequence[Any], shapes: Mapping[str, Shape], real: frozenset[str]) -> Count:
    """Count the operations of nodes for the shapes of one sample.

    Parameters
    ----------
    nodes : sequence of onnx.NodeProto
    shapes : mapping of str to tuple of int
        Of all their tensors.
    real : frozenset of str
        Tensors of floating point or truth values, computed from inputs: arithmetic on shapes and
        on constants is no work of an inference.

    Returns
    -------
    dict of str to int
        Kinds without operations are left out.
    """
    total: Counter[str] = Counter()
    for node in nodes:
        if node.op_type not in ("ArgMax", "ArgMin") and real.isdisjoint(node.output):
            continue
        sized = Sized(
            settings=attributes(node),
            inputs=[shapes.get(name, ()) for name in node.input],
            outputs=[shapes.get(name, ()) for name in node.output],
        )
        total.update(COUNTED.get(node.op_type, _each(function=1))(sized))
    return {kind: number for kind, number in sorted(total.items()) if number}
