"""Mutated laboratory files: read to finite numbers, or refused in one line, within bounds.

`make test` takes few mutations. `MATSWEEP_FUZZ=20000` gives the number of those of the readers;
a hundredth of them is fitted as a whole.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import math
import os
import re
import signal

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from matsweep.cli.main import main
from matsweep.core.checks import UserError
from matsweep.core.printing import printable
from matsweep.core.tables import read_rows
from matsweep.identification.measurements import (
    Reading,
    enough_points,
    enough_pulses,
    measured_kind,
    read_endurance,
    read_loops,
    read_pulse_files,
    read_retention,
)

from .laboratory import FILES

FUZZ = int(os.environ.get("MATSWEEP_FUZZ", "0"))
LONGEST = 1500  # characters of a message
CPU = 20.0  # s, of one file
NASTY = [
    "", " ", "nan", "inf", "-inf", "1e999", "-1e-400", "1e-320", "9" * 400, "9" * 5000, "²",
    "١", "½",
    "1,5", "1.234.567", "1'000", "\u202e1", "\u200b", '"', '""', '"a', "=1+1", "−3", "０", "1_000",
    "0x10", "x" * 3000, "-0", "0", "+", "-1", "#", "%", "# a", "1e5 V", "true", "NaN V", "12:30:00",
    "\t", ";", "a\u0301", "\ud7ff", "{", "${oc.env:HOME}", "%s", "{0}", "$\\frac{$", "1e308",
    "-1e308",
    "(2)", "V(1)", "I(99999999999999999999)", "pulse", "cycle", "R [kOhm]", "t / °C", "time [s]",
    "[[[[", "x [uS] [mV]", "G in S in S", "DataName", "DataValue", "***End_of_Header***",
]  # fmt: skip
BYTES = [
    b"\0",
    b"\xff\xfe",
    b"\x81",
    b"\r",
    b"\x1a",
    b"\xe2\x80\xae",
    b"\x85",
    b"\n\n\n",
    b"\xff" * 9,
]
CODES = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "utf-32", "utf-7"]
READERS = {
    "pulses": lambda path, reading: enough_pulses(read_pulse_files([path], reading)),
    "sweeps": lambda path, reading: enough_points(read_loops([path], reading)),
    "retention": read_retention,
    "endurance": read_endurance,
}
PLACE = st.floats(0, 1, exclude_max=True)


@st.composite
def mutated(draw) -> bytes:
    """A laboratory file after one to four slips."""
    separators = {"voltages": ";", "wide": "\t", "labview": "\t", "retention": ";"}
    name = draw(st.sampled_from(sorted(FILES)))
    mark = separators.get(name, ",")
    rows = [line.split(mark) for line in FILES[name]().splitlines()]
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 2, 3]))):
        rows = draw(st.sampled_from(CHANGES))(draw, rows)
    text = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"])).join(mark.join(row) for row in rows)
    content = text.encode(draw(st.sampled_from(["utf-8"] * 8 + CODES)), "replace")
    if draw(st.integers(0, 4)) == 0:
        at = int(draw(PLACE) * len(content))
        content = (
            content[:at]
            + draw(st.sampled_from([b"", *BYTES]))
            + content[at + draw(st.integers(0, 3)) :]
        )
    if draw(st.integers(0, 9)) == 0:
        content = content[: int(draw(PLACE) * len(content))]
    return content


def row_of(draw, rows):
    """Number of a row, the first ones as often as all others."""
    at = int(draw(PLACE) * len(rows))
    return at if draw(st.booleans()) else min(at % 5, len(rows) - 1)


def cell(draw, rows):
    at = row_of(draw, rows)
    row = list(rows[at]) or [""]
    row[int(draw(PLACE) * len(row))] = draw(st.one_of(st.sampled_from(NASTY), st.text(max_size=8)))
    return [*rows[:at], row, *rows[at + 1 :]]


def column(draw, rows):
    """The same text in all rows of a column but the first."""
    at, text = int(draw(PLACE) * max(map(len, rows))), draw(st.sampled_from(NASTY))
    return [[text if n and k == at else c for k, c in enumerate(row)] for n, row in enumerate(rows)]


def scaled(draw, rows):
    """A column of numbers in another unit."""
    at, by = (
        int(draw(PLACE) * max(map(len, rows))),
        draw(st.sampled_from([0, -1, 1e-300, 1e-6, 1e9, 1e300])),
    )

    def of(text):
        with contextlib.suppress(ValueError):
            return repr(float(text) * by)
        return text

    return [[of(c) if k == at else c for k, c in enumerate(row)] for row in rows]


def lines(draw, rows):
    at, way = (
        row_of(draw, rows),
        draw(st.sampled_from(["out", "twice", "blank", "back", "head", "many"])),
    )
    change = {"out": [], "twice": [rows[at], rows[at]], "blank": [[""], rows[at]],
              "head": [rows[at], rows[0]], "many": [rows[at]] * 300}.get(way)  # fmt: skip
    return rows[::-1] if change is None else [*rows[:at], *change, *rows[at + 1 :]] or [[""]]


def columns(draw, rows):
    ways = ["out", "twice", "swap", "more", "wide"]
    way, at = draw(st.sampled_from(ways[: 5 if len(rows[0]) < 50 else 3])), draw(st.integers(0, 4))
    if way == "out":
        return [[*row[:at], *row[at + 1 :]] for row in rows]
    if way == "twice":
        return [[*row, *row[at : at + 1]] for row in rows]
    if way == "swap":
        return [[*row[1:], *row[:1]] for row in rows]
    return [[*row, *[""] * 3] for row in rows] if way == "more" else [row * 40 for row in rows]


CHANGES = [cell, cell, cell, column, scaled, lines, columns]


@contextlib.contextmanager
def within(seconds):
    """Fail where a file takes more time of the processor."""

    def late(*_):
        raise AssertionError(f"not done after {seconds} s of CPU")

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def unlike(value, path=""):
    """Paths of numbers in data that are not finite, but for those that mean "not stated"."""
    if isinstance(value, float) and not math.isfinite(value):
        yield path
    elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
        yield from [path] * (not np.isfinite(value).all())
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from unlike(each, path)
    elif dataclasses.is_dataclass(value):
        for each in dataclasses.fields(value):
            yield from unlike(getattr(value, each.name), f"{path}.{each.name}")


def one_line(text, length=LONGEST, of=""):
    assert of in text, text
    assert "\n" not in text.rstrip("\n"), text
    assert printable(text) == text or "\n" in text, ascii(text)
    assert len(text) <= length, text


def searched(count, few):
    """Settings of a search: repeatable and short, or long and by chance."""
    return settings(
        max_examples=count or few, derandomize=not count, database=None, deadline=None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip


@pytest.mark.parametrize("name", list(FILES))
def test_files_without_slips_are_read(name, tmp_path):
    path = tmp_path / "m.csv"
    path.write_text(FILES[name]())
    kind = measured_kind([path])
    assert kind == {"voltages": "pulses", "wide": "pulses", "instrument": "sweeps",
                    "labview": "sweeps"}.get(name, name)  # fmt: skip
    assert list(unlike(READERS[kind](path, Reading()))) == []


@searched(FUZZ, 150)
@given(content=mutated(), header=st.sampled_from([True, True, True, False]),
       strict=st.booleans(), decimal=st.sampled_from([None, None, "comma", "point"]))  # fmt: skip
def test_a_mutated_file_is_read_to_finite_numbers_or_refused(
    tmp_path_factory, content, header, strict, decimal
):
    path = tmp_path_factory.getbasetemp() / "m.csv"
    path.write_bytes(content)
    reading = Reading(header=header, plausible=strict, decimal=decimal)
    with within(CPU):
        try:
            kind = measured_kind([path], reading)
            data = READERS[kind](path, reading)
        except UserError as error:
            one_line(str(error), of="m.csv")
        else:
            assert list(unlike(data)) == []
        with contextlib.suppress(UserError):
            read_rows(path)


@searched(FUZZ // 100, 2)
@given(content=mutated())
def test_a_mutated_file_is_fitted_to_finite_numbers_or_refused(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("c")
    (folder / "m.csv").write_bytes(content)
    said, wrong = io.StringIO(), io.StringIO()
    with within(10 * CPU), contextlib.redirect_stdout(said), contextlib.redirect_stderr(wrong):
        code = main(
            [
                "calibrate",
                f"data={folder / 'm.csv'}",
                f"folder={folder}",
                "pictures=null",
                "name=fuzzed",
            ]
        )
    assert code in (0, 2), wrong.getvalue()
    assert "Traceback" not in said.getvalue() + wrong.getvalue()
    if code == 2:
        one_line(wrong.getvalue().splitlines()[-1])
    written = [each.read_text() for each in folder.rglob("*.yaml")]
    for text in (said.getvalue(), *written):
        assert not re.search(r"(?<![a-z_])[-+]?(nan|inf)(?![a-z_])", text, re.IGNORECASE), text
