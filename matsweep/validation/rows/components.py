"""Costs of single circuits, next to the figures that they are taken or scaled from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matsweep.metrics.costs import cited, components
from matsweep.validation.row import Point, Row, Source, Tolerance, points

_KULL = Source(
    citation="L. Kull et al., ISSCC 2013: 8 converters of 1.2 GS/s in 16 mW and 1,200 µm² each, as "
    "ISAAC takes them",
    doi="10.1109/ISSCC.2013.6487818",
)
_ISAAC = Source(citation="A. Shafiee et al., ISCA 2016, Table I", doi="10.1109/ISCA.2016.12")
_BRAHMS = Source(
    citation="converter inside a SAR ADC, 0.32 mW at 1.1 GS/s and 438 µm², as tabulated in "
    "accelergy-library-plug-in"
)
_ALADDIN = Source(
    citation="Y. S. Shao et al., Aladdin, ISCA 2014, as tabulated in accelergy-library-plug-in",
    doi="10.1109/ISCA.2014.6853196",
)
_PUMA = Source(
    citation="A. Ankit et al., PUMA, ASPLOS 2019, constants of its simulator",
    doi="10.1145/3297858.3304049",
)
_HOROWITZ = Source(citation="M. Horowitz, ISSCC 2014", doi="10.1109/ISSCC.2014.6757323")
_TABLE = Tolerance(relative=0.01, reason="a published figure at its own node, to its digits")


def _row(
    name: str,
    title: str,
    unit: str,
    source: Source,
    conditions: str,
    calculate: Callable[[], Sequence[Point]],
    tolerance: Tolerance = _TABLE,
) -> Row:
    return Row(
        name=name, subject="Circuits", title=title, unit=unit, source=source,
        conditions=conditions, tolerance=tolerance, calculate=calculate,
    )  # fmt: skip


def _regression() -> list[Point]:
    """Energy of a conversion, without the model's leakage of a fifth, at 1.2 GS/s."""
    found = components.adc(8, 32e-9, 1.2e9).energy / 0.8
    return [Point(published=1.667e-12, found=found)]


def _logic() -> list[Point]:
    found = [
        components.register(1, 40e-9).energy,
        components.adder(32, 40e-9).energy,
        components.comparator(32, 40e-9).energy,
    ]
    return points(
        ["register, 1 bit", "adder, 32 bits", "comparator, 32 bits"],
        [9.0e-15, 2.1e-13, 2.947e-14],
        found,
    )


def _sram() -> list[Point]:
    found = [
        16 * cited.sram(2048 * 8, 32e-9).energy,
        64 * cited.sram(8192 * 8, 45e-9).energy,
    ]
    return points(["2 kB, 16 bits, 32 nm", "8 kB, 64 bits, 45 nm"], [5.7e-13, 1e-11], found)


def _arithmetic() -> list[Point]:
    found = [cited.mac("int8", 45e-9), cited.mac("fp32", 45e-9)]
    return points(["8-bit integers", "32-bit floating point"], [2.3e-13, 4.6e-12], found)


CIRCUITS = (
    _row(
        "circuit_adc_regression", "Best published 8-bit converter of its node: the regression",
        "J", _KULL, "8 bits at 32 nm, 1.2 GS/s; the model's leakage, a fifth, is left out",
        _regression,
        Tolerance(relative=0.25, reason="a regression on many converters, next to one of them"),
    ),
    _row(
        "circuit_adc_isaac_energy", "ISAAC's 8-bit converter: energy of a conversion", "J", _KULL,
        "8 bits at 32 nm, 1.2 GS/s",
        lambda: [
            Point(published=16e-3 / 8 / 1.2e9, found=cited.isaac_adc(8, 32e-9, 1.28e9).energy)
        ],
    ),
    _row(
        "circuit_adc_isaac_area", "ISAAC's 8-bit converter: area", "m²", _KULL, "8 bits at 32 nm",
        lambda: [Point(published=1200e-12, found=cited.isaac_adc(8, 32e-9, 1.28e9).area)],
    ),
    _row(
        "circuit_dac_energy", "8-bit converter of an input: energy", "J", _BRAHMS, "40 nm",
        lambda: [Point(published=0.32e-3 / 1.1e9, found=components.dac(8, 40e-9).energy)],
    ),
    _row(
        "circuit_dac_area", "8-bit converter of an input: area", "m²", _BRAHMS, "40 nm",
        lambda: [Point(published=438e-12, found=components.dac(8, 40e-9).area)],
    ),
    _row(
        "circuit_shift_add", "ISAAC's shift-and-add: energy of an operation", "J", _ISAAC,
        "16 bits at 32 nm",
        lambda: [Point(published=2.1e-14, found=components.shift_add(16, 32e-9).energy)],
    ),
    _row(
        "circuit_row_driver", "ISAAC's row driver: energy of a bit", "J", _ISAAC,
        "4 mW over 8 × 128 rows at 12 MHz, 100 of 128 in use, 32 nm",
        lambda: [
            Point(
                published=4e-3 / (8 * 128 * 10e6 * 1.2) * 128 / 100,
                found=components.driver(1, 32e-9).energy,
            )
        ],
    ),
    _row(
        "circuit_logic", "Register, adder and comparator: energy of an operation", "J", _ALADDIN,
        "40 nm", _logic,
    ),
    _row(
        "circuit_sram", "Memories of 2 and 8 kB: energy of a word", "J",
        Source(
            citation=f"{_PUMA.citation}; {_HOROWITZ} for 8 kB", doi=_PUMA.doi
        ),
        "0.57 mW at 1 GHz and words of 16 bits; 10 pJ for 64 bits", _sram,
    ),
    _row(
        "circuit_sram_leakage", "Memory of 2 kB: leakage", "W", _PUMA, "32 nm",
        lambda: [Point(published=0.33e-3, found=2048 * 8 * cited.sram(1, 32e-9).leakage)],
    ),
    _row(
        "circuit_arithmetic", "Multiplication and addition: energy", "J", _HOROWITZ,
        "45 nm, 0.9 V", _arithmetic,
    ),
    _row(
        "circuit_brain", "Brain: energy of a synaptic event", "J",
        Source(citation="20 W over 86e9 neurons of 1e4 synapses at 1 Hz, derived"), "at 1 Hz",
        lambda: [Point(published=20 / (86e9 * 1e4), found=cited.brain_event())],
    ),
)  # fmt: skip
