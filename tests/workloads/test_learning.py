"""Learning in the crossbar: gradients, rules, devices, and the bits of a realisation."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from matsweep.core.checks import UserError
from matsweep.core.streams import realisation_streams
from matsweep.crossbar import ADC, DAC, Tile, Wires
from matsweep.devices import AnalogDevice, Drift, Law, ReadNoise
from matsweep.devices.faults import StuckAt
from matsweep.devices.programming import WritePulse
from matsweep.devices.pulses import (
    CycleNoise,
    ExponentialStep,
    LinearStep,
    NeuroSim,
    PowerStep,
    SoftBounds,
    Tabulated,
)
from matsweep.machine import Hardware
from matsweep.machine.product import wired
from matsweep.workloads import InSitu
from matsweep.workloads.learning import core
from matsweep.workloads.learning import lesson as floating
from matsweep.workloads.learning.core import converters, propagation
from matsweep.workloads.learning.course import Course
from matsweep.workloads.learning.learner import Learner
from matsweep.workloads.learning.reading import read_variance
from matsweep.workloads.learning.rules import (
    Coincidence,
    Manhattan,
    MixedPrecision,
    PulseCount,
    Reset,
    TikiTaka,
    Tuning,
)
from matsweep.workloads.learning.run import MEASURES

pytestmark = pytest.mark.xdist_group("learning")  # they compile the same kernels

FINE = LinearStep(step_up=2e-4, step_down=2e-4)
PULSE = WritePulse(voltage_up=1.0, time_up=1e-7, voltage_down=2.0, time_down=3e-7)


def hardware(model, mapping="reference", bits=16, rows=512, wires=None, **parameters):
    device = AnalogDevice(
        g_min=1e-6, g_max=1e-5, read_voltage=0.2, cell_size=16.0, pulse_model=model,
        write_pulse=PULSE, **parameters,
    )  # fmt: skip
    return Hardware(
        device=device, tile=Tile(rows=rows, columns=rows, mapping=mapping), dac=DAC(bits=bits),
        adc=ADC(bits=bits, percentile=100.0), wires=wires,
    )  # fmt: skip


def streams(realisations=1, seed=0):
    return realisation_streams(seed, range(realisations))


def learner(workload, platform, realisations=1):
    """Return a learner that has not learned yet, and its circuit."""
    course = Course.of(workload.prepare().lesson, workload, platform, streams(realisations))
    made = Learner.of(course, 0)
    return made, made.circuit()


def learned(workload, platform, realisations=3, seed=0, times=(1.0,)):
    rng = streams(realisations, seed)
    return workload.prepare().run(platform, times=times, rng=rng)


@pytest.mark.parametrize("mapping", ["reference", "differential", "offset"])
@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
@pytest.mark.parametrize(("activation", "hidden"), [("sigmoid", (7,)), ("relu", (9, 6))])
def test_gradients_of_an_ideal_tile_are_the_analytic_ones(mapping, loss, activation, hidden):
    workload = InSitu(hidden=hidden, loss=loss, activation=activation, epochs=1, samples=10)
    made, circuit = learner(workload, hardware(FINE, mapping, rows=23))
    samples, work = workload.prepare().lesson.samples, made.work
    weights = made.weights()
    for number in range(5):
        active, error = work.active[0], work.error[0]
        propagation.load(circuit, samples.train_inputs, number, active)
        propagation.forward(circuit, made.state, work, active)
        last = made.course.first_output[-2]
        propagation.output_error(
            circuit, work.sums[last:], samples.train_labels[number], error[last:]
        )
        propagation.backward(circuit, made.state, work, error)
        one = samples.train_inputs[number : number + 1], samples.train_labels[number : number + 1]
        wanted = floating.gradients(workload, made.course.lesson.layers, weights, *one)
        for layer, gradient in enumerate(wanted):
            rows = slice(circuit.first_row[layer], circuit.first_row[layer + 1])
            columns = slice(made.course.first_column[layer], made.course.first_column[layer + 1])
            found = np.outer(active[rows], error[columns])
            scale = np.abs(gradient).max()
            np.testing.assert_allclose(found, gradient, atol=2e-3 * scale + 1e-7)


MODELS = {
    "neurosim": NeuroSim(
        nonlinearity_up=2.4, nonlinearity_down=-4.88, pulses_up=97, pulses_down=100
    ),
    "retracing": NeuroSim(
        nonlinearity_up=0.105, nonlinearity_down=2.4, pulses_up=100, pulses_down=50
    ),
    "straight": NeuroSim(nonlinearity_up=0.0, nonlinearity_down=0.0, pulses_up=64, pulses_down=64),
    "soft_bounds": SoftBounds(step_up=0.02, step_down=0.05),
    "linear_step": LinearStep(step_up=0.01, step_down=0.02, slope_up=0.3, slope_down=0.7),
    "exponential": ExponentialStep(
        step_up=0.01, step_down=0.02, amplitude_up=-1.2, amplitude_down=-0.1, rate_up=5.0,
        rate_down=4.0, scale=-0.5, offset=-0.5,
    ),
    "power": PowerStep(step_up=0.02, step_down=0.03, exponent_up=1.5, exponent_down=0.5),
    "tabulated": Tabulated(
        states=(0.1, 0.5, 0.8), probabilities=(0.5,), up=((0.03,), (0.02,), (0.01,)),
        down=((-0.01,), (-0.02,), (-0.03,)), scale_up=0.5,
    ),
    "abrupt": Tabulated(
        states=(0.0, 0.1, 1.0), probabilities=(0.5,), up=((0.05,), (0.04,), (0.0,)),
        down=((-0.001,), (-0.03,), (-0.95,)), scale_up=3.0, scale_down=1.5, counts=True,
        own_noise=False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("count", [1, 3, -1, -4])
def test_pulses_of_the_compiled_core_are_those_of_the_device_model(name, count):
    model = MODELS[name]
    made, circuit = learner(InSitu(hidden=(3,), epochs=1), hardware(model))
    before = np.linspace(0, 1, made.state.x.size).astype(np.float32)
    made.state.x[:] = before
    core.give(circuit, made.devices, made.state, made.work, np.full(before.size, count, np.int32))
    wanted = model.apply(before.astype(float), count, rng=np.random.default_rng(0))
    np.testing.assert_allclose(made.state.x, wanted, atol=2e-6 * abs(count))
    assert (made.state.pulses == abs(count)).all()


def test_neurosim_noise_is_sigma_root_n_of_the_range_and_aihwkit_noise_that_of_each_step():
    ranged = dataclasses.replace(MODELS["straight"], cycle_to_cycle=CycleNoise(of_range=0.004))
    stepped = LinearStep(step_up=0.01, step_down=0.01, cycle_to_cycle=CycleNoise(of_step=0.3))
    for model, sigma in ((ranged, 0.004 * 9**0.5), (stepped, 0.003 * 9**0.5)):
        made, circuit = learner(InSitu(hidden=(200,), epochs=1), hardware(model))
        made.state.x[:] = 0.4
        core.give(
            circuit, made.devices, made.state, made.work, np.full(made.state.x.size, 9, np.int32)
        )
        # 15,010 devices: the standard deviation of a deviation is 0.6 %, of the mean 0.8 % of it
        assert made.state.x.std() == pytest.approx(sigma, rel=0.03)
        mean = float(model.apply(np.array([0.4]), 9, rng=np.random.default_rng(0))[0])
        quiet = mean if model is ranged else 0.49
        if model is ranged:
            quiet = 0.4 + 9 / 64
        assert made.state.x.mean() == pytest.approx(quiet, abs=5 * sigma / made.state.x.size**0.5)


def test_neurosim_noise_is_added_before_the_state_is_cut_to_its_bounds():
    """As published: G + N pulses + sigma sqrt(N), then cut; 4 of 64 pulses beyond, sigma 0.002."""
    model = dataclasses.replace(MODELS["straight"], cycle_to_cycle=CycleNoise(of_range=0.001))
    made, circuit = learner(InSitu(hidden=(50,), epochs=1), hardware(model))
    made.state.x[:] = 1.0
    core.give(circuit, made.devices, made.state, made.work, np.full(made.state.x.size, 4, np.int32))
    assert (made.state.x == 1.0).all()  # 31 standard deviations


def test_a_hidden_unit_in_the_middle_is_on_for_a_converter_of_one_bit():
    """As published, a unit fires from 0.5 on, at which coarse sums often leave it exactly."""
    platform = dataclasses.replace(hardware(FINE), dac=DAC(bits=1))
    made, circuit = learner(InSitu(hidden=(6,), bias=False, epochs=1), platform)
    made.state.signal[:] = 0
    active = made.work.active[0]
    propagation.load(circuit, made.course.lesson.samples.train_inputs, 0, active)
    propagation.forward(circuit, made.state, made.work, active)
    assert (active[-6:] == 0.5).all()
    assert (made.work.volts[-6:] == 1).all()
    below = np.array([0.49, -0.49, 0.5, -0.5, 0.51], np.float32)
    np.testing.assert_array_equal(
        [converters.stepped(v, np.float32(1)) for v in below], [0, 0, 1, -1, 1]
    )


def test_no_update_gives_a_device_more_pulses_than_span_its_range():
    workload = InSitu(hidden=(6,), epochs=1, samples=1, learning_rate=(1e12,))
    made, _ = learner(workload, hardware(LinearStep(step_up=0.02, step_down=0.01)))
    made.train()
    assert 0 < made.state.pulses.max() <= 100
    assert np.isfinite(made.state.x).all()


def test_devices_do_not_begin_with_weights_that_diverged(tmp_path, monkeypatch):
    monkeypatch.setenv("MATSWEEP_CACHE", str(tmp_path))
    wild = {"hidden": (8,), "activation": "relu", "epochs": 2, "learning_rate": (1e30,)}
    assert 0 <= InSitu(**wild, loss="cross_entropy").prepare().reference["accuracy"] < 0.3
    with pytest.raises(UserError, match="learning_rate is too large for start=trained"):
        InSitu(**wild, loss="cross_entropy", start="trained").prepare()


def test_each_device_has_parameters_of_its_own_drawn_once():
    model = SoftBounds(step_up=0.02, step_down=0.02, device_to_device={"step_up": 0.3})
    made, circuit = learner(InSitu(hidden=(50,), epochs=1), hardware(model))
    steps = []
    for _ in range(2):
        made.state.x[:] = 0.5
        core.give(
            circuit, made.devices, made.state, made.work, np.ones(made.state.x.size, np.int32)
        )
        steps.append(made.state.x.copy() - 0.5)
    np.testing.assert_array_equal(*steps)
    assert steps[0].std() == pytest.approx(0.3 * 0.01, rel=0.1)  # 3,760 devices: 1.2 % each


def test_rows_without_input_get_no_pulse_and_updates_are_rounded_to_whole_pulses():
    workload = InSitu(hidden=(6,), bias=False, epochs=1, samples=1, learning_rate=(3.0,))
    model = LinearStep(step_up=1 / 50, step_down=1 / 50)
    made, _ = learner(workload, hardware(model))
    samples = workload.prepare().lesson.samples
    before = made.state.x.copy()
    weights = made.weights()
    one = samples.train_inputs[:1], samples.train_labels[:1]
    made.learn(np.zeros(1, np.int64), np.full(2, 3.0, np.float32), np.ones(2, np.int64))
    gradients = floating.gradients(workload, made.course.lesson.layers, weights, *one)
    wanted = np.concatenate([-3.0 / 2 * g.ravel() * 50 for g in gradients])
    whole = np.sign(wanted) * np.floor(np.abs(wanted) + 0.5)
    clear = np.abs(np.abs(wanted) % 1 - 0.5) > 0.02  # not where converters decide
    given = np.rint((made.state.x - before) * 50)
    inside = (made.state.x > 0) & (made.state.x < 1)
    assert (given == whole)[clear & inside].all()
    assert (np.abs(whole) > 1).any()
    silent = np.repeat(samples.train_inputs[0] == 0, 6)
    assert silent.any()
    assert not made.state.pulses[: silent.size][silent].any()


def test_bits_of_a_realisation_do_not_depend_on_what_is_computed_beside_it():
    model = SoftBounds(
        step_up=0.01, step_down=0.01, cycle_to_cycle=CycleNoise(of_step=0.3, of_range=0.001),
        device_to_device={"step_up": 0.2},
    )  # fmt: skip
    platform = hardware(model, bits=8, stuck_at=StuckAt(random=0.01))
    platform = dataclasses.replace(
        platform, adc=ADC(bits=8, noise=0.5, offset=0.3, gain_error=0.01)
    )
    workload = InSitu(hidden=(8,), epochs=2, samples=200, rule=Coincidence())
    together = learned(workload, platform, realisations=3)
    for number in range(3):
        rng = realisation_streams(0, [number])
        alone = workload.prepare().run(platform, times=(1.0,), rng=rng)
        assert alone.keys() == together.keys() == MEASURES
        for name, values in alone.items():
            np.testing.assert_array_equal(values[0], together[name][number])
    assert len(np.unique(together["pulses_mean"])) == 3


SOFT = SoftBounds(step_up=1e-2, step_down=1e-2)
COARSE = LinearStep(step_up=1e-3, step_down=1e-3)
RULES = {
    "pulse_count": ({"rule": PulseCount()}, FINE, "reference"),
    "pairs": ({"rule": PulseCount()}, FINE, "differential"),
    "potentiated": (
        {"rule": PulseCount(), "pair": "potentiate", "reset": Reset(every=50)},
        FINE,
        "differential",
    ),
    "sign": (
        {"rule": Manhattan(threshold=0.2), "batch": 16, "learning_rate": (2.0,), "epochs": 16},
        COARSE,
        "reference",
    ),
    "coincidence": ({"rule": Coincidence()}, LinearStep(step_up=3e-4, step_down=3e-4), "offset"),
    "mixed": ({"rule": MixedPrecision()}, LinearStep(step_up=1e-2, step_down=1e-2), "reference"),
    "mixed_batches": (
        {"rule": MixedPrecision(), "batch": 8, "learning_rate": (1.6,)},
        COARSE,
        "differential",
    ),
    "write_verify": ({"rule": Tuning(tolerance=1e-3, max_pulses=100)}, COARSE, "reference"),
}


PLAIN = {"hidden": (32,), "epochs": 8, "learning_rate": (0.2,), "weight_range": (4.0,)}


@pytest.fixture(scope="module")
def in_floating_point():
    """Accuracies of six networks."""
    plain = InSitu(**PLAIN)
    lesson = plain.prepare().lesson
    samples, layers = lesson.samples, lesson.layers
    judged = samples.test_inputs, samples.test_labels
    return [
        floating.accuracy(
            plain, layers, floating.trained(plain, layers, samples, np.random.default_rng(seed)),
            *judged,
        )
        for seed in range(6)
    ]  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_an_ideal_device_learns_as_floating_point_does_under_every_rule(name, in_floating_point):
    changes, model, mapping = RULES[name]
    runs = in_floating_point
    found = learned(InSitu(**{**PLAIN, **changes}), hardware(model, mapping, bits=12), 6)
    # Seeds are fixed; spreads are 0.006 to 0.015, of the difference of two means of six to 0.007.
    last = found["learning_correct"][:, -1]
    error = np.sqrt((np.var(runs, ddof=1) + np.var(last, ddof=1)) / 6)
    assert last.mean() == pytest.approx(np.mean(runs), abs=4 * error)
    assert error < 0.008
    assert last.min() > 0.9


@pytest.mark.parametrize("rule", [PulseCount(), Tuning(tolerance=1e-3, max_pulses=100)])
def test_last_layers_only_and_fine_tuning_start_from_a_trained_network(rule):
    workload = InSitu(
        hidden=(32,), epochs=2, learning_rate=(0.2,), weight_range=(4.0,), start="trained",
        learns="last", rule=rule,
    )  # fmt: skip
    platform = hardware(COARSE, bits=12)
    made, _ = learner(workload, platform)
    first = made.course.first[1]
    before = made.state.x.copy()
    accuracies = made.train()
    np.testing.assert_array_equal(made.state.x[:first], before[:first])
    assert (made.state.x[first:] != before[first:]).any()
    assert accuracies[-1] > workload.prepare().reference["accuracy"] - 0.02


def test_stuck_devices_stay_where_they_are_while_the_others_learn():
    workload = InSitu(hidden=(16,), epochs=2, learning_rate=(0.2,), weight_range=(2.0,))
    platform = hardware(COARSE, bits=12, stuck_at=StuckAt(g_min=0.1, g_max=0.05))
    made, _ = learner(workload, platform)
    stuck = made.devices.low == made.devices.high
    assert stuck.mean() == pytest.approx(0.15, abs=0.05)  # 1,210 devices: 0.01 each
    before = made.state.x.copy()
    made.train()
    np.testing.assert_array_equal(made.state.x[stuck], before[stuck])
    assert (made.state.x[~stuck] != before[~stuck]).mean() > 0.5


def test_energy_of_pulses_is_that_of_the_device_model():
    made, circuit = learner(InSitu(hidden=(5,), epochs=1), hardware(COARSE))
    made.state.sums[:] = 0
    rng = np.random.default_rng(0)
    counts = rng.integers(-3, 4, made.state.x.size).astype(np.int32)
    device = made.course.hardware.device
    before = device.g_min + made.state.x.astype(float) * device.g_range
    wanted = device.pulse(before, counts, rng=rng).energy
    core.give(circuit, made.devices, made.state, made.work, counts)
    energy, _ = made.written()
    assert energy == pytest.approx(wanted.sum(), rel=1e-5)


def test_a_symmetry_point_is_where_pulses_of_both_signs_cancel():
    model = SoftBounds(step_up=0.02, step_down=0.005)
    workload = InSitu(hidden=(5,), epochs=1, rule=TikiTaka(calibration=1000))
    made, _ = learner(workload, hardware(model))
    # step_up (1 - x) = step_down x at x = 0.8; the mean of both half-steps is within a step of it
    np.testing.assert_allclose(made.devices.fast_reference, 0.8, atol=0.004)


def test_wires_take_from_the_signals_and_reads_back_see_the_same():
    wires = Wires(word_resistance=200.0, bit_resistance=200.0)
    workload = InSitu(hidden=(20,), epochs=1, samples=50)
    made, _ = learner(workload, hardware(COARSE, wires=wires, rows=64))
    made.calibrate_wires()
    assert 0.2 < made.devices.seen.min() < made.devices.seen.max() < 1
    near = made.devices.seen[: 65 * 20].reshape(65, 20)
    assert near[64, 0] > near[0, 19]  # first column, last row: the shortest way


@pytest.mark.parametrize("mapping", ["reference", "differential", "offset"])
@pytest.mark.parametrize("wires", [None, Wires(word_resistance=200.0, bit_resistance=200.0)])
def test_signals_are_the_currents_of_the_array_behind_wires_and_access_devices(mapping, wires):
    """A read of one word line at a time; g_min, a ninth of the range, loses current, too."""
    access = 2e4
    platform = hardware(COARSE, mapping, wires=wires, rows=70)
    platform = dataclasses.replace(
        platform, tile=dataclasses.replace(platform.tile, access_resistance=access)
    )
    made, circuit = learner(InSitu(hidden=(20,), epochs=1, samples=50), platform)
    made.calibrate_wires()
    course, device = made.course, platform.device

    def seen(states):
        """(arm, row, column) conductances of the first layer, S, of states (arm, row, column)."""
        plan, rows = course.layouts[0], states.shape[1]
        if plan.references:
            middle = np.full((1, rows, plan.references), 0.5, np.float32)
            states = np.concatenate([states, middle], axis=2)
        arrays = np.asarray(device.g_min + states * device.g_range, np.float32)
        return wired(arrays[None, None], plan, wires, access, power=False).conductance[0, 0]

    states = made.state.x.reshape(course.arms, -1)[:, : 65 * 20].reshape(course.arms, 65, 20)
    through = seen(states)
    if mapping == "reference":
        wanted = through[0][:, :20] - through[0][:, 20:]
    elif mapping == "offset":
        wanted = through[0] - (device.g_min + device.g_range / 2)
    else:
        wanted = through[0] - through[1]
    signal = made.state.signal[: 65 * 20].reshape(65, 20)
    np.testing.assert_allclose(signal, wanted / device.g_range, atol=1e-6)
    # Pulses change what access devices leave at once; what wires leave is held.
    core.give(
        circuit, made.devices, made.state, made.work, np.full(made.state.x.size, 99, np.int32)
    )
    if wires is None:
        moved = seen(made.state.x.reshape(states.shape[0], -1)[:, : 65 * 20].reshape(states.shape))
        change = (moved - through)[..., :20]
        wanted = wanted + change[0] - (change[1] if len(change) == 2 else 0)
        assert np.abs(change).max() > 0.05 * device.g_range
        np.testing.assert_allclose(
            made.state.signal[: 65 * 20].reshape(65, 20), wanted / device.g_range, atol=1e-6
        )


@pytest.mark.parametrize(("mapping", "middle"), [("differential", 0.0), ("reference", 5.5e-6)])
def test_targets_of_write_verify_are_within_what_columns_can_see(mapping, middle):
    access = 2e4
    platform = hardware(COARSE, mapping)
    platform = dataclasses.replace(
        platform, tile=dataclasses.replace(platform.tile, access_resistance=access)
    )
    workload = InSitu(hidden=(20,), epochs=1, samples=50, rule=Tuning(every=1000))
    made, _ = learner(workload, platform)
    made.learn(np.arange(50), np.full(2, 1e9, np.float32), np.ones(2, np.int64))
    low, zero, high = (g / (1 + access * g) for g in (1e-6, middle, 1e-5))
    least, most = (low - zero, high - zero) if middle else (low - high, high - low)
    found = made.state.digital / np.float32(1 / 9e-6)
    assert found.min() == pytest.approx(least, rel=1e-5)
    assert found.max() == pytest.approx(most, rel=1e-5)


def test_read_noise_behind_an_access_device_is_what_its_resistance_leaves():
    device = hardware(COARSE, read_noise=ReadNoise(relative=0.1)).device
    variance = read_variance(device, 2e4)
    g = device.g_min + np.linspace(0, 1, len(variance)) * device.g_range
    low, high = (each / (1 + 2e4 * each) for each in (g - 1e-9, g + 1e-9))
    slope = (high - low) / 2e-9
    sigma = device.read_sigma(g, device.drift.time_zero)
    np.testing.assert_allclose(variance, (slope * sigma / device.g_range) ** 2, rtol=1e-5)


def test_what_was_learned_drifts_away():
    drift = Drift(
        nu=Law(at_g_max=0.05, low=0.05, high=0.05), spread=Law(at_g_max=0.05, low=0.05, high=0.05)
    )
    workload = InSitu(hidden=(32,), epochs=6, learning_rate=(0.2,), weight_range=(4.0,))
    found = learned(workload, hardware(FINE, bits=12, drift=drift), times=(1.0, 1e7))
    correct, error = found["correct"], found["vmm_error"]
    np.testing.assert_allclose(correct[:, 0], found["learning_correct"][:, -1], atol=0.02)
    assert (correct[:, 1] < correct[:, 0] - 0.02).all()
    assert (error[:, 1] > 5 * error[:, 0]).all()


@pytest.mark.parametrize("mapping", ["reference", "differential"])
def test_flicker_noise_of_trained_devices_grows_from_the_end_of_training(mapping):
    """Without drift a product's error is noise alone: it grows as sqrt(ln((t + t_r) / (2 t_r))).

    100 samples on 20 + 10 columns of three realisations: 9,000 errors, alike to a few in scale;
    a ratio of two standard deviations is known to about 2 %, the bound is 12 %.
    """
    noise = ReadNoise(relative=0.02, exponent=0.5, flicker_read_time=1e-6)
    workload = InSitu(hidden=(20,), epochs=1, samples=50)
    times = (1e-5, 1.0, 1e8)
    error = learned(workload, hardware(FINE, mapping, read_noise=noise), times=times)["vmm_error"]
    growth = np.sqrt(np.log((np.array(times) + 1e-6) / 2e-6))
    mean = np.sqrt(np.mean(np.square(error), axis=0))
    np.testing.assert_allclose(mean / mean[0], growth / growth[0], rtol=0.12)


@pytest.mark.parametrize("mapping", ["reference", "differential"])
def test_trained_devices_that_drift_keep_the_relative_noise_of_their_training(mapping, monkeypatch):
    """All lose half of G - 0: then variance is a quarter of what it was, times the growth."""
    noise = ReadNoise(relative=0.02, exponent=0.5, flicker_read_time=1e-6)
    halved = Drift(nu=Law.from_number(np.log(2) / np.log(1e6)))
    seen = []

    def judge(circuit, state, *rest):
        seen.append((state.variance.copy(), circuit.reference_variance))
        return core_judge(circuit, state, *rest)

    core_judge = core.judge
    monkeypatch.setattr(core, "judge", judge)
    workload = InSitu(hidden=(5,), epochs=1, samples=20)
    learned(
        workload, hardware(FINE, mapping, read_noise=noise, drift=halved), realisations=1,
        times=(1.0, 1e6),
    )  # fmt: skip
    (_, _), (first, reference), (last, later) = seen
    growth = np.log((1e6 + 1e-6) / 2e-6) / np.log((1 + 1e-6) / 2e-6)
    np.testing.assert_allclose(last, first * growth / 4, rtol=1e-4)
    assert later == pytest.approx(reference * growth / 4, rel=1e-4)
    assert (reference > 0) == (mapping == "reference")


@pytest.mark.parametrize("mapping", ["reference", "differential"])
def test_flicker_noise_of_trained_devices_is_what_access_devices_leave(mapping, monkeypatch):
    """1 / (1 + R g)² of each deviation, as while they learn: R g up to 0.2 here."""
    noise = ReadNoise(relative=0.02, exponent=0.5, flicker_read_time=1e-6)
    platform, access = hardware(FINE, mapping, read_noise=noise), 2e4
    platform = dataclasses.replace(
        platform, tile=dataclasses.replace(platform.tile, access_resistance=access)
    )
    device, seen = platform.device, []

    def judge(circuit, state, *rest):
        seen.append((state.x.copy(), state.variance.copy(), circuit.reference_variance))
        return core_judge(circuit, state, *rest)

    core_judge = core.judge
    monkeypatch.setattr(core, "judge", judge)
    learned(InSitu(hidden=(5,), epochs=1, samples=20), platform, realisations=1, times=(1e3,))
    x, found, reference = seen[-1]

    def variance(state):
        g = device.g_min + state * device.g_range
        return (device.read_sigma(g, 1e3) / (1 + access * g) ** 2 / device.g_range) ** 2

    wanted = variance(x.astype(float)).reshape(-1, found.size).sum(axis=0)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)
    if mapping == "reference":
        assert reference == pytest.approx(float(variance(np.array(0.5))), rel=1e-4)


@pytest.mark.parametrize(
    ("parameters", "mapping", "message"),
    [
        ({"positive": True}, "differential", "workload.positive must be false"),
        ({"reset": Reset()}, "reference", "workload.reset must be null"),
        ({"activation": "tanh"}, "offset", "workload.activation must be sigmoid or relu"),
    ],
)
def test_what_does_not_fit_the_tile_is_refused(parameters, mapping, message):
    with pytest.raises(UserError, match=message):
        InSitu(**parameters).tiled(Tile(mapping=mapping))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"learning_rate": (0.1, 0.2, 0.3)}, "learning_rate must hold one number, or one for each"),
        ({"batch": 0}, "batch must be >= 1"),
        ({"loss": "hinge"}, "loss must be one of"),
    ],
)
def test_a_workload_that_cannot_be_is_refused(parameters, message):
    with pytest.raises(UserError, match=message):
        InSitu(**parameters)


def test_tiki_taka_beats_plain_descent_on_a_strongly_asymmetric_device():
    model = SoftBounds(step_up=0.02, step_down=0.005)
    base = {"hidden": (32,), "epochs": 20, "weight_range": (4.0,), "loss": "cross_entropy"}
    plain = [
        learned(
            InSitu(rule=Coincidence(), learning_rate=(rate,), **base), hardware(model, bits=12), 2
        )["learning_correct"][:, -3:].mean()
        for rate in (0.02, 0.1, 0.3)
    ]  # fmt: skip
    tiki = InSitu(rule=TikiTaka(transfer=0.3, calibration=500), learning_rate=(0.1,), **base)
    found = learned(tiki, hardware(model, bits=12), 2)["learning_correct"]
    assert found[:, -3:].mean() > max(plain) + 0.1
    assert found[:, -3:].mean() > 0.8
