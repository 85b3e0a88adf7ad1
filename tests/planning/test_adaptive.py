"""Adaptive designs: they find the front, and ask the same again for the same answers."""

from __future__ import annotations

import numpy as np
import pytest

from matsweep.core.checks import UserError
from matsweep.planning.axes import Interval, Values
from matsweep.planning.designs.adaptive import Adaptive, Judgement, Search

SQUARE = [Interval(name="a", low=0.0, high=1.0), Interval(name="b", low=0.0, high=1.0)]


def zdt1(point):
    """Return the two costs of E. Zitzler et al., Evol. Comput. 8:173, 2000, for two variables."""
    a, b = point
    g = 1 + 9 * b
    return float(a), float(g * (1 - np.sqrt(a / g)))


def hypervolume(costs, corner):
    """Return the area between two-dimensional costs and a corner."""
    area, best = 0.0, corner[1]
    for first, second in sorted(cost for cost in costs if cost[0] < corner[0]):
        if second < best:
            area += (corner[0] - first) * (best - second)
            best = second
    return area


def searched(design, axes, function, better=("lower", "lower")):
    search = Search(design, axes, better)
    found = []
    for count in design.batches():
        points = search.ask(count)
        costs = [function(point) for point in points]
        search.tell([Judgement(values=cost) for cost in costs])
        found += zip(points, costs, strict=True)
    return found


def test_the_front_of_zdt1_is_found_with_a_quarter_of_a_grid():
    """The area above the true front, f2 = 1 - sqrt(f1), is 2/3 up to f2 = 1."""
    corner = (1.1, 1.1)
    truth = 0.1 * 1.1 + (0.1 * 1.0 + 2 / 3)  # right of f1 = 1, and above the curve up to f2 = 1.1
    grid = 41 * 41
    share = {}
    for sampler in ("tpe", "random"):
        design = Adaptive(sampler=sampler, trials=grid // 4, batch=20, seed=0)
        costs = [cost for _, cost in searched(design, SQUARE, zdt1)]
        share[sampler] = hypervolume(costs, corner) / truth
    assert share["tpe"] > 0.95
    assert share["random"] < 0.9  # it is no easy front


@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_the_same_answers_lead_to_the_same_questions(sampler):
    design = Adaptive(sampler=sampler, trials=60, batch=15, seed=3)
    first = searched(design, SQUARE, zdt1)
    assert searched(design, SQUARE, zdt1) == first
    longer = searched(Adaptive(sampler=sampler, trials=75, batch=15, seed=3), SQUARE, zdt1)
    assert longer[:60] == first
    other = searched(Adaptive(sampler=sampler, trials=60, batch=15, seed=4), SQUARE, zdt1)
    assert other != first


def test_values_come_from_their_axes():
    axes = [
        Values(name="material", values=("pcm_gst", "stt_mram")),
        Values(name="bits", values=(8, 4, 6)),
        Values(name="switch", values=(True, False, None)),
        Interval(name="cells", low=1, high=9, whole=True),
        Interval(name="rate", low=1e-6, high=1.0, logarithmic=True),
    ]
    design = Adaptive(trials=80, batch=40)
    points = [p for p, _ in searched(design, axes, lambda point: (float(point[3]), point[4]))]
    for axis, values in zip(axes[:3], list(zip(*points, strict=True))[:3], strict=True):
        assert set(values) == set(axis.values)
    assert {type(point[3]) for point in points} == {int}
    assert {point[3] for point in points} <= set(range(1, 10))
    rates = np.array([point[4] for point in points])
    assert rates.min() >= 1e-6
    assert np.mean(rates < 1e-3) > 0.2  # its logarithm is searched


def test_what_fails_is_told_and_survived():
    design = Adaptive(trials=40, batch=10)
    search = Search(design, SQUARE, ["lower", "lower"])
    for count in design.batches():
        points = search.ask(count)
        answers = [
            None if a < 0.5 else Judgement(values=(float("nan") if b > 0.9 else b, a))
            for a, b in points
        ]
        search.tell(answers)


def test_constraints_are_met_first():
    design = Adaptive(trials=120, batch=20, constraints=("a >= 0.8",), seed=1)
    search = Search(design, SQUARE, ["lower", "lower"])
    late = []
    for number, count in enumerate(design.batches()):
        points = search.ask(count)
        search.tell(
            [Judgement(values=zdt1(point), violations=(0.8 - point[0],)) for point in points]
        )
        late += points if number >= 3 else []
    assert np.mean([a >= 0.8 for a, _ in late]) > 0.5  # of a fifth of the square


def test_points_that_are_not_allowed_are_not_asked_for():
    search = Search(Adaptive(), SQUARE, ["lower", "lower"])
    assert all(a < b for a, b in search.ask(30, lambda point: point[0] < point[1]))
    search = Search(Adaptive(), SQUARE, ["lower", "lower"])
    with pytest.raises(UserError, match="constraints between parameters"):
        search.ask(1, lambda point: False)


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"sampler": "annealing"}, "design.sampler must be one of gp, nsga2, random, tpe"),
        ({"trials": 0}, "trials must be >= 1"),
        ({"batch": 0}, "batch must be >= 1"),
        ({"objectives": ()}, "objectives must name at least one metric"),
    ],
)
def test_what_cannot_be_is_refused(parameters, told):
    with pytest.raises(UserError, match=told):
        Adaptive(**parameters)


def test_gaussian_processes_say_what_they_need(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="needs PyTorch"):
        Search(Adaptive(sampler="gp"), SQUARE, ["lower", "lower"])
