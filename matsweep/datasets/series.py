"""Series of one variable, like those of MNIST-1D, drawn by a seed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from matsweep.core.checks import whole
from matsweep.core.streams import FloatArray
from matsweep.datasets.dataset import Dataset, IntArray, Samples

TRAINING, HELD_OUT = 4000, 1000
LENGTH = 40
"""Points of a series."""

TEMPLATES = np.array(
    [
        [0, 3, 5, 6, 6, 6, 6, 6, 6, 5, 3, 0],
        [0, 0, 1, 2, 4, 6, 6, 4, 2, 1, 0, 0],
        [0, 3, 6, 5, 2, 0, -1, -3, -5, -6, -4, 0],
        [0, 3, 6, 4, 1, 0, 1, 4, 6, 4, 2, 0],
        [0, -2, -4, -6, -6, -3, 0, 3, 6, 6, 4, 0],
        [0, 6, 6, 5, 5, 4, 3, 3, 2, 2, 1, 0],
        [0, -3, -5, -6, -6, -6, -6, -6, -6, -5, -3, 0],
        [0, 1, 2, 2, 3, 3, 4, 5, 5, 6, 6, 0],
        [0, 4, 5, 2, -2, -5, -5, -2, 2, 5, 4, 0],
        [0, -4, -5, -2, 2, 5, 5, 2, -2, -5, -4, 0],
    ]
) / 14.0  # fmt: skip
"""Shape of twelve points of each class; our own, as the paper draws its shapes without numbers."""

_GRID = 72  # points between which noise is smooth
_PADDING = (36, 60)  # points behind the twelve of a shape: it fills 1/4 to 1/6 of a series
_SHIFT = 48 / 72  # largest shift, in lengths of a series
_SCALE = 0.4  # width of the range of scale factors, about 1
_SMOOTH_NOISE, _SMOOTHING = 0.25, 2.0  # before smoothing; points of the grid
_NOISE = 0.02  # of each point
_SLOPE = 0.75  # width of the range of slopes, per length
_RANGE = (-0.7, 0.7)
"""Values that become 0 and 1; those beyond are clipped."""
_STEPS = 4096


@dataclass(frozen=True, kw_only=True)
class Series(Dataset, kind="series"):
    """Series of 40 points in ten classes, 4,000 for training and 1,000 held out.

    One of ten shapes of twelve points is padded, scaled, shifted and tilted, with smooth noise
    around it and white noise everywhere, as the paper describes; the ranges of these changes are
    the defaults of its authors' generator, the shapes and the program are our own. Accuracies are
    therefore near, but not those of MNIST-1D. Classes take turns, so that the first 10 n samples
    have n of each.

    Parameters
    ----------
    seed : int
        Of all that is drawn.

    References
    ----------
    S. Greydanus, D. Kobak, Scaling down deep learning with MNIST-1D, arXiv:2011.14439 (2020,
    2024).
    """

    samples: ClassVar[int | None] = TRAINING + HELD_OUT
    inputs: ClassVar[int] = LENGTH
    classes: ClassVar[int] = len(TEMPLATES)
    axes: ClassVar[tuple[int, ...] | None] = (LENGTH,)

    seed: int = 0

    def check(self) -> None:
        """Refuse parameters out of their range."""
        super().check()
        whole("seed", self.seed, low=0, high=2**32 - 1)

    def files(self) -> dict[str, Path]:
        """Return none: the seed decides the samples."""
        return {}

    def read(self) -> Samples:
        """Draw the series."""
        labels = np.arange(TRAINING + HELD_OUT) % len(TEMPLATES)
        series = _between(draw(labels, self.seed))
        return Samples(series[:TRAINING], labels[:TRAINING], series[TRAINING:], labels[TRAINING:])


def draw(labels: IntArray, seed: int) -> FloatArray:
    """Draw a series of each label's class.

    Parameters
    ----------
    labels : (sample,) int64 array
    seed : int

    Returns
    -------
    (sample, point) array
        Shapes have values in [-0.5, 0.5] before they are changed.
    """
    from scipy.ndimage import gaussian_filter1d

    uniform = _Uniform(seed)
    count = len(labels)
    padding = _PADDING[0] + np.floor(uniform(count) * (_PADDING[1] - _PADDING[0] + 1))
    width = TEMPLATES.shape[1] / (TEMPLATES.shape[1] + padding)
    scale = 1 + _SCALE * (uniform(count) - 0.5)
    start = _SHIFT * uniform(count)
    slope = _SLOPE * (uniform(count) - 0.5)
    smooth = gaussian_filter1d(_SMOOTH_NOISE * uniform.normal(count, _GRID), _SMOOTHING)
    white = _NOISE * uniform.normal(count, LENGTH)

    time = np.linspace(0, 1, LENGTH)
    grid, points = np.linspace(0, 1, _GRID), np.linspace(0, 1, TEMPLATES.shape[1])
    series = np.empty((count, LENGTH))
    for row, label in enumerate(labels):
        within = (time - start[row]) / width[row]
        series[row] = np.where(
            (within >= 0) & (within <= 1),
            scale[row] * np.interp(within, points, TEMPLATES[label]),
            np.interp(time, grid, smooth[row]),
        )
    return series + white + slope[:, None] * (time - 0.5)


class _Uniform:
    """Uniform and normal numbers of a seed.

    They are made of the words of a counter-based generator, whose stream NumPy keeps between
    versions, which it does not promise for distributions.
    """

    def __init__(self, seed: int) -> None:
        self._generator = np.random.Philox(key=seed)

    def __call__(self, *shape: int) -> FloatArray:
        """Draw numbers in (0, 1) of a shape."""
        words = self._generator.random_raw(int(np.prod(shape)))
        return (np.asarray(words >> np.uint64(11), float) + 0.5).reshape(shape) * 2.0**-53

    def normal(self, *shape: int) -> FloatArray:
        """Draw standard normal numbers of a shape."""
        from scipy.special import ndtri

        return np.asarray(ndtri(self(*shape)))


def _between(series: FloatArray) -> FloatArray:
    """Scale series to [0, 1], in steps, so that last digits of libraries decide no sample."""
    low, high = _RANGE
    scaled = np.clip((series - low) / (high - low), 0, 1)
    return np.asarray(np.round(scaled * _STEPS) / _STEPS)
