"""Scaling of inputs to [0, 1], the range of the word lines' converters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from matsweep.core.checks import UserError, one_of
from matsweep.core.streams import FloatArray
from matsweep.datasets.dataset import Dataset

_WAYS = {
    "column": "by column",
    "global": "by one range for all inputs",
}
"""Ways to scale inputs, in words."""


@dataclass(frozen=True, kw_only=True)
class Scaled(Dataset):
    """A set whose inputs are in any unit.

    The least and the largest value are those of the training samples alone: test samples decide
    nothing. Test inputs beyond them are clipped to 0 or 1, as a converter does whose full scale
    was set with the training samples.

    Parameters
    ----------
    scaling : "column", "global", "none" or None
        Each column (input) between its own least and largest value, which suits a table of
        quantities in different units; all inputs between one least and one largest value, which
        keeps the ratios between the pixels of an image; or inputs as they are, in [0, 1]. None:
        `column` for a table of one row a sample, `global` where a sample has more axes. A column
        that is constant in training is 0.
    """

    source: ClassVar[str] = "path"
    """Parameter that names the file, for messages."""

    scaling: str | None = None

    def check(self) -> None:
        """Refuse parameters out of their range."""
        super().check()
        if self.scaling is not None:
            one_of("scaling", self.scaling, (*_WAYS, "none"))

    @property
    def preparation(self) -> str:
        """Description of the changes to the inputs."""
        if self.scaling == "none":
            return super().preparation
        if self.scaling is None:
            way = f"{_WAYS['column']} (a table) or {_WAYS['global']} (images)"
        else:
            way = _WAYS[self.scaling]
        text = (
            f"inputs are scaled to [0, 1] {way}, from the least to the largest value of the "
            "training samples; test inputs beyond these are clipped"
        )
        return "; ".join(filter(None, [text, super().preparation]))

    def scaled(self, train: FloatArray, test: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Scale inputs to [0, 1].

        Parameters
        ----------
        train : (sample, …) array
        test : (sample, …) array

        Returns
        -------
        train, test : (sample, …) arrays
            In [0, 1].

        Raises
        ------
        UserError
            If no input varies between training samples, or inputs that are not to be scaled are
            beyond [0, 1].
        """
        how = self.scaling or ("column" if train.ndim == 2 else "global")
        if how == "none":
            least, most = min(train.min(), test.min()), max(train.max(), test.max())
            if least < 0 or most > 1:
                raise UserError(
                    "scaling must be column or global where inputs are beyond [0, 1], got none "
                    f"and inputs from {least:g} to {most:g}"
                )
            return train, test
        axis = 0 if how == "column" else None
        low, high = np.asarray(train.min(axis)), np.asarray(train.max(axis))
        return between(self.source, train, test, low, high)


def between(
    name: str,
    train: FloatArray,
    test: FloatArray,
    low: FloatArray,
    high: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Scale inputs to (x - low) / (high - low), clipped to [0, 1]; 0 where low = high.

    Parameters
    ----------
    name : str
        Parameter that names their file, for messages.
    train : (sample, …) array
    test : (sample, …) array
    low : (…) or () array
    high : (…) or () array

    Returns
    -------
    train, test : (sample, …) arrays

    Raises
    ------
    UserError
        If low = high everywhere, or their difference overflows.
    """
    with np.errstate(over="ignore"):
        spread = high - low
        if not np.any(spread > 0):
            raise UserError(
                f"{name} must hold inputs that vary between training samples, got the same in all"
            )
        if not np.isfinite(spread).all():
            raise UserError(
                f"{name} must hold inputs within a range below 1.8e308, got "
                f"{np.min(low):g} to {np.max(high):g}"
            )
        safe = np.where(spread > 0, spread, 1)
        first, second = (
            np.where(spread > 0, np.clip((part - low) / safe, 0, 1), 0) for part in (train, test)
        )
    return first, second
