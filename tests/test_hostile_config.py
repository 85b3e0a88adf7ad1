"""A configuration that came from elsewhere, and other users of the machine: they run nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import hydra._internal.hydra as application
import pytest
import yaml
from hydra import compose

from matsweep.cli import guard, main
from matsweep.core.checks import UserError
from matsweep.planning.config import composer
from matsweep.running.executors import cluster

MKDIR = {"_target_": "os.mkdir", "path": "owned"}
FORMATTER = {"()": "os.mkdir", "path": "owned"}
HANDLER = {"class": "os.mkdir", "path": "owned"}
FILE = {"class": "logging.FileHandler", "filename": "owned"}


@pytest.fixture
def evil(workplace):
    """Return a function that writes an experiment and gives the arguments that choose it."""

    def write(hydra: object, **more: object) -> list[str]:
        folder = workplace / "conf" / "experiment"
        folder.mkdir(parents=True)
        text = yaml.safe_dump({"hydra": hydra, **more}, sort_keys=False)
        (folder / "evil.yaml").write_text(f"# @package _global_\n{text}")
        return ["--config-dir", "conf", "experiment=evil"]

    return write


def test_without_the_guard_it_would_run(evil, workplace, monkeypatch):
    """The door is there: else what follows would show nothing."""
    monkeypatch.setattr(sys.modules["matsweep.cli.main"], "guarded", nullcontext)
    with pytest.warns(UserWarning, match="Callback NoneType"):  # what os.mkdir returned is none
        assert main(["explore", *evil({"callbacks": {"x": MKDIR}}, seed="none")]) == 2
    assert (workplace / "owned").is_dir()


@pytest.mark.parametrize(
    ("hydra", "named"),
    [
        ({"callbacks": {"x": MKDIR}}, "callbacks"),
        ({"launcher": {"_target_": "os.getcwd"}}, "launcher"),
        ({"sweeper": {"_target_": "os.getcwd"}}, "sweeper"),
        ({"sweeper": {"params": {"x": MKDIR}}}, r"sweeper\.params\.x\._target_"),
        ({"job_logging": {"formatters": {"x": FORMATTER}}}, r"job_logging\.formatters\.x\.\(\)"),
        ({"job_logging": {"handlers": {"x": HANDLER}}}, r"job_logging\.handlers\.x\.class"),
        ({"hydra_logging": {"handlers": {"x": HANDLER}}}, r"hydra_logging\.handlers\.x\.class"),
        ({"job_logging": {"handlers": {"x": FILE}}}, r"job_logging\.handlers\.x\.filename"),
        ({"job_logging": {"handlers": {"x": {".": {"stream": 1}}}}}, r"job_logging\.handlers\.x"),
        ({"job": {"env_set": {"LD_PRELOAD": "evil.so"}}}, r"job\.env_set"),
    ],
)
@pytest.mark.parametrize("sweep", [[], ["-m"]])
def test_an_experiment_that_has_hydra_run_code_is_refused(
    evil, workplace, capsys, hydra, named, sweep
):
    assert main(["explore", *sweep, *evil(hydra), "adc.bits=6"]) == 2
    said = capsys.readouterr().err
    assert re.match(rf"matsweep: hydra\.{named}[. ].*must .*may not have Hydra run code\n$", said)
    assert said.count("\n") == 1
    assert [path.name for path in workplace.iterdir()] == ["conf"]


def test_a_group_of_hydras_own_is_no_way_around(workplace, capsys):
    folder = workplace / "conf" / "hydra" / "callbacks"
    folder.mkdir(parents=True)
    (folder / "x.yaml").write_text(yaml.safe_dump({"x": MKDIR}))
    for asked in (["materials"], ["explore", "--help"], ["explore", "--cfg", "job"]):
        assert main([*asked, "--config-dir", "conf", "hydra/callbacks=x"]) == 2
        assert "hydra.callbacks must be empty" in capsys.readouterr().err
    assert not (workplace / "owned").exists()


def test_a_target_in_matsweeps_own_parts_is_an_unknown_parameter(evil, workplace, capsys):
    assert main(["explore", *evil({}, device=MKDIR)]) == 2
    assert "_target_" in capsys.readouterr().err
    assert not (workplace / "owned").exists()


@pytest.fixture(scope="module")
def composed():
    """Return a function that gives the hydra node of some overrides."""
    with composer():
        yield lambda *given: compose("explore", list(given), return_hydra_config=True).hydra


@pytest.mark.parametrize(
    "overrides",
    [
        ["+hydra.sweeper._args_=[1]"],
        ["+x={_target_: os.mkdir}", "hydra.sweeper.params='${x}'"],
        ["+hydra.sweeper.params.seed='${oc.env:HOME}'"],
        ["+x={y: {_target_: os.mkdir}}", "hydra.callbacks='${x}'"],
        ["hydra/sweeper=basic", "+hydra.launcher._partial_=true"],
        ["hydra/sweeper=basic", "hydra/launcher=joblib"],
        ["+x={a: b}", "hydra.job.env_set='${x}'"],
        ["+hydra.job_logging.handlers={x: {class: logging.StreamHandler, stream: 'ext://os.x'}}"],
        ["+hydra.job_logging.handlers={x: {class: logging.StreamHandler, level: '${seed}'}}"],
        ["+x={version: 1}", "hydra.job_logging='${x}'"],
        ["+hydra.runtime.choices.x={_target_: os.mkdir}"],
    ],
)
def test_what_stands_where_it_must_not_is_refused(composed, overrides):
    with pytest.raises(UserError, match=r"^hydra\.[\w.]+ must .*may not have Hydra run code$"):
        guard.check(composed(*overrides))


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        *(
            [f"hydra/{node}={name}"]
            for node in ("job_logging", "hydra_logging")
            for name in ("default", "disabled", "none")
        ),
        ["hydra/job_logging=stdout"],
        ["hydra/hydra_logging=hydra_debug"],
        ["hydra/sweeper=basic"],
        ["hydra/launcher=joblib"],  # the sweeper, which starts none, reports it
        ["hydra.verbose=true", "hydra.run.dir=x", "hydra.job.name=x"],
        ["+hydra.sweeper.params={adc.bits: '6,8'}"],
    ],
)
def test_what_hydra_ships_is_left_alone(composed, overrides):
    guard.check(composed(*overrides))


def test_the_guard_ends_with_the_application_and_never_stays_away_silently(monkeypatch):
    plain = application.ConfigLoaderImpl
    with guard.guarded():
        assert issubclass(application.ConfigLoaderImpl, plain)
        assert application.ConfigLoaderImpl is not plain
    assert application.ConfigLoaderImpl is plain
    monkeypatch.delattr(application, "ConfigLoaderImpl")
    with pytest.raises(AttributeError), guard.guarded():
        pytest.fail("an application that composes in another way would not be checked")


# ------------------------------------------------------------------- other users of the machine


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Return an empty home, where `start_local` starts no Ray."""
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.setenv(name, "")  # what is set later is taken back
    monkeypatch.delenv("RAY_AUTH_MODE")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(cluster, "_start", lambda *_: None)
    return tmp_path


def test_a_local_ray_has_a_token_of_its_own_and_in_no_file(home):
    cluster.start_local(1, 0)
    assert re.fullmatch("[0-9a-f]{64}", os.environ["RAY_AUTH_TOKEN"])
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("RAY_AUTH_TOKEN", "0" * 64), ("RAY_AUTH_TOKEN_PATH", "x"), ("RAY_AUTH_MODE", "disabled")],
)
def test_who_says_which_token_gets_no_other(home, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    cluster.start_local(1, 0)
    assert os.environ["RAY_AUTH_TOKEN"] == (value if name == "RAY_AUTH_TOKEN" else "")
    assert list(home.iterdir()) == []


def test_the_folder_of_a_slurm_job_is_its_own(tmp_path):
    text = (Path(__file__).parents[1] / "cluster" / "slurm.sbatch").read_text()
    [script] = re.findall(r"^within=\(sh -c '(.*)'\)$", text, re.MULTILINE)

    def run(folder: Path) -> int:
        command = ["sh", "-c", script, str(folder), "touch", str(folder / "ran")]
        return subprocess.run(command, capture_output=True, check=False).returncode

    folder = tmp_path / "ray-1-0"
    folder.mkdir(mode=0o777)
    (folder / "old").write_text("of a run before")
    assert run(folder) == 0
    assert [file.name for file in folder.iterdir()] == ["ran"]
    assert folder.stat().st_mode & 0o777 == 0o700
    (tmp_path / "link").symlink_to(folder)
    assert run(tmp_path / "link") == 0
    assert not (tmp_path / "link").is_symlink()
    (tmp_path / "file").write_text("")
    assert run(tmp_path / "file" / "ray-1-0") != 0
