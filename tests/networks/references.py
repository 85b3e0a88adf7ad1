"""Comparison of steps with exact products to ONNX Runtime on the original graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime

from matsweep.networks.forward import exact_forward
from matsweep.networks.load import build
from matsweep.networks.network import Network
from matsweep.networks.selection import Selection


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
