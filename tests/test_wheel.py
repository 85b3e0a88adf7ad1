"""The wheel: whole, and working from an empty folder without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import matsweep
from matsweep.store import summary

ROOT = Path(__file__).resolve().parents[1]


def run(*command: str | Path, folder: Path) -> str:
    """Output of a command that runs in a folder and sees nothing of the checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, folder=ROOT)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def programs(wheel, tmp_path_factory) -> Path:
    """Folder of programs of an environment with the wheel.

    The packages that it needs come from the environment of the tests: their folder is put on the
    path, which does not follow the link to the checkout in it.
    """
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, with_pip=False, symlinks=True)
    python = place / "bin" / "python"
    packages = run(
        python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", folder=place
    ).strip()
    Path(packages, "tests.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    options = ("--quiet", "--no-deps", "--no-index", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "--python", python, "install", *options, wheel, folder=place)
    return python.parent


def test_the_wheel_holds_every_module_and_configuration(wheel):
    packed = set(zipfile.ZipFile(wheel).namelist())
    for folder, place in (
        ("matsweep", "matsweep"),
        ("hydra_plugins", "hydra_plugins"),
        ("conf", "matsweep/conf"),
    ):
        files = [
            path.relative_to(ROOT / folder) for path in (ROOT / folder).rglob("*")
            if path.is_file() and path.suffix != ".pyc"
        ]  # fmt: skip
        assert files
        assert {f"{place}/{path.as_posix()}" for path in files} <= packed


def test_the_wheel_holds_nothing_else(wheel):
    (info,) = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()} - {
        "matsweep", "hydra_plugins",
    }  # fmt: skip
    assert info == f"matsweep-{matsweep.__version__}.dist-info"


def test_what_is_installed_is_the_wheel(programs, tmp_path):
    asked = "import matsweep, hydra_plugins.hydra_matsweep_sweeper as h; print(matsweep, h)"
    text = run(programs / "python", "-c", asked, folder=tmp_path)
    assert str(ROOT) not in text
    assert text.count(str(programs.parent)) == 2


def test_the_installed_commands_work_in_an_empty_folder(programs, tmp_path):
    command = programs / "matsweep"
    assert run(command, "--version", folder=tmp_path) == f"matsweep {matsweep.__version__}\n"
    assert "pcm_gst" in run(command, "materials", folder=tmp_path)
    assert list(tmp_path.iterdir()) == []
    run(command, "explore", "-m", "material=pcm_gst,hfox_vcm", "executor=serial", "realisations=1",
        "workload.hidden=[8]", "workload.epochs=2", "times=[1]", folder=tmp_path)  # fmt: skip
    assert summary(tmp_path / "results" / "study.zarr").done == 2
