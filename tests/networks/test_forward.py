"""Networks step by step, with exact products, beside ONNX Runtime on the original file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

import matsweep
from matsweep.networks.forward import exact_forward
from tests.networks.graphs import lenet, residual, saved


def reference(path: Path, inputs: dict[str, Any]) -> list[Any]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)


def assert_close(got: Any, want: Any, tolerance: float = 1e-5) -> None:
    assert got.shape == want.shape
    rms = np.sqrt(np.mean(np.square(want, dtype=np.float64)))
    assert np.abs(got - want).max() <= tolerance * max(rms, 1e-30)


@pytest.mark.parametrize("model", [lenet(), residual()], ids=["lenet", "residual"])
def test_exact_steps_equal_onnx_runtime(model: Any, tmp_path: Path) -> None:
    path = saved(model, tmp_path)
    network = matsweep.load_network(path)
    shape = (5, *network.inputs[0].shape[1:])
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    (want,) = reference(path, {"x": x})
    assert_close(exact_forward(network, x)[network.outputs[0].name], want)
    assert_close(network(x), want)
