"""Results that a race and a search receive for candidates, against the stored numbers."""

from __future__ import annotations

import numpy as np
import pytest

from matsweep.analysis.selection import parse, selected, violation
from matsweep.analysis.summary import summarise
from matsweep.planning.designs.adaptive import Adaptive
from matsweep.running import judgement
from tests.synthetic import TIMES, study, with_status

ROWS = np.array([50, 3, 17])


@pytest.fixture
def stored(monkeypatch):
    """A study in which candidate 3 failed, taken for what any path holds."""
    ds = with_status(study(), failed=[3])
    monkeypatch.setattr(judgement, "open_results", lambda path: ds)
    return ds


@pytest.mark.parametrize("time", [None, TIMES[0]])
def test_a_race_sees_the_first_realisations_of_its_candidates_at_its_time(stored, time):
    accuracy, area = judgement.samples("", ROWS, ["accuracy", "area"], time, 5)
    at = -1 if time is None else 0
    np.testing.assert_array_equal(accuracy, stored["accuracy"].values[ROWS, :5, at])
    np.testing.assert_array_equal(area, stored["area"].values[ROWS])
    assert np.isnan(accuracy[1]).all()


@pytest.mark.parametrize("time", [None, TIMES[1]])
def test_a_search_is_told_means_and_by_how_much_bounds_are_missed(stored, time):
    design = Adaptive(
        objectives=("energy", "accuracy"), time=time,
        constraints=("accuracy >= 90 %", "energy <= 10 nJ", "latency > 0"),
    )  # fmt: skip
    told = judgement.judged("", ROWS, design)
    assert told[1] is None
    for row, found in ((50, told[0]), (17, told[2])):
        at = -1 if time is None else 1
        accuracy, energy = (
            stored[name].values[row, :, at].mean() for name in ("accuracy", "energy")
        )
        assert found.values == pytest.approx((energy, accuracy))
        latency = float(stored["latency"][row])
        missed = ((0.9 - accuracy) / 0.9, (energy - 1e-8) / 1e-8, -latency)
        assert found.violations == pytest.approx(missed)


@pytest.mark.parametrize("operator", ["<=", ">="])
@pytest.mark.parametrize("bound", ["accuracy {} 0.92", "energy {} 8 nJ", "tile.adc.bits {} 6"])
def test_a_bound_is_missed_by_more_than_nothing_where_it_is_not_met(operator, bound):
    summary = summarise(study())
    constraint = parse(bound.format(operator))
    missed, met = violation(summary, constraint), selected(summary, [constraint])
    assert 0 < met.sum() < met.size
    np.testing.assert_array_equal(missed <= 0, met)
