import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsweep.core.checks import UserError
from matsweep.core.specification import (
    Comparison,
    Constant,
    Logic,
    Name,
    Operation,
    Quantity,
    RefusedError,
    Text,
    UnreadableError,
    operator_of,
    parse,
    sides,
    split_chance,
)
from matsweep.planning.constraints import parse_constraint

VALUES = {"x": 2.0, "y": 3.0, "z": -1.5}
numbers = st.sampled_from([*VALUES, "2", "0.5", "1e1", "3.", ".25", "1_0"])
arithmetic = st.recursive(
    numbers,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "**"]), inner).map(" ".join),
        inner.map("-{}".format),
        inner.map("({})".format),
        st.tuples(inner, inner).map(lambda two: f"max({two[0]}, {two[1]})"),
    ),
    max_leaves=6,
)
comparisons = st.tuples(
    arithmetic, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), arithmetic
).map(" ".join)
logic = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join),
        inner.map("not {}".format),
        inner.map("({})".format),
        st.tuples(comparisons, st.sampled_from(["<", "=="]), numbers).map(" ".join),
    ),
    max_leaves=5,
)


@given(logic)
def test_operators_bind_as_those_of_python(text):
    try:
        wanted = eval(text, {"max": max, "__builtins__": {}}, VALUES)
        given_up = isinstance(wanted, complex)
    except (ArithmeticError, TypeError):
        given_up = True
    try:
        found = parse_constraint(f"({text}) and x == 2").holds(VALUES.__getitem__)
    except UserError:  # a complex number on the way, or a division by zero
        return
    assert given_up or found == bool(wanted)


def test_an_expression_is_a_tree():
    assert parse("a.b ≥ 95 %") == Comparison((Name("a.b"), Quantity(0.95, "95 %")), (">=",))
    assert parse("x < 5 or not y == 'a' 'b'") == Logic(
        "or",
        (
            Comparison((Name("x"), Quantity(5.0, "5")), ("<",)),
            Logic("not", (Comparison((Name("y"), Text("ab")), ("==",)),)),
        ),
    )
    assert parse("null") == Constant(None)
    assert parse("-x ** 2") == Operation("-", (Operation("**", (Name("x"), Quantity(2, "2"))),))
    assert parse("a and b and c") == Logic("and", (Name("a"), Name("b"), Name("c")))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("50uS", 5e-5), ("50 µS", 5e-5), ("1_000 nS", 1e-6), ("85degC", 358.15), ("3 min", 180.0),
        ("5V/A", 5.0), ("0.3 eV", 0.3), ("1e-3", 1e-3), ("0x10", 16.0), ("12 %", 0.12),
        ("2 mm2", 2e-6), ("4 °C", 277.15),
    ],
)  # fmt: skip
def test_numbers_have_units(text, value):
    found = parse(text)
    assert isinstance(found, Quantity)
    assert found == Quantity(value, text)


def test_a_word_behind_a_number_is_no_unit_and_a_slash_may_divide():
    assert parse("x < 3 and y > 2") == parse("(x < 3) and (y > 2)")
    assert parse("10 uS / x") == Operation("/", (Quantity(1e-5, "10 uS"), Name("x")))
    assert parse("10/a.b") == Operation("/", (Quantity(10.0, "10"), Name("a.b")))
    assert parse("10uS/device.g") == Operation("/", (Quantity(1e-5, "10uS"), Name("device.g")))


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("25 uX", UserError, "unknown unit 'uX'"),
        ("x % 2", RefusedError, "% is not allowed there"),
        ("x <> 2", RefusedError, "did you mean !="),
        ("x => 2", RefusedError, "did you mean >="),
        ("(x", UnreadableError, "not closed"),
        ("x)", RefusedError, r"\) is not allowed there"),
        ("max(x y)", RefusedError, "y is not allowed there"),
        ("max(x,", UnreadableError, "too early"),
        ("x ~ 3", RefusedError, "unknown operator '~'"),
        ("1e999", RefusedError, "too large"),
        ("0x", UserError, "unknown unit 'x'"),
        ("'open", UnreadableError, "has no meaning"),
        ("x + not y", RefusedError, "not is not allowed there"),
        ("+".join("x" * 150), RefusedError, "too deeply nested"),
    ],
)
def test_what_is_not_in_the_language_is_named(text, error, message):
    with pytest.raises(error, match=message) as caught:
        parse(text)
    assert "\n" not in str(caught.value)


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_no_text_breaks_the_parser(text):
    for read in (parse, sides, split_chance):
        with contextlib.suppress(UserError):
            read(text)


def test_a_text_is_taken_apart_at_its_comparisons():
    assert sides("material == hfox-vcm 2") == (["material", "hfox-vcm 2"], ["=="])
    assert sides("energy≤10 nJ") == (["energy", "10 nJ"], ["≤"])
    assert sides("error == 'a < b'") == (["error", "'a < b'"], ["=="])
    assert sides("a < b <= c") == (["a", "b", "c"], ["<", "<="])
    assert sides("it's so") == (["it's so"], [])
    assert [operator_of(sign, "x") for sign in ("≤", "≥", "≠", "==")] == ["<=", ">=", "!=", "=="]


def test_a_chance_is_taken_apart():
    inner, sign, share = split_chance("P( energy<=1nJ , accuracy>0.9 and (a) > 1)≥.5 ")
    assert (inner, sign, share) == (["energy<=1nJ", "accuracy>0.9", "(a) > 1"], ">=", ".5")
    assert split_chance("Pulses >= 3") is split_chance("P >= 3") is None
    for text in ("P(a > 1)", "P(a > 1) <= 2", "P(a > 1", "P(a > 1) > 1 > 2", "P(a>1) >="):
        with pytest.raises(UnreadableError, match="a chance constraint reads"):
            split_chance(text)


def test_numbers_that_do_not_fit_a_float_are_refused():
    with pytest.raises(RefusedError, match="too large"):
        parse("1" + "0" * 400)
    assert math.isfinite(parse("1" + "0" * 300).value)
