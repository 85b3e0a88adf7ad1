"""Devices that cannot be programmed: what is stored, and how the report names the reason."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

import matsweep
from matsweep.analysis.placement import placement_of
from matsweep.cli import main
from matsweep.reporting import report
from matsweep.reporting.choice import choose
from matsweep.reporting.programming import stuck, unprogrammed

SMALL = ["workload.epochs=30", "workload.hidden=[20]", "realisations=3", "times=[1]",
         "executor=serial", "unknowns=neutral"]  # fmt: skip


def walk(path):
    """Write reads of devices that pulses move by 2 % of the range, with a noise of 8 %."""
    rng = np.random.default_rng(21)
    lines = ["device,pulse,polarity,conductance [uS]"]
    for device in range(4):
        state = 0.5
        for sign in (1, -1) * 6:
            for pulse in range(41):
                if pulse:
                    moved = state + sign * 0.02 + 0.08 * rng.standard_normal()
                    state = min(max(moved, 0.0), 1.0)
                lines.append(f"d{device},{pulse},{sign:+d},{1 + 50 * state:.4f}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def printed(function, *arguments, **options):
    console = Console(file=io.StringIO(), width=400)
    function(*arguments[:1], console, *arguments[1:], **options)
    return console.file.getvalue()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Study of a calibrated random walk next to two shipped materials."""
    folder = tmp_path_factory.mktemp("walk")
    walk(folder / "walk.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["calibrate", "walk.csv", "name=walk", "model=linear_step"]) == 0
        sweep = ["-m", "material=walk,pcm_gst,ecram_oxide"]
        assert main(["explore", "--config-dir", "conf", *sweep, *SMALL, "study=walk"]) == 0
    return folder


def test_what_pulses_do_not_control_comes_last_with_the_reason(place, tmp_path):
    ds = matsweep.open_results(place / "results" / "walk.zarr")
    accuracy = ds.accuracy.mean(("realisation", "time")).values
    assert ds.material.values.tolist() == ["walk", "pcm_gst", "ecram_oxide"]
    assert accuracy[0] < accuracy[1:].min() - 0.05
    # Noise of 8 % against steps of 2 %: held to 0.08² / (√2 0.02) = 23 % of the range.
    device = matsweep.load_material("walk", config_dir=place / "conf").device
    assert device.write_verify.tolerance == pytest.approx(0.23, rel=0.25)
    assert ds.pulse_noise.values[0] == pytest.approx(0.08, rel=0.1)
    assert ds.pulse_step.values[0] == pytest.approx(0.02, rel=0.25)
    error = ds.programming_error.mean("realisation").values
    assert error[0] > 0.06
    assert 0.01 < error[1] < 0.05
    assert error[2] == 0
    assert np.isnan(ds.missed_devices.values[1:]).all()
    assert ds.write_tolerance.values[0] == pytest.approx(device.write_verify.tolerance)
    assert np.isnan(ds.write_tolerance.values[1:]).all()
    for text in (
        printed(report, ds, tmp_path, html=False, markdown=False),
        printed(choose, ds),
    ):
        assert "walk cannot be programmed closely: its devices end" in text
        assert f"one pulse has a noise of {100 * ds.pulse_noise.values[0]:.2g} %" in text
        accepted = f"accepts {100 * ds.write_tolerance.values[0]:.2g} % of the range here"
        assert f"Write and verify {accepted}" in text
        assert "pcm_gst cannot be programmed" not in text


@pytest.mark.parametrize(
    ("error", "missed", "noise", "named"),
    [
        (0.07, 0.0, 0.03, True),
        (0.07, 0.0, 0.01, False),  # the noise of a pulse does not exceed its step
        (0.07, np.nan, 0.03, False),  # nothing is verified
        (0.12, 0.0, 0.01, True),
        (0.04, 0.0, 0.03, False),
        (0.01, 0.06, 0.01, True),
    ],
)
def test_limits_of_programming_depend_on_noise_and_step(error, missed, noise, named):
    columns = {"programming_error": error, "missed_devices": missed, "pulse_noise": noise,
               "pulse_step": 0.02, "write_tolerance": 0.1}  # fmt: skip
    view = SimpleNamespace(
        column=lambda name: np.array([columns[name]]), has_materials=True, materials=["film"],
        ds=xr.Dataset(),
    )  # fmt: skip
    sentences = list(unprogrammed(view, np.array([0])))
    assert [each.startswith("film cannot be programmed closely") for each in sentences] == (
        [True] if named else []
    )


def test_stuck_devices_are_named_as_a_cause():
    columns = {"programming_error": 0.12, "missed_devices": np.nan, "pulse_noise": 0.0,
               "pulse_step": 0.02, "write_tolerance": np.nan}  # fmt: skip
    shares = np.array([[[0.01, 0.02, 9.0], [0.03, np.nan, 9.0]]])
    ds = xr.Dataset(
        {"unknown": (("candidate", "realisation", "parameter"), shares)},
        {"parameter": ["device.stuck_at.g_min", "device.stuck_at.g_max", "device.drift.nu"]},
    )
    view = SimpleNamespace(
        column=lambda name: np.array([columns[name]]), has_materials=True, materials=["film"],
        ds=ds, realised=lambda name: np.full((1, 2), columns[name]),
    )  # fmt: skip
    (sentence,) = unprogrammed(view, np.array([0]))
    assert sentence.endswith(
        "12 % of the range (rms) off their levels, 3 % of them stuck (drawn from a prior)."
    )
    assert not list(stuck(view, np.array([0])))


def drawn_faults(programming, missed=np.nan):
    """Return a view of 16 draws of stuck shares; stuck ones are 95 and 14 % off, the others 3."""
    rng = np.random.default_rng(3)
    shares = 0.1 * rng.random((16, 2))
    errors = np.sqrt(programming**2 + shares @ [0.02, 0.9])
    source = {"numbers": {"device.stuck_at": {"status": "missing"}}}
    ds = xr.Dataset(
        {"unknown": (("candidate", "realisation", "parameter"), shares[None])},
        {"parameter": ["device.stuck_at.g_min", "device.stuck_at.g_max"]},
        {"sources": json.dumps({"materials": {"film": source}, "references": {}})},
    )
    columns = {"programming_error": errors.mean(), "missed_devices": missed, "pulse_noise": 0.0,
               "pulse_step": 0.02, "write_tolerance": np.nan}  # fmt: skip
    return SimpleNamespace(
        column=lambda name: np.array([columns[name]]), has_materials=True, materials=["film"],
        ds=ds, realised=lambda name: errors[None],
    )  # fmt: skip


def test_devices_off_their_levels_as_some_are_stuck_can_be_programmed():
    """Those that are not stuck are 3 % off, and so are the draws without stuck ones."""
    view = drawn_faults(0.03)
    placed = placement_of(view, 0)
    assert placed.rest == pytest.approx(0.03, rel=1e-3)
    assert placed.error > 0.15
    assert not list(unprogrammed(view, np.array([0])))
    (sentence,) = stuck(view, np.array([0]))
    assert sentence.startswith(
        f"film has {100 * placed.stuck:.2g} % of its devices stuck, drawn from a prior: no source "
        "states it."
    )
    assert sentence.endswith("off their levels, without them 3 %.")


@pytest.mark.parametrize(("programming", "missed"), [(0.2, np.nan), (0.03, 0.3)])
def test_devices_that_are_not_stuck_cannot_be_programmed(programming, missed):
    view = drawn_faults(programming, missed)
    (sentence,) = unprogrammed(view, np.array([0]))
    assert sentence.startswith("film cannot be programmed closely")
    assert f"the others {100 * programming:.2g} %" in sentence
    assert not list(stuck(view, np.array([0])))


def test_devices_that_are_stuck_do_not_miss_for_another_reason():
    view = drawn_faults(0.03, missed=0.09)
    assert not list(unprogrammed(view, np.array([0])))
    assert len(list(stuck(view, np.array([0])))) == 1


def test_devices_that_miss_are_named(place, tmp_path, monkeypatch):
    """Steps of 0.015 % of the range do not reach across it in 1,000 pulses."""
    monkeypatch.chdir(tmp_path)
    verified = "++device.write_verify={max_pulses:300}"
    assert main(["explore", "material=ecram_oxide", verified, *SMALL, "study=short"]) == 0
    ds = matsweep.open_results("results/short.zarr")
    share = float(ds.missed_devices.mean())
    assert share > 0.2
    text = printed(choose, ds)
    assert f"{100 * share:.2g} % of them beyond the tolerance of write and verify" in text


def test_nothing_that_the_fit_has_found_is_listed_as_unknown(place, tmp_path):
    """Left are what pulses cannot show."""
    ds = matsweep.open_results(place / "results" / "walk.zarr")
    text = printed(report, ds, tmp_path, html=False, markdown=False)
    numbers = matsweep.load_material("walk", config_dir=place / "conf").sources
    for name in ("programming_error", "device_to_device", "cycle_to_cycle", "read_noise", "levels"):
        assert numbers[name].status == "derived"
    assert "of the range (95 %), from walk.csv" in numbers["read_noise"].note
    assert "left out: ecram_oxide 8, pcm_gst 6, walk 5: " in text
