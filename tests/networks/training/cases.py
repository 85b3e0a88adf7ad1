"""Nodes with inputs, for each operator that has a gradient."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from matsweep.networks.network import Digital


class Fixed(NamedTuple):
    """An input that is an initializer."""

    values: Any


class Case(NamedTuple):
    """A node, its inputs (None for one that is left out), and what it has."""

    kind: str
    inputs: tuple[Any, ...]
    settings: dict[str, Any]
    opset: int
    outputs: int

    @property
    def words(self) -> str:
        """Name of the test."""
        settings = ",".join(f"{key}={each}" for key, each in self.settings.items())
        shapes = "x".join(str(np.shape(each)) for each in self.inputs[:1])
        return f"{self.kind}-{self.opset}-{shapes}-{settings}".replace(" ", "")[:80]


def case(kind: str, *inputs: Any, opset: int = 17, outputs: int = 1, **settings: Any) -> Case:
    """A case."""
    return Case(kind, inputs, settings, opset, outputs)


def random(*shape: int, seed: int = 0) -> Any:
    """Random values."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def fixed(*values: Any, dtype: Any = np.int64) -> Fixed:
    """A vector of whole numbers, as shapes and axes are."""
    return Fixed(np.array(values, dtype))


def scalar(value: Any, dtype: Any = np.float32) -> Fixed:
    """A number."""
    return Fixed(np.array(value, dtype))


def weight(*shape: int, seed: int = 1) -> Fixed:
    """Random values as an initializer."""
    return Fixed(random(*shape, seed=seed))


def segment_of(each: Case) -> tuple[Digital, dict[str, Any]]:
    """Return a segment of the one node, and its inputs."""
    names = ["" if value is None else f"i{place}" for place, value in enumerate(each.inputs)]
    outputs = [f"o{place}" for place in range(each.outputs)]
    node = helper.make_node(each.kind, names, outputs, name="node")
    node.attribute.extend(helper.make_attribute(*pair) for pair in each.settings.items())
    given, constants, ports = {}, [], []
    for name, value in zip(names, each.inputs, strict=True):
        if isinstance(value, Fixed):
            constants.append(numpy_helper.from_array(value.values, name))
        elif name:
            given[name] = value
            kind = helper.np_dtype_to_tensor_dtype(value.dtype)
            ports.append(helper.make_tensor_value_info(name, kind, value.shape))
    results = [helper.make_empty_tensor_value_info(name) for name in outputs]
    graph = helper.make_graph([node], "graph", ports, results, constants)
    imports = [helper.make_opsetid("", each.opset)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=10)
    content = model.SerializeToString()
    return Digital(model=content, inputs=tuple(given), outputs=tuple(outputs)), given


X = random(2, 3, 4)
UNIT = (np.abs(X) / 4).astype(np.float32)  # within 0 and 1
ABOVE = (np.abs(X) + 1.1).astype(np.float32)
IMAGE = random(2, 3, 7, 8, seed=2)
TRUE = X > 0

_PLAIN = {
    "Abs": X, "Acos": UNIT, "Acosh": ABOVE, "Asin": UNIT, "Asinh": X, "Atan": X, "Atanh": UNIT,
    "Ceil": X, "Celu": X, "Cos": X, "Cosh": X, "Elu": X, "Erf": X, "Exp": X, "Floor": X,
    "HardSigmoid": X, "HardSwish": X, "Identity": X, "IsInf": X, "IsNaN": X, "LeakyRelu": X,
    "Log": ABOVE, "LogSoftmax": X, "Hardmax": X, "Mish": X, "Neg": X, "Not": TRUE,
    "Reciprocal": ABOVE, "Relu": X, "Round": X, "Selu": X, "Shape": X, "Shrink": X, "Sigmoid": X,
    "Sign": X, "Sin": X, "Sinh": X, "Size": X, "Softmax": X, "Softplus": X, "Softsign": X,
    "Sqrt": ABOVE, "Tan": X, "Tanh": X, "ThresholdedRelu": X, "Dropout": X, "Flatten": X,
    "Transpose": X, "LpNormalization": X, "GlobalAveragePool": IMAGE, "GlobalMaxPool": IMAGE,
    "GlobalLpPool": IMAGE, "MeanVarianceNormalization": IMAGE, "Trilu": X,
}  # fmt: skip
"""Operators of one input, with their defaults."""

_PAIRS = (
    "Add", "Sub", "Mul", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max",
    "Min", "Sum", "Mean", "PRelu",
)  # fmt: skip


def _elementwise() -> Iterator[Case]:
    for kind, x in _PLAIN.items():
        yield case(kind, x, opset=18 if kind == "Mish" else 17)
    for kind in _PAIRS:
        yield case(kind, X, random(3, 1, seed=3))
    for kind in ("And", "Or", "Xor"):
        yield case(kind, TRUE, random(2, 3, 4, seed=3) > 0)
    yield case("Max", X, random(4, seed=3), weight(3, 4))
    yield case("Where", TRUE, X, weight(4))
    yield case("Div", np.array([-7, 7, 8], np.int32), np.array([2, -2, 3], np.int32))
    yield case("Mod", np.array([-7, 7, 8], np.int32), np.array([2, -2, 3], np.int32))
    yield case("Mod", X, weight(4), fmod=1)
    for exponent in (2.0, 3.0, -1.0, 0.0, 0.5, 1.7):
        yield case("Pow", ABOVE, scalar(exponent))
    yield case("Pow", X, scalar(2.0))
    yield case("Pow", X, fixed(2))
    yield case("Pow", ABOVE, weight(4))
    yield case("Clip", X, scalar(-0.5), scalar(0.5))
    yield case("Clip", X, None, scalar(0.5))
    yield case("Clip", X, min=-0.2, max=0.7, opset=7)
    for to in (TensorProto.FLOAT, TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL):
        yield case("Cast", X, to=to)
    yield case("Cast", TRUE, to=TensorProto.FLOAT)
    yield case("CastLike", X, fixed(1))
    yield case("CastLike", TRUE, X)
    yield case("Elu", X, alpha=0.7)
    yield case("Celu", X, alpha=0.7)
    yield case("Selu", X, alpha=1.2, gamma=0.9)
    yield case("LeakyRelu", X, alpha=0.3)
    yield case("HardSigmoid", X, alpha=0.4, beta=0.3)
    yield case("ThresholdedRelu", X, alpha=0.4)
    yield case("Shrink", X, lambd=0.3, bias=0.2)
    yield case("Gelu", X, opset=20)
    yield case("Gelu", X, opset=20, approximate="tanh")
    yield case("IsInf", np.array([np.inf, -np.inf, 1], np.float32), detect_negative=0)


def _shapes() -> Iterator[Case]:
    yield case("Shape", X, start=1, end=-1)
    yield case("Reshape", X, fixed(0, -1))
    yield case("Reshape", X, fixed(4, 6))
    yield case("Flatten", X, axis=-1)
    yield case("Flatten", X, axis=0)
    yield case("Transpose", X, perm=[2, 0, 1])
    yield case("Squeeze", random(2, 1, 3, 1), fixed(1))
    yield case("Squeeze", random(2, 1, 3, 1), axes=[1, 3], opset=11)
    yield case("Squeeze", random(2, 1, 3, 1))
    yield case("Unsqueeze", X, fixed(0, -1))
    yield case("Unsqueeze", X, axes=[1], opset=11)
    yield case("Concat", X, X, weight(2, 3, 4), axis=-1)
    yield case("Expand", random(3, 1), fixed(2, 3, 4))
    yield case("Expand", X, fixed(1, 1))
    yield case("Tile", X, fixed(2, 1, 3))
    yield case("Split", X, fixed(1, 3), axis=2, outputs=2)
    yield case("Split", X, axis=2, outputs=2)
    yield case("Split", random(2, 7), axis=1, num_outputs=3, opset=18, outputs=3)
    yield case("Split", X, axis=1, split=[2, 1], opset=11, outputs=2)
    for start, end, step in ((0, 9, 1), (1, -1, 1), (-1, -99, -1), (3, 0, -2), (-3, 99, 2)):
        yield case("Slice", X, fixed(start), fixed(end), fixed(2), fixed(step))
    yield case("Slice", X, fixed(0, 1), fixed(1, 3))
    yield case("Slice", X, starts=[1], ends=[2**31], axes=[1], opset=9)
    yield case("Gather", X, fixed(0, -1, 2), axis=1)
    yield case("Gather", X, scalar(-1, np.int64), axis=2)
    yield case("Gather", weight(5, 3), np.array([[0, 4], [-2, 1]], np.int64))
    yield case("GatherElements", X, Fixed(np.array([[[0, -1]] * 3] * 2)), axis=2)
    yield case("GatherElements", X, Fixed(np.array([[[0, -1]]])), axis=2)
    yield case("GatherND", X, Fixed(np.array([[0, -1], [1, 0]])))
    yield case("GatherND", X, Fixed(np.array([[1], [0]])), batch_dims=1)
    yield case("Pad", X, fixed(0, 1, -1, 0, 0, 2), scalar(3.0))
    yield case("Pad", X, fixed(1, 0, 0, 1), None, fixed(2, 0), opset=18)
    yield case("Pad", X, pads=[0, 1, 0, 0, 0, 2], value=2.0, opset=7)
    for mode in ("reflect", "edge"):
        yield case("Pad", X, fixed(0, 1, 2, 0, 0, 1), mode=mode)
    yield case("Pad", X, fixed(0, 1, 2, 0, 0, 1), mode="wrap", opset=19)
    for mode in ("DCR", "CRD"):
        yield case("DepthToSpace", random(2, 8, 2, 3), blocksize=2, mode=mode)
    yield case("SpaceToDepth", random(2, 2, 4, 6), blocksize=2)
    places = Fixed(np.array([[0, -1], [1, 0]]))
    yield case("ScatterND", X, places, random(2, 4, seed=3))
    yield case("ScatterND", X, places, random(2, 4, seed=3), opset=18, reduction="add")
    along = Fixed(np.array([[[0, -1]] * 3] * 2))
    yield case("ScatterElements", X, along, random(2, 3, 2, seed=3), axis=2)
    yield case(
        "ScatterElements", X, along, random(2, 3, 2, seed=3), reduction="mul", opset=18, axis=2
    )
    lengths = Fixed(np.array([2, 3]))
    yield case("ReverseSequence", X, lengths, batch_axis=0, time_axis=1)
    yield case("ReverseSequence", random(3, 2, 4), lengths)
    yield case("Trilu", X, scalar(1, np.int64), upper=0)
    indices = np.array([[0, -1], [2, 1]], np.int64)
    for axis in (-1, 1):
        yield case("OneHot", indices, scalar(4, np.int64), fixed(2, 5, dtype=np.float32), axis=axis)
    yield case("Dropout", X, outputs=2)
    yield case("ConstantOfShape", fixed(2, 3))
    yield case("Range", scalar(1, np.int64), scalar(9, np.int64), scalar(3, np.int64))
    yield case("Constant", value=numpy_helper.from_array(np.ones(3, np.float32)))


def _pools() -> Iterator[Case]:
    window = {"kernel_shape": [3, 2], "strides": [2, 3]}
    around = {"pads": [1, 0, 2, 1]}
    for kind in ("MaxPool", "AveragePool", "LpPool"):
        yield case(kind, IMAGE, **window)
        yield case(kind, IMAGE, **window, **around)
        yield case(kind, random(2, 3, 9), kernel_shape=[3], strides=[2])
        for auto in ("SAME_UPPER", "SAME_LOWER", "VALID"):
            yield case(kind, IMAGE, **window, auto_pad=auto)
    for kind in ("MaxPool", "AveragePool"):
        for size, stride, pads in ((2, 2, 0), (3, 2, 1), (2, 3, 1), (3, 4, 1)):
            yield case(
                kind, IMAGE, kernel_shape=[size] * 2, strides=[stride] * 2, pads=[pads] * 4,
                ceil_mode=1,
            )  # fmt: skip
    yield case("MaxPool", IMAGE, kernel_shape=[3, 2], dilations=[2, 3])
    yield case("MaxPool", random(1, 2, 4, 5, 3), kernel_shape=[2, 2, 2])
    yield case("AveragePool", IMAGE, kernel_shape=[3, 2], dilations=[2, 3], opset=19)
    yield case("AveragePool", IMAGE, **window, **around, count_include_pad=1)
    yield case(
        "AveragePool", IMAGE, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4, ceil_mode=1,
        count_include_pad=1, opset=19,
    )  # fmt: skip
    yield case("LpPool", np.abs(IMAGE), kernel_shape=[2, 2], p=3)
    yield case("GlobalLpPool", np.abs(IMAGE), p=3)


def _reductions() -> Iterator[Case]:
    for kind in (
        "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
        "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare",
    ):  # fmt: skip
        x = ABOVE if kind == "ReduceLogSum" else X
        yield case(kind, x, fixed(-1), opset=18)
        yield case(kind, x, keepdims=0, opset=18)
        axes = {"opset": 11, "axes": [0, 2], "keepdims": 0}
        yield case(kind, x, **axes)
    yield case("ReduceSum", X, noop_with_empty_axes=1)
    for kind in ("Softmax", "LogSoftmax", "Hardmax"):
        yield case(kind, X, axis=1)
        yield case(kind, X, axis=1, opset=11)
        yield case(kind, X, opset=11)
    yield case("LpNormalization", X, axis=1, p=1)
    for exclusive in (0, 1):
        for reverse in (0, 1):
            yield case("CumSum", X, scalar(1, np.int64), exclusive=exclusive, reverse=reverse)
    ties = np.array([[1, 3, 3, 2], [0, 0, 0, 0]], np.float32)
    for kind in ("ArgMax", "ArgMin"):
        yield case(kind, X, axis=-1, keepdims=0)
        for last in (0, 1):
            yield case(kind, ties, axis=1, select_last_index=last)
    yield case("TopK", X, fixed(2), outputs=2)
    yield case("TopK", X, fixed(2), axis=1, largest=0, outputs=2)


def _normalisations() -> Iterator[Case]:
    scales = weight(3), weight(3, seed=4)
    statistics = weight(3, seed=5), Fixed(np.abs(random(3, seed=6)) + 0.5)
    yield case("BatchNormalization", IMAGE, *scales, *statistics, epsilon=1e-3)
    yield case("BatchNormalization", random(4, 3), *scales, *statistics)
    yield case("LayerNormalization", X, weight(4), weight(4, seed=4))
    yield case("LayerNormalization", X, weight(3, 4), axis=1, epsilon=1e-2)
    yield case("LayerNormalization", X, weight(4), outputs=3)
    yield case("RMSNormalization", X, weight(4), opset=23)
    yield case("InstanceNormalization", IMAGE, *scales, epsilon=1e-3)
    wide = random(2, 6, 4, seed=7)
    yield case("GroupNormalization", wide, weight(6), weight(6, seed=4), opset=21, num_groups=2)
    yield case("GroupNormalization", wide, weight(2), weight(2, seed=4), opset=18, num_groups=2)
    yield case("LRN", random(2, 6, 3, 3), size=5, alpha=0.3, beta=0.6, bias=1.5)
    yield case("MeanVarianceNormalization", IMAGE, axes=[1, 2])


def _products() -> Iterator[Case]:
    yield case("MatMul", X, random(2, 4, 5, seed=3))
    yield case("MatMul", random(4), weight(4, 5))
    yield case("Gemm", random(3, 4), weight(5, 4), weight(5), transB=1, alpha=0.5, beta=2.0)
    yield case("Gemm", random(4, 3), weight(4, 5), transA=1)
    yield case("Einsum", X, weight(4, 5), equation="bij,jk->bik")
    yield case("Einsum", X, X, equation="...i,...j->...ij")
    yield case("Conv", IMAGE, weight(4, 3, 3, 2), weight(4), strides=[2, 1], pads=[1, 0, 2, 1])
    yield case("Conv", IMAGE, weight(6, 1, 2, 2), group=3, dilations=[2, 3])
    yield case("Conv", IMAGE, weight(4, 3, 3, 3), auto_pad="SAME_LOWER", strides=[2, 2])
    yield case("Conv", random(2, 3, 9), random(4, 3, 3, seed=8))
    yield case("ConvTranspose", IMAGE, weight(3, 4, 3, 2), weight(4), strides=[2, 3])
    yield case(
        "ConvTranspose", random(2, 4, 3, 4), weight(4, 3, 3, 3), group=2, strides=[2, 2],
        dilations=[1, 2], pads=[1, 0, 1, 2], output_padding=[1, 0],
    )  # fmt: skip

    for auto in ("SAME_UPPER", "SAME_LOWER"):
        yield case("ConvTranspose", IMAGE, weight(3, 4, 3, 4), strides=[2, 3], auto_pad=auto)
    yield case(
        "ConvTranspose", IMAGE, weight(3, 4, 3, 4), strides=[2, 3], output_shape=[14, 26]
    )  # fmt: skip
    heads = [random(2, 4, 3, 5), random(2, 2, 6, 5, seed=3), random(2, 2, 6, 7, seed=4)]
    yield case("Attention", *heads, weight(3, 6), opset=23, scale=0.4, softcap=1.5)
    yield case("Attention", *heads, Fixed(random(2, 1, 3, 6) > -0.5), opset=23, is_causal=1)
    nothing = Fixed(np.arange(3)[:, None] != np.ones(6))  # for the second query
    yield case("Attention", *heads, nothing, opset=23)
    flat = [random(2, 3, 20), random(2, 6, 10, seed=3), random(2, 6, 14, seed=4)]
    yield case("Attention", *flat, opset=23, q_num_heads=4, kv_num_heads=2)


def _quantisations() -> Iterator[Case]:
    per_channel = Fixed(np.array([0.1, 0.02, 0.05], np.float32))
    yield case("QuantizeLinear", X, scalar(0.01), scalar(3, np.int8))
    yield case("QuantizeLinear", X, scalar(0.02))
    yield case("QuantizeLinear", X, per_channel, fixed(0, 4, -7, dtype=np.int8), axis=1)
    whole = np.round(20 * X).astype(np.int8)
    yield case("DequantizeLinear", whole, scalar(0.01), scalar(3, np.int8))
    yield case("DequantizeLinear", whole, per_channel, axis=1)


def _resizes() -> Iterator[Case]:
    small = random(1, 2, 4, 5)
    factors = Fixed(np.array([1, 1, 2, 1.6], np.float32))
    yield case("Upsample", small, Fixed(np.array([1, 1, 2, 3], np.float32)), opset=9)
    yield case("Resize", small, Fixed(np.array([1, 1, 2, 3], np.float32)), opset=10)
    for coordinates in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"):
        settings = {"coordinate_transformation_mode": coordinates}
        yield case("Resize", small, None, factors, mode="linear", **settings)
        yield case("Resize", small, None, None, fixed(1, 2, 3, 9), mode="linear", **settings)
        for rounded in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
            yield case("Resize", small, None, factors, nearest_mode=rounded, **settings)
        shrunk = Fixed(np.array([1, 1, 0.6, 0.7], np.float32))
        yield case("Resize", small, None, shrunk, mode="linear", **settings)
    yield case("Resize", small, None, None, fixed(2, 3), axes=[2, 3], mode="linear", opset=18)


def _recurrences() -> Iterator[Case]:
    x, steps = random(5, 3, 4), Fixed(np.array([5, 1, 3], np.int32))
    for kind, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
        states = 2 if kind == "LSTM" else 1
        for direction, count in (("forward", 1), ("reverse", 1), ("bidirectional", 2)):
            weights = weight(count, gates * 6, 4), weight(count, gates * 6, 6)
            bias = weight(count, 2 * gates * 6, seed=3)
            start = [weight(count, 3, 6, seed=9 + place) for place in range(states)]
            shared = {"hidden_size": 6, "direction": direction, "outputs": 1 + states}
            yield case(kind, x, *weights, bias, steps, *start, **shared)
        yield case(kind, x, *weights, None, None, **shared, clip=0.3)
    lstm = weight(1, 24, 4), weight(1, 24, 6), weight(1, 48, seed=3)
    shared = {"hidden_size": 6, "outputs": 3}
    peepholes = weight(1, 18, seed=11)
    yield case("LSTM", x, *lstm, None, None, None, peepholes, **shared)
    yield case("LSTM", x, *lstm, None, None, None, peepholes, **shared, input_forget=1)
    functions = ["HardSigmoid", "Softsign", "Relu"]
    yield case("LSTM", x, *lstm, **shared, activations=functions)
    gru = weight(1, 18, 4), weight(1, 18, 6), weight(1, 36, seed=3)
    shared = {"hidden_size": 6, "outputs": 2}
    yield case("GRU", x, *gru, **shared, linear_before_reset=1)
    rnn = weight(1, 6, 4), weight(1, 6, 6), weight(1, 12, seed=3)
    yield case("RNN", x, *rnn, **shared, activations=["Softplus"])


CASES = [
    each
    for family in (
        _shapes, _pools, _reductions, _normalisations, _products, _quantisations, _resizes,
        _recurrences, _elementwise,
    )
    for each in family()
]  # fmt: skip
"""All cases."""

KINDS = list({each.kind: each for each in reversed(CASES)}.values())
"""One case of each operator."""
