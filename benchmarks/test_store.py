"""What a large store costs: writing, opening, finding what is pending, memory.

make bench PYTEST_ARGS="-k store"; MATSWEEP_STORE_CANDIDATES=1000000 for the full size.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np

from matsweep.store import Coordinate, Part, Variable, create, open_results, open_store, summary

COUNT = int(os.environ.get("MATSWEEP_STORE_CANDIDATES", "50000"))
PART, VARIABLES, REALISATIONS = 1000, 30, 8


def resident() -> float:
    """Return the memory of this process, in MB."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def test_store_of_toy_candidates(benchmark, tmp_path):
    """Write candidates x 30 variables x 8 realisations in parts of 1,000, then open and scan."""
    rng = np.random.default_rng(0)
    path = create(
        tmp_path / "s.zarr",
        coordinates={
            "x": Coordinate(values=rng.random(COUNT)),
            "candidate_id": Coordinate(values=[f"{i:032x}" for i in range(COUNT)]),
            "realisation": Coordinate(values=np.arange(REALISATIONS), dims=("realisation",)),
        },
        variables=[
            Variable(name=f"m{i}", dims=("candidate", "realisation")) for i in range(VARIABLES)
        ],
        attrs={},
    )
    memory = []

    def write():
        with open_store(path) as store:
            for start in range(0, COUNT, PART):
                at = np.arange(start, min(start + PART, COUNT))
                values = rng.random((at.size, REALISATIONS))
                store.write(
                    Part(
                        positions=at,
                        status=np.ones(at.size, np.int8),
                        error=[""] * at.size,
                        seconds=np.zeros(at.size),
                        values={f"m{i}": values for i in range(VARIABLES)},
                    )
                )
                memory.append(resident())

    benchmark.pedantic(write, rounds=1)
    told = benchmark.extra_info
    told["memory_middle_MB"], told["memory_end_MB"] = memory[len(memory) // 2], memory[-1]

    def timed(name, act):
        start = time.perf_counter()
        found = act()
        told[name] = time.perf_counter() - start
        return found

    def scan():
        with open_store(path) as store:
            return store.pending()

    dataset = timed("open_s", lambda: open_results(path))
    assert dataset.sizes["candidate"] == COUNT
    assert timed("scan_s", scan).size == 0
    assert timed("summary_s", lambda: summary(path)).done == COUNT
    assert timed("mean_s", lambda: float(dataset.m3.mean())) > 0
    files = [file for file in path.rglob("*") if file.is_file()]
    told["files"], told["bytes"] = len(files), sum(file.stat().st_size for file in files)
