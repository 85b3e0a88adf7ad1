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
from matsweep.networks.training.libraries import jax
from matsweep.networks.training.parameters import Parameters
from tests.conftest import EXHAUSTIVE
from tests.networks.graphs import attention, lenet, residual
from tests.networks.references import built
from tests.networks.test_recurrent import inputs, recurrent
from tests.networks.training.layers import GRAPHS, graph

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
        both = jax().jit(jax().value_and_grad(loss, argnums=(0, 1)))
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


@pytest.mark.parametrize("name", GRAPHS if EXHAUSTIVE else GRAPHS[::2])
def test_of_layers(name: str) -> None:
    network = built(graph(name))
    given = probe(network.inputs, 3)
    assert given is not None
    assert_slopes(network, given)
    (layer,) = network.layers
    assert layer.weights[0].name in differentiable.initial(network).weights
    if isinstance(layer, TransposedConvolution):
        assert differentiable.initial(network).biases


@pytest.mark.parametrize("name", DIFFER)
@pytest.mark.parametrize("selection", [Selection(), DIGITAL], ids=["tiles", "digital"])
def test_of_networks(name: str, selection: Selection) -> None:
    if selection is DIGITAL and name in ("lenet", "residual") and not EXHAUSTIVE:
        pytest.skip("make exhaustive")
    model = DIFFER[name]()
    assert_slopes(built(model, selection), inputs(model))
