"""Dimensions of sums and comparisons in the language of constraints."""

import pytest

from matsweep.core.checks import UserError
from matsweep.core.dimensions import check_dimensions
from matsweep.core.specification import parse
from matsweep.core.units import dimension_of, kind_of_dimension

UNITS = {"g": "S", "v": "V", "i": "A", "t": "s", "e": "eV", "share": "1", "kelvin": "K"}


@pytest.mark.parametrize(
    "text",
    [
        "g <= 25 uS + 1 V",
        "g <= 1 V - 2 V",
        "g * v <= 5 uS",
        "i / v <= 5 uA",
        "v ** 2 >= 4 V",
        "g == share",
        "min(g, v) > 1",
        "abs(g) < 2 V",
        "-g < 2 V",
        "not (g < v)",
        "t > 1 s and g > 1 V",
        "g < 1 uS < v",
        "5 <= g + 1 V",
        "unknown + 1 V <= 2 S",
    ],
)
def test_sums_and_comparisons_of_unlike_quantities_are_refused(text):
    with pytest.raises(UserError, match=r"cannot be (added|compared)$"):
        check_dimensions(parse(text), UNITS.get)


@pytest.mark.parametrize(
    "text",
    [
        "g <= 25 uS + 1 mS",
        "g * v <= 5 uA",
        "g * 0.2 <= 5 uA",
        "i / v <= 5 uS",
        "g * v ** 2 * t <= 1 nJ",
        "g >= 25",
        "g <= 25 uS + 1",
        "e >= 0.5 eV",
        "e * 2 <= 1e-19 J",
        "kelvin >= -10 degC",
        "share <= 5 %",
        'unknown == "text"',
        "log10(g) < -3",
        "max(g, 1 uS) < 1 mS",
    ],
)
def test_what_fits_or_is_not_known_is_accepted(text):
    check_dimensions(parse(text), UNITS.get)


def test_a_product_has_the_sum_of_the_exponents():
    watt = check_dimensions(parse("g * v ** 2"), UNITS.get)
    assert watt == dimension_of("W")
    assert kind_of_dimension(watt) == "a power"
    assert kind_of_dimension(dimension_of("S m")) == "a quantity in m-1 kg-1 s3 A2"
