"""Pulse models against their closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsweep.core.checks import UserError
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
    WritePulse,
    curvature,
)

SILVER = {"nonlinearity_up": 2.4, "nonlinearity_down": -4.88, "pulses_up": 97, "pulses_down": 100}
MODELS = {
    "neurosim": NeuroSim(**SILVER),
    "retracing": NeuroSim(
        nonlinearity_up=1.75, nonlinearity_down=1.46, pulses_up=31, pulses_down=31
    ),
    "soft_bounds": SoftBounds(step_up=0.02, step_down=0.05),
    "linear_step": LinearStep(step_up=0.01, step_down=0.02, slope_up=0.4, slope_down=0.9),
    "exponential_step": ExponentialStep(
        step_up=0.01, step_down=0.01, amplitude_up=-1.2, amplitude_down=0.3,
        rate_up=3.0, rate_down=1.0, scale=-0.5, offset=-0.5,
    ),
    "power_step": PowerStep(step_up=0.03, step_down=0.02, exponent_up=1.5, exponent_down=0.5),
    "tabulated": Tabulated(
        states=(0.0, 0.5, 1.0),
        probabilities=(0.1, 0.5, 0.9),
        up=((0.02, 0.03, 0.06), (0.0, 0.02, 0.03), (-0.01, 0.0, 0.01)),
        down=((-0.01, 0.0, 0.0), (-0.04, -0.02, 0.0), (-0.08, -0.05, -0.03)),
    ),
}  # fmt: skip


def rng(seed=0):
    return np.random.default_rng(seed)


def test_every_kind_of_model_is_tested():
    kinds = {kind for kind, cls in PulseModel.registry.items() if cls.__module__.startswith("mats")}
    assert {type(model) for model in MODELS.values()} == {PulseModel.registry[k] for k in kinds}


@given(label=st.floats(1e-3, 9))
def test_a_label_is_the_largest_distance_from_a_straight_line(label):
    """Against a search over a fine grid: independent of where the maximum is said to be."""
    curve = float(curvature(label))
    p = np.linspace(0, 1, 20_001)
    x = np.expm1(-curve * p) / np.expm1(-curve)
    assert 10.1015 * np.max(np.abs(x - p)) == pytest.approx(label, rel=2e-5)


def test_label_zero_is_a_straight_line():
    model = NeuroSim(nonlinearity_up=0, nonlinearity_down=0, pulses_up=50, pulses_down=20)
    state = model.apply(np.zeros((1, 1)), 10, rng=rng())
    assert state == pytest.approx(0.2, rel=1e-6)
    assert model.apply(state, -2, rng=rng()) == pytest.approx(0.1, rel=1e-6)


def test_neurosim_curves_in_single_precision():
    """Those of double precision are published: a row of `matsweep validate`."""
    model = MODELS["neurosim"]
    for sign, start in ((1, 0.0), (-1, 1.0)):
        single, double = (np.full((1, 1), start, kind) for kind in (np.float32, np.float64))
        for _ in range(97):
            single, double = (model.apply(each, sign, rng=rng()) for each in (single, double))
            assert single.dtype == np.float32
            assert float(single[0, 0]) == pytest.approx(float(double[0, 0]), abs=3e-5)


def test_a_positive_label_of_depression_retraces_potentiation():
    same = NeuroSim(nonlinearity_up=2.0, nonlinearity_down=2.0, pulses_up=40, pulses_down=40)
    up = [np.zeros((1, 1))]
    for _ in range(40):
        up.append(same.apply(up[-1], 1, rng=rng()))
    down = same.apply(up[25], -10, rng=rng())
    np.testing.assert_allclose(down, up[15], rtol=1e-9)
    assert up[1] - up[0] > up[40] - up[39]


@pytest.mark.parametrize("count", [1, 7, 60])
def test_soft_bounds_approach_the_bound_exponentially(count):
    model = MODELS["soft_bounds"]
    start = np.linspace(0, 1, 11)[:, None]
    np.testing.assert_allclose(
        model.apply(start, count, rng=rng()), 1 - (1 - start) * 0.98**count, rtol=1e-12
    )
    np.testing.assert_allclose(
        model.apply(start, -count, rng=rng()), start * 0.95**count, rtol=1e-12, atol=1e-15
    )


def test_step_models_coincide_where_their_formulas_do():
    """Slope 1 and exponent 1 are soft bounds; slope 0, exponent 0 and amplitude 0 are constant."""
    x = np.linspace(0, 1, 21)
    soft = SoftBounds(step_up=0.02, step_down=0.04)
    sloped = LinearStep(step_up=0.01, step_down=0.02, slope_up=1.0, slope_down=1.0)
    power = PowerStep(step_up=0.02, step_down=0.04, exponent_up=1.0, exponent_down=1.0)
    flat = LinearStep(step_up=0.02, step_down=0.04)
    bare = PowerStep(step_up=0.02, step_down=0.04, exponent_up=0.0, exponent_down=0.0)
    plain = ExponentialStep(
        step_up=0.02, step_down=0.04, amplitude_up=0, amplitude_down=0, rate_up=1, rate_down=1
    )
    for up in (True, False):
        for one, other in ((soft, sloped), (soft, power), (flat, bare), (flat, plain)):
            np.testing.assert_allclose(
                one.step(x, up, one.nominal), other.step(x, up, other.nominal), atol=1e-15
            )


def test_exponential_step_is_the_published_formula():
    """aihwkit's w -= max(y, 0) dw_d (1 + s xi), z = 2 a w / (b_max - b_min) + b, w in [-1, 1]."""
    model, w = MODELS["exponential_step"], np.linspace(-1, 1, 9)
    z = 2 * -0.5 * w / 2 - 0.5
    np.testing.assert_allclose(
        model.step((w + 1) / 2, True, model.nominal), 0.01 * (1 + 1.2 * np.exp(3.0 * z))
    )
    np.testing.assert_allclose(
        model.step((w + 1) / 2, False, model.nominal),
        -0.01 * np.maximum(1 - 0.3 * np.exp(-1.0 * z), 0),
    )


@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("state", [0.0, 0.25, 0.5, 0.9])
def test_a_table_gives_its_quantiles(state, up):
    """200,000 draws: a quantile at probability p is known to sqrt(p (1 - p) / N) / density."""
    model = MODELS["tabulated"]
    table = np.array(model.up if up else model.down)
    drawn = model.noisy_step(np.full((200_000, 1), state), up, model.nominal, rng(1))[:, 0]
    expected = [np.interp(state, model.states, table[:, i]) for i in range(3)]
    span = expected[2] - expected[0]
    np.testing.assert_allclose(
        np.quantile(drawn, [0.1, 0.5, 0.9]), expected, atol=0.02 * span + 1e-12
    )
    mean = model.step(np.array([state]), up, model.nominal)[0]
    assert drawn.mean() == pytest.approx(mean, abs=6 * drawn.std() / 200_000**0.5 + 1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_no_pulse_moves_the_wrong_way_on_average_or_leaves_the_range(name):
    model, x = MODELS[name], np.linspace(0, 1, 101)
    assert (model.step(x, True, model.nominal) >= -1e-9).all()
    assert (model.step(x, False, model.nominal) <= 1e-9).all()
    state = np.full((50, 4), 0.5)
    for count in (1, 300, -1, -300):
        state = model.apply(state, count, rng=rng())
        assert ((state >= 0) & (state <= 1)).all()


@pytest.mark.parametrize("name", MODELS)
def test_counts_may_differ_between_devices(name):
    """A device in company gets what its own count says (compared where nothing is random)."""
    model = MODELS[name]
    if name == "tabulated":
        model = Tabulated(states=(0, 1), probabilities=(0.5,), up=((0.1,), (0.02,)),
                          down=((-0.01,), (-0.2,)))  # fmt: skip
    start = np.full((1, 5), 0.4)
    together = model.apply(start, np.array([[0, 1, 7, -1, -5]]), rng=rng())
    for column, count in enumerate((0, 1, 7, -1, -5)):
        alone = model.apply(start[:, :1], count, rng=rng())
        np.testing.assert_array_equal(together[0, column], alone[0, 0])
    np.testing.assert_array_equal(start, 0.4)


def test_the_two_meanings_of_cycle_noise():
    """Of one step: scales with it; of the range: does not, and grows as the root of the count."""
    n, start = 200_000, np.full((200_000, 1), 0.5)
    base = {"step_up": 0.001, "step_down": 0.001}
    of_step = LinearStep(**base, cycle_to_cycle=CycleNoise(of_step=0.3))
    assert of_step.apply(start, 1, rng=rng(1)).std() == pytest.approx(0.3 * 0.001, rel=0.01)
    assert of_step.apply(start, 16, rng=rng(2)).std() == pytest.approx(4 * 0.3 * 0.001, rel=0.01)
    of_range = LinearStep(**base, cycle_to_cycle=CycleNoise(of_range=0.003))
    assert of_range.apply(start, 1, rng=rng(3)).std() == pytest.approx(0.003, rel=0.01)
    moved = of_range.apply(start, 16, rng=rng(4))
    assert moved.std() == pytest.approx(4 * 0.003, rel=0.01)
    assert moved.mean() == pytest.approx(0.516, abs=6 * 0.012 / n**0.5)


def test_devices_differ_by_the_stated_spreads_and_stay_themselves():
    model = NeuroSim(**SILVER, device_to_device={"nonlinearity_up": 0.5, "pulses_up": 0.1})
    drawn = model.draw((100_000, 1), rng=rng(1))
    labels, pulses = drawn["nonlinearity_up"], drawn["pulses_up"]
    assert labels.mean() == pytest.approx(2.4, abs=0.01)
    assert labels.std() == pytest.approx(0.5, rel=0.015)  # absolute
    assert pulses.std() == pytest.approx(9.7, rel=0.015)  # relative
    assert np.corrcoef(labels.ravel(), pulses.ravel())[0, 1] == pytest.approx(0, abs=0.02)
    assert drawn["nonlinearity_down"] == -4.88
    few = model.draw((3, 2), rng=rng(2))
    once = model.apply(np.zeros((3, 2)), 20, rng=rng(), parameters=few)
    np.testing.assert_array_equal(
        once, model.apply(np.zeros((3, 2)), 20, rng=rng(), parameters=few)
    )
    assert len(np.unique(once)) == 6


def test_a_device_counts_pulses_and_their_energy():
    """Ten pulses of a nearly constant conductance: 10 V² G t."""
    device = AnalogDevice(
        g_min=1e-6, g_max=1e-5, read_voltage=0.2, cell_size=16,
        pulse_model=LinearStep(step_up=1e-5, step_down=1e-5),
        write_pulse=WritePulse(voltage_up=2.0, time_up=1e-7, voltage_down=-3.0, time_down=1e-8),
    )  # fmt: skip
    start = np.full((2, 2), 5e-6)
    made = device.pulse(start, np.array([[10, -10], [0, 1]]), rng=rng())
    np.testing.assert_array_equal(made.pulses, [[10, 10], [0, 1]])
    expected = [[10 * 4 * 5e-6 * 1e-7, 10 * 9 * 5e-6 * 1e-8], [0, 4 * 5e-6 * 1e-7]]
    np.testing.assert_allclose(made.energy, expected, rtol=1e-3)
    assert made.conductance[0, 0] > start[0, 0] > made.conductance[0, 1]
    assert made.conductance[1, 0] == pytest.approx(start[1, 0], rel=1e-12)
    unknown = AnalogDevice(
        g_min=1e-6, g_max=1e-5, read_voltage=0.2, cell_size=16, pulse_model=MODELS["soft_bounds"]
    )
    assert np.isnan(unknown.pulse(start, 1, rng=rng()).energy).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NeuroSim(**{**SILVER, "nonlinearity_up": 9.5}), "nonlinearity_up must be in"),
        (lambda: NeuroSim(**{**SILVER, "pulses_up": 0}), "pulses_up must be > 0"),
        (lambda: SoftBounds(step_up=0, step_down=0.1), "step_up must be in"),
        (lambda: LinearStep(step_up=0.1, step_down=0.1, slope_up=1.5), "slope_up must be in"),
        (lambda: PowerStep(step_up=0.1, step_down=0.1, exponent_up=-1, exponent_down=1), "exponen"),
        (lambda: CycleNoise(of_step=-0.1), "of_step must be >= 0"),
        (
            lambda: SoftBounds(step_up=0.1, step_down=0.1, device_to_device={"step_upp": 0.1}),
            "device_to_device.step_upp is not a parameter; did you mean step_up",
        ),
        (
            lambda: Tabulated(states=(0, 1), probabilities=(0.5,), up=((1,),), down=((1,), (1,))),
            "up must have a row for each of the 2 states",
        ),
        (
            lambda: Tabulated(states=(1, 0), probabilities=(1,), up=((1,),) * 2, down=((1,),) * 2),
            "states must increase",
        ),
        (
            lambda: ExponentialStep(step_up=0.1, step_down=0.1, amplitude_up=50, amplitude_down=0,
                                    rate_up=0, rate_down=0),
            "amplitude_up must leave a step",
        ),
    ],
)  # fmt: skip
def test_models_that_cannot_be_are_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()


def test_pulses_need_a_model():
    device = AnalogDevice(g_min=0, g_max=1e-5, read_voltage=0.2, cell_size=16)
    with pytest.raises(UserError, match="pulse_model must be given"):
        device.pulse(np.ones((1, 1)), 1, rng=rng())
