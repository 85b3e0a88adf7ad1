import json

import numpy as np
import pytest
import xarray as xr

from matsweep.core.checks import UserError
from tests.synthetic import TIMES, attrs, study, with_status


def tiny(**extra):
    """Four candidates with numbers to reckon by hand."""
    ds = xr.Dataset(
        {
            "accuracy": (
                ("candidate", "realisation"),
                [[0.90, 1.00], [0.80, 0.90], [0.95, 0.95], [0.99, 0.99]],
                attrs("1", "higher", "accuracy"),
            ),
            "energy": ("candidate", [10e-9, 1e-9, 20e-9, 5e-9], attrs("J", "lower", "energy")),
            "latency": ("candidate", [1e-6, 2e-6, 5e-6, 1e-9], attrs("s", "lower", "latency")),
            "area": ("candidate", [1e-8, 2e-8, 3e-8, 4e-8], attrs("m2", "lower", "area")),
            "seconds": ("candidate", [1.0, 2.0, 3.0, 4.0], {"units": "s"}),
            "status": ("candidate", np.array([1, 1, 1, 2], dtype=np.int8)),
            "error": ("candidate", np.array(["", "", "", "boom"], dtype=object)),
        },
        {
            "material": ("candidate", np.array(["pcm", "pcm", "vcm", "vcm"], dtype=object)),
            "device.noise.scale": ("candidate", [0.1, 0.2, 0.1, 0.2]),
            "tile.noise.scale": ("candidate", [1, 1, 2, 2]),
            "tile.adc.bits": ("candidate", [4, 8, 4, 8]),
            "device.g_max": ("candidate", [10e-6, 20e-6, 10e-6, 20e-6]),
        },
    )
    return ds.assign_attrs(extra)


def chosen(ds):
    return ds["candidate"].values.tolist()


# ------------------------------------------------------------------------------ summary


def test_summary_is_the_mean_at_the_last_time(ds):
    summary = ds.matsweep.summary()
    assert set(summary.dims) == {"candidate"}
    assert float(summary["time"]) == TIMES[-1]
    assert "30 days" in summary.attrs["summary"]
    assert "the last stored" in summary.attrs["summary"]
    np.testing.assert_allclose(
        summary["accuracy"], ds["accuracy"].isel(time=-1).mean("realisation")
    )
    np.testing.assert_array_equal(summary["accuracy_std"], ds["accuracy_std"].isel(time=-1))
    np.testing.assert_allclose(
        summary["energy_std"], ds["energy"].isel(time=-1).std("realisation", ddof=1)
    )
    assert summary["energy"].attrs == ds["energy"].attrs


def test_summary_at_a_stored_time(ds):
    by_number, by_text = ds.matsweep.summary(3600), ds.matsweep.summary("1 h")
    xr.testing.assert_identical(by_number, by_text)
    np.testing.assert_allclose(
        by_number["accuracy"], ds["accuracy"].sel(time=3600).mean("realisation")
    )


def test_the_last_time_is_the_largest():
    assert float(study(times=(3600.0, 20.0)).matsweep.summary()["time"]) == 3600.0


def test_summary_of_a_summary_is_itself(ds):
    once = ds.matsweep.summary(3600)
    xr.testing.assert_identical(once.matsweep.summary(), once)


def test_summary_refuses_other_times(ds):
    with pytest.raises(
        UserError, match=r"time \[s\] must be one of .* 20, 3600, 2.592e\+06; got 60"
    ):
        ds.matsweep.summary(60)
    with pytest.raises(UserError, match="hold no times"):
        tiny().matsweep.summary(60)


def test_summary_of_one_realisation_has_no_spread():
    summary = study(realisations=1).matsweep.summary()
    assert np.isnan(summary["energy_std"]).all()


def test_a_missing_realisation_makes_the_mean_unknown(ds):
    ds["accuracy"][3, 2, -1] = np.nan
    assert np.flatnonzero(np.isnan(ds.matsweep.summary()["accuracy"])).tolist() == [3]


# ------------------------------------------------------------------------------- pareto


def test_pareto_by_hand():
    ds = tiny()
    assert chosen(ds.matsweep.pareto()) == [0, 1]  # 2 is beaten by 0: equal accuracy, cheaper
    # Two realisations of 0 that differ by 10 % tell nothing apart.
    assert chosen(ds.matsweep.pareto(["accuracy"])) == [0, 1, 2]
    assert chosen(ds.matsweep.pareto(["accuracy"], tolerance=0, confidence=None)) == [0, 2]
    assert chosen(ds.matsweep.pareto("energy")) == [1]
    assert chosen(ds.matsweep.pareto({"bits": "higher"})) == [1]
    assert chosen(ds.matsweep.pareto({"energy": "higher"})) == [2]


def test_pareto_keeps_realisations_and_times(ds):
    front = ds.matsweep.pareto()
    assert front.sizes["time"] == 3
    assert front.sizes["realisation"] == 8
    assert "Pareto set of accuracy higher" in front.attrs["selection"]


def test_pareto_looks_at_the_time(ds):
    early, late = (ds.matsweep.pareto(time=t).sizes["candidate"] for t in (20, TIMES[-1]))
    assert early != late


def test_pareto_ignores_metrics_nobody_has(ds):
    ds["area"][:] = np.nan
    assert ds.matsweep.pareto().sizes["candidate"] > 0
    assert ds.drop_vars("area").matsweep.pareto().sizes == ds.matsweep.pareto().sizes


def test_pareto_of_done_candidates_only():
    ds = tiny()
    ds["status"][:] = 2
    assert ds.matsweep.pareto().sizes["candidate"] == 0


@pytest.mark.parametrize(
    ("objectives", "message"),
    [
        (["acuracy"], "did you mean accuracy"),
        (["seconds"], "no objective"),
        ({"energy": "best"}, "better of energy must be one of higher, lower"),
        ({"material": "higher"}, "holds text"),
        ([], "at least one"),
        (["scale"], "may mean"),
    ],
)
def test_pareto_errors(objectives, message):
    with pytest.raises(UserError, match=message):
        tiny().matsweep.pareto(objectives)


# ------------------------------------------------------------------------------- select


@pytest.mark.parametrize(
    ("constraints", "numbers"),
    [
        (["accuracy >= 0.95"], [0, 2]),
        (["accuracy >= 95 %"], [0, 2]),
        (["accuracy≥95%"], [0, 2]),
        (["accuracy > 95 %"], []),
        (["accuracy < 0.95"], [1]),
        (["accuracy != 0.95"], [1]),
        (["energy <= 10 nJ"], [0, 1]),
        (["energy < 10 nJ"], [1]),
        (["energy == 10000 pJ"], [0]),
        (["energy <= 1e-9"], [1]),
        (["latency <= 2 us"], [0, 1]),
        (["latency <= 2 µs"], [0, 1]),
        (["latency > 0.001 ms"], [1, 2]),
        (["area <= 0.02 mm2"], [0, 1]),
        (["area <= 20000 um2"], [0, 1]),
        (["accuracy >= 0.95", "energy <= 10 nJ"], [0]),
        (["bits == 8"], [1]),
        (["tile.adc.bits >= 4"], [0, 1, 2]),
        (["device.g_max >= 20 uS"], [1]),
        (["device.noise.scale <= 10 %"], [0, 2]),
        (["material == pcm"], [0, 1]),
        (["material != 'pcm'"], [2]),
        (["seconds <= 2"], [0, 1]),
        ([], [0, 1, 2]),
        (["accuracy > 2"], []),
    ],
)
def test_select_by_hand(constraints, numbers):
    assert chosen(tiny().matsweep.select(*constraints)) == numbers


def test_select_refuses_sums_and_comparisons_of_unlike_quantities():
    """energy / latency is a power, of which 3 to 30 mW are asked here."""
    ds = tiny()
    power = np.ravel(ds["energy"] / ds["latency"])
    assert chosen(ds.matsweep.select("energy / latency <= 5 mW")) == list(
        np.flatnonzero(power <= 5e-3)
    )
    for text in ("energy <= 10 nJ + 1 V", "energy / latency <= 5 mJ", "energy + latency <= 1"):
        with pytest.raises(UserError, match=r"^energy.*cannot be (added|compared)$"):
            ds.matsweep.select(text)


def test_select_by_keyword():
    ds = tiny()
    assert chosen(ds.matsweep.select(material="pcm")) == [0, 1]
    assert chosen(ds.matsweep.select(material=["pcm", "vcm"], bits=4)) == [0, 2]
    assert chosen(ds.matsweep.select(**{"device.noise.scale": 0.2})) == [1]
    assert chosen(ds.matsweep.select("energy <= 10 nJ", g_max="10 uS")) == [0]
    assert chosen(ds.matsweep.select(material=[])) == []


def test_select_needs_no_exact_digits_of_sums():
    accuracy = np.full((1, 3, 1), 0.95)
    ds = study(materials=("sonos",), scales=(0.0,), bits=(4,), realisations=3, times=(1.0,))
    for dtype in (np.float64, np.float32):
        ds["accuracy"] = ds["accuracy"].copy(data=accuracy).astype(dtype)
        assert ds.matsweep.select("accuracy >= 0.95").sizes["candidate"] == 1
        assert ds.matsweep.select("accuracy > 0.95").sizes["candidate"] == 0
        assert ds.matsweep.select("accuracy == 95 %").sizes["candidate"] == 1


def test_an_empty_selection_is_a_dataset():
    empty = tiny().matsweep.select("accuracy > 2")
    assert empty.sizes["candidate"] == 0
    assert set(empty.data_vars) == set(tiny().data_vars)
    assert empty.matsweep.pareto().sizes["candidate"] == 0
    assert empty.matsweep.rank().sizes["candidate"] == 0
    assert empty.matsweep.select(material="pcm").sizes["candidate"] == 0


def test_select_ignores_nan():
    ds = tiny()
    ds["energy"][1] = np.nan
    assert chosen(ds.matsweep.select("energy != 1 nJ")) == [0, 2]


def test_select_of_booleans():
    ds = tiny().assign_coords(flag=("candidate", [True, False, True, True]))
    assert chosen(ds.matsweep.select("flag == true")) == [0, 2]
    assert chosen(ds.matsweep.select(flag=False)) == [1]
    with pytest.raises(UserError, match="true or false"):
        ds.matsweep.select("flag == maybe")


def test_selections_chain_and_tell(ds):
    result = ds.matsweep.select("energy <= 10 nJ").matsweep.pareto(["accuracy"])
    assert result.attrs["selection"] == "energy <= 10 nJ; Pareto set of accuracy higher"
    best = ds.matsweep.select("energy <= 10 nJ").matsweep.rank()
    assert chosen(result) == chosen(best)[:1]


def test_select_at_a_time(ds):
    early = ds.matsweep.select("accuracy >= 92 %", time=20).sizes["candidate"]
    late = ds.matsweep.select("accuracy >= 92 %").sizes["candidate"]
    assert early > late > 0


@pytest.mark.parametrize(
    ("constraint", "message"),
    [
        ("acuracy >= 0.9", "no metric or parameter 'acuracy'; did you mean accuracy"),
        ("xyzzy >= 0.9", "known are accuracy, accuracy_std, area"),
        ("scale >= 0.1", "may mean device.noise.scale or tile.noise.scale"),
        ("energy <= 10 nj", "unknown unit 'nj'; did you mean nJ"),
        ("energy <= 10 ns", "ns is a time; write for example 10 nJ"),
        ("energy <= ten", "compared with a number, got 'ten'"),
        ("energy =< 10 nJ", "unknown operator '=<'; did you mean <="),
        ("energy = 10 nJ", "did you mean =="),
        ("energy ~ 10 nJ", "unknown operator '~'"),
        ("energy 10 nJ", "NAME OPERATOR VALUE"),
        ("energy <=", "NAME OPERATOR VALUE"),
        ("", "NAME OPERATOR VALUE"),
        ("0.9 <= accuracy", "the name comes first"),
        ("0.9 <= accuracy <= 1", "one constraint per comparison"),
        ("material >= pcm", "holds text"),
        ("material == pmc", "material is never 'pmc' in this study; did you mean pcm"),
        ("__import__('os').system('true') == 1", "no metric or parameter"),
        (3, "NAME OPERATOR VALUE"),
    ],
)
def test_select_errors(constraint, message):
    with pytest.raises(UserError, match=message):
        tiny().matsweep.select(constraint)


def test_select_errors_of_keywords():
    with pytest.raises(UserError, match="did you mean material"):
        tiny().matsweep.select(materiel="pcm")
    with pytest.raises(UserError, match="compared with a number, got None"):
        tiny().matsweep.select(bits=None)


def test_a_material_of_the_study_that_a_selection_lost_is_no_mistake(ds):
    few = ds.matsweep.select(material="sonos")
    assert few.matsweep.select(material="pcm_gst").sizes["candidate"] == 0


# --------------------------------------------------------------------------------- rank


def test_rank_by_hand():
    ds = tiny()
    ranked = ds.matsweep.rank()
    assert chosen(ranked) == [0, 2, 1]  # 0 and 2 are equal: in their order
    assert ranked["rank"].values.tolist() == [1, 2, 3]
    assert chosen(ds.matsweep.rank("energy")) == [1, 0, 2]
    assert chosen(ds.matsweep.rank(["accuracy", "energy"])) == [0, 2, 1]
    assert chosen(ds.matsweep.rank({"accuracy": "higher", "latency": "higher"})) == [2, 0, 1]


def test_rank_puts_nan_last():
    ds = tiny()
    ds["energy"][1] = np.nan
    assert chosen(ds.matsweep.rank("energy")) == [0, 2, 1]


def test_rank_errors():
    with pytest.raises(UserError, match="no objective"):
        tiny().matsweep.rank("seconds")
    with pytest.raises(UserError, match="no metric or parameter 'accuracy'"):
        tiny().drop_vars("accuracy").matsweep.rank()


# ---------------------------------------------------------------------------- in general


def test_status_flags_are_read_from_the_attributes():
    ds = tiny()
    ds["status"] = ds["status"].assign_attrs(flag_values=[1, 2], flag_meanings="failed done")
    assert chosen(ds.matsweep.select()) == [3]
    assert chosen(ds.drop_vars("status").matsweep.select()) == [0, 1, 2, 3]


def test_a_dataset_without_candidates_is_refused():
    with pytest.raises(UserError, match="no dimension 'candidate'"):
        xr.Dataset({"x": ("y", [1.0])}).matsweep.summary()


def test_nothing_changes_the_dataset(ds):
    before = ds.copy(deep=True)
    ds.matsweep.summary()
    ds.matsweep.rank()
    ds.matsweep.select("accuracy > 0.9")
    ds.matsweep.grid()
    xr.testing.assert_identical(ds, before)


@pytest.mark.filterwarnings("ignore:.*(specification|consolidated).*")
def test_lazily_opened_results(ds, tmp_path):
    ds = with_status(ds, pending=[1], failed=[2])
    ds.to_zarr(tmp_path / "ds.zarr", zarr_format=2)
    lazy = xr.open_zarr(tmp_path / "ds.zarr", chunks=None)
    assert chosen(lazy.matsweep.pareto()) == chosen(ds.matsweep.pareto())
    assert chosen(lazy.matsweep.rank()) == chosen(ds.matsweep.rank())
    front = lazy.matsweep.pareto()
    assert not front["accuracy"].variable._in_memory
    xr.testing.assert_allclose(lazy.matsweep.grid()["energy"], ds.matsweep.grid()["energy"])
    assert json.loads(front.attrs["axes"])[0][0] == "material"
