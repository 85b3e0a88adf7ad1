"""Simulation of one candidate: from a scenario to the values of its metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from matsweep.core.checks import UserError, near
from matsweep.core.streams import FloatArray, realisation_streams
from matsweep.metrics import COORDINATES, METRICS, Evaluation, Metric, available
from matsweep.scenario import Scenario
from matsweep.workloads import COSTS, Prepared

_BLOCK_BYTES = 16e6  # of conductances at a time: they stay near the caches


def simulate(
    scenario: Scenario,
    prepared: Prepared,
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
    prepared : Prepared
        By the scenario's workload.
    seed : int
        The study's.
    realisations : int
        Independent draws of all device randomness.
    first : int
        Realisations that were simulated before.
    known : mapping of str to array, or None
        Their values, for each metric with the dimension `realisation`.
    metrics : iterable of str, or None
        Requested ones; None: all. Those that need other measures than the workload's are left out.

    Returns
    -------
    dict of str to array
        For each metric, with its dimensions, of all realisations.

    Raises
    ------
    ArithmeticError
        If a metric is not finite, so that it is never stored as a result.
    UserError
        If a requested metric is unknown, or the workload does not return a measure that it states.

    Notes
    -----
    Realisations are computed in blocks, to bound memory; each has its own random numbers, which
    depend on the seed, its number and their purpose alone, so that neither blocks nor instalments
    change a bit, and candidates are compared in pairs.
    """
    chosen = _chosen(scenario, metrics)
    scenario = scenario.resolved
    weights = sum(matrix.inputs * matrix.outputs for matrix in prepared.matrices)
    block = max(1, int(_BLOCK_BYTES / (8 * max(weights, 1))))
    measures = _joined(
        [
            prepared.run(
                scenario.hardware,
                times=scenario.times,
                rng=realisation_streams(seed, range(start, min(start + block, realisations))),
            )
            for start in range(first, realisations, block)
        ],
        scenario.workload.measures - {COSTS},
    )
    for name, measure in measures.items():
        if np.shape(measure)[:1] != (realisations - first,):
            raise UserError(
                f"the measure {name} must have {realisations - first} realisations first, got the "
                f"shape {np.shape(measure)}"
            )
    values = _values(Evaluation.of(scenario, prepared.matrices, measures), chosen, known or {})
    sizes = _sizes(scenario, realisations)
    for name, value in values.items():
        due = tuple(sizes[dim] for dim in chosen[name].dims)
        if value.shape != due:
            raise UserError(
                f"the metric {name} must have the shape {due} of its dimensions "
                f"({', '.join(chosen[name].dims)}), got {value.shape}"
            )
        unknown = np.isnan(value) if chosen[name].partial else False
        if not np.all(np.isfinite(value) | unknown):
            raise ArithmeticError(
                f"{name} is not a finite number: parameters of the candidate differ by too many "
                "orders of magnitude"
            )
    return values


def _sizes(scenario: Scenario, realisations: int) -> dict[str, int]:
    """Return the length of every dimension that a metric of a scenario may have."""
    sizes = {name: len(values) for name, values in COORDINATES.items()}
    sizes |= {name: len(values) for name, values in scenario.workload.coordinates.items()}
    return {**sizes, "realisation": realisations, "time": len(scenario.times)}


def _chosen(scenario: Scenario, names: Iterable[str] | None) -> dict[str, Metric]:
    """Return the requested metrics that the scenario's workload measures."""
    measured = available(scenario.workload.measures)
    if names is None:
        return measured
    wanted = list(names)
    for name in wanted:
        if name not in METRICS:
            raise UserError(
                f"the metric {name} is not known to this process{near(name, METRICS)}: install "
                "the package that brings it wherever candidates are simulated"
            )
    return {name: measured[name] for name in wanted if name in measured}


def _joined(
    parts: list[Mapping[str, FloatArray]], promised: frozenset[str]
) -> dict[str, FloatArray]:
    """Join the measures of several blocks of realisations.

    Raises
    ------
    UserError
        If one that the workload states is missing.
    """
    missing = sorted(promised - parts[0].keys())
    if missing:
        raise UserError(f"the workload states the measure {missing[0]}, but run() returns none")
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _values(
    evaluation: Evaluation, metrics: Mapping[str, Metric], known: Mapping[str, FloatArray]
) -> dict[str, FloatArray]:
    """Compute metrics, and append them to the known values of earlier realisations."""

    def value(metric: Metric) -> FloatArray:
        if metric.of:
            return np.asarray(metric.compute(value(METRICS[metric.of])))
        new = np.asarray(metric.compute(evaluation))
        if known and "realisation" in metric.dims:
            same = (slice(None), *(slice(0, size) for size in new.shape[1:]))  # stores are padded
            return np.concatenate([known[metric.name][same], new])
        return new

    return {name: value(metric) for name, metric in metrics.items()}
