"""States on disk: a training that was killed goes on to the same bits; others are ignored."""

from __future__ import annotations

import numpy as np
import pytest

from matsweep.networks.training import checkpoint, loop
from matsweep.networks.training.loop import train
from matsweep.networks.training.settings import Training
from tests.networks.training.lessons import bits, lessons, perceptron

EPOCHS = 4


def settings(**changes):
    plain = {"noise": 0.05, "epochs": EPOCHS, "batch": 32, "rate": 1e-2, "input_bits": 8}
    return Training(**(plain | changes))


class Killed(Exception):
    pass


def interrupted(network, folder, after, own=None):
    """Train until an epoch is done, and be killed."""

    def stop(epoch):
        if epoch.number == after:
            raise Killed

    with pytest.raises(Killed):
        train(network, lessons(network), own or settings(), folder=folder, progress=stop)


def resumed(network, folder, own=None):
    """Train on, and return the result and the epochs that it took."""
    epochs = []
    trained = train(
        network, lessons(network), own or settings(), folder=folder, progress=epochs.append
    )
    return trained, [each.number for each in epochs]


@pytest.fixture(scope="module")
def network():
    return perceptron()


@pytest.fixture(scope="module")
def whole(network):
    return train(network, lessons(network), settings())


@pytest.mark.parametrize("after", [1, 3])
def test_killed_and_resumed_equals_uninterrupted(network, whole, tmp_path, after):
    interrupted(network, tmp_path, after)
    trained, epochs = resumed(network, tmp_path)
    assert epochs == list(range(after + 1, EPOCHS + 1))
    assert bits(trained) == bits(whole)


def test_finished_training_is_read_alone(network, whole, tmp_path):
    resumed(network, tmp_path)
    trained, epochs = resumed(network, tmp_path)
    assert epochs == []
    assert bits(trained) == bits(whole)


def test_checkpoint_of_another_training_is_ignored(network, tmp_path):
    interrupted(network, tmp_path, 2, settings(seed=7))
    assert resumed(network, tmp_path)[1] == [1, 2, 3, 4]


def test_checkpoint_of_other_libraries_is_ignored(network, tmp_path, monkeypatch):
    interrupted(network, tmp_path, 2)
    monkeypatch.setattr(loop, "version", lambda name: f"another {name}")
    assert resumed(network, tmp_path)[1] == [1, 2, 3, 4]


def test_damaged_checkpoints_are_ignored(network, whole, tmp_path):
    interrupted(network, tmp_path, 1)
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-7])
    trained, epochs = resumed(network, tmp_path)
    assert epochs == [1, 2, 3, 4]
    assert bits(trained) == bits(whole)


def test_where_no_state_can_be_written_the_training_goes_on(network, whole, tmp_path):
    (tmp_path / "file").touch()
    trained, epochs = resumed(network, tmp_path / "file" / "below")
    assert epochs == [1, 2, 3, 4]
    assert bits(trained) == bits(whole)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "damage", [lambda d: b"", lambda d: b"nothing", lambda d: d[: len(d) // 2]]
)
def test_remains_of_a_checkpoint_are_none(tmp_path, damage):
    state = {"a": np.arange(600, dtype=np.float32)}
    checkpoint.save(tmp_path, "key", checkpoint.Checkpoint(1, (0.5,), state))
    [path] = tmp_path.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert checkpoint.load(tmp_path, "key", state) is None


def test_any_flipped_byte_is_refused_or_changes_nothing(tmp_path):
    state = {"a": np.arange(6, dtype=np.float32), "b": np.array(3, np.int32)}
    checkpoint.save(tmp_path, "key", checkpoint.Checkpoint(2, (0.5, 0.25), state))
    [path] = tmp_path.iterdir()
    data = path.read_bytes()
    for place in range(0, len(data), 7):
        flipped = bytearray(data)
        flipped[place] ^= 0x55
        path.write_bytes(bytes(flipped))
        read = checkpoint.load(tmp_path, "key", state)
        if read is not None:
            assert read.epochs == 2
            assert read.losses == (0.5, 0.25)
            assert np.array_equal(read.state["a"], state["a"])
            assert read.state["b"] == 3


def test_checkpoints_of_other_shapes_keys_and_pickles_are_ignored(tmp_path):
    state = {"a": np.arange(6, dtype=np.float32)}
    checkpoint.save(tmp_path, "key", checkpoint.Checkpoint(1, (0.5,), state))
    assert checkpoint.load(tmp_path, "key", state) is not None
    assert checkpoint.load(tmp_path, "other", state) is None
    assert checkpoint.load(tmp_path, "key", {"a": np.zeros(5, np.float32)}) is None
    assert checkpoint.load(tmp_path, "key", {"a": np.zeros(6, np.float64)}) is None
    np.savez(
        tmp_path / "checkpoint.npz", key=np.array("key"), epochs=1, losses=np.zeros(1),
        leaf0=np.array([object()] * 6),
    )  # fmt: skip
    assert checkpoint.load(tmp_path, "key", state) is None


def test_nothing_is_left_beside_a_checkpoint(network, tmp_path):
    resumed(network, tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["checkpoint.npz"]
