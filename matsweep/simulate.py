"""Simulation of one candidate: from a scenario to the values of its metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from matsweep.core.checks import UserError, near
from matsweep.core.streams import FloatArray, realisation_streams
from matsweep.metrics import COORDINATES, METRICS, Evaluation, Metric, available
from matsweep.scenario import DRAWS, Scenario
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
    Realisations are computed in blocks, to bound memory; where parameters of the device are
    unknown, each has its own device, with its own draws of them. Each has its own random numbers,
    which depend on the seed, its number and their purpose alone, so that neither blocks nor
    instalments change a bit, and candidates are compared in pairs.
    """
    chosen = _chosen(scenario, metrics)
    scenario = scenario.resolved
    evaluations = [
        Evaluation.of(part, prepared.matrices, _measured(part, prepared, seed, numbers) | drawn)
        for part, numbers, drawn in own_devices(scenario, seed, range(first, realisations))
    ]
    values = _values(_whole(scenario, prepared, evaluations), evaluations, chosen, known or {})
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
    measured = available(scenario.measures)
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


def own_devices(
    scenario: Scenario, seed: int, realisations: range
) -> Iterator[tuple[Scenario, range, dict[str, FloatArray]]]:
    """Yield runs of realisations that have the same device.

    Parameters
    ----------
    scenario : Scenario
    seed : int
        The study's.
    realisations : range

    Yields
    ------
    scenario : Scenario
        Nothing is unknown in it.
    realisations : range
    drawn : dict of str to (realisation, parameter) array
        Their draws of what is unknown; empty where nothing is.
    """
    if not scenario.unknown:
        yield scenario, realisations, {}
        return
    drawn = scenario.drawn(seed, realisations)
    start = 0
    for end in range(1, len(realisations) + 1):
        if end == len(realisations) or not np.array_equal(drawn[end], drawn[start], equal_nan=True):
            own = scenario.with_drawn(drawn[start])
            yield own, realisations[start:end], {DRAWS: drawn[start:end]}
            start = end


def _measured(
    scenario: Scenario, prepared: Prepared, seed: int, realisations: range
) -> dict[str, FloatArray]:
    """Measure realisations that share a device, a block at a time.

    Raises
    ------
    UserError
        If a measure is not of these realisations.
    """
    tile, levels = scenario.workload.tiled(scenario.tile), scenario.device.levels
    packs = [part for each in prepared.matrices for part in each.usage.split(tile, levels)]
    block = block_length(sum(pack.inputs * pack.outputs for pack in packs))
    hardware = scenario.hardware
    blocks = [realisations[start : start + block] for start in range(0, len(realisations), block)]
    parts = [
        prepared.run(hardware, times=scenario.times, rng=realisation_streams(seed, numbers))
        for numbers in blocks
    ]
    measures = _joined(parts, scenario.workload.measures - {COSTS})
    for name, measure in measures.items():
        if np.shape(measure)[:1] != (len(realisations),):
            raise UserError(
                f"the measure {name} must have {len(realisations)} realisations first, got the "
                f"shape {np.shape(measure)}"
            )
    return measures


def block_length(weights: int) -> int:
    """Return the number of realisations that are computed at a time.

    Parameters
    ----------
    weights : int
        Of all matrices.

    Returns
    -------
    int
    """
    return max(1, int(_BLOCK_BYTES / (8 * max(weights, 1))))


def _joined(
    parts: Sequence[Mapping[str, FloatArray]], promised: frozenset[str] = frozenset()
) -> dict[str, FloatArray]:
    """Join the measures of several parts of the realisations.

    Raises
    ------
    UserError
        If one that the workload states is missing.
    """
    missing = sorted(promised - parts[0].keys())
    if missing:
        raise UserError(f"the workload states the measure {missing[0]}, but run() returns none")
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _whole(scenario: Scenario, prepared: Prepared, evaluations: Sequence[Evaluation]) -> Evaluation:
    """Join the evaluations of all realisations, with the device that nothing is drawn for."""
    if len(evaluations) == 1 and not scenario.unknown:
        return evaluations[0]
    measures = _joined([each.measures for each in evaluations])
    return Evaluation.of(scenario, prepared.matrices, measures)


def _values(
    whole: Evaluation,
    evaluations: Sequence[Evaluation],
    metrics: Mapping[str, Metric],
    known: Mapping[str, FloatArray],
) -> dict[str, FloatArray]:
    """Compute metrics, and append them to the known values of earlier realisations.

    Those along `realisation` are of each realisation's own device, others of the neutral one.
    """

    def value(metric: Metric) -> FloatArray:
        if metric.of:
            return np.asarray(metric.compute(value(METRICS[metric.of])))
        if "realisation" not in metric.dims:
            return np.asarray(metric.compute(whole))
        new = np.concatenate([np.asarray(metric.compute(each)) for each in evaluations])
        if known:
            same = (slice(None), *(slice(0, size) for size in new.shape[1:]))  # stores are padded
            return np.concatenate([known[metric.name][same], new])
        return new

    return {name: value(metric) for name, metric in metrics.items()}
