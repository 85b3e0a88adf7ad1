"""A row of `matsweep validate`: what the pulse model comes to, next to its closed form."""

from __future__ import annotations

import numpy as np

from matsweep.validation import Point, Row, Source, Tolerance, points
from matsweep_example.pulses import QuadraticBounds


def _hyperbola() -> list[Point]:
    """Compare with x = 1 - 1 / (1 + a n), which small steps a after n pulses come to."""
    model, state, found = QuadraticBounds(step_up=1e-3, step_down=1e-3), np.zeros((1, 1)), []
    for _ in range(4):
        state = model.apply(state, 500, rng=np.random.default_rng(0))
        found.append(float(state[0, 0]))
    pulses = np.arange(500, 2001, 500)
    return points([f"{n} pulses" for n in pulses], 1 - 1 / (1 + 1e-3 * pulses), found)


HYPERBOLA = Row(
    name="example_hyperbola",
    subject="Example",
    title="Quadratic bounds: state after pulses of one sign",
    unit="1",
    source=Source(citation="closed form of small steps: dx/dn = a (1 - x)²"),
    conditions="steps of 0.001 of the range from 0 on, no noise",
    tolerance=Tolerance(relative=2e-3, reason="the next order in the step is a ln(1 + a n)"),
    calculate=_hyperbola,
)
