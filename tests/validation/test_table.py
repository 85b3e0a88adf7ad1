"""The framework: verdicts, selection, resumption, rows from outside, exit codes, text."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsweep.cli import main
from matsweep.core.checks import StoppedError, UserError
from matsweep.core.packages import GROUPS
from matsweep.running import work
from matsweep.store import summary
from matsweep.validation import (
    ROWS,
    Outcome,
    Point,
    Row,
    Source,
    Study,
    Table,
    Tolerance,
    chosen,
    judged,
    points,
)
from matsweep.validation.outcome import record, restored
from matsweep.validation.writing import answer, as_csv, as_json, as_markdown, listing, text

pytestmark = pytest.mark.xdist_group("validation")
TWO = Tolerance(relative=0.02, reason="as published to two digits")
SMALL = ("material=pcm_gst", "workload.hidden=[8]", "workload.epochs=2", "realisations=2",
         "times=[1]")  # fmt: skip


def made(found=1.0, name="made", published=1.0, tolerance=TWO, miss=None, **facts):
    facts = {
        "subject": "Made up", "title": "a made-up result", "unit": "1",
        "source": Source(citation="Nobody, 2020", doi="10.1000/1"), "conditions": "none at all",
        "calculate": lambda: [Point(published=published, found=found)],
    } | facts  # fmt: skip
    return Row(name=name, tolerance=tolerance, miss=miss, **facts)


def counted(results):
    """Accuracy and number of candidates of a study."""
    return points(["accuracy", "candidates"], [0.5, 2], [0.5, results.sizes["candidate"]])


# -------------------------------------------------------------------------------- verdicts


@pytest.mark.parametrize(
    ("found", "miss", "verdict", "stated"),
    [
        (1.0, None, "agrees", True), (1.0199, None, "agrees", True),
        (1.021, None, "differs", False), (0.979, None, "differs", False),
        (1.4, 0.5, "misses", True), (1.6, 0.5, "differs", False),
        (1.01, 0.5, "agrees", False), (math.nan, 0.5, "differs", False),
        (math.inf, None, "differs", False),
    ],
)  # fmt: skip
def test_a_verdict_is_that_of_the_stated_tolerance(found, miss, verdict, stated):
    miss = miss and Tolerance(relative=miss, reason="a reason that is known")
    outcome = judged(made(found, miss=miss))
    assert (outcome.verdict, outcome.as_stated) == (verdict, stated)
    assert outcome.wrong == (verdict == "differs")


@given(
    published=st.floats(1e-12, 1e12), share=st.floats(-3, 3), sign=st.sampled_from([-1, 1]),
    bound=st.floats(1e-6, 2),
)  # fmt: skip
def test_a_relative_tolerance_is_a_share_of_the_published_value(published, share, sign, bound):
    used = Tolerance(relative=bound, reason="x").used(
        sign * published, sign * published * (1 + share)
    )
    assert used == pytest.approx(abs(share) / bound, rel=1e-6, abs=1e-8 / bound)


def test_tolerances_of_other_sorts():
    either = Tolerance(relative=0.1, absolute=2.0, reason="x")
    assert either.used(5.0, 7.0) == 1.0  # the absolute one is the larger
    assert either.used(100.0, 105.0) == pytest.approx(0.5)  # the relative one is
    factor = Tolerance(factor=2.0, reason="x")
    assert factor.used(3.0, 6.0) == pytest.approx(1) == factor.used(6.0, 3.0)
    assert factor.used(3.0, 12.0) == pytest.approx(2)
    assert factor.used(3.0, -3.0) == math.inf
    assert Tolerance(relative=0.1, reason="x").used(0.0, 0.0) == 0
    assert Tolerance(relative=0.1, reason="x").used(0.0, 1e-300) == math.inf
    assert [str(each) for each in (either, factor, TWO)] == ["10 %, ±2", "× 2", "2 %"]


def test_one_point_beyond_is_enough():
    row = made(calculate=lambda: points(["a", "b", "c"], [1, 1, 1], [1, 1.5, 0.99], 0.1))
    outcome = judged(row)
    assert (outcome.verdict, outcome.worst.label, outcome.ratio) == ("differs", "b", 1.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Tolerance(reason="x"), "must have relative, absolute or both, or a factor"),
        (lambda: Tolerance(factor=2, relative=1, reason="x"), "or a factor"),
        (lambda: Tolerance(factor=1.0, reason="x"), "a factor > 1"),
        (lambda: Tolerance(relative=-1, reason="x"), "tolerance.relative must be > 0, got -1"),
        (lambda: Tolerance(relative=1, reason=" "), "tolerance.reason must be a text"),
        (lambda: made(conditions=""), r"row.conditions must be a text, got none \(row=made\)"),
        (lambda: made(source=Source(citation="")), "row.source.citation must be a text"),
        (lambda: chosen(ROWS, ["isaac_sped"], quick=False), "did you mean isaac_speed"),
        (lambda: judged(made(study=Study(name="s", overrides=()))), "needs a study"),
    ],
)
def test_what_is_no_row_is_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()


# ------------------------------------------------------------------------------- selection


def test_rows_are_chosen_by_name_pattern_or_subject():
    assert [row.name for row in chosen(ROWS, ["isaac_speed"], quick=True)] == ["isaac_speed"]
    assert {row.name for row in chosen(ROWS, ["puma_*"], quick=False)} == {
        name for name in ROWS if name.startswith("puma_")
    }
    chips = chosen(ROWS, ["chips"], quick=False)
    assert {row.subject for row in chips} == {"Chips"}
    every = chosen(ROWS, [], quick=False)
    assert {row.name for row in every} == set(ROWS)
    quick = chosen(ROWS, [], quick=True)
    assert every[: len(quick)] == quick  # those of minutes come last
    assert all(row.quick for row in quick)


# -------------------------------------------------------------------------------- outcomes


def test_a_row_that_cannot_be_computed_hides_no_other(tmp_path):
    rows = [made(name="a", calculate=lambda: 1 / 0), made(name="b"), made(name="c", calculate=list)]
    seen = []
    outcomes = Table(folder=tmp_path).run(rows, done=seen.append)
    assert [each.verdict for each in outcomes] == ["fails", "agrees", "fails"]
    assert "ZeroDivisionError" in outcomes[0].failure
    assert "no points" in outcomes[2].failure
    assert seen == outcomes
    assert "2 could not be computed: a, c." in answer(outcomes)
    for write in (text, as_csv, as_markdown):
        assert "fails" in write(outcomes)


def test_a_study_is_resumed_and_then_only_read(tmp_path, monkeypatch):
    """Stopped after one of two candidates, the table goes on with the other one."""
    row = made(
        study=Study(name="small", overrides=("device.read_noise=0,0.02", *SMALL)), calculate=counted
    )
    table = Table(folder=tmp_path, executor="serial")
    plain, calls = work.simulate, []

    def simulate(*given, **named):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return plain(*given, **named)

    monkeypatch.setattr(work, "simulate", simulate)
    with pytest.raises(StoppedError, match="the same command resumes"):
        table.run([row])
    assert summary(tmp_path / "small.zarr").done < 2
    (outcome,) = table.run([row])
    assert outcome.verdict == "agrees"
    before = len(calls)
    assert before == 3
    (again,) = table.run([row, made(name="other", study=row.study, calculate=counted)][:1])
    assert again.points == outcome.points
    assert len(calls) == before
    changed = dataclasses.replace(row, study=Study(name="small", overrides=SMALL))
    (refused,) = table.run([changed])
    assert refused.verdict == "fails"
    assert "remove it, or give another folder with store=FOLDER" in refused.failure


def test_a_study_may_bring_its_data(tmp_path):
    written = []

    def write(path, mnist):
        written.append(mnist)
        rng = np.random.default_rng(0)
        with (path / "own.npz").open("wb") as file:
            np.savez(file, inputs=rng.random((400, 4)), labels=np.arange(400) % 2)

    study = Study(
        name="own", write=write,
        overrides=(*SMALL, "workload.dataset={kind: npz, path: '{data}/own.npz'}"),
    )  # fmt: skip
    row = made(study=study, calculate=lambda ds: [Point(published=1, found=ds.sizes["candidate"])])
    table = Table(folder=tmp_path, executor="serial", mnist=str(tmp_path))
    for _ in range(2):
        (outcome,) = table.run([row])
        assert outcome.verdict == "agrees", outcome.failure
    assert written == 2 * [str(tmp_path)]


# ------------------------------------------------------------------------------------ text


def test_the_answer_counts_in_words():
    wide = Tolerance(factor=3.0, reason="a known reason")
    outcomes = [judged(each) for each in (
        made(1.0, "fine"), made(2.0, "known", miss=wide), made(9.0, "wrong"),
        made(1.0, "better", miss=wide),
    )]  # fmt: skip
    said = answer(outcomes)
    assert said.startswith(
        "2 of 4 published or independently computed results agree. 1 misses the tolerance within "
        "a stated"
    )
    assert "known." in said
    assert "1 differs: wrong." in said
    assert "none is there: better." in said


def test_a_terminal_of_80_columns_shows_all():
    outcomes = [judged(row) for row in chosen(ROWS, ["isaac_*", "wire_*", "error_*"], quick=True)]
    lines = text(outcomes).splitlines()
    assert max(map(len, lines)) <= 80
    assert max(map(len, listing([outcome.row for outcome in outcomes]).splitlines())) <= 80
    shown = " ".join(text(outcomes).split())
    for outcome in outcomes:
        for fact in (str(outcome.row.source), outcome.row.conditions, outcome.row.tolerance.reason):
            assert " ".join(fact.split()) in shown
    assert "known miss within × 20: designed, not built" in shown
    assert len(text(outcomes, details=False)) < len(text(outcomes)) / 3


def test_outcomes_are_read_by_machines():
    outcomes = [judged(made(1.0 / 3, "third", published=1 / 3)), judged(made(3.0, "wrong"))]
    facts = json.loads(as_json(outcomes))
    assert facts["answer"] == answer(outcomes)
    assert facts["rows"][0]["points"][0]["found"] == 1.0 / 3
    assert [each["verdict"] for each in facts["rows"]] == ["agrees", "differs"]
    kept = restored(facts["rows"], {each.row.name: each.row for each in outcomes})
    assert [(each.row, each.points) for each in kept] == [
        (each.row, each.points) for each in outcomes
    ]
    assert [record(each) for each in kept] == facts["rows"]
    (head, *lines) = csv.reader(io.StringIO(as_csv(outcomes)))
    assert dict(zip(head, lines[1], strict=True))["verdict"] == "differs"
    assert float(lines[0][head.index("found")]) == 1.0 / 3


# --------------------------------------------------------------------------------- command


@pytest.fixture
def entered(monkeypatch):
    """Enter rows next to the package's own."""

    def enter(*rows):
        for row in rows:
            monkeypatch.setitem(ROWS, row.name, row)

    return enter


def test_the_exit_code_says_whether_what_should_agree_does(workplace, capsys, entered):
    wide = Tolerance(factor=3.0, reason="a known reason")
    entered(made(1.0, "fine"), made(2.0, "known", miss=wide), made(9.0, "wrong"),
            made(calculate=lambda: 1 / 0, name="broken"))  # fmt: skip
    assert main(["validate", "fine", "known", "--quick"]) == 0
    printed = capsys.readouterr()
    assert "1 of 2 published or independently computed results agree" in printed.out
    assert "doi:10.1000/1" in printed.out
    assert "fine agrees" in printed.err
    assert main(["validate", "wrong"]) == 1
    assert "1 differs: wrong" in capsys.readouterr().out
    assert main(["validate", "broken", "details=false"]) == 1
    assert list(workplace.iterdir()) == []  # no study, no store


def test_files_and_formats(workplace, capsys, entered):
    entered(made(1.0, "fine"))
    assert main(["validate", "fine", "format=json", "output=[new/page.md,a.csv]"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["name"] == "fine"
    assert (workplace / "new" / "page.md").read_text().startswith("# Table of truth")
    assert (workplace / "a.csv").read_text().startswith("row,")
    assert main(["validate", "fine", "--list"]) == 0
    assert "a made-up result; tolerance 2 %" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing"], "rows must be names, patterns or subjects"),
        (["isaac_sped"], "did you mean isaac_speed"),
        (["isaac_speed", "format=xml"], "format must be one of csv, json, markdown, text"),
        (["isaac_speed", "output=page.pdf"], "output must end in one of .txt, .json, .csv, .md"),
        (["isaac_speed", "quick=3"], "quick must be true or false, got 3"),
        (["isaac_speed", "stoer=here"], "did you mean store"),
    ],
)
def test_mistakes_are_one_line(words, message, capsys):
    assert main(["validate", *words]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_other_packages_may_bring_rows():
    """The example package's row is found by its entry point: tests/test_outside.py."""
    assert ROWS.group in GROUPS
    assert ROWS.is_own("isaac_speed")
    outcome = judged(ROWS["isaac_speed"])
    assert isinstance(outcome, Outcome)
