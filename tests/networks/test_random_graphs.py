"""Random graphs: branches, residual additions, concatenations, and what lies between layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import EXHAUSTIVE
from tests.networks.graphs import Builder
from tests.networks.references import assert_exact, assert_ideal, reference

type Tensor = tuple[str, tuple[int, ...]]  # name, and shape of one sample


class Grown:
    """A graph that grows by operations on tensors that it has, of (channel, row, column) first."""

    def __init__(self, seed: int, draw: Any) -> None:
        self.draw = draw
        shape = (self.of(2, 3, 4), self.of(5, 6), self.of(5, 7))
        self.b = Builder(shape, seed=seed)
        self.tensors: list[Tensor] = [("x", shape)]

    def of(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def pick(self) -> Tensor:
        return self.draw(st.sampled_from(self.tensors[-3:]))

    def grow(self) -> None:
        step = self.of(
            self.conv, self.conv, self.conv, self.transposed, self.pool, self.relu, self.function,
            self.normalise, self.add, self.concat, self.transpose, self.reshape, self.dense,
            self.scale, self.softmax,
        )  # fmt: skip
        x, shape = self.pick()
        result = step(x, shape)
        if result is not None and 0 < np.prod(result[1]) < 4000:
            self.tensors.append(result)

    def conv(self, x: str, shape: tuple[int, ...]) -> Tensor | None:
        dims = len(shape) - 1
        if dims not in (1, 2) or shape[0] > 12:
            return None
        size, stride, dilation = self.of(1, 2, 3), self.of(1, 1, 2), self.of(1, 1, 2)
        span = (size - 1) * dilation + 1
        pads = [self.of(0, 1) for _ in range(2 * dims)]
        groups = self.of(1, 1, 2, shape[0])
        if shape[0] % groups or any(each < span for each in shape[1:]):
            return None
        out = groups * self.of(1, 2, 3)
        kernel = self.b.weight(out, shape[0] // groups, *(size,) * dims)
        bias = [self.b.weight(out)] if self.of(True, False) else []
        y = self.b.op(
            "Conv", x, kernel, *bias, strides=[stride] * dims, dilations=[dilation] * dims,
            pads=pads, group=groups,
        )  # fmt: skip
        sizes = [
            (each + a + b - span) // stride + 1
            for each, a, b in zip(shape[1:], pads[:dims], pads[dims:], strict=True)
        ]
        return y, (out, *sizes)

    def transposed(self, x: str, shape: tuple[int, ...]) -> Tensor | None:
        if len(shape) != 3 or shape[0] > 8:
            return None
        size, stride, out = self.of(1, 2, 3), self.of(1, 2), self.of(1, 3)
        kernel = self.b.weight(shape[0], out, size, size)
        y = self.b.op("ConvTranspose", x, kernel, strides=[stride, stride])
        return y, (out, *((each - 1) * stride + size for each in shape[1:]))

    def pool(self, x: str, shape: tuple[int, ...]) -> Tensor | None:
        if len(shape) != 3 or min(shape[1:]) < 2:
            return None
        y = self.b.op(self.of("MaxPool", "AveragePool"), x, kernel_shape=[2, 2], strides=[2, 1])
        return y, (shape[0], (shape[1] - 2) // 2 + 1, shape[2] - 1)

    def relu(self, x: str, shape: tuple[int, ...]) -> Tensor:
        return self.b.op("Relu", x), shape

    def function(self, x: str, shape: tuple[int, ...]) -> Tensor:
        return self.b.op(self.of("Tanh", "Sigmoid", "Neg", "Abs", "HardSigmoid"), x), shape

    def softmax(self, x: str, shape: tuple[int, ...]) -> Tensor:
        return self.b.op("Softmax", x, axis=self.of(1, -1)), shape

    def normalise(self, x: str, shape: tuple[int, ...]) -> Tensor | None:
        if len(shape) < 2:
            return None
        gains = (0.5 + self.b.rng.random((4, shape[0]))).astype(np.float32)
        return self.b.op("BatchNormalization", x, *map(self.b.constant, gains)), shape

    def scale(self, x: str, shape: tuple[int, ...]) -> Tensor:
        kind = self.of("Mul", "Add", "Sub")
        along = self.of((1,), (shape[0], *(1,) * (len(shape) - 1)), shape[-1:])
        names = [x, self.b.constant(self.b.rng.standard_normal(along).astype(np.float32))]
        return self.b.op(kind, *(names if self.of(True, False) else names[::-1])), shape

    def add(self, x: str, shape: tuple[int, ...]) -> Tensor | None:
        same = [name for name, each in self.tensors if each == shape]
        return self.b.op("Add", x, self.of(*same)), shape

    def concat(self, x: str, shape: tuple[int, ...]) -> Tensor | None:
        same = [(name, each) for name, each in self.tensors if each[1:] == shape[1:]]
        other, others = self.of(*same)
        return self.b.op("Concat", x, other, axis=1), (shape[0] + others[0], *shape[1:])

    def transpose(self, x: str, shape: tuple[int, ...]) -> Tensor:
        order = self.draw(st.permutations(range(len(shape))))
        y = self.b.op("Transpose", x, perm=[0, *(each + 1 for each in order)])
        return y, tuple(shape[each] for each in order)

    def reshape(self, x: str, shape: tuple[int, ...]) -> Tensor:
        to = self.of((int(np.prod(shape)),), (shape[0], int(np.prod(shape[1:]))))
        return self.b.op("Reshape", x, self.b.constant(np.array([0, *to]))), to

    def dense(self, x: str, shape: tuple[int, ...]) -> Tensor:
        out = self.of(1, 3, 8)
        y = self.b.op("MatMul", x, self.b.weight(shape[-1], out))
        if self.of(True, False):
            y = self.b.op("Add", y, self.b.weight(out))
        return y, (*shape[:-1], out)


@settings(max_examples=1000 if EXHAUSTIVE else 40, deadline=None, derandomize=not EXHAUSTIVE)
@given(data=st.data(), seed=st.integers(0, 2**16), steps=st.integers(1, 14))
def test_random_graphs_equal_onnx_runtime(data: st.DataObject, seed: int, steps: int) -> None:
    grown = Grown(seed, data.draw)
    for _ in range(steps):
        grown.grow()
    outputs = [name for name, _ in grown.tensors[1:]][-data.draw(st.integers(1, 2)) :]
    if not outputs:
        return
    model = grown.b.model(*outputs)
    x = np.random.default_rng(seed).standard_normal((3, *grown.b.shape)).astype(np.float32)
    network = assert_exact(model, {"x": x}, tolerance=2e-5, least=0.1)
    assert network.batch is None
    if network.layers and seed % 4 == 0:
        assert_ideal(network, {"x": x}, reference(model, {"x": x}), least=0.1)
