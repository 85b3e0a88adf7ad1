"""`matsweep train`: a network trained for devices, from the command line to its file."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import yaml

from matsweep.cli import train
from matsweep.cli.main import main
from matsweep.networks.load import load_network
from matsweep.planning.folders import conf_folder
from tests.workloads.test_network_training import network, samples

SHORT = ["workload.training.epochs=2", "workload.training.batch=20", "realisations=2",
         "workload.training.rate=0.02", "unknowns=neutral", "times=[1]"]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("trained")
    np.savez(place / "net.npz", **network())
    net = load_network(place / "net.npz")
    np.savez(place / "data.npz", **samples(net, 60, 1))
    np.savez(place / "more.npz", **samples(net, 80, 2))
    np.savez(place / "bare.npz", inputs=samples(net, 80, 2)["inputs"])
    return place


@pytest.fixture
def command(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("MATSWEEP_CACHE", str(tmp_path / "cache"))

    def run(*words, more=f"workload.training.data={folder}/more.npz"):
        return main(["train", f"{folder}/net.npz", f"{folder}/data.npz", *SHORT, more, *words])

    return run


def weights(path):
    return [weight.values for layer in load_network(path).layers for weight in layer.weights]


def test_a_network_is_trained_for_a_material_and_written(command, folder, tmp_path, capsys):
    to = tmp_path / "new" / "trained.onnx"
    assert command(f"to={to}", "material=pcm_gst") == 0
    out, err = capsys.readouterr()
    assert "training net with the errors of pcm_gst" in err
    assert "epoch 1 of 2: loss" in err
    assert "left" in err
    assert "accuracy in floating point: 1 before, " in out
    assert "accuracy on pcm_gst, 1 s after programming: " in out
    assert "standard error of 2 paired realisations" in out
    before, after = weights(folder / "net.npz"), weights(to)
    assert [each.shape for each in before] == [each.shape for each in after]
    assert all(np.abs(a - b).max() > 1e-3 for a, b in zip(before, after, strict=True))
    facts = {each.key: each.value for each in onnx.load(to).metadata_props}
    assert facts["samples"] == "48"
    assert 0 < float(facts["accuracy"]) <= 1
    # It is there; with overwrite=true the cache gives the same.
    assert command(f"to={to}", "material=pcm_gst") == 2
    assert "is there already: give another to=…, or overwrite=true" in capsys.readouterr().err
    content = to.read_bytes()
    assert command(f"to={to}", "material=pcm_gst", "overwrite=true") == 0
    assert "taken from the cache" in capsys.readouterr().err
    again = onnx.load(to)
    assert again.graph == onnx.load_from_string(content).graph


def test_without_a_material_errors_are_gaussian(command, tmp_path, capsys):
    assert command(f"to={tmp_path}/a.onnx") == 0
    out, err = capsys.readouterr()
    assert f"training net with noise {train.GAUSSIAN}" in err
    assert "after programming" not in out


def test_a_training_that_was_stopped_goes_on(command, tmp_path, capsys, monkeypatch):
    """Stopped after the first of two epochs: the second alone follows, to the same bits."""
    assert command(f"to={tmp_path}/whole.onnx") == 0
    monkeypatch.setenv("MATSWEEP_CACHE", str(tmp_path / "other"))

    def stop(_seconds):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(train, "duration", stop)
        assert command(f"to={tmp_path}/parts.onnx") == 130
    assert not (tmp_path / "parts.onnx").exists()
    capsys.readouterr()
    assert command(f"to={tmp_path}/parts.onnx") == 0
    err = capsys.readouterr().err
    assert "epoch 1 of 2" not in err
    assert "epoch 2 of 2" in err
    for one, other in zip(
        weights(tmp_path / "whole.onnx"), weights(tmp_path / "parts.onnx"), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "to must name the file to write"),
        (["to=trained.npz"], "to must name an ONNX file"),
        (["to=/proc/none/a.onnx"], "cannot be written"),
        (["to=a.onnx", "workload.training.noise=null"], "noise must be a number or device"),
        (["to=a.onnx", "workload=lenet_mnist"], "workload must be left out"),
        (["to=a.onnx", "workload.training.epochs=0"], "epochs must be"),
        (["to=a.onnx", "third"], "train takes a model and data"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_line(
    command, tmp_path, monkeypatch, capsys, words, message
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train, "_trained", lambda *_: pytest.fail("it is trained"))
    assert command(*words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not list(tmp_path.glob("*.onnx*"))


def test_samples_without_a_training_part_or_labels_are_refused(
    command, folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    for more, message in (
        ("seed=0", "training.data must name samples to train on"),
        (f"workload.training.data={folder}/bare.npz", "training.distillation must be 1"),
    ):
        assert command("to=a.onnx", more=more) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line
    assert main(["train", f"{folder}/net.npz", "to=a.onnx"]) == 2
    assert "data must be given" in capsys.readouterr().err


def test_settings_that_a_study_has_too_have_the_same_defaults():
    own, explore = (
        yaml.safe_load((conf_folder() / f"{name}.yaml").read_text())
        for name in ("train", "explore")
    )
    for name in ("realisations", "seed", "unknowns", "plausible"):
        assert own[name] == explore[name]
