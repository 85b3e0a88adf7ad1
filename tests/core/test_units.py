import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsweep.core.checks import UserError
from matsweep.core.specification import Operation, Quantity, parse
from matsweep.core.units import (
    duration,
    engineering,
    estimate,
    factor_of,
    kind_of,
    normal_unit,
    prefix_of,
    read_parameter,
    read_quantity,
    rounded,
    split_heading,
    with_error,
)


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
        ("10y", "s", r"unknown unit 'y'; did you mean year\?"),
        ("2 hou", "s", "unknown unit 'hou'"),
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


def exact(text, unit):
    return read_parameter(text, unit, "x")


def test_a_parameter_is_exactly_the_number_that_would_be_typed():
    assert exact("25uS", "S") == 2.5e-05
    assert exact("85degC", "K") == 358.15
    assert exact("85 °C", "K") == 358.15
    assert exact("0.3eV", "eV") == 0.3
    assert exact("300meV", "eV") == 0.3
    assert exact("99.9%", "%") == 99.9
    assert exact("5 %", "1") == 0.05
    assert exact("4GB", "B") == 4_000_000_000
    assert exact("2GiB", "B") == 2 * 1024**3
    assert exact("48F2", "F2") == exact("48 F²", "F2") == 48
    assert exact("1e-14 m2/(V s)", "m2/(V s)") == exact("1e-10cm2/V/s", "m2/(V s)") == 1e-14
    assert exact("2e25/m3", "1e26/m3") == exact("2e25 1/m3", "1e26/m3") == 0.2
    assert exact("1year", "s") == 31_536_000
    assert exact("2.5 mol", "mol") == 2.5
    assert exact("1 kg/mol", "kg/mol") == 1 == exact("1000 g/mol", "kg/mol")


def test_whole_numbers_stay_whole_and_numbers_without_a_unit_are_none():
    assert isinstance(exact("3V", "V"), int)
    assert isinstance(exact("3.0V", "V"), float)
    assert isinstance(exact("1h", "s"), int)
    assert isinstance(exact("25uS", "S"), float)
    for text in ("2.5e-5", "", "abc", "V", "1e-5 "):
        assert exact(text, "V") is None


@pytest.mark.parametrize(
    ("text", "unit", "message"),
    [
        ("25uV", "S", r"x \[S\] must be a conductance, such as 25 uS, got '25uV': uV is a voltage"),
        ("0.01um2", "F2", r"x \[F²\] must be an area in squares of the feature size F.*um2 is an"),
        ("3V", "1", r"^x must be a fraction, such as 0.95 or 95 %, got '3V'"),
        ("3K", "K/W", r"x \[K/W\] must be in K/W, such as 1 K/W"),
        ("20degC", "m", r"degC is a temperature"),
        ("20 uX", "S", r"x \[S\]: unknown unit 'uX'; did you mean uS"),
        ("20 (uS", "S", r"unknown unit '\(uS'"),
        ("20 S/", "S", r"unknown unit 'S/'"),
        ("20 S)", "S", r"unknown unit 'S\)'"),
        ("1 kmin", "s", r"unknown unit 'kmin'"),
    ],
)
def test_a_unit_that_does_not_fit_is_refused(text, unit, message):
    with pytest.raises(UserError, match=message):
        exact(text, unit)


@pytest.mark.parametrize(
    ("text", "unit", "same"),
    [
        ("1 A/V", "S", 1.0), ("1 V/A", "ohm", 1.0), ("1 V A", "W", 1.0), ("1 W s", "J", 1.0),
        ("1 C/s", "A", 1.0), ("1 1/s", "Hz", 1.0), ("1 C/V", "F", 1.0), ("2 V/(A m)*m", "ohm", 2.0),
        ("1 J", "eV", 1 / 1.602176634e-19),
    ],
)  # fmt: skip
def test_units_are_what_the_si_makes_of_them(text, unit, same):
    assert exact(text, unit) == pytest.approx(same, rel=1e-12)


PREFIXED = ("m", "g", "s", "A", "K", "mol", "B", "Hz", "C", "J", "V", "W", "ohm", "S", "F", "eV")
POWERS = {"a": -18, "f": -15, "p": -12, "n": -9, "u": -6, "µ": -6, "μ": -6, "m": -3, "k": 3,
          "M": 6, "G": 9, "T": 12}  # fmt: skip


@pytest.mark.parametrize("unit", PREFIXED)
def test_every_unit_takes_every_prefix(unit):
    for prefix, power in POWERS.items():
        written = f"{prefix}{unit}"
        if written in ("min", "cd"):
            continue
        assert factor_of(written, unit) == float(f"1e{power}"), written
        assert read_quantity(f"2.5{written}", unit, "x") == float(f"2.5e{power}"), written


@given(
    st.floats(1e-15, 1e12, exclude_max=True),
    st.sampled_from(["S", "V", "A", "W", "J", "s", "ohm", "m", "m2", "Hz", "F", "K"]),
    st.integers(2, 9),
)
def test_what_is_printed_is_read_back_to_its_digits(value, unit, digits):
    printed = engineering(value, unit, digits)
    assert read_parameter(printed, unit, "x") == pytest.approx(value, rel=0.51 * 10 ** (1 - digits))


@given(st.decimals(-(10**6), 10**6, allow_nan=False, places=6), st.sampled_from(sorted(POWERS)))
def test_prefixes_are_exact(number, prefix):
    value = read_parameter(f"{number:f}{prefix}S", "S", "x")
    assert value == float(number.scaleb(POWERS[prefix]))


@given(st.text(max_size=30))
def test_no_text_breaks_the_reader(text):
    for read in (lambda: read_parameter(text, "S", "x"), lambda: read_quantity(text, None, "x")):
        with contextlib.suppress(UserError):
            read()
    normal_unit(text)
    kind_of(text)
    split_heading(text)


@pytest.mark.parametrize(
    ("heading", "name", "unit"),
    [
        ("conductance [uS]", "conductance", "uS"),
        ("conductance (µS)", "conductance", "µS"),
        ("conductance_uS", "conductance", "uS"),
        ("pulse_number", "pulse_number", None),
        (" time ", "time", None),
        ("rate [1/s]", "rate", "1/s"),
    ],
)
def test_headings_have_names_and_units(heading, name, unit):
    assert split_heading(heading) == (name, unit)


def test_a_prefix_is_chosen_within_limits():
    assert prefix_of(2e-5) == (-6, "µ")
    assert prefix_of(9.9999999999e-7) == (-6, "µ")
    assert prefix_of(1e-30) == (-15, "f")
    assert prefix_of(1e9) == (3, "k")


@pytest.mark.parametrize("text", ["5 S 0", "5 mS0", "7 nm0", "5S/0", "2 S 3", "5 km999999999"])
def test_numbers_and_absurd_powers_in_a_unit_are_no_unit(text):
    with pytest.raises(UserError, match="unknown unit"):
        read_quantity(text, "S", "g_max")


@pytest.mark.parametrize("text", ["1e999999kS", "1e400 S", "9" * 400 + "uS"])
def test_numbers_beyond_floats_are_refused(text):
    with pytest.raises(UserError, match="must be a finite number"):
        read_parameter(text, "S", "g_max")


def test_degrees_below_zero_are_kelvin_in_constraints():
    (bound,) = parse("temperature >= -10 degC").values[1:]
    assert bound == Quantity(263.15, "-10 degC")
    (bound,) = parse("temperature >= -10 K").values[1:]
    assert isinstance(bound, Operation)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (1.2345e-10, 3e-12, "123.5 ± 3.0 pJ"),
        (287.04e-12, 0.31e-12, "287.04 ± 0.31 pJ"),
        (2.87e-10, 3e-16, "287 pJ"),  # an error below the fifth digit says nothing
        (9.96e-10, 2e-11, "996 ± 20 pJ"),
        (2e-10, 1.04e-9, "0.2 ± 1.0 nJ"),  # an error beyond the value
        (1.2e-9, 9.96e-10, "1.2 ± 1.0 nJ"),
        (2.87e-10, 0.0, "287 pJ"),
        (2.87e-10, math.nan, "287 pJ"),
        (math.nan, 1e-12, "–"),
    ],
)
def test_a_value_is_rounded_to_its_error(value, error, text):
    assert with_error(value, error, "J") == text


def test_shares_and_plain_numbers_are_rounded_to_their_error():
    assert with_error(0.58333, 0.1204, share=True) == "58 ± 12 %"
    assert with_error(0.972222, 0.003104, share=True) == "97.22 ± 0.31 %"
    assert with_error(0.972222, 0.0, share=True) == "97.22 %"
    assert with_error(0.972222, 0.00098, share=True) == "97.22 ± 0.10 %"
    assert with_error(0.972222, 0.00004, share=True) == "97.22 %"
    assert with_error(math.nan, 0.1, share=True) == "–"
    assert with_error(1234.5, 123.0) == "1230 ± 120"
    assert with_error(3.14159, 0.02) == "3.142 ± 0.020"
    assert with_error(8.4, 0.3, "TOPS/W") == "8.40 ± 0.30 TOPS/W"
    assert rounded(-0.5, 0.25) == "-0.50 ± 0.25"


def test_an_estimate_of_any_size_has_the_digits_of_its_error():
    assert estimate(287.0, 0.0003) == "287.00"  # an error below the fifth digit is left out
    assert estimate(287.0, 0.3) == "287.00 ± 0.30"
    assert estimate(1.234e-13, 2e-15) == "(1.234 ± 0.020)e-13"
    assert estimate(4.5e8, 1.2e8) == "(4.5 ± 1.2)e8"
    assert estimate(0.0, 2e-6) == "(0.0 ± 2.0)e-6"
    assert estimate(3.0, 0.0) == "3"
