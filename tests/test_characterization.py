"""The virtual test bench measures what the device model says."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
import xarray as xr

import matsweep
from matsweep.characterization import (
    array_figure,
    bench_figure,
    characterize,
    characterize_array,
    characterize_physics,
    physics_figure,
)
from matsweep.characterization.figure import tick_labels
from matsweep.characterization.physics import lobe_area
from matsweep.cli import main
from matsweep.core.checks import UserError
from matsweep.crossbar import Tile, Wires
from matsweep.devices import AnalogDevice, LinearStep, Retention, SeriesIV, SinhIV, WriteVerify


@pytest.fixture(scope="module")
def pcm():
    return characterize(matsweep.load_material("pcm_gst").device, devices=500, seed=3)


def device(**parameters):
    return AnalogDevice(g_min=1e-6, g_max=11e-6, read_voltage=0.2, cell_size=16, **parameters)


def test_programming_and_reads_show_the_stated_laws(pcm):
    """500 devices: standard deviations to 3.2 %, bound 6 times that."""
    measured = pcm.conductance_programmed.std("device")
    np.testing.assert_allclose(measured, pcm.programming_sigma, rtol=0.2)
    np.testing.assert_allclose(pcm.conductance_read.std("read"), pcm.read_sigma, rtol=0.07)
    np.testing.assert_allclose(pcm.current, pcm.level * pcm.voltage, rtol=1e-6)


def test_drift_is_measured_from_a_second_to_ten_years(pcm):
    assert float(pcm.time[0]) == 1.0
    assert float(pcm.time[-1]) == pytest.approx(3.15576e8)
    mean = pcm.conductance_aged.mean("device")
    assert (mean.diff("time") <= 1e-12).all()
    assert float(mean.isel(time=-1).max()) < 0.7 * float(pcm.level.max())


def test_pulses_go_up_and_back_and_are_as_many_as_needed():
    model = LinearStep(step_up=0.02, step_down=0.02)
    found = characterize(device(pulse_model=model), devices=3)
    assert found.attrs["pulses"] == 50
    trace = found.conductance_pulsed
    np.testing.assert_allclose(trace.isel(pulse=25), 6e-6, rtol=1e-9)
    np.testing.assert_allclose(trace.isel(pulse=50), 11e-6, rtol=1e-9)
    np.testing.assert_allclose(trace.isel(pulse=100), 1e-6, rtol=1e-6)
    few = characterize(device(pulse_model=model), devices=3, pulses=10)
    assert few.sizes["pulse"] == 21


def test_heat_shortens_retention():
    kept = Retention(time=1e6, activation_ev=1.0, temperature=358.15)
    found = characterize(device(retention=kept), devices=2)
    aged = found.conductance_aged.isel(level=-1, device=0).sel(time=1e6, method="nearest")
    assert float(aged.isel(temperature=0)) > float(aged.isel(temperature=1))
    assert float(aged.isel(temperature=1)) > float(aged.isel(temperature=2))


def test_a_verified_device_is_programmed_by_pulses():
    scheme = WriteVerify(tolerance=0.02, max_pulses=100)
    model = LinearStep(step_up=0.01, step_down=0.01)
    found = characterize(device(pulse_model=model, write_verify=scheme), devices=4)
    assert "programming_sigma" not in found
    assert float(found.programming_pulses.max()) > 90
    bench_figure(found)


def test_the_same_seed_measures_the_same(pcm):
    again = characterize(matsweep.load_material("pcm_gst").device, devices=500, seed=3)
    xr.testing.assert_identical(pcm, again)


def test_every_measured_quantity_has_a_unit(pcm):
    assert all(pcm[name].attrs["units"] for name in pcm.data_vars)


@pytest.mark.parametrize("changes", [{}, {"pulse_model": LinearStep(step_up=0.1, step_down=0.1)}])
def test_the_picture_has_a_panel_for_everything(changes):
    figure = bench_figure(characterize(device(**changes), devices=3), "A device")
    assert len(figure.axes) == 6
    assert ("not known" in str([text.get_text() for text in figure.axes[0].texts])) is (not changes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"devices": 1}, "devices must be >= 2"),
        ({"temperatures": []}, r"temperatures \[K\] must hold one or more"),
        ({"temperatures": [-3.0]}, r"temperatures \[K\]"),
    ],
)
def test_a_bench_that_cannot_be_is_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        characterize(device(), **arguments)


def test_the_command_writes_data_and_pictures_and_never_over_them(workplace, capsys):
    command = ["characterize", "material=pcm_gst", "bench.devices=5"]
    assert main(command) == 0
    folder = workplace / "results" / "characterize" / "pcm_gst"
    names = {
        f"{stem}.{suffix}" for stem in ("bench", "physics") for suffix in ("zarr", "png", "pdf")
    }
    assert {path.name for path in folder.iterdir()} == names
    stored = xr.open_zarr(folder / "bench.zarr")
    assert stored.attrs["material"] == "pcm_gst"
    assert stored.sizes["device"] == 5
    assert main(command) == 2
    assert "is there already" in capsys.readouterr().err
    assert main([*command, "overwrite=true"]) == 0


def test_the_catalogue_is_listed_and_shown(capsys):
    assert main(["materials"]) == 0
    listed = capsys.readouterr().out
    assert "pcm_gst" in listed
    assert "families" in listed
    assert main(["materials", "pcm_gst"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "crystallisation" in shown
    assert "programming_error" in shown
    assert "10.1109/ICECS46596.2019.8964852" in shown
    assert "Unknown, so left out" in shown
    assert main(["materials", "pcm_gs"]) == 2
    assert "did you mean pcm_gst" in capsys.readouterr().err


def test_an_array_is_measured_node_by_node():
    tile = Tile(rows=20, columns=30, access_resistance=1e3)
    found = characterize_array(device(), tile, Wires(50.0, 50.0), fill=1.0, inputs=0.5)
    assert dict(found.sizes) == {"row": 20, "column": 30}
    cell = 11e-6 / (1 + 1e3 * 11e-6)
    np.testing.assert_allclose(found.column_current_ideal, 20 * 0.1 * cell, rtol=1e-9)
    np.testing.assert_allclose(
        found.device_current, cell * (found.word_voltage - found.bit_voltage), rtol=1e-9
    )
    assert (found.word_voltage.diff("column") < 0).all()
    assert (found.bit_voltage.diff("row") < 0).all()
    assert (found.column_current < found.column_current_ideal).all()


def test_an_arrays_own_law_acts():
    """Behind an access device and without wires each cell solves its own equation."""
    steep = device(iv=SinhIV(0.05))
    tile = Tile(rows=4, columns=3, access_resistance=2e4)
    found = characterize_array(steep, tile, Wires(0.0, 0.0), fill=1.0)
    law = SeriesIV(resistance=2e4, law=SinhIV(0.05))
    np.testing.assert_allclose(found.device_current, law.current(11e-6, 0.2), rtol=1e-9)
    inner = 0.2 - 2e4 * found.device_current
    np.testing.assert_allclose(found.device_current, 11e-6 * 0.05 * np.sinh(inner / 0.05))


@pytest.mark.parametrize(
    ("size", "wires", "changes", "driven", "lost"),
    [
        ((12, 12), Wires(5.0, 5.0, driven="both"), {}, "both ends", "% lost"),
        ((12, 12), Wires(5.0, 5.0), {"inputs": 0.0}, "the left", "none"),
        ((64, 8), Wires(2.0, 2.0), {}, "the left", "% lost"),
        ((16, 1), Wires(2.0, 2.0), {}, "the left", "% lost"),
        ((1, 1), Wires(2.0, 2.0), {}, "the left", "% lost"),
        ((6, 6), Wires(np.inf, 2.0), {}, "the left", "100 % lost"),
        ((6, 6), Wires(0.0, 0.0), {"fill": 0.5}, "the left", " 0 % lost"),
    ],
)
def test_the_picture_of_an_array_says_what_it_shows(size, wires, changes, driven, lost):
    tile = Tile(rows=size[0], columns=size[1])
    figure = array_figure(characterize_array(device(), tile, wires, **changes), "An array")
    figure.canvas.draw()
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert driven in titles[0]
    assert titles[3].endswith(lost)
    for axes in figure.axes[:3]:
        for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
            shown = [text.get_text() for text in labels]
            assert all(text.replace("\N{MINUS SIGN}", "").isdigit() for text in shown), shown
    for bar in figure.axes[4:]:
        shown = [text.get_text() for text in bar.get_yticklabels()]
        assert len(set(shown)) == len(shown) > 0
        assert max(map(len, shown)) < 12
    drawn = figure.axes[3].lines
    assert all(line.get_marker() == "o" or len(line.get_xdata()) > 1 for line in drawn)
    renderer = figure.canvas.get_renderer()
    for axes in figure.axes[:4]:
        assert axes._left_title.get_window_extent(renderer).x1 < figure.bbox.x1
    first, second = (axes._left_title.get_window_extent(renderer) for axes in figure.axes[:2])
    assert first.x1 < second.x0


def test_ticks_are_labelled_apart():
    assert tick_labels(np.array([0.0015, 0.003, 0.0045]), "V") == ["1.5 mV", "3.0 mV", "4.5 mV"]
    assert tick_labels(np.array([0.198, 0.1985, 0.199]), "V")[:2] == ["198.0 mV", "198.5 mV"]
    assert tick_labels(np.array([0.0]), "A") == ["0 A"]


def test_the_command_draws_an_array_and_refuses_what_cannot_be(tmp_path, capsys):
    folder = tmp_path / "out"
    call = [
        "characterize",
        "material=pcm_gst",
        "tile=analog_128",
        "tile.rows=16",
        f"folder={folder}",
    ]
    assert main([*call, "tile.columns=16"]) == 0
    assert {path.name for path in folder.iterdir()} == {"array.zarr", "array.png", "array.pdf"}
    stored = xr.open_zarr(folder / "array.zarr")
    assert stored.sizes["row"] == 16
    assert stored.attrs["node"] == 2.2e-8
    assert stored.attrs["driven"] == "left"
    assert stored.attrs["fill"] == "evenly spread"
    assert stored.attrs["access_resistance"] == 0
    capsys.readouterr()
    assert main([*call, "overwrite=true", "array.node=3e-8"]) == 2
    assert "array.node [m] must be one of 5e-09" in capsys.readouterr().err
    assert main([*call, "overwrite=true", "array.fill=2"]) == 2
    assert "array.fill must be in [0, 1], got 2" in capsys.readouterr().err


# ---------------------------------------------------------------------------- physics


def bench_of(name, **changes):
    loaded = matsweep.load_material(name)
    protocol = dataclasses.replace(loaded.protocol, **{"devices": 10, **changes})
    return characterize_physics(
        loaded.physics, protocol, read_voltage=loaded.device.read_voltage, seed=1
    )


@pytest.fixture(scope="module")
def filament():
    return bench_of("hfox_vcm")


def test_lobes_vanish_as_the_frequency_grows(filament):
    area = filament.lobe_area.values
    assert area[0] > 0.1
    assert area[-1] < 0.01 * area[0]
    assert (np.diff(area[2:]) < 0).all()


def test_the_area_of_a_lobe_is_an_integral():
    phase = np.linspace(0, 2 * np.pi, 4001)
    v = np.sin(phase)
    i = v * (1 + 0.5 * np.cos(phase))
    # ∮ i dv of half a period: 0.5 ∫ sin φ cos² φ dφ = 1/3.
    expected = (1 / 3) / np.abs(i).max()
    assert float(lobe_area(v, i)) == pytest.approx(expected, rel=1e-5)


def test_a_junction_switches_in_its_closed_form_time():
    """The chance to be parallel comes to half of its way after τ ln 2 of both rates."""
    loaded = matsweep.load_material("stt_mram")
    found = bench_of("stt_mram")
    physics = loaded.physics
    v = found.switching_voltage.sel(polarity="down").values
    times = found.switching_time.sel(polarity="down").values
    ahead, back = (np.exp(-physics.delta * np.maximum(1 + s * np.abs(v) / physics.v_c, 0)) /
                   physics.tau0 for s in (-1, 1))  # fmt: skip
    expected = np.log(2) / (ahead + back)
    known = np.isfinite(times)
    assert known.sum() >= 10
    np.testing.assert_allclose(times[known], expected[known], rtol=0.05)


def test_switching_is_exponential_in_the_voltage(filament):
    up = filament.switching_time.sel(polarity="up").values
    known = up[np.isfinite(up)]
    assert known.size > 15
    assert (np.diff(known) < 0).all()
    assert known[0] > 1e4 * known[-1]


def test_set_voltages_spread_as_the_devices_do(filament):
    narrow = bench_of("hfox_vcm", spread={"activation_ev": 1e-5}, stochastic=False)
    wide = bench_of("hfox_vcm", spread={"activation_ev": 0.02}, stochastic=False)
    assert float(narrow.set_voltage.std()) < 0.05 * float(wide.set_voltage.std())
    assert float(filament.set_voltage.mean()) > 0 > float(filament.reset_voltage.mean())


def test_a_junction_has_a_loop_under_a_current():
    """β_c = 23: from I_c on the way up the voltage is about R I, and returns to 0 only below
    4 (1 + ε / 3) / (π sqrt(β_c)) I_c = 0.33 I_c."""
    loaded = matsweep.load_material("josephson_mjj")
    physics = loaded.physics.replace(critical_current=1e-4)
    assert float(physics.stewart_mccumber()) == pytest.approx(23.4, rel=0.01)
    assert float(physics.plasma_frequency()) == pytest.approx(1e11, rel=0.01)
    protocol = dataclasses.replace(loaded.protocol, devices=2)
    found = characterize_physics(physics, protocol, read_voltage=1e-3)
    share = found.stair_current.values / 1e-4
    rising, falling = (found.stair_voltage.sel(way=way).values for way in ("rising", "falling"))
    np.testing.assert_allclose(rising[share < 0.95], 0, atol=1e-8)
    np.testing.assert_allclose(falling[share < 0.32], 0, atol=1e-8)
    assert (falling[(share > 0.35) & (share < 0.95)] > 1e-4).all()
    np.testing.assert_allclose(rising[share > 1.05], 1e-3 * share[share > 1.05], rtol=0.02)
    np.testing.assert_allclose(rising[share > 1.05], falling[share > 1.05], rtol=1e-3)
    heads = [axes.get_title(loc="left") for axes in physics_figure(found).axes]
    assert heads[-1] == "(f) Loop under a current"
    bare = characterize_physics(loaded.physics, protocol, read_voltage=1e-3)
    assert "stair_voltage" not in bare  # no supercurrent


def test_retention_is_read_from_the_physics(filament):
    physics = matsweep.load_material("hfox_vcm").physics
    at = float(filament.retention_time.sel(bake=400.0))
    assert at == pytest.approx(physics.retention(400.0)[0])
    assert all(filament[name].attrs["units"] for name in filament.data_vars)


def test_each_polarity_has_its_own_amplitude():
    found = bench_of("hfox_gong")
    assert float(found.loop_voltage.max()) == pytest.approx(1.4, rel=1e-3)
    assert float(found.loop_voltage.min()) == pytest.approx(-0.8, rel=1e-3)
    assert float(found.loop_hottest.max()) < found.attrs["hottest"]
    assert np.isfinite(found.loop_current).all()


def test_what_heat_destroys_is_flagged():
    """Loops, times and sweeps of a device hotter than the protocol allows are not numbers."""
    found = bench_of("hfox_gong", hottest=700.0)
    destroyed = found.loop_hottest > 700
    assert 0 < int(destroyed.sum()) < destroyed.size
    assert np.isnan(found.loop_current[destroyed]).all()
    assert np.isnan(found.lobe_area[destroyed]).all()
    assert np.isfinite(found.loop_current[~destroyed]).all()
    assert np.isnan(found.switching_time.values[found.switching_hottest.values > 700]).all()
    assert np.isfinite(found.switching_time).any()
    melted = found.sweep_hottest > 700
    assert melted.any()
    assert np.isnan(found.set_voltage.values[:, melted]).all()
    assert np.isnan(found.reset_voltage.values[:, melted]).all()
    figure = physics_figure(found)
    figure.canvas.draw()
    assert any("hotter than 700 K" in text.get_text() for text in figure.axes[4].texts)


@pytest.mark.parametrize("name", ["ecram_li", "fefet_hzo"])
def test_a_channel_shows_its_own_loop(name):
    loaded = matsweep.load_material(name)
    found = bench_of(name)
    low, high = loaded.physics.g_min, loaded.physics.g_max
    read = loaded.device.read_voltage
    assert "channel" in found.loop_current.attrs["long_name"]
    assert float(found.loop_current.min()) >= low * read * (1 - 1e-9)
    assert float(found.loop_current.max()) <= high * read * (1 + 1e-9)
    area = found.lobe_area.values
    assert area[-1] < 0.11 * area.max()


def test_lobes_of_phase_change_fall_in_the_end():
    area = bench_of("pcm_gst").lobe_area.values
    assert area.size > 5
    assert area[-1] <= 0.1 * area.max()


def test_a_picture_of_physics_is_legible():
    """No tick label over another, no legend over a curve."""
    figure = physics_figure(bench_of("hfox_vcm"), "HfOx")
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    for axes in figure.axes:
        boxes = [t.get_window_extent(renderer) for t in axes.get_xticklabels() if t.get_text()]
        low, high = axes.get_window_extent(renderer).intervalx
        boxes = sorted((b for b in boxes if low - 1 <= (b.x0 + b.x1) / 2 <= high + 1),
                       key=lambda b: b.x0)  # fmt: skip
        assert all(a.x1 < b.x0 for a, b in pairwise(boxes))
        if axes.get_legend() is None:
            continue
        box = axes.get_legend().get_window_extent(renderer)
        for line in axes.lines:
            points = axes.transData.transform(np.column_stack(line.get_data()))
            assert not any(box.contains(*point) for point in points[np.isfinite(points).all(1)])


def test_identical_sweeps_are_told_in_words():
    figure = physics_figure(bench_of("mott_nbo2_vo2"))
    (text,) = figure.axes[4].texts
    assert text.get_text().startswith("every set at 1.9")


@pytest.mark.parametrize("name", ["pcm_gst", "mott_nbo2_vo2", "fefet_hzo", "ecram_li"])
def test_devices_of_other_kinds_are_drawn_too(name):
    found = bench_of(name)
    figure = physics_figure(found, name)
    assert len(figure.axes) == 6
    if name == "pcm_gst":
        assert "set_voltage" not in found
    if name == "mott_nbo2_vo2":
        assert np.isnan(found.switching_time).all()


def test_the_command_measures_physics_where_there_is_any(workplace):
    assert main(["characterize", "material=tio2_hp", "bench.devices=3"]) == 0
    folder = workplace / "results" / "characterize" / "tio2_hp"
    assert {"physics.zarr", "physics.png", "physics.pdf"} <= {p.name for p in folder.iterdir()}
    assert main(["characterize", "material=sonos", "bench.devices=3"]) == 0
    assert not (workplace / "results" / "characterize" / "sonos" / "physics.zarr").exists()
