"""Comparison of a network's outputs: measures, what is reached without devices, and checks."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.workloads.network.data import Samples
from matsweep.workloads.network.scores import (
    SCORES,
    among_largest,
    by_class,
    classes,
    most_frequent,
    relative_error,
    varying,
)

type AnyArray = npt.NDArray[Any]


def numbered(outputs: AnyArray) -> FloatArray:
    """Return judged outputs (sample, …, output): an output of one number may have no axis of it.

    Parameters
    ----------
    outputs : (sample, …) array

    Returns
    -------
    (sample, …, output) float32 array
    """
    single = np.asarray(outputs, np.float32)
    return single[:, None] if single.ndim == 1 else single


def fitted(samples: Samples, wanted: FloatArray) -> Samples:
    """Return samples whose labels and targets have the axes of outputs, where one of 1 differs.

    Parameters
    ----------
    samples : Samples
    wanted : (sample, …, output) array
        Outputs in floating point.

    Returns
    -------
    Samples
    """
    labels, targets = samples.labels, samples.targets
    if labels is not None and labels.shape == (*wanted.shape[:-1], 1):
        labels = labels[..., 0]
    if targets is not None and (*targets.shape, 1) == wanted.shape:
        targets = targets[..., None]
    return samples._replace(labels=labels, targets=targets)


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
    labels, named = samples.labels, by_class(outputs, wanted)
    if "agreement" in measures:
        agrees = classes(named) == classes(by_class(wanted, wanted))
        result["agreement"] = float(np.mean(agrees))
    if labels is not None and "correct" in measures:
        result["correct"] = float(np.mean(classes(named) == labels))
    if labels is not None and top is not None:
        result["top_accuracy"] = among_largest(named, labels, top)
    if score is not None:
        whole = SCORES[score].whole
        targets = labels if whole else samples.targets
        assert targets is not None
        result[score] = SCORES[score].compute(named if whole else outputs, targets)
    return result


METRIC_OF = {"correct": "accuracy"}
"""Metrics that have another name than their measure."""
MEASURE_OF = {metric: measure for measure, metric in METRIC_OF.items()}


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
    """Return the scores in floating point, and those of a machine that ignores its inputs.

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
        result["agreement"] = most_frequent(classes(by_class(wanted, wanted)))
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
        if labels.max() < 0:
            raise UserError(
                f"data must hold labels from 0 to {most - 1}, got negative ones alone, which are "
                "left out"
            )
        if top is not None and top >= most:
            raise UserError(f"top must be < {most}, the classes of the network, got {top}")
    if targets is not None and targets.shape != wanted.shape:
        raise UserError(
            f"data must hold targets of the shape of the outputs, {wanted.shape}, got "
            f"{targets.shape}"
        )
    if targets is not None and score is not None and not varying(targets).any():
        raise UserError(
            f"data must hold targets that vary for score={score}, got the same for all samples"
        )
