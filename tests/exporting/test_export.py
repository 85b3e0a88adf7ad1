"""Results as files of other programs: every number, text and unit of them."""

from __future__ import annotations

import builtins
import csv
import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import xarray as xr

from matsweep import store as m
from matsweep.core.checks import UserError
from matsweep.exporting import export, netcdf, tables

N, R, T = 7, 3, 2
FAILED, PENDING = 3, 5
MATERIALS = [*["pcm_gst", "Größe"] * 3, 'x, "y"']
AXES = json.dumps([{"name": "material", "values": None}])


def values(name):
    rng = np.random.default_rng(len(name))
    return rng.random({"accuracy": (N, R, T), "parts": (N, 2), "area": (N,), "count": (N, R)}[name])


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A store of which blocks are smaller, so that there are several."""
    monkeypatch.setattr(tables, "_MOST", 3)
    monkeypatch.setattr(netcdf, "_MOST", 3)
    path = m.create(
        tmp_path / "s.zarr",
        coordinates={
            "candidate_id": m.Coordinate(values=[f"{i:032x}" for i in range(N)]),
            "material": m.Coordinate(values=MATERIALS),
            "adc.bits": m.Coordinate(values=np.arange(N)),
            "ideal": m.Coordinate(values=np.arange(N) % 2 == 0),
            "noise": m.Coordinate(values=np.arange(N) / 3, attrs={"units": "S"}),
            "realisation": m.Coordinate(values=np.arange(R), dims=("realisation",)),
            "time": m.Coordinate(values=[1.0, 2592000.0], dims=("time",)),
            "component": m.Coordinate(values=["adc", "dac"], dims=("component",)),
        },
        variables=[
            m.Variable(name="accuracy", dims=("candidate", "realisation", "time"),
                       attrs={"units": "1", "long_name": "accuracy"}),
            m.Variable(name="count", dims=("candidate", "realisation")),
            m.Variable(name="parts", dims=("candidate", "component"), attrs={"units": "J"}),
            m.Variable(name="area", attrs={"units": "m2", "long_name": "area"}),
        ],
        attrs={"study": "Größe", "seed": 2**60, "axes": AXES, "deep": {"a": [True]}},
    )  # fmt: skip
    at = np.array([i for i in range(N) if i != PENDING])
    with m.open_store(path) as store:
        store.write(
            m.Part(
                positions=at,
                status=np.where(at == FAILED, 2, 1),
                error=["ValueError: hot,\nvery" if i == FAILED else "" for i in at],
                seconds=at / 8,
                values={name: values(name)[at] for name in ("accuracy", "parts", "area", "count")},
            )
        )
    return path


DONE = [i for i in range(N) if i not in (FAILED, PENDING)]


def read(file):
    if file.suffix == ".parquet":
        return pd.read_parquet(file)
    # Before pandas 3 the default is fast, and off in the last bit.
    exact = {"float_precision": "round_trip"} if int(pd.__version__.split(".")[0]) < 3 else {}
    return pd.read_csv(file, dtype={"candidate_id": str}, **exact)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_row_a_candidate_with_statistics_over_realisations(path, tmp_path, suffix):
    unit = "" if suffix == ".parquet" else " (J)"
    frame = read(export(path, tmp_path / "new" / f"out{suffix}"))
    assert frame["candidate"].tolist() == DONE
    assert set(frame["status"]) == {"done"}
    accuracy = values("accuracy")[DONE]
    for at, time in enumerate(("1", "2.592e+06")):
        mean, std = (frame[f"accuracy.{what}[time={time}]"] for what in ("mean", "std"))
        np.testing.assert_allclose(mean, accuracy[:, :, at].mean(axis=1), rtol=1e-14)
        np.testing.assert_allclose(std, accuracy[:, :, at].std(axis=1, ddof=1), rtol=1e-12)
    np.testing.assert_allclose(frame["count.mean"], values("count")[DONE].mean(axis=1), rtol=1e-14)
    np.testing.assert_array_equal(frame[f"parts[component=dac]{unit}"], values("parts")[DONE, 1])
    assert frame["material"].tolist() == [
        ["pcm_gst", "Größe"][i % 2] if i < 6 else 'x, "y"' for i in DONE
    ]
    assert frame["ideal"].tolist() == [i % 2 == 0 for i in DONE]
    assert frame["ideal"].dtype == bool
    assert frame["candidate_id"].tolist() == [f"{i:032x}" for i in DONE]


def test_csv_has_units_in_headings_and_parquet_in_metadata(path, tmp_path):
    headings = read(export(path, tmp_path / "out.csv")).columns
    assert {"area (m2)", "noise (S)", "seconds (s)", "accuracy.mean[time=1]"} <= set(headings)
    schema = pq.read_schema(export(path, tmp_path / "out.parquet"))
    assert schema.field("area").metadata == {b"units": b"m2", b"long_name": b"area"}
    assert json.loads(schema.metadata[b"matsweep"])["seed"] == 2**60


def test_csv_numbers_read_back_to_the_same_bits(path, tmp_path):
    with open(export(path, tmp_path / "out.csv"), encoding="utf-8", newline="") as file:
        areas = [float(row["area (m2)"]) for row in csv.DictReader(file)]
    np.testing.assert_array_equal(areas, values("area")[DONE])


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_failed_candidates_on_request_with_their_error(path, tmp_path, suffix):
    frame = read(export(path, tmp_path / f"out{suffix}", failed=True)).set_index("candidate")
    assert frame.index.tolist() == sorted([*DONE, FAILED])
    assert frame.loc[FAILED, "status"] == "failed"
    assert frame.loc[FAILED, "error"] == "ValueError: hot,\nvery"
    assert np.isnan(frame.loc[FAILED, "accuracy.mean[time=1]"])


def test_a_row_for_each_realisation_and_time(path, tmp_path):
    frame = read(export(path, tmp_path / "out.parquet", realisations=True))
    assert len(frame) == len(DONE) * R * T
    keys = frame[["candidate", "realisation", "time"]].drop_duplicates()
    assert len(keys) == len(frame)
    at = frame["candidate"], frame["realisation"], (frame["time"] > 1).astype(int)
    np.testing.assert_array_equal(frame["accuracy"], values("accuracy")[at])
    np.testing.assert_array_equal(frame["count"], values("count")[at[:2]])
    np.testing.assert_array_equal(frame["area"], values("area")[at[0]])
    np.testing.assert_array_equal(frame["parts[component=adc]"], values("parts")[at[0], 0])


def test_realisations_that_are_not_there_are_left_out_of_both(path, tmp_path):
    """As racing leaves them: of candidate 0 only one, of candidate 1 two."""
    ds = m.open_results(path).load()
    given = np.array([1, 2, R, 0, R, 0, R], dtype=np.int32)
    missing = np.arange(R) >= given[:, None]
    ds["accuracy"] = ds["accuracy"].where(~xr.DataArray(missing, dims=("candidate", "realisation")))
    ds["realisations"] = ("candidate", given)
    wide = pd.concat(
        [pd.DataFrame({k: c.values for k, c in t.items()})
         for t in tables.Rows(ds, long=False, failed=False).blocks()]
    )  # fmt: skip
    accuracy = values("accuracy")
    assert wide["accuracy.mean[time=1]"].iloc[0] == accuracy[0, 0, 0]
    assert np.isnan(wide["accuracy.std[time=1]"].iloc[0])
    np.testing.assert_allclose(
        wide["accuracy.std[time=1]"].iloc[1], accuracy[1, :2, 0].std(ddof=1), rtol=1e-12
    )
    long = [t["candidate"].values for t in tables.Rows(ds, long=True, failed=True).blocks()]
    counts = dict(zip(*np.unique(np.concatenate(long), return_counts=True), strict=True))
    assert counts == {0: T, 1: 2 * T, 2: R * T, FAILED: T, 4: R * T, 6: R * T}


def test_what_is_computed_again_keeps_the_rows_that_it_has(path):
    """A reopened candidate has a negative count of realisations until it is computed again."""
    ds = m.open_results(path).load()
    counts = np.array([-1, -2, -R, 0, R, 0, -R], dtype=np.int32)
    ds["realisations"] = ("candidate", counts)
    rows = np.concatenate(
        [table["candidate"].values for table in tables.Rows(ds, long=True, failed=False).blocks()]
    )
    found = dict(zip(*np.unique(rows, return_counts=True), strict=True))
    assert found == {each: abs(counts[each]) * T for each in DONE}


def test_netcdf_is_the_whole_dataset(path, tmp_path):
    file = export(path, tmp_path / "out.nc")
    with xr.open_dataset(file, engine="h5netcdf") as back:
        ds = m.open_results(path).load()
        assert json.loads(back.attrs.pop("deep")) == ds.attrs.pop("deep")
        xr.testing.assert_identical(back.drop_encoding().load(), ds)
        assert back["ideal"].dtype == bool
        assert back["status"].attrs["flag_values"].tolist() == [0, 1, 2]
        assert back["status"].dtype == np.int8


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".nc"])
def test_a_file_that_is_there_is_kept_unless_told(path, tmp_path, suffix):
    file = tmp_path / f"out{suffix}"
    file.write_text("precious")
    with pytest.raises(UserError, match="overwrite=true"):
        export(path, file)
    assert file.read_text() == "precious"
    export(path, file, overwrite=True)
    assert file.read_bytes()[:8] != b"precious"
    assert [each.name for each in tmp_path.glob(".*")] == []


@pytest.mark.parametrize("name", ["out.xlsx", "out", "out.CSV"])
def test_other_suffixes_are_refused(path, tmp_path, name):
    with pytest.raises(UserError, match=r"to must end in \.parquet, \.csv, \.nc"):
        export(path, tmp_path / name)


def test_rows_are_no_matter_of_netcdf(path, tmp_path):
    with pytest.raises(UserError, match=r"must be false for \.nc"):
        export(path, tmp_path / "out.nc", failed=True)


def test_nothing_done_is_told_and_leaves_no_file(path, tmp_path, monkeypatch):
    ds = m.open_results(path).load()
    ds["status"][:] = 0
    monkeypatch.setattr("matsweep.exporting.open_results", lambda _, **given: ds)
    with pytest.raises(UserError, match="no candidate to export yet"):
        export(path, tmp_path / "out.csv")
    assert list(tmp_path.glob("*.csv*")) == []


@pytest.mark.parametrize(("suffix", "package"), [(".nc", "h5netcdf"), (".parquet", "pyarrow")])
def test_a_missing_package_is_named(path, tmp_path, monkeypatch, suffix, package):
    plain = builtins.__import__

    def broken(name, *given, **named):
        if name == package:
            raise ImportError(name)
        return plain(name, *given, **named)

    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(UserError, match=r"pip install 'matsweep\[export\]'"):
        export(path, tmp_path / f"out{suffix}")
