"""Products on devices in JAX against those of the simulation, and their gradients."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
import pytest

from matsweep.core.streams import realisation_streams
from matsweep.crossbar import ADC, DAC, Tile, Wires
from matsweep.devices import (
    AnalogDevice,
    Drift,
    Law,
    ProgrammingError,
    ReadNoise,
    StuckAt,
    TelegraphNoise,
)
from matsweep.machine import Hardware, Matrix
from matsweep.machine.mapped import map_matrices
from matsweep.machine.panels import serves
from matsweep.machine.windows import vectors
from matsweep.networks.chip import ProgrammedNetwork
from matsweep.networks.layer import Weight
from matsweep.networks.load import build, load_network
from matsweep.networks.matrices import network_matrices, network_weights
from matsweep.networks.products import DeviceProduct, ProgrammedWeight, of_weight
from matsweep.networks.recording import record
from matsweep.networks.selection import Selection
from matsweep.networks.training import differentiable
from matsweep.networks.training.device_product import device_product
from matsweep.networks.training.drawn import DeviceErrors, devices, product, programmed
from matsweep.networks.training.libraries import jax
from matsweep.networks.training.loop import key_data
from matsweep.networks.training.products import GaussianErrors, training_streams
from matsweep.networks.training.settings import Training
from tests.networks.graphs import lenet
from tests.networks.training.lessons import INPUTS, lessons, perceptron

TIME = 3600.0
FINE = {"dac": DAC(bits=16), "adc": ADC(bits=16, percentile=100.0)}
ERRORS = ProgrammingError(coefficients=(1.5e-6,), g_reference=25e-6)


def device(**given):
    own = {"programming_error": ERRORS, "drift": Drift(nu=Law.from_number(0.05), time_zero=20.0)}
    return AnalogDevice(g_min=1e-6, g_max=25e-6, read_voltage=0.2, cell_size=16.0, **(own | given))


def hardware(tile=None, own=None, **given):
    """37 inputs fill three tiles of rows, the last two of which have one input less."""
    settings = FINE | given
    return Hardware(
        device=own or device(), tile=tile or Tile(rows=16, columns=32, weight_bits=None), **settings
    )


class Both(NamedTuple):
    """One programmed weight, as the simulation and as JAX multiply by it."""

    rows: np.ndarray
    simulated: object
    traced: object
    weight: np.ndarray
    parts: list
    served: bool


def both(platform, *, shape=(37, 11), signed=False, samples=60, seed=0):
    """Program a random weight, and return both products of some rows."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(shape).astype(np.float32)
    inputs = values.size // shape[-1]
    rows = rng.standard_normal((samples, inputs)).astype(np.float32)
    rows = rows if signed else np.maximum(rows, 0)
    matrix = Matrix(weight=values, calibration=rows, signed=signed)
    mapped = map_matrices((matrix,), platform)
    weight = Weight(name="w", values=values)
    streams = of_weight(training_streams(5, 0), weight)
    chip = ProgrammedWeight.program(weight, mapped, platform, rng=streams)
    aged = [pack.programmed.at(TIME) for pack in chip.packs]
    parts = [
        devices(*each)
        for each in programmed(weight, mapped, platform, TIME, training_streams(5, 0))
    ]

    def simulated(x):
        own = DeviceProduct(chip, aged, 0, f"{TIME} s", "", None)
        return own.products(vectors(x[:, None]))[:, 0]

    def traced(x, clean=values, step=0):
        key = jax().random.wrap_key_data(key_data(0, step), impl="threefry2x32")
        plans, drawn = zip(*parts, strict=True)
        return product(plans, clean, drawn, key)(x[:, None], 0)[:, 0]

    return Both(rows, simulated, traced, values, parts, serves(mapped[0], platform))


SERVED = {
    "pairs": {},
    "signed inputs": {"signed": True},
    "slices": {
        "platform": {"tile": Tile(rows=16, columns=64, weight_bits=7), "own": device(levels=4)}
    },
    "several cells": {"platform": {"tile": Tile(rows=32, columns=32, cells=2)}},
    "wires": {"platform": {"wires": Wires(3.0, 3.0)}},
    "access devices": {"platform": {"tile": Tile(rows=16, access_resistance=5e3)}},
    "stuck devices": {"platform": {"own": device(stuck_at=StuckAt(g_max=0.05, g_min=0.1))}},
    "errors of the ADC": {
        "platform": {"adc": ADC(bits=12, percentile=99.0, gain_error=0.05, offset=9.0)}
    },
    "each column's range": {"platform": {"adc": ADC(bits=14, per_column=True)}},
    "narrow DAC": {"platform": {"dac": DAC(bits=5, percentile=98.0)}, "signed": True},
    "drift compensated": {
        "platform": {"tile": Tile(rows=16, compensate_drift=True)}, "signed": True,
    },
    "columns compensated": {
        "platform": {
            "tile": Tile(rows=16, compensate_columns=True, compensate_wires=True),
            "wires": Wires(2.0, 2.0),
        }
    },
    "blocks": {"shape": (7, 5, 4), "platform": {"tile": Tile(rows=16, columns=32)}},
}  # fmt: skip
SEVERAL = {
    "offset": {"platform": {"tile": Tile(rows=16, columns=32, mapping="offset")}},
    "offset, drift compensated": {
        "platform": {
            "tile": Tile(
                rows=16, columns=32, mapping="offset", compensate_drift=True,
                compensate_columns=True,
            )
        },
        "signed": True,
    },
    "reference": {"platform": {"tile": Tile(rows=16, columns=32, mapping="reference")}},
    "serial DAC": {"platform": {"dac": DAC(bits=7, serial=True)}, "signed": True},
    "serial DAC, integrated": {
        "platform": {
            "dac": DAC(bits=7, serial=True),
            "adc": ADC(bits=16, percentile=100.0, integrates="product"),
        },
        "signed": True,
    },
    "two phases, errors of the ADC": {
        "platform": {
            "tile": Tile(rows=16, columns=32, phases=2),
            "adc": ADC(bits=16, percentile=100.0, offset=300.0, gain_error=0.05),
        },
        "signed": True,
    },
    "two phases": {"platform": {"tile": Tile(rows=16, columns=32, phases=2)}, "signed": True},
    "four phases": {"platform": {"tile": Tile(rows=16, columns=32, phases=4)}, "signed": True},
    "voltages": {
        "platform": {"adc": ADC(bits=16, percentile=100.0, sensing="voltage")}, "signed": True,
    },
}  # fmt: skip


def case(given, **more):
    settings = {"platform": {}, **given}
    return both(hardware(**(settings.pop("platform") | more)), **settings)


def off(got, wanted):
    """Root mean square of the difference, over that of the wanted values."""
    got, wanted = np.asarray(got, float), np.asarray(wanted, float)
    return np.sqrt(np.mean(np.square(got - wanted)) / np.mean(np.square(wanted)))


@pytest.mark.parametrize("name", SERVED)
def test_quiet_product_is_the_simulation_s(name):
    """To 1e-4 of the rms, and code for code but for ties of sums in another order.

    Codes of one LSB apart by such ties are below one in a thousand.
    """
    pair = case(SERVED[name])
    got, wanted = np.asarray(pair.traced(pair.rows)), pair.simulated(pair.rows)
    assert off(got, wanted) < 1e-4
    code = min(np.abs(own.scale).min() for _, own in pair.parts)
    assert np.mean(np.abs(got - wanted) > 0.5 * code) < 1e-3


@pytest.mark.parametrize("name", SEVERAL)
def test_products_of_several_reads_have_their_devices(name):
    """One conversion of 16 bits instead of several: 3e-4 of the rms."""
    given = SEVERAL[name]
    pair = case(given)
    assert not pair.served
    exact = pair.rows @ pair.weight
    assert off(pair.traced(pair.rows), pair.simulated(pair.rows)) < 3e-4
    assert off(pair.simulated(pair.rows), exact) > 0.02  # the devices' errors are there


NOISY = {
    "pairs": {},
    "telegraph noise": {"platform": {"own": device(telegraph_noise=TelegraphNoise(amplitude=0.1))}},
    "slices": SERVED["slices"],
    "wires": SERVED["wires"],
    "blocks": SERVED["blocks"],
    "offset": SEVERAL["offset"],
    "reference": SEVERAL["reference"],
    "serial DAC": SEVERAL["serial DAC"],
    "four phases": SEVERAL["four phases"],
}


@pytest.mark.parametrize("name", NOISY)
def test_noisy_product_has_the_simulation_s_mean_and_deviation(name):
    """4,000 reads of one row, with noise of devices and converters.

    Means are within 6 standard errors of their difference and deviations within 6 of their ratio:
    fewer than 1e-6 for all outputs of all cases together. The single conversion of several reads
    moves a mean by less than a tenth of an LSB, which the bound allows.
    """
    given = {"platform": {}, **NOISY[name]}
    own = given["platform"].get("own", device())
    loud = {"read_noise": ReadNoise(relative=0.05)} if own.telegraph_noise.absent else {}
    adc = ADC(bits=12, percentile=100.0, noise=2.0)
    more = {"own": dataclasses.replace(own, **loud), "adc": adc}
    pair = case(given | {"samples": 20}, **more)
    count = 4000
    rows = np.repeat(pair.rows[:1], count, axis=0)
    got, wanted = np.asarray(pair.traced(rows), float), pair.simulated(rows).astype(float)
    deviation = wanted.std(axis=0)
    assert deviation.min() > 0
    code = np.abs(pair.parts[0][1].scale).sum(axis=0).max()
    bound = 6 * deviation * np.sqrt(2 / count) + 0.1 * code
    np.testing.assert_array_less(np.abs(got.mean(axis=0) - wanted.mean(axis=0)), bound)
    np.testing.assert_allclose(got.std(axis=0) / deviation, 1, atol=6 / np.sqrt(count))
    other = np.asarray(pair.traced(rows, step=1), float)
    assert abs(np.corrcoef((got - got.mean(0)).ravel(), (other - other.mean(0)).ravel())[0, 1]) < (
        6 / np.sqrt(got.size)
    )


def gradients(pair, rows, weighting):
    """Gradients of a weighted sum of products, to the clean weight and to rows."""

    def total(clean, x):
        return (pair.traced(x, clean) * weighting).sum()

    return map(np.asarray, jax().grad(total, argnums=(0, 1))(pair.weight, rows))


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", [*SERVED, *SEVERAL])
def test_gradient_to_inputs_is_that_of_the_devices_as_they_are(name):
    """Against differences of the quiet product over 0.4 of the largest input, which is linear.

    Bits of a converter of 16 leave 2e-3 of them.
    """
    given = {"platform": {}, **SERVED, **SEVERAL}[name]
    fine = {"dac": DAC(bits=16, serial=given.get("platform", {}).get("dac", DAC()).serial)}
    adc = given.get("platform", {}).get("adc", ADC(bits=16, percentile=100.0))
    fine["adc"] = dataclasses.replace(adc, bits=16, percentile=100.0)
    pair = case(given, **fine)
    largest = np.abs(pair.rows).max()
    low = -0.2 if given.get("signed") else 0.1
    x = np.full((1, pair.rows.shape[1]), 0.1, np.float32) * largest
    weighting = np.random.default_rng(1).standard_normal(pair.weight.size // pair.weight.shape[-2])
    shape = pair.traced(x).shape
    weighting = np.resize(weighting, shape).astype(np.float32)
    _, gradient = gradients(pair, x + np.float32(low * largest), weighting)
    steps = np.eye(x.shape[1], dtype=np.float32) * np.float32(0.4 * largest)
    base = x + np.float32((low - 0.2 + 0.2) * largest)
    slopes = (np.asarray(pair.traced(base + steps)) - np.asarray(pair.traced(base))) @ weighting[0]
    slopes /= 0.4 * largest
    assert off(gradient[0], slopes) < 3e-3
    if pair.weight.ndim == 2:  # and not those of the clean weight
        assert off(pair.weight @ weighting[0], slopes) > 0.02


@pytest.mark.parametrize("name", ["pairs", "slices", "blocks", "offset", "serial DAC"])
def test_gradient_to_weights_is_that_of_the_clean_product(name):
    """xᵀ dy with the inputs as they were converted: 16 bits leave 1e-4 of them."""
    given = (SERVED | SEVERAL)[name]
    pair = case(given)
    weighting = (
        np.random.default_rng(2)
        .standard_normal((len(pair.rows), pair.traced(pair.rows).shape[1]))
        .astype(np.float32)
    )
    gradient, _ = gradients(pair, pair.rows, weighting)
    blocks = pair.weight if pair.weight.ndim == 3 else pair.weight[None]
    x = pair.rows.reshape(len(pair.rows), len(blocks), -1)
    dy = weighting.reshape(len(pair.rows), len(blocks), -1)
    wanted = np.einsum("sbi,sbo->bio", x, dy).reshape(pair.weight.shape)
    assert gradient.shape == pair.weight.shape
    assert off(gradient, wanted) < (1e-4 if name != "serial DAC" else 2e-2)


def test_clipped_inputs_and_saturated_conversions_pass_no_gradient():
    pair = both(hardware())
    top = np.abs(pair.rows).max()
    rows = np.minimum(pair.rows[:4], 0.9 * top)
    rows[0, 3], rows[1, 5] = 1.5 * top, -top
    _, gradient = gradients(pair, rows, np.ones((4, 11), np.float32))
    assert gradient[0, 3] == gradient[1, 5] == 0
    assert np.count_nonzero(gradient) == gradient.size - 2

    [(plan, own)] = pair.parts
    narrow = own._replace(limits=np.array([-5e3, 5e3, 0], np.float32))
    key = key_data(0, 0)

    def total(clean, x):
        return device_product()(plan, clean[None], x, narrow, key).sum()

    of_weight, of_rows = jax().grad(total, argnums=(0, 1))(pair.weight, pair.rows)
    codes = np.rint(pair.rows * own.inputs[0])
    wanted_rows, wanted_weight = np.zeros_like(pair.rows), np.zeros_like(pair.weight)
    kept = []
    for tile in range(3):
        inputs = slice(plan.tiles[tile], plan.tiles[tile + 1])
        through = own.weights[tile, : inputs.stop - inputs.start]
        inside = np.abs(codes[:, inputs] @ through) < 5e3
        kept.append(inside.mean())
        wanted_rows[:, inputs] = (inside * own.scale[0]) @ through.T * own.inputs[0]
        wanted_weight[inputs] = (codes[:, inputs] / own.inputs[0]).T @ inside
    assert 0.05 < min(kept) < max(kept) < 0.95  # both are there
    assert off(of_rows, wanted_rows) < 1e-5
    assert off(of_weight, wanted_weight) < 1e-5


def test_random_numbers_of_a_training_are_none_of_a_study():
    """10,000 numbers each: a correlation beyond 6 / sqrt(n) has a chance of 2e-9."""
    own, study = training_streams(3, 5), realisation_streams(3, (5,))
    one, other = (
        each.at("layer w").standard_normal((1, 10_000), np.float32)[0] for each in (own, study)
    )
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.06


def test_gaussian_errors_have_their_deviation_and_gradients_are_at_the_noisy_weights():
    """192 + 64 weights in 40 steps: the deviation is within 6 / sqrt(2 n) of itself, 2e-9."""
    network = perceptron()
    parameters = differentiable.initial(network)
    errors = GaussianErrors(network, Training(noise=0.1), lessons(network).calibration)
    errors.begin(parameters)
    drawn = [errors.draw(step, parameters).numbers[0] for step in range(40)]
    plan = errors.draw(0, parameters).plan
    for name, weight in parameters.weights.items():
        shares = np.stack([each[name] for each in drawn]) / np.abs(weight).max()
        assert shares.std() == pytest.approx(0.1, rel=6 / np.sqrt(2 * shares.size))
        assert abs(shares.mean()) < 6 * 0.1 / np.sqrt(shares.size)
    key = jax().random.wrap_key_data(key_data(0, 0), impl="threefry2x32")
    rows = np.random.default_rng(0).standard_normal((5, 1, INPUTS)).astype(np.float32)

    def total(weight, x):
        own = parameters._replace(weights=parameters.weights | {"hidden": weight})
        return errors.products(network, own, plan, (drawn[0], {}), key)["hidden"](x, 0).sum()

    weight = parameters.weights["hidden"]
    of_weight, of_rows = jax().grad(total, argnums=(0, 1))(weight, rows)
    noisy = weight + drawn[0]["hidden"]
    assert np.asarray(of_rows) == pytest.approx(
        np.broadcast_to(noisy.sum(axis=1), rows.shape), abs=1e-5
    )
    assert np.asarray(of_weight) == pytest.approx(
        np.broadcast_to(rows[:, 0].sum(axis=0)[:, None], weight.shape), abs=1e-5
    )


def test_converters_of_a_number_have_their_codes_and_noise():
    """4,000 products of one row: deviations within 6 / sqrt(2 · 4000), 16 outputs, 3e-8."""
    network = perceptron()
    parameters, given = differentiable.initial(network), lessons(network)
    key = jax().random.wrap_key_data(key_data(0, 0), impl="threefry2x32")
    weight = parameters.weights["hidden"]

    def multiplied(x, **settings):
        errors = GaussianErrors(network, Training(noise=0.0, **settings), given.calibration)
        errors.begin(parameters)
        drawn = errors.draw(0, parameters)
        products = errors.products(network, parameters, *drawn, key)
        return np.asarray(products["hidden"](x[:, None], 0))[:, 0]

    x = given.calibration["x"]
    largest = np.abs(x).max()
    code = largest / 7  # four bits, one of them the sign
    rounded = np.rint(x / code) * code
    assert multiplied(x, input_bits=4) == pytest.approx(rounded @ weight, abs=1e-4)
    exact = x @ weight
    values = multiplied(x, output_bits=5)
    levels = np.unique(np.round(values, 4))
    assert 20 < len(levels) <= 31
    assert np.median(np.abs(values - exact)) < np.diff(levels).min()
    many = np.repeat(x[:1], 4000, axis=0)
    noise = multiplied(many, input_noise=0.03) - exact[0]
    wanted = 0.03 * largest * np.sqrt(np.square(weight).sum(axis=0))
    assert noise.std(axis=0) / wanted == pytest.approx(np.ones(16), abs=6 / np.sqrt(8000))
    noise = multiplied(many, output_noise=0.02).std(axis=0)
    full = np.percentile(np.abs(x @ weight), 99.9)
    assert noise / (0.02 * full) == pytest.approx(np.ones(16), abs=0.05 + 6 / np.sqrt(8000))


def run_both(network, inputs, platform, count):
    """Run a network on one chip as the simulation does, and in JAX."""
    parameters = differentiable.initial(network)
    errors = DeviceErrors(network, Training(noise="device", seed=4), inputs, (platform,), (TIME,))
    errors.begin(parameters)
    drawn = errors.draw(3, parameters)
    some = {name: each[:count] for name, each in inputs.items()}

    def run(parameters, some, numbers, key):
        key = jax().random.wrap_key_data(key, impl="threefry2x32")
        products = errors.products(network, parameters, drawn.plan, numbers, key)
        return differentiable.run(network, parameters, some, products)

    got = jax().jit(run)(parameters, some, drawn.numbers, key_data(0, 0))
    recorded = record(network, inputs).weights
    matrices = network_matrices(network, recorded)
    chip = ProgrammedNetwork.program(network, matrices, platform, rng=training_streams(4, 3))
    aged = chip.at(TIME)
    wanted = aged.run(some, aged.products(0))
    assert network_weights(network)
    return got, wanted


NETWORKS = {
    "lenet": (lambda: build("lenet", lenet(), Selection()), (1, 28, 28)),
    "lstm_series": (lambda: load_network("lstm_series"), None),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_network_on_one_chip_is_the_simulation_s(name):
    """To 1e-3 of the rms: few codes of 14 bits are apart by ties, and layers pass that on."""
    make, _ = NETWORKS[name]
    network = make()
    [port] = network.inputs
    shape = [size or 32 for size in port.shape[1:]]
    x = np.random.default_rng(0).standard_normal((24, *shape)).astype(np.float32)
    adc = ADC(bits=14, percentile=100.0)
    platform = hardware(tile=Tile(weight_bits=None), dac=DAC(bits=14), adc=adc)
    got, wanted = run_both(network, {port.name: x}, platform, 8)
    for output, values in wanted.items():
        assert off(got[output], values) < 1e-3
