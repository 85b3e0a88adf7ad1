"""A fuzzer of stores: whatever is changed in one, readers give its numbers or say one line.

`MATSWEEP_FUZZ=2000 pytest tests/store/test_fuzz.py` takes that many examples instead of a few.
"""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import os
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from matsweep import store as m
from matsweep.core.checks import UserError
from matsweep.store.layout import DamagedError
from tests.store import hostile

EXAMPLES = int(os.environ.get("MATSWEEP_FUZZ", "15"))
FUZZ = settings(
    max_examples=EXAMPLES,
    derandomize="MATSWEEP_FUZZ" not in os.environ,
    database=None,
    phases=(Phase.explicit, Phase.generate),  # shrinking takes longer than reading the example
    suppress_health_check=list(HealthCheck),
)
EXHAUSTIVE = os.environ.get("MATSWEEP_EXHAUSTIVE") == "1"
REPLACED = ("swap", "values")  # whole chunks with other content: no checksum can tell


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the store `whole.zarr`, never opened itself, and a copy that is."""
    folder = tmp_path_factory.mktemp("fuzz")
    hostile.create(folder / "whole.zarr")
    shutil.copytree(folder / "whole.zarr", folder / "other.zarr")
    return folder


@pytest.fixture(scope="module")
def original(folder: Path) -> xr.Dataset:
    return m.open_results(folder / "other.zarr").load()


def attempt(
    folder: Path, change: Callable[[Path], str], reader: Callable[[Path, Path], object]
) -> tuple[str, UserError | None]:
    """Change a copy and read it; anything but matsweep's own error in one line is a failure."""
    path = folder / "changed.zarr"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(folder / "whole.zarr", path)
    said = change(path)
    refused = None
    try:
        with hostile.bounded(), warnings.catch_warnings():
            warnings.simplefilter("error")
            reader(path, folder)
    except UserError as problem:
        refused = problem
    except (Exception, hostile.Hang) as problem:
        problem.add_note(f"{reader.__name__} of a store with the change: {said}")
        raise
    assert refused is None or ("\n" not in str(refused) and len(str(refused)) < 900)
    return said, refused


@FUZZ
@given(data=st.data())
def test_a_changed_document_is_refused_or_read(folder: Path, data: st.DataObject) -> None:
    change = data.draw(hostile.document_changes(folder / "whole.zarr"))
    attempt(folder, change, data.draw(st.sampled_from(hostile.READERS)))


@FUZZ
@given(data=st.data())
def test_a_changed_file_is_refused_or_read(folder: Path, data: st.DataObject) -> None:
    change = data.draw(hostile.file_changes(folder / "whole.zarr"))
    attempt(folder, change, data.draw(st.sampled_from(hostile.READERS)))


@FUZZ
@given(data=st.data())
def test_no_change_of_a_file_gives_other_numbers(
    folder: Path, original: xr.Dataset, data: st.DataObject
) -> None:
    change = data.draw(hostile.file_changes(folder / "whole.zarr"))
    if change.how in REPLACED:  # type: ignore[attr-defined]
        return
    found: list[xr.Dataset] = []
    words = logging.handlers.BufferingHandler(100)  # where staged parts are folded, repairs follow
    log = logging.getLogger("matsweep.store")
    log.addHandler(words)
    try:
        said, _ = attempt(folder, change, lambda path, _: found.append(m.open_results(path).load()))
    finally:
        log.removeHandler(words)
    for ds in found:
        kept = ds.status.values == original.status.values
        assert kept.all() or "pending again" in words.buffer[0].getMessage(), said
        lost = ["seconds"] if words.buffer else []
        rows = [each.drop_vars(lost).isel(candidate=kept) for each in (ds, original)]
        assert hostile.equal(*rows), said


def test_every_flipped_bit_of_a_chunk_is_noticed_or_harmless(
    folder: Path, original: xr.Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    path = Path(shutil.copytree(folder / "whole.zarr", folder / "flipped.zarr"))
    shutil.rmtree(path / ".staged")  # else whoever opens the store repairs it first
    file = path / "latency" / "c.1"
    data, noticed = file.read_bytes(), 0
    for at in range(len(data)):
        for bit in range(8) if EXHAUSTIVE else (at % 8,):
            changed = bytearray(data)
            changed[at] ^= 1 << bit
            file.write_bytes(changed)
            values = None
            with contextlib.suppress(DamagedError):
                values = m.open_results(path).latency.values
            noticed += values is None
            if values is not None:
                np.testing.assert_array_equal(values, original.latency.values)
    assert noticed > (7.8 if EXHAUSTIVE else 0.95) * len(data)  # one bit of the header is unused
    with caplog.at_level(logging.WARNING):
        ds = m.open_results(path, damaged="skip").load()
    assert "left out 1 candidate, whose chunks are damaged: latency/c.1" in caplog.text
    whole = np.flatnonzero(ds.status.values == 1)
    assert whole.tolist() == [0, 1, 2, 6, 7]
    assert hostile.equal(ds.isel(candidate=whole), original.isel(candidate=whole))
