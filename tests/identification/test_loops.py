"""Dynamical models fitted to I-V sweeps: truth found again, and files read as they are written."""

from __future__ import annotations

import numpy as np
import pytest

from matsweep.characterization.figure import loop_figure
from matsweep.cli import main
from matsweep.core.checks import UserError
from matsweep.core.codec import build
from matsweep.devices.dynamics import VTEAM, DynamicalModel, FilamentGap
from matsweep.identification import calibration
from matsweep.planning.config import compose, composer, plain_config
from matsweep.solving import transient, triangle

SWITCH = {"v_on": -0.5, "v_off": 0.6, "k_on": -2e-8, "k_off": 3e-8, "alpha_on": 2.0,
          "alpha_off": 2.5, "r_on": 1e3, "r_off": 3e4}  # fmt: skip
GAP = {"i0": 1e-3, "g0": 0.25e-9, "v0": 0.25, "velocity": 10.0, "activation_ev": 1.0,
       "hop": 0.25e-9, "thickness": 6e-9, "gamma0": 16.0, "beta": 0.8, "r_th": 0.0}  # fmt: skip


def sweep(model, state, *, top=1.5, period=1.0, points=160, noise=0.01, seed=1, device="a"):
    """Return the readings of a meter with relative and small absolute noise."""
    rng = np.random.default_rng(seed)
    drive = triangle(top, -top, period, points=points)
    current = transient(model, drive.time, drive.voltage, state=state).current.values
    seen = current * (1 + noise * rng.standard_normal(current.size))
    seen += 1e-5 * noise * np.abs(current).max() * rng.standard_normal(current.size)
    return calibration.Loop(device=device, time=drive.time, voltage=drive.voltage, current=seen)


@pytest.fixture(scope="module")
def switch():
    loop = sweep(VTEAM(**SWITCH), 1e-9)
    return loop, calibration.fit_loops([loop], "vteam")


def test_a_switch_is_found_again(switch):
    """Within five standard errors each: by luck beyond them less than once in a million."""
    _, fit = switch
    for name, true in SWITCH.items():
        error = fit.errors[name][0]
        assert error < 0.5 * abs(true)
        assert abs(fit.values[name][0] - true) < 5 * error + 1e-3 * abs(true)
    assert fit.misfit[0] < 0.012  # the noise
    assert not fit.flipped


def test_a_filament_is_found_again():
    period = 1e-9 / abs(float(FilamentGap(**GAP).rate(np.array(1e-9), 0.9))) * 10
    loop = sweep(FilamentGap(**GAP), 1.5e-9, top=1.2, period=period)
    fit = calibration.fit_loops([loop], "filament_gap")
    assert fit.misfit[0] < 0.02
    for name in ("v0", "gamma0"):
        assert fit.values[name][0] == pytest.approx(GAP[name], rel=0.1)


def test_the_right_model_has_the_least_bic(switch):
    loop, fit = switch
    other = calibration.fit_loops([loop], "linear_ion_drift")
    assert fit.bic < other.bic - 100
    assert fit.aic < other.aic - 100


def test_sweeps_of_the_other_polarity_are_turned_round(switch):
    loop, fit = switch
    mirrored = calibration.fit_loops(
        [
            calibration.Loop(
                device="b", time=loop.time, voltage=-loop.voltage, current=-loop.current
            )
        ],
        "vteam",
    )
    assert mirrored.flipped
    assert mirrored.values["v_off"][0] == pytest.approx(fit.values["v_off"][0], rel=1e-3)


def test_what_a_sweep_does_not_say_has_no_error_bar():
    """Data below the threshold of the RESET do not determine it."""
    model = VTEAM(**(SWITCH | {"v_off": 5.0}))
    fit = calibration.fit_loops([sweep(model, 2.5e-9)], "vteam")
    assert np.isinf(fit.errors["v_off"][0]) or np.isinf(fit.errors["k_off"][0])
    assert np.isfinite(fit.errors["r_on"][0])


def test_differences_between_devices_are_told_from_the_noise():
    loops = [
        sweep(VTEAM(**(SWITCH | {"r_on": 1e3 * factor})), 1e-9, seed=k, device=str(k))
        for k, factor in enumerate((0.8, 1.0, 1.2))
    ]
    fit = calibration.fit_loops(loops, "vteam")
    assert fit.spread()["r_on"] == pytest.approx(0.2, rel=0.05)
    assert fit.spread().get("r_off", 0) < 0.02
    assert fit.error("r_on") == pytest.approx(200 / np.sqrt(3), rel=0.05)  # three devices only
    assert fit.mean().r_on == pytest.approx(1e3 * 0.96 ** (1 / 3), rel=0.02)
    figure = loop_figure(loops, fit)
    assert len(figure.axes) == 6


def test_any_kind_is_fitted_from_a_start():
    truth = VTEAM(**SWITCH)
    loop = sweep(truth, 1e-9)
    start = truth.replace(r_on=1.5e3, v_off=0.5)
    fit = calibration.fit_loops([loop], "vteam", start=start, free=("r_on", "v_off"))
    assert fit.values["r_on"][0] == pytest.approx(1e3, rel=0.01)
    assert fit.values["v_off"][0] == pytest.approx(0.6, rel=0.01)
    with pytest.raises(UserError, match="free must name"):
        calibration.fit_loops([loop], "ecram", start=start)
    with pytest.raises(UserError, match="model must be one of"):
        calibration.fit_loops([loop], "vteem")


def write(loop, path, heading="time [s],voltage [V],current [uA]", factor=1e6):
    heading += "  # with units"
    rows = [",".join(map(repr, map(float, row)))
            for row in np.c_[loop.time, loop.voltage, factor * loop.current]]  # fmt: skip
    path.write_text("\n".join(["# a sweep", heading, *rows]) + "\n")


def test_a_file_is_read_back(tmp_path):
    loop = sweep(VTEAM(**SWITCH), 1e-9, points=40)
    write(loop, tmp_path / "a.csv")
    write(loop, tmp_path / "b.csv", "time_s;voltage_mV;current_A".replace(";", ","), 1.0)
    first, second = calibration.read_loops([tmp_path / "a.csv", tmp_path / "b.csv"])
    np.testing.assert_allclose(first.current, loop.current, rtol=1e-12)
    np.testing.assert_allclose(second.voltage, 1e-3 * loop.voltage, rtol=1e-12)
    assert (first.device, second.device) == ("a", "b")
    assert calibration.measured_kind([tmp_path / "a.csv"]) == "sweeps"


HEAD = "time [s],voltage [V],current [A]\n"
LINES = "".join(f"{k},{0.1 * (k % 7)},{1e-6 * (k % 5)}\n" for k in range(30))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time [s],current [A]\n1,2\n", "line 1: no column voltage"),
        ("time [s],voltage [V],current [V]\n1,2,3\n", "'V' is no unit of current; there are"),
        (HEAD + "1,2,x\n", "line 2: column current must be a number, got 'x'"),
        (HEAD + "1,2\n", "line 2: column current is empty"),
        (HEAD + "0,1,2e-6\n1,2,3e-6\n", "have 2 points, at least 20 are needed"),
        (HEAD + LINES + "3,1,1\n", "time falls from 29 to 3 s"),
        (HEAD + "".join(f"{k},1,{1e-6 * k}\n" for k in range(30)), "must change"),
        (HEAD, "has no sweeps: give it lines"),
        (HEAD + LINES, "must have both polarities: one sets, the other resets"),
        (
            "time [s];voltage [V];current [A]\n0,1;1.5;2\n",
            "line 2: '0,1' does not fit, as line 2 has '1.5'; write all decimals with a point",
        ),
    ],
)  # fmt: skip
def test_bad_sweeps_are_explained_with_line_and_column(workplace, capsys, text, message):
    (workplace / "bad.csv").write_text(text)
    assert main(["calibrate", "bad.csv"]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.csv", "a.csv"], "there are sweeps of device a already"),
        (["a.csv", "model=neurosim"], "model must be one of"),
        (["a.csv", "start=sonos", "free=[r_on]"], "start must name a material that states"),
        (["a.csv", "start=tio2_hp", "free=[r_om]"], "did you mean r_on"),
        (["a.csv", "unit=uS"], "unit must be left out"),
        (["a.csv", "pulses.csv"], "a.csv holds I-V sweeps, pulses.csv holds responses"),
        (["a.csv", "name=My-oxide", "model=vteam"], "name must be small letters"),
    ],
)  # fmt: skip
def test_a_mistake_on_the_command_line_is_explained(workplace, capsys, arguments, message):
    write(sweep(VTEAM(**SWITCH), 1e-9, points=40), workplace / "a.csv")
    (workplace / "pulses.csv").write_text("device,pulse,polarity,conductance [uS]\na,1,1,2\n")
    assert main(["calibrate", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (workplace / "conf").exists()


def test_from_sweeps_to_a_study(workplace, capsys):
    """The whole way: measure two devices, fit, derive a device, and simulate a network of it."""
    for k in range(2):
        loop = sweep(VTEAM(**SWITCH), 1e-9, points=80, seed=k)
        write(loop, workplace / f"d{k}.csv")
    assert main(["calibrate", "d0.csv", "d1.csv", "name=mine", "model=vteam"]) == 0
    told = capsys.readouterr().out
    assert "2 devices" in told
    assert "v_off" in told
    assert (workplace / "results" / "calibrate" / "mine.png").stat().st_size > 10_000
    with composer("conf"):
        config = compose(["material=mine"])
    physics = build(DynamicalModel, plain_config(config.physics), "physics")
    assert isinstance(physics, VTEAM)
    assert physics.r_on == pytest.approx(1e3, rel=0.02)
    assert config.protocol.voltage_up < 0 < config.protocol.voltage_down
    assert main(["calibrate", "d0.csv", "name=mine", "model=vteam"]) == 2
    assert "is there already" in capsys.readouterr().err
    assert config.device.source == "derived"
    study = ["explore", "--config-dir", "conf", "material=mine",
             "executor=serial", "realisations=1", "workload.hidden=[4]", "workload.epochs=2",
             "protocol.devices=8"]  # fmt: skip
    assert main(study) == 0
