"""Checks of requirements by new candidates, end to end."""

from __future__ import annotations

import shlex
import shutil

import numpy as np
import pytest
import xarray as xr
import zarr
from omegaconf import OmegaConf

import matsweep
from matsweep.cli.main import main
from matsweep.cli.newest import store_of
from matsweep.core.checks import UserError
from matsweep.running.verification import _command
from matsweep.store import open_store

STUDY = [
    "material=hfox_vcm", "unknowns=neutral", "times=1.0", "workload.hidden=[12]",
    "workload.epochs=20", "realisations=4", "executor=serial", "device.write_verify=null",
    "device.cycle_to_cycle=0,0.05,0.1,0.2", "adc.bits=4,6,8",
]  # fmt: skip
TARGET = "accuracy >= 80 %"


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    return matsweep.explore([*STUDY, f"store={tmp_path_factory.mktemp('edges')}/s.zarr"])


def test_directions_are_stored_with_what_was_swept(stored):
    ds = matsweep.open_results(stored)
    assert ds["device.cycle_to_cycle"].attrs["worse"] == "higher"
    assert ds["adc.bits"].attrs["worse"] == "lower"
    assert ds.matsweep.requirements(TARGET).surrogate.rises == (-1, 1)


def test_new_candidates_at_the_edges_are_paired_with_the_study(stored):
    before = matsweep.open_results(stored).load()
    found = matsweep.requirements(stored, TARGET, verify=6)
    assert len(found.checked.met) == 6
    assert any(line.startswith("checked: 6 new candidates") for line in found.specification())
    beside = matsweep.open_results(found.checked.store)
    assert beside.sizes["candidate"] == 6
    assert beside.attrs["seed"] == before.attrs["seed"]
    np.testing.assert_array_equal(beside["realisation"], before["realisation"])
    np.testing.assert_array_equal(
        found.checked.values, beside["accuracy"].isel(time=-1).mean("realisation").values
    )
    # The same candidate in a study of its own has the same bits.
    bits, spread = int(beside["adc.bits"][0]), float(beside["device.cycle_to_cycle"][0])
    one = [f"device.cycle_to_cycle=choice({spread!r})", f"adc.bits=choice({bits})"]
    alone = matsweep.explore([*STUDY[:-2], *one, f"store={stored.parent}/alone.zarr"])
    np.testing.assert_array_equal(
        matsweep.open_results(alone)["accuracy"][0], beside["accuracy"][0]
    )
    xr.testing.assert_identical(matsweep.open_results(stored).load(), before)


def test_more_are_added_and_none_is_computed_again(stored):
    first = matsweep.requirements(stored, TARGET, verify=6).checked
    seconds = matsweep.open_results(first.store)["seconds"].values
    again = matsweep.requirements(stored, TARGET, verify=6).checked
    np.testing.assert_array_equal(again.values, first.values)
    np.testing.assert_array_equal(matsweep.open_results(first.store)["seconds"].values, seconds)
    more = matsweep.requirements(stored, TARGET, verify=8).checked
    assert len(more.met) == 8
    kept = matsweep.open_results(first.store)["seconds"].values[: len(seconds)]
    np.testing.assert_array_equal(kept, seconds)


def test_a_study_whose_fit_is_wrong_is_found_out(stored, tmp_path):
    """Results that were raised by up to 30 points where noise is large promise too much."""
    wrong = matsweep.explore([*STUDY, f"store={tmp_path}/wrong.zarr"])
    array = zarr.open_array(wrong / "accuracy", mode="r+")
    noise = matsweep.open_results(wrong)["device.cycle_to_cycle"].values
    array[:] = np.minimum(array[:] + 1.5 * noise[:, None, None], 0.95)
    found = matsweep.requirements(wrong, TARGET, verify=8)
    assert found.checked.too_wide
    assert any(line.startswith("the region is too wide") for line in found.specification())


def test_the_report_checks_what_it_states(stored, capsys):
    assert main(["report", str(stored), f"target={TARGET}", "verify=6", "html=false"]) == 0
    assert "checked: 6 new candidates" in " ".join(capsys.readouterr().out.split())
    assert main(["report", str(stored), "verify=6", "html=false"]) == 2
    assert "verify=6 checks the region" in capsys.readouterr().err
    config = OmegaConf.create({"store": None, "results": str(stored.parent)})
    assert not str(store_of(config)).endswith("-verify.zarr")


def test_a_store_that_cannot_be_continued_is_refused(stored, tmp_path):
    other = matsweep.explore([*STUDY, f"store={tmp_path}/other.zarr"])
    with open_store(other) as store:
        store.update_attrs({"command": ""})
    with pytest.raises(UserError, match="does not say which command made it"):
        matsweep.requirements(other, TARGET, verify=6)


def test_candidates_at_the_edges_keep_their_material(tmp_path):
    families = ["material=hfox_vcm,taox_vcm", *STUDY[1:]]
    store = matsweep.explore([*families, f"store={tmp_path}/two.zarr"])
    found = matsweep.requirements(store, TARGET, material="taox_vcm", verify=4)
    beside = matsweep.open_results(found.checked.store)
    assert len(found.checked.met) == 4
    assert set(beside["material"].values.tolist()) == {"taox_vcm"}
    check = matsweep.requirements(store, TARGET, material="hfox_vcm", verify=4).checked
    both = matsweep.open_results(check.store)["material"].values.tolist()
    assert both == ["taox_vcm"] * 4 + ["hfox_vcm"] * 4


def test_a_command_that_gives_other_candidates_is_refused(stored, tmp_path):
    other = matsweep.explore([*STUDY, f"store={tmp_path}/other.zarr"])
    command = str(matsweep.open_results(other).attrs["command"])
    with open_store(other) as store:
        store.update_attrs({"command": command.replace("hfox_vcm", "taox_vcm")})
    with pytest.raises(UserError, match="gives other candidates here"):
        matsweep.requirements(other, TARGET, verify=6)


@pytest.mark.parametrize("elsewhere", [
    "executor.address=ray://192.0.2.1:10001", "executor=ray", "++executor={kind:ray,address:auto}",
    "log=planted.jsonl", "hydra.run.dir=planted", "store=planted.zarr", "~executor.address",
])  # fmt: skip
def test_a_store_does_not_say_where_its_checks_run_and_write(
    stored, tmp_path, monkeypatch, elsewhere
):
    """A store may come from elsewhere, and so may the command in it."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(stored, tmp_path / "s.zarr")
    with open_store(tmp_path / "s.zarr") as store:
        command = str(matsweep.open_results(stored).attrs["command"])
        store.update_attrs({"command": f"{command} {shlex.quote(elsewhere)}"})
    overrides, _, _ = _command(tmp_path / "s.zarr")
    assert elsewhere not in overrides  # (executor=serial, of the study itself, stays)
    assert "executor=serial" in overrides
    assert overrides == [each for each in overrides if "planted" not in each]
