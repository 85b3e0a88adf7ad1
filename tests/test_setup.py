"""Basis of a set-up: the lock, the declared Python, and the scripts that install."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("build.txt", "dev.txt")


def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def lock_text(name: str) -> str:
    return (ROOT / "constraints" / name).read_text(encoding="utf-8")


def pins(name: str) -> dict[str, tuple[str, list[str]]]:
    """Each pinned package of a lock: its version and its hashes."""
    joined = lock_text(name).replace("\\\n", " ")
    entries = [line for line in joined.splitlines() if line and not line.lstrip().startswith("#")]
    found = {}
    for entry in entries:
        match = re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)", entry)
        assert match, f"not pinned to one version: {entry[:80]}"
        found[canonicalize_name(match[1])] = (match[2], re.findall(r"--hash=(\S+)", entry))
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_lock_names_no_index_and_no_path(name):
    text = lock_text(name)
    assert not re.search(r"\w+://|--(index|extra-index|find-links|trusted-host)", text)
    assert not re.search(r"(^|\s)(/|\.\.?/|file:)", text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_requirement_has_sha256_hashes(name):
    locked = pins(name)
    assert locked
    for package, (_, hashes) in locked.items():
        assert hashes, package
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes), package


def group(name: str) -> list[Requirement]:
    """Requirements of a dependency group and of the groups that it includes."""
    found = []
    for entry in pyproject()["dependency-groups"][name]:
        found += [Requirement(entry)] if isinstance(entry, str) else group(entry["include-group"])
    return found


def declared(name: str) -> list[Requirement]:
    """Requirements in pyproject.toml that this lock must meet, those of extras included."""
    project = pyproject()["project"]
    if name == "build.txt":
        return [*map(Requirement, pyproject()["build-system"]["requires"]), *group("build")]
    extras = project["optional-dependencies"]
    asked = [*map(Requirement, project["dependencies"] + extras["all"]), *group("dev")]
    found = []
    while asked:
        requirement = asked.pop()
        if requirement.name == project["name"]:
            asked += [Requirement(each) for extra in sorted(requirement.extras)
                      for each in extras[extra]]  # fmt: skip
        else:
            found.append(requirement)
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_lock_satisfies_pyproject(name):
    locked = pins(name)
    for requirement in declared(name):
        package = canonicalize_name(requirement.name)
        assert package in locked, f"{package} is not in constraints/{name}: run `make lock`"
        assert locked[package][0] in requirement.specifier, f"{package}: run `make lock`"


def test_both_locks_agree():
    build, dev = pins("build.txt"), pins("dev.txt")
    assert {name: build[name] for name in build.keys() & dev} == {
        name: dev[name] for name in build.keys() & dev
    }


def test_every_extra_is_in_all():
    extras = pyproject()["project"]["optional-dependencies"]
    (everything,) = map(Requirement, extras["all"])
    assert everything.extras == extras.keys() - {"all"}


@pytest.mark.parametrize("requirement", declared("dev.txt"), ids=lambda each: each.name)
def test_every_requirement_has_a_lower_bound(requirement):
    """`make lowest` installs it."""
    assert [each.operator for each in requirement.specifier] == [">="]


def test_python_version():
    wanted = (ROOT / ".python-version").read_text(encoding="utf-8").strip()
    assert wanted == "3.12"
    assert wanted in SpecifierSet(pyproject()["project"]["requires-python"])


def workflows() -> dict[str, dict]:
    folder = ROOT / ".github" / "workflows"
    return {path.name: yaml.safe_load(path.read_text("utf-8")) for path in folder.glob("*.yml")}


def steps() -> list[dict]:
    return [step for flow in workflows().values() for job in flow["jobs"].values()
            for step in job["steps"]]  # fmt: skip


def test_workflows_call_nothing_but_targets_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):.*## ", makefile, flags=re.MULTILINE))
    commands = [step["run"].split() for step in steps() if "run" in step]
    assert {"check", "test", "docs", "lowest", "wheel"} <= {words[1] for words in commands}
    for program, target, *rest in commands:
        assert program == "make"
        assert target in targets
        assert all(re.fullmatch(r"[A-Z_]+=\S+", word) for word in rest)


def test_what_runs_with_the_lowest_versions_is_there():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    paths = re.search(r"^LOWEST_TESTS = (.*)", makefile, flags=re.MULTILINE)[1].split()
    assert all((ROOT / path).exists() for path in paths)
    rooms = {Path(path).parts[1] for path in paths}
    assert {"analysis", "crossbar", "devices", "planning", "reporting", "running", "store"} <= rooms


def test_workflows_use_actions_of_a_pinned_major_version():
    used = [step["uses"] for step in steps() if "uses" in step]
    assert used
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", each) for each in used)


def test_every_python_of_the_classifiers_is_tested():
    project = pyproject()["project"]
    stated = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    assert workflows()["ci.yml"]["jobs"]["test"]["strategy"]["matrix"]["python"] == stated
    assert all(each in SpecifierSet(project["requires-python"]) for each in stated)


def test_the_repository_has_one_address():
    address = pyproject()["project"]["urls"]["Source"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["repository-code"] == address
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert [each["link"] for each in site["extra"]["social"]] == [address]
    assert all(url.startswith(address) for url in pyproject()["project"]["urls"].values())


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that the set-up script reads, in a folder that has never been set up."""
    copy = tmp_path / "checkout"
    shutil.copytree(ROOT / "tools", copy / "tools")
    shutil.copytree(ROOT / "constraints", copy / "constraints")
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


@pytest.fixture
def bare_path(tmp_path: Path) -> Path:
    """A PATH folder with the shell's usual commands and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for command in ("sh", "cat", "cksum", "dirname", "ls", "mv", "rm"):
        found = shutil.which(command)
        assert found, command
        (folder / command).symlink_to(found)
    return folder


def set_up(checkout: Path, path: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "tools/setup.sh"],
        cwd=checkout,
        env={"PATH": str(path), "HOME": str(checkout.parent / "home"), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def script(file: Path, body: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!{shutil.which('sh')}\n{body}\n", encoding="utf-8")
    file.chmod(0o755)


def assert_told_in_one_line(done: subprocess.CompletedProcess[str], start: str) -> None:
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(start)
    assert done.stderr.count("\n") == 1


def test_no_interpreter_is_told_in_one_line(checkout, bare_path):
    done = set_up(checkout, bare_path)
    assert_told_in_one_line(done, "matsweep: found no Python >= 3.12")
    assert "MATSWEEP_PYTHON=" in done.stderr
    assert not (checkout / ".venv").exists()


def test_interpreters_that_do_not_run_are_passed_over(checkout, bare_path):
    script(bare_path / "python3.12", "echo 'pyenv: python3.12: command not found' >&2; exit 127")
    script(bare_path / "python3", "exit 1")  # what a Python that is too old answers
    done = set_up(checkout, bare_path)
    assert_told_in_one_line(done, "matsweep: found no Python >= 3.12")


@pytest.mark.parametrize("where", ["PYENV_ROOT", "HOME"])
def test_pyenv_versions_are_the_last_resort(checkout, bare_path, tmp_path, where):
    """A stand-in answers the probe, then fails to make an environment."""
    root = tmp_path / "pyenv" if where == "PYENV_ROOT" else tmp_path / "home" / ".pyenv"
    stand_in = root / "versions" / "3.13.7" / "bin" / "python"
    script(stand_in, f'[ "$2" = -c ] && echo "3.13.7 {stand_in}" || exit 3')
    extra = {"PYENV_ROOT": str(root)} if where == "PYENV_ROOT" else {}
    done = set_up(checkout, bare_path, **extra)
    assert done.returncode != 0
    assert "setting up .venv with Python 3.13.7" in done.stdout
    assert not list(checkout.glob(".venv/.matsweep-*"))


def test_a_chosen_interpreter_must_serve(checkout, bare_path):
    done = set_up(checkout, bare_path, MATSWEEP_PYTHON="/no/such/python")
    assert_told_in_one_line(done, "matsweep: MATSWEEP_PYTHON=/no/such/python is no CPython")


def test_setup_script_is_executable():
    assert os.access(ROOT / "tools" / "setup.sh", os.X_OK)


@pytest.fixture(scope="module")
def installer() -> dict:
    return runpy.run_path(str(ROOT / "tools" / "install.py"))


def test_uv_is_told_where_pip_finds_packages(installer, tmp_path, monkeypatch):
    """A file's [install] goes over its [global], and a variable over both, as in pip."""
    file = tmp_path / "pip.conf"
    file.write_text(
        "[global]\nindex-url = https://a.example/simple\ntrusted-host = a.example\nno-index = 0\n"
        "extra-index-url = https://b.example/simple\n  https://c.example/simple\n"
        "[install]\nfind-links = /one /two\nextra-index-url = https://d.example/simple\n",
        encoding="utf-8",
    )
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PIP_INDEX_URL", "https://e.example/simple")
    monkeypatch.setenv("PIP_CERT", str(file))
    settings = installer["pip_settings"]()
    told = installer["for_uv"](settings)
    assert told["UV_DEFAULT_INDEX"] == "https://e.example/simple"
    assert told["UV_INDEX"].split()[-1] == "https://d.example/simple"
    assert told["UV_FIND_LINKS"] == "/one,/two"
    assert told["UV_INSECURE_HOST"] == "a.example"
    assert told["SSL_CERT_FILE"] == str(file)
    assert installer["flags_for_uv"](settings) == []
    assert installer["flags_for_uv"](settings | {"no-index": "true"}) == ["--no-index"]


def test_settings_that_are_not_made_tell_uv_nothing(installer):
    assert set(installer["for_uv"]({})) == {"UV_NO_CONFIG", "UV_INDEX_STRATEGY"}


def test_uv_is_installed_as_the_lock_pins_it(installer):
    version, hashes = pins("dev.txt")["uv"]
    lines = installer["entry"](lock_text("dev.txt"), "uv")
    assert lines.startswith(f"uv=={version} ")
    assert re.findall(r"--hash=(\S+)", lines) == hashes
    assert all(
        "--hash=" in line or line.lstrip().startswith("#") for line in lines.splitlines()[1:]
    )


def test_tests_that_use_a_fixture_of_their_module_are_a_group(pytestconfig):
    (ours,) = (each for each in pytestconfig.pluginmanager.get_plugins() if hasattr(each, "_group"))

    def item(name, *scopes, marked=None):
        marker = None if marked is None else SimpleNamespace(args=(marked,))
        known = {scope: [SimpleNamespace(scope=scope)] for scope in scopes}
        return SimpleNamespace(
            nodeid=name, fixturenames=[*scopes, "request"], get_closest_marker=lambda _: marker,
            _fixtureinfo=SimpleNamespace(name2fixturedefs=known), _id=name,
        )  # fmt: skip

    items = [
        item("t.py::a", "function", "module"), item("t.py::b", "session", "function"),
        item("t.py::c", "module", marked="ray"), item("t.py::d"),
    ]  # fmt: skip
    ours._group(SimpleNamespace(option=SimpleNamespace(loadgroup=True)), items)
    assert [str(each._id) for each in items] == [
        "t.py::a@t.py", "t.py::b", "t.py::c@ray", "t.py::d",
    ]  # fmt: skip


def test_samples_are_every_nth_variant_of_a_marked_test(pytestconfig):
    (ours,) = (
        each for each in pytestconfig.pluginmanager.get_plugins() if hasattr(each, "_sample")
    )

    def item(name, every=None):
        marker = None if every is None else SimpleNamespace(args=(every,))
        return SimpleNamespace(nodeid=name, get_closest_marker={"sampled": marker}.get)

    left = []
    config = SimpleNamespace(
        hook=SimpleNamespace(pytest_deselected=lambda items: left.extend(items))
    )
    items = [item("t.py::a"), *(item(f"t.py::b[{i}]", 3) for i in range(7)), item("t.py::c[0]", 3)]
    ours._sample(config, items)
    assert [each.nodeid for each in items] == [
        "t.py::a", "t.py::b[0]", "t.py::b[3]", "t.py::b[6]", "t.py::c[0]",
    ]  # fmt: skip
    assert [each.nodeid for each in left] == [f"t.py::b[{i}]" for i in (1, 2, 4, 5)]
