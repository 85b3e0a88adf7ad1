"""Energies by the source of ADC costs, and what of a ranking rests on the source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matsweep.analysis.attributes import converter_costs
from matsweep.analysis.objectives import Objectives, directions, front, judged, weighed
from matsweep.analysis.view import View

METRICS = ("training_energy", "energy")
"""Metrics that rest on ADC costs: with `_by_source`, along `adc_source`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AdcSources:
    """Mean energy by each source of ADC costs.

    Parameters
    ----------
    view : View
    metric : str
        "energy" of one inference, or "training_energy" where a study weighs that.
    names : tuple of str
        Sources that have the bits of at least one done candidate.
    energy : (candidate, source) array, J
        Not a number where a source does not have the candidate's bits.
    used : str or None
        Source of the study's costs; None where it is swept or not stored.
    """

    view: View
    metric: str
    names: tuple[str, ...]
    energy: NDArray[np.float64]
    used: str | None

    def of(self, row: int) -> dict[str, float]:
        """Return the energies of one candidate, lowest first.

        Parameters
        ----------
        row : int
            Position.

        Returns
        -------
        dict of str to float, J
        """
        known = {
            name: float(energy)
            for name, energy in zip(self.names, self.energy[row], strict=True)
            if np.isfinite(energy)
        }
        return dict(sorted(known.items(), key=lambda item: item[1]))

    def lowest(self) -> dict[str, int]:
        """Return the candidate of least energy by each source that knows all of them.

        Of those that are compared and useful, if any is; see `judged`.

        Returns
        -------
        dict of str to int
            Positions; of equal ones the first.
        """
        done = np.flatnonzero(self.view.compared & ~judged(self.view).useless)
        return {
            name: int(done[np.argmin(column)])
            for name, column in zip(self.names, self.energy[done].T, strict=True)
            if column.size and np.isfinite(column).all()
        }

    def staying(self, objectives: Objectives | None = None) -> dict[str, int]:
        """Count the Pareto-optimal candidates that are so by another source, too.

        Parameters
        ----------
        objectives : names or mapping, optional
            As in `front`.

        Returns
        -------
        dict of str to int
            By the other sources that know all done candidates; empty where the metric is no
            objective.
        """
        if self.metric not in directions(self.view, objectives):
            return {}
        now = front(self.view, objectives)
        counts = {}
        for number, name in enumerate(self.names):
            if name == self.used or not np.isfinite(self.energy[self.view.done, number]).all():
                continue
            other = self.view.summary[self.metric].copy(data=self.energy[:, number])
            there = front(self.view.assign(**{self.metric: other}), objectives)
            counts[name] = int(np.count_nonzero(now & there))
        return counts


def adc_sources(view: View) -> AdcSources | None:
    """Return the energies of a study by source.

    Parameters
    ----------
    view : View

    Returns
    -------
    AdcSources or None
        None where the results hold none, or no candidate is done.
    """
    weighs = [name for name in METRICS if name in weighed(view)] or ["energy"]
    metric = weighs[0]
    by_source = f"{metric}_by_source"
    if by_source not in view.ds or "adc_source" not in view.ds.coords or not view.done.any():
        return None
    values = view.at_time[by_source]
    others = [dim for dim in values.dims if dim not in ("candidate", "adc_source")]
    mean = values.mean(others, skipna=True).transpose("candidate", "adc_source")
    energy = np.asarray(mean.values, dtype=np.float64)
    names = [str(name) for name in view.ds["adc_source"].values]
    kept = np.flatnonzero(np.isfinite(energy[view.done]).any(axis=0))
    stored = converter_costs(view.ds)
    swept = "periphery.adc_source" in view.ds.coords
    return AdcSources(
        view=view,
        metric=metric,
        names=tuple(names[index] for index in kept),
        energy=energy[:, kept],
        used=None if swept or stored is None else str(stored.get("used")),
    )
