"""Split of samples into those for training and those held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError, in_range, whole
from matsweep.core.printing import brief
from matsweep.core.quantities import Dimensionless
from matsweep.core.streams import FloatArray
from matsweep.datasets.dataset import Dataset, Samples, count_classes


@dataclass(frozen=True, kw_only=True)
class Split(Dataset):
    """A set without a given split into training and test samples.

    Parameters
    ----------
    test_fraction : float
        Share of the samples held out, drawn class by class.
    seed : int
        Of the split.
    """

    test_fraction: Dimensionless = 0.2
    seed: int = 0

    def check(self) -> None:
        """Refuse parameters out of their range."""
        super().check()
        in_range("test_fraction", self.test_fraction, 0.01, 0.99)
        whole("seed", self.seed, low=0, high=2**32 - 1)

    def split(self, name: str, inputs: FloatArray, labels: npt.NDArray[Any]) -> Samples:
        """Split samples, and number their classes.

        Parameters
        ----------
        name : str
            Parameter that names their file, for messages.
        inputs : (sample, …) array
        labels : (sample,) array
            Of any sortable type.

        Returns
        -------
        Samples

        Raises
        ------
        UserError
            If there are fewer than two classes, or fewer than two samples of one.
        """
        from sklearn.model_selection import train_test_split

        classes, numbers = count_classes(name, labels)
        counts = np.bincount(numbers)
        least = int(np.argmin(counts))
        if counts[least] < 2:
            raise UserError(
                f"{name} must hold at least two samples of each class, got one of "
                f"{brief(classes[least])} ({len(classes)} classes in all): add samples, or leave "
                "the "
                "class out"
            )
        try:
            a, b, c, d = train_test_split(
                inputs, numbers, test_size=self.test_fraction, random_state=self.seed,
                stratify=numbers,
            )  # fmt: skip
        except ValueError as problem:
            raise UserError(
                "test_fraction must leave samples of each class for training and for test, got "
                f"{self.test_fraction:g} of {len(numbers)} samples in {len(classes)} classes: "
                f"{problem}"
            ) from None
        return Samples(a, c.astype(np.int64), b, d.astype(np.int64))
