"""Samples of a network's own: files, layouts, what calibrates, and one line for each mistake."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from matsweep.core.checks import UserError
from matsweep.core.codec import build
from matsweep.datasets.arrays import npz_outline, read_npz
from matsweep.workloads import Workload
from matsweep.workloads.network.data import evenly
from matsweep.workloads.network.preprocessing import Preprocessing
from tests.networks.graphs import Builder, saved
from tests.workloads.own_network import images, model


@pytest.fixture
def folder(tmp_path):
    saved(model(), tmp_path)
    return tmp_path


def configured(folder, **settings):
    given = {"kind": "onnx", "model": str(folder / "net.onnx"), "data": str(folder / "data.npz")}
    return build(Workload, given | settings, "workload")


def loaded(folder, **settings):
    return configured(folder, **settings).prepare().samples


class TestFiles:
    def test_arrays_of_an_npz_file_are_mapped_and_only_what_is_used_is_read(self, folder):
        inputs = images(50)
        np.savez(folder / "data.npz", inputs=inputs)
        arrays = read_npz("data", folder / "data.npz")
        assert isinstance(arrays.inputs["inputs"], np.memmap)
        np.testing.assert_array_equal(arrays.inputs["inputs"], inputs)
        np.savez_compressed(folder / "packed.npz", inputs=inputs, labels=np.arange(50))
        packed = read_npz("data", folder / "packed.npz")
        assert not isinstance(packed.inputs["inputs"], np.memmap)
        np.testing.assert_array_equal(packed.inputs["inputs"], inputs)
        known = npz_outline("data", folder / "packed.npz")
        assert (known.samples, known.labelled, known.targeted) == (50, True, False)

    def test_every_fifth_sample_calibrates_and_is_not_scored(self, folder):
        inputs = images(50)
        np.savez(folder / "data.npz", inputs=inputs)
        samples = loaded(folder)
        np.testing.assert_array_equal(samples.calibration["x"], inputs[::5])
        rest = np.delete(inputs, np.arange(0, 50, 5), axis=0)
        np.testing.assert_array_equal(samples.inputs["x"], rest)
        np.testing.assert_array_equal(loaded(folder, test_samples=7).inputs["x"], rest[:7])
        fewer = loaded(folder, calibration_samples=2)
        np.testing.assert_array_equal(fewer.calibration["x"], inputs[[0, 25]])
        assert len(fewer.inputs["x"]) == 48
        assert "not scored" in configured(folder).preparation

    def test_samples_of_its_own_calibrate(self, folder):
        np.savez(folder / "data.npz", inputs=images(6))
        np.savez(folder / "calibration.npz", inputs=images(9, seed=2))
        samples = loaded(folder, calibration=str(folder / "calibration.npz"))
        np.testing.assert_array_equal(samples.inputs["x"], images(6))
        np.testing.assert_array_equal(samples.calibration["x"], images(9, seed=2))

    def test_a_table_and_a_dataset(self, folder):
        b = Builder((3,))
        saved(b.model(b.op("Gemm", "x", b.weight(3, 2), name="only")), folder, "flat.onnx")
        lines = ["a,b,label,c", *(f"{n},{n + 1},{n % 2},{n + 2}" for n in range(10))]
        (folder / "data.csv").write_text("\n".join(lines))
        given = {"model": str(folder / "flat.onnx"), "data": str(folder / "data.csv")}
        samples = loaded(folder, **given)
        assert samples.inputs["x"][0].tolist() == [1, 2, 3]
        assert samples.labels[:3].tolist() == [1, 0, 1]
        (folder / "targets.csv").write_text(
            "a,target_1,b,target_2,c\n" + "1,2,3,4,5\n6,7,8,9,0\n" * 3
        )
        samples = loaded(folder, **(given | {"data": str(folder / "targets.csv"), "score": "r2"}))
        assert samples.targets[0].tolist() == [7, 9]
        b = Builder((64,))
        saved(b.model(b.op("Gemm", "x", b.weight(64, 10), name="only")), folder, "digits.onnx")
        digits = loaded(folder, model=str(folder / "digits.onnx"), data="digits")
        assert digits.inputs["x"].shape == (360, 64)
        assert digits.calibration["x"].shape == (512, 64)
        assert digits.inputs["x"].max() == 1

    def test_images_by_class(self, folder):
        from PIL import Image

        rng = np.random.default_rng(0)
        b = Builder((3, 8, 8))
        x = b.op("Flatten", b.op("GlobalAveragePool", b.conv("x", (3, 4), name="conv")))
        saved(b.model(b.op("Gemm", x, b.weight(4, 2), name="head")), folder, "colour.onnx")
        pixels = {}
        for name in ("cat", "dog"):
            (folder / "images" / name).mkdir(parents=True)
            for number in range(5):
                each = rng.integers(0, 256, (8, 8, 3), np.uint8)
                Image.fromarray(each).save(folder / "images" / name / f"{number}.png")
                pixels[each.tobytes()] = name
        samples = loaded(folder, model=str(folder / "colour.onnx"), data=str(folder / "images"))
        everything = np.concatenate([samples.inputs["x"], samples.calibration["x"]])
        assert everything.shape == (10, 3, 8, 8)
        first = np.rint(255 * samples.inputs["x"][0].transpose(1, 2, 0)).astype(np.uint8)
        assert pixels[first.tobytes()] == ("cat", "dog")[samples.labels[0]]

    def test_the_only_input_has_its_name_or_the_common_one(self, folder):
        for name in ("x", "inputs"):
            np.savez(folder / "data.npz", **{name: images(10)})
            assert loaded(folder).inputs["x"].shape == (8, 2, 8, 8)
        np.savez(folder / "data.npz", foo=images(10))
        with pytest.raises(UserError, match=r"inputs of the network \(x\), got foo: .*or inputs$"):
            loaded(folder)

    @pytest.mark.parametrize(
        ("arrays", "score", "note"),
        [
            (("targets",), None, "targets are not used"),
            (("labels", "targets"), None, "targets are not used"),
            (("labels", "targets"), "r2", "targets give the score, labels the accuracy"),
            (("targets",), "r2", None),
            (("labels",), None, None),
        ],
    )
    def test_a_note_says_what_targets_are_for(self, folder, arrays, score, note):
        there = {"labels": np.zeros(10, int), "targets": np.zeros((10, 4))}
        np.savez(folder / "data.npz", inputs=images(10), **{each: there[each] for each in arrays})
        text = configured(folder, score=score).preparation
        assert note in text if note else "targets" not in text

    @pytest.mark.parametrize("classes", [2, 3, 5])
    def test_folders_of_classes_are_those_of_the_network(self, folder, classes):
        from PIL import Image

        b = Builder((8, 8))
        x = b.op("Flatten", "x")
        saved(b.model(b.op("Gemm", x, b.weight(64, 3), name="head")), folder, "grey.onnx")
        for name in range(9, 9 + classes):
            (folder / "images" / f"{name}").mkdir(parents=True)
            for number in range(5):
                pixels = np.full((8, 8), number, np.uint8)
                Image.fromarray(pixels).save(folder / "images" / f"{name}" / f"{number}.png")
        own = configured(folder, model=str(folder / "grey.onnx"), data=str(folder / "images"))
        assert "folders: 0 is 9, 1 is 10" in own.preparation
        assert ("(2 of the 3 outputs of the network)" in own.preparation) == (classes == 2)
        if classes < 5:
            assert set(own.prepare().samples.labels) == set(range(classes))
            return
        with pytest.raises(UserError, match=r"data must have at most 3 classes, .*got 5 folders"):
            own.prepare()

    def test_images_for_training_are_never_scored(self, folder):
        """A set that is divided scores its test part, whatever calibrates."""
        b = Builder((64,))
        saved(b.model(b.op("Gemm", "x", b.weight(64, 10), name="only")), folder, "digits.onnx")
        own = {"model": str(folder / "digits.onnx"), "data": "digits"}
        plain, named = loaded(folder, **own), loaded(folder, **own, calibration="digits")
        for one, other in ((plain.inputs, named.inputs), (plain.calibration, named.calibration)):
            np.testing.assert_array_equal(one["x"], other["x"])
        there = {each.tobytes() for each in named.inputs["x"]}
        assert sum(each.tobytes() in there for each in named.calibration["x"]) < 5  # blank ones

    def test_a_folder_of_images_is_scored_whole_where_others_calibrate(self, folder):
        from PIL import Image

        rng = np.random.default_rng(0)
        for part in ("test", "others"):
            for name in ("cat", "dog"):
                (folder / part / name).mkdir(parents=True)
                for number in range(5):
                    each = rng.integers(0, 256, (8, 8), np.uint8)
                    Image.fromarray(each).save(folder / part / name / f"{number}.png")
        b = Builder((64,))
        saved(b.model(b.op("Gemm", "x", b.weight(64, 2), name="only")), folder, "grey.onnx")
        own = {"model": str(folder / "grey.onnx"), "data": str(folder / "test")}
        samples = loaded(folder, **own, calibration=str(folder / "others"))
        assert (len(samples.labels), len(samples.calibration["x"])) == (10, 8)
        assert len(loaded(folder, **own).labels) == 2

    def test_several_inputs_by_name(self, folder):
        import onnx
        from onnx import TensorProto, helper

        b = Builder((4,))
        other = helper.make_tensor_value_info("other", TensorProto.FLOAT, ["batch", 4])
        y = b.op("Add", b.op("Gemm", "x", b.weight(4, 3), name="only"),
                 b.op("Gemm", "other", b.weight(4, 3), name="second"))  # fmt: skip
        graph = b.model(y)
        graph.graph.input.append(other)
        onnx.save(graph, folder / "two.onnx")
        x = np.random.default_rng(0).random((10, 4)).astype(np.float32)
        np.savez(folder / "data.npz", x=x, other=-x)
        samples = loaded(folder, model=str(folder / "two.onnx"))
        np.testing.assert_array_equal(samples.inputs["other"], -samples.inputs["x"])
        np.savez(folder / "data.npz", x=x, another=-x)
        with pytest.raises(UserError, match=r"^workload.data must hold the inputs of the network"):
            loaded(folder, model=str(folder / "two.onnx"))

    def test_content_decides_the_key(self, folder):
        np.savez(folder / "data.npz", inputs=images(10))
        before = configured(folder).key
        np.savez(folder / "data.npz", inputs=images(10, seed=4))
        assert configured(folder).key != before
        np.savez(folder / "data.npz", inputs=images(10))
        assert configured(folder).key == before


class TestPreprocessing:
    def port(self, *shape, dtype="float32"):
        from matsweep.networks.batches import Port

        return Port("x", (None, *shape), dtype)

    def test_inputs_are_scaled_channel_by_channel(self):
        values = np.arange(24, dtype=np.uint8).reshape(1, 2, 3, 4)
        how = Preprocessing(scale=0.5, mean=(1.0, 2.0), std=(2.0, 4.0))
        found = how.apply("data", values, self.port(2, 3, 4))
        wanted = (values * 0.5 - np.reshape([1, 2], (2, 1, 1))) / np.reshape([2, 4], (2, 1, 1))
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
        last = np.moveaxis(values, 1, -1)
        found = Preprocessing(scale=0.5, mean=(1.0, 2.0), std=(2.0, 4.0), layout="NHWC").apply(
            "data", last, self.port(2, 3, 4)
        )
        np.testing.assert_allclose(found, wanted, rtol=1e-6)

    def test_pixels_are_rounded_once(self):
        values = np.arange(256, dtype=np.uint8)[:, None]
        how = Preprocessing(scale=1 / 255, mean=(0.1307,), std=(0.3081,))
        found = how.apply("data", values, self.port(1))
        wanted = ((values * (1 / 255) - 0.1307) / 0.3081).astype(np.float32)
        np.testing.assert_array_equal(found, wanted)

    @pytest.mark.parametrize(
        ("shape", "layout", "network"),
        [
            ((5, 2, 3, 4), None, (2, 3, 4)),
            ((5, 24), "flat", (2, 3, 4)),
            ((5, 4, 6), "flat", (2, 3, 4)),
            ((5, 3, 4, 2), "NHWC", (2, 3, 4)),
            ((5, 2, 3, 4), "NCHW", (3, 4, 2)),
            ((5, 3, 4, 2), "NHWC", (3, 4, 2)),
            ((5, 2, 3, 4), "flat", (24,)),
            ((5, 2, 3, 4), "NHWC", (24,)),
            ((5, 3, 4, 1), None, (1, 3, 4)),
            ((5, 3, 4), None, (1, 3, 4)),
            ((5, 3, 4), None, (3, 4, 1)),
            ((5, 7, 4), None, (None, 4)),
        ],
    )
    def test_layouts_become_those_of_the_network(self, shape, layout, network):
        values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
        found = Preprocessing(layout=layout).apply("data", values, self.port(*network))
        assert all(want in (None, got) for want, got in zip(network, found.shape[1:], strict=True))
        if layout == "NHWC" and network == (2, 3, 4):
            np.testing.assert_array_equal(found, np.moveaxis(values, -1, 1))
        elif layout == "NCHW":
            np.testing.assert_array_equal(found, np.moveaxis(values, 1, -1))
        else:
            np.testing.assert_array_equal(found.ravel(), values.ravel())

    @pytest.mark.parametrize(
        ("shape", "layout", "network"),
        [
            ((5, 3, 4, 2), None, (2, 3, 4)),  # channels last for a network with channels first
            ((5, 3, 4, 2), "NCHW", (2, 3, 4)),
            ((5, 24), None, (2, 3, 4)),
            ((5, 2, 3), None, (6,)),
            ((5, 2, 3, 4), None, (24,)),
            ((5, 4, 3), None, (1, 3, 4)),
        ],
    )
    @pytest.mark.parametrize("dtype", ["float32", "int64"])
    def test_samples_are_not_reordered_without_a_word(self, shape, layout, network, dtype):
        """Equally many numbers in another order would be other images."""
        values = np.zeros(shape, dtype)
        with pytest.raises(UserError, match=r"^data must hold samples .*: give preprocessing.lay"):
            Preprocessing(layout=layout).apply("data", values, self.port(*network, dtype=dtype))

    @pytest.mark.parametrize("layout", [None, "NHWC"])
    def test_axes_of_one_value_come_and_go(self, layout):
        values = np.arange(60, dtype=np.float32).reshape(5, 3, 4, 1)
        for network in ((3, 4), (1, 3, 4), (3, 4, 1), *([(12,)] if layout else [])):
            found = Preprocessing(layout=layout).apply("data", values, self.port(*network))
            np.testing.assert_array_equal(found, values.reshape(5, *network))

    def test_whole_numbers_stay_whole(self):
        tokens = np.array([[1, 5], [2, 3]])
        found = Preprocessing().apply("data", tokens, self.port(2, dtype="int64"))
        assert found.dtype == np.int64
        with pytest.raises(UserError, match="whole numbers"):
            Preprocessing().apply("data", tokens + 0.5, self.port(2, dtype="int64"))
        with pytest.raises(UserError, match="preprocessing must leave the input x"):
            Preprocessing(scale=2.0).apply("data", tokens, self.port(2, dtype="int64"))
        with pytest.raises(UserError, match="whole numbers"):
            Preprocessing().apply("data", tokens + 1e300, self.port(2, dtype="int64"))

    @pytest.mark.parametrize(("value", "how"), [(1e300, {}), (1e30, {"scale": 1e20})])
    def test_inputs_beyond_single_precision_are_refused(self, value, how):
        """In one line: no warning comes before it."""
        with pytest.raises(UserError, match=r"^data must hold inputs below 3.4e\+38, as networks"):
            Preprocessing(**how).apply("data", np.full((2, 3), value), self.port(3))

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"scale": 0.0}, "scale must not be 0"),
            ({"std": (1.0, 0.0)}, "std must be > 0"),
            ({"mean": ()}, "mean must hold one number"),
            ({"layout": "CHW"}, "layout must be one of"),
        ],
    )
    def test_settings_out_of_their_range(self, settings, message):
        with pytest.raises(UserError, match=message):
            Preprocessing(**settings)


def written(folder, **arrays):
    np.savez(folder / "data.npz", **arrays)


X = images(10)
MISTAKES = {
    "no file": (None, {"data": "nowhere.npz"}, r"data must name a file that can be read"),
    "other file": (None, {"data": "pyproject.toml"}, r"data must name an NPZ file, a table"),
    "text": ("text", {}, r"data must name an NPZ file of numbers, got"),
    "no inputs": ({"labels": np.arange(3)}, {}, r"data must name an NPZ file with an array inputs"),
    "objects": ({"inputs": np.array([{}, {}])}, {}, r"data must name an NPZ file of numbers"),
    "words": ({"inputs": np.array([["a"], ["b"]])}, {}, r"data must hold real numbers, got <U1"),
    "nan": ({"inputs": X * np.nan}, {}, r"data must hold finite numbers only, got nan at \[0, "),
    "shape": ({"inputs": X[:, :, :7]}, {}, r"data must hold samples of the shape \(2, 8, 8\)"),
    "one sample": ({"inputs": X[:1]}, {}, r"data must hold at least 2 samples"),
    "lengths": ({"inputs": X, "labels": np.arange(9)}, {}, r"data must hold as many labels as sam"),
    "few": ({"inputs": X}, {"test_samples": 9}, r"test_samples must be <= 8, the samples that"),
    "range": ({"inputs": X, "labels": np.full(10, 4)}, {}, r"data must hold labels from 0 to 3"),
    "negative": ({"inputs": X, "labels": np.full(10, -1)}, {}, r"data must hold labels from 0 to"),
    "halves": ({"inputs": X, "labels": np.full(10, 0.5)}, {}, r"labels that are whole numbers"),
    "matrix": ({"inputs": X, "labels": np.zeros((10, 4), int)}, {}, r"data must hold labels of sh"),
    "targets": ({"inputs": X, "targets": np.zeros((10, 3))}, {"score": "r2"}, r"targets of the sh"),
    "same targets": (
        {"inputs": X, "targets": np.ones((10, 4))},
        {"score": "r2"},
        r"data must hold targets that vary for score=r2, got the same for all samples",
    ),
    "left out": (
        {"inputs": X, "labels": np.full(10, -1)},
        {"score": "token_accuracy"},
        r"data must hold labels from 0 to 3, got negative ones alone",
    ),
    "no targets": ({"inputs": X}, {"score": "r2"}, r"score must be null for data without targets"),
    "no labels": ({"inputs": X}, {"top": 2}, r"top must be null for data without labels, got 2"),
    "top": (
        {"inputs": X, "labels": np.zeros(10, int)},
        {"top": 4},
        r"top must be < 4, the class",
    ),
    "score": ({"inputs": X}, {"score": "f1"}, r"score must be one of nrmse, r2, token_accuracy"),
    "adapt": (
        {"inputs": X},
        {"adapt": "all"},
        r"adapt must be one of last_layer, none, statistics",
    ),
    "model": ({"inputs": X}, {"model": "lenet"}, r"model must be the path of an ONNX or NPZ file"),
    "missing": ({"inputs": X}, {"model": "a.onnx"}, r"model must name a file that can be read"),
    "output": ({"inputs": X}, {"output": "y"}, r"output must be one of"),
    "large": ({"inputs": X * 5e37}, {}, r"model must give finite outputs, got nan or inf"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_that_names_its_setting(folder, name):
    arrays, settings, message = MISTAKES[name]
    if arrays == "text":
        (folder / "data.npz").write_text("no archive")
    elif arrays is not None:
        written(folder, **arrays)
    with pytest.raises(UserError, match=r"^workload\.(?!workload)[^\n]*" + message):
        configured(folder, **settings).prepare()


def test_places_are_spread_evenly():
    assert evenly(10, 3).tolist() == [0, 3, 6]
    assert evenly(4, 9).tolist() == [0, 1, 2, 3]


def test_an_own_network_of_arrays(tmp_path):
    """A perceptron of plain weights, on inputs of its own."""
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "net.npz", weight_0=rng.random((4, 6)), bias_0=np.zeros(6),
             weight_1=rng.random((6, 3)), bias_1=np.zeros(3))  # fmt: skip
    np.savez(tmp_path / "data.npz", inputs=rng.random((20, 4)))
    own = configured(tmp_path, model=str(tmp_path / "net.npz"))
    assert own.shapes == ((4, 6), (6, 3))
    assert own.prepare().reference["agreement"] == 1


def test_a_worker_needs_no_file(folder):
    """Facts of a workload go with its candidates."""
    np.savez(folder / "data.npz", inputs=images(10), labels=np.arange(10) % 4)
    own = configured(folder)
    there = pickle.loads(pickle.dumps(own))
    wanted = own.key, own.measures, own.merit, own.coordinates["layer"].tolist(), own.content
    for path in ("net.onnx", "data.npz"):
        (folder / path).unlink()
    assert there == own
    found = there.key, there.measures, there.merit, there.coordinates["layer"].tolist()
    assert (*found, there.content) == wanted
