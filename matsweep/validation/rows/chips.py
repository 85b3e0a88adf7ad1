"""Published accelerators, rebuilt from their stated numbers without a fitted factor."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from matsweep.metrics import COORDINATES
from matsweep.planning.config import composer
from matsweep.planning.plan import plan
from matsweep.simulate import simulate
from matsweep.validation.row import Point, Row, Source, Tolerance
from matsweep.workloads.inference import perceptron

_AGUIRRE = "as F. Aguirre et al., Nat. Commun. 15:1974, 2024 (doi:10.1038/s41467-024-45670-9) quote"
_ARRAYS = (
    "128 × 128 cells of 2 bits at 32 nm, 16-bit weights, 16-bit inputs bit by bit, an 8-bit "
    "converter of 1.28 GS/s an array; recalled: 168 × 96 arrays"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chip:
    """Publication of an accelerator, and the experiment that is its array."""

    title: str
    experiment: str
    shape: tuple[int, int]
    source: Source
    conditions: str


_ISAAC = _Chip(
    title="ISAAC", experiment="isaac", shape=(128, 16), conditions=_ARRAYS,
    source=Source(citation=f"A. Shafiee et al., ISCA 2016, {_AGUIRRE} it",
                  doi="10.1109/ISCA.2016.12"),
)  # fmt: skip
_NEWTON = _Chip(
    title="Newton", experiment="isaac", shape=(128, 16),
    conditions=f"ISAAC's array; adaptive converters and split products are not modelled. {_ARRAYS}",
    source=Source(citation=f"A. Nag et al., IEEE Micro 38(5):41, 2018, {_AGUIRRE} it",
                  doi="10.1109/MM.2018.053631140"),
)  # fmt: skip
_PUMA = _Chip(
    title="PUMA", experiment="puma", shape=(128, 16),
    conditions=f"as ISAAC, cells of 100 kΩ and 1 MΩ; {_ARRAYS}",
    source=Source(citation=f"A. Ankit et al., ASPLOS 2019, {_AGUIRRE} it",
                  doi="10.1145/3297858.3304049"),
)  # fmt: skip
_HERMES = _Chip(
    title="HERMES core", experiment="hermes_core", shape=(256, 256),
    conditions="256 × 256 weights on pairs of PCM at 14 nm, 8-bit inputs and outputs, a converter "
               "a column, 133 ns a read (63.1 TOPS of 64 cores; in four phases 16.1)",
    source=Source(citation="R. Khaddam-Aljameh et al., JSSC 57:1027, 2022; M. Le Gallo et al., "
                  "Nat. Electron. 6:680, 2023", doi="10.1038/s41928-023-01010-1"),
)  # fmt: skip
_NEURRAM = _Chip(
    title="NeuRRAM", experiment="neurram", shape=(128, 256),
    conditions="256 × 256 cells of HfOx on pairs at 130 nm, voltage sensing, a neuron a column; "
               "figures by bits as transcribed in CiMLoop's model; read pulses of 10 ns assumed",
    source=Source(citation="W. Wan et al., Nature 608:504, 2022, Fig. 12",
                  doi="10.1038/s41586-022-04992-8"),
)  # fmt: skip

_CLOCK = Tolerance(relative=0.03, reason="operations and clock decide, both are stated to 1 %")
_CIRCUITS = Tolerance(
    factor=2.0, reason="costs of circuits of one function differ that much between publications"
)
_BEST = Tolerance(
    factor=30.0,
    reason="the best converters ever published take a hundredth of the typical energy; a converter "
    "next to each column takes the typical one",
)
_SAR = Tolerance(
    factor=4.0,
    reason="a converter next to each column takes three times the median of SAR converters",
)
_DESIGNED = Tolerance(
    factor=20.0,
    reason="designed, not built, with a converter of 1.67 pJ where the median of built ones of "
    "this speed and accuracy takes 20 times as much",
)
_SMALL = Tolerance(
    factor=3.0,
    reason="the regression's converter takes 6,470 µm² at 32 nm, that which PUMA assumes 1,200",
)
_NARROW = Tolerance(
    factor=3.0,
    reason="columns of the chip are as wide as its converters, 4 µm; the material's cell of 16 F² "
    "is 56 nm wide, and cells hardly count",
)
_FAST = Tolerance(
    factor=6.0,
    reason="the survey's converters of 10 effective bits are fast ones; the chip's takes 19 pJ",
)
_MEDIAN = Tolerance(
    factor=2.1,
    reason="the median converter of 8 effective bits takes 37.5 pJ, the chip's neuron 13 pJ in all",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One published figure of an accelerator, and the source of costs it is compared under.

    Parameters
    ----------
    name : str
        Of the row.
    chip : _Chip
    title : str
        Short, as in the pages of the documentation.
    adc : str
        Source of the costs of converters, `periphery.adc_source`.
    keys : tuple of str
        A metric, "tops", or components of the energy, whose sum in fJ an operation is compared.
    published : float
        In `unit`.
    unit : str
    tolerance : Tolerance
    miss : Tolerance or None
    overrides : tuple of str
        Of the experiment.
    signed : bool
        Whether inputs have both signs.
    stated : str
        The published figure as the page writes it; empty: the number.
    """

    name: str
    chip: _Chip
    title: str
    adc: str
    keys: tuple[str, ...]
    published: float
    unit: str
    tolerance: Tolerance = _CIRCUITS
    miss: Tolerance | None = None
    overrides: tuple[str, ...] = ()
    signed: bool = False
    stated: str = ""

    @property
    def modelled(self) -> float:
        """The model's figure, in the unit of the published one."""
        found, _ = filled(
            self.chip.experiment, *self.chip.shape, self.adc, *self.overrides, signed=self.signed
        )
        value = sum(found[key] for key in self.keys)
        return value * 1e15 if self.unit == "fJ" else value

    @property
    def ratio(self) -> float:
        """Modelled over published."""
        return self.modelled / self.published

    @property
    def row(self) -> Row:
        """Row of the table of truth."""
        return Row(
            name=self.name,
            subject="Chips",
            title=f"{self.chip.title}: {self.title}",
            unit=self.unit,
            source=self.chip.source,
            conditions=f"{self.chip.conditions}. Here: costs of converters from `{self.adc}`",
            tolerance=self.tolerance,
            miss=self.miss,
            calculate=lambda: [Point(published=self.published, found=self.modelled)],
        )


@functools.cache
def filled(
    name: str, inputs: int, outputs: int, source: str, *overrides: str, signed: bool = False
) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Simulate one array, full of Gaussian weights, under an experiment's only candidate.

    Parameters
    ----------
    name : str
        Of the experiment.
    inputs : int
    outputs : int
        Shape of the weight.
    source : str
        Source of the costs of converters, `periphery.adc_source`.
    *overrides : str
        Of the experiment.
    signed : bool
        Whether inputs are uniform in [-1, 1]; else in [0, 1].

    Returns
    -------
    values : mapping of str to float
        Metrics of one value; ``tops``: 1e12 operations a second, a multiplication and an addition
        each counted; energies by component, J an operation.
    area : mapping of str to float, m²
        By component.

    Raises
    ------
    ValueError
        If the weight does not fill its arrays.
    """
    with composer():
        study = plan(
            [f"experiment={name}", f"periphery.adc_source={source}", "unknowns=neutral", *overrides]
        )
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(inputs, outputs)) / np.sqrt(inputs)
    training, images = rng.random((256, inputs)), rng.random((64, inputs))
    if signed:
        training, images = 2 * training - 1, 2 * images - 1
    full = perceptron([weights], [np.zeros(outputs)], training, images, np.zeros(64, int))
    (point,) = study.points
    values = simulate(study.scenario(point), full, seed=0, realisations=1)
    if values["utilisation"] != 1:
        raise ValueError(f"{inputs} × {outputs} weights leave cells of {name} empty")
    found = {key: float(np.squeeze(value)) for key, value in values.items() if value.size == 1}
    found["tops"] = 2 * inputs * outputs * found["throughput"] / 1e12
    terms = np.squeeze(values["energy_breakdown"]) / (2 * inputs * outputs)
    found |= dict(zip(COORDINATES["component"], terms.tolist(), strict=True))
    area = dict(zip(COORDINATES["component"], map(float, values["area_breakdown"]), strict=True))
    return found, area


def _figures(
    slug: str, title: str, unit: str, key: str, *rows: tuple[_Chip, str, float, Tolerance | None]
) -> Sequence[Figure]:
    """Return figures of one metric of several chips: chip, source, published value, miss."""
    return [
        Figure(
            name=f"{chip.title.split()[0].lower()}_{slug}_{adc}",
            chip=chip,
            title=title,
            adc=adc,
            keys=(key,),
            published=published,
            unit=unit,
            miss=miss,
        )
        for chip, adc, published, miss in rows
    ]


_PUMA_AREA = 52.31 / 90.6
DESIGNS = (
    Figure(name="isaac_speed", chip=_ISAAC, title="TOPS an array", adc="isaac", keys=("tops",),
           published=41.3 / (168 * 96), unit="TOPS", tolerance=_CLOCK,
           stated="41.3 / 16,128 = 2.56e-3"),
    *_figures(
        "energy", "TOPS/W", "TOPS/W", "tops_per_watt", (_ISAAC, "isaac", 0.63, None),
        (_ISAAC, "regression", 0.63, None), (_ISAAC, "survey", 0.63, _DESIGNED),
        (_NEWTON, "isaac", 0.92, None), (_PUMA, "isaac", 0.84, None),
        (_PUMA, "regression", 0.84, None),
    ),
    *_figures(
        "area", "TOPS/mm²", "TOPS/mm²", "tops_per_mm2", (_ISAAC, "isaac", 0.48, None),
        (_ISAAC, "regression", 0.48, None), (_NEWTON, "isaac", 0.68, None),
        (_PUMA, "isaac", _PUMA_AREA, None), (_PUMA, "regression", _PUMA_AREA, _SMALL),
    ),
)  # fmt: skip
"""Accelerators that were designed and not built."""

_FOUR = ("tile.phases=4",)
NEURRAM = {
    (2, 4): (8.27, 12.4, 3.96, 40.3),
    (4, 6): (21.8, 29.1, 11.5, 16.0),
    (6, 8): (37.2, 52.5, 19.2, 8.26),
    (8, 10): (50.5, 75.9, 27.5, 6.44),
}
"""By bits of inputs (sign included) and outputs: fJ an operation of word lines, neurons and
inputs, and TOPS/W."""


def _neurram(given: int, out: int) -> Sequence[Figure]:
    lines, _, inputs, efficiency = NEURRAM[given, out]
    wide = {8: _MEDIAN, 10: _FAST}.get(out)
    return [
        Figure(
            name=f"neurram_{out}_{slug}",
            chip=_NEURRAM,
            title=f"{given} bits in, {out} out: {title}",
            adc=adc,
            keys=keys,
            published=published,
            unit=unit,
            miss=miss,
            overrides=(f"dac.bits={given}", f"adc.bits={out}"),
            signed=True,
        )
        for slug, title, adc, keys, published, unit, miss in (
            ("lines", "word lines, fJ", "survey_sar", ("word_lines",), lines, "fJ", None),
            ("inputs", "inputs, fJ", "survey_sar", ("cells", "dac"), inputs, "fJ", None),
            ("energy_sar", "TOPS/W", "survey_sar", ("tops_per_watt",), efficiency, "TOPS/W", None),
            ("energy_survey", "TOPS/W", "survey", ("tops_per_watt",), efficiency, "TOPS/W", wide),
            ("energy_neuron", "TOPS/W", "neuron", ("tops_per_watt",), efficiency, "TOPS/W", None),
        )
    ]


BUILT = (
    Figure(name="hermes_speed", chip=_HERMES, title="TOPS", adc="survey", keys=("tops",),
           published=63.1 / 64, unit="TOPS", tolerance=_CLOCK, stated="63.1 / 64 = 0.986"),
    *_figures(
        "energy", "TOPS/W", "TOPS/W", "tops_per_watt", (_HERMES, "survey", 10.5, None),
        (_HERMES, "survey_sar", 10.5, _SAR), (_HERMES, "regression", 10.5, _BEST),
    ),
    *_figures("area", "TOPS/mm²", "TOPS/mm²", "tops_per_mm2", (_HERMES, "survey", 1.59, _NARROW)),
    Figure(name="hermes_four_speed", chip=_HERMES, title="four phases, TOPS a core", adc="survey",
           keys=("tops",), published=16.1 / 64, unit="TOPS", tolerance=_CLOCK, overrides=_FOUR,
           signed=True, stated="16.1 / 64 = 0.252"),
    Figure(name="hermes_four_energy", chip=_HERMES, title="four phases, TOPS/W", adc="survey",
           keys=("tops_per_watt",), published=2.48, unit="TOPS/W", overrides=_FOUR, signed=True),
    *(figure for given, out in NEURRAM for figure in _neurram(given, out)),
)  # fmt: skip
"""Chips that were measured."""


def _wide() -> list[Point]:
    """Area of the HERMES core with cells as wide as its converters, 4 µm, two devices each way."""
    found, area = filled("hermes_core", 256, 256, "survey")
    whole = sum(area.values()) - area["cells"] + 256 * 256 * (4e-6) ** 2
    return [Point(published=1.59, found=found["tops"] / (1e6 * whole))]


CHIPS = (
    *(figure.row for figure in (*BUILT, *DESIGNS)),
    Row(
        name="hermes_area_wide",
        subject="Chips",
        title="HERMES core: TOPS/mm², cells as wide as the converters",
        unit="TOPS/mm²",
        source=_HERMES.source,
        conditions=f"{_HERMES.conditions}. Here: 4 µm × 4 µm for the four devices of a weight, "
        "`survey`",
        tolerance=_CIRCUITS,
        miss=Tolerance(
            factor=3.0,
            reason="4 µm × 4 µm is more than the chip has; together with the row of narrow cells "
            "it brackets the measured value",
        ),
        calculate=_wide,
    ),
)
