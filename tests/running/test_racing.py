"""Races: nothing on the front is left out, and what is beaten beyond doubt is."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

import matsweep
from matsweep.analysis.pareto import pareto_mask
from matsweep.core.checks import UserError
from matsweep.metrics import METRICS
from matsweep.running.judgement import directions
from matsweep.running.racing import Elimination, NoRacing, finest_step, interval

BOTH = ["higher", "lower"]


def left(samples, better, racing, candidates, rounds):
    """Return who is left of (candidate, realisation, objective) samples at the end of a race.

    The level is divided by `candidates` and `rounds`, whatever the race really has.
    """
    alive = np.arange(len(samples))
    for number in racing.rounds(samples.shape[1])[:-1]:
        table = list(np.moveaxis(samples[alive, :number], 2, 0))
        alive = alive[racing.survivors(table, better, candidates, rounds)]
    return alive


def most(races, share):
    """Return the number of races that may break the front, each with a probability up to `share`.

    More are seen by luck less often than once in 1e6.
    """
    number = int(scipy.stats.binom.isf(1e-6, races, share))
    assert scipy.stats.binom.sf(number, races, share) < 1e-6
    return number


def test_no_more_fronts_are_broken_than_stated_and_without_division_there_are():
    """400 races of 60 candidates whose means are within 0.02 and whose noise is 0.05.

    At 60 % confidence up to 40 % may be broken, so 207 by luck; at a level that is not divided
    73 % are: 292 with a deviation of 9, so 207 or fewer less often than once in 1e6.
    """
    rng = np.random.default_rng(3)
    racing = Elimination(first=8, confidence=0.6)
    number = len(racing.rounds(64))
    undivided = Elimination(first=8, confidence=0.2)  # as the level is halved for two objectives
    broken = np.zeros(2, dtype=int)
    for _ in range(400):
        means = 0.02 * rng.random((60, 2))
        front = set(np.flatnonzero(pareto_mask(means, BOTH)))
        samples = means[:, None] + 0.05 * rng.standard_normal((60, 64, 2))
        broken[0] += not front <= set(left(samples, BOTH, racing, 60, number))
        broken[1] += not front <= set(left(samples, BOTH, undivided, 1, 1))
    assert broken[0] <= most(400, 0.4) < broken[1]


def test_most_of_the_beaten_go():
    """Means within 1 and noise of 0.05: of 30 candidates about 26 are beaten, most for certain.

    A race leaves 4 of them on average with a deviation of 2, so that the mean of 100 races is
    above 10 less often than once in 1e6.
    """
    rng = np.random.default_rng(3)
    racing = Elimination(first=8, confidence=0.8)
    extra = 0
    for _ in range(100):
        means = rng.random((30, 2))
        samples = means[:, None] + 0.05 * rng.standard_normal((30, 64, 2))
        alive = left(samples, BOTH, racing, 30, len(racing.rounds(64)))
        extra += len(alive) - pareto_mask(means, BOTH).sum()
    assert extra / 100 < 10


def test_candidates_and_rounds_divide_the_level():
    """Equals do not beat each other: 20 noisy ones and one known well, judged seven times.

    Here the bound is not much too wide, since each interval that misses the mean leaves its
    candidate, or the one known well, beaten. Of 300 races at 80 % confidence 13 % are broken; 67 %
    without the division by rounds: 201 with a deviation of 8, so 95 or fewer (the bound) less
    often than once in 1e6; and 93 % without that by candidates.
    """
    rng = np.random.default_rng(5)
    racing = Elimination(first=4, factor=2.0, confidence=0.8)
    rounds = len(racing.rounds(512))
    spread = np.r_[np.ones(20), 1e-6]
    divided = {"both": (21, rounds), "not candidates": (1, rounds), "not rounds": (21, 1)}
    broken = dict.fromkeys(divided, 0)
    for _ in range(300):
        samples = spread[:, None, None] * rng.standard_normal((21, 512, 1))
        for name, by in divided.items():
            broken[name] += len(left(samples, ["lower"], racing, *by)) < 21
    bound = most(300, 0.2)
    assert broken["both"] <= bound < broken["not rounds"]
    assert bound < broken["not candidates"]


def test_objectives_divide_the_level():
    """40 noisy candidates, and for each of 8 objectives one that is beyond them in the others.

    A noisy one is a hair better in that objective, so on the front, and beaten wrongly as soon
    as one of its 8 intervals lies above its mean. Of 300 races of one round at 80 % confidence 10 %
    are broken, and 49 % without the division by objectives: 147 with a deviation of 9, so 95 or
    fewer (the bound) less often than once in 1e6.
    """
    rng = np.random.default_rng(6)
    racing = Elimination(confidence=0.8)
    means = np.vstack([np.full((40, 8), -1e-4), np.where(np.eye(8) == 1, 0.0, -100.0)])
    spread = np.r_[np.ones(40), np.full(8, 1e-6)]
    better = ["lower"] * 8
    assert pareto_mask(means, better).all()
    broken = np.zeros(2, dtype=int)
    for _ in range(300):
        noise = spread[:, None, None] * rng.standard_normal((48, 8, 8))
        table = list(np.moveaxis(means[:, None] + noise, 2, 0))
        broken[0] += not racing.survivors(table, better, 48, 1).all()
        broken[1] += not racing.survivors(table, better, 48 // 8, 1).all()  # for the 8 objectives
    assert broken[0] <= most(300, 0.2) < broken[1]


@pytest.mark.parametrize("candidates", [2, 50, 10_000])
@pytest.mark.parametrize("objectives", [1, 2, 3])
@pytest.mark.parametrize("rounds", [2, 5])
def test_two_part_where_their_intervals_do(candidates, objectives, rounds):
    """They are as wide as Student's at the level over candidates, objectives and rounds."""
    racing = Elimination(confidence=0.9)
    noise = np.random.default_rng(0).standard_normal(12)
    level = 0.1 / candidates / objectives / rounds
    half = scipy.stats.t.isf(level / 2, 11) * noise.std(ddof=1) / np.sqrt(12)
    for gap, kept in ((2 * half * (1 - 1e-6), True), (2 * half * (1 + 1e-6), False)):
        table = [np.stack([noise, noise + gap])] * objectives
        found = racing.survivors(table, ["lower"] * objectives, candidates, rounds)
        assert found.tolist() == [True, kept]


def test_the_interval_is_students():
    values = np.random.default_rng(0).normal(3.0, 0.2, (5, 9))
    low, high = interval(values, 0.01)
    for row, a, b in zip(values, low, high, strict=True):
        expected = scipy.stats.ttest_1samp(row, 0.0).confidence_interval(0.99)
        np.testing.assert_allclose((a, b), expected, rtol=1e-12)


def test_agreement_by_chance_is_not_certainty():
    values = np.array([[0.9, 0.9, 0.9], [0.8, 0.9, 1.0]])
    assert finest_step(values) == pytest.approx(0.1)
    low, high = interval(values, 0.05)
    assert (high - low)[0] > 0.2


def test_what_is_exact_needs_no_realisations():
    racing = Elimination()
    area = np.array([1.0, 2.0, 1.0])
    table = [np.full((3, 8), 0.9), area]
    assert racing.survivors(table, ["higher", "lower"], 3, 2).tolist() == [True, False, True]


def test_equals_stay_and_so_does_what_is_not_known():
    table = [np.array([[0.5] * 8, [0.5] * 8, [np.nan] * 8])]
    assert Elimination().survivors(table, ["higher"], 3, 2).all()


def test_the_direction_counts():
    rng = np.random.default_rng(1)
    table = [np.array([[0.2], [0.8]]) + 1e-3 * rng.standard_normal((2, 8))]
    assert Elimination().survivors(table, ["higher"], 2, 2).tolist() == [False, True]
    assert Elimination().survivors(table, ["lower"], 2, 2).tolist() == [True, False]


def test_a_source_of_costs_beats_no_other():
    """Another source is another estimate of the same circuits, not another choice."""
    energy = np.array([1.0, 2.0, 10.0, 20.0])
    table = [np.full((4, 8), 0.9), energy]
    given = table, ["higher", "lower"], 4, 2
    assert Elimination().survivors(*given).tolist() == [True, False, False, False]
    alike = np.array(["isaac", "isaac", "survey", "survey"])
    assert Elimination().survivors(*given, alike).tolist() == [True, False, True, False]


def test_a_race_over_sources_of_costs_keeps_the_front_of_each(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = matsweep.explore([
        "material=pcm_gst", "periphery.adc_source=isaac,survey", "adc.bits=4,6,8",
        "workload.hidden=[8]", "workload.epochs=5", "realisations=9", "times=[1]", "log=null",
        "racing=elimination", "racing.first=8", "racing.objectives=[energy]", "executor=serial",
        "study=raced",
    ])  # fmt: skip
    ds = matsweep.open_results(store)
    full = ds["realisations"].values == 9
    for source in ("isaac", "survey"):
        mine = ds["periphery.adc_source"].values == source
        lowest = np.flatnonzero(mine)[np.argmin(ds.energy.mean("realisation").values[mine, 0])]
        assert full[lowest]
    assert not full.all()


def test_a_search_among_sources_of_costs_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"periphery\.adc_source must not be searched"):
        matsweep.explore(["periphery.adc_source=isaac,survey", "design=adaptive",
                          "executor=serial"])  # fmt: skip
    assert not list(tmp_path.rglob("*.zarr"))


def test_rounds_grow_to_all_realisations():
    assert Elimination(first=4, factor=3).rounds(50) == [4, 12, 36, 50]
    assert Elimination(first=4, factor=1.01).rounds(6) == [4, 5, 6]
    assert NoRacing().rounds(7) == [7]
    with pytest.raises(UserError, match=r"racing\.first must be < realisations, got 8 of 8"):
        Elimination(first=8).rounds(8)


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"first": 1}, "first must be >= 2"),
        ({"factor": 1.0}, "factor must be > 1"),
        ({"factor": float("nan")}, "factor must be a finite number"),
        ({"confidence": 1.0}, "confidence must be between 0 and 1"),
        ({"objectives": ()}, "at least one metric"),
    ],
)
def test_what_cannot_be_is_refused(parameters, told):
    with pytest.raises(UserError, match=told):
        Elimination(**parameters)


@pytest.mark.parametrize("name", sorted(n for n, metric in METRICS.items() if metric.better))
def test_only_what_has_an_interval_or_is_exact_is_raced_for(name):
    """The others are statistics of realisations, or have several values."""
    metric = METRICS[name]
    if metric.of:
        told = rf"^racing\.objectives: {name} is a statistic of {metric.of} .* take {metric.of}, or"
    elif "epoch" in metric.dims:
        told = rf"^racing\.objectives: {name} has a value for each epoch; take"
    elif set(metric.dims) <= {"realisation", "time"}:
        assert directions(["area", name], METRICS, "racing") == ["lower", metric.better]
        return
    else:
        told = rf"^racing\.objectives: {name} has parts"
    with pytest.raises(UserError, match=told):
        directions(["area", name], METRICS, "racing")


def test_draws_of_unknown_parameters_are_no_objective():
    for owner in ("racing", "design"):
        with pytest.raises(UserError, match=f"{owner}.objectives: unknown is no metric"):
            directions(["area", "unknown"], METRICS, owner)


@pytest.mark.parametrize("name", ["accuracy_std", "accuracy_p05"])
def test_a_search_may_aim_at_a_statistic(name):
    """All its candidates have all realisations."""
    assert directions([name], METRICS, "design") == [METRICS[name].better]


def test_a_race_for_a_statistic_is_refused_before_it_begins(tmp_path):
    store = tmp_path / "s.zarr"
    race = ["racing=elimination", "racing.objectives=[energy,accuracy_std]", "realisations=16"]
    with pytest.raises(UserError, match=r"racing\.objectives: accuracy_std is a statistic"):
        matsweep.explore(["material=pcm_gst", "executor=serial", *race, f"store={store}"])
    assert not store.exists()
