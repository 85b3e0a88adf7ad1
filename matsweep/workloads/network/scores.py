"""Scores of a network's outputs: by a class, by its float network, by targets."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from matsweep.core.registry import Registry
from matsweep.core.streams import FloatArray

TINY = float(np.finfo(np.float32).tiny)
"""Smallest size that an error is compared with."""

type IntArray = npt.NDArray[np.int64]
type AnyArray = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A number that compares outputs with targets, the metric of the same name.

    Parameters
    ----------
    name : str
    better : "higher" or "lower"
    whole : bool
        Whether targets are classes, whole numbers; negative ones are left out.
    compute : function of (outputs, targets)
        Outputs (sample, …) and targets; of classes, outputs `by_class`, and targets have one axis
        less.
    chance : function of targets
        Result of a machine that ignores its inputs.
    """

    name: str
    better: Literal["higher", "lower"]
    whole: bool
    compute: Callable[[FloatArray, AnyArray], float]
    chance: Callable[[AnyArray], float]


SCORES: Registry[Score] = Registry("score")
"""Scores of regressions and of sequences, by name."""


def by_class(outputs: FloatArray, wanted: FloatArray) -> FloatArray:
    """Return outputs with one number for each class.

    One number alone is a decision between two classes: above 0.5 where all of the float network are
    in [0, 1], as of a logistic output, else above 0. Noise does not move the threshold.

    Parameters
    ----------
    outputs : (sample, …, output) array
    wanted : (sample, …, output) array
        In floating point.

    Returns
    -------
    (sample, …, class) array
        Of one number alone, the threshold and the number.
    """
    if wanted.shape[-1] > 1:
        return outputs
    threshold = 0.5 if wanted.min() >= 0 and wanted.max() <= 1 else 0.0
    return np.concatenate([np.full_like(outputs, threshold), outputs], axis=-1)


def classes(outputs: FloatArray) -> IntArray:
    """Return the class that each output names: the first with the largest number.

    Parameters
    ----------
    outputs : (sample, …, class) array

    Returns
    -------
    (sample, …) array of int
    """
    return np.asarray(outputs.argmax(axis=-1), np.int64)


def among_largest(outputs: FloatArray, labels: IntArray, count: int) -> float:
    """Share of samples whose class is among the largest outputs.

    Of equal outputs the first is the largest, as in `classes`: coarse converters give many.

    Parameters
    ----------
    outputs : (sample, …, class) array
    labels : (sample, …) array of int
        Negative ones are left out.
    count : int
        Outputs that count.

    Returns
    -------
    float
    """
    counted = labels >= 0
    place = np.maximum(labels, 0)[..., None]
    own = np.take_along_axis(outputs, place, axis=-1)
    before = (outputs == own) & (np.arange(outputs.shape[-1]) < place)
    ahead = ((outputs > own) | before).sum(axis=-1)
    return float(np.mean(((ahead < count) & ~np.isnan(own[..., 0]))[counted]))


def relative_error(outputs: FloatArray, wanted: FloatArray) -> float:
    """Root mean square of a difference, over that of the wanted values.

    Parameters
    ----------
    outputs : (sample, …) array
    wanted : (sample, …) array

    Returns
    -------
    float
    """
    wrong = float(np.square(outputs.astype(np.float64) - wanted).mean())
    size = float(np.square(wanted.astype(np.float64)).mean())
    return math.sqrt(wrong / max(size, TINY))


def most_frequent(labels: IntArray) -> float:
    """Share of the most frequent class.

    Parameters
    ----------
    labels : array of int
        Negative ones are left out.

    Returns
    -------
    float
    """
    counted = labels[labels >= 0]
    return float(np.bincount(counted.ravel()).max() / max(counted.size, 1))


def varying(targets: AnyArray) -> npt.NDArray[np.bool_]:
    """Check which outputs have targets that vary.

    Parameters
    ----------
    targets : (sample, …, output) array

    Returns
    -------
    (output,) array of bool
    """
    rows = targets.reshape(-1, targets.shape[-1])
    return np.asarray(rows.max(axis=0) > rows.min(axis=0))


def _shares(outputs: FloatArray, targets: AnyArray) -> tuple[FloatArray, FloatArray]:
    """Squared error and variance of each output, about the mean over all other axes."""
    exact = np.asarray(targets, np.float64).reshape(-1, targets.shape[-1])
    wrong = np.square(np.asarray(outputs, np.float64).reshape(exact.shape) - exact).mean(axis=0)
    return wrong, exact.var(axis=0)


def _nrmse(outputs: FloatArray, targets: AnyArray) -> float:
    wrong, variance = _shares(outputs, targets)
    return math.sqrt(float(wrong.sum()) / max(float(variance.sum()), TINY))


def _r2(outputs: FloatArray, targets: AnyArray) -> float:
    wrong, variance = _shares(outputs, targets)
    own = varying(targets)  # nothing is explained of what does not vary
    return float(np.mean(1 - wrong[own] / np.maximum(variance[own], TINY)))


def _token_accuracy(outputs: FloatArray, targets: AnyArray) -> float:
    counted = targets >= 0
    return float(np.mean(classes(outputs)[counted] == targets[counted]))


SCORES.enter_own(
    (
        Score(
            name="nrmse", better="lower", whole=False, compute=_nrmse, chance=lambda targets: 1.0
        ),
        Score(name="r2", better="higher", whole=False, compute=_r2, chance=lambda targets: 0.0),
        Score(
            name="token_accuracy", better="higher", whole=True, compute=_token_accuracy,
            chance=most_frequent,
        ),
    )
)  # fmt: skip
