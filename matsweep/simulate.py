"""From a scenario to the values of its metrics."""

from __future__ import annotations

import numpy as np

from matsweep.metrics import METRICS, Run, measured
from matsweep.scenario import Scenario
from matsweep.streams import FloatArray, Streams, realisation_streams
from matsweep.workloads import (
    Inference,
    InSitu,
    Learning,
    Lesson,
    Network,
    run_inference,
    run_learning,
)

_BLOCK_BYTES = 16e6  # of conductances at a time: they stay near the caches


def simulate(
    scenario: Scenario, network: Network | Lesson, *, seed: int, realisations: int
) -> dict[str, FloatArray]:
    """Simulate one candidate.

    Parameters
    ----------
    scenario : Scenario
    network : Network or Lesson
        What the scenario's workload prepared.
    seed : int
        The study's.
    realisations : int
        Independent draws of all device randomness.

    Returns
    -------
    dict of str to array
        For each metric, with its dimensions.

    Raises
    ------
    ArithmeticError
        If a metric is not finite, so that it is never stored as a result.

    Notes
    -----
    Realisations are computed some at a time, to bound memory; each has random numbers of its own
    that depend on the scenario, the seed and its number alone, so that the split changes no bit.
    """
    identity = scenario.identity
    scenario = scenario.resolved
    weights = sum(inputs * outputs for inputs, outputs in network.shapes)
    block = max(1, int(_BLOCK_BYTES / (8 * weights)))
    parts = [
        _run(
            scenario,
            network,
            realisation_streams(identity, seed, range(start, min(start + block, realisations))),
        )
        for start in range(0, realisations, block)
    ]
    inference = Inference.joined([part for part, _ in parts])
    learned = [part for _, part in parts if part is not None]
    learning = Learning.joined(learned) if learned else None
    run = Run.of(scenario, network, inference, learning)
    chosen = measured(learning=learning is not None)
    values = {name: np.asarray(metric.compute(run)) for name, metric in chosen.items()}
    for name, value in values.items():
        unknown = np.isnan(value) if METRICS[name].partial else False
        if not np.all(np.isfinite(value) | unknown):
            raise ArithmeticError(
                f"{name} is not a finite number: parameters of the candidate differ by too many "
                "orders of magnitude"
            )
    return values


def _run(
    scenario: Scenario, network: Network | Lesson, rng: Streams
) -> tuple[Inference, Learning | None]:
    """Run the workload for some realisations."""
    hardware, times = scenario.hardware, scenario.times
    if isinstance(network, Lesson):
        assert isinstance(scenario.workload, InSitu)
        return run_learning(network, scenario.workload, hardware, times=times, rng=rng)
    return run_inference(network, hardware, times=times, rng=rng), None
