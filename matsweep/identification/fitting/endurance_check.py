"""Departure of windows from the law of their closing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.identification.fitting.departure import departs, scatter
from matsweep.identification.fitting.endurance import EnduranceEstimate
from matsweep.identification.measurements import EnduranceData, Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """Residuals of a law with the noise of reads.

    Parameters
    ----------
    residuals : tuple of (n,) array
        Of each device in the order of cycles.
    noise : float
        Of one read; nan where it is not known.
    """

    residuals: tuple[FloatArray, ...]
    noise: float

    @property
    def size(self) -> float:
        """Root mean square of the residuals."""
        return float(np.sqrt(np.mean(np.square(np.concatenate(self.residuals)))))

    @property
    def scatters(self) -> str:
        """Noise of reads, in words."""
        if np.isnan(self.noise):
            return "with too few reads of a device to know their scatter"
        return f"reads scatter by {self.noise:.2g}"

    @property
    def seen(self) -> bool:
        """Whether the law departs from its data, and not only by luck."""
        return departs(self.residuals, self.noise)


def departures(data: EnduranceData, fit: EnduranceEstimate) -> dict[str, Departure]:
    """Residuals of both states against the fitted law, with the scatter of reads.

    Parameters
    ----------
    data : EnduranceData
    fit : EnduranceEstimate
        Where its window does not close, residuals are those of a window that stays open.

    Returns
    -------
    dict of str to Departure
        Of the states "ON" and "OFF", and of the window, "window", the width of which is a fraction
        of the fitted first one.
    """
    rest: dict[str, list[FloatArray]] = {"ON": [], "OFF": [], "window": []}
    reads: dict[str, list[Trace]] = {"ON": [], "OFF": []}
    for k, name in enumerate(fit.devices):
        own = np.flatnonzero(data.device == name)
        own = own[np.argsort(data.cycle[own], kind="stable")]
        cycle, on, off = data.cycle[own], data.on[own], data.off[own]
        if fit.closes:
            low, high = fit.law(k, cycle)
        else:
            low, high = (np.full(cycle.size, np.exp(np.mean(np.log(g)))) for g in (off, on))
        rest["ON"].append(np.log(high / on))
        rest["OFF"].append(np.log(low / off))
        first = fit.high[k] - fit.low[k] if fit.closes else high - low
        rest["window"].append((high - low - (on - off)) / first)
        for state, values in (("ON", on), ("OFF", off)):
            reads[state].append(Trace(
                device=name, state=state, temperature=None, time=cycle, conductance=values, line=0,
            ))  # fmt: skip
    return {
        state: Departure(
            residuals=tuple(each), noise=scatter(reads[state]) if state in reads else float("nan")
        )
        for state, each in rest.items()
    }
