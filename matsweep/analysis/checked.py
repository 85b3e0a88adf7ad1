"""Result of the check of a stated region by new candidates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matsweep.analysis.studytable import Numbers

_LUCK = 0.05  # probability of so many misses below which a region is called too wide


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checked:
    """Results of new candidates at the edges of a stated region.

    Parameters
    ----------
    region : {"jointly", "surely"}
        The box of `Requirements` that was checked.
    expected : (n,) array
        Probability of each result to meet the target, by the fit and the result's own error.
    points : (n, parameter) array
        In the parameters' units.
    values, errors : (n,) array
        Mean of the metric over realisations, and its standard error.
    met : (n,) array of bool
    worst : str
        Parameters of the candidate that misses most, in words.
    missed : str
        By how much, in words; empty where none misses.
    failed : int
        Candidates without a result: they failed, or cannot be built.
    store : str
        Place of their results.
    """

    region: str
    expected: Numbers
    points: Numbers
    values: Numbers
    errors: Numbers
    met: NDArray[np.bool_]
    worst: str
    missed: str
    failed: int
    store: str

    @property
    def luck(self) -> float:
        """Probability of as many misses or more, if each had the probability that the fit states.

        Sum of independent chances; candidates near each other miss together more often than that.
        """
        chances = np.ones(1)
        for probability in self.expected:
            chances = np.convolve(chances, [probability, 1 - probability])
        return float(np.sum(chances[int(np.count_nonzero(~self.met)) :]))

    @property
    def too_wide(self) -> bool:
        """Whether more candidates miss the target than the stated probability allows."""
        return bool(self.luck < _LUCK)

    def lines(self) -> list[str]:
        """Describe the check in words.

        Returns
        -------
        list of str
        """
        count, met = len(self.met), int(np.count_nonzero(self.met))
        if not count:
            return [f"checked: none of the {self.failed} candidates at the edges gave a result"]
        region = (
            "the region that meets it surely" if self.region == "surely" else "the joint region"
        )
        text = f"checked: {count} new candidates at the edges of {region}: {met} "
        text += "meet it" if met != 1 else "meets it"
        if met < count:
            others = count - met
            text += f", {others} {'miss' if others > 1 else 'misses'} by at most {self.missed}"
        lines = [f"{text} ({self.store})"]
        if self.too_wide:
            lines.append(f"the region is too wide: {self.worst}; sweep more points there")
        elif met < count:
            stated = f"{float(np.sum(1 - self.expected)):.1f}"
            lines.append(f"the fit foresaw {stated} misses there: the region holds as stated")
        if self.failed:
            lines.append(f"{self.failed} candidates at the edges gave no result")
        return lines
