"""The trained network: accurate, reproducible, kept."""

from __future__ import annotations

import numpy as np
import pytest

from matsweep.core.cache import cache_folder
from matsweep.core.checks import UserError
from matsweep.core.codec import build, canonical
from matsweep.datasets import Digits
from matsweep.workloads import MLP


def test_float_baseline_is_at_least_97_percent_on_held_out_images():
    network = MLP().prepare()
    assert network.float_accuracy >= 0.97
    assert len(network.images) == 360  # a fifth of 1,797


def test_test_images_are_not_trained_or_calibrated_on():
    """No held-out image is among those that converters are calibrated on."""
    network = MLP().prepare()
    held = {row.tobytes() for row in network.images}
    calibration = {row.tobytes() for row in network.matrices[0].calibration}
    samples = Digits().load()
    images = [row.tobytes() for part in (samples[0], samples[2]) for row in part]
    assert len(set(images)) == len(images)
    assert held <= set(images)
    assert calibration <= set(images)
    assert not held & calibration


def test_training_is_reproducible_and_kept_by_content():
    small = MLP(hidden=(8,), epochs=3)
    first, again, kept = small.train(), small.train(), small.prepare()
    assert first.digest == again.digest == kept.digest == small.prepare().digest
    assert (cache_folder() / f"mlp-{small.key}.npz").is_file()
    assert MLP(hidden=(8,), epochs=4).key != small.key
    assert MLP(hidden=(8,), epochs=3, seed=1).train().digest != first.digest


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 not a network"])
def test_a_damaged_cache_is_trained_again(damage, tmp_path, monkeypatch):
    monkeypatch.setenv("MATSWEEP_CACHE", str(tmp_path))
    small = MLP(hidden=(8,), epochs=2)
    digest = small.prepare().digest
    (cache_folder() / f"mlp-{small.key}.npz").write_bytes(damage)
    assert small.prepare().digest == digest
    assert (cache_folder() / f"mlp-{small.key}.npz").stat().st_size > 1000


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MATSWEEP_CACHE", str(tmp_path / "file"))
    assert MLP(hidden=(4,), epochs=1).prepare().weights[0].shape == (64, 4)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"dataset": "digit"}, "did you mean digits"),
        ({"hidden": (0,)}, "hidden must be >= 1"),
        ({"test_fraction": 1.0}, "test_fraction"),
        ({"epochs": 0}, "epochs"),
        ({"test_samples": 0}, "test_samples"),
    ],
)
def test_a_workload_that_cannot_be_is_refused(parameters, message):
    with pytest.raises(UserError, match=message):
        MLP(**parameters)


def test_any_dataset_trains_a_perceptron(tmp_path):
    """The digits as a file of one's own are the digits; their split is the workload's."""
    from sklearn.datasets import load_digits

    inputs, labels = load_digits(return_X_y=True)
    np.savez(tmp_path / "set.npz", inputs=inputs.reshape(-1, 8, 8), labels=labels)
    given = {"kind": "npz", "path": str(tmp_path / "set.npz")}
    own = build(MLP, {"dataset": given, "hidden": [8], "epochs": 3})
    assert own.train().digest == MLP(hidden=(8,), epochs=3).train().digest
    assert own.key != MLP(hidden=(8,), epochs=3).key
    other = build(MLP, {"dataset": given, "hidden": [8], "epochs": 3, "test_fraction": 0.5})
    assert len(other.train().images) == 899
    with pytest.raises(UserError, match=r"workload\.test_fraction"):
        build(MLP, {"dataset": {**given, "seed": 3}}).prepare()


def test_a_named_dataset_is_written_as_its_name():
    assert canonical(MLP()) == canonical(build(MLP, {"dataset": "digits"}))
    assert '"dataset":"digits"' in canonical(MLP())
    way_out = r"dataset must be a mapping .* needs path, got npz: give .*\{kind: npz, path: …\}"
    with pytest.raises(UserError, match=way_out):
        MLP(dataset="npz")
