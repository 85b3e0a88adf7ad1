import json

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from matsweep.core.checks import UserError
from tests.conditioned import NOISE, conditioned
from tests.synthetic import study, with_status

AXES = ("material", "device.programming_error.scale", "tile.adc.bits")


def test_the_axes_become_dimensions(ds):
    grid = ds.matsweep.grid()
    assert grid["accuracy"].dims == (*AXES, "realisation", "time")
    assert grid["area"].dims == AXES
    assert grid["material"].values.tolist()[:2] == ["pcm_gst", "hfox_vcm"]  # as in `axes`
    assert grid["tile.adc.bits"].values.tolist() == [4, 5, 6, 7, 8, 10]
    assert grid["tile.adc.bits"].dtype.kind == "i"
    assert set(grid.data_vars) == set(ds.data_vars)
    assert grid["candidate_id"].dims == AXES
    assert grid["accuracy"].attrs == ds["accuracy"].attrs


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_any_order_of_the_candidates_gives_the_same_grid(seed):
    ds = study(realisations=2)
    shuffled = ds.isel(candidate=np.random.default_rng(seed).permutation(ds.sizes["candidate"]))
    same = ds.matsweep.grid().drop_vars("candidate")  # the position, unless it is stored
    xr.testing.assert_identical(shuffled.matsweep.grid().drop_vars("candidate"), same)


def test_every_value_is_at_its_place():
    ds = study(shuffle=True)
    grid = ds.matsweep.grid()
    for i in range(ds.sizes["candidate"]):
        where = {name: ds[name].values[i] for name in AXES}
        np.testing.assert_array_equal(grid["accuracy"].sel(where), ds["accuracy"][i])
        assert str(grid["candidate_id"].sel(where).values) == ds["candidate_id"].values[i]


def test_undone_points_are_nan_and_keep_their_status(ds):
    ds = with_status(ds, pending=[0], failed=[7])
    ds["seconds"][7] = 3.0
    ds["count"] = ("candidate", np.arange(ds.sizes["candidate"]))
    grid = ds.matsweep.grid()
    first = {"material": "pcm_gst"}
    assert int(grid["status"].sel(first)[0, 0]) == 0
    assert int(grid["status"].sel(first)[1, 1]) == 2
    assert grid["status"].dtype == np.int8
    assert str(grid["error"].sel(first)[1, 1].values) == "ValueError: boom"
    for name in ("accuracy", "seconds", "count"):
        assert np.isnan(grid[name].sel(first).values[1, 1]).all()
        assert int(np.isnan(grid[name]).any(set(grid[name].dims) - set(AXES)).sum()) == 2


def test_an_unswept_material_becomes_a_scalar():
    ds = study(materials=("sonos",))
    axes = [axis for axis in json.loads(ds.attrs["axes"]) if axis[0] != "material"]
    grid = ds.assign_attrs(axes=json.dumps(axes)).matsweep.grid()
    assert grid["material"].dims == ()
    assert str(grid["material"].values) == "sonos"
    assert grid["energy"].dims[:2] == AXES[1:]


@pytest.mark.parametrize(
    "form",
    [
        lambda axes: dict(axes),
        lambda axes: [{"name": name, "values": values} for name, values in axes],
    ],
)
def test_other_forms_of_the_axes(ds, form):
    axes = json.loads(ds.attrs["axes"])
    other = ds.assign_attrs(axes=json.dumps(form(axes)))
    assert other.matsweep.grid().sizes == ds.matsweep.grid().sizes


def test_axes_of_texts_numbers_and_nothing():
    def one(values, stored):
        ds = xr.Dataset({"x": ("candidate", [1.0, 2.0])}, {"a.b": ("candidate", stored)})
        return ds.assign_attrs(axes=json.dumps([["a.b", values]])).matsweep.grid()

    assert one([8, "auto"], np.array(["auto", "8"], dtype=object))["x"].values.tolist() == [2, 1]
    assert one([None, 4], [4.0, np.nan])["x"].values.tolist() == [2, 1]
    assert one([1, 2], [2.0, 1.0])["x"].values.tolist() == [2, 1]
    assert one([False, True], [True, False])["x"].values.tolist() == [2, 1]


@pytest.mark.parametrize("axes", ["null", json.dumps([["tile.adc.bits", None]]), "[]"])
def test_a_design_without_lists_has_no_grid(ds, axes):
    with pytest.raises(UserError, match=r"not a full factorial.* so it has no grid; use the flat"):
        ds.assign_attrs(axes=axes).matsweep.grid()
    with pytest.raises(UserError, match="not a full factorial"):
        ds.drop_attrs().matsweep.grid()


def test_a_missing_combination_is_named(ds):
    message = (
        "material=pcm_gst, device.programming_error.scale=0.01, tile.adc.bits=5 is missing "
        r"\(1 of 120 are\)"
    )
    with pytest.raises(UserError, match=message):
        ds.drop_isel(candidate=7).matsweep.grid()
    with pytest.raises(UserError, match=r"material=sonos, .*=0.05, tile.adc.bits=10 is missing"):
        ds.isel(candidate=slice(0, -1)).matsweep.grid()
    with pytest.raises(UserError, match=r"after a selection call .grid"):
        ds.matsweep.pareto().matsweep.grid()


def test_a_double_combination_is_named(ds):
    double = xr.concat([ds, ds.isel(candidate=[7])], "candidate", data_vars="all", coords="minimal",
                       compat="override", join="override")  # fmt: skip
    with pytest.raises(UserError, match=r"scale=0.01, tile.adc.bits=5 is there more than once"):
        double.matsweep.grid()


def test_values_and_axes_that_do_not_fit(ds):
    axes = dict(json.loads(ds.attrs["axes"]))
    with pytest.raises(UserError, match=r"tile.adc.bits=7 is none of the values 4, 5"):
        ds.assign_attrs(axes=json.dumps(axes | {"tile.adc.bits": [4, 5, 6]})).matsweep.grid()
    with pytest.raises(UserError, match="more than once"):
        ds.assign_attrs(axes=json.dumps(axes | {"tile.adc.bits": [4, 4.0]})).matsweep.grid()
    with pytest.raises(UserError, match="no coordinate along candidate"):
        ds.assign_attrs(axes=json.dumps(axes | {"other": [1]})).matsweep.grid()
    huge = {name: list(range(10**4)) for name in (f"a{i}" for i in range(5))}
    coords = {name: ("candidate", [0]) for name in huge}
    with pytest.raises(UserError, match="cannot all be there"):
        xr.Dataset(coords=coords, attrs={"axes": json.dumps(huge)}).matsweep.grid()


@pytest.mark.parametrize("zero", ["0", "0.0"])  # as text, and as text of a merged float
def test_an_axis_of_null_numbers_and_texts_has_a_grid(zero):
    levels = (None, 0, 0.05, "device")
    ds = conditioned({"a": (0.9, 0.8, 0.7, 0.6), "b": (0.5, 0.4, 0.3, 0.2)}, levels)
    texts = ds[NOISE].values.astype("U6")
    ds[NOISE] = ("candidate", np.where(texts == "0", zero, texts))
    grid = ds.matsweep.grid()
    assert grid[NOISE].values.tolist() == ["null", zero, "0.05", "device"]
    merits = grid["accuracy"].mean("realisation").isel(time=0, **{"adc.bits": 0})
    assert merits.sel({"material": "b"}).values == pytest.approx([0.5, 0.4, 0.3, 0.2])
    with pytest.raises(UserError, match=f"{NOISE}=null"):
        ds.isel(candidate=slice(1, None)).matsweep.grid()


def test_texts_of_one_number_stay_apart():
    ds = conditioned({"a": (0.9, 0.8)}, ("1", "1.0"))
    assert ds.matsweep.grid()[NOISE].values.tolist() == ["1", "1.0"]


def test_null_selects_candidates_of_any_mixed_axis():
    ds = conditioned({"a": (0.9, 0.8)}, stated=False)  # a parameter like others
    assert ds.matsweep.select(noise=None).sizes["candidate"] == 1
    assert ds.matsweep.select(noise="null").sizes["candidate"] == 1
