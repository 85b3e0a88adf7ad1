"""Compute the table of truth, and write docs/truth.md and docs/truth.json.

    python tools/truth.py                               # all rows: under an hour on two cores
    python tools/truth.py "isaac_*" wires mnist=FOLDER  # some rows; others keep their numbers
    python tools/truth.py page                          # the page again, from its numbers

Studies are stored in results/validation; the same command resumes them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rich.console import Console

from matsweep.validation import ROWS, Table, chosen
from matsweep.validation.outcome import restored
from matsweep.validation.writing import as_json, as_markdown

DOCS = Path(__file__).resolve().parents[1] / "docs"


def main(words: list[str]) -> None:
    """Compute rows, and write the page of all."""
    numbers = DOCS / "truth.json"
    rows = {name: row for name, row in ROWS.items() if ROWS.is_own(name)}
    known = json.loads(numbers.read_text(encoding="utf-8"))["rows"] if numbers.exists() else []
    outcomes = {outcome.row.name: outcome for outcome in restored(known, rows)}
    mnist = next((word[6:] for word in words if word.startswith("mnist=")), None)
    patterns = [word for word in words if not word.startswith("mnist=")]
    if patterns != ["page"]:
        console = Console(stderr=True)
        table = Table(folder=Path("results/validation"), mnist=mnist, console=console)
        for outcome in table.run(
            chosen(rows, patterns, quick=False),
            done=lambda each: console.print(
                f"{each.row.name} {each.verdict} ({each.seconds:.1f} s)"
            ),
        ):
            outcomes[outcome.row.name] = outcome
    ordered = [outcomes[name] for name in rows if name in outcomes]
    numbers.write_text(as_json(ordered), encoding="utf-8")
    (DOCS / "truth.md").write_text(as_markdown(ordered), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
