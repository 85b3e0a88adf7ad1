"""Every configuration that comes with matsweep."""

from __future__ import annotations

import dataclasses

import pytest

import matsweep
import matsweep.planning.folders
from matsweep.core.checks import UserError
from matsweep.devices import AnalogDevice
from matsweep.materials import STATUSES
from matsweep.planning.config import compose, composer, groups, options
from matsweep.planning.plan import plan
from matsweep.running.study import run_overrides
from tests.families import FAMILIES, families

OF_STUDIES = ("design", "executor", "experiment", "racing")  # which cannot be swept

with composer():
    SWEPT = [group for group in groups() if group not in (*OF_STUDIES, "references", "prior")]
    CHOICES = [(group, option) for group in OF_STUDIES for option in options(group)]


@pytest.mark.parametrize("group", SWEPT)
def test_every_choice_of_a_group_is_a_valid_candidate(group):
    """One study of all, whose parts are built and checked choice by choice."""
    # The response to pulses of this material is known: some workloads learn.
    wanted = ["material=ag_a_si"] if group == "workload" else []
    with composer():
        names = options(group)
        assert len(plan([*wanted, f"{group}={','.join(names)}"])) == len(names)


@pytest.mark.parametrize(("group", "option"), CHOICES)
def test_every_choice_of_a_study_makes_valid_candidates(group, option, tmp_path):
    # An axis, without which some designs have no points.
    wanted = ["adc.bits=6,8"] if group == "design" else []
    if option == "table":
        (tmp_path / "points.csv").write_text("adc.bits\n6\n8\n")
        wanted = [f"design.path={tmp_path / 'points.csv'}"]
    with composer():
        study = plan([f"{group}={option}", *wanted])
    if option == "adaptive":  # its candidates are chosen as results come
        assert study.design.size(study.axes) == 200
    else:
        assert len(study) >= 1


@pytest.mark.parametrize("name", FAMILIES)
def test_every_number_of_a_material_names_where_it_comes_from(name):
    loaded = families()[name]
    assert loaded.material.name == name
    conditions = {"temperature", "cycles", "write_verify", "source", "measurements", "reading"}
    fields = {field.name for field in dataclasses.fields(AnalogDevice)}
    of_physics = set()
    if loaded.physics is not None:
        of_physics = {f"physics.{f.name}" for f in dataclasses.fields(loaded.physics)}
    assert set(loaded.sources) == (fields - conditions) | of_physics
    for origin in loaded.sources.values():
        assert origin.status in STATUSES
        assert origin.source is None or origin.source in loaded.material.references


@pytest.mark.parametrize("name", FAMILIES)
def test_a_missing_number_is_neutral(name):
    """Unknown parameters keep neutral values, which change nothing."""
    neutral = AnalogDevice(g_min=0, g_max=1, read_voltage=1, cell_size=1)
    loaded = families()[name]
    for path, origin in loaded.sources.items():
        if path.startswith("physics."):
            assert origin.status != "missing"  # there is no neutral physics
            continue
        value = getattr(loaded.device, path)
        if origin.status == "missing":
            laws = "drift", "read_noise", "programming_error", "short_term"
            assert value.absent if path in laws else value == getattr(neutral, path), path


def test_load_material_takes_overrides_and_refuses_what_is_not_there():
    assert matsweep.load_material("pcm_gst", g_max=2e-5).device.g_max == 2e-5
    assert matsweep.load_material("pcm_gst", drift__nu=0.05).device.drift.nu.constant == 0.05
    with pytest.raises(UserError, match=r"did you mean device\.g_max"):
        matsweep.load_material("pcm_gst", gmax=2e-5)
    with pytest.raises(UserError, match="did you mean pcm_gst"):
        matsweep.load_material("pcm_gs")
    with pytest.raises(UserError, match=r"device.g_max \[S\] must be a finite number"):
        matsweep.load_material("pcm_gst", g_max="large")


def test_a_users_material_is_one_file_in_a_folder_of_their_own(tmp_path):
    folder = tmp_path / "material"
    folder.mkdir()
    text = (matsweep.planning.folders.conf_folder() / "material" / "pcm_gst.yaml").read_text()
    (folder / "mine.yaml").write_text(text.replace("name: pcm_gst", "name: mine"))
    with composer(tmp_path):
        assert compose(["material=mine"]).material.name == "mine"
        assert "mine" in options("material")
        assert len(plan(["material=mine,hfox_vcm"])) == 2


def test_a_config_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UserError, match="config_dir must be a folder"), composer(tmp_path / "no"):
        pass


def test_a_configuration_cannot_name_code_to_run(tmp_path):
    """A target, in whatever place, is an unknown parameter and never imported."""
    with composer():
        for overrides in (
            ["+device._target_=os.system"],
            ["+device.drift._target_=os.system"],
            ["+executor._target_=os.system"],
            ["+design._target_=os.system"],
        ):
            with pytest.raises(UserError, match="_target_ is not a parameter"):
                run_overrides([*overrides, f"store={tmp_path}/x.zarr"])
