"""Calculation of the rows of the table of truth."""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import xarray as xr
from rich.console import Console

from matsweep.core.checks import StoppedError, UserError, near
from matsweep.planning.config import composer
from matsweep.running.study import run_overrides
from matsweep.store import open_results
from matsweep.validation.outcome import Outcome
from matsweep.validation.row import Point, Row, Study


def chosen(rows: Mapping[str, Row], patterns: Sequence[str], *, quick: bool) -> list[Row]:
    """Rows of a table, quick ones first and in the order of their subjects.

    Parameters
    ----------
    rows : mapping of str to Row
    patterns : sequence of str
        Names, patterns such as ``isaac_*``, or subjects; none: all rows.
    quick : bool
        Whether to leave out rows that take minutes.

    Returns
    -------
    list of Row

    Raises
    ------
    UserError
        If a pattern fits no row.
    """
    named = {row.name: (row.name, row.subject.lower()) for row in rows.values()}
    for pattern in patterns:
        if not any(fnmatch.filter(words, pattern.lower()) for words in named.values()):
            raise UserError(
                f"rows must be names, patterns or subjects of the table's rows, got {pattern!r}"
                f"{near(pattern, named)} (matsweep validate --list lists them)"
            )
    kept = [
        row
        for row in rows.values()
        if (not patterns or any(fnmatch.filter(named[row.name], p.lower()) for p in patterns))
        and (row.quick or not quick)
    ]
    subjects = list(dict.fromkeys(row.subject for row in rows.values()))
    return sorted(kept, key=lambda row: (not row.quick, subjects.index(row.subject)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Place and means of the calculations.

    Parameters
    ----------
    folder : Path
        Of the stores of studies. A study that is in its store is not computed again.
    executor : str
        Choice of the group `executor` for studies.
    mnist : str or None
        Folder of the four files of MNIST; None: they are downloaded once.
    console : rich.console.Console
        Where the progress of studies is shown.
    """

    folder: Path
    executor: str = "ray"
    mnist: str | None = None
    console: Console = field(default_factory=lambda: Console(quiet=True))

    def run(
        self, rows: Sequence[Row], *, done: Callable[[Outcome], None] = lambda outcome: None
    ) -> list[Outcome]:
        """Compute rows.

        Parameters
        ----------
        rows : sequence of Row
        done : callable
            Called with each outcome, as soon as it is there.

        Returns
        -------
        list of Outcome
            In the order of `rows`.

        Raises
        ------
        StoppedError
            On Ctrl-C within a study: what it has computed is in its store.
        """
        outcomes = []
        for outcome in self._each(rows):
            done(outcome)
            outcomes.append(outcome)
        return outcomes

    def _each(self, rows: Sequence[Row]) -> Iterator[Outcome]:
        opened: dict[Study, xr.Dataset] = {}
        for row in rows:
            begun = time.perf_counter()
            points: tuple[Point, ...] = ()
            failure = ""
            try:
                points = tuple(self._points(row, opened))
            except StoppedError:
                raise
            except Exception as error:  # one row that cannot be computed hides no other
                failure = " ".join(f"{type(error).__name__}: {error}".split())
            if not points and not failure:
                failure = "the calculation gave no points"
            yield Outcome(
                row=row, points=points, seconds=time.perf_counter() - begun, failure=failure
            )

    def _points(self, row: Row, opened: dict[Study, xr.Dataset]) -> Sequence[Point]:
        if row.study is None:
            return row.calculate()
        if row.study not in opened:
            opened[row.study] = self.results(row.study)
        return row.calculate(opened[row.study])

    def results(self, study: Study) -> xr.Dataset:
        """Results of a study, which is run, resumed, or read where it is complete.

        Parameters
        ----------
        study : Study

        Returns
        -------
        xarray.Dataset

        Raises
        ------
        UserError
            If the store holds another study, or the study cannot be run.
        """
        place = self.folder / f"{study.name}.zarr"
        words = {"{mnist}": "null" if self.mnist is None else str(Path(self.mnist).resolve())}
        if study.write is not None:
            data = self.folder / study.name
            data.mkdir(parents=True, exist_ok=True)
            study.write(data, self.mnist)
            words["{data}"] = str(data.resolve())
        own = [f"study={study.name}", f"store={place}", f"executor={self.executor}"]
        with composer():
            try:
                run_overrides([*(_filled(each, words) for each in study.overrides), *own],
                              self.console)  # fmt: skip
            except StoppedError:
                raise
            except UserError as error:
                if "holds another study" not in str(error):
                    raise
                raise UserError(
                    f"{place} is of another version of matsweep or of the table; remove it, or "
                    "give another folder with store=FOLDER"
                ) from error
        return open_results(place)


def _filled(override: str, words: Mapping[str, str]) -> str:
    for word, meaning in words.items():
        override = override.replace(word, meaning)
    return override


def judged(row: Row) -> Outcome:
    """Compute one row that needs no study, and raise what its calculation raises.

    Parameters
    ----------
    row : Row

    Returns
    -------
    Outcome

    Raises
    ------
    UserError
        If the row needs a study.
    """
    if row.study is not None:
        raise UserError(f"row {row.name} needs a study: give it to Table.run")
    begun = time.perf_counter()
    points = tuple(row.calculate())
    return Outcome(row=row, points=points, seconds=time.perf_counter() - begun)
