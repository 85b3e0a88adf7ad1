"""How much of two cores a sweep uses, and what a large store costs.

make bench PYTEST_ARGS="-k sweep"
"""

from __future__ import annotations

import time

import numpy as np
import pytest

import matsweep
from matsweep.store import Coordinate, Part, Variable, create, open_results, open_store
from matsweep.sweep.executors import executor
from matsweep.sweep.pace import Pace


def spin(shared, chunk):
    """Keep a core busy for so many seconds an item."""
    for _ in chunk:
        end = time.perf_counter() + shared
        while time.perf_counter() < end:
            pass
    return chunk


@pytest.mark.parametrize("seconds", [0.02, 0.05])
def test_sweep_efficiency_on_two_cores(benchmark, seconds):
    """Ideal time over real time of 400 candidates, once Ray's workers run."""
    import ray

    from matsweep.sweep.executors.ray import start_local

    start_local(workers=2, object_store_memory=80_000_000)
    runner, count = executor({"kind": "ray"}), 400

    def sweep():
        pace, left = Pace(fixed=None, slots=2), list(range(count))

        def chunks():
            while left:
                size = pace.size(len(left))
                yield tuple(left[:size])
                del left[:size]

        for chunk, _ in runner.run(spin, seconds, chunks()):
            pace.observe(seconds * len(chunk), len(chunk))

    try:
        list(runner.run(spin, 0.01, [(i,) for i in range(8)]))
        benchmark.pedantic(sweep, rounds=3)
    finally:
        ray.shutdown()
    if benchmark.stats is not None:
        benchmark.extra_info["efficiency"] = count * seconds / 2 / benchmark.stats.stats.min


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
    from matsweep.sweep.config import composer
    from matsweep.sweep.plan import plan

    axes = [
        "device.programming_error.scale=range(0,10,0.01)",
        "device.device_to_device=range(0,0.0995,0.001)",
    ]

    def make():
        with composer():
            return plan(axes)

    assert len(benchmark.pedantic(make, rounds=1)) == 100_000
    assert matsweep.__version__
