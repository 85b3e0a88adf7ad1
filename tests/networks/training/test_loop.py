"""Training: what it changes, and that the same arguments give the same bits."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest

from matsweep.core.checks import UserError
from matsweep.networks.forward import exact_forward
from matsweep.networks.load import build
from matsweep.networks.selection import Selection
from matsweep.networks.training import differentiable, loop, losses
from matsweep.networks.training.libraries import jax
from matsweep.networks.training.loop import train
from matsweep.networks.training.losses import Loss, last_operator
from matsweep.networks.training.parameters import Parameters
from matsweep.networks.training.recalibration import with_parameters
from matsweep.networks.training.settings import Training
from matsweep.networks.training.step import clipped, compiled
from tests.networks.graphs import Builder
from tests.networks.training.lessons import CLASSES, INPUTS, bits, lessons, perceptron


def settings(**changes):
    plain = {"noise": 0.0, "epochs": 3, "batch": 32, "rate": 1e-2, "clip": None}
    return Training(**(plain | changes))


def test_loss_falls_for_logits_and_probabilities_alike():
    falling = {"epochs": 12, "clip": None, "rate": 0.05}
    plain = perceptron()
    losses = train(plain, lessons(plain), settings(**falling)).losses
    assert losses[-1] < 0.4 * losses[0]
    for last in ("Softmax", "LogSoftmax"):
        network = perceptron(last)
        same = train(network, lessons(network), settings(**falling)).losses
        assert same == pytest.approx(losses, rel=1e-3)


@pytest.mark.parametrize("gap", [5.0, 20.0, 60.0])
def test_classes_that_are_quite_wrong_have_the_gradient_of_their_logits(gap):
    """p - 1 at the label, however small its probability p is."""
    loss = Loss(
        classes=True, probabilities=True, variance=1.0, taught=1.0, distillation=0.0,
        temperature=1.0,
    )  # fmt: skip
    logits, labels = np.array([[gap, 0.0]], np.float32), {"labels": np.array([1])}
    value, gradient = jax().value_and_grad(lambda z: loss(jax().nn.softmax(z), labels))(logits)
    assert float(value) == pytest.approx(np.log1p(np.exp(gap)), rel=1e-5)
    share = 1 / (1 + np.exp(-gap))
    assert np.asarray(gradient) == pytest.approx(np.array([[share, -share]]), rel=1e-4)


def test_first_loss_is_the_cross_entropy_of_the_network_as_it_came():
    network = perceptron()
    given = lessons(network, 32)
    logits = network(given.inputs["x"]).astype(np.float64)
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    expected = -logs[np.arange(32), given.labels].mean()
    # One batch of all samples: the loss is that before the only step.
    loss = train(network, given, settings(epochs=1)).losses[0]
    assert loss == pytest.approx(expected, rel=1e-5)


def test_loss_of_targets_is_the_mean_square_over_their_variance():
    network = perceptron()
    given = lessons(network, 32, labels=False, targets=True)
    off = network(given.inputs["x"]) - given.targets
    expected = np.mean(np.square(off)) / given.targets.var(axis=0).mean()
    losses = train(network, given, settings(epochs=1)).losses
    assert losses[0] == pytest.approx(expected, rel=1e-5)


def test_one_number_alone_decides_between_two_classes():
    rng = np.random.default_rng(3)
    for last in ((), ("Sigmoid",)):
        b = Builder((INPUTS,), seed=5)
        x = b.op("Gemm", "x", b.weight(INPUTS, 1), b.weight(1))
        network = build("logistic", b.model(b.op(*last, x) if last else x), Selection())
        x = rng.standard_normal((32, INPUTS)).astype(np.float32)
        given = lessons(network, 32)._replace(inputs={"x": x}, labels=(x[:, 0] > 0).astype(int))
        z = network(x)[:, 0].astype(np.float64)
        z = np.log(z / (1 - z)) if last else z
        expected = np.mean(np.log1p(np.exp(np.where(given.labels, -z, z))))
        loss = train(network, given, settings(epochs=1)).losses[0]
        assert loss == pytest.approx(expected, rel=1e-4)


def test_distillation_needs_no_labels_and_begins_at_zero():
    network = perceptron()
    given = lessons(network, 32, labels=False)
    alone = settings(distillation=1.0, epochs=1, temperature=2.0)
    assert train(network, given, alone).losses[0] == pytest.approx(0, abs=1e-6)
    noisy = train(network, lessons(network, labels=False), settings(distillation=1.0, noise=0.1))
    assert noisy.losses[0] > 1e-4
    with pytest.raises(UserError, match=r"distillation must be 1 .* neither labels nor targets"):
        train(network, given, settings(distillation=0.5))


def test_distillation_is_the_divergence_at_its_temperature():
    network = perceptron()
    given = lessons(network, 32)
    taught = network(given.inputs["x"]).astype(np.float64)
    labels = lessons(network, 32).labels
    logs = taught - np.log(np.exp(taught).sum(axis=1, keepdims=True))
    truth = -logs[np.arange(32), labels].mean()
    half = train(network, given, settings(epochs=1, distillation=0.25)).losses[0]
    assert half == pytest.approx(0.75 * truth, rel=1e-5)  # no divergence yet

    rng = np.random.default_rng(0)
    student = rng.standard_normal((8, CLASSES)).astype(np.float32)
    teacher = rng.standard_normal((8, CLASSES)).astype(np.float32)
    loss = Loss(
        classes=True, probabilities=False, variance=1.0, taught=1.0, distillation=1.0,
        temperature=3.0,
    )  # fmt: skip
    p, q = (np.exp(each / 3.0) for each in (teacher.astype(float), student.astype(float)))
    p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
    expected = 9.0 * np.mean(np.sum(p * np.log(p / q), axis=1))
    assert float(loss(student, {"taught": teacher})) == pytest.approx(expected, rel=1e-5)


def test_labels_below_zero_are_left_out():
    network = perceptron()
    given = lessons(network, 32)
    labels = np.where(np.arange(32) % 2, given.labels, -1)
    some = given._replace(inputs={"x": given.inputs["x"][1::2]}, labels=given.labels[1::2])
    expected = train(network, some, settings(epochs=1, batch=16)).losses[0]
    loss = train(network, given._replace(labels=labels), settings(epochs=1)).losses[0]
    assert loss == pytest.approx(expected, rel=1e-5)


def test_labels_that_are_no_class_are_refused():
    network = perceptron()
    given = lessons(network)
    with pytest.raises(UserError, match=r"labels from 0 to 3, .* got 4"):
        train(network, given._replace(labels=np.full(96, 4)), settings())
    with pytest.raises(UserError, match=r"labels of shape \(96,\)"):
        train(network, given._replace(labels=np.zeros((96, 2), int)), settings())


def test_last_operator_is_the_one_that_changes_values():
    for last in (("Softmax",), ("Softmax", "Flatten"), ("Softmax", "Sigmoid"), ()):
        network = perceptron(*last)
        operator = last_operator(network, network.outputs[0].name)
        assert (operator == "Softmax") == (last[:1] == ("Softmax",) and last[-1] != "Sigmoid")


def test_clip_bounds_weights_by_their_deviation_and_leaves_biases():
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((40, 30)).astype(np.float32)
    bias = np.array([100.0, 0.0], np.float32)
    before = Parameters({"w": weight}, {"w": bias}, {"c": bias})
    after = clipped(before, 1.5)
    bound = 1.5 * np.sqrt(np.mean(np.square(weight)))
    assert np.abs(after.weights["w"]).max() == pytest.approx(bound, rel=1e-5)
    inside = np.abs(weight) < 0.999 * bound
    assert np.array_equal(np.asarray(after.weights["w"])[inside], weight[inside])
    assert np.array_equal(after.biases["w"], bias)
    assert np.array_equal(after.constants["c"], bias)
    assert clipped(before, None) is before


@pytest.mark.parametrize("shape", [(1, 1), (9, 4)])
def test_weights_that_are_all_alike_are_not_clipped(shape):
    """They have no deviation from their mean: bounds of it would set them to zero."""
    weight = np.full(shape, -0.8, np.float32)
    after = clipped(Parameters({"w": weight}, {}, {}), 1.2)
    assert np.array_equal(np.asarray(after.weights["w"]), weight)


def test_first_step_has_clipped_weights():
    """Their largest sets the full scales of converters, which hold for an epoch."""
    network = perceptron()
    given = lessons(network, 32)
    y = given.inputs["x"]
    for weight in (weight for layer in network.layers for weight in layer.weights):
        bound = np.sqrt(np.mean(np.square(weight.values)))
        assert np.abs(weight.values).max() > 1.5 * bound
        y = y @ weight.values.clip(-bound, bound) + weight.bias
        y = np.maximum(y, 0) if weight.rectified else y
    logs = y - np.log(np.exp(y).sum(axis=1, keepdims=True))
    expected = -logs[np.arange(32), given.labels].mean()
    loss = train(network, given, settings(epochs=1, clip=1.0)).losses[0]
    assert loss == pytest.approx(expected, rel=1e-5)


def test_trained_weights_stay_within_the_clip():
    network = perceptron()
    trained = train(network, lessons(network), settings(clip=1.2, epochs=5))
    free = train(network, lessons(network), settings(clip=None, epochs=5))
    for name, weight in trained.parameters.weights.items():
        # Clipping at 1.2 σ takes less than a third off the deviation itself.
        assert np.abs(weight).max() <= 1.2 * weight.std() * 1.5
        assert np.abs(free.parameters.weights[name]).max() > 1.7 * weight.std()


def test_same_seed_gives_the_same_bits_and_another_one_others():
    network = perceptron()
    noisy = settings(noise=0.1, input_bits=6, output_bits=6, input_noise=0.02, output_noise=0.02)
    first = bits(train(network, lessons(network), noisy))
    compiled.cache_clear()
    jax().clear_caches()
    assert bits(train(network, lessons(network), noisy)) == first
    other = dataclasses.replace(noisy, seed=1)
    assert bits(train(network, lessons(network), other)) != first


def test_each_step_has_its_rate_along_half_a_cosine_and_random_numbers_of_its_own(monkeypatch):
    rates, keys = [], []

    def watched(recipe):
        step = compiled(recipe)

        def recorded(state, batch, aims, numbers, data, rate, *, plan):
            rates.append(rate)
            keys.append(tuple(data))
            return step(state, batch, aims, numbers, data, rate, plan=plan)

        return recorded

    monkeypatch.setattr(loop, "compiled", watched)
    network = perceptron()
    train(network, lessons(network), settings(epochs=2, batch=24, rate=0.01))
    assert rates == pytest.approx(0.01 * np.cos(np.pi * np.arange(8) / 16) ** 2, rel=1e-5)
    assert len(set(keys)) == 8


def test_first_step_of_adam_is_its_rate():
    network = perceptron()
    start = differentiable.initial(network)
    after = train(network, lessons(network), settings(epochs=1, batch=96, rate=1e-3)).parameters
    for name, weight in start.weights.items():
        change = np.abs(after.weights[name] - weight)
        assert change[change > 0] == pytest.approx(1e-3, rel=1e-2)


def test_order_differs_by_epoch_and_every_sample_counts_once():
    seen = []
    network = perceptron()
    given = lessons(network)

    class Watched(np.ndarray):
        def __getitem__(self, places):
            if isinstance(places, np.ndarray):
                seen.append(places.copy())
            return super().__getitem__(places)

    labels = given.labels.view(Watched)
    # The labels of each batch are taken by places: they are recorded there.
    keep = losses._labels
    losses._labels = lambda values, outputs: keep(values, outputs).view(Watched)
    try:
        train(network, given._replace(labels=labels), settings(epochs=2, batch=40))
    finally:
        losses._labels = keep
    assert [len(each) for each in seen] == [40] * 4  # the last 16 are left out
    first, second = np.concatenate(seen[:2]), np.concatenate(seen[2:])
    assert len(np.unique(first)) == len(np.unique(second)) == 80
    assert not np.array_equal(first, second)
    assert not np.array_equal(np.sort(first), np.sort(second))  # others are left out


def test_fewer_samples_than_a_batch_are_one_batch():
    network = perceptron()
    assert len(train(network, lessons(network, 7), settings(batch=32)).losses) == 3


def test_loss_that_is_not_finite_names_rate_and_epoch():
    network = perceptron()
    with pytest.raises(UserError, match=r"not finite in epoch \d with rate=1e\+30"):
        train(network, lessons(network), settings(rate=1e30, epochs=5, clip=None))


SUMS = """
import hashlib, os, sys
if sys.argv[1] == "one":
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
import numpy as np
from matsweep.networks.training.libraries import jax
rng = np.random.default_rng(0)
x, dy = (rng.standard_normal((57600, n)).astype(np.float32) for n in (25, 6))
print(hashlib.sha256(np.asarray(jax().jit(lambda x, dy: x.T @ dy)(x, dy)).tobytes()).hexdigest())
"""


@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="needs two cores",
)
def test_gradients_have_the_same_bits_on_one_core_and_on_all():
    """A sum over 57,600 rows, as of a convolution's weights: threads would divide it."""
    found = {
        subprocess.run(
            [sys.executable, "-c", SUMS, cores], capture_output=True, text=True, check=True
        ).stdout
        for cores in ("one", "all")
    }
    assert len(found) == 1
    assert len(found.pop().strip()) == 64


def test_progress_has_every_epoch():
    epochs = []
    network = perceptron()
    trained = train(network, lessons(network), settings(), progress=epochs.append)
    assert [each.number for each in epochs] == [1, 2, 3]
    assert all(each.epochs == 3 and each.seconds > 0 for each in epochs)
    assert np.array([each.loss for each in epochs]) == pytest.approx(trained.losses, abs=0)


def test_steps_with_other_parameters_are_those_of_the_differentiable_run():
    network = perceptron("Softmax")
    trained = train(network, lessons(network), settings()).parameters
    x = lessons(network).inputs
    other = exact_forward(with_parameters(network, trained), x)
    same = differentiable.run(network, trained, x, differentiable.exact_products(network, trained))
    for name, values in other.items():
        assert np.asarray(same[name]) == pytest.approx(values, abs=1e-5)
    assert not np.allclose(next(iter(other.values())), network(x["x"]), atol=1e-2)


def test_a_training_that_diverges_names_its_rate():
    network = perceptron()
    with pytest.raises(
        UserError, match=r"diverged: its loss is .* in the last epoch with rate=1e\+06"
    ):
        train(network, lessons(network), settings(rate=1e6, epochs=2))


def test_logging_that_is_set_up_again_closes_no_stream():
    """Hydra closes all handlers; that of absl, which Optax imports, closes its stream."""
    import sys

    from matsweep.networks.training import libraries

    libraries.optax()
    assert sys.modules["absl.logging"].get_absl_handler().python_handler.stream is sys.__stderr__
