"""`matsweep validate`: published results next to what comes out here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console

from matsweep.cli.asked import names_of
from matsweep.core.checks import UserError, one_of, truth
from matsweep.validation import ROWS, Outcome, Table, chosen
from matsweep.validation.writing import as_csv, as_json, as_markdown, listing, text

_FORMATS: Mapping[str, Callable[[Sequence[Outcome]], str]] = {
    "text": text,
    "json": as_json,
    "csv": as_csv,
    "markdown": as_markdown,
}
_SUFFIXES = {".txt": "text", ".json": "json", ".csv": "csv", ".md": "markdown"}


def validate(config: DictConfig) -> None:
    """Run `matsweep validate`.

    Parameters
    ----------
    config : DictConfig
        As composed by Hydra.

    Raises
    ------
    SystemExit
        With code 1 if a result that should agree does not.
    """
    rows = chosen(ROWS, names_of("rows", config.rows) or [], quick=truth("quick", config.quick))
    printed = one_of("format", config.format, _FORMATS)
    details = truth("details", config.details)
    files = {Path(name): _format_of(name) for name in names_of("output", config.output) or []}
    if truth("list", config.list):
        print(listing(rows), end="")
        return
    console = Console(stderr=True)
    table = Table(
        folder=Path(str(config.store)),
        executor="serial" if truth("serial", config.serial) else "ray",
        mnist=None if config.mnist is None else str(config.mnist),
        console=console,
    )
    outcomes = table.run(rows, done=lambda outcome: console.print(_progress(outcome)))
    for path, form in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_FORMATS[form](outcomes), encoding="utf-8")
    if printed == "text":
        print(text(outcomes, details=details), end="")
    else:
        print(_FORMATS[printed](outcomes), end="")
    if any(outcome.wrong for outcome in outcomes):
        sys.exit(1)


def _progress(outcome: Outcome) -> str:
    return f"{outcome.row.name} {outcome.verdict} ({outcome.seconds:.1f} s)"


def _format_of(name: str) -> str:
    suffix = Path(name).suffix
    if suffix not in _SUFFIXES:
        raise UserError(f"output must end in one of {', '.join(_SUFFIXES)}, got {name!r}")
    return _SUFFIXES[suffix]
