"""Registries, and the installed packages whose parts they find by entry points."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from matsweep.core import packages as packages_module
from matsweep.core import registry as registry_module
from matsweep.core.checks import UserError
from matsweep.core.codec import Memory, build, foreign, plain
from matsweep.core.packages import PartsError, package_of, packages, versions
from matsweep.core.registry import Registry, described, load_parts

WORKLOADS, METRICS = "matsweep.workloads", "matsweep.metrics"


@dataclass(frozen=True)
class Number:
    name: str
    value: float


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Return a function that installs a package: its modules and its entry points."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(packages_module, "_known", None)
    monkeypatch.setattr(registry_module, "_ALL", [])
    monkeypatch.setattr(registry_module, "_FOREIGN", set())
    packages_module._outermost.cache_clear()
    before = set(sys.modules)

    def install(
        name: str, modules: dict[str, str], points: dict[str, dict[str, str]], version: str = "1.2"
    ) -> None:
        for module, text in modules.items():
            path = tmp_path / module
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        facts = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        lines = [
            line
            for group, named in points.items()
            for line in (f"[{group}]", *(f"{key} = {value}" for key, value in named.items()))
        ]
        (facts / "entry_points.txt").write_text("\n".join(lines))

    yield install
    for module in set(sys.modules) - before:
        del sys.modules[module]
    packages_module._outermost.cache_clear()


@pytest.fixture
def shapes(site, monkeypatch):
    """A sort of parts that are classes; other packages import it as `shapes`."""

    class Shape:
        registry: ClassVar[Registry[Any]] = Registry("shape", WORKLOADS)

        def __init_subclass__(cls, kind: str, **options: Any) -> None:
            super().__init_subclass__(**options)
            Shape.registry[kind] = cls

    module = type(sys)("shapes")
    module.Shape = Shape
    monkeypatch.setitem(sys.modules, "shapes", module)
    return Shape


SQUARE = """
from dataclasses import dataclass
from shapes import Shape

@dataclass(frozen=True)
class Square(Shape, kind="square"):
    side: float = 1.0
    inner: Shape | None = None
"""


def numbers():
    found: Registry[Number] = Registry("number", METRICS, named="name")
    found.enter_own([Number("one", 1.0)])
    return found


def test_a_part_of_an_installed_package_is_found_when_the_registry_is_first_read(site, shapes):
    site("four-sides", {"sides.py": SQUARE}, {WORKLOADS: {"square": "sides:Square"}})
    assert "sides" not in sys.modules
    square = build(shapes, {"kind": "square", "side": 2})
    assert (type(square).__name__, square.side) == ("Square", 2.0)
    assert plain(square) == {"kind": "square", "side": 2.0, "inner": None}
    assert not shapes.registry.is_own("square")
    assert package_of(type(square)).name == shapes.registry.package("square").name == "four-sides"
    assert described(type(square)) == "shape 'square'"


def test_only_parts_that_are_not_ones_own_count_for_versions(site, shapes):
    site("four-sides", {"sides.py": SQUARE}, {WORKLOADS: {"square": "sides:Square"}})
    memory = Memory()
    assert foreign([1.0, "x", None], memory) == frozenset()
    square = build(shapes, {"kind": "square", "inner": {"kind": "square"}})
    assert foreign({"a": (square,)}, memory) == foreign(square) == {type(square)}
    assert versions(foreign(square, memory)) == {"four-sides": "1.2"}
    assert versions([]) == versions([Number]) == {}


def test_a_metric_of_a_package_has_the_name_of_its_entry_point(site):
    two = "from tests.core.test_registry import Number\nTWO = Number('two', 2.0)"
    site("twos", {"twos.py": two}, {METRICS: {"two": "twos:TWO"}})
    found = numbers()
    assert list(found) == ["one", "two"]
    assert found["two"].value == 2.0
    assert found.is_own("one")
    assert not found.is_own("two")
    found["three"] = Number("three", 3.0)
    assert (found.is_own("three"), found.package("three")) == (False, None)
    found["one"] = Number("one", 1.5)  # in this process only
    assert (found.is_own("one"), found.package("one")) == (False, None)
    assert found.package("two").version == "1.2"


@pytest.mark.parametrize(
    ("value", "text", "told"),
    [
        ("gone:X", "", r"cannot be loaded from gone:X \(ModuleNotFoundError: No module named"),
        ("bad:X", "1 / 0", r"cannot be loaded from bad:X \(ZeroDivisionError: division by zero\)"),
        ("bad:X", "", r"cannot be loaded from bad:X \(AttributeError: .*'X'\)"),
        ("bad:X", "X = 3", r"is no number: bad:X is of type int; fix the package"),
        ("bad:X", "from tests.core.test_registry import Number\nX = Number('y', 1)",
         r"calls itself 'y'; give its entry point that name"),
    ],
)  # fmt: skip
def test_a_broken_entry_point_is_one_line(site, value, text, told):
    site("breaks", {"bad.py": text}, {METRICS: {"x": value}})
    found = numbers()
    for _ in range(2):  # also when it is read again
        with pytest.raises(UserError, match=rf"^number 'x' of the installed package breaks {told}"):
            len(found)


def test_a_class_has_the_name_of_its_entry_point_and_is_of_the_right_sort(site, shapes):
    site("four-sides", {"sides.py": SQUARE}, {WORKLOADS: {"circle": "sides:Square"}})
    with pytest.raises(UserError, match=r"^shape 'circle' of .* four-sides calls itself 'square'"):
        assert "square" in shapes.registry
    other = Registry("other", WORKLOADS)
    with pytest.raises(UserError, match=r"is no other: sides:Square is the class sides.Square"):
        len(other)


def test_a_name_that_is_taken_names_both(site, shapes):
    class Square(shapes, kind="square"):
        pass

    site("four-sides", {"sides.py": SQUARE}, {WORKLOADS: {"square": "sides:Square"}})
    with pytest.raises(UserError, match=r"four-sides: shape 'square' of sides.Square has the name"):
        shapes.registry["square"]
    one = "from tests.core.test_registry import Number\nONE = Number('one', 2.0)"
    site("ones", {"ones.py": one}, {METRICS: {"one": "ones:ONE"}})
    packages_module._known = None
    with pytest.raises(
        UserError, match=r"^number 'one' of .* ones has the name of one of matsweep"
    ):
        len(numbers())


def test_two_packages_with_one_name_are_both_named(site):
    for each in ("first", "second"):
        text = "from tests.core.test_registry import Number\nTWO = Number('two', 2.0)"
        site(each, {f"{each}.py": text}, {METRICS: {"two": f"{each}:TWO"}})
    with pytest.raises(UserError, match=r"'two' of .* second has the name of one of first; rename"):
        len(numbers())


def test_a_class_may_be_defined_again_but_not_take_anothers_name(shapes):
    def square():
        class Square(shapes, kind="square"):
            pass

        return Square

    square()
    again = square()
    assert shapes.registry["square"] is again
    with pytest.raises(
        UserError, match=r"'square' of .*Oblong has the name of .*Square; rename it"
    ):

        class Oblong(shapes, kind="square"):
            pass


def test_a_group_that_there_is_not_is_named(site):
    site("typo", {}, {"matsweep.workload": {"x": "x:X"}})
    with pytest.raises(
        UserError, match=r"typo has an entry point of .*did you mean matsweep.workl"
    ):
        packages()


def test_a_worker_loads_what_it_is_told_and_nothing_else(site):
    two = "from tests.core.test_registry import Number\nTWO = Number('two', 2.0)"
    site("twos", {"twos.py": two}, {METRICS: {"two": "twos:TWO"}})
    site("breaks", {}, {METRICS: {"x": "gone:X"}})
    both = {package.name: package for package in packages()}
    packages_module._known = None  # as in a separate process
    found = numbers()
    load_parts([both["twos"]])
    load_parts([both["twos"]])
    assert list(found) == ["one", "two"]
    with pytest.raises(PartsError, match="'x' of the installed package breaks cannot be loaded"):
        load_parts([both["breaks"]])
    with pytest.raises(PartsError, match="'x' of the installed package breaks cannot be loaded"):
        load_parts([both["breaks"]])  # also the next time that a task needs it
    newer = type(both["twos"])(name="twos", version="1.3", points=both["twos"].points)
    with pytest.raises(PartsError, match=r"package twos must be 1\.3.* got 1\.2"):
        load_parts([newer])


def test_a_package_is_its_outermost_regular_package_and_has_a_digest(site, tmp_path):
    inside = {"group/__init__.py": "", "group/part/__init__.py": "X = 1", "group/part/more.py": ""}
    site("within", {**inside, "spread/deep/__init__.py": ""}, {
        METRICS: {"x": "group.part:X"}, "matsweep.conf": {"y": "spread.deep.conf"},
    })  # fmt: skip
    (package,) = packages()
    assert package.modules == ("spread.deep", "group")
    assert package.places == (tmp_path / "spread" / "deep", tmp_path / "group")
    before = package.digest
    assert package.digest == before
    (tmp_path / "group" / "part" / "more.py").write_text("Y = 2")
    assert package.digest != before
