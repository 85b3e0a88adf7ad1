"""Currents at any finite voltage: finite, or refused by name."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsweep.core.checks import UserError
from matsweep.devices import (
    AnalogDevice,
    CubicIV,
    CurrentLaw,
    NeuroSimIV,
    SeriesIV,
    SinhIV,
    WritePulse,
)
from matsweep.devices.currents import HIGHEST_VOLTAGE, finite_current
from tests.families import FAMILIES, families

LAWS = {
    "ohmic": None,
    "sinh": SinhIV(0.2),
    "referred": SinhIV(0.05, reference=0.2),
    "cubic": CubicIV(second=(0.007,), third=(0.0013,)),
    "neurosim": NeuroSimIV(ratio=10.0, read_voltage=0.5, write_voltage=3.2),
    "series": SeriesIV(resistance=1e4),
    "series_sinh": SeriesIV(resistance=1e4, law=SinhIV(0.05)),
}
finite = st.floats(allow_nan=False, allow_infinity=False)


def device(iv=None, **parameters):
    base = {"g_min": 1e-6, "g_max": 25e-6, "read_voltage": 0.2, "cell_size": 16.0, "iv": iv}
    return AnalogDevice(**{**base, **parameters})


def attempt(compute):
    """Value and an empty message, or None and the message of the refusal."""
    try:
        return compute(), ""
    except UserError as error:
        return None, str(error)


def check(used, voltage, dtype):
    """Compute a current and a read; either both are finite, or the message names the voltage."""
    g = np.linspace(used.g_min, used.g_max, 3).astype(dtype)
    for compute in (
        lambda: used.current(g, voltage),
        lambda: used.read(g, voltage, rng=np.random.default_rng(0)),
    ):
        out, message = attempt(compute)
        if message:
            assert "voltage [V] must give a finite current by" in message
        else:
            assert out.dtype == dtype
            assert np.isfinite(out).all()


def test_every_law_is_covered():
    kinds = {CurrentLaw.registry[k] for k in CurrentLaw.registry if CurrentLaw.registry.is_own(k)}
    assert kinds == {type(law) for law in LAWS.values() if law is not None}


@given(voltage=finite, name=st.sampled_from(sorted(LAWS)), dtype=st.sampled_from(["f4", "f8"]))
def test_a_law_gives_a_finite_current_or_names_the_voltage(voltage, name, dtype):
    check(device(LAWS[name]), voltage, np.dtype(dtype))


@given(voltage=finite, name=st.sampled_from(FAMILIES), dtype=st.sampled_from(["f4", "f8"]))
def test_a_family_gives_a_finite_current_or_names_the_voltage(voltage, name, dtype):
    check(families()[name].device, voltage, np.dtype(dtype))


@given(voltage=st.floats(1e-6, 1e308), name=st.sampled_from(FAMILIES))
def test_a_read_voltage_is_usable_or_refused_when_the_device_is_built(voltage, name):
    built, message = attempt(
        lambda: dataclasses.replace(families()[name].device, read_voltage=voltage)
    )
    if message:
        assert "read_voltage [V] must" in message
        assert voltage > 10
    else:
        g = np.array([built.g_min, built.g_max], np.float32)
        assert np.isfinite(built.read(g, rng=np.random.default_rng(0))).all()
        assert np.isfinite(np.float32(built.read_voltage**2) * g).all()


def test_a_voltage_beyond_any_device_is_refused():
    assert device(read_voltage=HIGHEST_VOLTAGE).read_voltage == 1000
    with pytest.raises(UserError, match=r"read_voltage \[V\] must be in \[0, 1000\], got 1e\+160"):
        device(read_voltage=1e160)
    for name in ("voltage_up", "voltage_down"):
        with pytest.raises(UserError, match=rf"{name} \[V\] must be in \[-1000, 1000\]"):
            WritePulse(**{name: -1e200})
    with pytest.raises(UserError, match=r"read_voltage \[V\] must give a finite current by the I–V "
                                        r"law \(NeuroSimIV\), got 500"):  # fmt: skip
        device(LAWS["neurosim"], read_voltage=500.0)


def test_a_reference_beyond_the_largest_sinh_is_refused():
    with pytest.raises(UserError, match=r"reference \[V\] must be <= 700 v0 = 0.7, .* got 1.0"):
        SinhIV(1e-3, reference=1.0)


@pytest.mark.parametrize("name", [each for each in LAWS if each != "ohmic"])
def test_a_read_at_no_voltage_is_the_limit_of_small_ones(name):
    used, g = device(LAWS[name]), np.array([1e-6, 2e-5])
    still = used.read(g, 0.0, rng=np.random.default_rng(0))
    np.testing.assert_allclose(still, used.read(g, 1e-14, rng=np.random.default_rng(0)), rtol=1e-6)
    mixed = used.read(g, np.array([0.0, 0.2]), rng=np.random.default_rng(0))
    assert mixed[0] == still[0]
    assert mixed[1] == used.read(g, 0.2, rng=np.random.default_rng(0))[1]


@pytest.mark.parametrize("voltage", [0.2, 5.0, 50.0, 1000.0, -1000.0])
def test_a_resistance_in_series_carries_what_the_steepest_device_leaves(voltage):
    """Behind R the current is (V - u) / R with u = v0 asinh(I / (G v0)), however large V / v0."""
    law, g = LAWS["series_sinh"], np.array([1e-6, 2e-5])
    current = finite_current(law, g, voltage)
    inner = 0.05 * np.arcsinh(current / (g * 0.05))
    np.testing.assert_allclose(current, (voltage - inner) / 1e4, rtol=1e-8)
