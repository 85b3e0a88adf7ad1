"""Published accelerators rebuilt from their numbers, compared with their published figures.

No number here is fitted: a difference of more than a factor of 2 has its reason next to it.
"""

from __future__ import annotations

import numpy as np
import pytest

from matsweep.metrics import COORDINATES
from matsweep.planning.config import composer
from matsweep.planning.plan import plan
from matsweep.simulate import simulate
from matsweep.workloads.inference import perceptron as network


def filled(name, inputs, outputs, source, *overrides, signed=False):
    """Simulate one array, full of Gaussian weights, under an experiment's only candidate.

    Inputs are uniform in [0, 1], or [-1, 1] where they are signed.
    """
    with composer():
        study = plan([f"experiment={name}", f"periphery.adc_source={source}", *overrides])
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(inputs, outputs)) / np.sqrt(inputs)
    training, images = rng.random((256, inputs)), rng.random((64, inputs))
    if signed:
        training, images = 2 * training - 1, 2 * images - 1
    full = network([weights], [np.zeros(outputs)], training, images, np.zeros(64, int))
    (point,) = study.points
    values = simulate(study.scenario(point), full, seed=0, realisations=1)
    assert values["utilisation"] == 1
    found = {key: float(np.squeeze(value)) for key, value in values.items() if value.size == 1}
    found["tops"] = 2 * inputs * outputs * found["throughput"] / 1e12
    terms = np.squeeze(values["energy_breakdown"]) / (2 * inputs * outputs)
    found |= dict(zip(COORDINATES["component"], terms, strict=True))  # J an operation
    area = dict(zip(COORDINATES["component"], values["area_breakdown"], strict=True))
    return found, area


def test_isaac():
    """41.3 TOPS, 65.8 W and 85.4 mm² of 168 × 96 arrays (ISCA 2016; Aguirre et al., 2024)."""
    found, _ = filled("isaac", 128, 16, "isaac")
    assert found["tops"] == pytest.approx(41.3 / (168 * 96), rel=0.02)
    assert 0.5 < found["tops_per_watt"] / 0.63 < 2
    assert 0.5 < found["tops_per_mm2"] / 0.48 < 2
    regression, _ = filled("isaac", 128, 16, "regression")
    assert 0.5 < regression["tops_per_watt"] / 0.63 < 2
    assert 0.5 < regression["tops_per_mm2"] / 0.48 < 2


def test_puma():
    """0.84 TOPS/W and 52.3 TOPS on 90.6 mm², a multiplication and an addition each counted."""
    found, _ = filled("puma", 128, 16, "isaac")
    assert 0.5 < found["tops_per_watt"] / 0.84 < 2
    assert 0.5 < found["tops_per_mm2"] / (52.31 / 90.6) < 2
    regression, area = filled("puma", 128, 16, "regression")
    assert 0.5 < regression["tops_per_watt"] / 0.84 < 2
    # The regression's converter is five times as large as the one that PUMA assumes.
    assert 5 < area["adc"] / 1200e-12 < 6


def test_the_hermes_core():
    """10.5 TOPS/W and 1.59 TOPS/mm² measured (JSSC 2022); 63.1 TOPS of 64 cores (2023)."""
    found, area = filled("hermes_core", 256, 256, "survey")
    assert found["tops"] == pytest.approx(63.1 / 64, rel=0.02)
    assert 0.5 < found["tops_per_watt"] / 10.5 < 2
    # Its columns are as wide as its converters, 4 µm; here a cell of 16 F² is 56 nm wide and cells
    # hardly count. With 4 µm × 4 µm for a weight's four devices the core is larger than measured.
    assert 2 < found["tops_per_mm2"] / 1.59 < 3
    cells = 256 * 256 * (4e-6) ** 2
    wide = found["tops"] / (1e6 * (sum(area.values()) - area["cells"] + cells))
    assert 0.3 < wide / 1.59 < 1
    # The best converters of the survey take a hundredth of what is typical, and what a
    # measured chip with a converter a column does: the array's own share is left.
    regression, _ = filled("hermes_core", 256, 256, "regression")
    assert regression["tops_per_watt"] > 5 * 10.5


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
