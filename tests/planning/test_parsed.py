"""Configuration files that are parsed once: what is composed and refused is as without it."""

from __future__ import annotations

import os
import time

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.object_type import ObjectType
from hydra.types import RunMode
from omegaconf import OmegaConf, open_dict

from matsweep.core.checks import UserError
from matsweep.planning import config as planning_config
from matsweep.planning import parsed
from matsweep.planning.config import compose, composer, conf_folder, options
from matsweep.planning.loading import load_material, load_materials

with composer():
    MATERIALS = options("material")


def composed(loader, config_name, *overrides):
    """Whole configuration, Hydra's part too, as it is written."""
    return OmegaConf.to_yaml(
        loader.load_configuration(config_name, list(overrides), run_mode=RunMode.RUN)
    )


@pytest.fixture
def loaders():
    """Loader that keeps what it parsed, and Hydra's own."""
    with composer():
        ours = planning_config.GlobalHydra.instance().config_loader()
        yield ours, ConfigLoaderImpl(ours.get_search_path())


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", MATERIALS)
def test_every_material_is_composed_as_hydra_composes_it(loaders, name):
    kept, plain = loaders
    once, again = (composed(kept, "characterize", f"material={name}") for _ in range(2))
    assert once == again == composed(plain, "characterize", f"material={name}")


def test_every_command_is_composed_as_hydra_composes_it(loaders):
    kept, plain = loaders
    for name in plain.get_group_options("", ObjectType.CONFIG):
        assert composed(kept, name) == composed(plain, name)


def test_materials_loaded_together_are_those_loaded_one_by_one():
    assert load_materials(MATERIALS) == [load_material(name) for name in MATERIALS]


def test_files_are_parsed_once(monkeypatch):
    read = []
    load = parsed._Folder.load_config

    def counting(self, config_path):
        read.append(config_path)
        return load(self, config_path)

    monkeypatch.setattr(parsed, "_parsed", {})
    monkeypatch.setattr(parsed, "_merges", {})
    monkeypatch.setattr(parsed._Folder, "load_config", counting)
    with composer():
        compose(["material=pcm_gst"])
        first = len(read)
        compose(["material=pcm_gst"])
        assert len(read) == first > 5
        compose(["material=hfox_vcm"])
        assert read[first:] == ["material/hfox_vcm"]


def test_files_are_merged_once_for_each_choice_of_them(monkeypatch):
    merged = []
    merge = parsed.merge

    def counting(composed, stated):
        merged.append(stated)
        return merge(composed, stated)

    monkeypatch.setattr(parsed, "_merges", {})
    monkeypatch.setattr(parsed, "_MOST_MERGES", 2)
    monkeypatch.setattr(parsed, "merge", counting)
    with composer():
        for material, due in (("pcm_gst", 1), ("pcm_gst", 0), ("hfox_vcm", 1), ("pcm_gst", 0),
                              ("cbram", 1), ("hfox_vcm", 0), ("pcm_gst", 1)):  # fmt: skip
            merged.clear()
            assert compose([f"material={material}", "seed=5"]).material.name == material
            assert bool(merged) == due, material


def test_what_is_written_into_a_configuration_does_not_reach_the_next():
    with composer():
        for _ in range(2):
            config = compose(["material=pcm_gst"])
            assert config.material.name == "pcm_gst"
            with open_dict(config):
                config.material.name = "mine"
                config.device.drift = None


def own_material(folder, name, resting):
    """Write a material of a user; resting: as if some time ago."""
    (folder / "material").mkdir(exist_ok=True)
    file = folder / "material" / "mine.yaml"
    text = (conf_folder() / "material" / "pcm_gst.yaml").read_text()
    file.write_text(text.replace("name: pcm_gst", f"name: {name}"))
    if resting:
        os.utime(file, (time.time() - 60,) * 2)


@pytest.mark.parametrize("resting", [(False, False), (True, False), (False, True)])
def test_a_file_that_changed_is_read_again(tmp_path, resting):
    """Of the same size too: within one tick of the file system's clock, or with another time."""
    with composer(tmp_path):
        for name, rested in zip(("mine_a", "mine_b"), resting, strict=True):
            own_material(tmp_path, name, rested)
            assert compose(["material=mine"]).material.name == name


def test_files_of_the_same_name_in_two_folders_are_two(tmp_path):
    for name in ("mine_a", "mine_b"):
        (tmp_path / name).mkdir()
        own_material(tmp_path / name, name, resting=True)
        with composer(tmp_path / name):
            assert compose(["material=mine"]).material.name == name


def test_materials_with_defaults_of_their_own_are_composed_by_hydra(tmp_path):
    (tmp_path / "material").mkdir()
    (tmp_path / "material" / "mine.yaml").write_text(
        "# @package _global_\ndefaults: [pcm_gst]\nmaterial: {name: mine}\n"
    )
    own_references = (conf_folder() / "material" / "pcm_gst.yaml").read_text()
    (tmp_path / "material" / "cites.yaml").write_text(
        own_references.replace("source: aihwkit", "source: me")
        + "\nreferences: {me: {citation: my own work}}\n"
    )
    (tmp_path / "material" / "doubled.yaml").write_text(
        own_references.replace(
            "name: pcm_gst", "name: doubled\n  label: of ${material.name}", 1
        ).replace("  label: PCM", "  # label: PCM", 1)
    )
    with composer(tmp_path):
        mine, cites, doubled = load_materials(["mine", "cites", "doubled"])
        assert mine == load_material("mine")
        assert doubled == load_material("doubled")
        assert doubled.material.label == "of doubled"
        assert mine.material.name == "mine"
        assert "me" in cites.material.references
        with pytest.raises(UserError, match="no such material"):
            load_materials(["mine", "yours"])


def outcome(loader, *given):
    """Return the composed configuration, or the error."""
    try:
        return composed(loader, *given)
    except Exception as error:
        return type(error), str(error)


@pytest.mark.parametrize("text", ["material: [1", "a: 1\na: 2\n", "- 1\n", "", "\xff", "a: \x07\n"])
def test_what_is_wrong_with_a_file_is_said_as_hydra_says_it(tmp_path, text):
    (tmp_path / "material").mkdir()
    (tmp_path / "material" / "mine.yaml").write_text(text, encoding="latin-1")
    with composer(tmp_path):
        kept = planning_config.GlobalHydra.instance().config_loader()
        plain = ConfigLoaderImpl(kept.get_search_path())
        given = ("characterize", "material=mine")
        got, of_hydra = outcome(kept, *given), outcome(plain, *given)
    if isinstance(got, tuple) and got[0] is UserError:  # one line, with the file
        assert "\n" not in got[1]
        assert "mine.yaml" in got[1]
        assert " ".join(of_hydra[1].split()) in got[1]
    else:
        assert got == of_hydra
