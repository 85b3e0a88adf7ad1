"""Kernels are kept as long as all that they depend on stays the same, and no longer."""

from __future__ import annotations

import fcntl
import importlib
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from types import FunctionType

import llvmlite
import numba
import pytest

import matsweep
from matsweep.core import begun, kernel_cache

ROOT = Path(matsweep.__file__).parents[1]

# A kernel that reaches core/philox through another module.
MIDDLE = """
from matsweep.core.compiled import compiled
from matsweep.core.philox import philox

@compiled
def word(counter, high, key):
    return philox(counter, high, key)[0]
"""
OUTER = """
from matsweep.core.compiled import compiled
from matsweep.core.middle import word

@compiled
def draw(counter):
    return word(counter, counter, counter)
"""
DRAW = """
import numpy as np
from matsweep.core.outer import draw
print(draw(np.uint64(7)), sum(draw.stats.cache_hits.values()))
"""


@pytest.fixture
def checkout(tmp_path):
    """Return a function that copies the package into a new folder, with two more modules."""

    def copied(name: str) -> Path:
        place = tmp_path / name
        skipped = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "matsweep", place / "matsweep", ignore=skipped)
        (place / "matsweep/core/middle.py").write_text(MIDDLE)
        (place / "matsweep/core/outer.py").write_text(OUTER)
        return place

    return copied


def run(script: str, kept: Path, *places: Path, **environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, places)),
            "MATSWEEP_KERNELS": str(kept),
            **environment,
        },
        cwd=kept.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_edit_of_what_a_kernel_calls_is_seen(checkout, tmp_path):
    kept = tmp_path / "kernels"
    one, other = checkout("one"), checkout("other")
    number, hits = run(DRAW, kept, one)
    assert hits == "0"
    edit(other / "matsweep/cli/__init__.py", '"""', '"""Edited. ')  # no kernel depends on it
    assert run(DRAW, kept, other) == [number, "1"]  # same sources: nothing is compiled again
    edit(other / "matsweep/core/philox.py", "0xD2511F53", "0xD2511F55")
    changed, hits = run(DRAW, kept, other)
    assert hits == "0"
    assert changed != number
    assert run(DRAW, kept, one) == [number, "1"]


def test_edit_in_a_package_beside_matsweep_is_seen(tmp_path):
    kept, package = tmp_path / "kernels", tmp_path / "site/beside"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "helper.py").write_text("CONSTANT = 3\n")
    (package / "kernel.py").write_text(
        "from matsweep.core.compiled import compiled\n"
        "from beside.helper import CONSTANT\n"
        "@compiled\n"
        "def scaled(x):\n"
        "    return CONSTANT * x\n"
    )
    script = (
        "from beside.kernel import scaled\nprint(scaled(2), sum(scaled.stats.cache_hits.values()))"
    )
    assert run(script, kept, ROOT, package.parent) == ["6", "0"]
    assert run(script, kept, ROOT, package.parent) == ["6", "1"]
    edit(package / "helper.py", "3", "5")
    assert run(script, kept, ROOT, package.parent) == ["10", "0"]


def test_options_of_numba_and_vectors_have_kernels_of_their_own(monkeypatch):
    from matsweep.core import compiled

    codegen = compiled._codegen()
    build = compiled._build(codegen)
    assert numba.__version__ in build
    assert llvmlite.__version__ in build
    for owner, name, value in [
        (compiled._config, "OPT", 1),
        (compiled, "_variants", {"plain loops"}),
        (codegen, "magic_tuple", lambda: ("x86_64-unknown-linux-gnu", "i486", "")),
    ]:
        with monkeypatch.context() as changed:
            changed.setattr(owner, name, value)
            assert compiled._build(codegen) != build
    assert compiled._build(codegen) == build


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """Return a kernel of a separate package, and the folder of its cache."""
    monkeypatch.setenv("MATSWEEP_KERNELS", str(tmp_path / "kernels"))
    monkeypatch.setattr(begun, "BEGUN", float("inf"))  # the module below is younger than this
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "a_package.py").write_text("def double(x):\n    return x + x\n")
    for cached in (kernel_cache._base, kernel_cache._opened):
        cached.cache_clear()
    yield importlib.import_module("a_package").double, tmp_path / "kernels" / f"user-{os.geteuid()}"
    del sys.modules["a_package"]
    for cached in (kernel_cache._base, kernel_cache._opened, kernel_cache.sources):
        cached.cache_clear()


def counted(function, *arguments):
    """Compile afresh and call for each argument; return results and how many were kept."""
    from matsweep.core.compiled import compiled

    fresh = compiled(function)
    return [fresh(each) for each in arguments], sum(fresh.stats.cache_hits.values())


def test_kernel_is_kept_for_each_signature_and_damage_is_compiled_again(kernel):
    double, place = kernel
    assert counted(double, 1, 1.5) == ([2, 3.0], 0)
    assert counted(double, 1, 1.5) == ([2, 3.0], 2)
    (folder,) = place.iterdir()
    assert folder.stat().st_mode & 0o077 == 0
    assert place.stat().st_mode & 0o077 == 0
    for damage in (b"", None):
        file = sorted(folder.glob("a_package.double-*"))[0]
        content = bytearray(file.read_bytes())
        content[-50] ^= 1
        file.write_bytes(content if damage is None else damage)
        assert counted(double, 1, 1.5) == ([2, 3.0], 1)
        assert counted(double, 1, 1.5) == ([2, 3.0], 2)
    assert not list(folder.glob("*.partial"))


def test_kernels_of_an_earlier_process_are_seen(kernel, tmp_path):
    from matsweep.core.compiled import own_folder
    from matsweep.core.kept_kernels import kernels_kept

    double, _ = kernel
    assert not kernels_kept()
    counted(double, 1)  # another package's, in another folder
    assert not kernels_kept()
    folder = own_folder()
    (folder / ".0.partial").touch()
    assert not kernels_kept()
    (folder / "matsweep.core.philox.draw-1-0").touch()
    assert kernels_kept()


def test_functions_that_differ_in_a_constant_alone_are_two(kernel, tmp_path):
    """On one line, with the same instructions and the same name."""
    module = importlib.import_module("a_package")
    exec("f, g = (lambda x: x * 2.0), (lambda x: x * 3.0)", vars(module))
    for _ in range(2):
        assert counted(module.f, 1.0)[0] == [2.0]
        assert counted(module.g, 1.0)[0] == [3.0]
    assert counted(module.f, 1.0) == ([2.0], 1)


def test_kernels_sent_by_value_or_that_reach_a_third_package_are_not_kept(kernel, tmp_path):
    """The folder's name knows neither the sender's source nor the third package's."""
    from matsweep.core.compiled import compiled

    double, _ = kernel
    by_value = FunctionType(double.__code__, dict(double.__globals__), "double")
    module = importlib.import_module("a_package")
    module.other = compiled(FunctionType(double.__code__, {"__name__": "b_package"}, "double"))
    exec("def quadruple(x):\n    return other(other(x))\n", vars(module))
    for function, result in ((by_value, 2), (module.quadruple, 4)):
        for _ in range(2):
            assert counted(function, 1) == ([result], 0)


def test_sources_that_change_under_a_process_end_its_use_of_kernels(kernel, monkeypatch, caplog):
    double, _ = kernel
    kernel_cache._say_changed.cache_clear()
    assert counted(double, 1) == ([2], 0)
    monkeypatch.setattr(begun, "BEGUN", time.time() - 60)
    os.utime(sys.modules["a_package"].__file__)  # a change of any kind
    assert counted(double, 1) == ([2], 0)
    assert "changed while this process runs" in caplog.text


def test_without_a_folder_kernels_are_compiled_all_the_same(kernel, tmp_path, monkeypatch, caplog):
    double, _ = kernel
    (tmp_path / "file").touch()
    monkeypatch.setenv("MATSWEEP_KERNELS", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere/at/all"))
    monkeypatch.setattr(kernel_cache.Path, "mkdir", refuse)
    assert counted(double, 1) == ([2], 0)
    assert counted(double, 1) == ([2], 0)
    (record,) = caplog.records
    assert "compiled kernels are not kept" in record.message


def refuse(self, *arguments, **options):
    raise PermissionError(13, "Permission denied", str(self))


def test_where_the_folder_cannot_be_written_kernels_are_among_temporary_files(
    kernel, tmp_path, monkeypatch, caplog
):
    double, _ = kernel
    caplog.set_level(logging.WARNING)
    (tmp_path / "file").touch()
    monkeypatch.setenv("MATSWEEP_KERNELS", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert counted(double, 1) == ([2], 0)
    assert counted(double, 1) == ([2], 1)
    assert len(list((tmp_path / f"matsweep-kernels-{os.geteuid()}").iterdir())) == 1
    (record,) = caplog.records
    assert f"compiled kernels are kept in {tmp_path}" in record.message


def test_folder_that_others_can_write_to_is_refused(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(PermissionError, match="can be written by others"):
        kernel_cache._private(shared)
    shared.chmod(0o700)
    assert kernel_cache._private(shared) == shared
    (tmp_path / "link").symlink_to(shared)
    with pytest.raises(PermissionError):
        kernel_cache._private(tmp_path / "link")


def test_folders_that_are_old_or_many_are_removed_but_none_in_use(tmp_path):
    now = time.time()
    for number in range(20):
        age = 86400.0 * (40 if number == 3 else number)
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / ".used").touch()
        os.utime(tmp_path / str(number) / ".used", (now - age, now - age))
    with open(tmp_path / "18/.used") as used:
        fcntl.flock(used, fcntl.LOCK_SH)
        kernel_cache.remove_old(tmp_path)
    left = {int(folder.name) for folder in tmp_path.iterdir()}
    assert left == {*range(17), 18} - {3}


def test_layers_left_out_of_the_hash_are_those_above_all_kernels():
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(each for each in rules["contracts"] if each["name"] == "Imports run downward")
    above = layers["layers"][: layers["layers"].index("workloads")]
    assert set(kernel_cache.ABOVE) == {name for layer in above for name in layer.split(" | ")}
    for name in kernel_cache.ABOVE:
        place = ROOT / "matsweep" / name
        for file in [place.with_suffix(".py")] if not place.is_dir() else place.rglob("*.py"):
            text = file.read_text()
            assert "core.compiled" not in text, file
            assert "core.kernel " not in text, file
