"""The fenced blocks of a page, and the commands of a shell block."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
WALKED = ROOT / "docs" / "measured.md"
"""The page whose commands are compared with what they print."""
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TEXTS = [page for page in [*PAGES, *NOTEBOOKS] if "reference" not in page.parts]
"""Pages and notebooks, without the reference."""

_FENCE = re.compile(r"^```(?P<language>[^\n`]*)\n(?P<text>.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)


_INDENTED = re.compile(r"(?<=\n\n)(?: {4}[^\n]*\n)+")


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


def markdown(path: Path) -> str:
    """Return the text of a page, or of the text cells of a notebook."""
    if path.suffix == ".md":
        return path.read_text()
    cells = json.loads(path.read_text())["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def prose(path: Path) -> str:
    """Return a page without its blocks of code."""
    without = re.sub(r"^```.*?^```[ ]*$", "", markdown(path), flags=re.MULTILINE | re.DOTALL)
    return _INDENTED.sub("", without)
