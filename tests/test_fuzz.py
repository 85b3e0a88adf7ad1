"""Fuzzing of configurations and of the command line: no input gives another error than a line.

Failures are any exception that is not matsweep's own, a hang over its bound, and a number that is
not finite among the results of a candidate that is done. By hand:

    MATSWEEP_FUZZ=3000 python -m pytest tests/test_fuzz.py
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from matsweep.cli import main, view
from matsweep.cli.main import _COMMANDS, _command
from matsweep.planning import plan as planning
from matsweep.planning.config import compose, compose_with_choices, composer, plain_config
from matsweep.running.executors import executor
from matsweep.running.study import run_overrides
from tests.fuzzing import (
    FUZZ,
    fuzzed,
    leaf_paths,
    note,
    replaced,
    sound,
    tame,
    values,
    verdict,
    written,
)  # fmt: skip

TINY = ["executor=serial", "workload.hidden=[4]", "workload.epochs=1", "realisations=1",
        "times=[1]", "log=null"]  # fmt: skip
STUDIES = {
    "inference": TINY,
    "learning": ["workload=digits_online", "material=epiram", *TINY],
    "physics": ["material=hfox_vcm", "device.source=derived", "wires=metal", *TINY],
    "neutral": ["material=pcm_gst", "tile=offset_128", "unknowns=neutral", *TINY],
}
READING = ("report", "select", "explain", "status", "export", "view", "merge", "materials")
OTHERS = (("hydra", "run", "dir"), ("hydra", "verbose"), ("hydra", "searchpath"), ("defaults",),
          ("axes", "x"))  # fmt: skip
HARMLESS = {
    "report": ["html=false"], "characterize": ["bench.devices=2", "bench.pulses=3"],
    "validate": ["list=true"],
}  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Return a folder with a small finished store."""
    folder = tmp_path_factory.mktemp("fuzz")
    before = Path.cwd()
    os.chdir(folder)
    try:
        assert main(["explore", "-m", "material=pcm_gst,hfox_vcm", *TINY, "unknowns=neutral"]) == 0
        Path("pulses.csv").write_text(
            "device,pulse,polarity,conductance [uS]\n"
            + "".join(f"0,{n},{1 if n < 20 else -1},{1 + min(n, 40 - n) / 10}\n" for n in range(40))
        )
    finally:
        os.chdir(before)
    return folder


@pytest.fixture(scope="module")
def composed():
    """Return the plain configuration and the choices of each study, by name."""
    with composer():
        known = {}
        for name, overrides in STUDIES.items():
            config, choices = compose_with_choices(overrides)
            known[name] = (OmegaConf.to_container(config, resolve=False), choices)
        return known


@pytest.fixture
def place(base, tmp_path_factory, monkeypatch):
    """Return a function that gives an empty folder to work in, again and again."""
    folder = tmp_path_factory.mktemp("work")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(view, "serve", lambda *_, **__: None)

    def fresh(*, stores: bool) -> None:
        for each in folder.iterdir():
            shutil.rmtree(each) if each.is_dir() else each.unlink()
        if stores:
            shutil.copytree(base, folder, dirs_exist_ok=True)

    return fresh


@fuzzed(60)
@given(data=st.data())
def test_a_study_of_any_configuration_runs_or_is_refused(composed, place, data):
    """Entries of the composed configuration are replaced; what is accepted runs to its end."""
    name = data.draw(st.sampled_from(list(STUDIES)))
    plain, choices = composed[name]
    paths = [each for each in leaf_paths(plain) if each[0] not in ("executor", "references")]
    config = plain
    for _ in range(data.draw(st.sampled_from([1, 1, 1, 2]))):
        path = data.draw(st.sampled_from(paths))
        value = data.draw(values().filter(lambda each, path=path: tame(".".join(path), each)))
        if path[0] in config and all(
            isinstance(_at(config, path[:n]), dict) for n in range(len(path))
        ):
            config = replaced(config, path, value)
            note(f"{name}: {'.'.join(path)}={value!r}")
    to_its_end = data.draw(st.sampled_from([True, False, False])) or bool(FUZZ)
    place(stores=False)

    def run() -> None:
        composed_config = OmegaConf.create(config)
        with composer(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(planning, "compose_with_choices", lambda *_: (composed_config, choices))
            if to_its_end:
                run_overrides(["seed=0"])
            else:
                planning.plan(["seed=0"])

    told = verdict(run)
    sound(told)


def _at(node, path):
    for key in path:
        node = node[key] if isinstance(node, dict) and key in node else None
    return node


@fuzzed(60)
@given(data=st.data())
def test_a_command_takes_any_setting_or_refuses_it(base, place, data):
    command = data.draw(st.sampled_from(READING))
    with composer():
        config = plain_config(compose(HARMLESS.get(command, []), command), resolve=False)
    path = data.draw(st.sampled_from([each for each in leaf_paths(config)]))
    value = data.draw(values().filter(lambda each: tame(".".join(path), each)))
    config = replaced(config, path, value)
    note(f"{command}: {'.'.join(path)}={value!r}")
    place(stores=True)
    told = verdict(lambda: _command(command)(OmegaConf.create(config)))
    sound(told)


@fuzzed(60)
@given(kind=st.sampled_from(["ray", "serial"]), data=st.data())
def test_an_executor_of_any_settings_is_built_or_refused(kind, data):
    with composer():
        settings = plain_config(compose([f"executor={kind}"]).executor)
    name = data.draw(st.sampled_from(list(settings)))
    value = data.draw(values())
    note(f"{name}={value!r}")
    told = verdict(lambda: executor({**settings, name: value}) and 0)
    sound(told)


def _words(command: str, names: list[str]) -> st.SearchStrategy[list[str]]:
    """Words of a command line: overrides of all forms, flags, and neither."""
    name = st.sampled_from(names) | st.sampled_from(
        [
            *names[:20],
            "axes.x",
            "hydra.verbose",
            "hydra.run.dir",
            "hydra.mode",
            "hydra.sweep.dir",
            "hydra.job.name",
            "hydra/launcher",
            "hydra.searchpath",
            "hydra.output_subdir",
            "hydra.job_logging",
            "hydra",
            "hydra.sweeper.params",
            "axes.x",
        ]
    )
    slip = st.builds(
        lambda text, extra: text + extra, name, st.sampled_from([".x", "@x", "x", ".", " ", "²"])
    )
    key = name | name | name | slip
    override = st.builds(
        "{}{}={}".format, st.sampled_from(["", "", "", "+", "++", "~"]), key, written()
    )
    deletion = name.map("~{}".format)
    flag = st.sampled_from([
        "-m", "--multirun", "--cfg", "--cfg=job", "--cfg=x", "--info", "--info=x", "--help",
        "--hydra-help", "--resolve", "--package=x", "-p", "--config-dir", "--config-dir=.",
        "--config-dir=x",
        "--config-name", "--config-name=x", "--config-path=x", "--allow-env", "--allow-env=",
        "--allow-env=HOME,²", "--watch=nan", "--watch=-1", "--quick=x", "--nope", "-x", "-1", "--",
        "-", "--run", "--experimental-rerun=x", "--pdf=x", "--version",
    ])  # fmt: skip
    junk = written() | st.sampled_from(["results/study.zarr", "nowhere.zarr", "accuracy >= 95 %",
        "accuracy >= ", "P(accuracy", "1", "pcm_gst", "pulses.csv", "", " "])  # fmt: skip
    return st.lists(override | override | override | deletion | flag | junk, max_size=4)


def _fit(command: str, words: list[str]) -> bool:
    """Whether words start nothing that takes long: other tests do."""
    text = " ".join(words)
    return (
        tame(text, [text])
        and not (command == "explore" and ("ray" in text or "mnist" in text))
        and not (command == "validate" and "list" in text)
        and not (command == "status" and "watch" in text and "1e" in text)
    )


@fuzzed(14)
@given(data=st.data())
def test_any_command_line_ends_with_a_line(base, place, data):
    command = data.draw(
        st.sampled_from(
            ["explore"] * 6
            + [
                each
                for each in _COMMANDS
                if each != "characterize" and (FUZZ or each != "calibrate")
            ]
        )
    )
    with composer():
        config = plain_config(compose([], command), resolve=False)
    names = [
        ".".join(each) for each in leaf_paths(config) if each[0] not in ("hydra", "references")
    ]
    words = data.draw(_words(command, names).filter(lambda each: _fit(command, each)))
    settled = TINY if command == "explore" else HARMLESS.get(command, [])
    place(stores=True)
    note(f"{command} {words!r}")
    told = verdict(lambda: main([command, *settled, *words]))
    sound(told)


@fuzzed(8)
@given(data=st.data())
def test_any_file_of_a_configuration_is_read_or_refused(base, place, data):
    """An experiment as YAML: entries of any value, broken texts, and another file's headers."""
    with composer():
        config = plain_config(compose(TINY), resolve=False)
    paths = [each for each in leaf_paths(config) if each[0] not in ("executor", "references")]
    content: dict = {}
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from([*paths, *OTHERS]))
        value = data.draw(values().filter(lambda each, path=path: tame(".".join(path), each)))
        node = content
        for key in path[:-1]:
            node = node.setdefault(key, {}) if isinstance(node, dict) else {}
        if isinstance(node, dict):
            node[path[-1]] = value
    text = yaml.dump(content, allow_unicode=True, sort_keys=False)
    cut = data.draw(st.sampled_from([None, None, None, 5, 17]))
    header = data.draw(
        st.sampled_from(["# @package _global_\n"] * 3 + ["", "# @package ²\n", "\x00", "\ufeff"])
    )
    place(stores=False)
    note(header + text[:cut])
    file = Path("conf/experiment/x.yaml")
    file.parent.mkdir(parents=True)
    file.write_bytes((header + text[:cut]).encode("utf-8", "surrogatepass"))
    told = verdict(lambda: main(["explore", "--config-dir", "conf", "experiment=x", *TINY]))
    sound(told)
