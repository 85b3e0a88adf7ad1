import io
import json

import numpy as np
import pytest
import xarray as xr
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
    first, *lines = printed(ds, top=8).splitlines()
    assert first == "all rows: scale 0"
    header = lines[0].split()
    assert header == [
        "●",
        "material",
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
    assert first[:3] == ["=", "ecram_metal_oxide", "10"]
    assert first[-1] == "53"
    assert "nJ" in lines[2]
    assert "µs" in lines[2]
    assert "mm²" in lines[2]
    best = ds.matsweep.rank().isel(candidate=0, time=-1)
    mean, spread = float(best["accuracy"].mean()), float(best["accuracy_std"])
    assert percent(mean, spread) in lines[2]
    assert (
        "= 3 candidates cannot be told apart from the best by accuracy (95 %, all compared at once)"
        in lines
    )


def test_the_whole_pareto_set_is_listed(ds):
    text = printed(ds, top=0)
    rows = [line for line in text.splitlines() if "nJ" in line or "pJ" in line]
    size = ds.matsweep.pareto().sizes["candidate"]
    assert len(rows) == size
    assert all("●" in row for row in rows)
    assert f"Pareto set: {size} of 120" in text
    assert (
        "9 candidates are left off, as another is as good, and clearly better in something" in text
    )
    assert "Their leads are no more than 0.5" in text.replace("\n", " ")
    assert f"{120 - size} more done candidates not shown" in text


def test_the_best_of_each_material_and_the_set_stand_first(ds):
    """Others follow, in their order, up to the number asked for."""
    table = ranking_table(ds, top=25)
    ranked = ds.matsweep.rank()
    names, numbers = ranked["material"].values, ranked["candidate"].values
    leaders = {int(numbers[names == name][0]) for name in set(names.tolist())}
    wanted = leaders | set(ds.matsweep.pareto()["candidate"].values.tolist())
    listed = [int(row["no."]) for row in table.rows]
    place = {int(number): at for at, number in enumerate(numbers)}
    assert set(listed[: table.first]) == wanted
    assert len(listed) == 25
    for part in (listed[: table.first], listed[table.first :]):
        assert [place[number] for number in part] == sorted(place[number] for number in part)


def test_candidates_like_a_better_one_of_their_material_are_counted(ds):
    """Copies of the best differ from it in nothing, and those of another material in all."""
    copies = [0, 5, 119]
    best = int(ds.matsweep.rank()["candidate"][0])
    ds["accuracy"][copies] = ds["accuracy"][best]
    names = ds["material"].values.copy()
    names[copies] = names[best]
    ds = ds.assign_coords(material=("candidate", names))
    few, whole = (ranking_table(ds, top=top) for top in (6, 120))
    for table in (few, whole):
        alone = {int(row["no."]) for row in table.rows} & {best, *copies}
        front = {*ds.matsweep.pareto()["candidate"].values.tolist()} & {best, *copies}
        assert alone <= front | {int(ds.matsweep.rank()["candidate"][0])}
    footer = "".join(few.footer)
    assert "; of these " in footer
    assert "cannot be told apart from a better one of their material" in footer


@pytest.mark.parametrize("materials", [True, False])
def test_without_realisations_only_equal_ones_are_alike(ds, materials):
    plain = ds.mean("realisation", keep_attrs=True)
    plain["accuracy"][1] = plain["accuracy"][0]
    plain = plain if materials else plain.drop_vars("material")
    table = ranking_table(plain, top=120)
    assert len(table.rows) in (119, 120)
    text = " ".join(table.footer)
    assert ("told apart from a better one" in text) == (len(table.rows) == 119)


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
    lines = printed(ds, width=50, top=1).splitlines()
    assert "bits=10" in " ".join(lines[3:6]).split()
    assert "bits=" not in printed(ds, width=80)


def test_a_row_is_a_line_of_80_columns(ds):
    """All costs fit, and parameters that differ have columns; those that do not stand above."""
    table = ranking_table(ds, top=8)
    lines = printed(ds, width=80, top=8).splitlines()
    numbers = [row["no."] for row in table.rows]
    assert [line.split()[-1] for line in lines[3 : 3 + len(numbers)]] == numbers
    assert "area" in lines[1]


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
    assert "ferroelectric_fefet" in printed(ds, by="energy", top=1, width=140).splitlines()[2]
    ds["loss"] = ("candidate", np.arange(120.0), attrs("1", "lower", "loss"))
    lines = printed(ds, by="loss", top=1, width=140).splitlines()
    assert lines[0] == "all rows: scale 0"
    assert "loss" in lines[1]
    assert lines[3].split()[-1] == "0"


def test_without_accuracy_the_next_metric_ranks(ds):
    ds = ds.drop_vars(["accuracy", "accuracy_std", "accuracy_p05"])
    lines = printed(ds, top=1).splitlines()
    header = next(line for line in lines if "material" in line)
    assert "accuracy" not in header
    assert "ferroelectric_fefet" in lines[lines.index(header) + 2]


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


def test_more_rows_are_listed_where_more_are_asked_for():
    """600 candidates that are all told apart, and 550 rows."""
    accuracy = 0.5 + np.arange(600.0)[:, None] / 1e4 + np.zeros((600, 4))
    accuracy += 1e-6 * np.random.default_rng(0).standard_normal(accuracy.shape)
    ds = xr.Dataset(
        {
            "accuracy": (("candidate", "realisation"), accuracy, attrs("1", "higher", "accuracy")),
            "status": ("candidate", np.ones(600, np.int8)),
        },
        {"device.g_max": ("candidate", np.arange(600.0))},
        {"axes": json.dumps([["device.g_max", None]])},
    )
    table = ranking_table(ds, top=550)
    assert [int(row["no."]) for row in table.rows] == list(range(599, 49, -1))
    assert [row[""] for row in table.rows[:2]] == ["1", "2"]  # the best is alone, and no tie


def test_rows_are_left_out_within_the_paired_error_alone():
    """Of eight realisations Student's quantile is 2.36: differences of 2.0 and 2.7 errors."""
    wave = np.array([1, -1, 1, -1, 1, -1, 1, -1]) * 1e-3
    error = wave.std(ddof=1) / np.sqrt(8)
    best = 0.95 + 1e-2 * np.linspace(-1, 1, 8)
    values = np.stack([best, best + wave - 2.0 * error, best + wave - 2.7 * error])
    ds = xr.Dataset(
        {
            "accuracy": (("candidate", "realisation"), values, attrs("1", "higher", "accuracy")),
            "energy": ("candidate", [1e-9, 2e-9, 3e-9], attrs("J", "lower", "energy")),
            "status": ("candidate", np.ones(3, np.int8)),
        },
        {"device.g_max": ("candidate", [1.0, 2.0, 3.0])},
        {"axes": json.dumps([["device.g_max", None]])},
    )
    table = ranking_table(ds, top=3)
    assert [row["no."] for row in table.rows] == ["0", "2"]
    assert any("of these 1" in line for line in table.footer)


def test_realisations_that_both_have_decide_which_rows_are_alike():
    """The best was given four of eight realisations, in which the other is as good."""
    values = 0.95 + 1e-2 * np.linspace(-1, 1, 8) + np.zeros((2, 8))
    values[0] += 2e-2 * (np.arange(8) < 4)  # of the first four they have the same mean below
    values[1] += 2e-2 * (np.arange(8) < 4) + 1e-3 * np.array([1, -1, -1, 1, 0, 0, 0, 0])
    values[0, 4:] = np.nan
    ds = xr.Dataset(
        {
            "accuracy": (("candidate", "realisation"), values, attrs("1", "higher", "accuracy")),
            "energy": ("candidate", [1e-9, 2e-9], attrs("J", "lower", "energy")),
            "status": ("candidate", np.ones(2, np.int8)),
            "realisations": ("candidate", np.array([4, 8])),
        },
        {"device.g_max": ("candidate", [1.0, 2.0])},
        {"axes": json.dumps([["device.g_max", None]])},
    )
    table = ranking_table(ds, top=2)
    assert [row["no."] for row in table.rows] == ["0"]
