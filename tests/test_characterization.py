"""The virtual test bench measures what the device model says."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import matsweep
from matsweep.characterization import bench_figure, characterize, characterize_array
from matsweep.checks import UserError
from matsweep.cli import main
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
        ({"temperatures": []}, "temperatures must hold at least one"),
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
    assert {path.name for path in folder.iterdir()} == {"bench.zarr", "bench.png", "bench.pdf"}
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
    assert "Not known, so left out" in shown
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
    assert xr.open_zarr(folder / "array.zarr").sizes["row"] == 16
    capsys.readouterr()
    assert main([*call, "overwrite=true", "array.node=3e-8"]) == 2
    assert "array.node [m] must be one of 5e-09" in capsys.readouterr().err
    assert main([*call, "overwrite=true", "array.fill=2"]) == 2
    assert "fill must be in [0, 1], got 2" in capsys.readouterr().err
