"""Excerpts of the example package in CONTRIBUTING agree with the package."""

from __future__ import annotations

import re

import pytest

from .blocks import ROOT, blocks

EXAMPLE = ROOT / "examples" / "matsweep_example"
SECTION = re.search(
    r"^## Adding from outside\n(.*?)^## ",
    (ROOT / "CONTRIBUTING.md").read_text(),
    re.MULTILINE | re.DOTALL,
)
assert SECTION
SHOWN = blocks(SECTION[1])


@pytest.mark.parametrize("block", SHOWN, ids=lambda block: f"line-{block.line}")
def test_what_is_shown_stands_in_the_example(block):
    named, text = block.text.split("\n", 1)
    source = (EXAMPLE / named.removeprefix("# ")).read_text()
    assert len(text.splitlines()) <= 20
    at = 0
    for piece in re.split(r"^ *…\n", text, flags=re.MULTILINE):
        found = source.find(piece, at)
        assert found >= 0, f"{named} has not, in this order:\n{piece}"
        at = found + len(piece)


def test_every_sort_of_part_is_shown():
    from matsweep.core.packages import CONF, GROUPS

    [points] = [block.text for block in SHOWN if block.language == "toml"]
    assert all(f'"{group}"' in points for group in (CONF, *GROUPS))
    for word in ("workload", "metric", "pulse model", "dynamical model", "material"):
        assert f"**A {word}**" in SECTION[1]
