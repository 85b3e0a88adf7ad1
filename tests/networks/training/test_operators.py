"""Each operator in JAX, compared to ONNX Runtime."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from matsweep.networks.training.interpreter import interpreted
from matsweep.networks.training.libraries import jax
from matsweep.networks.training.operators.registry import OPERATORS
from tests.conftest import EXHAUSTIVE
from tests.networks.references import reference
from tests.networks.training.cases import CASES, KINDS, Case, segment_of


def outputs(each: Case) -> tuple[list[Any], list[Any]]:
    """Outputs of JAX and of ONNX Runtime."""
    step, given = segment_of(each)
    want = reference(step.model, given)
    values = [jax().numpy.asarray(given[name]) for name in step.inputs]
    return interpreted(step, values, {}), list(want.values())


RUN = CASES if EXHAUSTIVE else KINDS


@pytest.mark.parametrize("each", RUN, ids=[each.words for each in RUN])
def test_an_operator_equals_onnx_runtime(each: Case) -> None:
    for got, want in zip(*outputs(each), strict=True):
        assert np.shape(got) == want.shape
        if each.kind != "QuantizeLinear":  # whole numbers of floating point
            assert np.asarray(got).dtype.kind == want.dtype.kind
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-6)


def test_every_operator_has_a_case() -> None:
    assert OPERATORS.keys() == {each.kind for each in CASES}


def test_the_page_names_every_operator() -> None:
    page = (Path(__file__).parents[3] / "docs" / "networks.md").read_text()
    section = page.partition("## Networks that can be trained")[2].partition("\n## ")[0]
    assert set(re.findall(r"\b[A-Z]\w+", section)) >= OPERATORS.keys()
