"""The fenced blocks of a page, and the commands of a shell block."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCE = re.compile(r"^```(?P<language>[^\n`]*)\n(?P<text>.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Block:
    language: str
    text: str
    line: int
    """Of the page, on which the text begins."""


def blocks(markdown: str) -> list[Block]:
    found = [
        Block(
            language=match["language"].strip(),
            text=match["text"],
            line=markdown.count("\n", 0, match.start("text")) + 1,
        )
        for match in _FENCE.finditer(markdown)
    ]
    fences = len(re.findall(r"^\s*(?:```|~~~)", markdown, re.MULTILINE))
    assert fences == 2 * len(found), "a fence is indented, is of ~ or has no end"
    return found


def commands(text: str) -> list[list[str]]:
    """Return the words of each command; what a shell would do beyond that is an error."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        strange = {"|", "||", "&&", "&", ";", ">", "<"} & set(words)
        assert not strange, f"{line!r}: {strange} is not understood here"
        if words:
            found.append(words)
    return found
