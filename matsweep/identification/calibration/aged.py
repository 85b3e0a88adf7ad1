"""Retention and endurance of a file: the parameter of a material that they give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.codec import build
from matsweep.core.printing import counted
from matsweep.core.streams import FloatArray
from matsweep.core.units import engineering, estimate
from matsweep.devices import Endurance, Retention
from matsweep.identification.fitting import (
    DriftFit,
    EnduranceEstimate,
    Estimate,
    decayed,
    departs,
    departures,
    fit_drift,
    fit_endurance,
    fit_retention,
    resolved,
    scatter,
)
from matsweep.identification.fitting.summary import summary
from matsweep.identification.measurements import EnduranceData, RetentionData

_BETTER = 0.8  # of the misfit of a decay, below which a power law takes its place
_APART = 2.0  # between first reads of traces: two groups of states, as of LRS and HRS
_PASSES = 3  # of the choice of traces above a fitted stable state
_FREEDOM = 4  # degrees of freedom of a fit whose residuals limit the noise of reads
_FAR = 3.0  # times that limit: more than noise in a trace of few reads
_ALIKE = 2.0  # standard errors within which a stretch is 1
_EQUAL = 0.01  # standard deviation of ln(half window) below which devices are alike to anyone
_ERRORS = {"time": "s", "activation_ev": "eV", "stretch": ""}


class Ageing(Protocol):
    """Ageing as a file shows it: the parameter of a material that describes it.

    Attributes
    ----------
    name : str
        Of the file.
    parameter : str
        Of the device: "drift", "retention" or "endurance".
    values : mapping of str to (float or None)
        As a material states it.
    note : str
        Values with their standard errors, for the material's origins.
    misfit : str or None
        By how much the law departs from its data; None where it describes them.
    """

    @property
    def name(self) -> str:
        """Name of the file."""

    @property
    def parameter(self) -> str:
        """Parameter of the device."""

    @property
    def values(self) -> Mapping[str, float | None]:
        """Values of the parameter, as a material states it."""

    @property
    def note(self) -> str:
        """Values with their standard errors."""

    @property
    def misfit(self) -> str | None:
        """Departure of the law from its data, in words."""

    def cautions(self) -> list[str]:
        """Reservations on the fit, sentences that follow a colon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionFit:
    """States against time, with their drift and, at stated temperatures, their decay.

    Parameters
    ----------
    data : RetentionData
    drift : DriftFit
        Of all traces.
    decay : Estimate or None
        Of `decaying`; None where no temperatures are stated, or no trace begins above the range of
        the material.
    decaying : tuple of int
        Indices of the traces of the decay: those that begin above the stable state.
    floor : {"fitted", "stated", "assumed", "range"}
        Origin of the stable state: the data; the user; the lower end of the range, or 0, because
        no trace approaches it; the end of the range that the fitted one lies beyond.
    beyond : float or None, S
        The fitted stable state, where it lies beyond the material's range.
    steeper : tuple of (float, float) or None
        A fitted stretch above 1 with its standard error; the decay has a stretch of 1 then, the
        most that `device.retention` takes.
    ends : tuple of (float, float) or None, S
        Range of the material, of which its `retention.stable` is a fraction; None where it is not
        known.
    noise : float
        Upper limit of the noise of reads, from a decay with free stretch and stable state; inf
        where the traces permit none.
    """

    data: RetentionData
    drift: DriftFit
    decay: Estimate | None
    decaying: tuple[int, ...] = ()
    floor: Literal["fitted", "stated", "assumed", "range"] = "fitted"
    beyond: float | None = None
    steeper: tuple[float, float] | None = None
    ends: tuple[float, float] | None = None
    noise: float = float("inf")

    def __repr__(self) -> str:
        title = f"RetentionFit of {self.name}: {self.parameter}"
        return summary(title, self.values, self.errors, self.misfit, notes=self.data.notes)

    @property
    def decays(self) -> bool:
        """Whether a decay to the stable state is seen, and no power law describes it better."""
        if self.decay is None or not _seen(self.decay):
            return False
        if self.drift.failings() and not self._departs(self.scatter):
            return True
        return self.drift.misfit >= _BETTER * self.decay.misfit

    def _departs(self, noise: float) -> bool:
        """Whether the decay departs from its data by more than a noise of reads explains."""
        assert self.decay is not None
        return departs(decayed(self._decaying, self.decay)[1], noise)

    @property
    def stable(self) -> float:
        """Conductance that the decay approaches, S; 0 where no temperatures are stated."""
        return 0.0 if self.decay is None else self.decay.values["stable"]

    @property
    def scatter(self) -> float:
        """Noise of reads, of ln G; an upper limit where reads are few."""
        return float(np.nanmin([scatter(self.data.traces), self.noise]))

    @property
    def starts(self) -> FloatArray:
        """Fitted starts, S, of the traces that decay; (trace,), nan for the others."""
        starts = np.full(len(self.data.traces), np.nan)
        if self.decay is not None and self.decays:
            starts[list(self.decaying)] = decayed(self._decaying, self.decay)[0]
        return starts

    @property
    def _decaying(self) -> RetentionData:
        return _part(self.data, self.decaying)

    @property
    def law(self) -> Retention:
        """The decay as a device has it; none where it is not seen."""
        if not self.decays:
            return Retention()
        return build(Retention, dict(self.values))

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.data.name

    @property
    def parameter(self) -> str:
        """Retention where a decay is seen, else drift."""
        return "retention" if self.decays else "drift"

    @property
    def fraction(self) -> float | None:
        """Stable state as a fraction of the material's range; None where the range is not known."""
        if self.ends is None:
            return None
        low, high = self.ends
        return min(max((self.stable - low) / (high - low), 0.0), 1.0)

    @property
    def values(self) -> Mapping[str, float | None]:
        """Values that the data determine, as a material states them."""
        if self.decay is None or not self.decays:
            drift = self.drift
            return {"nu": drift.mean, "spread": drift.spread, "time_zero": drift.time_zero}
        fit, share = self.decay, self.fraction
        known = {
            name: fit.values[name]
            for name in ("time", "activation_ev", "temperature", "stretch")
            if np.isfinite(fit.errors.get(name, 0.0))
        }
        if self._colder:
            del known["activation_ev"]  # of which a device takes positive ones only
        return known if share is None else {**known, "stable": share}

    @property
    def errors(self) -> Mapping[str, float]:
        """Standard errors of the values, infinite where the data do not determine one."""
        if self.decay is None or not self.decays:
            return {"nu": self.drift.mean_error, "spread": self.drift.spread_error}
        return self.decay.errors

    @property
    def note(self) -> str:
        """Values with their standard errors, and the origin of the stable state."""
        traces = counted(len(self.data.traces), "trace")
        if self.decay is None or not self.decays:
            drift = self.drift
            text = (
                f"from {self.name}, {traces}: exponent {estimate(drift.mean, drift.mean_error)}, "
                f"between traces {estimate(drift.spread, drift.spread_error)}"
            )
            if drift.mean < 0:
                text += " (the conductance rises)"
        else:
            parts = [_sure(self.decay, *_ERRORS.items()), f"stable {self.approached}"]
            if self.steeper is not None:
                parts.append(self.held)
            text = f"from {self.name}, {traces}: {', '.join(parts)}"
        return text if self.misfit is None else f"{text}; {self.misfit}"

    @property
    def approached(self) -> str:
        """The stable state with its error or its origin, in words."""
        text = engineering(self.stable, "S")
        if self.floor == "stated":
            return f"{text} (stated)"
        if self.floor == "assumed":
            at = "0" if self.ends is None else "the lower end of the range"
            return f"not determined, taken as {text} ({at})"
        if self.beyond is not None:
            return f"{text} (end of the range; fitted {engineering(self.beyond, 'S')})"
        assert self.decay is not None
        return f"{text} ± {engineering(self.decay.errors['stable'], 'S', 2)} (fitted)"

    @property
    def held(self) -> str:
        """A fitted stretch above 1, in words."""
        assert self.steeper is not None
        value, error = self.steeper
        alike = "" if value - 1 > _ALIKE * error else ", which is 1 within its error"
        return f"stretch held at 1, fitted {value:.3g} ± {error:.2g}{alike}"

    @property
    def describes(self) -> bool:
        """Whether the law describes its data."""
        return self.misfit is None

    @property
    def misfit(self) -> str | None:
        """Departure of the law from its data, in words; None where it describes them."""
        if self.decay is None or not self.decays:
            texts = self.drift.failings()
            wide = self.drift.misfit
            if not texts and self.drift.unchecked and wide > _FAR * self.noise:
                texts = [f"the power law is off by {wide:.2g}, reads scatter by {self.noise:.2g}"]
            return "; ".join(texts) or None
        noise = self.scatter
        texts = list[str]()
        if self._departs(noise):
            off = f"{self.decay.misfit:.2g} of the conductance"
            texts.append(f"the law is off by {off}, reads scatter by {noise:.2g}")
        if self._colder:
            texts.append(
                "states decay faster at lower temperatures, which no activation energy describes"
            )
        return "; ".join(texts) or None

    def cautions(self) -> list[str]:
        """Reservations on the fit, for the output and the material alike.

        Returns
        -------
        list of str
            Sentences, each to follow a colon.
        """
        if self.decay is None or not self.decays:
            own = self.drift.cautions() if self.describes else []
            return [*self._outside, *own]
        texts = []
        if self.floor == "assumed":
            at = "0" if self.ends is None else "the lower end of the material's range"
            texts.append(
                "stable state: not determined, for no trace approaches it; taken as "
                f"{engineering(self.stable, 'S')}, {at}, on which the other values depend."
            )
        if self.beyond is not None:
            texts.append(
                f"stable state: fitted {engineering(self.beyond, 'S')}, beyond the range of the "
                f"material; its device decays towards {engineering(self.stable, 'S')}, the end of "
                "the range, to which the other values belong."
            )
        if self.steeper is not None:
            texts.append(f"{self.held}: device.retention takes no more.")
        missing = [name for name, error in self.decay.errors.items() if not np.isfinite(error)]
        if missing:
            texts.append(f"not determined, and left to the device: {', '.join(missing)}.")
        decaying = self._decaying.traces
        if not resolved(decaying) and self._departs(0.0) and not self._departs(self.scatter):
            texts.append(
                f"too few reads to check the decay: its departure of {self.decay.misfit:.2g} of "
                "the conductance may be noise or a wrong law."
            )
        return texts

    @property
    def _outside(self) -> list[str]:
        """Say that no trace begins above the state towards which the device decays."""
        timed = all(trace.temperature is not None for trace in self.data.traces)
        if self.decay is not None or self.ends is None or not timed:
            return []
        upper = self.beyond is not None and self.beyond > self.ends[1]
        end = engineering(self.ends[upper], "S")
        return [
            f"no decay is fitted: all states measured begin at or below {end}, the "
            f"{'upper' if upper else 'lower'} end of the material's range."
        ]

    @property
    def _colder(self) -> bool:
        """Whether the fitted activation energy is negative."""
        fit = self.decay
        return (
            fit is not None
            and bool(np.isfinite(fit.errors["activation_ev"]))
            and fit.values["activation_ev"] < 0
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EnduranceFit:
    """Windows against cycles, with the law of their closing.

    Parameters
    ----------
    data : EnduranceData
    fit : EnduranceEstimate
    assumed : tuple of str
        Values that the data do not determine: those of `devices.Endurance` are taken.
    """

    data: EnduranceData
    fit: EnduranceEstimate
    assumed: tuple[str, ...] = ()

    def __repr__(self) -> str:
        title = f"EnduranceFit of {self.name}: {self.parameter}"
        return summary(title, self.values, self.errors, self.misfit, notes=self.data.notes)

    @property
    def closes(self) -> bool:
        """Whether the window closes within the cycles measured."""
        return self.fit.closes

    @property
    def law(self) -> Endurance:
        """The closing as a device has it; none where the window stays open."""
        return build(Endurance, dict(self.values))

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.data.name

    @property
    def parameter(self) -> str:
        """Endurance."""
        return "endurance"

    @property
    def values(self) -> Mapping[str, float | None]:
        """Values as a material states them; no half window where it does not close.

        Where no closing is fitted to a window that narrows all the same, the half window is the
        first cycle at which half of the window is lost.
        """
        if not self.closes:
            return {"half_window": None if self.describes else self.lost}
        names = ("half_window", "steepness", "towards")
        return {name: self.fit.values[name] for name in names if name not in self.assumed}

    @property
    def errors(self) -> Mapping[str, float]:
        """Standard errors of the values, infinite where the data do not determine one."""
        return self.fit.errors

    @property
    def describes(self) -> bool:
        """Whether the law describes its data."""
        return self.misfit is None

    @property
    def misfit(self) -> str | None:
        """Departure of the law from its data, in words; None where it describes them."""
        found = departures(self.data, self.fit)
        off = [
            f"{state} by {found[state].size:.2g} of the conductance, {found[state].scatters}"
            for state in ("ON", "OFF") if found[state].seen
        ]  # fmt: skip
        if not off:
            return None
        law = "the law" if self.closes else "a window that stays open"
        return f"{law} is off by {found['window'].size:.2g} of the window ({'; '.join(off)})"

    @property
    def lost(self) -> float | None:
        """First cycle at which half of the first window is lost, of the median device.

        Of three neighbouring reads the middle one counts; None where most devices keep it.
        """
        cycles = []
        for name in np.unique(self.data.device):
            own = np.flatnonzero(self.data.device == name)
            own = own[np.argsort(self.data.cycle[own], kind="stable")]
            width = (self.data.on - self.data.off)[own]
            middle = np.median([width[:-2], width[1:-1], width[2:]], axis=0)
            gone = np.flatnonzero(middle < middle[0] / 2) if middle.size else np.empty(0, int)
            first = max(float(self.data.cycle[own][gone[0] + 1]), 1.0) if gone.size else np.inf
            cycles.append(first)
        life = float(np.sort(cycles)[(len(cycles) - 1) // 2])
        return life if np.isfinite(life) else None

    @property
    def lives(self) -> str | None:
        """Half windows of the devices, in words; None where one is fitted to all."""
        fit = self.fit
        if not fit.own:
            return None
        if fit.spread > max(fit.spread_error, _EQUAL):
            text = (
                f"half windows differ between devices by a factor of {np.exp(fit.spread):.2g} "
                f"(standard deviation of ln {fit.spread:.2g} ± {fit.spread_error:.2g})"
            )
        else:
            text = "half windows of the devices are equal within their errors"
        if fit.open_devices:
            text += (
                f"; {fit.open_devices} of {counted(len(fit.devices), 'device')} stay open within "
                "their cycles"
            )
        return text

    def cautions(self) -> list[str]:
        """Reservations on the fit, for the output and the material alike.

        Returns
        -------
        list of str
            Sentences, each to follow a colon.
        """
        if not self.closes:
            return []
        value = self.fit.values
        texts = [
            f"{name} is not determined: it is not written, and the half window holds for "
            f"{name}={value[name]:g}, as devices have it."
            for name in self.assumed
        ]
        if value["half_window"] > value["most"]:
            texts.append(f"extrapolated: {value['most']:.3g} cycles were measured.")
        return texts

    @property
    def note(self) -> str:
        """Values with their standard errors."""
        devices = counted(np.unique(self.data.device).size, "device")
        text = f"the window does not close within {self.fit.values['most']:.3g} cycles"
        if not self.closes and self.misfit is not None:
            at = self.values["half_window"]
            text = "no closing is determined" if at is None else (
                f"no closing is determined, half of the window is first lost at {at:.3g} cycles"
            )  # fmt: skip
        if self.closes:
            units = {"half_window": "cycles", "steepness": "", "towards": ""}
            parts = [_sure(self.fit, *((k, v) for k, v in units.items() if k not in self.assumed))]
            parts += [f"{name} not determined" for name in self.assumed]
            if self.fit.abrupt:
                parts.append(f"steepness at least {self.fit.values['steepness']:.2g}")
            if self.lives is not None:
                parts.append(self.lives)
            text = ", ".join(parts)
        text = f"from {self.name}, {devices}: {text}"
        return text if self.misfit is None else f"{text}; {self.misfit}"


def calibrate_retention(
    data: RetentionData, *, stable: float | None = None, ends: tuple[float, float] | None = None
) -> RetentionFit:
    """Fit drift and, at stated temperatures, retention.

    Parameters
    ----------
    data : RetentionData
    stable : float or None, S
        Conductance that a decay approaches. None: fitted; where no trace approaches it, the lower
        end of the material's range, or 0.
    ends : tuple of (float, float) or None, S
        Range of the material; None where it is not known.

    Returns
    -------
    RetentionFit

    Raises
    ------
    UserError
        If a trace has too few points, or the stable state lies beyond the range of the material.
    """
    if stable is not None and ends is not None and not ends[0] <= stable <= ends[1]:
        low, high = (engineering(end, "S") for end in ends)
        raise UserError(
            f"g_min [S], the stable state, must lie within the range of the material, {low} to "
            f"{high}, got {engineering(stable, 'S')}: its device decays towards no other state; "
            "leave g_min out to fit the stable state"
        )
    drift = fit_drift(data)
    if any(trace.temperature is None for trace in data.traces):
        return RetentionFit(data=data, drift=drift, decay=None, ends=ends)
    found = _decay(data, drift, stable, ends, None)
    fitted = found.decay
    if fitted is None or not _seen(fitted) or fitted.values["stretch"] <= 1:
        return found
    steeper = fitted.values["stretch"], fitted.errors["stretch"]
    return replace(_decay(data, drift, stable, ends, 1.0), steeper=steeper, noise=found.noise)


def _decay(
    data: RetentionData,
    drift: DriftFit,
    stable: float | None,
    ends: tuple[float, float] | None,
    stretch: float | None,
) -> RetentionFit:
    """Fit the decay, and decide which stable state it has."""
    found = RetentionFit(data=data, drift=drift, decay=None, ends=ends, floor="stated")
    if stable is not None:
        held = _held(found, stable, stretch)
        states = _part(data, held.decaying)
        return replace(held, noise=_limit(states, fit_retention(states)))
    free, kept = _free(data, stretch)
    found = replace(found, noise=_limit(_part(data, kept), free))
    low, high = ends or (0.0, np.inf)
    if not np.isfinite(free.errors["stable"]):
        return _held(replace(found, floor="assumed"), low, stretch)
    floor = free.values["stable"]
    if low <= floor <= high:
        return replace(found, decay=free, decaying=kept, floor="fitted")
    return _held(replace(found, floor="range", beyond=floor), low if floor < low else high, stretch)


def _held(found: RetentionFit, stable: float, stretch: float | None) -> RetentionFit:
    """Fit the decay of the traces above a stable state towards it; none where there are none.

    A stated state that no trace begins above is refused.
    """
    above = [k for k, trace in enumerate(found.data.traces) if trace.conductance[0] > stable]
    if not above and found.floor != "stated":
        return found
    kept = tuple(above or range(len(found.data.traces)))
    fit = fit_retention(_part(found.data, kept), stable=stable, stretch=stretch)
    return replace(found, decay=fit, decaying=kept)


def _free(data: RetentionData, stretch: float | None) -> tuple[Estimate, tuple[int, ...]]:
    """Fit the decay and its stable state; return also the indices of the traces above this.

    The search begins with the upper group of states: those at or below the stable state would
    draw it towards them.
    """
    every = tuple(range(len(data.traces)))
    kept = _upper(data)
    fit = fit_retention(_part(data, kept), stretch=stretch)
    if kept != every and not np.isfinite(fit.errors["stable"]):
        kept, fit = every, fit_retention(data, stretch=stretch)
    for _ in range(_PASSES):
        above = _lying_above(data, fit.values["stable"])
        if above == kept or not np.isfinite(fit.errors["stable"]):
            break
        kept, fit = above, fit_retention(_part(data, above), stretch=stretch)
    return fit, kept


def _upper(data: RetentionData) -> tuple[int, ...]:
    """Return the indices of the traces above the widest gap of first reads; all without a gap.

    Each temperature must have such traces.
    """
    first = np.array([trace.conductance[0] for trace in data.traces])
    ordered = np.sort(first)
    ratio = ordered[1:] / ordered[:-1]
    if first.size < 2 or ratio.max() < _APART:
        return tuple(range(first.size))
    least = ordered[1 + int(np.argmax(ratio))]
    kept = tuple(int(k) for k in np.flatnonzero(first >= least))
    warm = {trace.temperature for trace in data.traces}
    whole = {data.traces[k].temperature for k in kept} == warm
    return kept if whole else tuple(range(first.size))


def _lying_above(data: RetentionData, stable: float) -> tuple[int, ...]:
    """Return the indices of traces whose first read and mean lie above a state; all if none do."""
    above = [
        k
        for k, trace in enumerate(data.traces)
        if min(trace.conductance[0], np.exp(np.mean(np.log(trace.conductance)))) > stable
    ]
    return tuple(above or range(len(data.traces)))


def _part(data: RetentionData, kept: tuple[int, ...]) -> RetentionData:
    return replace(data, traces=tuple(data.traces[k] for k in kept))


def _limit(data: RetentionData, fit: Estimate) -> float:
    """Noise of reads, from the residuals of a fit of all parameters, which any misfit increases."""
    reads = sum(trace.time.size for trace in data.traces)
    freedom = reads - len(fit.errors) - len(data.traces)
    return fit.misfit * float(np.sqrt(reads / freedom)) if freedom >= _FREEDOM else float("inf")


def _seen(fit: Estimate) -> bool:
    """Whether a decay is seen: its time and its stretch are determined, or held."""
    return all(np.isfinite(fit.errors.get(name, 0.0)) for name in ("time", "stretch"))


def calibrate_endurance(data: EnduranceData) -> EnduranceFit:
    """Fit the closing of the window.

    Parameters
    ----------
    data : EnduranceData

    Returns
    -------
    EnduranceFit
        Steepness and direction that the data do not determine are those of `devices.Endurance`,
        and the half window is fitted with these.
    """
    fit, law = fit_endurance(data), Endurance()
    defaults = {"steepness": law.steepness, "towards": law.towards}
    assumed = {k: v for k, v in defaults.items() if not np.isfinite(fit.errors.get(k, 0.0))}
    if assumed and np.isfinite(fit.errors["half_window"]):
        return EnduranceFit(data=data, fit=fit_endurance(data, **assumed), assumed=tuple(assumed))
    return EnduranceFit(data=data, fit=fit)


def _sure(fit: Estimate, *names: tuple[str, str]) -> str:
    """Write values with their errors, by name and unit."""
    parts = []
    for name, unit in names:
        error = fit.errors.get(name)
        if error is None:
            continue
        if np.isfinite(error):
            text = f"{name} {fit.values[name]:.3g} ± {error:.2g} {unit}"
        else:
            text = f"{name} not determined"
        parts.append(text.rstrip())
    return ", ".join(parts)
