"""Metrics of a network's agreement with floating point."""

from __future__ import annotations

import pytest

from matsweep.metrics import METRICS


@pytest.mark.parametrize("name", ["output_error", "layer_vmm_error", "nrmse"])
def test_the_lower_error_of_a_network_is_the_better_one(name):
    assert METRICS[name].better == "lower"


@pytest.mark.parametrize("name", ["agreement", "top_accuracy", "r2", "token_accuracy"])
def test_the_higher_score_of_a_network_is_the_better_one(name):
    assert METRICS[name].better == "higher"
