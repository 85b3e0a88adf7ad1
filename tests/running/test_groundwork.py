"""Groundwork: computed once for all candidates that need it, kept, resumed, the same everywhere.

The groundwork here is a factor for the biases of a small perceptron. It is given to all whose
workload is not trained for `PLAIN` epochs, and each of its computations leaves a file.
"""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
import textwrap
import tracemalloc
import uuid
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import matsweep
from matsweep.core import kept
from matsweep.core.checks import UserError
from matsweep.core.kept import digest, kept_result
from matsweep.planning.config import composer
from matsweep.planning.plan import plan
from matsweep.running import study
from matsweep.running.groundwork import Sources, compute
from matsweep.scenario import CandidateMachines
from matsweep.workloads import MLP, Groundwork

pytestmark = pytest.mark.xdist_group("ray")

PLAIN = 2
SMALL = [
    "material=pcm_gst", "workload.epochs=2,3,4", "device.read_noise=0.01,0.02",
    "unknowns=neutral", "times=[1]", "realisations=2", "workload.hidden=[4]",
    "workload.test_samples=50", "metrics=[accuracy]",
]  # fmt: skip


class Factor(Groundwork):
    """A factor for the biases, of a number of epochs; it can fail, or kill its process."""

    def __init__(self, folder, epochs, mark="", fails=None):
        self.folder, self.epochs, self.fails = folder, epochs, fails
        self.key = f"factor-{Path(folder).parent.name}-{epochs}{mark}"
        self.words, self.source = f"finding factor {epochs}", f"source {epochs % 2}"

    def load(self):
        return {"one": 1.0, "source": self.source}

    def compute(self, data, *, folder):
        assert data["source"] == self.source
        if self.fails == self.epochs:
            raise ArithmeticError("it has\nno factor")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "state").touch()
        (Path(self.folder) / f"{self.epochs}-{uuid.uuid4().hex}").touch()
        return str(data["one"] + self.epochs).encode()

    def applied(self, prepared, result):
        factor = np.float32(float(result))
        biases = tuple(factor * each for each in prepared.biases)
        return dataclasses.replace(prepared, biases=biases)


def needing(folder, **options):
    """Return a method of the workload that asks for factors."""

    def groundwork(self, machines):
        return None if self.epochs == PLAIN else Factor(folder, self.epochs, **options)

    return groundwork


def computations(folder):
    """Count the computations of each factor."""
    names = [each.name.partition("-")[0] for each in Path(folder).iterdir()]
    return {int(name): names.count(name) for name in set(names)}


def numbers(ds: xr.Dataset) -> xr.Dataset:
    return ds.drop_vars("seconds").drop_attrs().compute()


def explored(store, *overrides):
    return matsweep.open_results(matsweep.explore([*SMALL, f"store={store}", *overrides]))


@pytest.fixture
def counts(tmp_path, monkeypatch):
    """Return the folder where computations are counted, of a workload that needs factors."""
    folder = tmp_path / "counts"
    folder.mkdir()
    monkeypatch.setattr(MLP, "groundwork", needing(folder))
    return folder


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Return the same study without groundwork."""
    return numbers(explored(tmp_path_factory.mktemp("plain") / "a.zarr", "executor=serial"))


@pytest.fixture(params=["serial", "ray"])
def runner(request, local_ray):
    return f"executor={request.param}"


def test_each_is_computed_once_for_all_candidates(runner, counts, plain, tmp_path):
    ds = explored(tmp_path / "a.zarr", runner, "executor.chunk_size=3")
    assert (ds.status == 1).all()
    assert computations(counts) == {3: 1, 4: 1}
    found, epochs = numbers(ds), ds["workload.epochs"].values
    same = (found.accuracy == plain.accuracy).all(["realisation", "time"]).values
    assert same[epochs == PLAIN].all()
    assert not same[epochs != PLAIN].any()
    stored = json.loads(ds.attrs["groundwork"])
    assert {each["words"]: each["digest"] for each in stored.values()} == {
        f"finding factor {n}": digest(str(1.0 + n).encode()) for n in (3, 4)
    }
    assert all(kept_result(key) is not None for key in stored)
    assert not any(kept.begun(key).exists() for key in stored)
    again = explored(tmp_path / "b.zarr", "executor=serial")
    assert computations(counts) == {3: 1, 4: 1}  # from the cache
    xr.testing.assert_identical(numbers(again), found)


def test_progress_is_in_words_in_the_log(counts, tmp_path):
    explored(tmp_path / "a.zarr", "executor=serial")
    log = (tmp_path / "a.zarr/.log.jsonl").read_text()
    events = [json.loads(line) for line in log.splitlines()]
    phases = [each["name"] for each in events if each["event"] == "phase"]
    assert phases[:2] == ["finding factor 3, 1 of 2", "finding factor 4, 2 of 2"]
    ends = [each for each in events if each["event"] == "groundwork"]
    assert [(each["words"], each["number"], each["total"]) for each in ends] == [
        ("finding factor 3", 1, 2), ("finding factor 4", 2, 2)
    ]  # fmt: skip
    assert all(each["seconds"] >= 0 for each in ends)


def test_one_that_fails_costs_only_its_candidates(runner, counts, tmp_path, monkeypatch):
    monkeypatch.setattr(MLP, "groundwork", needing(counts, mark="-f", fails=4))
    ds = explored(tmp_path / "a.zarr", runner)
    failed = ds["workload.epochs"].values == 4
    assert (ds.status.values == np.where(failed, 2, 1)).all()
    assert set(ds.error.values[failed].tolist()) == {
        "GroundworkError: finding factor 4: ArithmeticError: it has no factor"
    }
    assert list(json.loads(ds.attrs["groundwork"])) == [Factor(counts, 3, "-f").key]
    monkeypatch.setattr(MLP, "groundwork", needing(counts, mark="-f"))
    again = explored(tmp_path / "a.zarr", runner, "retry_failed=true")
    assert (again.status == 1).all()
    assert computations(counts) == {3: 1, 4: 1}
    np.testing.assert_array_equal(again.accuracy[~failed], ds.accuracy[~failed])


def test_killed_after_the_first_and_resumed_equals_uninterrupted(counts, tmp_path, monkeypatch):
    whole = numbers(explored(tmp_path / "whole.zarr", "executor=serial"))
    script = f"""
        import os, signal
        from tests.running import test_groundwork as tests
        from matsweep.core import kept
        from matsweep.running import groundwork
        from matsweep.workloads import MLP
        MLP.groundwork = tests.needing({str(counts)!r}, mark="-k")
        plain = groundwork.keep_result
        def keep_result(*given):
            plain(*given)
            os.kill(os.getpid(), signal.SIGKILL)
        groundwork.keep_result = keep_result
        tests.explored({str(tmp_path / "a.zarr")!r}, "executor=serial")
    """
    root = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], cwd=root, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert computations(counts) == {3: 2, 4: 1}
    monkeypatch.setattr(MLP, "groundwork", needing(counts, mark="-k"))
    xr.testing.assert_identical(numbers(explored(tmp_path / "a.zarr", "executor=serial")), whole)
    assert computations(counts) == {3: 2, 4: 2}


def test_another_result_is_refused(counts, tmp_path):
    store = tmp_path / "a.zarr"
    explored(store, "executor=serial")
    key = Factor(counts, 4).key
    kept.keep_result(key, b"7.5")
    with pytest.raises(UserError, match=r"begun where finding factor 4 had another .*MATSWEEP_CAC"):
        explored(store, "executor=serial", "realisations=3", "extend=true")


def test_another_result_is_refused_before_more_is_computed(counts, tmp_path):
    store = tmp_path / "a.zarr"
    explored(store, "executor=serial")
    kept.begun(Factor(counts, 4).key).with_suffix("").unlink()
    kept.keep_result(Factor(counts, 3).key, b"7.5")
    with pytest.raises(UserError, match=r"begun where finding factor 3 had another"):
        explored(store, "executor=serial", "realisations=3", "extend=true")
    assert computations(counts) == {3: 1, 4: 1}


def test_a_damaged_result_is_computed_again(counts, tmp_path):
    first = numbers(explored(tmp_path / "a.zarr", "executor=serial"))
    path = kept.begun(Factor(counts, 3).key).with_suffix("")
    whole = path.read_bytes()
    for damaged in (b"", b"nonsense", whole[:-1], whole + b"0", whole.replace(b"4.0", b"5.0")):
        path.write_bytes(damaged)
        assert kept_result(path.name) is None
    again = numbers(explored(tmp_path / "b.zarr", "executor=serial"))
    xr.testing.assert_identical(again, first)
    assert computations(counts) == {3: 2, 4: 1}
    assert path.read_bytes() == whole


def test_without_a_cache_that_can_be_written_results_serve_the_run(counts, tmp_path, monkeypatch):
    first = numbers(explored(tmp_path / "a.zarr", "executor=serial"))
    (tmp_path / "file").touch()
    monkeypatch.setenv("MATSWEEP_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(Factor, "compute", lambda self, data, folder: b"%d" % (1 + self.epochs))
    xr.testing.assert_identical(numbers(explored(tmp_path / "b.zarr", "executor=serial")), first)


def test_results_wait_in_the_cache_rather_than_in_memory(counts, tmp_path, monkeypatch):
    """Two of 3 MB at most are held at once, of six: that of the candidate, and the next."""
    size, sizes = 3_000_000, []
    plain = Factor.applied
    first = numbers(explored(tmp_path / "a.zarr", "executor=serial"))

    def compute(self, data, *, folder):
        return f"{1.0 + self.epochs}".encode().ljust(size)

    def applied(self, prepared, result):
        sizes.append(tracemalloc.get_traced_memory()[0] - start)
        return plain(self, prepared, result.strip())

    monkeypatch.setattr(MLP, "groundwork", needing(counts, mark="-m"))
    monkeypatch.setattr(Factor, "compute", compute)
    monkeypatch.setattr(Factor, "applied", applied)
    more = ["workload.epochs=2,3,4,5,6,7,8", "device.read_noise=0.01"]
    tracemalloc.start()
    try:
        start = tracemalloc.get_traced_memory()[0]
        ds = explored(tmp_path / "b.zarr", "executor=serial", "executor.chunk_size=1", *more)
    finally:
        tracemalloc.stop()
    assert (ds.status == 1).all()
    assert len(sizes) == 6
    assert max(sizes) - min(sizes) < 2 * size
    np.testing.assert_array_equal(ds.accuracy[1:3], first.accuracy[2::2])


def test_a_result_that_leaves_the_cache_meanwhile_costs_its_candidates(
    counts, tmp_path, monkeypatch
):
    plain = study.lay

    def lay(*given):
        plain(*given)
        kept.begun(Factor(counts, 3).key).with_suffix("").unlink()
        kept.keep_result(Factor(counts, 4).key, b"7.0")

    with monkeypatch.context() as patched:
        patched.setattr(study, "lay", lay)
        ds = explored(tmp_path / "a.zarr", "executor=serial")
    assert (ds.status.values == np.where(ds["workload.epochs"].values == PLAIN, 1, 2)).all()
    assert {each.partition(": ")[2] for each in ds.error.values.tolist() if each} == {
        f"finding factor {n}: its result has left the cache meanwhile" for n in (3, 4)
    }
    kept.begun(Factor(counts, 4).key).with_suffix("").unlink()
    again = explored(tmp_path / "a.zarr", "executor=serial", "retry_failed=true")
    assert (again.status == 1).all()


def test_races_searches_and_extensions_need_no_more(counts, tmp_path):
    race = ["racing=elimination", "racing.first=4", "racing.objectives=[accuracy]"]
    more = ["executor=serial", "realisations=8"]
    whole = explored(tmp_path / "whole.zarr", *more)
    raced = explored(tmp_path / "race.zarr", *more, *race)
    full = (raced.realisations == 8).values
    np.testing.assert_array_equal(raced.accuracy[full], whole.accuracy[full])
    np.testing.assert_array_equal(raced.accuracy[:, :4], whole.accuracy[:, :4])
    part = tmp_path / "part.zarr"
    explored(part, "executor=serial", "realisations=3")
    grown = explored(part, *more, "extend=true")
    np.testing.assert_array_equal(grown.accuracy, whole.accuracy)
    search = ["design=adaptive", "design.trials=6", "design.batch=3",
              "design.objectives=[accuracy]"]  # fmt: skip
    sought = explored(tmp_path / "search.zarr", "executor=serial", *search)
    assert (sought.status == 1).all()
    assert computations(counts) == {3: 1, 4: 1}


def test_a_stopped_study_keeps_what_is_finished_and_says_so(counts, tmp_path, monkeypatch):
    plain = Factor.compute

    def interrupted(self, data, *, folder):
        if self.epochs == 4:
            folder.mkdir(parents=True)
            (folder / "half").write_text("3.")
            raise KeyboardInterrupt
        return plain(self, data, folder=folder)

    monkeypatch.setattr(Factor, "compute", interrupted)
    with pytest.raises(UserError, match=r"stopped: 0 of 6 .* the same command resumes"):
        explored(tmp_path / "a.zarr", "executor=serial")
    assert computations(counts) == {3: 1}

    def resumed(self, data, *, folder):
        assert (folder / "half").read_text() == "3."
        return plain(self, data, folder=folder)

    monkeypatch.setattr(Factor, "compute", resumed)
    assert (explored(tmp_path / "a.zarr", "executor=serial").status == 1).all()
    assert computations(counts) == {3: 1, 4: 1}


def test_an_explanation_repeats_the_candidate_with_its_groundwork(counts, tmp_path, monkeypatch):
    store = tmp_path / "a.zarr"
    ds = explored(store, "executor=serial")
    number = int(np.flatnonzero(ds["workload.epochs"].values == 4)[0])
    same = "The plain repeat gives the stored numbers bit for bit."
    assert same in matsweep.explain(store, number).notes
    path = kept.begun(Factor(counts, 4).key).with_suffix("")
    path.unlink()
    spoken = []
    assert same in matsweep.explain(store, number, progress=spoken.append).notes
    assert "finding factor 4" in spoken
    kept.keep_result(path.name, b"-3")
    notes = matsweep.explain(store, number).notes
    assert "The network trains differently here than where the study began." in notes
    assert same not in notes


def test_tasks_give_the_same_result_for_each_of_two_copies(counts):
    """A late task is started a second time: the copy takes the first one's result."""
    work = Factor(counts, 9)
    shared = Sources(data={work.source: work.load()})
    [first], [second] = compute(shared, (work,)), compute(shared, (work,))
    assert (first.result, first.error) == (second.result, second.error) == (b"10.0", "")
    assert computations(counts) == {9: 1}


# -------------------------------------------------------------------------------- machines


def machines(*overrides):
    with composer(None):
        planned = plan(["material=hfox_vcm", *overrides])
        return CandidateMachines(planned.candidate(0).scenario)


def test_machines_differ_by_what_changes_their_numbers_alone():
    start = machines().digest
    alike = ["periphery.node=45nm", "adc.sharing=4", "tile.read_time=20ns", "tile.packing=shared",
             "workload.epochs=3", "times=[7]"]  # fmt: skip
    assert {machines(each).digest for each in alike} == {start}
    others = ["material=pcm_gst", "device.read_noise=0.03", "tile.rows=64", "adc.bits=6",
              "dac.bits=6", "unknowns=neutral", "wires=metal"]  # fmt: skip
    assert len({start, *(machines(each).digest for each in others)}) == 1 + len(others)
    wired = [machines("wires=metal", f"periphery.node={node}").digest for node in ("22nm", "45nm")]
    assert wired[0] != wired[1]


def test_draws_of_machines_are_of_no_study():
    """Each is another device; none is that of one of 64 realisations of a study with its seed."""
    own = machines()
    drawn = own.draw(0, 4)
    assert drawn == own.draw(0, 4)
    assert drawn[:2] == own.draw(0, 2)
    assert drawn != own.draw(1, 4)
    assert len({repr(each.device) for each in drawn}) == 4
    scenario = own.scenario
    studied = {repr(scenario.with_drawn(v).device) for v in scenario.drawn(0, range(64))}
    assert len(studied) == 64
    assert not studied & {repr(each.device) for each in drawn}
    known = machines("unknowns=neutral")
    assert known.draw(5, 4) == (known.scenario.hardware,)


def test_machines_travel_without_what_their_process_remembers():
    import pickle

    from matsweep.core.codec import Memory

    own = CandidateMachines(machines().scenario, Memory())
    again = pickle.loads(pickle.dumps(own))
    assert again.digest == own.digest == machines().digest
