"""Published accelerators and memories next to the model: figures, sources and tolerances.

No number here is fitted. A tolerance is the range of modelled over published; one wider than a
factor of 2 has its reason in `docs/costs.md`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from matsweep.metrics import COORDINATES
from matsweep.planning.config import composer
from matsweep.planning.plan import plan
from matsweep.simulate import simulate
from matsweep.workloads.inference import perceptron as network

SHAPES = {"isaac": (128, 16), "puma": (128, 16), "hermes_core": (256, 256), "neurram": (128, 256)}
"""Inputs and outputs that fill one array."""


class Figure(NamedTuple):
    """One published figure.

    Parameters
    ----------
    name : str
    experiment : str
    source : str
        Of ADC costs.
    key : str
        A metric, "tops", or a component of the energy, J an operation.
    published : float
        In the metric's unit, or fJ an operation.
    low, high : float
        Least and largest ratio of modelled over published.
    overrides : tuple of str
    signed : bool
        Whether inputs have both signs.
    stated : str
        The published figure as the page writes it; empty: the number.
    """

    name: str
    experiment: str
    source: str
    key: str
    published: float
    low: float
    high: float
    overrides: tuple[str, ...] = ()
    signed: bool = False
    stated: str = ""

    @property
    def modelled(self) -> float:
        """The model's figure, in the unit of the published one."""
        found, _ = filled(
            self.experiment, *SHAPES[self.experiment], self.source, *self.overrides,
            signed=self.signed,
        )  # fmt: skip
        value = sum(found[key] for key in self.key.split("+"))
        return value * 1e15 if self.key.split("+")[0] in COORDINATES["component"] else value

    @property
    def ratio(self) -> float:
        """Modelled over published."""
        return self.modelled / self.published


@functools.cache
def filled(
    name: str, inputs: int, outputs: int, source: str, *overrides: str, signed: bool = False
) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Simulate one array, full of Gaussian weights, under an experiment's only candidate.

    Inputs are uniform in [0, 1], or [-1, 1] where they are signed. Returns metrics, energies by
    component an operation, and areas by component.
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
    found |= dict(zip(COORDINATES["component"], terms.tolist(), strict=True))
    area = dict(zip(COORDINATES["component"], values["area_breakdown"].tolist(), strict=True))
    return found, area


# W. Wan et al., Nature 608:504, 2022, Fig. 12, as transcribed in CiMLoop's model of the chip: bits
# of inputs (sign included) and outputs, fJ an operation of word lines, neurons and inputs, TOPS/W.
NEURRAM = {
    (2, 4): (8.27, 12.4, 3.96, 40.3),
    (4, 6): (21.8, 29.1, 11.5, 16.0),
    (6, 8): (37.2, 52.5, 19.2, 8.26),
    (8, 10): (50.5, 75.9, 27.5, 6.44),
}

WATT, AREA = "tops_per_watt", "tops_per_mm2"
DESIGNS = (
    # A. Shafiee et al., ISCA 2016: 41.3 TOPS of 168 × 96 arrays; F. Aguirre et al., 2024.
    Figure("ISAAC, TOPS an array", "isaac", "isaac", "tops", 2.56e-3, 0.97, 1.02,
           stated="41.3 / 16,128 = 2.56e-3"),
    Figure("ISAAC, TOPS/W", "isaac", "isaac", WATT, 0.63, 0.5, 2.0),
    Figure("ISAAC, TOPS/W", "isaac", "regression", WATT, 0.63, 0.5, 2.0),
    Figure("ISAAC, TOPS/W", "isaac", "survey", WATT, 0.63, 0.05, 0.15),
    Figure("ISAAC, TOPS/mm²", "isaac", "isaac", AREA, 0.48, 0.5, 2.0),
    Figure("ISAAC, TOPS/mm²", "isaac", "regression", AREA, 0.48, 0.5, 2.0),
    # ISAAC's arrays at the figures of A. Nag et al.'s Newton (Aguirre et al.).
    Figure("Newton, TOPS/W", "isaac", "isaac", WATT, 0.92, 0.5, 2.0),
    Figure("Newton, TOPS/mm²", "isaac", "isaac", AREA, 0.68, 0.5, 2.0),
    # A. Ankit et al., ASPLOS 2019: 52.3 TOPS, 62.5 W, 90.6 mm².
    Figure("PUMA, TOPS/W", "puma", "isaac", WATT, 0.84, 0.5, 2.0),
    Figure("PUMA, TOPS/W", "puma", "regression", WATT, 0.84, 0.5, 2.0),
    Figure("PUMA, TOPS/mm²", "puma", "isaac", AREA, 52.31 / 90.6, 0.5, 2.0, stated="0.58"),
    Figure("PUMA, TOPS/mm²", "puma", "regression", AREA, 52.31 / 90.6, 0.4, 0.5, stated="0.58"),
)  # fmt: skip
FOUR = ("tile.phases=4",)
CHIPS = (
    # R. Khaddam-Aljameh et al., JSSC 57:1027, 2022, and M. Le Gallo et al., Nat. Electron. 6:680,
    # 2023: 63.1 TOPS of 64 cores in one phase, 16.1 in four.
    Figure("HERMES core, TOPS", "hermes_core", "survey", "tops", 63.1 / 64, 0.98, 1.02,
           stated="63.1 / 64 = 0.986"),
    Figure("HERMES core, TOPS/W", "hermes_core", "survey", WATT, 10.5, 0.7, 1.4),
    Figure("HERMES core, TOPS/W", "hermes_core", "survey_sar", WATT, 10.5, 2.5, 4.0),
    Figure("HERMES core, TOPS/W", "hermes_core", "regression", WATT, 10.5, 15.0, 25.0),
    Figure("HERMES core, TOPS/mm²", "hermes_core", "survey", AREA, 1.59, 2.0, 3.0),
    Figure("HERMES, four phases, TOPS a core", "hermes_core", "survey", "tops", 16.1 / 64,
           0.95, 1.05, FOUR, True, "16.1 / 64 = 0.252"),
    Figure("HERMES, four phases, TOPS/W", "hermes_core", "survey", WATT, 2.48, 0.7, 1.4,
           FOUR, True),
    *(
        Figure(f"NeuRRAM, {given} bits in, {out} out: {name}", "neurram", source, key, published,
               low, high, (f"dac.bits={given}", f"adc.bits={out}"), True)
        for (given, out), (lines, _, inputs, efficiency) in NEURRAM.items()
        for name, source, key, published, low, high in (
            ("word lines, fJ", "survey_sar", "word_lines", lines, 0.7, 1.2),
            ("inputs, fJ", "survey_sar", "cells+dac", inputs, 0.7, 1.6),
            ("TOPS/W", "survey_sar", WATT, efficiency, 0.8, 1.25),
            ("TOPS/W", "survey", WATT, efficiency, 0.15 if out > 8 else 0.5, 1.25),
            ("TOPS/W", "neuron", WATT, efficiency, 0.8, 1.25),
        )
    ),
)  # fmt: skip
