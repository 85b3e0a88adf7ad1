import io
import json

import numpy as np
import pytest
from rich.console import Console

from matsweep.core.checks import UserError
from matsweep.core.units import percent
from matsweep.reporting import ranking_table
from tests.synthetic import attrs, study, with_status


def printed(ds, width=120, **options):
    console = Console(file=io.StringIO(), width=width)
    console.print(ranking_table(ds, **options))
    return console.file.getvalue()


def test_rows_are_ranked_and_marked(ds):
    lines = printed(ds, top=8).splitlines()
    header = lines[0].split()
    assert header == [
        "●",
        "material",
        "scale",
        "bits",
        "accuracy",
        "%",
        "p05",
        "%",
        "energy",
        "latency",
        "area",
        "no.",
    ]
    first = lines[2].split()
    assert first[:4] == ["=", "ecram_metal_oxide", "0", "10"]
    assert first[-1] == "53"
    assert "nJ" in lines[2]
    assert "µs" in lines[2]
    assert "mm²" in lines[2]
    best = ds.matsweep.rank().isel(candidate=0, time=-1)
    mean, spread = float(best["accuracy"].mean()), float(best["accuracy_std"])
    assert percent(mean, spread) in lines[2]
    assert "= 3 candidates cannot be told apart from the best by accuracy (95 %)" in lines


def test_the_whole_pareto_set_is_listed(ds):
    text = printed(ds, top=0)
    rows = [
        line for line in text.splitlines() if "ecram" in line or "hfox" in line or "fefet" in line
    ]
    size = ds.matsweep.pareto().sizes["candidate"]
    assert len(rows) == size
    assert all("●" in row for row in rows)
    assert f"Pareto set: {size} of 120" in text
    assert "9 candidates are left off: better than another by no more than" in text
    assert f"{120 - size} more done candidates not shown" in text


def test_footer(ds):
    text = printed(with_status(ds, pending=[1, 2], failed=[3]), time=3600)
    assert "1 h after programming; float accuracy 97.60 %; 117 done, 1 failed, 2 pending" in text


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_nothing_is_cut_off(ds, width):
    text = printed(ds, width=width, top=5)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    assert "ecram_metal_oxide" in text


def test_a_narrow_table_puts_parameters_with_the_material(ds):
    lines = printed(ds, width=80, top=1).splitlines()
    assert {"scale=0", "bits=10"} <= {*lines[2].split(), *lines[3].split()}
    assert "scale=" not in printed(ds, width=120)


def test_a_console_without_unicode(ds):
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding="ascii"), width=120)
    console.print(ranking_table(ds, top=3))
    console.file.flush()
    text = raw.getvalue().decode("ascii")
    assert "6.40 us" in text
    assert "0.0225 mm2" in text
    assert "accuracy higher, energy lower" in text
    assert "?" not in text


def test_rank_by_another_metric(ds):
    assert "ferroelectric_fefet" in printed(ds, by="energy", top=1).splitlines()[2]
    ds["loss"] = ("candidate", np.arange(120.0), attrs("1", "lower", "loss"))
    lines = printed(ds, by="loss", top=1, width=140).splitlines()
    assert "loss" in lines[0]
    assert lines[2].split()[-1] == "0"


def test_without_accuracy_the_next_metric_ranks(ds):
    ds = ds.drop_vars(["accuracy", "accuracy_std", "accuracy_p05"])
    lines = printed(ds, top=1).splitlines()
    assert "accuracy" not in lines[0]
    assert lines[2].split()[2] == "ferroelectric_fefet"


def test_no_metric_at_all(ds):
    text = printed(ds[["status", "seconds"]])
    assert "no metric with a good direction" in text


def test_none_done(ds):
    text = printed(with_status(ds, failed=range(120)))
    assert "No candidate is done, so there is nothing to rank." in text
    assert "0 done, 120 failed, 0 pending" in text


def test_one_candidate_one_time_one_realisation():
    ds = study(materials=("sonos",), scales=(0.0,), bits=(8,), realisations=1, times=(20.0,))
    text = printed(ds)
    assert "sonos" in text
    assert "±" not in text
    assert "1 done" in text


def test_text_parameters_and_markup_are_printed_as_they_are(ds):
    names = np.array(["[bold]a"] * 60 + ["b"] * 60, dtype=object)
    ds = ds.assign_coords(scheme=("candidate", names))
    axes = [*json.loads(ds.attrs["axes"]), ["scheme", ["[bold]a", "b"]]]
    text = printed(ds.assign_attrs(axes=json.dumps(axes)), top=60, width=140)
    assert "[bold]a" in text


def test_errors(ds):
    with pytest.raises(UserError, match="did you mean energy"):
        ranking_table(ds, by="enrgy")
    with pytest.raises(UserError, match="top must be >= 0"):
        ranking_table(ds, top=-1)
    with pytest.raises(UserError, match="stored times"):
        ranking_table(ds, time=1)
