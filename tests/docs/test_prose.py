"""Pages begin with a task and a command, in words of the field."""

from __future__ import annotations

import re

import pytest

from .blocks import ROOT, TEXTS, blocks, prose

PAGES = sorted((ROOT / "docs").glob("*.md"))
READ = [*TEXTS, ROOT / "CONTRIBUTING.md"]

# Short words that a reader of another language has to look up, and their replacements.
DROPPED = {
    r"beside": "next to",
    r"anew": "again",
    r"of (?:its|their) own": "its own",
    r"mend(?:ed|s)?": "fix",
    r"turned round": "inverted",
    r"tells? of|is told|are told": "describes, is reported",
    r"so many": "N",
    r"to beat": "baseline",
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_begins_with_a_command(page):
    first, *_ = re.split(r"^## ", page.read_text(), flags=re.MULTILINE)
    assert any(block.language in ("sh", "python") for block in blocks(first))


@pytest.mark.parametrize("page", READ, ids=lambda page: page.name)
def test_words_are_those_of_the_field(page):
    for dropped, better in DROPPED.items():
        found = re.search(rf".*\b(?:{dropped})\b.*", prose(page))
        assert not found, f"{better!r} is plainer in: {found[0]}"
