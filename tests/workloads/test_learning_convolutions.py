"""Convolutions that learn in the crossbar: windows, gradients, rules, bits and costs."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

import matsweep
import matsweep.running.work
from matsweep.core.checks import StoppedError, UserError
from matsweep.core.codec import build, plain
from matsweep.core.streams import realisation_streams
from matsweep.crossbar import ADC, DAC, Tile
from matsweep.datasets import Digits, Samples, Series
from matsweep.devices import AnalogDevice, ReadNoise
from matsweep.devices.pulses import CycleNoise, LinearStep, SoftBounds
from matsweep.machine import Hardware
from matsweep.networks.layers.convolution import Convolution as Imported
from matsweep.networks.layers.grid import Kernel
from matsweep.workloads import InSitu
from matsweep.workloads.learning import core
from matsweep.workloads.learning import lesson as floating
from matsweep.workloads.learning.convolution import Convolution, image_of, least_image, maps
from matsweep.workloads.learning.core import propagation
from matsweep.workloads.learning.course import Course
from matsweep.workloads.learning.layers import convolved, network
from matsweep.workloads.learning.learner import Learner
from matsweep.workloads.learning.lesson import Lesson
from matsweep.workloads.learning.rules import (
    Coincidence,
    Manhattan,
    MixedPrecision,
    PulseCount,
    TikiTaka,
    Tuning,
)

pytestmark = pytest.mark.xdist_group("learning")  # they compile the same kernels

FINE = LinearStep(step_up=1e-5, step_down=1e-5)
STACK = (
    Convolution(channels=3, kernel=3, padding=1, pool=2),
    Convolution(channels=4, kernel=2, stride=2, pool=2, pooling="average"),
)


def hardware(model=FINE, mapping="reference", bits=16, rows=64, **parameters):
    device = AnalogDevice(
        g_min=1e-6, g_max=1e-5, read_voltage=0.2, cell_size=16.0, pulse_model=model, **parameters
    )
    return Hardware(
        device=device, tile=Tile(rows=rows, columns=rows, mapping=mapping), dac=DAC(bits=bits),
        adc=ADC(bits=bits, percentile=100.0),
    )  # fmt: skip


def lesson_of(workload, image, samples=6, classes=3):
    """Return a lesson on random images, not trained."""
    rng = np.random.default_rng(1)
    inputs = rng.random((samples, int(np.prod(image))), np.float32)
    labels = np.arange(samples) % classes
    layers = network(
        workload.convolutions, (inputs.shape[1], *workload.hidden, classes), image,
        bias=workload.bias,
    )  # fmt: skip
    return Lesson(
        samples=Samples(inputs, labels, inputs, labels), layers=layers,
        signed=(False,) * len(layers),
        weights=tuple(np.zeros(layer.shape, np.float32) for layer in layers),
        float_accuracy=0.0, digest="",
    )  # fmt: skip


def learner(workload, platform, image=(6, 7, 2), **settings):
    lesson = lesson_of(workload, image, **settings)
    rng = realisation_streams(0, range(1))
    return Learner.of(Course.of(lesson, workload, platform, rng), 0)


def correlated(values, kernel, each):
    """Return a convolution by loops: (height, width, channel) and (tap, tap, channel, output)."""
    side = each.padding
    padded = np.pad(values, ((side, side), (side, side), (0, 0)))
    rows, columns = each.positions(values.shape[0]), each.positions(values.shape[1])
    result = np.zeros((rows, columns, kernel.shape[-1]))
    for r, c in itertools.product(range(rows), range(columns)):
        at, to = r * each.stride, c * each.stride
        window = padded[at : at + each.kernel, to : to + each.kernel]
        result[r, c] = np.einsum("abk,abkm->m", window, kernel)
    return result


def pooled(values, each):
    """Return the pooling of (height, width, channel) by loops."""
    high, wide = values.shape[0] // each.pool, values.shape[1] // each.pool
    result = np.zeros((high, wide, values.shape[2]))
    reduce = np.mean if each.pooling == "average" else np.max
    for r, c in itertools.product(range(high), range(wide)):
        square = values[r * each.pool :, c * each.pool :][: each.pool, : each.pool]
        result[r, c] = reduce(square, axis=(0, 1))
    return result


@pytest.mark.parametrize(
    "each",
    [
        *STACK,
        Convolution(channels=2, kernel=1),
        Convolution(channels=2, kernel=4, stride=3, padding=2, pool=2),
        Convolution(channels=5, kernel=5, padding=4, pool=3, pooling="average"),
    ],
)
def test_windows_and_pools_are_those_of_loops(each):
    rng = np.random.default_rng(0)
    image = (6, 7, 2)
    layer = convolved(each, image, bias=False)
    kernel = rng.standard_normal((each.kernel, each.kernel, 2, each.channels))
    values = rng.standard_normal((3, *image))
    sums = layer.windows(values.reshape(3, -1)) @ kernel.reshape(-1, each.channels)
    wanted = np.array([correlated(one, kernel, each) for one in values])
    np.testing.assert_allclose(sums.reshape(wanted.shape), wanted, atol=1e-12)
    small = np.array([pooled(one, each) for one in wanted])
    np.testing.assert_allclose(layer.pooled(sums).reshape(small.shape), small, atol=1e-12)
    assert layer.size == small[0].size
    assert maps([each], image) == (image, small.shape[1:])


def test_what_comes_back_is_the_transpose_of_windows_and_of_pools():
    """<A x, y> = <x, A' y> for the linear maps; 2 samples, 3 kinds of layer."""
    rng = np.random.default_rng(0)
    for each in (*STACK, Convolution(channels=2, kernel=4, stride=3, padding=2)):
        layer = convolved(dataclasses.replace(each, pooling="average"), (6, 7, 2), bias=False)
        x = rng.standard_normal((2, 84))
        y = rng.standard_normal((2 * layer.positions, layer.inputs))
        assert np.vdot(layer.windows(x), y) == pytest.approx(np.vdot(x, layer.gathered(y)))
        x = rng.standard_normal((2 * layer.positions, layer.outputs))
        y = rng.standard_normal((2, layer.size))
        assert np.vdot(layer.pooled(x), y) == pytest.approx(np.vdot(x, layer.unpooled(y, x)))


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
def test_gradients_in_floating_point_are_differences_of_the_loss(activation, loss):
    workload = InSitu(convolutions=STACK, hidden=(5,), activation=activation, loss=loss)
    lesson = lesson_of(workload, (9, 8, 2))
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal(layer.shape) for layer in lesson.layers]
    inputs, labels = lesson.samples.train_inputs.astype(float), lesson.samples.train_labels

    def total():
        sums = floating.activations(workload, lesson.layers, tuple(weights), inputs).sums
        if loss == "squared":
            return np.sum((1 / (1 + np.exp(-sums)) - np.eye(3)[labels]) ** 2)
        return np.sum(np.log(np.exp(sums).sum(axis=1)) - sums[np.arange(len(labels)), labels])

    given = floating.gradients(workload, lesson.layers, tuple(weights), inputs, labels)
    for weight, gradient in zip(weights, given, strict=True):
        for place in rng.choice(weight.size, 6, replace=False):
            ends = []
            for step in (1e-6, -2e-6):
                weight.flat[place] += step
                ends.append(total())
            weight.flat[place] += 1e-6
            assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(gradient.flat[place], abs=1e-5)


def propagated(made, circuit, number):
    """Run a sample forward and back; return its inputs and errors."""
    samples, work = made.course.lesson.samples, made.work
    active, error = work.active[0], work.error[0]
    propagation.load(circuit, samples.train_inputs, number, active)
    propagation.forward(circuit, made.state, work, active)
    last = made.course.first_output[-2]
    propagation.output_error(circuit, work.sums[last:], samples.train_labels[number], error[last:])
    propagation.backward(circuit, made.state, work, error)
    return active, error


@pytest.mark.parametrize("mapping", ["reference", "differential", "offset"])
@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
def test_gradients_of_an_ideal_tile_are_the_analytic_ones(mapping, activation):
    """Tiles of 5 rows: each product is a sum of several."""
    workload = InSitu(convolutions=STACK, hidden=(5,), activation=activation, epochs=1)
    made = learner(workload, hardware(mapping=mapping, rows=5), (9, 8, 2))
    circuit, lesson = made.circuit(), made.course.lesson
    for number in range(3):
        propagated(made, circuit, number)
        one = (part[number : number + 1] for part in lesson.samples[:2])
        wanted = floating.gradients(workload, lesson.layers, made.weights(), *one)
        for layer, gradient in enumerate(wanted):
            products = [
                np.outer(*core.sample(circuit, made.work, layer, position))
                for position in range(lesson.layers[layer].positions)
            ]
            scale = np.abs(gradient).max()
            assert scale > 1e-5
            np.testing.assert_allclose(sum(products), gradient, atol=2e-3 * scale)


def test_errors_below_a_convolution_are_the_product_with_its_explicit_matrix():
    """(value of the map below, position · column), built weight by weight."""
    workload = InSitu(
        convolutions=(Convolution(channels=2, kernel=1), STACK[0]), hidden=(), activation="tanh",
        bias=False, epochs=1,
    )  # fmt: skip
    made = learner(workload, hardware(), (5, 6, 1))
    circuit = made.circuit(exact=True)
    _, error = propagated(made, circuit, 0)
    each, kernel = STACK[0], made.weights()[1].reshape(3, 3, 2, 3)
    matrix = np.zeros((5, 6, 2, 5, 6, 3))
    for r, c, down, right in itertools.product(range(5), range(6), range(3), range(3)):
        y, x = r + down - each.padding, c + right - each.padding
        if 0 <= y < 5 and 0 <= x < 6:
            matrix[y, x, :, r, c] += kernel[down, right]
    first, second = made.course.first_output[1:3]
    slope = 1 - np.square(made.work.values[:first])
    wanted = slope * (matrix.reshape(60, 90) @ error[first:second])
    np.testing.assert_allclose(error[:first], wanted, atol=1e-4 * np.abs(wanted).max())
    assert np.abs(wanted).max() > 1e-4


def change(rule, model, batch, rate=0.01, repeat=1, **settings):
    """Learn one batch; return the mean change of the signals of all layers, and the gradient's.

    Both in ranges.
    """
    workload = InSitu(
        convolutions=STACK, hidden=(5,), activation="tanh", epochs=1, rule=rule, batch=batch,
        weight_range=(2.0,), **settings,
    )  # fmt: skip
    made = learner(workload, hardware(model), (9, 8, 2))
    samples, layers = made.course.lesson.samples, made.course.lesson.layers
    taken = samples.train_inputs[:batch], samples.train_labels[:batch]
    gradients = floating.gradients(workload, layers, made.weights(), *taken)
    wanted = [
        -rate / batch * each.ravel() / gain
        for each, gain in zip(gradients, made.course.gain, strict=True)
    ]
    before = made.state.x.copy()
    total = np.zeros(before.size)
    for turn in range(repeat):
        made.state.x[:] = made.state.settled[:] = before
        core.see_all(made.circuit(), made.devices, made.state)
        made.state.digital[:] = made.state.signal if isinstance(rule, Tuning) else 0
        made.state.clock[0] = turn  # the counter of the random numbers
        rates, learns = np.full(len(layers), rate, np.float32), np.ones(len(layers), np.int64)
        made.learn(np.arange(batch), rates, learns)
        total += made.state.x - before
    return total / repeat, np.concatenate(wanted), made


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(
    "rule", [PulseCount(), MixedPrecision(), Tuning(tolerance=6e-6, max_pulses=2000)]
)
def test_a_batch_changes_weights_by_its_gradient_summed_over_positions(rule, batch):
    """In pulses of 1e-5 of the range; converters of 16 bits."""
    given, wanted, made = change(rule, FINE, batch, rate=0.2)
    for a, b in itertools.pairwise(made.course.first):
        scale = np.abs(wanted[a:b]).max()
        np.testing.assert_allclose(given[a:b], wanted[a:b], atol=2e-3 * scale + 1.1e-5)
        assert scale > 2e-4  # twenty times what may be rounded


@pytest.mark.parametrize("batch", [1, 3])
def test_the_rule_of_signs_gives_a_pulse_for_the_sum_over_positions(batch):
    given, wanted, _ = change(
        Manhattan(threshold=0.5), LinearStep(step_up=1e-4, step_down=1e-4), batch
    )
    worth = wanted * 1e4
    clear = np.abs(np.abs(worth) - 0.5) > 0.02
    signs = np.where(np.abs(worth) > 0.5, np.sign(worth), 0)
    np.testing.assert_array_equal(np.rint(given * 1e4)[clear], signs[clear])
    assert len(np.unique(signs)) == 3


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("rule", [Coincidence(), TikiTaka(every=10**6, calibration=1)])
def test_pulses_that_meet_change_weights_by_the_gradient_on_average(rule, batch):
    """400 draws; the slope on each layer's gradient is known to 1 to 2 %, the bound is 12 %."""
    model = LinearStep(step_up=1e-4, step_down=1e-4)
    given, wanted, made = change(rule, model, batch, repeat=400)
    first, size = made.course.first, wanted.size
    if rule.fast:
        np.testing.assert_array_equal(given[:size], 0)
        given = given[size:]
    for a, b in itertools.pairwise(first):
        slope = np.vdot(given[a:b], wanted[a:b]) / np.vdot(wanted[a:b], wanted[a:b])
        assert slope == pytest.approx(1, abs=0.12)


def test_pulses_that_meet_take_the_time_of_every_position():
    """7 bits for each of 2 samples and 72 + 8 + 1 + 1 positions, if all have an error."""
    workload = InSitu(
        convolutions=(
            Convolution(channels=3, kernel=3, padding=1),
            Convolution(channels=4, kernel=3, stride=3),
        ),
        hidden=(5,), activation="tanh", epochs=1, batch=2, rule=Coincidence(bits=7),
    )  # fmt: skip
    made = learner(workload, hardware(), (9, 8, 2))
    layers = made.course.lesson.layers
    positions = [layer.positions for layer in layers]
    assert positions == [72, 6, 1, 1]
    made.learn(np.arange(2), np.full(4, 0.1, np.float32), np.ones(4, np.int64))
    # 54 of the first layer's positions are below a window of the second: the others have no error
    np.testing.assert_array_equal(made.state.slots, 7 * 2 * (54 + 6 + 1 + 1))


def test_a_kernel_of_one_pixel_is_a_dense_layer_at_each_position():
    """The same devices, noise and all, bit for bit: forward, and the errors that come back."""
    platform = hardware(bits=8)
    filters = InSitu(
        convolutions=(Convolution(channels=4, kernel=1),) * 2, hidden=(), activation="relu",
        epochs=1,
    )  # fmt: skip
    plain = InSitu(hidden=(4, 4), activation="relu", epochs=1)
    image = learner(filters, platform, (3, 3, 5))
    pixel = learner(plain, platform, (1, 1, 5))
    both = int(pixel.course.first[2])
    pixel.state.x[:both] = image.state.x[:both]
    core.see_all(pixel.circuit(), pixel.devices, pixel.state)
    circuit = image.circuit()
    alone = pixel.circuit()._replace(
        step=circuit.step.copy(), step_back=circuit.step_back.copy(), gain=circuit.gain.copy()
    )
    propagated(image, circuit, 0)
    pixels = image.course.lesson.samples.train_inputs[0].reshape(9, 5)
    work = pixel.work
    for position in range(9):
        active, error = work.active[0], work.error[0]
        propagation.load(alone, pixels, position, active)
        propagation.forward(alone, pixel.state, work, active)
        for layer in range(2):
            x, e = core.sample(circuit, image.work, layer, position)
            y, _ = core.sample(alone, work, layer, 0)
            np.testing.assert_array_equal(x, y)
            at = image.course.first_output[layer] + 4 * position
            sums = slice(*pixel.course.first_output[layer : layer + 2])
            np.testing.assert_array_equal(image.work.sums[at : at + 4], work.sums[sums])
        error[:] = 0
        error[4:8] = e  # as if the last layer had sent it back
        cut = alone._replace(rows=alone.rows[:2], columns=alone.columns[:2])
        propagation.backward(cut, pixel.state, work, error)
        np.testing.assert_array_equal(error[:4], core.sample(circuit, image.work, 0, position)[1])


@pytest.mark.parametrize("rule", [PulseCount(), TikiTaka(calibration=20)])
def test_a_kernel_as_large_as_the_image_is_a_dense_layer_bit_for_bit(rule):
    model = SoftBounds(
        step_up=0.01, step_down=0.01, cycle_to_cycle=CycleNoise(of_step=0.3),
        device_to_device={"step_up": 0.2},
    )  # fmt: skip
    platform = hardware(model, bits=8, read_noise=ReadNoise(relative=0.02))
    settings = {"epochs": 1, "samples": 100, "rule": rule, "activation": "relu"}
    whole = InSitu(convolutions=(Convolution(channels=6, kernel=8),), hidden=(), **settings)
    dense = InSitu(hidden=(6,), **settings)
    prepared = [each.prepare() for each in (whole, dense)]
    assert prepared[0].digest == prepared[1].digest
    runs = [
        each.run(platform, times=(1.0,), rng=realisation_streams(0, range(1))) for each in prepared
    ]
    for name, values in runs[0].items():
        np.testing.assert_array_equal(values, runs[1][name], err_msg=name)


LEARNS = {
    "convolutions": (
        Convolution(channels=8, kernel=3, padding=1, pool=2),
        Convolution(channels=16, kernel=3, padding=1, pool=2),
    ),
    "hidden": (), "activation": "tanh", "loss": "cross_entropy", "learning_rate": (0.03,),
    "weight_range": (4.0,), "epochs": 4, "rule": MixedPrecision(),
}  # fmt: skip


def test_digits_are_learned_to_97_percent_in_four_epochs():
    """1,898 weights. Seeds are fixed; floating point has 0.953 to 0.967 by then (rates 0.02, 0.05)."""
    platform = hardware(LinearStep(step_up=1e-3, step_down=1e-3), bits=10)
    prepared = InSitu(**LEARNS).prepare()
    found = prepared.run(platform, times=(1.0,), rng=realisation_streams(0, range(2)))
    assert found["correct"][:, 0].mean() > 0.965
    np.testing.assert_allclose(found["correct"][:, 0], found["learning_correct"][:, -1], atol=0.02)
    assert (found["vmm_error"] < 0.01).all()
    assert (found["saturated"] < 0.01).all()


def test_bits_of_a_realisation_do_not_depend_on_what_is_computed_beside_it():
    model = SoftBounds(
        step_up=0.01, step_down=0.01, cycle_to_cycle=CycleNoise(of_step=0.3, of_range=0.001),
        device_to_device={"step_up": 0.2},
    )  # fmt: skip
    platform = hardware(model, bits=8, read_noise=ReadNoise(relative=0.02))
    workload = InSitu(**{**LEARNS, "epochs": 1, "samples": 40, "rule": Coincidence()})
    prepared = workload.prepare()
    together = prepared.run(platform, times=(1.0,), rng=realisation_streams(0, range(3)))
    alone = prepared.run(platform, times=(1.0,), rng=realisation_streams(0, [2]))
    for name, values in alone.items():
        np.testing.assert_array_equal(values[0], together[name][2])
    assert len(np.unique(together["pulses_mean"])) == 3


def test_a_study_that_is_stopped_while_it_trains_ends_with_the_same_bits(tmp_path, monkeypatch):
    study = [
        "workload=digits_online", "material=ecram_li,epiram", "workload.hidden=[]",
        "workload.convolutions=[{channels: 3, kernel: 3, pool: 2}]", "workload.epochs=2",
        "workload.samples=30", "realisations=1", "times=[1]", "unknowns=neutral",
        "executor=serial", "executor.chunk_size=1",
    ]  # fmt: skip
    whole = matsweep.open_results(matsweep.explore([*study, f"store={tmp_path}/a.zarr"]))
    order, candidates = Learner._order, []

    def stopping(self, epoch):
        candidates.append(epoch)
        if len(candidates) == 4:  # the second candidate's second epoch
            raise KeyboardInterrupt
        return order(self, epoch)

    monkeypatch.setattr(Learner, "_order", stopping)
    again = [*study, f"store={tmp_path}/b.zarr"]
    with pytest.raises(StoppedError, match="1 of 2 candidates are done"):
        matsweep.explore(again)
    monkeypatch.setattr(Learner, "_order", order)
    resumed = matsweep.open_results(matsweep.explore(again))
    assert candidates == [0, 1, 0, 1]
    for name in ("accuracy", "learning_accuracy", "training_energy", "pulses_mean", "energy"):
        np.testing.assert_array_equal(whole[name], resumed[name])


def test_matrices_count_positions_values_and_operations_as_imported_graphs_do():
    workload = InSitu(**{**LEARNS, "epochs": 1, "samples": 5})
    shapes, (first, second, last) = [(8, 8, 1), (4, 4, 8)], workload.prepare().matrices
    for matrix, each, shape, back in zip(
        (first, second), LEARNS["convolutions"], shapes, (0, 16), strict=True
    ):
        kernel = Kernel.of({"pads": [1, 1, 1, 1]}, (3, 3))
        imported = Imported(name="", inputs=(), outputs=(), weights=(), kernel=kernel)
        [traffic] = imported.traffic([(1, *shape)])
        assert (matrix.uses, matrix.fresh, matrix.held) == traffic
        assert matrix.uses_back == back
        assert matrix.usage.inputs == 9 * shape[-1] + 1
        pooled = each.channels * shape[0] * shape[1] // 4
        assert matrix.operations == {"comparison": 4 * pooled + 3 * pooled}
    assert (last.uses, last.uses_back, last.fresh, last.held) == (1, 1, None, None)
    means = dataclasses.replace(LEARNS["convolutions"][0], pooling="average")
    layer = convolved(means, (8, 8, 1), bias=True)
    assert layer.operations == {"comparison": 512, "addition": 3 * 128, "division": 128}
    digital = InSitu(**{**LEARNS, "epochs": 1, "samples": 5, "backward": "digital"})
    assert [matrix.uses_back for matrix in digital.prepare().matrices] == [0, 0, 0]


def test_power_is_that_of_the_lines_at_all_positions():
    """sum over positions of V² G, of each device and of its share of the reference."""
    workload = InSitu(
        convolutions=(Convolution(channels=4, kernel=3),), hidden=(), epochs=1, samples=1,
        learning_rate=(1e-9,),
    )  # fmt: skip
    platform = hardware()
    prepared = workload.prepare()
    found = prepared.run(platform, times=(1.0,), rng=realisation_streams(0, range(1)))
    made = Learner.of(
        Course.of(prepared.lesson, workload, platform, realisation_streams(0, range(1))), 0
    )
    run = floating.activations(
        workload, prepared.lesson.layers, made.weights(), prepared.lesson.samples.test_inputs
    )
    device, power = platform.device, 0.0
    for layer, plan in enumerate(made.course.layouts):
        a, b = made.course.first[layer : layer + 2]
        lines = device.g_min + made.state.x[a:b].reshape(plan.inputs, -1) * device.g_range
        lines = lines.sum(axis=1) + plan.references * (device.g_min + device.g_range / 2)
        power += np.sum(np.square(run.inputs[layer].astype(float)) @ lines)
    power *= device.read_voltage**2 / len(prepared.lesson.samples.test_labels)
    assert found["array_power"][0, 0] == pytest.approx(power, rel=1e-3)


def test_a_perceptron_does_not_state_its_convolutions():
    assert "convolutions" not in plain(InSitu())
    assert build(InSitu, {"kind": "in_situ", "convolutions": []}) == InSitu()
    stated = plain(InSitu(convolutions=STACK[:1], hidden=()))["convolutions"]
    assert build(InSitu, {"kind": "in_situ", "convolutions": stated, "hidden": []}) == InSitu(
        convolutions=STACK[:1], hidden=()
    )


def test_a_workload_states_its_layers_before_its_data_are_read():
    known = InSitu(convolutions=STACK[:1], hidden=(7,))
    assert known.shapes == ((9, 3), (48, 7), (7, 10))
    assert known.footprint > 8 * sum(a * b for a, b in known.shapes)
    for stack in (STACK, (Convolution(channels=2, kernel=5, stride=3, padding=4),)):
        side, *_ = image = least_image(stack)
        maps(stack, image)
        if side > 1:
            with pytest.raises(UserError):
                maps(stack, (side - 1, side - 1, 1))


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        ([{"channels": 2, "kernel": 9}], r"convolutions\[0\].kernel \[pixels\] must be at most 8"),
        ([{"channels": 2, "kernel": 3, "pool": 7}], r"convolutions\[0\].pool .* at most 6"),
        (
            [{"channels": 2, "kernel": 5}, {"channels": 2, "kernel": 5}],
            r"convolutions\[1\].kernel .* at most 4, .* input of 4 × 4, got 5",
        ),
        ([{"channels": 2, "kernel": 3, "padding": 3}], "padding .* must be below kernel"),
        ([{"channels": 2, "kernel": 3, "pooling": "mean"}], "pooling must be one of"),
        ([{"channels": 2, "kernel": 3, "stride": 0}], "stride must be >= 1"),
    ],
)
def test_a_stack_that_does_not_fit_is_refused(stack, message):
    with pytest.raises(UserError, match=message) as error:
        build(InSitu, {"kind": "in_situ", "convolutions": stack})
    assert "\n" not in str(error.value)


def test_a_rate_is_one_or_one_for_each_layer():
    with pytest.raises(UserError, match="one for each of the 4 layers, got 2"):
        InSitu(convolutions=STACK, hidden=(5,), learning_rate=(0.1, 0.2), data=Digits())


def test_convolutions_need_images():
    with pytest.raises(UserError, match=r"convolutions must be \[\] for data without images"):
        InSitu(convolutions=STACK, data=Series())


@pytest.mark.parametrize(
    ("axes", "wanted"),
    [((28, 28), (28, 28, 1)), ((1, 5, 6), (5, 6, 1)), ((5, 6, 3), (5, 6, 3)), ((49,), (7, 7, 1))],
)
def test_images_of_every_layout_have_channels_last(axes, wanted, monkeypatch):
    monkeypatch.setattr(Digits, "axes", axes)
    assert image_of(Digits()) == wanted


def test_images_with_channels_first_are_refused(monkeypatch):
    monkeypatch.setattr(Digits, "axes", (3, 32, 32))
    with pytest.raises(UserError, match="channels last"):
        image_of(Digits())
