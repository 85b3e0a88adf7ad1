"""Chips that the simulation programs while a network is trained."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from matsweep.core.checks import UserError
from matsweep.crossbar import ADC, DAC, Tile
from matsweep.devices import AnalogDevice, Drift, Law, ProgrammingError, ReadNoise
from matsweep.machine import Hardware
from matsweep.networks.load import build
from matsweep.networks.selection import Selection
from matsweep.networks.training import checkpoint, differentiable
from matsweep.networks.training.drawn import DeviceErrors, _turn
from matsweep.networks.training.libraries import jax
from matsweep.networks.training.loop import key_data, train
from matsweep.networks.training.settings import Training
from tests.networks.graphs import Builder
from tests.networks.training.lessons import bits, lessons, perceptron

DEVICE = Training(noise="device", epochs=3, batch=32, rate=1e-2)


def machine(*, sensing="current", nu=0.0, error=0.0, read_noise=0.0):
    device = AnalogDevice(
        g_min=1e-6, g_max=25e-6, read_voltage=0.2, cell_size=16.0,
        drift=Drift(nu=Law.from_number(nu), time_zero=1.0),
        programming_error=ProgrammingError(coefficients=(error,), g_reference=25e-6),
        read_noise=ReadNoise(relative=read_noise),
    )  # fmt: skip
    return Hardware(
        device=device, tile=Tile(rows=16, columns=32, weight_bits=None), dac=DAC(bits=14),
        adc=ADC(bits=14, percentile=100.0, sensing=sensing),
    )  # fmt: skip


def grouped():
    b = Builder((6, 4, 4), seed=2)
    x = b.conv("x", (6, 9), normalised=False, group=3, name="grouped")
    return build("grouped", b.model(b.op("Flatten", x)), Selection())


def drawn(network, inputs, machines, *, step=0, times=(1.0,), factor=1.0):
    """Return the products of a step's chip, with weights times a factor, and these weights."""
    parameters = differentiable.initial(network)
    errors = DeviceErrors(network, DEVICE, inputs, machines, times)
    errors.begin(parameters)
    changed = parameters._replace(
        weights={name: factor * each for name, each in parameters.weights.items()}
    )
    chip = errors.draw(step, changed)
    key = jax().random.wrap_key_data(key_data(0, step), impl="threefry2x32")
    return errors.products(network, changed, chip.plan, chip.numbers, key), changed.weights


@pytest.mark.parametrize("sensing", ["current", "voltage"])
@pytest.mark.parametrize("make", [perceptron, grouped])
def test_chip_holds_the_weights_of_its_step(make, sensing):
    """Ideal devices give the product with the present weights: 14 bits leave 1e-3."""
    network = make()
    shape = (40, *network.inputs[0].shape[1:])
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    products, weights = drawn(network, {"x": x}, (machine(sensing=sensing),), factor=-0.5)
    name, weight = next(iter(weights.items()))
    blocks = weight if weight.ndim == 3 else weight[None]
    rng = np.random.default_rng(1)
    rows = 0.5 * rng.standard_normal((30, 1, blocks.shape[0] * blocks.shape[1])).clip(-1, 1)
    got = np.asarray(products[name](rows.astype(np.float32), 0))[:, 0]
    parts = rows[:, 0].reshape(30, len(blocks), -1)
    wanted = np.einsum("sbi,bio->sbo", parts, blocks).reshape(30, -1)
    assert off(got, wanted) < 1e-3


@pytest.mark.parametrize("make", [perceptron, grouped])
def test_compensations_are_fitted_to_the_weights_of_the_step(make):
    """A drift by 37 % is taken off again."""
    network = make()
    shape = (40, *network.inputs[0].shape[1:])
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    own = machine(nu=0.1)
    tile = dataclasses.replace(own.tile, compensate_drift=True, compensate_columns=True)
    own = dataclasses.replace(own, tile=tile)
    products, weights = drawn(network, {"x": x}, (own,), times=(100.0,), factor=-0.5)
    name, weight = next(iter(weights.items()))
    blocks = weight if weight.ndim == 3 else weight[None]
    rows = np.random.default_rng(1).uniform(-1, 1, (30, 1, blocks.shape[0] * blocks.shape[1]))
    got = np.asarray(products[name](rows.astype(np.float32), 0))[:, 0]
    wanted = np.einsum("sbi,bio->sbo", rows[:, 0].reshape(30, len(blocks), -1), blocks)
    assert off(got, wanted.reshape(30, -1)) < 3e-3


def off(got, wanted):
    """Root mean square of the difference, over that of the wanted values."""
    return np.sqrt(np.mean(np.square(got - wanted)) / np.mean(np.square(wanted)))


def test_hardware_and_times_are_taken_in_turn():
    """Drift by a decade takes 10^-nu off: each step shows its device and its time."""
    network = perceptron()
    given = lessons(network).calibration
    machines, times = (machine(nu=0.1), machine(nu=0.3)), (1.0, 10.0, 100.0)
    x = np.random.default_rng(1).standard_normal((20, 1, 12)).astype(np.float32)
    found = []
    for step in range(5):
        products, weights = drawn(network, given, machines, step=step, times=times)
        exact = x[:, 0] @ weights["hidden"]
        got = np.asarray(products["hidden"](x, 0))[:, 0]
        found.append(np.sum(got * exact) / np.sum(exact * exact))
    turns = [(0.1, 1.0), (0.3, 10.0), (0.1, 100.0), (0.3, 1.0), (0.1, 10.0)]
    wanted = [time**-nu for nu, time in turns]
    assert found == pytest.approx(wanted, rel=5e-3)


@pytest.mark.parametrize("hardware", [1, 2, 6, 16])
@pytest.mark.parametrize("times", [1, 3, 4, 6])
def test_few_steps_meet_all_hardware_and_all_times_and_more_all_pairs(hardware, times):
    pairs = [_turn(step, hardware, times) for step in range(3 * hardware * times)]
    most = max(hardware, times)
    for start in range(0, len(pairs) - most, most):
        some = pairs[start : start + 2 * most]
        assert {number for number, _ in some} == set(range(hardware))
        assert {place for _, place in some} == set(range(times))
    for start in range(0, len(pairs), hardware * times):
        assert len(set(pairs[start : start + hardware * times])) == hardware * times


def test_each_step_has_a_chip_of_its_own_and_the_same_each_time():
    network = perceptron()
    given, own = lessons(network).calibration, (machine(error=1e-6),)
    x = np.ones((1, 1, 12), np.float32)
    first, again, other = (
        np.asarray(drawn(network, given, own, step=step)[0]["hidden"](x, 0)) for step in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.allclose(first, other, rtol=1e-3)


def test_reads_of_a_recurrent_layer_differ_from_call_to_call():
    network = perceptron()
    given, own = lessons(network).calibration, (machine(read_noise=0.1),)
    products, _ = drawn(network, given, own)
    x = np.ones((1, 1, 12), np.float32)
    first, again, other = (np.asarray(products["hidden"](x, call)) for call in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.fixture(scope="module")
def whole():
    network = perceptron()
    return train(network, lessons(network), DEVICE, hardware=(noisy(),), times=(1.0, 1e4))


def noisy():
    return machine(nu=0.05, error=2e-6, read_noise=0.05)


def test_training_on_chips_lowers_the_loss_and_gives_the_same_bits_once_resumed(whole, tmp_path):
    network = perceptron()
    assert whole.losses[-1] < whole.losses[0]
    given = {"hardware": (noisy(),), "times": (1.0, 1e4), "folder": tmp_path}

    class Killed(Exception):
        pass

    def stop(epoch):
        if epoch.number == 2:
            raise Killed

    with pytest.raises(Killed):
        train(network, lessons(network), DEVICE, **given, progress=stop)
    epochs = []
    resumed = train(network, lessons(network), DEVICE, **given, progress=epochs.append)
    assert [each.number for each in epochs] == [3]
    assert bits(resumed) == bits(whole)
    # Another device or time is another training.
    for change in ({"times": (1.0,)}, {"hardware": (machine(),)}):
        epochs.clear()
        train(network, lessons(network), DEVICE, **(given | change), progress=epochs.append)
        assert len(epochs) == 3
    assert [each.name for each in tmp_path.iterdir()] == [checkpoint._NAME]


def test_errors_of_devices_need_devices():
    network = perceptron()
    with pytest.raises(UserError, match=r'noise must be a number .* got "device"'):
        train(network, lessons(network), DEVICE)
