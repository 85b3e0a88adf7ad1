"""Folders of configurations that a user gives: what is read, and what is refused before it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from matsweep.cli import main
from matsweep.core.checks import UserError
from matsweep.planning.config import compose, composer
from matsweep.planning.folders import conf_folder

GLOBAL = "# @package _global_\n"


def composed(folder, *overrides):
    with composer(folder):
        return compose(overrides)


@pytest.mark.parametrize(
    "name", ["material/pcm_gst.yaml", "experiment/wires.yaml", "prior/pcm.yaml", "explore.yaml"]
)
def test_a_file_that_another_hides_is_refused(own, name):
    folder = own(name, "study: mine\n")
    with pytest.raises(UserError, match=f"{name} would not be read.* give it another name$"):
        composed(folder)


def test_a_file_that_another_hides_is_refused_by_commands(own, capsys):
    folder = own("material/pcm_gst.yaml", "device: {g_max: 1}\n")
    for words in (["explore", "-m", "material=pcm_gst,hfox_vcm"], ["materials"], ["characterize"]):
        assert main([*words, "--config-dir", str(folder)]) == 2
        said = capsys.readouterr().err
        assert "pcm_gst.yaml would not be read" in said
        assert said.count("\n") == 1


def test_an_unchanged_copy_hides_nothing(own):
    text = (conf_folder() / "material" / "pcm_gst.yaml").read_text(encoding="utf-8")
    assert composed(own("material/pcm_gst.yaml", text), "material=pcm_gst")
    assert composed(conf_folder(), "material=pcm_gst")


@pytest.mark.parametrize("at", ["file", "folder"])
def test_a_link_that_leaves_the_folder_is_refused(own, tmp_path, at):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "e.yaml").write_text(f"{GLOBAL}label: private\n")
    folder = own("readme.yaml", "")
    if at == "folder":
        os.symlink(tmp_path / "other", folder / "experiment")
    else:
        (folder / "experiment").mkdir()
        os.symlink(tmp_path / "other" / "e.yaml", folder / "experiment" / "e.yaml")
    with pytest.raises(UserError, match=r"e\.yaml is a link that leaves"):
        composed(folder, "experiment=e")


def test_links_within_the_folder_and_to_it_are_followed(own, tmp_path):
    folder = own("data/e.yaml", f"{GLOBAL}study: linked\n")
    (folder / "experiment").mkdir()
    os.symlink("../data/e.yaml", folder / "experiment" / "e.yaml")
    os.symlink(folder, tmp_path / "link")
    assert composed(tmp_path / "link", "experiment=e").study == "linked"


@pytest.mark.parametrize("path", ["../../../other/e", "//{}/other/e"])
def test_a_default_outside_of_the_folder_is_refused(own, tmp_path, path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "e.yaml").write_text("label: private\n")
    folder = own("experiment/x.yaml", f"defaults: ['{path.format(tmp_path)}']\n")
    with pytest.raises(UserError, match="must lie in a configuration folder"):
        composed(folder, "experiment=x")


@pytest.mark.parametrize("text", ["root:x:0:0", "- a\n- b\n", "7\n", "true\n", "'quoted'\n"])
def test_a_file_must_hold_a_mapping(own, text):
    with pytest.raises(UserError, match=r"e\.yaml must hold a mapping \(NAME: VALUE\), got a"):
        composed(own("experiment/e.yaml", text), "experiment=e")


def test_an_empty_file_changes_nothing(own):
    assert composed(own("experiment/e.yaml", "# nothing\n"), "experiment=e").study == "study"


@pytest.mark.parametrize("name", ["pcm_gst", "hfox_vcm"])
def test_a_measured_material_gets_no_name_that_is_taken(workplace, capsys, name):
    Path("m.csv").write_text("device,pulse,polarity,conductance [uS]\n")
    assert main(["calibrate", "m.csv", f"name={name}"]) == 2
    assert f"name={name} is a material of matsweep" in capsys.readouterr().err
    assert not Path("conf").exists()
