"""The choice of layers on tiles, and the description of a network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import numpy_helper

from matsweep.core.checks import UserError
from matsweep.networks.description import rows
from matsweep.networks.network import Digital
from matsweep.networks.selection import Selection
from tests.networks.graphs import Builder, lenet
from tests.networks.references import assert_exact, built

X = np.random.default_rng(0).standard_normal((3, 1, 28, 28)).astype(np.float32)


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        (Selection(), ["conv1", "conv2", "fc1", "fc2", "fc3"]),
        (Selection(exclude=("first", "last")), ["conv2", "fc1", "fc2"]),
        (Selection(include=("conv*",)), ["conv1", "conv2"]),
        (Selection(exclude=("fc?",)), ["conv1", "conv2"]),
        (Selection(include=("fc*",), exclude=("fc2", "last")), ["fc1"]),
        (Selection(kinds=("dense",)), ["fc1", "fc2", "fc3"]),
        (Selection(kinds=("lstm",)), []),
    ],
)
def test_layers_are_chosen_by_name_and_kind(selection: Selection, names: list[str]) -> None:
    network = assert_exact(lenet(), {"x": X}, selection)
    assert [layer.name for layer in network.layers] == names
    assert {row.name for row in rows(network)} == {"conv1", "conv2", "fc1", "fc2", "fc3"}
    assert [row.name for row in rows(network) if row.analog] == names
    assert network.digest != built(lenet()).digest or selection == Selection()


def test_weights_are_names_too() -> None:
    b = Builder((6,))
    b.constants.append(numpy_helper.from_array(np.eye(6, dtype=np.float32), "enc.w"))
    model = b.model(
        b.op("MatMul", b.op("MatMul", "x", "enc.w", name="n1"), b.weight(6, 3), name="n2")
    )
    assert [each.name for each in built(model, Selection(include=("enc.*",))).layers] == ["n1"]


def test_a_pattern_that_matches_nothing_is_a_mistake() -> None:
    with pytest.raises(UserError, match=r"no layer is named 'cnov1'.*did you mean conv1"):
        built(lenet(), Selection(exclude=("cnov1",)))
    with pytest.raises(UserError, match="kinds must be of"):
        Selection(kinds=("conv",))


def operations(network: Any) -> list[dict[str, int]]:
    return [dict(step.operations) for step in network.steps if isinstance(step, Digital)]


def test_digital_layers_count_their_products() -> None:
    network = built(lenet(), Selection(kinds=("lstm",)))
    (counted,) = operations(network)
    products = 784 * 25 * 6 + 100 * 150 * 16 + 400 * 120 + 120 * 84 + 84 * 10
    assert counted["multiplication"] == products


def test_a_description_names_layers_and_operations() -> None:
    network = built(lenet(), Selection(exclude=("last",)))
    lines = network.describe().splitlines()
    assert lines[0].split() == ["weight", "kind", "shape", "products", "on", "tiles"]
    assert lines[1].split() == ["conv1", "convolution", "25", "×", "6", "784", "yes"]
    assert lines[5].split() == ["fc3", "dense", "10", "×", "84", "no"]
    # Pooling of 2 x 2: three comparisons for each of 14 x 14 x 6 and 5 x 5 x 16 values.
    assert "4,728 comparisons" in lines[-1]


def test_a_convolution_states_its_buffers() -> None:
    b = Builder((3, 9, 7))
    y = b.op("Conv", "x", b.weight(4, 3, 3, 2), strides=[2, 1], dilations=[2, 1], pads=[1, 0, 1, 0])
    network = built(b.model(y))
    (layer,) = network.layers
    (traffic,) = layer.traffic([network.shapes[name] for name in layer.inputs])
    # Rows: (9 + 2 - 5) / 2 + 1 = 4; columns: 7 - 2 + 1 = 6. The buffer holds four rows of seven
    # values and two values more, of three channels each.
    assert traffic == (4 * 6, 9 * 7 * 3, (4 * 7 + 2) * 3)
