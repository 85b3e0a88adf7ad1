"""Gradients of networks compared to differences of their outputs, in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from matsweep.networks.batch import probe
from matsweep.networks.layers.transposed import TransposedConvolution
from matsweep.networks.network import Network
from matsweep.networks.selection import Selection
from matsweep.networks.training import differentiable
from matsweep.networks.training.interpreter import interpreted
from matsweep.networks.training.libraries import jax
from matsweep.networks.training.parameters import Parameters
from tests.conftest import EXHAUSTIVE
from tests.networks.graphs import attention, lenet, residual
from tests.networks.references import built
from tests.networks.test_recurrent import inputs, recurrent
from tests.networks.training.cases import Fixed, case, random, scalar, segment_of
from tests.networks.training.layers import GRAPHS, QUICK, graph

STEP = 1e-6
DIGITAL = Selection(exclude=("*",))
DIFFER = {
    "lenet": lenet, "residual": residual, "attention": attention,
    "lstm": lambda: recurrent("LSTM", "bidirectional", lengths=True, states=True),
    "gru": lambda: recurrent("GRU", "bidirectional", lengths=True, states=True),
    "gru_late": lambda: recurrent("GRU", "reverse", linear_before_reset=1),
    "rnn": lambda: recurrent("RNN", "bidirectional", lengths=True),
    "peepholes": lambda: recurrent("LSTM", "reverse", peepholes=True, clip=0.9, lengths=True),
}  # fmt: skip


def double(values: Any) -> Any:
    """Return floating point in double precision."""
    return jax().tree.map(
        lambda each: each.astype(np.float64) if each.dtype.kind == "f" else each, values
    )


def assert_slopes(network: Network, given: dict[str, Any]) -> None:
    """Compare directional derivatives along each parameter and each input, chosen at random."""
    rng = np.random.default_rng(0)
    parameters = double(differentiable.initial(network))
    given = double(given)
    floats = {name: each for name, each in given.items() if each.dtype.kind == "f"}

    def loss(parameters: Parameters, floats: Any) -> Any:
        products = differentiable.exact_products(network, parameters)
        results = differentiable.run(network, parameters, given | floats, products)
        parts = (jax().numpy.sin(3 * each + place).sum()
                 for place, each in enumerate(results.values()))  # fmt: skip
        return sum(parts)

    with jax().enable_x64(True):
        both = jax().jit(jax().value_and_grad(loss, argnums=(0, 1)), compiler_options=QUICK)
        slopes = both(parameters, floats)[1]
        points, tree = jax().tree.flatten((parameters, floats))
        for place, (point, slope) in enumerate(zip(points, jax().tree.leaves(slopes), strict=True)):
            way = rng.standard_normal(point.shape)
            ends = []
            for sign in (1, -1):
                moved = list(points)
                moved[place] = point + sign * STEP * way
                ends.append(float(both(*jax().tree.unflatten(tree, moved))[0]))
            want = (ends[0] - ends[1]) / (2 * STEP)
            got = float(np.sum(np.asarray(slope) * way))
            scale = np.sqrt(np.sum(np.square(slope)))  # of a random direction
            assert scale > 0
            assert got == pytest.approx(want, abs=1e-6 * scale + 1e-8)


@pytest.mark.parametrize("name", GRAPHS if EXHAUSTIVE else GRAPHS[2::6])
def test_of_layers(name: str) -> None:
    network = built(graph(name))
    given = probe(network.inputs, 3)
    assert given is not None
    assert_slopes(network, given)
    (layer,) = network.layers
    assert layer.weights[0].name in differentiable.initial(network).weights
    if isinstance(layer, TransposedConvolution):
        assert differentiable.initial(network).biases


NETWORKS = [
    (name, selection)
    for name in (DIFFER if EXHAUSTIVE else ("attention", "lstm", "gru"))
    for selection in (Selection(), DIGITAL)
    if (name, selection) != ("peepholes", Selection())  # which stay digital
    if EXHAUSTIVE or (name, selection) != ("gru", DIGITAL)
]


@pytest.mark.parametrize(
    ("name", "selection"),
    NETWORKS,
    ids=[f"{name}-{'digital' if each is DIGITAL else 'tiles'}" for name, each in NETWORKS],
)
def test_of_networks(name: str, selection: Selection) -> None:
    model = DIFFER[name]()
    assert_slopes(built(model, selection), inputs(model))


def test_of_a_rectifier_a_root_and_a_mask_where_they_have_none() -> None:
    """At 0, and for a query that reads nothing: gradients are finite."""
    heads = [random(1, 1, 3, 5, seed=place) for place in range(3)]
    mask = np.zeros((3, 3), np.float32)
    mask[1] = -np.inf
    masked = case("Attention", *heads, Fixed(mask), opset=23)
    zeros = np.zeros((2, 4), np.float32)
    singular = [
        case("ReduceL2", zeros, opset=18),
        case("LpNormalization", zeros),
        case("Relu", zeros),
        case("Elu", zeros + 1000),
        case("Pow", zeros, scalar(2.0)),
    ]
    for each in (masked, *singular):
        step, given = segment_of(each)

        def total(values: Any, step: Any = step) -> Any:
            return interpreted(step, values, {})[0].sum()

        slopes = jax().jit(jax().grad(total), compiler_options=QUICK)
        for slope in slopes([given[name] for name in step.inputs]):
            assert np.isfinite(slope).all(), each.kind


def test_of_quantised_values_are_straight_through_where_they_are_not_limited() -> None:
    x = np.array([-9.0, -0.31, 0.17, 9.0], np.float32)
    step, _ = segment_of(case("QuantizeLinear", x, scalar(0.02), scalar(0, np.int8)))
    slope = jax().grad(lambda x: interpreted(step, [x], {})[0].sum())(x)
    np.testing.assert_allclose(slope, [0, 50, 50, 0])
