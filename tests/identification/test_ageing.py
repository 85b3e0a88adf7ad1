"""Retention and endurance: files are read, and true parameters come back within their errors."""

from __future__ import annotations

import io
import shlex
import shutil
from contextlib import redirect_stdout

import numpy as np
import pytest
import yaml

from matsweep import load_material, open_results
from matsweep.cli import main
from matsweep.core.checks import UserError
from matsweep.devices.faults import Endurance
from matsweep.devices.relaxation import Retention, drift
from matsweep.identification.fitting import fit_drift, fit_endurance, fit_retention
from matsweep.identification.measurements import Reading, read_endurance, read_retention

TIME = np.logspace(1, 6, 26)


def drifting(path, *, nu=0.05, spread=0.01, devices=20, noise=0.01, seed=3, factor=1e6):
    rng = np.random.default_rng(seed)
    own = nu + spread * rng.standard_normal(devices)
    lines = ["device,time [s],conductance [uS]"]
    for k, each in enumerate(own):
        for t in TIME:
            g = float(drift(np.array(2e-5), t, each, TIME[0])) * (1 + noise * rng.standard_normal())
            lines.append(f"d{k},{t:.6g},{factor * g:.8g}")
    path.write_text("\n".join(lines) + "\n")
    return path, own


def baked(
    path, truth, kelvin=(373.15, 423.15, 473.15), *, devices=3, noise=0.01, seed=5, stable=1e-6
):
    """Write bakes at three temperatures; each begins where its device was programmed."""
    rng = np.random.default_rng(seed)
    lines = ["device;T (°C);time (h);R (kOhm)"]
    for warm in kelvin:
        for k in range(devices):
            start = 1e-4 * (1 + 0.2 * rng.random())
            for t in (0.0, *TIME):
                g = stable + (start - stable) * truth.kept(t, warm)
                ohm = 1 / (g * (1 + noise * rng.standard_normal()))
                lines.append(f"d{k};{warm - 273.15:.6g};{t / 3600:.8g};{ohm / 1e3:.8g}")
    path.write_text("\n".join(lines).replace(".", ",") + "\n", encoding="cp1252")
    return path


def test_traces_are_read(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("State,Temp (C),Time (min),I (uA)\nLRS,85,0,10\nLRS,85,1,9\nHRS,85,0,1\n"
                    "LRS,85,0,10\nLRS,85,2,8\n")  # fmt: skip
    data = read_retention(path, Reading(read_voltage=0.1))
    assert [(t.device, t.state, t.line) for t in data.traces] == [
        ("r", "LRS", 2), ("r", "HRS", 4), ("r (2)", "LRS", 5)
    ]  # fmt: skip
    first = data.traces[0]
    assert first.temperature == pytest.approx(358.15)
    np.testing.assert_allclose(first.time, [0, 60])
    np.testing.assert_allclose(first.conductance, [1e-4, 9e-5])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("t (s),R (ohm)\n-1,1e4\n", r"line 2: time \[s\] must be >= 0, got -1"),
        ("t (s),R (ohm),T (K)\n1,1e4,-3\n", r"line 2: temperature \[K\] must be > 0, got -3"),
        ("t (s),R (ohm),temperature\n1,1e4,3\n", "column temperature has no unit; write it in the"),
        ("t (s),R (ohm)\n1,1\n", "line 2: resistance 1 is a conductance of 1 S"),
        ("t (s),R (ohm)\n", "has no lines of numbers below its heading"),
    ],
)
def test_impossible_states_are_refused(tmp_path, text, message):
    path = tmp_path / "r.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_retention(path)


def test_drift_exponents_come_back(tmp_path):
    """20 devices of 26 points: within four standard errors each, by luck not in 6e-5 a number.

    Over 22 numbers with one fixed seed.
    """
    path, own = drifting(tmp_path / "d.csv")
    fit = fit_drift(read_retention(path))
    z = (fit.nu - own) / fit.nu_error
    assert np.abs(z).max() < 4
    assert 0.5 < z.std() < 1.6
    assert fit.mean == pytest.approx(0.05, abs=4 * fit.mean_error)
    assert fit.spread == pytest.approx(0.01, abs=4 * fit.spread_error)
    assert fit.time_zero == pytest.approx(10.0)


TRUTH = Retention(time=3e6, activation_ev=1.1, temperature=373.15, stable=0.0, stretch=0.6)


def test_a_bake_gives_the_activation_energy(tmp_path):
    fit = fit_retention(read_retention(baked(tmp_path / "b.csv", TRUTH)), stable=1e-6)
    assert fit.values["temperature"] == pytest.approx(373.15)
    assert fit.misfit == pytest.approx(0.01, rel=0.2)
    for name in ("time", "activation_ev", "stretch"):
        true, error = getattr(TRUTH, name), fit.errors[name]
        assert 0 < error < 0.1 * true
        assert abs(fit.values[name] - true) < 4 * error


def test_errors_of_a_bake_are_honest(tmp_path):
    """8 data sets, 24 numbers: z has a deviation near one, with a standard error of 0.14."""
    z = []
    for seed in range(8):
        path = baked(tmp_path / "b.csv", TRUTH, devices=1, seed=seed, noise=0.02)
        fit = fit_retention(read_retention(path), stable=1e-6)
        z += [(fit.values[name] - getattr(TRUTH, name)) / fit.errors[name] for name in fit.errors]
    assert 0.5 < np.std(z) < 1.6


def test_one_temperature_has_no_activation_energy(tmp_path):
    data = read_retention(baked(tmp_path / "b.csv", TRUTH, kelvin=(423.15,)))
    fit = fit_retention(data, stable=1e-6)
    assert np.isinf(fit.errors["activation_ev"])
    assert np.isfinite(fit.errors["time"])


def test_a_state_that_does_not_decay_has_no_time(tmp_path):
    kept = Retention(time=1e30, activation_ev=1.1, temperature=373.15)
    fit = fit_retention(read_retention(baked(tmp_path / "b.csv", kept)), stable=1e-6)
    assert np.isinf(fit.errors["time"])


def worn(path, truth, *, devices=3, noise=0.03, seed=7, rows="pairs"):
    rng = np.random.default_rng(seed)
    lines = ["device,cycle,LRS (ohm),HRS (ohm)" if rows == "pairs" else "device,cycle,state,G (uS)"]
    for k in range(devices):
        for cycle in np.unique(np.logspace(0, 7, 40).round()):
            low, high = truth.window(float(cycle))
            off, on = (1e-6 + 9.9e-5 * end for end in (low, high))
            off, on = (g * np.exp(noise * rng.standard_normal()) for g in (off, on))
            if rows == "pairs":
                lines.append(f"d{k},{cycle:.0f},{1 / on:.8g},{1 / off:.8g}")
            else:
                lines += [f"d{k},{cycle:.0f},RESET,{1e6 * off:.8g}",
                          f"d{k},{cycle:.0f},SET,{1e6 * on:.8g}"]  # fmt: skip
    path.write_text("\n".join(lines) + "\n")
    return path


WORN = Endurance(half_window=1e5, steepness=0.8, towards=0.3)


@pytest.mark.parametrize("rows", ["pairs", "alternating"])
def test_the_closing_of_the_window_comes_back(tmp_path, rows):
    fit = fit_endurance(read_endurance(worn(tmp_path / "e.csv", WORN, rows=rows)))
    assert fit.misfit == pytest.approx(0.03, rel=0.25)
    for name, true in (("half_window", 1e5), ("steepness", 0.8), ("towards", 0.3)):
        assert 0 < fit.errors[name] < 0.2 * true
        assert abs(fit.values[name] - true) < 4 * fit.errors[name]


def test_a_window_that_stays_open_has_no_half(tmp_path):
    fit = fit_endurance(read_endurance(worn(tmp_path / "e.csv", Endurance(half_window=1e12))))
    assert np.isinf(fit.errors["half_window"])
    assert fit.values["most"] == 1e7


def test_windows_that_cannot_be_are_refused(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text("cycle,HRS (ohm),LRS (ohm)\n1,1e4,1e5\n")
    with pytest.raises(
        UserError, match="the ON state conducts less than the OFF state in 1 of 1 cyc"
    ):
        read_endurance(path)
    path.write_text("cycle,state,R (ohm)\n1,LRS,1e4\n2,HRS,1e5\n")
    with pytest.raises(UserError, match="has no cycle with both states"):
        read_endurance(path)
    path.write_text("cycle,state,R (ohm)\n1,maybe,1e4\n")
    with pytest.raises(UserError, match="line 2: column state must be LRS or HRS"):
        read_endurance(path)
    path.write_text("cycle,LRS (V),HRS (V)\n1,1,2\n")
    with pytest.raises(UserError, match=r"LRS \(V\) needs a unit of conductance, resistance or"):
        read_endurance(path)


def command(capsys, *arguments, status=0):
    """Run `matsweep calibrate`; return what it prints, or its error."""
    assert main(["calibrate", *map(str, arguments)]) == status
    printed = capsys.readouterr()
    return printed.err if status else printed.out


@pytest.fixture
def folders(tmp_path):
    return [f"folder={tmp_path}/conf", f"pictures={tmp_path}/pictures"]


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory):
    """Pulses of a device between 2 and 102 uS, calibrated as `mine`."""
    folder = tmp_path_factory.mktemp("oxide")
    data = folder / "pulses.csv"
    rng = np.random.default_rng(1)
    lines = ["device,pulse,polarity,conductance [uS]"]
    for k in range(3):
        state = 0.1
        for sign in (1, -1, 1, -1):
            for pulse in range(41):
                if pulse:
                    state += 0.04 * (1 - state) if sign > 0 else -0.04 * state
                lines.append(
                    f"d{k},{pulse},{sign:+d},{2 + 100 * state + rng.standard_normal():.5f}"
                )
    data.write_text("\n".join(lines) + "\n")
    given = ["name=mine", "model=soft_bounds", "g_min=2uS", "g_max=102uS"]
    with redirect_stdout(io.StringIO()):
        assert main(["calibrate", str(data), *given, f"folder={folder}", f"pictures={folder}"]) == 0
    return folder / "material" / "mine.yaml"


@pytest.fixture
def oxide(tmp_path, calibrated):
    """A copy of the material `mine` in a folder of configurations."""
    folder = tmp_path / "conf" / "material"
    folder.mkdir(parents=True)
    return shutil.copy(calibrated, folder / "mine.yaml")


def test_a_bake_is_added_to_the_material_of_its_name(tmp_path, capsys, folders, oxide):
    before = yaml.safe_load(oxide.read_text())
    bake = baked(tmp_path / "b.csv", TRUTH, stable=2.5e-6)
    told = command(capsys, bake, "name=mine", "g_min=2.5uS", *folders)
    assert f"note: device.retention is added to {oxide}; all else stays as it was" in told
    after = yaml.safe_load(oxide.read_text())
    retention, origin = (
        after["device"].pop("retention"),
        after["material"]["origins"].pop("retention"),
    )
    assert after == before
    fit = fit_retention(read_retention(bake), stable=2.5e-6)
    for name in ("time", "activation_ev", "stretch", "temperature"):
        assert retention[name] == pytest.approx(fit.values[name], rel=1e-4)
    assert retention["stable"] == pytest.approx(0.5e-6 / 100e-6)
    assert origin["status"] == "derived"
    assert (
        f"b.csv, 9 traces: time {fit.values['time']:.3g} ± {fit.errors['time']:.2g} s"
        in origin["note"]
    )
    assert oxide.read_text().startswith("# @package _global_\n# Calibrated from pulses.csv")
    assert "\n# device.retention from b.csv.\n" in oxide.read_text()
    for suffix in ("png", "pdf"):
        assert (tmp_path / "pictures" / f"mine_retention.{suffix}").stat().st_size > 5000


def test_a_stable_state_below_the_material_is_said(tmp_path, capsys, folders, oxide):
    """The device decays towards 2 uS at least: the law is the best one that does, and is marked."""
    bake = baked(tmp_path / "b.csv", TRUTH)
    told = command(capsys, bake, "name=mine", *folders)
    assert "stable state: fitted 1.00 µS, beyond the range of the material; its device" in told
    content = yaml.safe_load(oxide.read_text())
    retention = content["device"]["retention"]
    fit = fit_retention(read_retention(bake), stable=2e-6)
    assert retention["time"] == pytest.approx(fit.values["time"], rel=1e-4)
    assert retention["stable"] == 0
    assert content["material"]["misfit"].startswith("device.retention from b.csv: the law is off")
    told = command(capsys, bake, "name=mine", "overwrite=true", "g_min=1uS", *folders, status=2)
    assert "must lie within the range of the material, 2.00 µS to 102 µS, got 1.00 µS" in told


def test_nothing_is_replaced_unasked(tmp_path, capsys, folders, oxide):
    bake, longer = baked(tmp_path / "b.csv", TRUTH), baked(tmp_path / "c.csv", TRUTH, devices=4)
    command(capsys, bake, "name=mine", *folders)
    once = oxide.read_text()
    told = command(capsys, longer, "name=mine", *folders, status=2)
    assert f"{oxide} states device.retention already: give overwrite=true to replace it" in told
    assert oxide.read_text() == once
    command(capsys, longer, "name=mine", "overwrite=true", *folders)
    assert "c.csv, 12 traces" in oxide.read_text().replace("\n", " ").replace("        ", "")
    assert "b.csv" not in oxide.read_text()


def test_the_command_that_is_printed_next_works(tmp_path, capsys, folders, oxide, monkeypatch):
    """Drift and endurance join the material, and a study with it is as told."""
    monkeypatch.chdir(tmp_path)
    command(capsys, drifting(tmp_path / "d.csv")[0], "name=mine", *folders)
    told = command(capsys, worn(tmp_path / "e.csv", WORN), "name=mine", *folders)
    line = next(line for line in told.splitlines() if line.startswith("matsweep explore"))
    words = shlex.split(line)[1:]
    small = ["workload.hidden=[4]", "workload.epochs=2", "workload.test_samples=10", "times=[1]"]
    assert main([*words, *small, "realisations=1", "executor=serial", "study=next"]) == 0
    assert list(open_results("results/next.zarr").material.values) == ["mine", "pcm_gst"]
    device = load_material("mine", config_dir=tmp_path / "conf").device
    drift, fit = device.drift, fit_drift(read_retention(tmp_path / "d.csv"))
    assert float(drift.nu(np.zeros(1))[0]) == pytest.approx(fit.mean, rel=1e-4)
    assert float(drift.spread(np.zeros(1))[0]) == pytest.approx(fit.spread, rel=1e-4)
    assert drift.time_zero == pytest.approx(10)
    assert device.endurance.half_window == pytest.approx(1e5, rel=0.3)


def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path, capsys, folders):
    path = worn(tmp_path / "e.csv", WORN)
    told = command(capsys, path, "name=../../elsewhere", *folders, status=2)
    assert "name must be small letters" in told
    assert not list(tmp_path.rglob("elsewhere*"))


def test_a_window_that_stays_open_is_known_to(tmp_path, capsys, folders, oxide):
    open_ = worn(tmp_path / "e.csv", Endurance(half_window=1e12), devices=1)
    told = command(capsys, open_, "name=mine", *folders)
    assert "e.csv: 1 device, 39 cycles with both states" in told
    content = yaml.safe_load(oxide.read_text())
    assert content["device"]["endurance"] == {"half_window": None}
    assert (
        "does not close within 1e+07 cycles" in content["material"]["origins"]["endurance"]["note"]
    )


def test_without_a_material_the_parameters_are_printed(tmp_path, capsys, folders, monkeypatch):
    """Each command works as it is printed, with what it says."""
    monkeypatch.chdir(tmp_path)
    files = {
        "retention": baked(tmp_path / "b.csv", TRUTH),
        "endurance": worn(tmp_path / "e.csv", WORN),
        "drift": drifting(tmp_path / "d.csv")[0],
    }
    small = ["workload.hidden=[4]", "workload.epochs=2", "workload.test_samples=10", "times=[1]"]
    for parameter, path in files.items():
        told = command(capsys, path, "name=mine", *folders)
        assert f"No material is written: {tmp_path}/conf/material/mine.yaml is not there" in told
        line = told.splitlines()[-1]
        assert f"'device.{parameter}={{" in line
        study = [*small, "realisations=1", "executor=serial", f"study={parameter}"]
        assert main([*shlex.split(line)[1:], *study]) == 0
        assert not open_results(f"results/{parameter}.zarr").accuracy.isnull().any()
        assert (tmp_path / "pictures" / "mine_retention.png").exists()
        capsys.readouterr()


def test_a_copy_of_a_shipped_material_takes_a_bake(tmp_path, capsys, folders):
    bake = baked(tmp_path / "b.csv", TRUTH)
    command(capsys, bake, "name=warm", "start=hfox_vcm", *folders)
    mine = load_material("warm", config_dir=tmp_path / "conf")
    base = load_material("hfox_vcm")
    assert mine.material.name == "warm"
    assert mine.device.retention.activation_ev == pytest.approx(1.1, rel=0.05)
    assert mine.device.g_max == base.device.g_max
    assert mine.sources["g_max"] == base.sources["g_max"]
    command(capsys, bake, "name=same", "start=hfox_milo", *folders)
    same = load_material("same", config_dir=tmp_path / "conf").device  # with all digits
    assert same.programming_error == load_material("hfox_milo").device.programming_error
    told = command(capsys, bake, "name=cold", "start=hfox_vmc", *folders, status=2)
    assert "hfox_vmc" in told


@pytest.mark.parametrize("more", [["start=hfox_vcm"], []])
def test_a_name_of_another_folder_is_refused(tmp_path, capsys, folders, more):
    bake = baked(tmp_path / "b.csv", TRUTH)
    told = command(capsys, bake, "name=../../out", *more, *folders, status=2)
    assert "name must be small letters" in told
    assert [path.name for path in tmp_path.iterdir()] == ["b.csv"]


def test_a_decay_that_does_not_describe_its_data_says_so(tmp_path, capsys, folders):
    bake = baked(tmp_path / "b.csv", TRUTH)
    assert "NOT FITTED" not in command(capsys, bake, "g_min=1uS", *folders)
    told = command(capsys, bake, "g_min=0", *folders)
    assert "NOT FITTED: the decay does not describe these data: the law is off by 0.29 of" in told
    assert "State another conductance by g_min=…" in told


def test_states_below_the_stable_one_have_their_drift_only(tmp_path, capsys, folders):
    bake = baked(tmp_path / "b.csv", TRUTH)
    low = [
        f"h{k};100;{t / 3600:.8g};2000".replace(".", ",") for k in range(2) for t in (0.0, *TIME)
    ]
    bake.write_text(bake.read_text(encoding="cp1252") + "\n".join(low) + "\n", encoding="cp1252")
    told = command(capsys, bake, "g_min=1uS", *folders)
    assert "2 traces that begin at or below the stable state (1.00 µS) are left out" in told
    assert "activation_ev:1.098" in told


def test_the_command_prints_what_a_material_takes(tmp_path, capsys, folders):
    told = command(capsys, baked(tmp_path / "b.csv", TRUTH), "g_min=1uS", *folders)
    assert "device.retention={time:2.999e+06,activation_ev:1.098,temperature:373.1," in told
    assert "stable:0}" in told
    told = command(capsys, worn(tmp_path / "e.csv", WORN), *folders)
    assert "device.endurance={half_window:" in told
    told = command(capsys, drifting(tmp_path / "d.csv")[0], *folders)
    assert "device.drift={nu:0.04879,spread:0.01258,time_zero:10}" in told
    assert "device.retention" not in told
