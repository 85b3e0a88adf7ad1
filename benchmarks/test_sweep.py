"""How much of two cores a sweep uses, and what a large store costs.

make bench PYTEST_ARGS="-k sweep"
"""

from __future__ import annotations

import concurrent.futures
import functools
import multiprocessing
import subprocess
import sys
import time

import numpy as np
import pytest

import matsweep
from matsweep.running.executors import executor
from matsweep.running.pace import Pace
from matsweep.store import Coordinate, Part, Variable, create, open_results, open_store

COUNT = 1000
CORES = 2


def rest(seconds, item):
    """Take so long without a core, so that what else runs on the machine does not count."""
    time.sleep(seconds)
    return item


def rest_all(seconds, chunk):
    return tuple(rest(seconds, item) for item in chunk)


def rest_one(x, seconds):
    return rest(seconds, x)


@pytest.fixture(scope="module")
def two_workers():
    import ray

    from matsweep.running.executors.cluster import start_local

    start_local(workers=CORES, object_store_memory=80_000_000)
    list(executor({"kind": "ray"}).run(rest_all, 0.01, [(i,) for i in range(8)]))
    yield
    ray.shutdown()


def by_matsweep(seconds, count):
    runner = executor({"kind": "ray"})
    pace, left = Pace(fixed=None, slots=lambda: CORES), list(range(count))

    def chunks():
        while left:
            size = pace.size(len(left))
            yield tuple(left[:size])
            del left[:size]

    for chunk, _ in runner.run(rest_all, seconds, chunks()):
        pace.observe(seconds * len(chunk), len(chunk))


def by_one_ray_task_each(seconds, count):
    import ray

    task = ray.remote(rest)
    ray.get([task.remote(seconds, item) for item in range(count)])


def by_joblib(seconds, count):
    import joblib

    joblib.Parallel(n_jobs=CORES)(joblib.delayed(rest)(seconds, item) for item in range(count))


def by_multiprocessing(seconds, count, pool):
    pool.map(functools.partial(rest, seconds), range(count))


def by_xyzpy(seconds, count, pool):
    import xyzpy

    runner = xyzpy.Runner(rest_one, "y", constants={"seconds": seconds})
    runner.run_combos({"x": list(range(count))}, executor=pool, verbosity=0)


@pytest.mark.parametrize("seconds", [0.005, 0.05])
@pytest.mark.parametrize(
    "way", ["matsweep", "one_ray_task_each", "joblib", "multiprocessing", "xyzpy"]
)
def test_sweep_efficiency_on_two_cores(benchmark, way, seconds, two_workers):
    """Ideal time over real time of 1,000 candidates, once the workers run."""
    ways = {
        "matsweep": by_matsweep,
        "one_ray_task_each": by_one_ray_task_each,
        "joblib": by_joblib,
    }
    context = multiprocessing.get_context("forkserver")
    with (
        context.Pool(CORES) as pool,
        concurrent.futures.ProcessPoolExecutor(CORES, context) as futures,
    ):
        ways["multiprocessing"] = functools.partial(by_multiprocessing, pool=pool)
        ways["xyzpy"] = functools.partial(by_xyzpy, pool=futures)
        ways[way](0.001, 8)
        benchmark.pedantic(ways[way], args=(seconds, COUNT), rounds=3)
    if benchmark.stats is not None:
        ideal, real = COUNT * seconds / CORES, benchmark.stats.stats.min
        benchmark.extra_info["efficiency"] = ideal / real
        benchmark.extra_info["overhead_per_candidate_s"] = (real - ideal) * CORES / COUNT


def test_sweep_of_hydras_joblib_launcher(benchmark, tmp_path):
    """Twenty jobs of 5 ms; its cost of a job, next to which they hardly count."""
    (tmp_path / "app.py").write_text(
        "import time, hydra\n"
        "@hydra.main(version_base=None, config_path=None)\n"
        "def app(config):\n"
        "    time.sleep(0.005)\n"
        "app()\n"
    )
    command = [sys.executable, "app.py", "-m", "hydra/launcher=joblib"]
    command += [f"hydra.launcher.n_jobs={CORES}"]

    def sweep(jobs):
        values = ",".join(map(str, range(jobs)))
        subprocess.run(
            [*command, f"+x={values}"], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL
        )

    start = time.perf_counter()
    sweep(2)
    least = time.perf_counter() - start
    benchmark.pedantic(sweep, args=(22,), rounds=1)
    if benchmark.stats is not None:
        benchmark.extra_info["seconds_per_job"] = (benchmark.stats.stats.min - least) / 20


METRICS, REALISATIONS = 30, 20


def many_metrics(shared, chunk):
    rng = np.random.default_rng(chunk[0])
    return tuple({f"metric_{m}": rng.random(REALISATIONS) for m in range(METRICS)} for _ in chunk)


@pytest.mark.parametrize("chunk", [100, 1000])
def test_sweep_results_through_the_driver(benchmark, tmp_path, chunk, two_workers):
    """Candidates a second of 30 metrics × 20 realisations, from Ray's workers to the disk."""
    count = 20_000
    path = create(
        tmp_path / "a.zarr",
        coordinates={
            "x": Coordinate(values=np.arange(count)),
            "realisation": Coordinate(values=np.arange(REALISATIONS), dims=("realisation",)),
        },
        variables=[
            Variable(name=f"metric_{m}", dims=("candidate", "realisation")) for m in range(METRICS)
        ],
        attrs={},
    )

    def sweep():
        source = (tuple(range(start, start + chunk)) for start in range(0, count, chunk))
        with open_store(path) as store:
            for positions, outcomes in executor({"kind": "ray"}).run(many_metrics, None, source):
                values = {name: np.stack([o[name] for o in outcomes]) for name in outcomes[0]}
                store.write(
                    Part(
                        positions=np.array(positions),
                        status=np.ones(len(positions), np.int8),
                        error=[""] * len(positions),
                        seconds=np.ones(len(positions), np.float32),
                        values=values,
                    )
                )

    benchmark.pedantic(sweep, rounds=1)
    if benchmark.stats is not None:
        benchmark.extra_info["candidates_per_second"] = count / benchmark.stats.stats.min


@pytest.mark.parametrize("chunk", [100, 1000])
def test_sweep_store_of_100_000_candidates(benchmark, tmp_path, chunk):
    """Write 100,000 toy candidates in parts; then how long opening takes, and how many bytes."""
    count, rng = 100_000, np.random.default_rng(0)
    values = {"accuracy": rng.random((chunk, 8, 3)), "energy": rng.random((chunk, 8, 3))}
    names = iter(range(100))

    def write():
        path = create(
            tmp_path / f"{next(names)}.zarr",
            coordinates={
                "device.read_noise": Coordinate(values=np.linspace(0, 1, count)),
                "realisation": Coordinate(values=np.arange(8), dims=("realisation",)),
                "time": Coordinate(values=np.array([1.0, 10.0, 100.0]), dims=("time",)),
            },
            variables=[
                Variable(name=name, dims=("candidate", "realisation", "time")) for name in values
            ],
            attrs={},
        )
        with open_store(path) as store:
            for start in range(0, count, chunk):
                store.write(
                    Part(
                        positions=np.arange(start, start + chunk),
                        status=np.ones(chunk, np.int8),
                        error=[""] * chunk,
                        seconds=np.ones(chunk, np.float32),
                        values=values,
                    )
                )
        return path

    path = benchmark.pedantic(write, rounds=1)
    start = time.perf_counter()
    ds = open_results(path)
    benchmark.extra_info["open_s"] = time.perf_counter() - start
    assert ds.sizes["candidate"] == count
    files = [file for file in path.rglob("*") if file.is_file()]
    benchmark.extra_info["files"] = len(files)
    benchmark.extra_info["bytes"] = sum(file.stat().st_size for file in files)


def test_sweep_planning_of_100_000_candidates(benchmark):
    """Compose, replace numbers, check and hash every candidate."""
    from matsweep.planning.config import composer
    from matsweep.planning.plan import plan

    axes = [
        "device.programming_error.scale=range(0,10,0.01)",
        "device.device_to_device=range(0,0.0995,0.001)",
    ]

    def make():
        with composer():
            return plan(axes)

    assert len(benchmark.pedantic(make, rounds=1)) == 100_000
    assert matsweep.__version__
