"""Perceptrons from arrays: NPZ files, mappings and lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matsweep
from matsweep.core.checks import UserError
from matsweep.networks import arrays
from matsweep.networks.forward import exact_forward
from tests.networks.references import assert_close

RNG = np.random.default_rng(0)
ARRAYS: dict[str, Any] = {
    "weight_0": RNG.standard_normal((6, 5)),
    "bias_0": RNG.standard_normal(5),
    "weight_1": RNG.standard_normal((5, 4)).astype(np.float16),
    "weight_2": RNG.standard_normal((4, 3)),
    "bias_2": RNG.standard_normal(3),
}
X = RNG.standard_normal((7, 6)).astype(np.float32)


@pytest.mark.parametrize(
    ("activation", "function"),
    [
        ("relu", lambda x: np.maximum(x, 0)),
        ("tanh", np.tanh),
        ("sigmoid", lambda x: 1 / (1 + np.exp(-x))),
    ],
)  # fmt: skip
def test_a_perceptron_in_all_its_forms(activation: str, function: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "net.npz", **ARRAYS)
    y = function(X @ ARRAYS["weight_0"] + ARRAYS["bias_0"])
    want = function(y @ ARRAYS["weight_1"]) @ ARRAYS["weight_2"] + ARRAYS["bias_2"]
    for model in (tmp_path / "net.npz", ARRAYS, list(ARRAYS.values())):
        network = matsweep.load_network(model, activation=activation)
        assert_close(network(X), want)
        assert_close(exact_forward(network, X)["outputs"], want)
        assert [layer.name for layer in network.layers] == ["layer_0", "layer_1", "layer_2"]
    assert network.layers[0].weights[0].rectified == (activation == "relu")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"weight_1": np.ones((4, 5))}, "weight_1 must have shape .* with 5 inputs"),
        ({"weight_0": np.ones((5, 6)), "weight_1": np.ones((4, 5)), "bias_0": np.ones(6)},
         "transpose each weight"),
        ({"bias_0": np.ones(6)}, "bias_0 must have 5 values"),
        ({"weight_0": np.full((6, 5), np.nan)}, "weight_0 must hold finite numbers"),
        ({"weight_0": np.full((6, 5), 1e300)}, "weight_0 must hold finite numbers"),
        ({"weight_0": np.array([["a"]])}, "weight_0 must be an array of numbers"),
        ({"weight_0": np.ones(6)}, "weight_0 must be an array of numbers of 2 axes"),
        ({"weight_3": np.ones((3, 0))}, "weight_3 must be an array"),
        ({"weight_4": np.ones((3, 3))}, "weight_3 is missing"),
        ({"bias_7": np.ones(3)}, "each bias with its weight"),
        ({"kernel": np.ones((3, 3))}, "must be named weight_0, bias_0"),
    ],
)  # fmt: skip
def test_arrays_that_do_not_fit(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        matsweep.load_network(ARRAYS | changed)


def test_lists_that_do_not_fit() -> None:
    for wrong in ([np.ones(3)], [np.eye(3), np.ones(3), np.ones(3)], [], [np.ones((2, 2, 2))]):
        with pytest.raises(UserError):
            matsweep.load_network(wrong)
    with pytest.raises(UserError, match="activation must be one of"):
        matsweep.load_network([np.eye(3)], activation="gelu")
    with pytest.raises(UserError, match="analog must be 'all'"):
        matsweep.load_network([np.eye(3)], "some")


def test_files_that_are_no_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.npz"
    path.write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(UserError, match="is not an NPZ file"):
        matsweep.load_network(path)
    np.savez(path, weight_0=np.array([{}], object))
    with pytest.raises(UserError, match="is not an NPZ file of numbers"):
        matsweep.load_network(path)
    monkeypatch.setattr(arrays, "MOST_BYTES", 10_000)
    np.savez_compressed(path, weight_0=np.zeros((100, 100)))
    assert path.stat().st_size < 10_000
    with pytest.raises(UserError, match="must unpack to at most 10,000 bytes"):
        matsweep.load_network(path)
