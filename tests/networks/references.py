"""Comparison of steps, with exact products and on ideal devices, to ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime

from matsweep.core.streams import realisation_streams
from matsweep.crossbar import ADC, DAC, Tile
from matsweep.devices import AnalogDevice
from matsweep.machine import Hardware
from matsweep.networks.chip import ProgrammedNetwork
from matsweep.networks.forward import exact_forward
from matsweep.networks.load import build
from matsweep.networks.matrices import network_matrices
from matsweep.networks.network import Network
from matsweep.networks.recording import record
from matsweep.networks.selection import Selection
from matsweep.networks.sizing import sized

IDEAL = Hardware(
    device=AnalogDevice(g_min=1e-6, g_max=25e-6, read_voltage=0.2, cell_size=16.0),
    tile=Tile(weight_bits=None),
    dac=DAC(bits=16),
    adc=ADC(bits=16, percentile=100.0),
)
"""Devices without any error, and converters of 16 bits."""


def reference(model: Any, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Run a model as its file states it."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    content = model if isinstance(model, bytes) else model.SerializeToString()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(inputs)), strict=True))


def assert_close(got: Any, want: Any, tolerance: float = 1e-5, least: float = 1e-30) -> None:
    """Compare by the rms of the wanted values, or `least`: rectification may leave next to none."""
    assert got.shape == want.shape
    if want.dtype.kind != "f":
        np.testing.assert_array_equal(got, want)
        return
    rms = np.sqrt(np.mean(np.square(want, dtype=np.float64))) if want.size else 0
    assert np.abs(got - want).max(initial=0) <= tolerance * max(rms, least)


def built(model: Any, selection: Selection | None = None) -> Network:
    """Build a network, and leave the model as it is."""
    copy = type(model)()
    copy.CopyFrom(model)
    return build("net", copy, selection or Selection())


def assert_exact(
    model: Any, inputs: Mapping[str, Any], selection: Selection | None = None,
    tolerance: float = 1e-5, least: float = 1e-30,
) -> Network:  # fmt: skip
    """Check steps and the simplified graph against the original; return the network."""
    want = reference(model, inputs)
    network = built(model, selection)
    steps = exact_forward(network, inputs)
    whole = network(inputs)
    for name, each in want.items():
        assert_close(steps[name], each, tolerance, least)
        assert_close(whole[name] if isinstance(whole, dict) else whole, each, tolerance, least)
    return network


def assert_ideal(
    network: Network, inputs: Mapping[str, Any], want: Mapping[str, Any], least: float = 1e-30
) -> None:
    """Check outputs on ideal devices: an rms error of 1e-3 of the rms of the wanted ones."""
    network = sized(network, inputs)
    matrices = network_matrices(network, record(network, inputs).weights)
    chip = ProgrammedNetwork.program(network, matrices, IDEAL, rng=realisation_streams(3, [0]))
    aged = chip.at(1.0)
    found = aged.run(inputs, aged.products(0))
    for name, each in want.items():
        if each.dtype.kind == "f" and each.size:
            wrong = np.sqrt(np.mean(np.square(found[name] - each, dtype=np.float64)))
            rms = np.sqrt(np.mean(np.square(each, dtype=np.float64)))
            assert wrong <= 1e-3 * max(rms, least), name
