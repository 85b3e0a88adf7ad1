"""Files that are no network, or no good one: one line each, before anything runs."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

import matsweep
from matsweep.core.checks import UserError
from tests.conftest import EXHAUSTIVE
from tests.networks.graphs import Builder, attention, lenet, residual, saved
from tests.networks.references import assert_close, assert_exact, built, reference

WHOLE = [residual(width=2).SerializeToString(), attention(width=4).SerializeToString()]


def small(**settings: Any) -> tuple[Builder, str]:
    b = Builder((6,), **settings)
    return b, b.op("Gemm", "x", b.weight(6, 4), b.weight(4), name="dense")


def failure(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        matsweep.load_network(path)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 500
    return text


def refused(model: Any) -> str:
    with pytest.raises(UserError) as caught:
        built(model)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_no_onnx_file(tmp_path: Path) -> None:
    whole = lenet().SerializeToString()
    contents = {
        "empty": (b"", "holds no graph"),
        "text": (b"<html>404: not found</html>", "is not an ONNX file"),
        "cut": (whole[: len(whole) // 2], "is cut off"),
        "noise": (np.random.default_rng(0).bytes(4096), "is not an ONNX file"),
    }
    for name, (content, want) in contents.items():
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(content)
        assert want in failure(path)


def test_what_is_no_plain_file(tmp_path: Path) -> None:
    assert "cannot be read" in failure(tmp_path / "missing.onnx")
    assert "it is a folder" in failure(tmp_path)
    os.mkfifo(tmp_path / "pipe.onnx")
    assert "it is a pipe" in failure(tmp_path / "pipe.onnx")
    assert "export the network to ONNX" in failure(tmp_path / "net.pt")
    with pytest.raises(UserError, match="must be a path"):
        matsweep.load_network("")


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.onnx"
    with path.open("wb") as file:
        file.truncate(3 * 2**30)  # a hole
    assert "more than" in failure(path)


@pytest.mark.parametrize("opset", [7, 9, 13, 21, 24])
def test_opsets(opset: int) -> None:
    b, y = small(opset=opset)
    x = np.ones((3, 6), np.float32)
    assert len(assert_exact(b.model(b.op("Relu", y)), {"x": x}).layers) == 1


def test_old_operators_are_converted() -> None:
    """Opset 6, of a time before ONNX Runtime: the additions of then state that they broadcast."""
    b = Builder((6,), opset=6)
    y = b.op("MatMul", "x", weight := b.weight(6, 4))
    bias = b.weight(4)
    y = b.op("Add", y, bias, broadcast=1, axis=1)
    network = built(b.model(y, batch=3))
    w, c = (numpy_helper.to_array(each) for each in b.constants)
    x = np.random.default_rng(0).standard_normal((3, 6)).astype(np.float32)
    assert weight
    assert_close(network(x), x @ w + c)
    assert len(network.layers) == 1


@pytest.mark.parametrize("kind", [TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16])
def test_other_precisions_become_single(kind: int) -> None:
    b = Builder((6,))
    weight = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    b.constants.append(helper.make_tensor("w", kind, (6, 4), weight.ravel()))
    held = numpy_helper.to_array(b.constants[-1]).astype(np.float32)
    y = b.op("MatMul", b.op("Cast", "x", to=kind), "w")
    y = b.op("Add", b.op("Cast", b.op("Cast", y, to=TensorProto.FLOAT), to=kind), "one")
    b.constants.append(helper.make_tensor("one", kind, (), [1.0]))
    model = b.model(y)
    model.graph.input[0].type.tensor_type.elem_type = kind
    model.graph.output[0].type.tensor_type.elem_type = kind
    network = built(model)
    x = np.random.default_rng(1).standard_normal((3, 6)).astype(np.float32)
    assert network.inputs[0].dtype == network.outputs[0].dtype == "float32"
    assert_close(network(x), x @ held + 1)
    assert len(network.layers) == 1


def test_a_number_beyond_single_precision_is_its_largest() -> None:
    b = Builder((6,))
    b.constants.append(numpy_helper.from_array(np.array(-1e300), "low"))
    model = b.model(b.op("Max", "x", "low"))
    for value in (model.graph.input[0], model.graph.output[0]):
        value.type.tensor_type.elem_type = TensorProto.DOUBLE
    x = np.ones((2, 6), np.float32)
    np.testing.assert_array_equal(built(model)(x), x)


@pytest.mark.parametrize("place", ["weight", "bias"])
def test_weights_beyond_single_precision_are_refused(place: str) -> None:
    b = Builder((6,))
    weight, bias = np.ones((6, 4)), np.ones(4)
    {"weight": weight, "bias": bias}[place][..., 1] = -1e200
    model = b.model(b.op("Gemm", "x", b.constant(weight), b.constant(bias), name="dense"))
    for value in (model.graph.input[0], model.graph.output[0]):
        value.type.tensor_type.elem_type = TensorProto.DOUBLE
    assert "of node 'dense' (Gemm) must hold numbers below 3.4e+38" in refused(model)


@pytest.mark.parametrize("node", [False, True])
def test_dropout_in_training_mode_is_refused_as_such(node: bool) -> None:
    def dropout(training: bool) -> Any:
        b = Builder((6,))
        mode = np.array(training)
        mode = (b.op("Constant", value=numpy_helper.from_array(mode)) if node
                else b.constant(mode))  # fmt: skip
        x = b.op("Dropout", "x", b.constant(np.float32(0.5)), mode, name="drop")
        return b.model(b.op("Gemm", x, b.weight(6, 4), name="dense"))

    assert "node 'drop' (Dropout) is in training mode: export" in refused(dropout(True))
    assert len(built(dropout(False)).layers) == 1


def test_graphs_without_outputs_or_versions_are_refused_in_own_words() -> None:
    b, y = small()
    model = b.model(y)
    del model.graph.output[:]
    assert refused(model).startswith("the network must have an output, got a graph without any")
    model = b.model(y)
    del model.opset_import[:]
    assert refused(model).startswith("the network must state the version of its operators")
    model = b.model(y)
    model.opset_import[0].version = 99
    assert "the newest that is known, got 99: export with an older one" in refused(model)


@pytest.mark.parametrize("model", [123, None, b"net.onnx", {1, 2}])
def test_what_is_no_source_is_refused(model: Any) -> None:
    with pytest.raises(UserError, match=r"^model must be the path of an ONNX or NPZ file, or"):
        matsweep.load_network(model)


def external(folder: Path, location: str = "weights.bin") -> Path:
    """Write a model whose constants lie in another file."""
    b, y = small()
    path = folder / "net.onnx"
    onnx.save(
        b.model(y), path, save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    path.write_bytes(model.SerializeToString())
    return path


def test_external_data_lie_beside_the_file(tmp_path: Path) -> None:
    b, y = small()
    x = np.ones((2, 6), np.float32)
    path = external(tmp_path)
    want = reference(b.model(y), {"x": x})[y]
    assert_close(matsweep.load_network(path)(x), want)
    (tmp_path / "below").mkdir()
    (tmp_path / "weights.bin").rename(tmp_path / "below" / "weights.bin")
    assert_close(matsweep.load_network(external_at(path, "below/weights.bin"))(x), want)


def external_at(path: Path, location: str) -> Path:
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    "location", ["/etc/passwd", "../weights.bin", "a/../../weights.bin", "", "C:\\x", "\\\\host\\x"]
)
def test_external_data_from_elsewhere_are_refused(tmp_path: Path, location: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = external(folder)
    (folder / "weights.bin").rename(tmp_path / "weights.bin")
    assert "must lie beside the ONNX file" in failure(external_at(path, location))


def test_external_data_by_a_link_are_refused(tmp_path: Path) -> None:
    folder, away = tmp_path / "folder", tmp_path / "away"
    folder.mkdir()
    away.mkdir()
    path = external(folder)
    (folder / "weights.bin").rename(away / "weights.bin")
    (folder / "weights.bin").symlink_to(away / "weights.bin")
    assert "the link" in failure(path)
    (folder / "weights.bin").unlink()
    (folder / "below").symlink_to(away)
    assert "the link" in failure(external_at(path, "below/weights.bin"))


def test_external_data_that_are_missing_or_cut_off(tmp_path: Path) -> None:
    path = external(tmp_path)
    data = tmp_path / "weights.bin"
    content = data.read_bytes()
    data.write_bytes(content[:-4])
    assert "cut off" in failure(path)
    data.unlink()
    assert "cannot be read" in failure(path)
    os.mkfifo(data)
    assert "not a plain file" in failure(path)


@pytest.mark.parametrize(("key", "value"), [("offset", "-8"), ("length", "4"), ("offset", "many")])
def test_external_data_of_another_size_are_refused(tmp_path: Path, key: str, value: str) -> None:
    path = external(tmp_path)
    model = onnx.load(path, load_external_data=False)
    entries = model.graph.initializer[0].external_data
    for entry in [each for each in entries if each.key == key]:
        entries.remove(entry)
    entries.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())
    assert "must be 96 bytes from an offset" in failure(path)


type Change = Callable[[Any, str], Any]


def constant(b: Builder, name: str, value: Any) -> str:
    b.constants.append(numpy_helper.from_array(np.asarray(value), name))
    return name


def shaped(operator: str) -> Any:
    """A graph in which an operator makes 10 GB from a few bytes."""
    b, y = small()
    shape = constant(b, "size", np.array([50_000, 50_000]))
    match operator:
        case "ConstantOfShape":
            large = b.op(operator, shape, name="big")
        case "Expand" | "Tile":
            large = b.op(
                operator, constant(b, "one", np.ones((1, 1), np.float32)), shape, name="big"
            )
        case "Range":
            ends = [constant(b, f"r{i}", np.float32(each)) for i, each in enumerate((0, 3e9, 1))]
            large = b.op(operator, *ends, name="big")
        case "Exp":
            real = constant(b, "log", np.full(2, 11, np.float32))
            whole = b.op("Cast", b.op("Exp", real), to=TensorProto.INT64)
            large = b.op("ConstantOfShape", whole, name="big")
        case _:
            sides = (constant(b, "p", np.ones((60_000, 1), np.float32)),
                     constant(b, "q", np.ones((1, 60_000), np.float32)))  # fmt: skip
            large = b.op("Add", *sides, name="big")
    total = b.op("ReduceSum", large, keepdims=0)
    return b.model(b.op("Add", y, total))


@pytest.mark.parametrize("operator", ["ConstantOfShape", "Expand", "Tile", "Range", "Exp", "Add"])
def test_ten_gigabytes_are_not_allocated(operator: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    text = refused(shaped(operator))
    assert "node 'big'" in text
    assert "must have at most 2,146,435,072 bytes" in text
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**18  # KiB: 256 MiB


def test_constants_hold_what_they_declare() -> None:
    b, y = small()
    b.constants[0].dims[0] = 50_000
    b.constants[0].dims[1] = 50_000
    assert "must have at most" in refused(b.model(y))
    b, y = small()
    b.constants[0].dims[0] = 7
    assert "damaged" in refused(b.model(y))
    b, y = small()
    b.constants[0].dims[0] = -6
    assert "negative size" in refused(b.model(y))
    b, y = small()
    b.constants[0].data_type = 99
    assert "unknown type" in refused(b.model(y))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_are_numbers(value: float) -> None:
    b, y = small()
    weight = numpy_helper.to_array(b.constants[0]).copy()
    weight[2, 1] = value
    b.constants[0].CopyFrom(numpy_helper.from_array(weight, b.constants[0].name))
    text = refused(b.model(y))
    assert "must hold" in text
    assert "'t1'" in text or "'dense'" in text


def test_a_mask_of_infinity_is_no_weight() -> None:
    b, y = small()
    mask = np.array([0, -np.inf, 0, 0], np.float32)
    model = b.model(b.op("Softmax", b.op("Add", b.op("Tanh", y), constant(b, "mask", mask))))
    assert_exact(model, {"x": np.ones((2, 6), np.float32)})


def test_operators_that_are_not_run() -> None:
    b, y = small()
    model = b.model(b.op("Mystery", y, name="odd"))
    assert "node 'odd' (Mystery) is no operator of opset 17" in refused(model)
    b, y = small()
    model = b.model(b.op("Mystery", y, name="odd"))
    model.graph.node[-1].domain = "my.lib"
    model.opset_import.append(helper.make_opsetid("my.lib", 1))
    assert "node 'odd' (Mystery) is of the domain 'my.lib'" in refused(model)
    b, y = small()
    assert "draws random numbers" in refused(b.model(b.op("RandomNormalLike", y, name="noise")))
    b, y = small()
    b.opset = 18
    b.nodes.append(helper.make_node("Relu", ["nothing"], ["z"], name="lost"))
    assert "node 'lost' (Relu) reads 'nothing'" in refused(b.model("z"))


def test_cycles() -> None:
    b, y = small()
    b.nodes += [
        helper.make_node("Add", [y, "v"], ["u"], name="there"),
        helper.make_node("Relu", ["u"], ["v"], name="back"),
    ]
    assert "is part of a cycle" in refused(b.model("v"))
    b, y = small()
    b.nodes.append(helper.make_node("Add", [y, "u"], ["u"], name="itself"))
    assert "node 'itself' (Add) is part of a cycle" in refused(b.model("u"))
    b, y = small()
    b.nodes.append(helper.make_node("Relu", ["x"], [y], name="again"))
    assert "node 'again' (Relu) writes" in refused(b.model(y))
    b, y = small()
    assert "output 'z' of the graph" in refused(b.model("z"))


def test_nodes_in_any_order() -> None:
    b = Builder((6,))
    y = b.op("Tanh", b.op("Relu", b.op("MatMul", "x", b.weight(6, 4))))
    want = reference(b.model(y), {"x": np.ones((2, 6), np.float32)})[y]
    b.nodes.reverse()
    assert_close(built(b.model(y))(np.ones((2, 6), np.float32)), want)


def test_loops_have_no_bound() -> None:
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["v"], ["w"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", TensorProto.FLOAT, None),
        ],
    )
    b, y = small()
    loop = b.op("Loop", "", constant(b, "yes", np.array(True)), y, name="forever", body=body)
    assert "node 'forever' (Loop) may repeat without end" in refused(b.model(loop))


def test_functions_become_their_nodes() -> None:
    domain = "mine"
    function = helper.make_function(
        domain, "Twice", ["a"], ["c"],
        [helper.make_node("Add", ["a", "a"], ["b"]), helper.make_node("Relu", ["b"], ["c"])],
        [helper.make_opsetid("", 17)],
    )  # fmt: skip
    b, y = small()
    b.nodes.append(helper.make_node("Twice", [y], ["z"], domain=domain, name="two"))
    model = b.model("z")
    model.opset_import.append(helper.make_opsetid(domain, 1))
    model.functions.append(function)
    assert len(assert_exact(model, {"x": np.ones((2, 6), np.float32)}).layers) == 1


def test_functions_that_call_themselves_or_explode() -> None:
    def model_of(bodies: dict[str, list[str]]) -> Any:
        b, y = small()
        b.nodes.append(helper.make_node("f0", [y], ["z"], domain="mine"))
        model = b.model("z")
        imports = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]
        model.opset_import.append(imports[1])
        for name, calls in bodies.items():
            links = ["a", *(f"m{i}" for i in range(len(calls) - 1)), "b"]
            nodes = [
                helper.make_node(
                    each, [links[i]], [links[i + 1]], domain="mine" if each[0] == "f" else ""
                )
                for i, each in enumerate(calls)
            ]
            function = helper.make_function("mine", name, ["a"], ["b"], nodes, imports)
            model.functions.append(function)
        return model

    assert "calls itself" in refused(model_of({"f0": ["f1"], "f1": ["f0"]}))
    laughs = {f"f{i}": [f"f{i + 1}"] * 10 for i in range(12)} | {"f12": ["Relu"]}
    assert "at most 200,000 nodes" in refused(model_of(laughs))


def test_samples_are_the_first_axis() -> None:
    b = Builder((4, 6))
    y = b.op("ReduceMean", b.op("MatMul", "x", b.weight(6, 3)), axes=[0], keepdims=0)
    assert "samples must be the first axis" in refused(b.model(y, batch=7))
    assert "samples must be the first axis" in refused(b.model(y))
    b, y = small()
    mixed = b.op("Sub", y, b.op("ReduceMean", y, axes=[0], keepdims=1))
    assert "depends on the other samples" in refused(b.model(mixed))
    b, y = small()
    model = b.model(b.op("Add", y, "other"))
    other = helper.make_tensor_value_info("other", TensorProto.FLOAT, [3, 4])
    model.graph.input.append(other)
    assert "all equally many, got x: any, other: 3" in refused(model)


def test_outputs_are_tensors() -> None:
    b, y = small()
    b.nodes.append(helper.make_node("SequenceConstruct", [y], ["s"]))
    model = b.model("s")
    tensors = helper.make_tensor_type_proto(TensorProto.FLOAT, None)
    model.graph.output[0].type.CopyFrom(helper.make_sequence_type_proto(tensors))
    assert "'s' must be a tensor, got sequence" in refused(model)


def test_outputs_depend_on_inputs() -> None:
    b, y = small()
    still = b.op("Relu", b.weight(1, 4))
    assert f"output {still!r} does not depend on inputs" in refused(b.model(y, still))


def test_inputs_that_do_not_fit() -> None:
    b, y = small()
    network = built(b.model(y))
    for wrong, want in (
        (np.ones((3, 5)), "input x must have the shape (sample, 6), got (3, 5)"),
        (np.ones(6), "input x must have the shape (sample, 6), got (6,)"),
        ({"y": np.ones((3, 6))}, "inputs must be x, got y"),
        (np.ones((0, 6)), "one at least"),
    ):
        with pytest.raises(UserError) as caught:
            network(wrong)
        assert want in str(caught.value)


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from matsweep.networks import libraries

    libraries.onnx.cache_clear()
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UserError, match=r"pip install 'matsweep\[networks\]'"):
        matsweep.load_network([np.eye(2)])
    libraries.onnx.cache_clear()


def test_the_digest_follows_all_that_decides_results(tmp_path: Path) -> None:
    from matsweep.networks.selection import Selection

    path = saved(lenet(), tmp_path)
    network = matsweep.load_network(path)
    assert network.digest == matsweep.load_network(saved(lenet(), tmp_path, "copy.onnx")).digest
    assert network.digest != matsweep.load_network(path, Selection(exclude=("last",))).digest
    other = lenet()
    weight = numpy_helper.to_array(other.graph.initializer[0]) + np.float32(1e-3)
    name = other.graph.initializer[0].name
    other.graph.initializer[0].CopyFrom(numpy_helper.from_array(weight, name))
    assert network.digest != matsweep.load_network(saved(other, tmp_path)).digest


@settings(max_examples=3000 if EXHAUSTIVE else 100, deadline=None, derandomize=not EXHAUSTIVE)
@given(
    which=st.integers(0, len(WHOLE) - 1),
    changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=3),
    cut=st.integers(0, 8),
)
def test_damaged_files(
    which: int, changes: list[tuple[float, int]], cut: int, tmp_path_factory: Any
) -> None:
    """A damaged file gives a network, or one line."""
    content = bytearray(WHOLE[which])
    for place, value in changes:
        content[int(place * len(content))] = value
    start = int(changes[0][0] * len(content))
    del content[start : start + cut]
    path = tmp_path_factory.getbasetemp() / "damaged.onnx"
    path.write_bytes(bytes(content))
    message = ""
    try:
        matsweep.load_network(path)
    except UserError as error:
        message = str(error)
    assert "\n" not in message


def axes(*sizes: int | str, **settings: Any) -> Any:
    """A product of the last axis of an input of these sizes, whose axes are swapped before."""
    b = Builder(sizes[1:])
    x = b.op("Transpose", "x", perm=settings["perm"])
    return b.model(b.op("MatMul", x, b.weight(6, 4), name="dense"), batch=sizes[0])


@pytest.mark.parametrize("shape", [(6, "n"), (6, "n", 6), (1, "n", 6)])
def test_samples_behind_another_axis_are_refused(shape: tuple[int | str, ...]) -> None:
    perm = [1, 0, 2][: len(shape)]
    assert "whose first axis is fixed while another is free" in refused(axes(*shape, perm=perm))


@pytest.mark.parametrize("shape", [("steps", "batch", 6), ("steps", 3, 6)])
def test_outputs_with_other_rows_than_samples_are_refused(shape: tuple[int | str, ...]) -> None:
    assert "rows for 2 samples: export with the batch" in refused(axes(*shape, perm=[1, 0, 2]))


@pytest.mark.parametrize("batch", ["batch", 1])
def test_a_free_axis_behind_the_samples_is_read(batch: int | str) -> None:
    network = built(axes(batch, "steps", 6, perm=[0, 1, 2]))
    assert network.batch is None
    assert network(np.ones((3, 5, 6), np.float32)).shape == (3, 5, 4)
