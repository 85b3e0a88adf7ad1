"""Networks that are trained for devices within a study."""

from __future__ import annotations

import json
import pickle
import re
import sys
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import xarray as xr

import matsweep
from matsweep.core import kept
from matsweep.core.checks import UserError
from matsweep.core.codec import build
from matsweep.networks.load import load_network
from matsweep.networks.training import differentiable
from matsweep.networks.training.differentiable import OPERATORS
from matsweep.networks.writing import rewritten
from matsweep.planning.config import composer
from matsweep.planning.plan import plan
from matsweep.scenario import Scenario
from matsweep.workloads import Workload
from matsweep.workloads.network.data import has_training_part
from tests.networks.graphs import Builder, saved

pytestmark = pytest.mark.xdist_group("ray")

INPUTS, HIDDEN, CLASSES = 6, 8, 3


def network(seed: int = 3) -> dict[str, np.ndarray]:
    """Return the weights of a small perceptron."""
    rng = np.random.default_rng(seed)
    shapes = {"weight_0": (INPUTS, HIDDEN), "bias_0": HIDDEN, "weight_1": (HIDDEN, CLASSES),
              "bias_1": CLASSES}  # fmt: skip
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def samples(net, count: int, seed: int) -> dict[str, np.ndarray]:
    """Return inputs with the network's own classes."""
    inputs = np.random.default_rng(seed).random((count, INPUTS), np.float32)
    return {"inputs": inputs, "labels": np.asarray(net(inputs)).argmax(axis=-1)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a network, samples to score, and samples to train on."""
    place = tmp_path_factory.mktemp("trained")
    np.savez(place / "net.npz", **network())
    net = load_network(place / "net.npz")
    np.savez(place / "data.npz", **samples(net, 60, 1))
    np.savez(place / "more.npz", **samples(net, 80, 2))
    return place


@pytest.fixture(scope="module")
def settings(folder):
    """Return overrides of a study with short trainings on two materials."""
    return [
        "workload=onnx", f"workload.model={folder}/net.npz", f"workload.data={folder}/data.npz",
        f"workload.training.data={folder}/more.npz", "workload.training.epochs=2",
        "workload.training.batch=20", "workload.training.rate=0.02", "material=pcm_gst,hfox_vcm",
        "unknowns=neutral", "times=[1,1e5]", "realisations=2", "executor=serial",
    ]  # fmt: skip


NOISES = "workload.training.noise=null,0.05,device"


def numbers(ds: xr.Dataset) -> xr.Dataset:
    """Return the results that must not depend on the schedule: all but the computing time."""
    return ds.drop_vars("seconds").drop_attrs().compute()


def explored(store, settings, *overrides):
    return matsweep.open_results(matsweep.explore([*settings, *overrides, f"store={store}"]))


@pytest.fixture(scope="module")
def trained(settings, tmp_path_factory):
    return explored(tmp_path_factory.mktemp("stores") / "a.zarr", settings, NOISES)


def test_each_training_is_shared_and_judged_against_the_network_as_it_came(trained, folder):
    assert (trained.status == 1).all()
    noise = trained["workload.training.noise"].values.astype(str)
    assert noise.tolist() == ["null", "0.05", "device"] * 2
    words = sorted(each["words"] for each in json.loads(trained.attrs["groundwork"]).values())
    assert words == [
        "training net with noise 0.05", "training net with the errors of hfox_vcm",
        "training net with the errors of pcm_gst",
    ]  # fmt: skip
    assert trained.float_merit.dims == ("candidate",)
    known = trained.float_merit.values
    assert np.isnan(known[noise == "null"]).all()
    assert len(set(known[noise == "0.05"])) == 1
    assert (known[noise != "null"] > 0.5).all()
    assert (known[noise != "null"] <= 1).all()
    assert json.loads(trained.attrs["reference"])["accuracy"] == 1.0
    for key in json.loads(trained.attrs["groundwork"]):
        written = load_network_of(kept.kept_result(key))
        data = np.load(folder / "data.npz")
        assert written.name == "net"
        right = np.asarray(written(data["inputs"])).argmax(axis=-1) == data["labels"]
        assert 0.5 < right.mean() <= 1


def load_network_of(content: bytes):
    from matsweep.networks.load import build as built
    from matsweep.networks.selection import Selection

    return built("net", onnx.load_from_string(content), Selection())


def test_a_study_without_training_has_the_same_candidates_and_bits(trained, settings, tmp_path):
    bare = [each for each in settings if "training" not in each]
    plain = explored(tmp_path / "a.zarr", bare)
    assert "float_merit" not in plain
    assert "groundwork" not in plain.attrs
    chosen = trained.isel(candidate=[0, 3])
    assert chosen.candidate_id.values.tolist() == plain.candidate_id.values.tolist()
    for name in plain.data_vars:
        if name != "seconds":
            np.testing.assert_array_equal(chosen[name].values, plain[name].values, str(name))


def test_trainings_on_ray_give_the_bits_of_the_serial_executor(
    trained, settings, tmp_path, local_ray
):
    """Of one of the materials, computed again."""
    known = json.loads(trained.attrs["groundwork"])
    for key in known:
        kept.begun(key).with_suffix("").unlink()
    one = [each for each in settings if not each.startswith(("executor", "material"))]
    ray = ["material=pcm_gst", "executor=ray", "executor.chunk_size=1"]
    ds = explored(tmp_path / "a.zarr", one, NOISES, *ray)
    for name in ds.data_vars:
        if name != "seconds":
            was = trained[name].values[:3]
            np.testing.assert_array_equal(ds[name].values, was, str(name))
    again = json.loads(ds.attrs["groundwork"])
    assert len(again) == 2
    assert again == {key: known[key] for key in again}


def test_extension_and_explanation_know_the_training(trained, settings, tmp_path):
    store = tmp_path / "a.zarr"
    explored(store, settings, "+axes={workload.training.noise: null}", "realisations=1")
    grown = explored(store, settings, NOISES, "extend=true")
    ids = grown.candidate_id.values.tolist()
    order = [ids.index(each) for each in trained.candidate_id.values]
    for name in ("accuracy", "agreement", "float_merit", "energy"):
        np.testing.assert_array_equal(grown[name].values[order], trained[name].values, name)
    notes = matsweep.explain(grown, order[2]).notes
    assert "The plain repeat gives the stored numbers bit for bit." in notes


def test_settings_of_no_training_repeat_candidates_that_extensions_keep_apart(settings, tmp_path):
    """Without training, its seeds are the same candidate: each has its own row, as each number."""
    given = [
        "+axes={workload.training.noise: [null, 0.05]}",
        "material=pcm_gst",
        "metrics=[accuracy]",
    ]
    own = [each for each in settings if not each.startswith("material")]
    store = tmp_path / "a.zarr"
    explored(store, own, *given, "workload.training.seed=0,1", "realisations=1")
    grown = explored(store, own, *given, "workload.training.seed=0,1,2", "extend=true")
    whole = explored(tmp_path / "b.zarr", own, *given, "workload.training.seed=0,1,2")
    assert (grown.realisations == 2).all()
    names = ["workload.training.noise", "workload.training.seed"]
    rows = [list(zip(*(each[name].values.astype(str) for name in names), strict=True))
            for each in (grown, whole)]  # fmt: skip
    order = [rows[0].index(each) for each in rows[1]]
    assert sorted(order) == list(range(6))
    np.testing.assert_array_equal(grown.accuracy.values[order], whole.accuracy.values)


def test_a_file_of_the_cache_that_is_no_such_network_costs_its_candidates(
    folder, settings, tmp_path, monkeypatch
):
    """Whoever can write the cache can give it the digest, too."""
    monkeypatch.setenv("MATSWEEP_CACHE", str(tmp_path / "cache"))
    own = [each for each in settings if not each.startswith("material")]
    own += ["material=pcm_gst", "workload.training.noise=0", "realisations=1"]
    ds = explored(tmp_path / "a.zarr", own)
    [key] = json.loads(ds.attrs["groundwork"])
    elsewhere = onnx.load_from_string(kept.kept_result(key))
    tensor = elsewhere.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="net.npz")
    for content in (b"junk", b"", elsewhere.SerializeToString()):
        kept.keep_result(key, content)
        bad = explored(tmp_path / f"{len(content)}.zarr", own)
        assert bad.error.values[0].startswith("UserError: the trained net ")
        with pytest.raises(UserError, match="the trained net "):
            matsweep.explain(ds, 0)


# -------------------------------------------------------------------------------- settings


def scenarios(settings, *overrides) -> list[Scenario]:
    """Return the scenarios of a study."""
    with composer(None):
        study = plan([*settings, *overrides])
        return [study.candidate(place).scenario for place in range(len(study))]


def key(folder, digest="a machine", times=(1.0,), training=None, **options) -> str | None:
    """Return the key of the training of a workload for some machine."""
    given = {"noise": 0.05, "data": f"{folder}/more.npz", **(training or {})}
    machines = SimpleNamespace(digest=digest, times=times, material="pcm_gst")
    work = workload(folder, training=given, **options).groundwork(machines)
    return None if work is None else work.key


def test_what_has_no_effect_multiplies_no_training(folder):
    """Next to the settings themselves: all of machines and times, and what is scored."""
    start = key(folder)
    assert key(folder, training={"noise": None}) is None
    for name, value in {"time": 5.0, "temperature": 2.0}.items():
        assert key(folder, training={name: value}) == start, name
    assert key(folder, digest="another", times=(1.0, 2.0)) == start
    assert key(folder, test_samples=10, top=2, adapt="statistics") == start
    other = {"noise": 0.06, "epochs": 3, "batch": 10, "rate": 0.1, "clip": None, "seed": 1,
             "input_bits": 6, "output_bits": 6, "input_noise": 0.1, "output_noise": 0.1,
             "distillation": 0.5, "data": f"{folder}/data.npz"}  # fmt: skip
    keys = {key(folder, training={name: value}) for name, value in other.items()}
    keys.add(key(folder, training={"distillation": 0.5, "temperature": 2.0}))
    keys.add(key(folder, calibration_samples=10))
    keys.add(key(folder, preprocessing={"scale": 2.0}))
    assert len(keys - {start}) == len(other) + 3


def test_errors_of_devices_are_of_each_machine_and_time(folder):
    def device(digest="a machine", times=(1.0,), **training):
        return key(folder, digest, times, {"noise": "device", **training})

    start = device()
    assert device("another") != start
    assert device(times=(1.0, 2.0)) != start
    assert device(time=5.0) == device(time=5.0, times=(1.0, 2.0)) != start
    for name, value in {"input_bits": 6, "output_noise": 0.1, "temperature": 2.0}.items():
        assert device(**{name: value}) == start, name


def test_settings_without_training_are_no_part_of_the_identity(settings, folder):
    bare = [each for each in settings if "training" not in each]
    plain = [each.identity for each in scenarios(bare)]
    assert [each.identity for each in scenarios(settings)] == plain
    swept = scenarios(settings, NOISES)
    assert len({each.identity for each in swept} - set(plain)) == 4
    assert len({each.workload.key for each in (*swept, *scenarios(bare))}) == 1


def test_the_version_of_trainings_is_part_of_identities_with_training_alone(settings, monkeypatch):
    """Else a store would go on with trainings of another version."""
    from matsweep.workloads.network import training
    from matsweep.workloads.network import workload as module

    own = [each for each in settings if not each.startswith("material")]

    def of(noise):
        [scenario] = scenarios(own, "material=pcm_gst", f"workload.training.noise={noise}")
        return scenario.identity, scenario.groundwork and scenario.groundwork.key

    plain, trained = of("null"), of("0.05")
    for each in (module, training):
        monkeypatch.setattr(each, "VERSION", each.VERSION + 1)
    assert of("null") == plain
    assert not set(of("0.05")) & set(trained)


def test_samples_to_train_on_are_part_of_the_identity(settings, folder, tmp_path):
    """Their place is one, too, as that of all files is."""
    own = tmp_path / "own.npz"
    given = [each for each in settings if "training.data" not in each]
    given += [f"workload.training.data={own}", "workload.training.noise=0"]
    own.write_bytes((folder / "more.npz").read_bytes())
    first = scenarios(given)[0]
    data = dict(np.load(own))
    np.savez(own, **{**data, "labels": data["labels"][::-1]})
    second = scenarios(given)[0]
    assert first.identity != second.identity
    assert first.groundwork.key != second.groundwork.key
    assert first.groundwork.source != second.groundwork.source


def test_machines_of_a_training_are_other_draws_than_those_of_a_study(settings):
    drawing = [each for each in settings if not each.startswith("unknowns")]
    scenario, *_ = scenarios(drawing, "workload.training.noise=device")
    assert scenario.unknown
    machines = scenario.groundwork.machines
    taught = [each.device for each in machines.draw(0, 4)]
    assert taught == [each.device for each in machines.draw(0, 4)]
    scored = [scenario.with_drawn(each).device for each in scenario.drawn(0, range(4))]
    assert not any(one == other for one in taught for other in scored)
    assert not any(one == other for one in taught for other in taught if one is not other)


def test_a_trained_network_is_judged_against_the_network_as_it_came(folder):
    work = workload(folder, training={"noise": 0.05, "data": f"{folder}/more.npz"})
    before = work.prepare()
    start = differentiable.initial(work.network)
    other = start._replace(weights={name: -each for name, each in start.weights.items()})
    machines = SimpleNamespace(digest="", times=(1.0,), material="pcm_gst")
    after = work.groundwork(machines).applied(before, rewritten(work.network, other))
    [inputs] = before.samples.inputs.values()
    right = np.asarray(after.network(inputs)).argmax(axis=-1) == before.samples.labels
    assert after.float_merit == pytest.approx(right.mean())
    assert after.float_merit < before.reference["accuracy"] == 1.0
    assert after.reference == before.reference
    assert after.chance == before.chance
    np.testing.assert_array_equal(after.wanted, before.wanted)
    assert after.digest != before.digest


def test_a_training_begins_with_the_training_part_of_a_dataset():
    [scenario] = scenarios(["workload=lenet_mnist", "workload.training.noise=0.1",
                            "unknowns=neutral"])  # fmt: skip
    network, lessons = scenario.groundwork.load()
    assert network is scenario.workload.network
    prepared = scenario.workload.prepare()
    assert [len(each) for each in lessons.inputs.values()] == [4000]
    assert lessons.labels.shape == (4000,)
    assert len(prepared.samples.labels) == 1000
    [scored], [taught] = prepared.samples.inputs.values(), lessons.inputs.values()
    assert not {each.tobytes() for each in scored} & {each.tobytes() for each in taught}
    for name, values in prepared.samples.calibration.items():
        np.testing.assert_array_equal(lessons.calibration[name], values)


# -------------------------------------------------------------------------------- refusals


def workload(folder, *, training, **settings):
    config = {"kind": "onnx", "model": f"{folder}/net.npz", "data": f"{folder}/data.npz"}
    return build(Workload, {**config, **settings, "training": training}, "workload")


def test_samples_to_train_on_are_asked_for(folder):
    with pytest.raises(UserError, match=r"^workload.training.data must name samples .* null"):
        workload(folder, training={"noise": 0.1})
    workload(folder, training={})
    with pytest.raises(UserError, match=r"workload.*training.data must name an NPZ file"):
        workload(folder, training={"noise": 0.1, "data": "nothing"})


def test_a_folder_that_is_scored_as_a_whole_has_no_training_part(tmp_path):
    (tmp_path / "images" / "one").mkdir(parents=True)
    images = str(tmp_path / "images")
    assert has_training_part(images, None)
    assert not has_training_part(images, "mnist_5000")
    assert has_training_part("mnist_5000", images)
    (tmp_path / "images" / "train").mkdir()
    assert has_training_part(images, "mnist_5000")


def test_labels_and_targets_are_asked_for(folder):
    rng = np.random.default_rng(0)
    inputs = rng.random((20, INPUTS), np.float32)
    np.savez(folder / "bare.npz", inputs=inputs)
    np.savez(folder / "aimed.npz", inputs=inputs, targets=rng.random((20, CLASSES), np.float32))
    bare, aimed = f"{folder}/bare.npz", f"{folder}/aimed.npz"
    with pytest.raises(UserError, match=r"training.distillation must be 1 .* without labels"):
        workload(folder, training={"noise": 0.1, "data": bare})
    workload(folder, training={"noise": 0.1, "data": bare, "distillation": 1})
    workload(folder, training={"noise": 0.1, "data": aimed})
    scored = {"score": "nrmse", "data": aimed}
    with pytest.raises(UserError, match=r"training.distillation must be 1 .* without targets"):
        workload(folder, training={"noise": 0.1, "data": f"{folder}/more.npz"}, **scored)
    with pytest.raises(UserError, match=r"training.data must hold targets for score=nrmse"):
        workload(folder, training={"noise": 0.1, "data": "mnist_5000"}, **scored)


def test_without_the_extra_a_line_says_what_to_install(folder, monkeypatch):
    from matsweep.networks.training import libraries

    for each in ("jax", "optax"):
        for call in (libraries.jax, libraries.optax):
            call.cache_clear()
        with monkeypatch.context() as patched:
            patched.setitem(sys.modules, each, None)
            with pytest.raises(UserError, match=rf"needs {each}.*matsweep\[training\]"):
                workload(folder, training={"noise": 0.1, "data": f"{folder}/more.npz"})
            workload(folder, training={})
    libraries.jax.cache_clear()


def test_a_node_with_other_libraries_is_refused(folder, monkeypatch):
    """Its bits would be kept under the key of other versions."""
    from matsweep.workloads.network import training

    machines = SimpleNamespace(digest="a machine", times=(1.0,), material="pcm_gst")
    given = {"noise": 0.05, "data": f"{folder}/more.npz"}
    work = workload(folder, training=given).groundwork(machines)
    other = tuple((n, "0.0.1" if n == "jax" else v) for n, v in training._versions())
    monkeypatch.setattr(training, "_versions", lambda: other)
    again = pickle.loads(pickle.dumps(work))
    with pytest.raises(UserError, match=r"a node trains with jax 0.0.1, the study with jax .*same"):
        again.compute(None, folder=folder / "none")


def test_an_operator_without_gradient_is_named(folder, monkeypatch):
    b = Builder((INPUTS,), seed=0)
    x = b.op("Gemm", "x", b.weight(INPUTS, CLASSES), name="first")
    path = saved(b.model(b.op("Softplus", x, name="last")), folder, "odd.onnx")
    monkeypatch.delitem(OPERATORS, "Softplus")
    training = {"noise": 0.1, "data": f"{folder}/more.npz", "distillation": 1.0}
    with pytest.raises(UserError, match=r"\(Softplus\) has no gradient here: run the network w"):
        workload(folder, training=training, model=str(path))
    workload(folder, training={"epochs": 3}, model=str(path))


@pytest.mark.parametrize("noise", ["none", "0.05", -1, 5, True, [1]])
def test_other_noises_are_refused(folder, noise):
    with pytest.raises(UserError, match=re.escape("noise")):
        workload(folder, training={"noise": noise, "data": f"{folder}/more.npz"})


@pytest.mark.parametrize(("label", "came"), [(-1, "-1"), (CLASSES, str(CLASSES))])
def test_labels_to_train_on_that_name_no_class_are_refused(folder, label, came):
    with np.load(folder / "more.npz") as more:
        arrays = dict(more)
    arrays["labels"] = arrays["labels"].copy()
    arrays["labels"][0] = label
    np.savez(folder / "odd.npz", **arrays)
    given = {"noise": 0.1, "data": f"{folder}/odd.npz"}
    match = rf"training\.data must hold labels from 0 to {CLASSES - 1}.*got {came}"
    with pytest.raises(UserError, match=match):
        workload(folder, training=given)
    workload(folder, training={**given, "distillation": 1.0})
