"""Fields that came later: what does not use them keeps its texts."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from matsweep.core.codec import Memory, Variant, build, canonical, later, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    size: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    name: str = "part"
    width: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class After:
    inner: Inner | None = later(Inner())
    name: str = "part"
    mode: str = later("plain")
    width: float = 1.0


def test_a_later_field_is_left_out_where_it_has_its_default():
    assert canonical(After()) == canonical(Before())
    assert canonical(After(mode="other")) == '{"mode":"other","name":"part","width":1.0}'
    assert canonical(After(inner=None)) == '{"inner":null,"name":"part","width":1.0}'
    assert plain(After()) == plain(Before())


@pytest.mark.parametrize(
    "part", [After(), After(mode="other"), After(inner=None), After(inner=Inner(size=3.0))]
)
def test_what_is_left_out_is_built_again(part):
    assert build(After, plain(part)) == part


def test_a_variant_has_the_text_of_the_same_part_built_alone():
    """Whether its origin or itself has the default."""
    memory = Memory()
    for first, second in (("plain", "other"), ("other", "plain")):
        origin = {"name": "part", "width": 1.0, "mode": first, "inner": {"size": 2.0}}
        varied = Variant(origin, {"mode": second})
        found = canonical(build(After, varied, memory=memory), memory)
        assert found == canonical(After(mode=second))
        assert canonical(build(After, origin, memory=memory), memory) == canonical(
            After(mode=first)
        )
