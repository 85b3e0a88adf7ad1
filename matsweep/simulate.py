"""From a scenario to the values of its metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from matsweep.core.streams import FloatArray, Streams, realisation_streams
from matsweep.metrics import METRICS, Metric, Run, measured
from matsweep.scenario import Scenario
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
    scenario: Scenario,
    network: Network | Lesson,
    *,
    seed: int,
    realisations: int,
    first: int = 0,
    known: Mapping[str, FloatArray] | None = None,
    metrics: Iterable[str] | None = None,
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
    first : int
        Realisations that were simulated before.
    known : mapping of str to array, or None
        What those gave, for each metric with the dimension `realisation`.
    metrics : names, or None
        Those wanted; None: all.

    Returns
    -------
    dict of str to array
        For each metric, with its dimensions, of all realisations.

    Raises
    ------
    ArithmeticError
        If a metric is not finite, so that it is never stored as a result.

    Notes
    -----
    Realisations are computed some at a time, to bound memory; each has random numbers of its own
    that depend on the scenario, the seed and its number alone, so that neither the split nor an
    instalment changes a bit.
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
        for start in range(first, realisations, block)
    ]
    inference = Inference.joined([part for part, _ in parts])
    learned = [part for _, part in parts if part is not None]
    learning = Learning.joined(learned) if learned else None
    run = Run.of(scenario, network, inference, learning)
    chosen = measured(learning=learning is not None)
    if metrics is not None:
        wanted = set(metrics)
        chosen = {name: metric for name, metric in chosen.items() if name in wanted}
    values = _values(run, chosen, known or {})
    for name, value in values.items():
        unknown = np.isnan(value) if METRICS[name].partial else False
        if not np.all(np.isfinite(value) | unknown):
            raise ArithmeticError(
                f"{name} is not a finite number: parameters of the candidate differ by too many "
                "orders of magnitude"
            )
    return values


def _values(
    run: Run, metrics: Mapping[str, Metric], known: Mapping[str, FloatArray]
) -> dict[str, FloatArray]:
    """Compute metrics of a run, put after what is known of earlier realisations."""

    def value(metric: Metric) -> FloatArray:
        if metric.of:
            return np.asarray(metric.compute(value(METRICS[metric.of])))
        found = np.asarray(metric.compute(run))
        if known and "realisation" in metric.dims:
            same = (slice(None), *(slice(0, size) for size in found.shape[1:]))  # of its own epochs
            return np.concatenate([known[metric.name][same], found])
        return found

    return {name: value(metric) for name, metric in metrics.items()}


def _run(
    scenario: Scenario, network: Network | Lesson, rng: Streams
) -> tuple[Inference, Learning | None]:
    """Run the workload for some realisations."""
    hardware, times = scenario.hardware, scenario.times
    if isinstance(network, Lesson):
        assert isinstance(scenario.workload, InSitu)
        return run_learning(network, scenario.workload, hardware, times=times, rng=rng)
    return run_inference(network, hardware, times=times, rng=rng), None
