"""What the metrics of energy, latency and area add to the time of a sweep.

    make bench PYTEST_ARGS="-k costs"

1,000 candidates of the quickstart study's families; the share is in `extra_info`: target 1 %.
"""

from __future__ import annotations

import time

import numpy as np
from threadpoolctl import threadpool_limits

from matsweep.metrics import Run, measured
from matsweep.planning.config import composer
from matsweep.planning.plan import plan
from matsweep.simulate import simulate
from matsweep.workloads import Inference

CANDIDATES, SIMULATED = 1000, 40


def of_circuits():
    """Return the metrics that need circuits, not only what the network made of its inputs."""
    words = ("energy", "latency", "area", "tops", "power", "throughput", "utilisation")
    return [m for m in measured(learning=False).values() if any(w in m.name for w in words)]


def test_costs_of_1_000_candidates(benchmark):
    with composer():
        study = plan(
            [
                "material=hfox_vcm,pcm_gst,ecram_li,fefet_hzo,stt_mram",
                "adc.bits=4,6,7,8",
                "device.read_noise=range(0,0.1,0.002)",
            ]
        )
    scenarios = [study.scenario(point) for point in study.points[:CANDIDATES]]
    assert len(scenarios) == CANDIDATES
    network = scenarios[0].workload.prepare()
    shape = study.realisations, len(study.times)
    inference = Inference(
        **dict.fromkeys(("correct", "array_power", "vmm_error", "saturated"), np.full(shape, 1e-3))
    )
    chosen = of_circuits()

    def costs():
        for scenario in scenarios:
            run = Run.of(scenario, network, inference)
            for metric in chosen:
                metric.compute(run)

    def seconds(work):
        start = time.process_time()
        work()
        return time.process_time() - start

    def sweep():
        for scenario in scenarios[:: CANDIDATES // SIMULATED]:
            simulate(scenario, network, seed=0, realisations=study.realisations)

    with threadpool_limits(1):
        benchmark.pedantic(costs, rounds=2, warmup_rounds=1)
        simulate(scenarios[0], network, seed=0, realisations=study.realisations)
        # In turns: the machine may be shared.
        pairs = [(seconds(costs) / CANDIDATES, seconds(sweep) / SIMULATED) for _ in range(3)]
    added, candidate = (min(column) for column in zip(*pairs, strict=True))
    benchmark.extra_info["us_per_candidate"] = 1e6 * added
    benchmark.extra_info["share_of_a_sweep"] = added / candidate
