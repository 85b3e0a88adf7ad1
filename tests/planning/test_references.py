"""Nesting and references of configurations, bounded before anything is parsed or resolved."""

from __future__ import annotations

from itertools import pairwise

import pytest

from matsweep.core.checks import UserError
from matsweep.core.yaml_bounds import check_nesting
from matsweep.planning.config import compose, composer

GLOBAL = "# @package _global_\n"
LETTERS = "abcdefghijk"


def composed(folder, *overrides):
    with composer(folder):
        return compose(overrides)


@pytest.mark.parametrize("text", ["a: " + "{b: " * 70, "- " * 70, "[" * 70, "? " * 70])
def test_nesting_is_bounded_before_a_parser_descends(own, text):
    with pytest.raises(UserError, match="must not be nested more than 64 times"):
        check_nesting("x", text)
    with pytest.raises(UserError, match=r"e\.yaml must not be nested more than 64 times"):
        composed(own("experiment/e.yaml", text), "experiment=e")


def bomb(first: str, reference: str) -> str:
    """Entries of which each stands for the one before ten times over."""
    chained = "".join(
        f"{n}: {reference.format(m) * 10}\nn_{m}: {m}\n" for m, n in pairwise(LETTERS)
    )
    return f"{GLOBAL}a: {first}\n{chained}"


@pytest.mark.parametrize("reference", ["${{{}}}", "${{oc.select:{}}}", "${{${{n_{}}}}}"])
@pytest.mark.parametrize("last", ["study: ${k}\n", ""])
def test_references_that_stand_for_far_more_are_refused(own, reference, last):
    folder = own("experiment/e.yaml", bomb("xxxxxxxxxx", reference) + last)
    with pytest.raises(UserError, match=r"more than 200,000 characters and entries in all"):
        composed(folder, "experiment=e")


def test_references_to_lists_of_references_are_refused_before_files_are_merged(own):
    lists = "".join(f"  {n}: [{','.join([f'${{..{m}}}'] * 10)}]\n" for m, n in pairwise(LETTERS))
    lists = lists.replace("${", '"${').replace("}", '}"')
    text = f"defaults: [_self_, late]\nt:\n  a: [1]\n{lists}x: ${{t.k}}\n"
    own("experiment/e.yaml", f"{GLOBAL}{text}")
    folder = own("experiment/late.yaml", f"{GLOBAL}x: {{y: 1}}\n")
    with pytest.raises(UserError, match=r"more than 200,000 characters and entries in all"):
        composed(folder, "experiment=e")


def test_plain_references_are_resolved(own):
    text = f"{GLOBAL}x: {{y: abc, z: '${{.y}}'}}\nw: ${{x}}\nn: y\nstudy: ${{w.z}}${{x.${{n}}}}\n"
    assert composed(own("experiment/e.yaml", text), "experiment=e").study == "abcabc"
