"""docs/architecture.md names the rooms, layers and contracts that the code has."""

from __future__ import annotations

import re
import tomllib

import pytest

from matsweep.core.registry import Registry
from matsweep.machine import AgedMatrix, Matrix, ProgrammedMatrix, Usage
from matsweep.metrics import Metric
from matsweep.workloads import Prepared, Workload

from .blocks import ROOT, blocks

PACKAGE = ROOT / "matsweep"
PAGE = (ROOT / "docs" / "architecture.md").read_text()


def rooms() -> set[str]:
    """Return all packages, and the modules of the top level, as paths without a suffix."""
    packages = {path.parent for path in PACKAGE.rglob("__init__.py")} - {PACKAGE}
    modules = {path.with_suffix("") for path in PACKAGE.glob("*.py")} - {PACKAGE / "__init__"}
    return {path.relative_to(PACKAGE).as_posix() for path in packages | modules}


def section(heading: str) -> str:
    parts = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    (text,) = [part for part in parts if part.startswith(f"{heading}\n")]
    return text


def rows(heading: str) -> list[list[str]]:
    """Return the cells of all tables of one section, without their heads."""
    lines = [line for line in section(heading).splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_room_is_named_once_and_none_is_missing():
    named = [name for row in rows("Rooms") for name in code(row[0])]
    assert sorted(named) == sorted(rooms())


def test_modules_to_begin_with_are_there():
    for room, _, first in rows("Rooms"):
        folder = PACKAGE / code(room)[0]
        for name in code(first):
            assert (folder / f"{name}.py").exists() or (folder / name).is_dir(), (room, name)


def test_layers_are_those_that_are_checked():
    (shown,) = blocks(section("Layers"))
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = [each["layers"] for each in contracts["contracts"] if "exhaustive" in each]
    assert shown.text.splitlines() == layers


@pytest.mark.parametrize(
    "contract", [Workload, Prepared, Matrix, Usage, ProgrammedMatrix, AgedMatrix, Metric, Registry]
)
def test_contracts_have_the_members_that_are_named(contract):
    own = {*vars(contract), *getattr(contract, "__annotations__", {})}
    if contract is Registry:
        own |= vars(Registry("part")).keys()
    parts = re.split(r"^\| `(\w+)` \| is \|$", PAGE, flags=re.MULTILINE)
    text = dict(zip(parts[1::2], parts[2::2], strict=True))[contract.__name__]
    table = re.match(r"\n(?:\|.*\n)+", text)[0]
    named = [name for line in table.splitlines()[2:] for name in code(line.split("|")[1])]
    assert sorted(named) == sorted(name for name in own if not name.startswith("_"))


def test_modules_in_the_text_are_there():
    for name in re.findall(
        r"`((?:core|cli|machine|metrics|planning|running|workloads)\.[\w.]+)`", PAGE
    ):
        path, last = PACKAGE.joinpath(*name.split(".")), name.rsplit(".", 1)[1]
        inside = [
            path.with_suffix(".py"),
            path.parent.with_suffix(".py"),
            path.parent / "__init__.py",
        ]
        assert inside[0].exists() or any(
            f.exists() and re.search(rf"\b{last}\b", f.read_text()) for f in inside[1:]
        ), name
