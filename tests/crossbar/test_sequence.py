"""Reads and conversions of a product, counted."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from matsweep.core.checks import UserError
from matsweep.crossbar import ADC, DAC, Gates, Phase, Tile, sequence


@pytest.mark.parametrize(
    ("phases", "integrates", "signed", "reads", "drives", "conversions"),
    [
        (1, "read", True, 7, 7, 7),
        (1, "cycles", True, 7, 7, 1),
        (2, "read", True, 14, 7, 14),
        (2, "read", False, 8, 8, 8),  # unsigned inputs have no negative phase
        (2, "cycles", True, 14, 7, 2),
        (4, "read", True, 28, 14, 28),
        (4, "cycles", True, 28, 14, 4),
        (4, "cycles", False, 16, 16, 2),
        (4, "product", True, 28, 14, 1),
    ],
)
def test_reads_and_conversions_by_hand(phases, integrates, signed, reads, drives, conversions):
    """Eight bits, one of them the sign of a signed input."""
    order = sequence(
        Tile(phases=phases), DAC(bits=8, serial=True), ADC(integrates=integrates), signed=signed
    )
    assert (order.reads, order.drives, order.conversions) == (reads, drives, conversions)
    groups = list(order.groups())
    assert len(groups) == conversions
    places = [(phase, cycle) for _, inside in groups for phase, cycle, _ in inside]
    assert sorted(places) == [(p, c) for p in range(len(order.phases)) for c in range(order.cycles)]
    # Together, the reads weigh a full-scale input of each sign with 1.
    total = sum(worth * weight for worth, inside in groups for _, _, weight in inside)
    signs = sum(phase.sign for phase in order.phases)
    assert total == pytest.approx(signs * sum(order.significance))


def test_codes_have_both_signs_where_currents_do():
    def signed(mapping, phases, inputs, integrates="read"):
        tile = Tile(mapping=mapping, phases=phases)
        return sequence(tile, DAC(), ADC(integrates=integrates), signed=inputs).signed

    assert signed("differential", 1, False)
    assert signed("differential", 2, True)
    assert not signed("differential", 4, True)
    assert signed("differential", 4, True, "product")
    assert signed("offset", 1, True)
    assert not signed("offset", 2, True)
    assert not signed("offset", 1, False, "product")
    assert signed("offset", 2, True, "product")  # the integrator subtracts the negative phase


def test_a_phase_applies_inputs_of_its_sign():
    voltage = np.array([-0.5, 0.0, 0.25])
    np.testing.assert_array_equal(Phase(1).driven(voltage), [0, 0, 0.25])
    np.testing.assert_array_equal(Phase(-1).driven(voltage), [0.5, 0, 0])
    assert [Phase(i, a).sign for i in (1, -1) for a in (0, 1)] == [1, -1, -1, 1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Tile(phases=3), r"phases must be 1, 2 or 4, got 3"),
        (lambda: Tile(phases=4, mapping="offset"), r"phases must be 1 or 2 with offset mapping"),
        (lambda: ADC(integrates="all"), r"integrates must be one of cycles, product, read"),
        (lambda: ADC(sensing="charge"), r"sensing must be one of current, voltage"),
        (
            lambda: ADC(sensing="voltage", full_scale=1e-6),
            r"full_scale \[A\] must be null where sensing=voltage",
        ),
        (lambda: Gates(low=3.0), r"low \[V\] must be <= high \(2.2 V\), got 3.0"),
        (lambda: Gates(raised="never"), r"raised must be one of product, read"),
    ],
)
def test_what_a_sequence_cannot_be_is_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()


def test_a_gate_line_takes_its_charge_from_its_supply():
    """256 cells of 2.1 fF and a driver of 48 fF, from 0.9 to 2.2 V, at 130 nm; halved at 65 nm."""
    near = functools.partial(pytest.approx, rel=1e-12, abs=0)  # picojoules are below its own
    published = 256 * 2.1e-15 + 48e-15
    assert Gates().energy(256, 130e-9) == near(published * 2.2 * 1.3)
    assert Gates().energy(256, 65e-9) == near(published * 2.2 * 1.3 / 2)
    own = Gates(capacitance=1e-15, driver_capacitance=0.0, low=0.25, high=1.0)
    assert own.energy(100, 22e-9) == near(0.75e-13)
