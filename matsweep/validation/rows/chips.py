"""Published accelerators, rebuilt from their stated numbers without a fitted factor."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np

from matsweep.metrics import COORDINATES
from matsweep.planning.config import composer
from matsweep.planning.plan import plan
from matsweep.simulate import simulate
from matsweep.validation.row import Point, Row, Source, Tolerance
from matsweep.workloads.inference import perceptron

_SUBJECT = "Chips"
_AGUIRRE = "as F. Aguirre et al., Nat. Commun. 15:1974, 2024 (doi:10.1038/s41467-024-45670-9) quote"
_ISAAC = Source(citation=f"A. Shafiee et al., ISCA 2016, {_AGUIRRE} it", doi="10.1109/ISCA.2016.12")
_PUMA = Source(
    citation=f"A. Ankit et al., ASPLOS 2019, {_AGUIRRE} it", doi="10.1145/3297858.3304049"
)
_HERMES = Source(
    citation="R. Khaddam-Aljameh et al., JSSC 57:1027, 2022; M. Le Gallo et al., Nat. Electron. "
    "6:680, 2023",
    doi="10.1038/s41928-023-01010-1",
)
_ARRAYS = (
    "128 × 128 cells of 2 bits at 32 nm, 16-bit weights, 16-bit inputs bit by bit, an 8-bit "
    "converter of 1.28 GS/s an array; recalled: 168 × 96 arrays"
)
_CORE = (
    "256 × 256 weights on pairs of PCM at 14 nm, 8-bit inputs and outputs, a converter a column, "
    "133 ns a read (63.1 TOPS of 64 cores)"
)
_CLOCK = Tolerance(relative=0.02, reason="operations and clock decide, both are stated to 1 %")
_CIRCUITS = Tolerance(
    factor=2.0, reason="costs of circuits of one function differ that much between publications"
)


_METRICS = {
    "tops": ("speed", "operations of an array in a time", "TOPS"),
    "tops_per_watt": ("energy", "operations for an energy", "TOPS/W"),
    "tops_per_mm2": ("area", "operations for an area", "TOPS/mm²"),
}
_PUBLISHED = {
    "isaac": ("isaac", "ISAAC", _ISAAC, _ARRAYS, (128, 16)),
    "puma": ("puma", "PUMA", _PUMA, f"as ISAAC, cells of 100 kΩ and 1 MΩ; {_ARRAYS}", (128, 16)),
    "hermes_core": ("hermes", "HERMES core, measured", _HERMES, _CORE, (256, 256)),
}


@functools.cache
def filled(
    name: str, inputs: int, outputs: int, source: str
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

    Returns
    -------
    values : mapping of str to float
        Metrics of one value, and ``tops``: 1e12 operations a second, a multiplication and an
        addition each counted.
    area : mapping of str to float, m²
        By component.

    Raises
    ------
    ValueError
        If the weight does not fill its arrays.
    """
    with composer():
        study = plan([f"experiment={name}", f"periphery.adc_source={source}"])
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(inputs, outputs)) / np.sqrt(inputs)
    full = perceptron(
        [weights], [np.zeros(outputs)], rng.random((256, inputs)), rng.random((64, inputs)),
        np.zeros(64, int),
    )  # fmt: skip
    (point,) = study.points
    values = simulate(study.scenario(point), full, seed=0, realisations=1)
    if values["utilisation"] != 1:
        raise ValueError(f"{inputs} × {outputs} weights leave cells of {name} empty")
    found = {key: float(np.squeeze(value)) for key, value in values.items() if value.size == 1}
    found["tops"] = 2 * inputs * outputs * found["throughput"] / 1e12
    area = dict(zip(COORDINATES["component"], map(float, values["area_breakdown"]), strict=True))
    return found, area


def _chip(
    name: str,
    metric: str,
    published: float,
    *,
    source: str,
    tolerance: Tolerance = _CIRCUITS,
    miss: Tolerance | None = None,
) -> Row:
    """Row of one metric of one chip under one source of the costs of converters."""
    word, title, unit = _METRICS[metric]
    short, chip, publication, conditions, shape = _PUBLISHED[name]

    def calculate() -> list[Point]:
        return [Point(published=published, found=filled(name, *shape, source)[0][metric])]

    if metric != "tops":
        conditions = f"{conditions}. Here: costs of converters from `{source}`"
    return Row(
        name=f"{short}_speed" if metric == "tops" else f"{short}_{word}_{source}",
        subject=_SUBJECT,
        title=f"{chip}: {title}",
        unit=unit,
        source=publication,
        conditions=conditions,
        tolerance=tolerance,
        miss=miss,
        calculate=calculate,
    )


def _wide() -> list[Point]:
    """Area of the HERMES core with cells as wide as its converters, 4 µm, two devices each way."""
    found, area = filled("hermes_core", 256, 256, "survey")
    whole = sum(area.values()) - area["cells"] + 256 * 256 * (4e-6) ** 2
    return [Point(published=1.59, found=found["tops"] / (1e6 * whole))]


_BEST = Tolerance(
    factor=30.0,
    reason="the best converters ever published take a hundredth of the typical energy; a converter "
    "next to each column takes the typical one",
)
CHIPS = (
    _chip("isaac", "tops", 41.3 / (168 * 96), source="isaac", tolerance=_CLOCK),
    _chip("isaac", "tops_per_watt", 0.63, source="isaac"),
    _chip("isaac", "tops_per_mm2", 0.48, source="isaac"),
    _chip("isaac", "tops_per_watt", 0.63, source="regression"),
    _chip("isaac", "tops_per_mm2", 0.48, source="regression"),
    _chip(
        "isaac", "tops_per_watt", 0.63, source="survey",
        miss=Tolerance(
            factor=30.0,
            reason="designed, not built, with a converter of 1.67 pJ where the median of built "
            "ones of this speed and accuracy takes 20 times as much",
        ),
    ),
    _chip("puma", "tops_per_watt", 0.84, source="isaac"),
    _chip("puma", "tops_per_mm2", 52.31 / 90.6, source="isaac"),
    _chip("puma", "tops_per_watt", 0.84, source="regression"),
    _chip(
        "puma", "tops_per_mm2", 52.31 / 90.6, source="regression",
        miss=Tolerance(
            factor=3.0,
            reason="the regression's converter takes 6,470 µm² at 32 nm, that which PUMA assumes "
            "1,200",
        ),
    ),
    _chip("hermes_core", "tops", 63.1 / 64, source="survey", tolerance=_CLOCK),
    _chip("hermes_core", "tops_per_watt", 10.5, source="survey"),
    _chip("hermes_core", "tops_per_watt", 10.5, source="regression", miss=_BEST),
    _chip(
        "hermes_core", "tops_per_mm2", 1.59, source="survey",
        miss=Tolerance(
            factor=3.0,
            reason="columns of the chip are as wide as its converters, 4 µm; the material's cell "
            "of 16 F² is 56 nm wide, and cells hardly count",
        ),
    ),
    Row(
        name="hermes_area_wide",
        subject=_SUBJECT,
        title="HERMES core, measured: operations for an area, cells as wide as the converters",
        unit="TOPS/mm²",
        source=_HERMES,
        conditions=f"{_CORE}. Here: 4 µm × 4 µm for the four devices of a weight, `survey`",
        tolerance=_CIRCUITS,
        miss=Tolerance(
            factor=3.0,
            reason="4 µm × 4 µm is more than the chip has; together with the row of narrow cells "
            "it brackets the measured value",
        ),
        calculate=_wide,
    ),
)  # fmt: skip
