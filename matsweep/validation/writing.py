"""The table of truth as text, JSON, CSV and Markdown."""

from __future__ import annotations

import csv
import io
import json
import math
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby

from matsweep.core.units import engineering, normal_unit
from matsweep.validation.outcome import Outcome, record
from matsweep.validation.row import Point, Row

WIDTH = 80
"""Characters of a line of text."""

_COLUMNS = (27, 8, 9, 9, 6, 8)
_HEADS = ("row", "unit", "published", "here", "ratio", "bound", "verdict")
_SI = ("J", "s", "m", "m2", "S", "V", "A", "ohm", "W", "Hz", "K")
_MARK = "<!-- numbers: tests/validation/test_page.py::test_the_page_is_that_of_its_numbers -->"


def answer(outcomes: Sequence[Outcome]) -> str:
    """Answer in words: how many results agree, and which do not.

    Parameters
    ----------
    outcomes : sequence of Outcome

    Returns
    -------
    str
        Sentences.
    """
    verdicts = [outcome.verdict for outcome in outcomes]
    agree = verdicts.count("agrees")
    sentences = [f"{agree} of {len(outcomes)} published or independently computed results agree."]
    if missed := _named(outcomes, "misses"):
        sentences.append(
            f"{_count(missed, 'misses', 'miss')} the tolerance within a stated bound, for a stated "
            f"reason: {', '.join(missed)}."
        )
    if differ := _named(outcomes, "differs"):
        sentences.append(f"{_count(differ, 'differs', 'differ')}: {', '.join(differ)}.")
    if failed := _named(outcomes, "fails"):
        sentences.append(f"{len(failed)} could not be computed: {', '.join(failed)}.")
    better = [each.row.name for each in outcomes if not each.wrong and not each.as_stated]
    if better:
        sentences.append(
            f"Better than stated, as a miss is known but none is there: {', '.join(better)}."
        )
    return " ".join(sentences)


def _named(outcomes: Sequence[Outcome], verdict: str) -> list[str]:
    return [outcome.row.name for outcome in outcomes if outcome.verdict == verdict]


def _count(names: Sequence[str], one: str, several: str) -> str:
    return f"{len(names)} {one if len(names) == 1 else several}"


def text(outcomes: Sequence[Outcome], *, details: bool = True) -> str:
    """Table for a terminal of 80 columns, with the answer first.

    Parameters
    ----------
    outcomes : sequence of Outcome
    details : bool
        Whether each row's source, conditions and reasons follow below.

    Returns
    -------
    str
    """
    lines = [*textwrap.wrap(answer(outcomes), WIDTH), ""]
    lines.append(_line(_HEADS))
    for subject, members in _subjects(outcomes):
        lines += [
            subject,
            *(_line((f"  {cells[0]}", *cells[1:])) for cells in map(_cells, members)),
        ]
    lines.append("Of a row with several values, those of the worst are shown.")
    if details:
        for outcome in outcomes:
            lines += ["", *_block(outcome)]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    *front, last = cells
    padded = (f"{cell:<{width}}" for cell, width in zip(front, _COLUMNS, strict=True))
    return " ".join([*padded, last]).rstrip()


def _cells(outcome: Outcome) -> tuple[str, ...]:
    """Return name, unit, published and computed value at the worst point, ratio, bound, verdict."""
    row = outcome.row
    if not outcome.points:
        return row.name, row.unit, "–", "–", "–", str(row.tolerance), outcome.verdict
    worst = outcome.worst
    return (
        row.name, row.unit, f"{worst.published:.3g}", f"{worst.found:.3g}", _ratio(outcome.ratio),
        str(row.tolerance), outcome.verdict,
    )  # fmt: skip


def _block(outcome: Outcome) -> list[str]:
    row = outcome.row
    lines = textwrap.wrap(f"{row.name}: {row.title}", WIDTH, subsequent_indent="  ")
    facts = [("source", str(row.source)), ("conditions", row.conditions)]
    facts += [("here", _here(outcome)), ("tolerance", f"{row.tolerance}: {row.tolerance.reason}")]
    if row.miss is not None:
        facts.append(("known miss", f"within {row.miss}: {row.miss.reason}"))
    for name, fact in facts:
        lines += textwrap.wrap(
            f"  {name:<11}{fact}", WIDTH, subsequent_indent=" " * 13, break_on_hyphens=False
        )
    return lines


def _here(outcome: Outcome) -> str:
    """Describe the worst point, and how many there are."""
    if not outcome.points:
        return f"fails: {outcome.failure}"
    row, worst = outcome.row, outcome.worst
    place = f" at {worst.label}" if worst.label else ""
    several = f" (worst of {len(outcome.points)})" if len(outcome.points) > 1 else ""
    return (
        f"{outcome.verdict}: {_value(worst.found, row)}{_error(worst, row)} for published "
        f"{_value(worst.published, row)}{place}{several}, ratio {_ratio(outcome.ratio)}"
    )


def _error(point: Point, row: Row) -> str:
    return f" ± {_value(point.error, row)}" if point.error else ""


def _value(value: float, row: Row) -> str:
    return engineering(value, row.unit) if normal_unit(row.unit) in _SI else _plain(value, row)


def _plain(value: float, row: Row) -> str:
    return _number(value) + ("" if row.unit == "1" else f" {row.unit}")


def _number(value: float) -> str:
    return f"{value:.4g}"


def _ratio(ratio: float) -> str:
    if math.isnan(ratio):
        return "–"
    return (
        f"{ratio:.4f}"
        if abs(ratio - 1) < 0.01
        else f"{ratio:.2f}"
        if ratio < 10
        else f"{ratio:.0f}"
    )


def _subjects(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, list[Outcome]]]:
    order = list(dict.fromkeys(outcome.row.subject for outcome in outcomes))
    together = sorted(outcomes, key=lambda outcome: order.index(outcome.row.subject))
    for subject, members in groupby(together, lambda outcome: outcome.row.subject):
        yield subject, list(members)


def listing(rows: Sequence[Row]) -> str:
    """Rows with their titles and tolerances, for a terminal.

    Parameters
    ----------
    rows : sequence of Row

    Returns
    -------
    str
    """
    lines = [
        textwrap.fill(
            f"{row.name}  {row.title}; tolerance {row.tolerance}; {row.source}"
            + ("" if row.quick else "; takes minutes"),
            WIDTH,
            subsequent_indent="  ",
            break_on_hyphens=False,
        )
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def as_json(outcomes: Sequence[Outcome]) -> str:
    """Outcomes as JSON: the answer, and a list of all rows with their points.

    Parameters
    ----------
    outcomes : sequence of Outcome

    Returns
    -------
    str
    """
    facts = {"answer": answer(outcomes), "rows": [record(outcome) for outcome in outcomes]}
    return json.dumps(facts, indent=1, ensure_ascii=False) + "\n"


def as_csv(outcomes: Sequence[Outcome]) -> str:
    """Outcomes as CSV, one line a point.

    Parameters
    ----------
    outcomes : sequence of Outcome

    Returns
    -------
    str
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(
        ["row", "point", "unit", "published", "found", "error", "tolerance", "verdict", "source"]
    )
    for outcome in outcomes:
        row = outcome.row
        for point in outcome.points or (Point(published=math.nan, found=math.nan),):
            writer.writerow(
                [row.name, point.label, row.unit, point.published, point.found, point.error,
                 str(row.tolerance), outcome.verdict, str(row.source)]
            )  # fmt: skip
    return stream.getvalue()


_HEAD = """# Table of truth

You want to know how far the numbers can be trusted: published results next to what comes out here.

```sh
matsweep validate --quick          # closed forms, laws, chips, statistics, small networks
matsweep validate                  # with networks that learn: under an hour on two cores
matsweep validate "isaac_*" wires  # some rows, a subject
```

The exit code is 0 if every result that should agree does, and no miss is larger than stated.
`make truth` writes this page again, and [its numbers](truth.json).
"""

_KEY = """A *tolerance* is stated before the comparison, unless a row says that it came after a
first calculation: a share of the published value, a difference (±), or a factor (×). Of a row with
several values the worst is shown; ± behind a value is its standard error. *agrees*: all values lie
within the tolerance. *misses*: they lie beyond it, but within a wider bound that is stated with a
reason. *differs*: they lie beyond both."""


def as_markdown(outcomes: Sequence[Outcome]) -> str:
    """Page of the documentation.

    Parameters
    ----------
    outcomes : sequence of Outcome

    Returns
    -------
    str
    """
    parts = [_HEAD, _section("Answer"), answer(outcomes), " ".join(_KEY.split())]
    for subject, members in _subjects(outcomes):
        rows = [" | ".join(map(_cell, _page_cells(outcome))) for outcome in members]
        head = [" | ".join(_HEADS), "|".join(["---"] * len(_HEADS))]
        table = "\n".join(f"| {line} |" for line in [head[0], *rows])
        first, *rest = table.split("\n")
        parts += [_section(subject), "\n".join([first, f"|{head[1]}|", *rest])]
        parts += ["\n".join(map(_statement, members))]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _section(heading: str) -> str:
    return f"## {heading}\n\n{_MARK.replace(' -->', ', section -->')}"


def _page_cells(outcome: Outcome) -> tuple[str, ...]:
    name, unit, published, found, *rest = _cells(outcome)
    error = f" ± {outcome.worst.error:.1g}" if outcome.points and outcome.worst.error else ""
    return f"`{name}`", unit, published, f"{found}{error}", *rest


def _cell(cell: str) -> str:
    return cell.replace("|", "\\|")


def _statement(outcome: Outcome) -> str:
    """Write what a row compares, and why it may miss."""
    row = outcome.row
    several = f" {len(outcome.points)} values." if len(outcome.points) > 1 else ""
    at = f" Worst: {outcome.worst.label}." if outcome.points and outcome.worst.label else ""
    doi = f" [doi:{row.source.doi}](https://doi.org/{row.source.doi})" if row.source.doi else ""
    said = (
        f"- `{row.name}`: **{_sentence(row.title)}** {_sentence(row.conditions)}{several}{at} "
        f"Source: {row.source.citation}{doi}. Tolerance {row.tolerance}: "
        f"{_sentence(row.tolerance.reason)}"
    )
    if row.miss is not None:
        said += f" **Known to miss**, within {row.miss}: {_sentence(row.miss.reason)}"
    if outcome.failure:
        said += f" **Failed**: {outcome.failure}"
    return said


def _sentence(words: str) -> str:
    return words if words.endswith(".") else f"{words}."
