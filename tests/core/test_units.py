import math

import pytest

from matsweep.core.checks import UserError
from matsweep.core.units import duration, engineering, read_quantity


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("10 nJ", "J", 10e-9),
        ("10nJ", "J", 1e-8),
        ("3.5 pJ", "J", 3.5e-12),
        ("1e-9", "J", 1e-9),
        ("5 ms", "s", 5e-3),
        ("5 us", "s", 5e-6),
        ("5 µs", "s", 5e-6),
        ("5 μs", "s", 5e-6),
        ("2 h", "s", 7200.0),
        ("30 days", "s", 2_592_000.0),
        ("0.012 mm2", "m2", 1.2e-8),
        ("0.012 mm²", "m²", 1.2e-8),
        ("7 um^2", "m2", 7e-12),
        ("2 cm2", "m^2", 2e-4),
        ("95 %", "1", 0.95),
        ("95%", "", 0.95),
        ("10 uS", None, 10e-6),
        ("1 kΩ", "ohm", 1e3),
        ("-0.5 V", "V", -0.5),
        (".5", "1", 0.5),
        ("3 fits", "fits", 3.0),
    ],
)
def test_read(text, unit, value):
    assert read_quantity(text, unit, "x") == value


@pytest.mark.parametrize(
    ("text", "unit", "message"),
    [
        ("ten nJ", "J", "must be compared with a number, got 'ten nJ'"),
        ("10 nj", "J", "unknown unit 'nj'; did you mean nJ"),
        ("10 ns", "J", r"\[J\] cannot be compared with '10 ns': ns is a time; write .* 10 nJ"),
        ("3 %", "J", "% is a fraction"),
        ("1 mm", "m2", "mm is a length"),
        ("1e-9 e", "J", "unknown unit 'e'"),
    ],
)
def test_read_errors(text, unit, message):
    with pytest.raises(UserError, match=message):
        read_quantity(text, unit, "energy")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.23e-9, "J", "1.23 nJ"),
        (4.5e-6, "s", "4.50 µs"),
        (1.2e-8, "m2", "0.0120 mm²"),
        (9.9999e-10, "J", "1.00 nJ"),
        (1e-9, "m2", "0.00100 mm²"),
        (1e-10, "m2", "100 µm²"),
        (0.0, "J", "0 J"),
        (math.nan, "J", "–"),
        (math.inf, "J", "+inf"),
        (-2.5e-3, "V", "-2.50 mV"),
        (1e-25, "J", "0.000000100 aJ"),
        (5e16, "W", "50000 TW"),
        (0.25, "1", "0.25"),
        (12345.678, "fits", "1.235e+04 fits"),
        (999.6, "ohm", "1.00 kΩ"),
    ],
)
def test_engineering(value, unit, text):
    assert engineering(value, unit) == text


@pytest.mark.parametrize("exponent", range(-17, 12))
def test_engineering_can_be_read_back(exponent):
    value = 1.5 * 10.0**exponent
    for unit in ("J", "s", "m2"):
        assert read_quantity(engineering(value, unit), unit, "x") == pytest.approx(value, rel=5e-3)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (1e-6, "1.00 µs"),
        (20.0, "20 s"),
        (60.0, "1 min"),
        (3600.0, "1 h"),
        (86400.0, "1 day"),
        (2_592_000.0, "30 days"),
        (31_536_000.0, "1 year"),
        (315_360_000.0, "10 years"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text
