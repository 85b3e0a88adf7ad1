"""Numbers that pages print are those that their commands give.

A page or a notebook may print a result in four ways, and anything else is an error:

- in a statement of `statements.py`, whose numbers are computed here;
- in a `text` block after a block of commands, which is compared with what the last one prints;
- in a paragraph, list or table after a comment `<!-- numbers: KIND -->`, or anywhere below
  `<!-- numbers: KIND, section -->` up to the next heading. KIND is `given` (chosen or defined),
  `cited` (from the literature), `measured` (once; the section names the command, or says that it
  is not part of the project), or the test that checks it: `path` or `path::name`;
- in the words of a command.

A comment `<!-- given: 97 %; 30 days -->` names numbers that a page is given: a
specification, for example.
"""

from __future__ import annotations

import itertools
import os
import re
import shlex
from contextlib import redirect_stdout
from io import StringIO

import pytest
import xarray as xr

import matsweep
from matsweep.cli import main
from tests.pins.pinning import arithmetic, load

from .blocks import PAGES, ROOT, TEXTS, blocks, commands, markdown, prose
from .statements import LONG, STATEMENTS, STUDIES, Statement

pytestmark = pytest.mark.xdist_group("numbers")  # they share studies

EXHAUSTIVE = os.environ.get("MATSWEEP_EXHAUSTIVE") == "1"
ELSEWHERE = 0.05
"""Relative difference of a number on a machine that rounds in another way than that of the pins."""

_MARK = re.compile(r"<!-- numbers: (?P<kind>\S+?)(?P<section>, section)? -->")
_GIVEN = re.compile(r"<!-- given: (?P<numbers>.*?) -->", re.DOTALL)
_NUMBER = r"\d[\d.,]*(?:e-?\d+)?"
_UNITS = "[afpnµm]J|[nµm]?s|min|h|minutes|hours|days|years|[kMG]B|MiB|pJ|nJ|TOPS"
RESULT = re.compile(
    rf"\b(?:None|{_NUMBER}) of \d+\b(?! bits| these)"
    r"|(?<![\w.,])\d+ (?:done )?(?:candidates|families|dynamical models)\b"
    r"|\bno\. ?\d+|\b[Cc]andidate \d+"
    rf"|(?<![\w.]){_NUMBER} ?%"
    rf"|(?<![\w.]){_NUMBER} (?:{_UNITS})\b"
    r"|(?<![\w.,=])0\.\d+\b(?! ?(?:V|eV|fF|Ω))"
)
"""Numbers of the kind that results are: counts, shares, energies, times, fractions."""


def flat(text: str) -> str:
    return " ".join(text.split())


def of_page(path) -> list[Statement]:
    return [each for each in STATEMENTS if each.page == str(path.relative_to(ROOT))]


# ------------------------------------------------------------------------------ every result


def unaccounted(text: str, statements: list[Statement]) -> list[str]:
    """Return results that no statement, and no mark, accounts for."""
    given = [each for all_ in _GIVEN.findall(text) for each in flat(all_).split("; ")]
    known = re.compile("|".join(rf"(?<![\w.]){re.escape(each)}(?!\w)" for each in given) or "(?!)")
    left, mark, section = [], None, False
    for chunk in re.split(r"\n\s*\n", _GIVEN.sub("", text)):
        if chunk.lstrip().startswith("#"):
            mark, section = None, False
        found = _MARK.fullmatch(chunk.strip())
        if found:
            mark, section = found["kind"], bool(found["section"])
            continue
        if mark is None:
            rest = flat(chunk)
            for statement in statements:
                rest = statement.pattern.sub("", rest)
            rest = known.sub("", re.sub("`[^`]*`", "", rest))
            left += [f"{hit[0]} in: {rest}" for hit in RESULT.finditer(rest)]
        if not section:
            mark = None
    return left


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_result_of_a_page_is_accounted_for(path):
    assert unaccounted(prose(path), of_page(path)) == []


def test_results_are_recognised():
    for text in (
        "87 of 180 meet it", "it is no. 41", "candidate 37 wins", "it reaches 97.2 % then",
        "takes 138 pJ", "in 9 ms", "an accuracy of 0.96", "None of 12 meet it",
        "| a | 0.96 |", "lasts 23 days", "reaches 0.82 TOPS",
    ):  # fmt: skip
        assert unaccounted(text, []), text
        assert not unaccounted(f"<!-- numbers: given -->\n\n{text}", [])
        assert unaccounted(f"<!-- numbers: given -->\n\nsomething\n\n{text}", [])
        assert not unaccounted(f"# a\n\n<!-- numbers: given, section -->\n\nb\n\n{text}", [])
        assert unaccounted(f"# a\n\n<!-- numbers: given, section -->\n\n# b\n\n{text}", [])
    for text in ("`accuracy >= 95 %`", "at 22 nm", "128 × 128 cells", "8 realisations", "a V/2"):
        assert not unaccounted(text, []), text
    known = Statement(page="", text="all {n} % of it", numbers=lambda _: {})
    assert not unaccounted("here all\n95.2 % of it are", [known])
    assert unaccounted("here all 95.2 % of it, but 3 % not", [known])
    assert not unaccounted("<!-- given: 3 %; 5 nJ -->\n\n3 % at 5 nJ", [])
    assert unaccounted("<!-- given: 3 %; 5 nJ -->\n\n13 % at 5 nJ", [])


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_marks_say_what_they_may(path):
    for section in re.split(r"^#", prose(path), flags=re.MULTILINE):
        for mark in _MARK.finditer(section):
            kind, _, name = mark["kind"].partition("::")
            if kind == "measured":
                assert re.search("[Mm]easured", section.replace(mark[0], "")), section
                assert re.search(r"`(?:make|matsweep) |not part of", section), section
            elif kind not in ("given", "cited"):
                assert f"def {name}" in (ROOT / kind).read_text()


# ------------------------------------------------------------------------------- statements


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """Return a function that gives the Dataset of a study, computed once."""
    folder, known = tmp_path_factory.mktemp("numbers"), {None: xr.Dataset()}

    def opened(name):
        if name not in known:
            words = [*shlex.split(STUDIES[name]), "executor=serial", f"store={folder / name}.zarr"]
            assert main(["explore", *words]) == 0
            known[name] = matsweep.open_results(folder / f"{name}.zarr").load()
        return known[name]

    opened.folder = folder
    return opened


@pytest.fixture(scope="module")
def exact():
    """Whether this machine rounds as the one did that the numbers are from."""
    return load()["arithmetic"] == arithmetic()


def near(printed: str, computed: str) -> bool:
    one, other = (float(text.replace(",", "")) for text in (printed, computed))
    digits = len(printed.partition(".")[2])
    return abs(one - other) <= ELSEWHERE * abs(other) + 10.0**-digits


def title(statement: Statement) -> str:
    return f"{statement.page}: {statement.text[:40]}"


@pytest.mark.parametrize("statement", STATEMENTS, ids=title)
def test_a_statement_has_the_numbers_of_its_study(statement, studies, exact):
    match = statement.pattern.search(flat(prose(ROOT / statement.page)))
    assert match, "the page does not say this"
    study = statement.study if EXHAUSTIVE else statement.part or statement.study
    if (study in LONG or statement.slow) and not EXHAUSTIVE:
        pytest.skip("MATSWEEP_EXHAUSTIVE=1 computes it: minutes")
    computed = statement.numbers(studies(study))
    for name, printed in match.groupdict().items():
        same = printed == computed[name] if exact else near(printed, computed[name])
        assert same, f"{name}: the page says {printed}, but it is {computed[name]}"


def test_pages_run_the_studies_of_their_statements():
    for statement in STATEMENTS:
        if statement.study:
            wanted = set(shlex.split(STUDIES[statement.study])) - {"-m"}
            page = markdown(ROOT / statement.page)
            said = [
                set(words)
                for block in blocks(page)
                if block.language == "sh"
                for words in commands(block.text)
            ] + [set(code.split()) for code in re.findall("`([^`\n]+)`", page)]
            assert any(wanted <= words for words in said) or "quickstart" in page, statement


# ----------------------------------------------------------------------- what commands print


def transcripts():
    """Return each text block that follows a command on a study's store, with that."""
    for page in PAGES:
        every = blocks(page.read_text())
        for before, block in itertools.pairwise(every):
            if before.language == "sh" and block.language == "text":
                words = commands(before.text)[-1]
                place = re.fullmatch(r"results/(\w+)\.zarr", "".join(words[2:3]))
                if words[1] in ("select", "explain") and place and place[1] in STUDIES:
                    name = f"{page.name}:{block.line}"
                    yield pytest.param(place[1], words[1:], block.text, id=name)


@pytest.mark.parametrize(("study", "words", "shown"), list(transcripts()))
def test_a_command_prints_what_the_page_shows(study, words, shown, studies, exact, monkeypatch):
    if study in LONG and not EXHAUSTIVE:
        pytest.skip("MATSWEEP_EXHAUSTIVE=1 computes it: minutes")
    studies(study)
    store = str(studies.folder / f"{study}.zarr")
    monkeypatch.setenv("COLUMNS", "80")
    with redirect_stdout(StringIO()) as out:
        assert main([store if word == f"results/{study}.zarr" else word for word in words]) == 0
    printed, at = flat(out.getvalue()), 0
    if not exact:
        pytest.skip("this machine rounds in another way than that of the pins")
    for piece in shown.split("…"):
        at = printed.find(flat(piece), at)
        assert at >= 0, f"{flat(piece)!r} is not in {printed}"
