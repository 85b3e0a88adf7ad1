"""Reasons for the misses of published accelerators, and the law that their cells obey.

The accelerators themselves are rows of `matsweep validate` (`tests/validation/test_rows.py`).
"""

from __future__ import annotations

import numpy as np
import pytest

from matsweep.planning.config import composer
from matsweep.planning.plan import plan
from matsweep.simulate import simulate
from matsweep.validation import ROWS, judged
from matsweep.validation.rows.chips import filled
from matsweep.workloads.inference import perceptron as network


def test_reasons_for_misses_are_numbers_of_the_model():
    """The regression's converter is five times as large as the one that PUMA assumes."""
    _, area = filled("puma", 128, 16, "regression")
    assert 5 < area["adc"] / 1200e-12 < 6
    # With cells as wide as its converters the HERMES core is larger than measured, without smaller.
    narrow, wide = (judged(ROWS[f"hermes_area_{each}"]).ratio for each in ("survey", "wide"))
    assert wide < 1 < narrow


@pytest.mark.parametrize("factor", [2.0, 3.0])
def test_cells_take_the_square_of_the_voltage(factor):
    def cells(voltage):
        with composer():
            study = plan(["material=pcm_gst", f"device.read_voltage={voltage}"])
        rng = np.random.default_rng(0)
        small = network(
            [rng.normal(size=(64, 10))], [np.zeros(10)], rng.random((64, 64)),
            rng.random((32, 64)), np.zeros(32, int),
        )  # fmt: skip
        scenario = study.scenario(study.points[0])
        # The identity seeds the devices; the mean over them is what scales.
        values = simulate(scenario, small, seed=0, realisations=32)
        return values["energy_breakdown"][..., 0].mean(axis=0)

    ratio = cells(0.1 * factor) / cells(0.1)
    np.testing.assert_allclose(ratio, factor**2, rtol=0.02)
