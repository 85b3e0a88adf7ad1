"""Comparison of a network's outputs: measures, what is reached without devices, and checks."""

from __future__ import annotations

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.workloads.network.data import Samples
from matsweep.workloads.network.scores import (
    SCORES,
    among_largest,
    classes,
    most_frequent,
    relative_error,
)


def scored(
    outputs: FloatArray,
    wanted: FloatArray,
    samples: Samples,
    measures: frozenset[str],
    *,
    top: int | None,
    score: str | None,
) -> dict[str, float]:
    """Compare outputs with labels, targets, and the outputs in floating point.

    Parameters
    ----------
    outputs : (sample, …) array
    wanted : (sample, …) array
        In floating point.
    samples : Samples
    measures : frozenset of str
        Those asked for.
    top : int or None
    score : str or None

    Returns
    -------
    dict of str to float
    """
    result = {"output_error": relative_error(outputs, wanted)}
    labels = samples.labels
    if "agreement" in measures:
        result["agreement"] = float(np.mean(classes(outputs) == classes(wanted)))
    if labels is not None and "correct" in measures:
        result["correct"] = float(np.mean(classes(outputs) == labels))
    if labels is not None and top is not None:
        result["top_accuracy"] = among_largest(outputs, labels, top)
    if score is not None:
        targets = labels if SCORES[score].whole else samples.targets
        assert targets is not None
        result[score] = SCORES[score].compute(outputs, targets)
    return result


METRIC_OF = {"correct": "accuracy"}
"""Metrics that have another name than their measure."""


def _worse(name: str, value: float, than: float) -> bool:
    lower = name == "output_error" or (name in SCORES and SCORES[name].better == "lower")
    return value > than if lower else value < than


def references(
    wanted: FloatArray,
    samples: Samples,
    measures: frozenset[str],
    *,
    top: int | None,
    score: str | None,
) -> tuple[dict[str, float], dict[str, float]]:
    """Return what floats reach, and what a machine that ignores its inputs reaches.

    Parameters
    ----------
    wanted : (sample, …) array
        Outputs in floating point.
    samples : Samples
    measures : frozenset of str
        Those asked for.
    top : int or None
    score : str or None

    Returns
    -------
    reference, chance : dict of str to float
        By metric; chance only where it is worse.
    """
    values = scored(wanted, wanted, samples, measures, top=top, score=score)
    reference = {METRIC_OF.get(name, name): value for name, value in values.items()}
    mean = np.broadcast_to(wanted.mean(axis=0), wanted.shape)
    result = {"output_error": relative_error(mean, wanted)}
    if "agreement" in measures:
        result["agreement"] = most_frequent(classes(wanted))
    if samples.labels is not None and "correct" in measures:
        result["accuracy"] = most_frequent(samples.labels)
    if samples.labels is not None and top is not None:
        counts = np.sort(np.bincount(samples.labels[samples.labels >= 0]))[::-1]
        result["top_accuracy"] = float(counts[:top].sum() / counts.sum())
    if score is not None:
        targets = samples.labels if SCORES[score].whole else samples.targets
        assert targets is not None
        result[score] = SCORES[score].chance(targets)
    worse = {name: each for name, each in result.items() if _worse(name, each, reference[name])}
    return reference, worse


def check(wanted: FloatArray, samples: Samples, top: int | None, score: str | None) -> None:
    """Refuse labels and targets that do not fit the outputs.

    Parameters
    ----------
    wanted : (sample, …) array
        Outputs in floating point.
    samples : Samples
    top : int or None
    score : str or None

    Raises
    ------
    UserError
        If they do not, or an output is not finite.
    """
    if not np.isfinite(wanted).all():
        raise UserError(
            "model must give finite outputs, got nan or inf in floating point: check weights, data "
            "and preprocessing"
        )
    labels, targets = samples.labels, samples.targets
    if labels is not None:
        if labels.shape != wanted.shape[:-1]:
            raise UserError(
                f"data must hold labels of shape {wanted.shape[:-1]} for outputs of shape "
                f"{wanted.shape}, got {labels.shape}"
            )
        most = max(wanted.shape[-1], 2)
        if labels.max() >= most:
            raise UserError(
                f"data must hold labels from 0 to {most - 1}, the classes of the network, got "
                f"{labels.max()}"
            )
        if labels.min() < 0 and not (score is not None and SCORES[score].whole):
            raise UserError(
                f"data must hold labels from 0 to {most - 1}, got {labels.min()}: negative ones "
                "mark what is left out, in score=token_accuracy alone"
            )
        if top is not None and top >= most:
            raise UserError(f"top must be < {most}, the classes of the network, got {top}")
    if targets is not None and targets.shape != wanted.shape:
        raise UserError(
            f"data must hold targets of the shape of the outputs, {wanted.shape}, got "
            f"{targets.shape}"
        )
