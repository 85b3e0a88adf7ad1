"""Wires of a technology: published resistances, the size effect, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from matsweep.core.checks import UserError
from matsweep.crossbar import Ideal, Metal, Resistances, Wires
from matsweep.crossbar.wires.interconnect import LAYERS, resistivity
from matsweep.validation.rows.wires import NEUROSIM


@pytest.mark.parametrize("node", LAYERS)
def test_a_wider_cell_has_the_resistance_of_its_pitch(node):
    """The densest cell's is published: a row of `matsweep validate`."""
    wide = Metal().segment_resistance(64.0, node)
    pitch = max(8 * node, 2 * LAYERS[node].width)
    assert wide / NEUROSIM[node] == pytest.approx(pitch / (2 * LAYERS[node].width), rel=2e-3)


def test_capacitance_is_that_of_the_pitch():
    assert Metal().segment_capacitance(16.0, 22e-9) == pytest.approx(
        0.2e-15 * 0.088, rel=1e-9, abs=0
    )
    assert Ideal().segment_capacitance(16.0, 22e-9) == 0


@pytest.mark.parametrize("node", [130e-9, 65e-9, 45e-9, 32e-9, 22e-9, 14e-9, 10e-9, 7e-9])
def test_the_size_effect_explains_the_table(node):
    """Bulk copper would be up to three times better; the formula has no barrier."""
    layer = LAYERS[node]
    found = resistivity(layer.width, layer.width * layer.aspect_ratio)
    assert 0.85 * layer.resistivity < found < layer.resistivity


def test_resistivity_has_its_limits():
    assert resistivity(1e-3, 1e-3) == pytest.approx(1.68e-8, rel=1e-3)
    surfaces = resistivity(50e-9, 100e-9, reflection=0.0)
    assert surfaces == pytest.approx(1.68e-8 * (1 + 3 / 8 * 39 * 0.75 * (1 / 50 + 1 / 100)))
    assert resistivity(20e-9, 40e-9) > resistivity(40e-9, 80e-9)
    own = Metal(width=30e-9).segment_resistance(16.0, 22e-9)
    change = resistivity(30e-9, 57e-9) / resistivity(40e-9, 76e-9)
    assert own == pytest.approx(3.527e-8 * change * 88e-9 / (30e-9 * 57e-9))


def test_a_node_of_its_own_comes_before_the_studys():
    own, other = Metal(node=45e-9), Metal()
    assert own.segment_resistance(16.0, 22e-9) == other.segment_resistance(16.0, 45e-9)
    wires = Resistances(word_resistance=1.0, bit_resistance=2.0).wires(16.0, 22e-9)
    assert (wires.word_resistance, wires.bit_resistance) == (1.0, 2.0)
    assert Ideal().wires(16.0, 22e-9) is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Metal(node=28e-9), r"node \[m\] must be one of 5e-09, .*, 1.3e-07 for metal"),
        (lambda: Metal(width=-1.0), r"width \[m\] must be > 0"),
        (lambda: Resistances(word_resistance=-1.0, bit_resistance=0.0), "word_resistance"),
        (lambda: Metal(driven="top"), "driven must be one of"),
        (lambda: resistivity(0.0, 1e-8), "width"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()


def test_pitch_is_never_below_a_wire_and_its_space():
    assert np.isclose(Metal().segment_capacitance(1.0, 22e-9), 2e-10 * 80e-9)


@pytest.mark.parametrize("node", sorted(LAYERS))
def test_a_width_equal_to_the_nodes_changes_nothing(node):
    same = Metal(node=node, width=LAYERS[node].width)
    bare = Metal(node=node)
    assert same.segment_resistance(4.0, node) == pytest.approx(bare.segment_resistance(4.0, node))
    wider = Metal(node=node, width=2 * LAYERS[node].width)
    assert wider.segment_resistance(400.0, node) < 0.25 * bare.segment_resistance(400.0, node)


def test_stated_resistances_keep_all_they_say():
    stated = Resistances(word_resistance=1.0, bit_resistance=2.0, driver_resistance=3.0,
                         sense_resistance=4.0, driven="both", method="lines")  # fmt: skip
    made = stated.wires(4.0, 22e-9)
    assert made == Wires(1.0, 2.0, 3.0, 4.0, "both", "lines")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Metal(node="22nm"), r"node \[m\] must be a finite number"),
        (lambda: Metal(node=22.0), "in metres: 22 nm is 2.2e-8"),
        (lambda: Metal(width=1e-12), r"width \[m\] must be >= 5e-09"),
        (lambda: Metal().wires(-4.0, 22e-9), "cell_size"),
    ],
)
def test_what_no_metal_is_is_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()
