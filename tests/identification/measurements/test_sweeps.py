"""I-V sweeps: time, halves of a loop, cycles, and compliance."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from matsweep.core.checks import UserError
from matsweep.devices.dynamics import VTEAM
from matsweep.identification.fitting import fit_loops
from matsweep.identification.fitting.hysteresis import sets
from matsweep.identification.fitting.response import response
from matsweep.identification.measurements import Loop, Reading, enough_points, read_loops
from matsweep.identification.measurements.compliance import limited, limits
from matsweep.solving import transient, triangle


def write(path, columns, heading):
    rows = zip(*(np.asarray(column).tolist() for column in columns), strict=True)
    path.write_text("\n".join([heading, *(",".join(map(repr, row)) for row in rows)]) + "\n")
    return path


def half(sign, top=1.2, points=41):
    """Return voltage [V] and current [A] of one half of a loop: 10 uS out, 100 uS back, or so."""
    volts = sign * top * np.concatenate([np.linspace(0, 1, points), np.linspace(1, 0, points)[1:]])
    g = np.repeat([1e-5, 1e-4] if sign > 0 else [1e-4, 1e-5], [points, points - 1])
    return volts, g * volts


# ------------------------------------------------------------------------------------- the time


def test_a_rate_gives_the_time(tmp_path):
    volts, amps = half(1)
    path = write(tmp_path / "a.csv", (volts, amps), "V (V),I (A)")
    [loop] = read_loops([path], Reading(rate=0.5))
    assert loop.time[-1] == pytest.approx(2.4 / 0.5)
    np.testing.assert_allclose(np.diff(loop.time), np.abs(np.diff(volts)) / 0.5)
    assert loop.notes == ("times are those of 0.5 V/s",)


def test_points_that_hold_a_voltage_take_as_long_as_others(tmp_path):
    path = write(tmp_path / "a.csv", ([0, 0.5, 1, 1, 0.5], [0, 1e-6, 2e-6, 3e-6, 2e-6]), "V,I")
    [loop] = read_loops([path], Reading(rate=1.0))
    assert loop.time.tolist() == [0, 0.5, 1.0, 1.5, 2.0]


def test_without_a_rate_points_are_evenly_spaced_and_it_is_stated(tmp_path):
    volts, amps = half(1)
    [loop] = read_loops([write(tmp_path / "a.csv", (volts**3, amps), "V [mV],I [uA]")])
    assert np.ptp(np.diff(loop.time)) < 1e-15
    assert loop.time[-1] == pytest.approx(2e-3 * 1.2**3)  # V, at 1 V/s
    assert loop.notes[-1].startswith(
        "no column has the time: points are taken as evenly spaced, at 1"
    )


def test_cycles_follow_on_each_other(tmp_path):
    volts, amps = half(1)
    time = np.arange(volts.size) * 0.1
    path = write(
        tmp_path / "a.csv", (np.tile(time, 3), np.tile(volts, 3), np.tile(amps, 3)), "t,V,I"
    )
    [loop] = read_loops([path])
    np.testing.assert_allclose(np.diff(loop.time), 0.1)
    assert loop.cycle.tolist() == np.repeat(range(3), volts.size).tolist()
    numbered = (np.repeat([1, 2], volts.size), np.tile(volts, 2), np.tile(amps, 2))
    [loop] = read_loops([write(tmp_path / "b.csv", numbered, "Cycle No,V,I")])
    assert set(loop.cycle.tolist()) == {1, 2}


def test_a_time_that_falls_back_half_way_is_refused(tmp_path):
    path = write(tmp_path / "a.csv", ([0, 1, 2, 1], [0, 1, 2, 1], [0, 1e-6, 2e-6, 1e-6]), "t,V,I")
    with pytest.raises(
        UserError, match=r"a.csv, device a: time falls from 2 to 1 s; give points in "
    ):
        read_loops([path])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1200,1e-6", r"line 2: voltage \[V\] must be within 200, got 1200; correct the unit in"),
        ("1,9.91e37", r"line 2: current \[A\] must be within 1, got 9.91e\+37; correct the unit"),
    ],
)  # fmt: skip
def test_values_beyond_any_instrument_are_questioned(tmp_path, row, message):
    path = tmp_path / "a.csv"
    path.write_text(f"V,I\n{row}\n")
    with pytest.raises(UserError, match=message):
        read_loops([path])
    assert read_loops([path], Reading(plausible=False))[0].voltage.size == 1


# -------------------------------------------------------------------------------------- halves


@pytest.mark.parametrize(
    ("names", "device"),
    [
        (("d1_set", "d1_reset"), "d1"),
        (("Reset sweep", "Set sweep"), "device"),
        (("C_Dev1_set", "C_Dev1_reset"), "C_Dev1"),
        (("C_dev1_set", "c_Dev1_reset"), "C_dev1"),
        (("SET", "RESET"), "device"),
        (("run7", "run8"), "run7_run8"),
    ],
)
def test_set_and_reset_in_two_files_are_one_loop(tmp_path, names, device):
    signs = [-1 if "reset" in name.lower() or name == "run8" else 1 for name in names]
    paths = [
        write(tmp_path / f"{name}.csv", half(sign), "V,I")
        for name, sign in zip(names, signs, strict=True)
    ]
    [loop] = read_loops(paths)
    assert loop.device == device
    assert loop.voltage.size == 162
    np.testing.assert_allclose(loop.voltage[:81], half(signs[0])[0])  # in the order given
    assert (np.diff(loop.time) > 0).all()
    assert (
        loop.notes[0] == f"{names[0]} and {names[1]} are two halves of the loop of device {device}"
    )
    assert sets(loop) == 1
    assert enough_points([loop]) == [loop]


def test_halves_of_several_devices_find_each_other(tmp_path):
    paths = [write(tmp_path / f"{name}.csv", half(-1 if "reset" in name else 1), "V,I")
             for name in ("a_set", "b_set", "a_reset", "b_reset")]  # fmt: skip
    assert [loop.device for loop in read_loops(paths)] == ["a", "b"]
    single = read_loops(paths[:2])
    assert [loop.device for loop in single] == ["a_set", "b_set"]
    with pytest.raises(
        UserError, match=r"a_set\.csv: sweeps of a_set must have both polarities: one sets, the ot"
    ):
        enough_points(single)


# ---------------------------------------------------------------------------------- compliance


SWITCH = {"v_on": -0.5, "v_off": 0.6, "k_on": -2e-8, "k_off": 3e-8, "alpha_on": 2.0,
          "alpha_off": 2.5, "r_on": 1e3, "r_off": 3e4}  # fmt: skip


def held(limit, points=160, noise=0.01):
    """Return sweeps of a VTEAM device, RESET first, whose current is limited in the SET.

    The device's voltage is what its resistance takes of the limit, in small explicit steps of the
    model's published equations: a computation without the solver and without `response`.
    """
    drive = triangle(1.5, -1.5, 1.0, points=points)
    rng, w, p = np.random.default_rng(4), 1e-9, SWITCH
    fine = 400
    step = float(drive.time[1] - drive.time[0]) / fine
    current = np.zeros(drive.time.size)
    for k in range(1, drive.time.size):
        for part in range(fine):
            share = (part + 1) / fine
            volts = float(drive.voltage[k - 1] * (1 - share) + drive.voltage[k] * share)
            ohm = p["r_on"] + (p["r_off"] - p["r_on"]) * w / 3e-9
            volts = max(volts, -limit * ohm)
            if volts > p["v_off"]:
                w += step * p["k_off"] * (volts / p["v_off"] - 1) ** p["alpha_off"]
            elif volts < p["v_on"]:
                w += step * p["k_on"] * (volts / p["v_on"] - 1) ** p["alpha_on"]
            w = min(max(w, 0.0), 3e-9)
        current[k] = volts / ohm
    seen = current * (1 + noise * rng.standard_normal(current.size) * (current > -0.999 * limit))
    return Loop(device="a", time=drive.time, voltage=drive.voltage, current=seen)


def test_a_flat_top_of_the_current_is_compliance():
    volts, amps = half(1, points=61)
    cut = np.minimum(amps, 5e-5)
    loop = limited(Loop(device="a", time=np.arange(volts.size), voltage=volts, current=cut))
    assert loop.limited.tolist() == (amps >= 0.99 * 5e-5).tolist()
    count = int(loop.limited.sum())
    assert loop.notes == (
        "device a: compliance current 50.0 µA at positive voltages (recognised); the fit leaves "
        f"{count} of 121 points out, and drives models with this limit",
    )


def test_an_ohmic_or_a_switching_device_is_not_under_compliance():
    for sign in (1, -1):
        volts, amps = half(sign, points=401)  # many points within 1 % of the largest current
        assert not limited(
            Loop(device="a", time=np.arange(volts.size), voltage=volts, current=amps)
        ).limited.any()


def test_compliance_may_be_stated_or_excluded():
    volts, amps = half(1)
    cut = np.minimum(amps, 9.8e-5)
    loop = Loop(device="a", time=np.arange(volts.size), voltage=volts, current=cut)
    stated = limited(loop, 9.8e-5)
    assert stated.limited.tolist() == (np.abs(amps) >= 0.99 * 9.8e-5).tolist()
    assert "98.0 µA at positive voltages (stated) holds in 1 of 1 halves; the" in stated.notes[0]
    flat = Loop(
        device="a", time=np.arange(volts.size), voltage=volts, current=np.minimum(amps, 5e-5)
    )
    assert not limited(flat, 0.0).limited.any()


def two_halves(top, noise=0.0, overshoot=(), seed=0):
    """Return a SET that is cut at 0.1 mA, and a RESET of other currents up to a top."""
    rise = np.concatenate([np.linspace(0, 1, 81), np.linspace(1, 0, 81)[1:]])
    cut = np.minimum(4e-4 * rise, 1e-4)
    cut[30 : 30 + len(overshoot)] *= overshoot
    current = np.concatenate([cut, -top * rise[1:]])
    noisy = current * (1 + noise * np.random.default_rng(seed).standard_normal(current.size))
    return Loop(device="a", time=np.arange(current.size), current=noisy,
                voltage=np.concatenate([rise, -rise[1:]]))  # fmt: skip


@pytest.mark.parametrize("top", [1.1e-4, 1.8e-4, 1e-2])
@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_a_stated_limit_does_not_hold_where_the_current_exceeds_it(top, noise):
    loop = limited(two_halves(top, noise), 1e-4)
    assert not loop.limited[loop.voltage < 0].any()
    assert np.isinf(limits(loop)[loop.voltage < 0]).all()
    assert loop.limited[loop.voltage > 0].sum() > 60
    assert limits(loop)[loop.voltage > 0] == pytest.approx(1e-4, rel=0.01)
    assert "at positive voltages (stated) holds in 1 of 2 halves, and 1 exceed it" in loop.notes[-1]
    (note,) = limited(two_halves(5e-5), 1e-6).notes
    assert note == (
        "device a: compliance current 1.00 µA (stated) holds in 0 of 2 halves, and 2 exceed it, "
        "with up to 100 µA: they count as not limited"
    )


@pytest.mark.parametrize("case", [{"noise": 0.1}, {"overshoot": (1.5, 1.4, 1.3, 1.2)}])
def test_noise_and_an_overshoot_leave_a_stated_limit(case):
    """Noise of 10 % and four points of an overshoot exceed the limit, and are not the device's."""
    for seed in range(20):
        loop = limited(two_halves(5e-5, seed=seed, **case), 1e-4)
        assert "holds in 1 of 2 halves; the" in loop.notes[-1]


@pytest.fixture(scope="module")
def behind():
    return limited(held(3e-4))


def test_a_model_under_compliance_follows_an_independent_computation(behind):
    """Within the noise, 1 %, and the error of explicit steps; otherwise it is far off."""
    own = response(VTEAM(**SWITCH), 1e-9, behind)
    clear = np.abs(behind.current) > 1e-2 * np.abs(behind.current).max()
    off = own.current[clear] / behind.current[clear] - 1
    assert np.sqrt(np.mean(off**2)) < 0.02
    assert np.abs(own.current[behind.limited]).max() == pytest.approx(3e-4)
    free = dataclasses.replace(behind, limited=np.zeros_like(behind.limited))
    blind = response(VTEAM(**SWITCH), 1e-9, free).current
    assert np.abs(blind[behind.limited]).max() > 1e-3
    seen = clear & ~behind.limited
    assert np.sqrt(np.mean((blind[seen] / behind.current[seen] - 1) ** 2)) > 0.1


def test_a_device_is_found_again_behind_a_compliance(behind):
    """A SET cut at 0.3 mA: its parameters come back within five standard errors and 0.5 %."""
    start = VTEAM(**SWITCH).replace(r_off=2e4, v_off=0.5, v_on=-0.6)
    fit = fit_loops([behind], "vteam", start=start, free=("r_off", "v_off", "v_on"))
    assert fit.misfit[0] < 0.02
    for name in ("r_off", "v_off", "v_on"):
        true, error = SWITCH[name], fit.errors[name][0]
        assert abs(fit.values[name][0] - true) < 5 * error + 5e-3 * abs(true)


def test_without_compliance_a_response_is_a_transient():
    drive, model = triangle(1.5, -1.5, 1.0, points=40), VTEAM(**SWITCH)
    loop = Loop(device="a", time=drive.time, voltage=drive.voltage, current=drive.voltage)
    whole = transient(model, drive.time, drive.voltage, state=1e-9, tolerance=1e-7)
    np.testing.assert_array_equal(response(model, 1e-9, loop).current, whole.current.values)


# --------------------------------------------------------------------------- signs and cycles


@pytest.mark.parametrize(
    ("seen", "note"),
    [
        (np.abs, "all currents have one sign: they are taken as sizes, with the sign of the volt"),
        (np.negative, "currents flow against the voltages: their sign is taken as inverted"),
        (np.asarray, None),
    ],
)
def test_currents_have_the_sign_of_the_voltage(tmp_path, seen, note):
    volts, amps = (np.concatenate(each) for each in zip(half(1), half(-1), strict=True))
    time = 0.1 * np.arange(volts.size)
    [loop] = read_loops([write(tmp_path / "a.csv", (time, volts, seen(amps)), "t [s],V [V],I [A]")])
    np.testing.assert_array_equal(loop.current, amps)
    signs = [each for each in loop.notes if "sign" in each]
    assert len(signs) == (note is not None)
    assert all(each.startswith(str(note)) for each in signs)


def test_cycles_of_two_halves_alternate(tmp_path):
    """Three SETs in one file and three RESETs in another are SET, RESET, SET, RESET, …"""
    paths = []
    for name, sign in (("d_set", 1), ("d_reset", -1)):
        volts, amps = half(sign)
        cycle = np.repeat([1, 2, 3], volts.size)
        amps = np.tile(amps, 3) * cycle
        paths.append(write(tmp_path / f"{name}.csv", (cycle, np.tile(volts, 3), amps), "cycle,V,I"))
    [loop] = read_loops(paths)
    assert (np.diff(loop.time) > 0).all()
    assert loop.cycle.tolist() == np.repeat([0, 1, 2], 2 * 81).tolist()
    peaks = [float(part[np.argmax(np.abs(part))]) for part in np.split(loop.voltage, 6)]
    assert peaks == pytest.approx([1.2, -1.2] * 3)
    sizes = [float(np.abs(part).max()) for part in np.split(loop.current, 6)]
    assert [round(size / 1.2e-4) for size in sizes] == [1, 1, 2, 2, 3, 3]
    assert "their 3 cycles alternate" in loop.notes[0]
