"""Searches, races and extensions of whole studies: same bits as if done at once, nothing twice."""

from __future__ import annotations

import io
import json
import shutil
from functools import cache

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

import matsweep
import matsweep.running.job
import matsweep.running.work
import matsweep.store
from matsweep.core.checks import StoppedError, UserError
from matsweep.metrics import METRICS

BASE = ["times=[1,1e5]", "workload.hidden=[12]", "workload.epochs=20", "executor=serial"]
TWO = [*BASE, "material=pcm_gst,stt_mram", "realisations=3"]


def run(store, *overrides):
    return matsweep.open_results(matsweep.explore([*overrides, f"store={store}"])).load()


def numbers(ds: xr.Dataset) -> xr.Dataset:
    """Return the numbers of each candidate by its identity: whatever the order."""
    found = ds.drop_vars(["seconds", "candidate"]).drop_attrs()
    return found.sortby("candidate_id")


@pytest.fixture
def counted(monkeypatch):
    """Return a list of how many realisations of each candidate are simulated."""
    plain, calls = matsweep.running.job.evaluate, []

    def evaluate(shared, chunk):
        calls.extend(shared.realisations - each.first for each in chunk)
        return plain(shared, chunk)

    monkeypatch.setattr(matsweep.running.job, "evaluate", evaluate)
    return calls


def test_values_and_realisations_are_added_without_computing_again(tmp_path, counted):
    more = ["adc.bits=5,6,7", "realisations=5"]
    whole = run(tmp_path / "whole.zarr", *TWO, *more)
    counted.clear()
    run(tmp_path / "s.zarr", *TWO, "adc.bits=6,7")
    with pytest.raises(UserError, match=r"add 2 candidates and 2 realisations to it with extend=t"):
        run(tmp_path / "s.zarr", *TWO, *more)
    assert counted == [3] * 4
    grown = run(tmp_path / "s.zarr", *TWO, *more, "extend=true")
    assert sorted(counted[4:]) == [2] * 4 + [5] * 2
    xr.testing.assert_identical(numbers(grown), numbers(whole))
    assert grown.matsweep.grid().sizes["adc.bits"] == 3
    counted.clear()
    run(tmp_path / "s.zarr", *TWO, *more)
    assert not counted


def test_a_metric_that_is_added_is_of_all_realisations_that_are_there(tmp_path, counted):
    """Asked for with fewer realisations, it takes none of the others away."""
    four = [*TWO[:-1], "realisations=4"]
    whole = run(tmp_path / "whole.zarr", *four, "metrics=[accuracy,area,vmm_error]")
    first = run(tmp_path / "s.zarr", *four, "metrics=[accuracy]")
    fewer = [*TWO[:-1], "realisations=2", "metrics=[accuracy,area,vmm_error]", "extend=true"]
    grown = run(tmp_path / "s.zarr", *fewer)
    np.testing.assert_array_equal(grown["accuracy"], first["accuracy"])
    xr.testing.assert_identical(numbers(grown), numbers(whole))


EXTENDED = [*TWO[:-1], "realisations=4", "adc.bits=6,7,8",
            "metrics=[accuracy,vmm_error,energy_breakdown]"]  # fmt: skip


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """Return the results of a study of all of it, and the folder of the beginning of one."""
    folder = tmp_path_factory.mktemp("extended")
    run(folder / "begun.zarr", *TWO, "adc.bits=6,7", "metrics=[accuracy]")
    return run(folder / "whole.zarr", *EXTENDED), folder / "begun.zarr"


@pytest.mark.parametrize("step", ["lengthen", "reopen", "add", "append"])
def test_stopped_while_it_is_extended_it_goes_on_as_if_it_had_not_been(
    tmp_path, monkeypatch, extended, step
):
    whole, begun = extended
    shutil.copytree(begun, tmp_path / "s.zarr")
    with monkeypatch.context() as patch:
        plain = getattr(matsweep.store.Store, step)

        def stopped(*given, **more):
            plain(*given, **more)
            raise KeyboardInterrupt

        patch.setattr(matsweep.store.Store, step, stopped)
        with pytest.raises(StoppedError):
            run(tmp_path / "s.zarr", *EXTENDED, "extend=true")
    grown = run(tmp_path / "s.zarr", *EXTENDED, "extend=true")
    xr.testing.assert_identical(numbers(grown), numbers(whole))
    assert grown.matsweep.grid().sizes["adc.bits"] == 3


def test_what_fails_with_more_realisations_keeps_those_it_has_and_is_told(tmp_path, monkeypatch):
    run(tmp_path / "s.zarr", *TWO)
    plain = matsweep.running.work.simulate

    def failing(scenario, *given, **more):
        if scenario.material == "stt_mram":
            raise MemoryError("no more")
        return plain(scenario, *given, **more)

    monkeypatch.setattr(matsweep.running.work, "simulate", failing)
    shown = Console(file=io.StringIO(), record=True, width=200)
    more = [*TWO[:-1], "realisations=5", "extend=true", f"store={tmp_path / 's.zarr'}"]
    grown = matsweep.open_results(matsweep.explore(more, console=shown))
    assert grown["realisations"].values.tolist() == [5, 3]
    assert grown["status"].values.tolist() == [1, 1]
    told = " ".join(shown.export_text().split())
    assert "1 candidates failed while they were given more realisations" in told
    assert "MemoryError: no more" in told


def test_a_search_has_one_writer_to_its_end(tmp_path, monkeypatch):
    from matsweep.planning.designs.adaptive import Search

    overrides = [*BASE, "material=pcm_gst", "adc.bits=5,6,7,8", "realisations=1",
                 "design=adaptive", "design.trials=4", "design.batch=2"]  # fmt: skip
    plain, refused = Search.tell, []

    def tell(self, judgements):
        with pytest.raises(Exception, match="is being written"):
            run(tmp_path / "s.zarr", *overrides)
        refused.append(True)
        return plain(self, judgements)

    monkeypatch.setattr(Search, "tell", tell)
    ds = run(tmp_path / "s.zarr", *overrides)
    assert len(refused) == 2
    assert len(set(ds["candidate_id"].values.tolist())) == ds.sizes["candidate"]


def test_metrics_are_added(tmp_path, counted):
    few = run(tmp_path / "s.zarr", *TWO, "metrics=[accuracy_std,area]")
    assert {"accuracy", "accuracy_std", "area"} <= set(few)
    assert "energy" not in few
    assert "component" not in few.sizes
    with pytest.raises(UserError, match=r"the metrics .*energy.* with extend=true"):
        run(tmp_path / "s.zarr", *TWO, "metrics=[accuracy,energy]")
    counted.clear()
    more = run(tmp_path / "s.zarr", *TWO, "metrics=[accuracy,energy]", "extend=true")
    assert counted == [3, 3]
    whole = run(tmp_path / "whole.zarr", *TWO)
    for name in ("accuracy", "accuracy_std", "area", "energy", "realisations"):
        xr.testing.assert_identical(more[name].drop_attrs(), whole[name].drop_attrs())
    with pytest.raises(UserError, match="metrics: acuracy is not measured; did you mean accuracy"):
        run(tmp_path / "x.zarr", *TWO, "metrics=[acuracy]")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (["seed=1"], "they differ in seed"),
        (["times=[1]"], "they differ in times"),
        (["adc.bits=4,5"], "they differ in axes"),
    ],
)
def test_what_no_addition_brings_together_is_refused(change, told, tmp_path):
    before = run(tmp_path / "s.zarr", *TWO)
    with pytest.raises(UserError, match=told):
        run(tmp_path / "s.zarr", *TWO, *change, "extend=true")
    xr.testing.assert_identical(matsweep.open_results(tmp_path / "s.zarr").load(), before)


def test_a_race_gives_what_a_study_of_all_gives_to_those_that_are_left(tmp_path, counted):
    """ECRAM at 5 bits beats PCM at 7 and 8: these leave early."""
    axes = ["material=pcm_gst,ecram_li", "adc.bits=5,7,8", "realisations=32", "unknowns=neutral"]
    whole = run(tmp_path / "whole.zarr", *BASE, *axes)
    counted.clear()
    raced = run(tmp_path / "s.zarr", *BASE, *axes, "racing=elimination")
    assert sum(counted) < 0.9 * 6 * 32
    assert sum(counted) == int(raced.realisations.sum())
    full = raced.realisations.values == 32
    assert 0 < full.sum() < 6
    for number in np.unique(raced.realisations):
        rows = raced.realisations.values == number
        np.testing.assert_array_equal(
            raced.accuracy.values[rows, :number], whole.accuracy.values[rows, :number]
        )
        assert np.isnan(raced.accuracy.values[rows, number:]).all()
    np.testing.assert_array_equal(raced.accuracy_p05.values[full], whole.accuracy_p05.values[full])
    front = whole.matsweep.pareto(["accuracy", "energy"]).candidate.values
    assert full[front].all()
    mean = raced.matsweep.summary().accuracy
    np.testing.assert_allclose(mean, raced.accuracy.isel(time=-1).mean("realisation"), rtol=1e-12)
    counted.clear()
    run(tmp_path / "s.zarr", *BASE, *axes, "racing=elimination")
    assert not counted
    rest = run(tmp_path / "s.zarr", *BASE, *axes)
    assert sum(counted) == 6 * 32 - int(raced.realisations.sum())
    xr.testing.assert_identical(numbers(rest), numbers(whole))


SEARCH = [
    *BASE,
    "material=pcm_gst,stt_mram,hfox_vcm,ecram_li",
    "adc.bits=range(4,10)",
    "device.programming_error.scale=1,2,4,8",
    "realisations=2",
    "design=adaptive",
    "design.trials=24",
    "design.batch=8",
]


def test_a_search_finds_the_front_of_a_grid_with_a_quarter_of_it(tmp_path, counted):
    """95 % of the area that the front of all 96 candidates covers, with 24 trials."""
    grid = [each for each in SEARCH if not each.startswith("design")]
    whole = run(tmp_path / "grid.zarr", *grid).matsweep.summary()
    counted.clear()
    found = run(tmp_path / "s.zarr", *SEARCH).matsweep.summary()
    assert len(counted) == found.sizes["candidate"] <= 24
    share = area(found, whole) / area(whole, whole)
    assert share >= 0.95


def area(found: xr.Dataset, whole: xr.Dataset) -> float:
    """Return the hypervolume of (error, log energy), each relative to the range of a grid."""
    scaled = []
    for values, all_values in (
        (1 - found.accuracy, 1 - whole.accuracy),
        (np.log(found.energy), np.log(whole.energy)),
    ):
        low, high = float(all_values.min()), float(all_values.max())
        scaled.append((values.values - low) / (high - low))
    total, best = 0.0, 1.1
    for first, second in sorted(zip(*scaled, strict=True)):
        if second < best:
            total += (1.1 - first) * (best - second)
            best = second
    return total


def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path, counted, monkeypatch):
    whole = run(tmp_path / "whole.zarr", *SEARCH)
    counting = matsweep.running.job.evaluate

    def stopping(shared, chunk):
        if len(counted) >= 11:
            raise KeyboardInterrupt
        return counting(shared, chunk)

    counted.clear()
    monkeypatch.setattr(matsweep.running.job, "evaluate", stopping)
    with pytest.raises(StoppedError):
        run(tmp_path / "s.zarr", *SEARCH, "executor.chunk_size=1")
    monkeypatch.setattr(matsweep.running.job, "evaluate", counting)
    resumed = run(tmp_path / "s.zarr", *SEARCH)
    assert len(counted) == resumed.sizes["candidate"]
    xr.testing.assert_identical(
        resumed.drop_vars("seconds").drop_attrs(), whole.drop_vars("seconds").drop_attrs()
    )
    longer = run(tmp_path / "s.zarr", *SEARCH, "design.trials=32")
    xr.testing.assert_identical(
        longer.isel(candidate=slice(0, whole.sizes["candidate"])).accuracy.drop_attrs(),
        resumed.accuracy.drop_attrs(),
    )
    with pytest.raises(UserError, match=r"holds another study \(different: design.batch"):
        run(tmp_path / "s.zarr", *SEARCH, "design.batch=4")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("design.objectives=[acuracy]", "design.objectives: acuracy is no metric.*did you mean"),
        ("design.objectives=[energy_breakdown]", "has parts"),
        ('design.constraints=["accuracy = 3"]', "design.constraints: .*did you mean =="),
        ('design.constraints=["accuracy == 0.3"]', "only a bound"),
        ("design.time=7", r"design.time \[s\] must be one of the stored times"),
        ("racing=elimination", "racing needs a design whose candidates are known"),
        ("extend=3", "extend must be true or false"),
    ],
)
def test_a_search_that_cannot_be_is_refused_before_it_begins(change, told, tmp_path):
    with pytest.raises(UserError, match=told):
        run(tmp_path / "s.zarr", *SEARCH, change)
    assert not (tmp_path / "s.zarr").exists()


LEARNS = ["workload=digits_online", "workload.hidden=[8]", "workload.epochs=1", "times=[1]",
          "executor=serial", "unknowns=neutral", "material=pcm_gst,ecram_li",
          "realisations=1"]  # fmt: skip
STUDIES = {"inference": [*TWO[:-1], "realisations=1"], "learning": LEARNS}


@pytest.fixture(scope="module")
def wholes(tmp_path_factory):
    """Studies of all metrics from the start, each computed once."""
    folder = tmp_path_factory.mktemp("wholes")
    return cache(lambda name: run(folder / f"{name}.zarr", *STUDIES[name]))


@pytest.mark.sampled(12)
@pytest.mark.parametrize("when", ["first", "later"])
@pytest.mark.parametrize("metric", list(METRICS))
@pytest.mark.parametrize("kind", list(STUDIES))
def test_each_metric_may_come_first_or_later(tmp_path, wholes, kind, metric, when):
    """With dimensions of its own too; in either order all is as if computed at once."""
    whole, study = wholes(kind), STUDIES[kind]
    if metric not in whole:
        pytest.skip(f"{metric} is not measured by {kind}")
    of = [name for name in whole.data_vars if name in METRICS and METRICS[name].of == metric]
    others = [n for n in whole.data_vars if n in METRICS and n not in (metric, *of)]
    few = [metric] if when == "first" else others
    run(tmp_path / "s.zarr", *study, f"metrics=[{','.join(few)}]")
    grown = run(tmp_path / "s.zarr", *study, "extend=true")
    xr.testing.assert_identical(numbers(grown), numbers(whole))


def test_dimensions_of_metrics_are_added_with_them(tmp_path):
    some = run(tmp_path / "s.zarr", *STUDIES["inference"], "metrics=[accuracy,energy]")
    assert "component" not in some.sizes
    grown = run(tmp_path / "s.zarr", *STUDIES["inference"], "extend=true")
    whole = run(tmp_path / "whole.zarr", *STUDIES["inference"])
    assert set(whole.sizes) - set(some.sizes) >= {"component", "baseline", "adc_source"}
    xr.testing.assert_identical(numbers(grown), numbers(whole))


@pytest.mark.parametrize("how", ["missing", "changed"])
def test_the_same_command_computes_a_damaged_chunk_again(tmp_path, counted, how):
    store = tmp_path / "s.zarr"
    whole = run(store, *TWO, "adc.bits=6,7")
    counted.clear()
    chunk = store / "accuracy" / "c.0.0.0"
    data = bytearray(chunk.read_bytes())
    data[-6] ^= 4
    chunk.unlink() if how == "missing" else chunk.write_bytes(data)
    with pytest.raises(UserError, match=r"s\.zarr is damaged \(accuracy/c\.0\.0\.0 is missing"):
        matsweep.open_results(store).load()
    again = run(store, *TWO, "adc.bits=6,7")
    assert sorted(counted) == [3] * 4
    xr.testing.assert_identical(numbers(again), numbers(whole))


def test_a_store_that_no_study_made_is_not_resumed(tmp_path):
    store = tmp_path / "s.zarr"
    run(store, *TWO, "adc.bits=6,7")
    root = json.loads((store / "zarr.json").read_text())
    del root["attributes"]["seed"]
    (store / "zarr.json").write_text(json.dumps(root))
    with pytest.raises(UserError, match=r"s\.zarr is no store of a study, as it has no seed"):
        run(store, *TWO, "adc.bits=6,7")


def test_components_that_came_later_are_added_behind_those_of_a_store():
    """A store with the first twelve components, and one of other names, which is refused."""
    from types import SimpleNamespace

    from matsweep.metrics import COORDINATES
    from matsweep.running.record import lengthen

    components, added = COORDINATES["component"], []
    store = SimpleNamespace(
        shapes={"realisation": (2,), "component": (12,), "baseline": (9,)},
        lengthen=lambda dim, values: added.append((dim, tuple(values))),
    )
    lengthen(SimpleNamespace(realisations=2, dimensions={}), store)
    assert added == [("component", components)]
    assert len(COORDINATES["baseline"]) == 9
    assert components[:12] == (
        "cells", "word_lines", "dac", "adc", "shift_add", "accumulation", "activation", "registers",
        "buffers", "network", "leakage", "writing",
    )  # fmt: skip
