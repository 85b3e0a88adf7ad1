"""Results that no change of the code may move: the same seed gives the same bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from .cases import CASES, EXPERIMENTS
from .pinning import TOLERANCE, arithmetic, computed, differences, load, record

pytestmark = pytest.mark.xdist_group("learning")  # they compile the same kernels

HINT = (
    "\nIf the change must move it, CHANGELOG.md says so and `python -m tests.pins.make` pins it "
    "again (see CONTRIBUTING.md)."
)


@pytest.fixture(scope="module")
def pins():
    return load()


@pytest.fixture(scope="module")
def exact(pins):
    """Whether this machine rounds as the one did that the pins are from."""
    return pins["arithmetic"] == arithmetic()


def test_every_case_is_pinned(pins):
    assert sorted(pins["cases"]) == sorted(CASES)


def test_every_experiment_has_a_case():
    folder = Path(__file__).parents[2] / "conf" / "experiment"
    assert sorted(EXPERIMENTS) == sorted(path.stem for path in folder.glob("*.yaml"))


def test_a_single_bit_a_name_and_a_moved_mean_are_noticed():
    def pinned(values, identity="ab"):
        return {"identities": [identity], "variables": {"x": record(xr.DataArray(values))}}

    values = np.array([1.0, 2.0, np.nan])
    was = pinned(values)
    assert differences(was, pinned(values.copy()), exact=True) == []
    bit = pinned(np.nextafter(values, 3))
    (line,) = differences(was, bit, exact=True)
    assert line.startswith("x: bits ")
    assert "mean 1.5 -> 1.5000000000000004" in line
    assert differences(was, bit, exact=False) == []
    for other in (values * 1.002, np.append(values[:2], 1.5), values.astype(np.float32), "text"):
        assert len(differences(was, pinned(other), exact=False)) == 1
    named = pinned(values, "cd")
    assert differences(was, named, exact=False) == ["candidates: pinned ['ab'], now ['cd']"]
    assert differences(was, named, exact=False, fitted=True) == []


def test_bits_are_compared(pins, exact):
    """Skipped, which shows, where the tests below compare means only."""
    if not exact:
        pytest.skip(
            f"pins are of {pins['arithmetic']}, this machine has {arithmetic()}: identities are "
            f"compared exactly, means to {TOLERANCE:g} of the rms; see tests/pins/make.py"
        )


@pytest.mark.parametrize("name", CASES)
def test_results_are_the_pinned_ones(name, pins, exact):
    """All bits; on another kind of processor identities, and means relative to the rms."""
    moved = differences(pins["cases"][name], computed(name), exact=exact, fitted=CASES[name].fitted)
    if moved:
        pytest.fail(f"{name} moved:\n" + "\n".join(moved) + HINT, pytrace=False)
