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
from matsweep.machine import Hardware
from matsweep.networks.chip import ProgrammedNetwork
from matsweep.networks.load import load_network
from matsweep.networks.matrices import network_matrices
from matsweep.networks.recording import record

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


class Graph:
    """An ONNX model under construction, with random weights."""

    def __init__(self, seed=0):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.constants = [], []

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
        return [self.constant(values), self.constant(bias)]

    def conv(self, x, inputs, outputs, kernel, stride=1, pad=0):
        weight = self.weight(outputs, inputs, kernel, kernel, fan=inputs * kernel**2)
        return self.node("Conv", [x, *weight], strides=[stride] * 2, pads=[pad] * 4)

    def dense(self, x, inputs, outputs):
        return self.node("Gemm", [x, *self.weight(outputs, inputs, fan=inputs)], transB=1)

    def model(self, output, shape):
        helper = onnx.helper
        ports = [
            helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, dims)
            for name, dims in (("x", ["n", *shape]), (output, ["n", 10]))
        ]
        graph = helper.make_graph(self.nodes, "g", ports[:1], ports[1:], self.constants)
        opset = [helper.make_opsetid("", 17)]
        return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


class Resnet:
    """ResNet-20 of CIFAR size: 40.6 million multiply-accumulate operations an image."""

    shape, batch = (3, 32, 32), 64
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


class Lenet:
    """LeNet-5: 0.4 million multiply-accumulate operations an image."""

    shape, batch = (1, 28, 28), 200

    def build(self, graph):
        y = graph.node("Relu", [graph.conv("x", 1, 6, 5, pad=2)])
        y = graph.node("MaxPool", [y], kernel_shape=[2, 2], strides=[2, 2])
        y = graph.node("Relu", [graph.conv(y, 6, 16, 5)])
        y = graph.node("MaxPool", [y], kernel_shape=[2, 2], strides=[2, 2])
        y = graph.node("Flatten", [y])
        for inputs, outputs in ((400, 120), (120, 84)):
            y = graph.node("Relu", [graph.dense(y, inputs, outputs)])
        return graph.dense(y, 84, 10)


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
def test_networks_beside_onnx_runtime(benchmark, tmp_path, kind, noisy):
    """One realisation of all layers on tiles of 128 × 128, 8-bit converters."""
    own, graph = kind(), Graph()
    model = graph.model(own.build(graph), own.shape)
    path = tmp_path / "model.onnx"
    path.write_bytes(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options)
    x = np.random.default_rng(1).random((own.batch, *own.shape), np.float32)
    device = AnalogDevice(
        g_min=1e-6, g_max=25e-6, read_voltage=0.2, cell_size=16.0,
        read_noise=ReadNoise(relative=0.01) if noisy else ReadNoise(),
    )  # fmt: skip
    hardware = Hardware(device=device, tile=Tile(), dac=DAC(), adc=ADC(bits=8))
    with threadpool_limits(1):
        network = load_network(path)
        matrices = network_matrices(network, record(network, {"x": x[:16]}).weights)
        aged = ProgrammedNetwork.program(
            network, matrices, hardware, rng=realisation_streams(0, [0])
        ).at(1.0)

        def analog():
            [values] = aged.run({"x": x}, aged.products(0)).values()
            return values

        [plain] = session.run(None, {"x": x})
        error = np.sqrt(np.mean(np.square(analog() - plain)) / plain.var())
        assert error < 0.5
        benchmark.pedantic(analog, rounds=1, warmup_rounds=1)
        if benchmark.enabled:
            ours, floats = alternating(analog, lambda: session.run(None, {"x": x}), 15)
            benchmark.extra_info["float_forward_s"] = floats
            benchmark.extra_info["times_float"] = ours / floats
            benchmark.extra_info["relative_error"] = float(error)
