"""Analog forward of convolutional networks beside ONNX Runtime's float forward, on one thread.

    make bench PYTEST_ARGS="-k networks"

The ratio of the two processor times, measured in turns in the same run, is in each result's
`extra_info`: the machine may be shared, ratios carry over. Everything around the products counts:
padding, additions, pooling. Targets: ResNet-20 of CIFAR size 2.5 × without read noise, 6 × with
noise that is independent at every read; LeNet-5 3 × and 6 ×.
"""

from __future__ import annotations

import time

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from matsweep.core.streams import realisation_streams
from matsweep.crossbar import ADC, DAC, Tile
from matsweep.devices import AnalogDevice, ReadNoise
from matsweep.machine import Hardware, Matrix, ProgrammedMatrix, Windows, map_matrices, vectors

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


class Graph:
    """An ONNX model under construction, and the same layers as steps on arrays."""

    def __init__(self, seed=0):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.constants, self.weights = [], [], []

    def node(self, kind, inputs, **attributes):
        name = f"t{len(self.nodes)}"
        self.nodes.append(onnx.helper.make_node(kind, inputs, [name], **attributes))
        return name

    def constant(self, values):
        name = f"w{len(self.constants)}"
        self.constants.append(onnx.numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def weight(self, *shape, fan):
        values = self.rng.normal(size=shape) * np.sqrt(2 / fan)
        bias = self.rng.normal(size=shape[0]) * 0.1
        self.weights.append((values.astype(np.float32), bias.astype(np.float32)))
        return [self.constant(values), self.constant(bias)]

    def conv(self, x, inputs, outputs, kernel, stride=1, pad=0):
        weight = self.weight(outputs, inputs, kernel, kernel, fan=inputs * kernel**2)
        return self.node("Conv", [x, *weight], strides=[stride] * 2, pads=[pad] * 4)

    def dense(self, x, inputs, outputs):
        return self.node("Gemm", [x, *self.weight(outputs, inputs, fan=inputs)], transB=1)

    def session(self, output, shape):
        helper = onnx.helper
        ports = [
            helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, dims)
            for name, dims in (("x", ["n", *shape]), (output, None))
        ]
        graph = helper.make_graph(self.nodes, "g", ports[:1], ports[1:], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        return onnxruntime.InferenceSession(model.SerializeToString(), options)


def padded(x, pad):
    """Surround images (sample, row, column, channel) with zeros."""
    samples, rows, columns, channels = x.shape
    out = np.zeros((samples, rows + 2 * pad, columns + 2 * pad, channels), np.float32)
    out[:, pad : pad + rows, pad : pad + columns] = x
    return out


def windows_of(x, kernel, stride):
    """Return the windows of a convolution over images (sample, row, column, channel)."""
    samples, rows, columns, channels = x.shape
    down, across = (np.arange(0, size - kernel + 1, stride) for size in (rows, columns))
    inside = np.arange(kernel)[:, None] * columns + np.arange(kernel)
    return Windows(
        values=x.reshape(samples, -1),
        starts=(down[:, None] * columns + across).ravel() * channels,
        offsets=(inside[..., None] * channels + np.arange(channels)).ravel(),
    )


class Resnet:
    """ResNet-20 of CIFAR size: 40.6 million multiply-accumulate operations an image."""

    shape, batch, together = (3, 32, 32), 64, 8
    widths = (16, 32, 64)

    def build(self, graph):
        y = graph.node("Relu", [graph.conv("x", 3, 16, 3, pad=1)])
        before = 16
        for width in self.widths:
            for block in range(3):
                stride = 2 if block == 0 and width > 16 else 1
                z = graph.node("Relu", [graph.conv(y, before, width, 3, stride, 1)])
                z = graph.conv(z, width, width, 3, pad=1)
                if before != width:
                    y = graph.conv(y, before, width, 1, stride)
                y = graph.node("Relu", [graph.node("Add", [z, y])])
                before = width
        y = graph.node("Flatten", [graph.node("GlobalAveragePool", [y])])
        return graph.dense(y, 64, 10)

    def forward(self, x, product):
        number = iter(range(99))

        def conv(x, kernel, stride=1, pad=0, rectified=False):
            x = padded(x, pad) if pad else x
            size = (x.shape[1] - kernel) // stride + 1
            y = product(next(number), windows_of(x, kernel, stride), rectified)
            return y.reshape(len(x), size, size, -1)

        y = conv(x, 3, pad=1, rectified=True)
        for width in self.widths:
            for block in range(3):
                stride = 2 if block == 0 and width > 16 else 1
                z = conv(y, 3, stride, 1, rectified=True)
                z = conv(z, 3, pad=1)
                if y.shape[-1] != width:
                    y = conv(y, 1, stride)
                z += y
                y = np.maximum(z, 0, out=z)
        y = np.einsum("nhwc->nc", y)[:, None] / np.float32(64)
        return product(next(number), vectors(y), False)[:, 0]


class Lenet:
    """LeNet-5: 0.4 million multiply-accumulate operations an image."""

    shape, batch, together = (1, 28, 28), 200, 50

    def build(self, graph):
        y = graph.node("Relu", [graph.conv("x", 1, 6, 5, pad=2)])
        y = graph.node("MaxPool", [y], kernel_shape=[2, 2], strides=[2, 2])
        y = graph.node("Relu", [graph.conv(y, 6, 16, 5)])
        y = graph.node("MaxPool", [y], kernel_shape=[2, 2], strides=[2, 2])
        y = graph.node("Flatten", [y])
        for inputs, outputs in ((400, 120), (120, 84)):
            y = graph.node("Relu", [graph.dense(y, inputs, outputs)])
        return graph.dense(y, 84, 10)

    def forward(self, x, product):
        y = product(0, windows_of(padded(x, 2), 5, 1), True).reshape(len(x), 28, 28, 6)
        y = product(1, windows_of(pooled(y), 5, 1), True).reshape(len(x), 10, 10, 16)
        y = np.ascontiguousarray(pooled(y).transpose(0, 3, 1, 2)).reshape(len(x), 1, 400)
        for layer in (2, 3):
            y = product(layer, vectors(y), True)
        return product(4, vectors(y), False)[:, 0]


def pooled(x):
    """Return the largest of each square of 2 × 2 places."""
    across = np.maximum(x[:, :, ::2], x[:, :, 1::2])
    return np.maximum(across[:, ::2], across[:, 1::2])


def matrices(network, graph, x):
    """Return the matrices, with the inputs that floating point has given them."""
    made = {}

    def exact(layer, windows, rectified):
        weight, bias = graph.weights[layer]
        if weight.ndim == 4:
            weight = weight.transpose(2, 3, 1, 0).reshape(-1, len(weight))
        else:
            weight = weight.T
        rows = windows.rows()
        made[layer] = Matrix(
            weight=np.ascontiguousarray(weight),
            calibration=rows.reshape(-1, windows.inputs)[:: max(1, rows.size // 10**6)],
            signed=bool((rows < 0).any()),
        )
        values = rows @ weight + bias
        return np.maximum(values, 0) if rectified else values

    output = network.forward(x, exact)
    return output, tuple(made[layer] for layer in sorted(made))


def alternating(first, second, repeats):
    """Return the shortest processor times of two calls that take turns, s."""
    times = ([], [])
    for _ in range(repeats):
        for function, own in ((first, times[0]), (second, times[1])):
            start = time.process_time()
            function()
            own.append(time.process_time() - start)
    return min(times[0]), min(times[1])


@pytest.mark.parametrize("noisy", [False, True], ids=["quiet", "read_noise"])
@pytest.mark.parametrize("kind", [Resnet, Lenet], ids=["resnet20", "lenet5"])
def test_networks_beside_onnx_runtime(benchmark, kind, noisy):
    """One realisation of all layers on tiles of 128 × 128, 8-bit converters."""
    network, graph = kind(), Graph()
    session = graph.session(network.build(graph), network.shape)
    x = np.random.default_rng(1).random((network.batch, *network.shape), np.float32)
    device = AnalogDevice(
        g_min=1e-6, g_max=25e-6, read_voltage=0.2, cell_size=16.0,
        read_noise=ReadNoise(relative=0.01) if noisy else ReadNoise(),
    )  # fmt: skip
    hardware = Hardware(device=device, tile=Tile(), dac=DAC(), adc=ADC(bits=8))
    with threadpool_limits(1):
        [plain] = session.run(None, {"x": x})
        output, weights = matrices(network, graph, x[:4].transpose(0, 2, 3, 1))
        np.testing.assert_allclose(output, plain[:4], atol=1e-4 * np.abs(plain).max())
        rng = realisation_streams(0, [0])
        layers = [
            ProgrammedMatrix.program(mapped, hardware, rng=rng.at(f"layer {number}")).at(1.0)
            for number, mapped in enumerate(map_matrices(weights, hardware))
        ]
        reads = [rng.at(f"reads {number}") for number in range(len(layers))]

        def product_from(sample):
            def product(layer, windows, rectified):
                return layers[layer].windows_product(
                    windows, realisation=0, sample=sample, rng=reads[layer],
                    offset=graph.weights[layer][1], rectified=rectified,
                ).values  # fmt: skip

            return product

        def analog():
            channels_last = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
            return np.concatenate(
                [
                    network.forward(
                        channels_last[first : first + network.together], product_from(first)
                    )
                    for first in range(0, network.batch, network.together)
                ]
            )

        error = np.sqrt(np.mean(np.square(analog() - plain)) / plain.var())
        assert error < 0.5
        benchmark.pedantic(analog, rounds=1, warmup_rounds=1)
        if benchmark.enabled:
            ours, floats = alternating(analog, lambda: session.run(None, {"x": x}), 15)
            benchmark.extra_info["float_forward_s"] = floats
            benchmark.extra_info["times_float"] = ours / floats
            benchmark.extra_info["relative_error"] = float(error)
