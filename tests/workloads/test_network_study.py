"""Studies of networks from files: axes of networks, bits, extension, answers without labels."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import matsweep
from matsweep.cli.main import main
from matsweep.core.checks import UserError
from tests.networks.graphs import Builder, saved
from tests.workloads.own_network import SHAPE, images, own_network

pytestmark = pytest.mark.xdist_group("ray")


def other():
    """Return a graph that shares the names of two layers with the other one, and has its own."""
    b = Builder(SHAPE, seed=3)
    x = b.op("Relu", b.conv("x", (2, 4), strides=[2, 2], name="first"))
    x = b.op("Relu", b.conv(x, (4, 6), 1, name="middle"))
    x = b.op("Flatten", x)
    return b.model(b.op("Gemm", x, b.weight(6 * 9, 4), name="classifier"))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Overrides of a study of two networks and two materials, on unlabelled samples."""
    folder = tmp_path_factory.mktemp("study")
    own = own_network(folder, samples=40, labelled=False)
    saved(other(), folder, "other.onnx")
    return [
        "workload=onnx", f"workload.model={own['model']},{folder / 'other.onnx'}",
        f"workload.data={own['data']}", "material=pcm_gst,hfox_vcm", "unknowns=neutral",
        "times=[1,1e5]", "realisations=2", "executor=serial",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def store(study, tmp_path_factory):
    return matsweep.explore([*study, f"store={tmp_path_factory.mktemp('stores') / 'a.zarr'}"])


def numbers(ds: xr.Dataset) -> xr.Dataset:
    """Return the results that must not depend on the schedule: all but the computing time."""
    return ds.drop_vars("seconds").drop_attrs().compute()


def test_layers_of_several_networks_are_stored_by_name(store):
    ds = matsweep.open_results(store)
    assert (ds.status == 1).all()
    assert ds.attrs["merit"] == "agreement"
    assert ds.layer.values.tolist() == ["first", "second", "classifier", "middle"]
    errors = ds.layer_vmm_error.isel(realisation=0, time=0)
    for name, lacks in (("net.onnx", "middle"), ("other.onnx", "second")):
        model = np.char.endswith(ds["workload.model"].values.astype(str), name)
        assert model.sum() == 2
        own = errors.isel(candidate=model)
        missing = np.isnan(own.values)
        assert missing.all(axis=0).tolist() == [each == lacks for each in ds.layer.values]
        assert missing.sum() == 2
        square = np.square(own).mean("layer", skipna=True)
        mean = ds.vmm_error.isel(candidate=model, realisation=0, time=0)
        np.testing.assert_allclose(square, np.square(mean), rtol=1e-6)
    assert 0.2 < float(ds.agreement.mean()) <= 1


def test_realisations_that_are_added_later_are_those_of_a_larger_study(study, tmp_path):
    whole = matsweep.open_results(matsweep.explore([*study, f"store={tmp_path}/whole.zarr"]))
    # The second network comes first: the store keeps the order of its names, and adds to them.
    one, other = study[1].partition("=")[2].split(",")
    store, rest = f"store={tmp_path}/part.zarr", [study[0], *study[2:]]
    rest[rest.index("realisations=2")] = "realisations=1"
    matsweep.explore([study[0], f"+axes={{workload.model: '{other}'}}", *rest[1:], store])
    matsweep.explore([study[0], f"workload.model={other},{one}", *rest[1:], store, "extend=true"])
    more = [study[0], f"workload.model={other},{one}", *study[2:], store, "extend=true"]
    found = matsweep.open_results(matsweep.explore(more))
    assert found.layer.values.tolist() == ["first", "middle", "classifier", "second"]
    found = found.sel(layer=whole.layer)
    order = [found.candidate_id.values.tolist().index(each) for each in whole.candidate_id.values]
    for name in ("agreement", "layer_vmm_error", "output_error", "array_power", "energy"):
        if name in whole:
            np.testing.assert_array_equal(found[name].values[order], whole[name].values, name)


def test_networks_on_ray_give_the_bits_of_the_serial_executor(study, store, tmp_path, local_ray):
    chosen = [each for each in study if not each.startswith("executor")]
    found = matsweep.open_results(
        matsweep.explore([*chosen, "executor=ray", "executor.chunk_size=1",
                          f"store={tmp_path}/ray.zarr"])
    )  # fmt: skip
    xr.testing.assert_identical(numbers(found), numbers(matsweep.open_results(store)))


def test_answers_are_given_by_agreement(store, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ds = matsweep.open_results(store)
    best = ds.matsweep.rank().candidate.values[0]
    assert int(best) in ds.candidate.values
    assert ds.matsweep.pareto().candidate.size >= 1
    for command in (["select", str(store)], ["report", str(store)]):
        assert main(command) == 0
        assert "agreement" in capsys.readouterr().out


def test_workloads_with_other_merits_are_refused_together(study, tmp_path):
    labelled = tmp_path / "labelled.npz"
    np.savez(labelled, inputs=images(20), labels=np.arange(20) % 4)
    data = study[2].partition("=")[2]
    with pytest.raises(
        UserError, match=r"different metrics \(onnx by agreement, onnx by accuracy\)"
    ):
        matsweep.explore([*study[:2], f"workload.data={data},{labelled}", *study[3:],
                          f"store={tmp_path}/x.zarr"])  # fmt: skip


def test_a_file_that_changes_is_another_candidate(study, tmp_path):
    """The path is the same; a store of the first is not resumed with the second."""
    data = tmp_path / "data.npz"
    np.savez(data, inputs=images(10))
    given = [study[0], study[1].partition(",")[0], f"workload.data={data}", "material=pcm_gst",
             *study[4:], f"store={tmp_path}/a.zarr"]  # fmt: skip
    matsweep.explore(given)
    np.savez(data, inputs=images(10, seed=7))
    with pytest.raises(UserError, match="holds another study"):
        matsweep.explore(given)
