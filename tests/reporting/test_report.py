import io
import json
import sys

import numpy as np
import pytest
from rich.console import Console

from matsweep.core.causes import cause
from matsweep.core.checks import UserError
from matsweep.reporting import report
from tests.synthetic import study, with_status

TRACEBACK = """Traceback (most recent call last):
  File "simulate.py", line 3, in simulate
    check(voltage)
ValueError: read_voltage [V] must be > 0, got -0.2
material=pcm_gst
"""


def told(ds, folder, width=120, **options):
    """Return what is printed, and what was written: the page only where it is asked for."""
    console = Console(file=io.StringIO(), width=width)
    paths = report(ds, console, folder, **{"html": False, **options})
    return console.file.getvalue(), paths


def text_of(ds, folder, **options):
    """Return what is printed; the picture is drawn but, to save time, not written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["matsweep.reporting.report.pictures"], "save", lambda *_: ())
        return told(ds, folder, **options)[0]


def test_the_whole_report(ds, tmp_path):
    text, paths = told(ds, tmp_path / "out", html=True, markdown=True, pdf=True)
    assert [path.name for path in paths] == [
        "pareto.png", "pareto.pdf", "distribution.png", "distribution.pdf", "parallel.png",
        "parallel.pdf", "report.html", "report.md", "report.pdf", "references.bib",
    ]  # fmt: skip
    assert all(path.is_file() for path in paths)
    assert "Study synthetic" in text
    assert "Pareto set: " in text
    page = (tmp_path / "out" / "report.md").read_text()
    line = "Metal-oxide ECRAM): device.read\\_noise = 0.01 (recalled, Fig. 3 \\[S\\])"
    assert line in page
    assert "joshi2020: V. Joshi et al., Nat. Commun. 11:2473, 2020" in page
    assert "2 sources; the report as a page lists them" in text
    assert text.splitlines()[1].startswith("  For accuracy choose Metal-oxide ECRAM")
    assert str(paths[0]) in text
    assert "Failures" not in text
    assert "pending:" not in text


@pytest.mark.parametrize(
    ("module", "refused", "needed"),
    [("plotly.offline", "report.html", "plotly and jinja2"), ("fpdf", "report.pdf", "fpdf2")],
)
def test_without_the_extra_the_rest_is_written(ds, tmp_path, monkeypatch, module, refused, needed):
    monkeypatch.setitem(sys.modules, module, None)
    text, paths = told(ds, tmp_path, html=True, markdown=True, pdf=True)
    advice = f"Not written: {refused}, as it needs {needed}: pip install 'matsweep[report]'."
    assert advice in " ".join(text.split())
    names = {path.name for path in paths}
    assert names == {
        "pareto.png", "pareto.pdf", "distribution.png", "distribution.pdf", "parallel.png",
        "parallel.pdf", "references.bib", "report.html", "report.md", "report.pdf",
    } - {refused}  # fmt: skip
    assert {path.name for path in tmp_path.iterdir()} == names


def test_what_failed_is_computed_again_by(ds, tmp_path):
    failing = with_status(ds, failed=[3])
    text = text_of(failing.assign_attrs(command="matsweep explore -m adc.bits=4,5"), tmp_path)
    assert "matsweep explore -m adc.bits=4,5 retry_failed=true" in text
    assert "  matsweep elsewhere" in text_of(failing, tmp_path, rerun="matsweep elsewhere")


def test_swept_numbers_are_no_longer_the_sources_own(ds, tmp_path):
    text = text_of(ds, tmp_path)
    assert "programming_error.scale =" not in text
    assert "general literature" not in text


def test_materials_off_the_front_are_not_in_the_basis(ds, tmp_path):
    text = text_of(ds, tmp_path)
    assert "sonos (SONOS)" not in text


def sourced(ds, numbers):
    stored = json.loads(ds.attrs["sources"])
    for material in stored["materials"].values():
        material["numbers"] = numbers
    return ds.assign_attrs(sources=json.dumps(stored))


def test_the_basis_is_short_and_honest(ds, tmp_path):
    def page(ds):
        told(ds, tmp_path, markdown=True)
        return (tmp_path / "report.md").read_text()

    unsure = {f"a{i}": {"value": i, "status": "illustrative", "source": "x"} for i in range(9)}
    text = page(sourced(ds, unsure))
    assert "a0 = 0 (illustrative)" in text
    assert "and 3 more" in text
    assert "x: no citation stored" in text
    seen = {"a": {"value": 1, "status": "seen", "source": ["joshi2020", "general"]}}
    text = page(sourced(ds, seen))
    assert "none, all seen or derived" in text
    assert "general: general literature knowledge\n" in text
    text = page(ds.assign_attrs(sources="{}"))
    assert "metal\\_oxide: no sources stored" in text
    assert "References" not in text


def test_failures_are_grouped_by_cause(ds, tmp_path):
    ds = with_status(ds, failed=[4, 5], error=TRACEBACK)
    ds = with_status(ds, failed=[6], error=TRACEBACK.replace("-0.2", "-0.3"))
    ds = with_status(ds, failed=[9], error="MemoryError: [array]")
    text = text_of(ds, tmp_path)
    assert "3 × ValueError: read_voltage [V] must be > 0, got -0.2 (first no. 4)" in text
    assert "1 × MemoryError: [array] (no. 9)" in text


def test_many_causes_are_cut(ds, tmp_path):
    for i in range(12):
        ds = with_status(ds, failed=[i], error="abcdefghijkl"[i] + "Error")
    text = text_of(ds, tmp_path)
    assert "4 × 4 other causes" in text


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (TRACEBACK, "ValueError: read_voltage [V] must be > 0, got -0.2"),
        ("ValueError: a\nnote", "ValueError: a"),
        ("", "no error text stored"),
        ("Traceback (most recent call last):\n  File x", "File x"),
    ],
)
def test_cause(error, line):
    assert cause(error) == line


def test_half_pending(ds, tmp_path):
    text, paths = told(with_status(ds, pending=range(60)), tmp_path)
    assert "60 of 120 candidates are still pending" in text
    assert [path.suffix for path in paths][:2] == [".png", ".pdf"]


def test_all_failed(ds, tmp_path):
    text, paths = told(with_status(ds, failed=range(120)), tmp_path)
    assert paths == ()
    assert "No candidate is done" in text
    assert "120 × ValueError: boom (first no. 0)" in text
    assert "Not drawn: pareto.png, as no candidate is done, so there is nothing to draw." in text


def test_one_candidate(tmp_path):
    ds = study(materials=("sonos",), scales=(0.0,), bits=(8,), realisations=1, times=(20.0,))
    text, paths = told(ds, tmp_path)
    assert "Pareto set: 1 of 1" in text
    assert [path.suffix for path in paths][:2] == [".png", ".pdf"]


@pytest.mark.parametrize("name", ["energy", "latency", "area", "accuracy_std", "accuracy_p05"])
def test_a_missing_metric(ds, tmp_path, name):
    text, paths = told(ds.drop_vars(name), tmp_path)
    assert "Pareto set: " in text
    assert [path.suffix for path in paths][:2] == [".png", ".pdf"]


def test_no_accuracy(ds, tmp_path):
    text, paths = told(ds.drop_vars("accuracy"), tmp_path)
    assert "Pareto set: " in text
    assert "Not drawn: pareto.png, as the results hold no accuracy" in text
    assert [path.name for path in paths] == ["parallel.png", "parallel.pdf", "references.bib"]


def test_a_bibliography_that_no_report_wrote_stays(ds, tmp_path):
    _, paths = told(ds, tmp_path)
    assert "references.bib" in {path.name for path in paths}
    _, again = told(ds, tmp_path)  # a report replaces its own
    assert [path.name for path in again] == [path.name for path in paths]
    (tmp_path / "references.bib").write_text("@article{mine}")
    text, paths = told(ds, tmp_path)
    assert "references.bib" not in {path.name for path in paths}
    assert "as it exists and no report wrote it: give another folder=" in " ".join(text.split())
    assert (tmp_path / "references.bib").read_text() == "@article{mine}"


def test_bare_results(ds, tmp_path):
    bare = ds[["accuracy", "status"]].drop_attrs(deep=False).drop_vars("material")
    text, paths = told(with_status(bare, pending=[3]), tmp_path)
    assert "119 done, 0 failed, 1 pending" in text
    assert [path.suffix for path in paths][:2] == [".png", ".pdf"]


def test_dollars_in_names_are_no_mathematics(ds, tmp_path):
    names = np.where(ds["material"].values == "sonos", "a $x_{$ b", ds["material"].values)
    _, paths = told(ds.assign_coords(material=("candidate", names.astype(object))), tmp_path)
    assert "pareto.png" in {path.name for path in paths}


def test_no_candidates(ds, tmp_path):
    text, paths = told(ds.isel(candidate=slice(0, 0)), tmp_path)
    assert "0 done, 0 failed, 0 pending" in text
    assert paths == ()


def test_a_part_keeps_the_numbers_of_its_candidates(ds, tmp_path):
    text = text_of(ds.matsweep.select(material="sonos"), tmp_path)
    assert any(line.split()[-1] == "101" for line in text.splitlines() if " sonos " in line)


def test_a_users_mistake_stays_an_error(ds, tmp_path):
    with pytest.raises(UserError, match="stored times"):
        told(ds, tmp_path, time=1.0)
