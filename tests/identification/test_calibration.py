"""Calibration: known parameters come back within their errors; bad data is explained."""

from __future__ import annotations

import numpy as np
import pytest

from matsweep.cli import main
from matsweep.core.codec import build
from matsweep.devices import (
    AnalogDevice,
    CycleNoise,
    ExponentialStep,
    LinearStep,
    NeuroSim,
    PowerStep,
    PulseModel,
    SoftBounds,
    Tabulated,
)
from matsweep.identification import calibration
from matsweep.identification.fitting.fit import SPECS
from matsweep.planning.config import compose, composer, plain_config
from tests.measured_reads import G_MAX, G_MIN, simulate

NOISE = 0.01  # of a read, fraction of the range
TRUTH = {
    "soft_bounds": SoftBounds(
        step_up=0.03, step_down=0.04, cycle_to_cycle=CycleNoise(of_step=0.3),
        device_to_device={"step_up": 0.2, "step_down": 0.15},
    ),
    "linear_step": LinearStep(
        step_up=0.01, step_down=0.012, slope_up=0.5, slope_down=0.7,
        cycle_to_cycle=CycleNoise(of_step=0.3),
        device_to_device={"step_up": 0.1, "step_down": 0.1, "slope_up": 0.1, "slope_down": 0.1},
    ),
    "power_step": PowerStep(
        step_up=0.03, step_down=0.03, exponent_up=1.5, exponent_down=0.7,
        cycle_to_cycle=CycleNoise(of_step=0.2, of_range=0.002),
        device_to_device={"step_up": 0.2, "step_down": 0.2, "exponent_up": 0.1,
                          "exponent_down": 0.1},
    ),
    "exponential_step": ExponentialStep(
        step_up=0.02, step_down=0.02, amplitude_up=0.3, amplitude_down=0.25, rate_up=1.0,
        rate_down=1.2, cycle_to_cycle=CycleNoise(of_step=0.3),
        device_to_device={"step_up": 0.15, "step_down": 0.15, "amplitude_up": 0.1,
                          "amplitude_down": 0.1, "rate_up": 0.1, "rate_down": 0.1},
    ),
    "neurosim": NeuroSim(
        nonlinearity_up=2.4, nonlinearity_down=-3.0, pulses_up=97, pulses_down=100,
        cycle_to_cycle=CycleNoise(of_range=0.01),
        device_to_device={"nonlinearity_up": 0.3, "nonlinearity_down": 0.3, "pulses_up": 0.1,
                          "pulses_down": 0.1},
    ),
}  # fmt: skip


def true_value(model, path):
    found = model
    for part in path.split("."):
        found = found.get(part, 0.0) if isinstance(found, dict) else getattr(found, part)
    return float(found)


def deviations(fit, truth, noise=NOISE):
    """Return (value - truth) / error of every parameter.

    Spreads are compared by their logarithms, noises by their variances: the scales on which
    their estimates are nearly Gaussian.
    """
    found = {}
    for path, value in fit.values.items():
        if path in fit.limits:
            continue
        true = noise if path == "read_noise" else true_value(truth, path)
        error = fit.errors[path]
        if path.startswith("device_to_device"):
            found[path] = np.log(value / true) * value / error
        elif path.startswith("cycle_to_cycle") or path == "read_noise":
            found[path] = (value**2 - true**2) / (2 * max(value, error) * error)
        else:
            found[path] = (value - true) / error
    return found


def test_every_formula_is_fitted():
    assert set(SPECS) == set(TRUTH)
    assert set(SPECS) | {"tabulated"} == {
        kind for kind, cls in PulseModel.registry.items() if cls.__module__.startswith("matsweep")
    }


@pytest.mark.parametrize("kind", TRUTH)
def test_known_parameters_come_back_within_their_errors(kind):
    """20 devices × 5 cycles × 100 pulses, reads with noise of 1 %: |z| < 4 for all, steps to 10 %.

    And of order one together. Intervals of 99.99 % hold what limits are given of.
    """
    truth = TRUTH[kind]
    fit = calibration.fit_model(simulate(truth, 21, noise=NOISE), kind, g_min=G_MIN, g_max=G_MAX)
    z = deviations(fit, truth)
    assert max(map(abs, z.values())) < 4, z
    assert np.mean(np.square(list(z.values()))) < 2.5, z
    for path in fit.limits:
        assert true_value(truth, path) <= fit.interval(path, 0.9999)[1], path
    for name in SPECS[kind].positive:
        assert fit.values[name] == pytest.approx(true_value(truth, name), rel=0.1)
    assert fit.read_noise.relative == pytest.approx(NOISE * (G_MAX - G_MIN) / G_MAX, rel=0.05)


@pytest.mark.parametrize(("kind", "seed"), [*((kind, 21) for kind in TRUTH), ("soft_bounds", 300)])
def test_the_model_that_made_the_data_is_chosen(kind, seed):
    """NeuroSim's curve makes steps linear in the state: the linear step says the same."""
    data = simulate(TRUTH[kind], seed, devices=8, cycles=3, pulses=80, noise=NOISE)
    fits = calibration.compare(data, g_min=G_MIN, g_max=G_MAX)
    same = {"neurosim", "linear_step"}
    assert fits[0].kind in (same if kind in same else {kind})
    rest = [fit.bic for fit in fits[1:]]
    assert rest == sorted(rest)
    assert fits[0].bic < rest[0] + 2
    assert calibration.recommend(fits) is fits[0]


def test_a_single_device_has_no_spread_between_devices():
    data = simulate(TRUTH["soft_bounds"], 1, devices=1)
    fit = calibration.fit_model(data, "soft_bounds", g_min=G_MIN, g_max=G_MAX)
    assert not any(name.startswith("device_to_device") for name in fit.values)
    assert fit.model.device_to_device == {}


# ------------------------------------------------------------------------------------- files


def write(data, path, heading="device,cycle,pulse,polarity,conductance [uS]", separator=","):
    lines, data = ["# measured on a bench", heading], data.changes
    for number, name in enumerate(data.devices):
        own = np.flatnonzero(data.device == number)
        lines.append(separator.join((name, "0", "0", "+1", f"{data.before[own[0]] * 1e6:.12g}")))
        pulse, was = 0, None
        for i in own:
            pulse = pulse + 1 if data.up[i] == was else 1
            was = data.up[i]
            cells = (name, "0", str(pulse), "up" if was else "LTD", f"{data.after[i] * 1e6:.12g}")
            lines.append(separator.join(cells))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_file_is_read_back(tmp_path, separator):
    data = simulate(TRUTH["linear_step"], 2, devices=3, cycles=2, pulses=15)
    heading = "device,cycle,pulse,polarity,conductance [uS]".replace(",", separator)
    write(data, tmp_path / "m.csv", heading, separator)
    found = calibration.read_pulses(tmp_path / "m.csv")
    assert found.devices == data.devices
    order = np.lexsort((np.arange(data.device.size), data.device))
    np.testing.assert_allclose(found.before, data.before[order], rtol=1e-9)
    np.testing.assert_allclose(found.after, data.after[order], rtol=1e-9)
    np.testing.assert_array_equal(found.up, data.up[order])


HEAD = "device,pulse,polarity,conductance [uS]\n"
GOOD = "".join(
    f"a,{pulse},{sign},{5 + 0.1 * (pulse if sign == '+1' else 40 - pulse):.1f}\n"
    for sign in ("+1", "-1")
    for pulse in range(1, 40)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no lines"),
        ("device,pulse,sign2,conductance [uS]\na,1,1,2\n", "line 1: no column polarity (there are"),
        ("device,pulse,polarity,what\na,1,1,2\n", "line 1: no column conductance"),
        ("device,pulse,polarity,current\na,1,1,2\n", "line 1: no column read voltage"),
        ("device,pulse,polarity,conductance\na,1,1,2\n", "line 1: column conductance has no unit"),
        ("device,pulse,polarity,conductance [Ohm]\na,1,1,2\n", "'Ohm' is no unit of conductance; "),
        (HEAD + "a,1,1,nan\n", "line 2: column conductance must be a number, got 'nan'"),
        (HEAD + "a,1,1,\n", "line 2: column conductance is empty"),
        (HEAD + "a,1,1\n", "line 2: column conductance is empty"),
        (HEAD + "a,1.5,1,2\n", "line 2: column pulse must be a whole number"),
        (HEAD + "a,1,sideways,2\n", "line 2: column polarity must be"),
        (HEAD + "a,1,1,-2\n", "line 2: conductance must be > 0"),
        (HEAD + "a,1,1,2\na,2,1,3\na,2,1,3\n", "line 4: pulse 2 of device a stands twice"),
        (HEAD + "a,1,1,2\na,2,1,3\n", "1 pulses up that follow on another"),
        (HEAD + GOOD[GOOD.index("a,1,-1") :], "0 pulses up"),
        (
            HEAD + "".join(f"a,{k},{s},5\n" for s in ("+1", "-1") for k in range(1, 40)),
            "conductance is constant",
        ),
    ],
)  # fmt: skip
def test_bad_data_is_explained_with_line_and_column(workplace, capsys, text, message):
    (workplace / "bad.csv").write_text(text)
    assert main(["calibrate", "bad.csv"]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert "bad.csv" in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "data must name a file"),
        (["nowhere.csv"], "nowhere.csv cannot be read: No such file"),
        (["good.csv", "model=neurosin"], "did you mean neurosim"),
        (["good.csv", "unit=nS"], "is in uS, but unit=nS was given"),
        (["good.csv", "g_max=1e-7"], "must hold the measured conductances"),
        (["good.csv", "name=My-oxide"], "name must be small letters"),
    ],
)
def test_a_mistake_on_the_command_line_is_explained(workplace, capsys, arguments, message):
    (workplace / "good.csv").write_text(HEAD + GOOD)
    assert main(["calibrate", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (workplace / "conf").exists()


def test_from_a_file_to_a_study(workplace, capsys):
    """The whole way: measure, calibrate, and simulate with what was written."""
    write(simulate(TRUTH["soft_bounds"], 4, devices=5, cycles=2, noise=0.03), workplace / "m.csv")
    assert main(["calibrate", "m.csv", "name=mine", "model=soft_bounds"]) == 0
    told = capsys.readouterr().out
    assert "step_up" in told
    assert "BIC" in told
    assert "verified to" in told
    assert "twice the noise of a read" in told
    assert (workplace / "results" / "calibrate" / "mine.png").stat().st_size > 10_000
    with composer("conf"):
        device = build(AnalogDevice, plain_config(compose(["material=mine"]).device), "device")
    assert isinstance(device.pulse_model, SoftBounds)
    assert device.pulse_model.step_up == pytest.approx(0.03, rel=0.4)
    sigma = device.read_noise.sigma(np.array([G_MIN, G_MAX]), device.g_max, 0.0)
    np.testing.assert_allclose(sigma, 0.03 * (G_MAX - G_MIN), rtol=0.1)
    assert device.write_verify.tolerance == pytest.approx(0.06, rel=0.1)
    assert main(["calibrate", "m.csv", "name=mine", "model=soft_bounds"]) == 2
    assert "is there already" in capsys.readouterr().err
    assert main(["calibrate", "m.csv", "name=table", "model=tabulated"]) == 0
    with composer("conf"):
        device = build(AnalogDevice, plain_config(compose(["material=table"]).device), "device")
    assert isinstance(device.pulse_model, Tabulated)
    study = ["explore", "--config-dir", "conf", "-m", "material=mine,table", "executor=serial",
             "realisations=1", "workload.hidden=[4]", "workload.epochs=2"]  # fmt: skip
    assert main(study) == 0
