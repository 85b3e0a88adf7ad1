"""Failures grouped by cause."""

from __future__ import annotations

import pytest

from matsweep.core.causes import by_cause


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("ValueError: got -0.2", "ValueError: got -0.31e-5", True),
        ("KeyError: 1", "ValueError: 1", False),
        ("at 0x7f12ab", "at 0xffee", True),
        (f"candidate {'0a' * 16}", f"candidate {'b1' * 16}", True),
        ("dtype float64", "dtype float32", False),
        ("size (3, 4)", "size (3, 5)", True),
    ],
)  # fmt: skip
def test_messages_that_differ_in_numbers_only_are_one_cause(first, second, same):
    found = by_cause([(3, first), (7, second), (9, first)])
    assert len(found) == (1 if same else 2)
    assert (found[0].first, found[0].message) == (3, first)
    assert sum(failure.count for failure in found) == 3


def test_the_most_frequent_comes_first():
    found = by_cause([(0, "a"), (1, "b 1"), (2, "b 2")])
    assert [(failure.message, failure.count) for failure in found] == [("b 1", 2), ("a", 1)]
