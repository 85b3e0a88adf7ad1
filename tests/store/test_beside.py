"""Readers next to a run: what they see is final, complete, or refused; never silently missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from matsweep import store as m
from matsweep.store import reader
from tests.store.test_objects import N, make, part

_DRIVER = """
import sys
sys.path[:0] = {path!r}
import numpy as np
import matsweep.store as m
with m.open_store({store!r}, fold_every=0.0) as store:
    for at in range({count}):
        i = np.array([at])
        store.write(m.Part(positions=i, status=[1], error=[""], seconds=[0.1], values={{
            "area": i / 7, "accuracy": i[:, None] + np.array([0.1, 0.2])}}))
    store.append({{"x": [7.0, 8.0]}})
    store.lengthen("realisation", [0, 1, 2])
with m.open_store({store!r}):
    pass
"""


@pytest.mark.parametrize("way", ["results", "summary"])
def test_a_reader_next_to_a_run_sees_what_is_done_and_nothing_else(
    tmp_path: Path, way: str
) -> None:
    place = make(tmp_path / "s.zarr")
    paths = [str(Path(m.__file__).parents[2])]
    code = _DRIVER.format(path=paths, store=str(place), count=N)
    looks, done = 0, 0
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) as run:
        while run.poll() is None:
            looks += 1
            if way == "summary":
                now = m.summary(place).done
            else:
                try:
                    ds = m.open_results(place).load()
                except m.StoreError as problem:
                    if "has grown since it was opened" not in str(problem):
                        raise
                    continue
                check(ds)
                now = int((ds.status == 1).sum())
            assert now >= done
            done = now
        assert run.stderr is not None
        assert run.returncode == 0, run.stderr.read().decode()
    assert looks > 3
    ds = m.open_results(place).load()
    check(ds)
    assert ds.sizes["candidate"] == N + 2
    assert m.summary(place).done == int((ds.status == 1).sum())


def check(ds: xr.Dataset) -> None:
    """Every realisation that is counted has its value."""
    at = np.flatnonzero(ds.status.values == 1)
    assert np.array_equal(ds.area.values[at], at / 7)
    for i in at.tolist():
        count = int(ds.realisations.values[i])
        assert np.array_equal(ds.accuracy.values[i, :count], (i + np.array([0.1, 0.2]))[:count])


def test_a_dataset_opened_before_the_store_grew_is_earlier_or_refused(tmp_path: Path) -> None:
    place = make(tmp_path / "s.zarr")
    with m.open_store(place) as store:
        store.write(part(list(range(N))))
    expected = m.open_results(place).load()
    before, later = m.open_results(place), m.open_results(place)
    with m.open_store(place) as store:
        store.append({"x": [7.0, 8.0]})
        store.lengthen("realisation", [0, 1, 2])
    assert before.load().identical(expected)
    with m.open_store(place):  # removes the chunks that no Dataset opened now needs
        pass
    for _ in range(2):
        with pytest.raises(
            m.StoreError, match=r"accuracy/c\.[012]\.0 is no longer in it; open it again"
        ):
            later.accuracy.load()
    assert m.open_results(place).isel(candidate=slice(N)).area.load().equals(expected.area)


def test_chunks_of_pending_candidates_are_missing_and_read_as_nan(tmp_path: Path) -> None:
    place = make(tmp_path / "s.zarr")
    ds = m.open_results(place)
    with m.open_store(place) as store:
        store.update_attrs({"note": "the document is another now"})
    assert np.isnan(ds.accuracy.values).all()


def test_a_store_that_grows_while_its_status_is_read_is_not_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = make(tmp_path / "s.zarr")
    with m.open_store(place) as store:
        store.write(part(list(range(N))))
    real = reader.salvaged_ledger

    def meanwhile(*given: Any) -> Any:
        found = real(*given)
        with m.open_store(place) as store:
            store.lengthen("realisation", [0, 1, 2])
        with m.open_store(place):  # removes the chunks that were there before
            pass
        return found

    expected = m.summary(place)
    monkeypatch.setattr(reader, "salvaged_ledger", meanwhile)
    assert m.summary(place) == expected
    assert not expected.damaged
