"""Retention and endurance of a file: the parameter of a material that they give, and tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from rich.console import Console
from rich.table import Table

from matsweep.core.codec import build
from matsweep.core.printing import counted
from matsweep.core.units import engineering
from matsweep.devices import Endurance, Retention
from matsweep.identification.fitting import (
    DriftFit,
    Estimate,
    fit_drift,
    fit_endurance,
    fit_retention,
)
from matsweep.identification.measurements import EnduranceData, RetentionData

_SHOWN = 4  # significant digits
_DEPARTURE, _LEAST_MISFIT = 2.0, 0.02  # times the noise of reads; of the conductance


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionFit:
    """States against time, with their drift and, at stated temperatures, their decay.

    Parameters
    ----------
    data : RetentionData
    drift : DriftFit
        Of all traces.
    decay : Estimate or None
        Of the traces that begin above the stable state; None where no temperatures are stated.
    stable : float, S
        Conductance that the decay approaches.
    span : float or None, S
        Range of the material, of which its `retention.stable` is a fraction, from `bottom`; None
        where it is not known.
    bottom : float, S
    """

    data: RetentionData
    drift: DriftFit
    decay: Estimate | None
    stable: float
    span: float | None = None
    bottom: float = 0.0

    @property
    def decays(self) -> bool:
        """Whether a decay to the stable state is seen."""
        errors = {} if self.decay is None else self.decay.errors
        return bool(errors) and bool(np.isfinite([errors["time"], errors["stretch"]]).all())

    @property
    def scatter(self) -> float:
        """Noise of reads, from each one's distance to the mean of its neighbours; of log G."""
        rest = [
            (each[1:-1] - (each[:-2] + each[2:]) / 2) / np.sqrt(1.5)
            for each in (np.log(trace.conductance) for trace in self.data.traces)
        ]
        return float(np.sqrt(np.mean(np.square(np.concatenate(rest)))))

    @property
    def departs(self) -> bool:
        """Whether the decay departs from its data by far more than their noise."""
        if self.decay is None or not self.decays:
            return False
        return self.decay.misfit > max(_DEPARTURE * self.scatter, _LEAST_MISFIT)

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
    def values(self) -> Mapping[str, float | None]:
        """Values that the data determine, as a material states them."""
        if self.decay is None or not self.decays:
            drift = self.drift
            return {"nu": drift.mean, "spread": drift.spread, "time_zero": drift.time_zero}
        fit = self.decay
        known = {k: v for k, v in fit.values.items() if np.isfinite(fit.errors.get(k, 0.0))}
        known["stretch"] = min(known["stretch"], 1.0)
        if self.span is not None and self.stable > self.bottom:
            known["stable"] = min((self.stable - self.bottom) / self.span, 1.0)
        return known

    @property
    def note(self) -> str:
        """Values with their standard errors."""
        traces = counted(len(self.data.traces), "trace")
        if self.decay is None or not self.decays:
            drift = self.drift
            return (
                f"from {self.name}, {traces}: exponent {drift.mean:.3g} ± {drift.mean_error:.2g}, "
                f"between traces {drift.spread:.2g} ± {drift.spread_error:.2g}"
            )
        fitted = (("time", "s"), ("activation_ev", "eV"), ("stretch", ""))
        text = f"from {self.name}, {traces}: {_sure(self.decay, *fitted)}"
        return f"{text}; {self.misfit}" if self.departs else text

    @property
    def misfit(self) -> str:
        """Departure of the decay from its data, in words."""
        off = 0.0 if self.decay is None else self.decay.misfit
        return (
            f"the law is off by {off:.2g} of the conductance, reads scatter by {self.scatter:.2g}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EnduranceFit:
    """Windows against cycles, with the law of their closing.

    Parameters
    ----------
    data : EnduranceData
    fit : Estimate
    """

    data: EnduranceData
    fit: Estimate

    @property
    def closes(self) -> bool:
        """Whether the window closes within the cycles measured."""
        return bool(np.isfinite(self.fit.errors["half_window"]))

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
        """Values as a material states them; no half window where it does not close."""
        if not self.closes:
            return {"half_window": None}
        return {name: self.fit.values[name] for name in ("half_window", "steepness", "towards")}

    @property
    def note(self) -> str:
        """Values with their standard errors."""
        devices = counted(np.unique(self.data.device).size, "device")
        text = f"the window does not close within {self.fit.values['most']:.3g} cycles"
        if self.closes:
            text = _sure(self.fit, ("half_window", "cycles"), ("steepness", ""), ("towards", ""))
        return f"from {self.name}, {devices}: {text}"


def calibrate_retention(
    data: RetentionData, *, stable: float | None = None, ends: tuple[float, float] | None = None
) -> RetentionFit:
    """Fit drift and, at stated temperatures, retention.

    Parameters
    ----------
    data : RetentionData
    stable : float or None, S
        Conductance that a decay approaches; None: the lower end of the material's range, or 0.
    ends : tuple of (float, float) or None, S
        Range of the material; None where it is not known.

    Returns
    -------
    RetentionFit
    """
    low, high = ends or (0.0, 0.0)
    stable = low if stable is None else stable
    decay = None
    if all(trace.temperature is not None for trace in data.traces):
        above = tuple(trace for trace in data.traces if trace.conductance[0] > stable)
        decay = fit_retention(replace(data, traces=above or data.traces), stable=stable)
    return RetentionFit(
        data=data, drift=fit_drift(data), decay=decay, stable=stable,
        span=high - low if ends else None, bottom=low,
    )  # fmt: skip


def calibrate_endurance(data: EnduranceData) -> EnduranceFit:
    """Fit the closing of the window.

    Parameters
    ----------
    data : EnduranceData

    Returns
    -------
    EnduranceFit
    """
    return EnduranceFit(data=data, fit=fit_endurance(data))


def show_retention(found: RetentionFit, console: Console) -> None:
    """Print drift exponents, and the activation of the decay where temperatures are stated.

    Parameters
    ----------
    found : RetentionFit
    console : rich.console.Console
    """
    data, drift, fit = found.data, found.drift, found.decay
    _line(console, f"{data.name}: {counted(len(data.traces), 'trace')}")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("device", "state", "temperature", "drift exponent", "standard error"):
        table.add_column(heading, justify="left" if heading in ("device", "state") else "right")
    for trace, nu, error in zip(data.traces, drift.nu, drift.nu_error, strict=True):
        kelvin = "" if trace.temperature is None else engineering(trace.temperature, "K")
        table.add_row(trace.device, trace.state, kelvin, f"{nu:.4g}", f"{error:.2g}")
    console.print(table)
    _line(
        console,
        f"drift over all traces: {drift.mean:.4g} ± {drift.mean_error:.2g}, between them "
        f"{drift.spread:.2g} ± {drift.spread_error:.2g}",
    )
    if fit is None:
        return
    console.print()
    if not found.decays:
        _line(console, "no decay to a stable state is seen within the measured times")
        return
    below = sum(trace.conductance[0] <= found.stable for trace in data.traces)
    if below:
        _line(
            console,
            f"{counted(below, 'trace')} that begin at or below the stable state "
            f"({engineering(found.stable, 'S')}) are left out of the decay",
        )
    units = {"time": "s", "activation_ev": "eV", "stretch": ""}
    _values(console, "retention", fit.values, fit.errors, units)
    kelvin = engineering(fit.values["temperature"], "K")
    _line(console, f"time at {kelvin}; misfit {fit.misfit:.1%} of the conductance")
    if found.departs:
        _line(
            console,
            f"the decay does not describe these data: {found.misfit}. It approaches "
            f"{engineering(found.stable, 'S')}; state another conductance by g_min=…, or leave out "
            "states that behave otherwise",
        )


def show_endurance(found: EnduranceFit, console: Console) -> None:
    """Print the closing of the window.

    Parameters
    ----------
    found : EnduranceFit
    console : rich.console.Console
    """
    data, fit = found.data, found.fit
    devices = counted(np.unique(data.device).size, "device")
    cycles = counted(data.cycle.size, "cycle")
    _line(console, f"{data.name}: {devices}, {cycles} with both states")
    if not found.closes:
        _line(console, f"the window does not close within {fit.values['most']:.3g} cycles")
        return
    units = {"half_window": "cycles", "steepness": "", "towards": ""}
    _values(console, "endurance", fit.values, fit.errors, units)
    if fit.values["half_window"] > fit.values["most"]:
        _line(console, f"extrapolated: {fit.values['most']:.3g} cycles were measured")


def override(found: Ageing) -> str:
    """Return the parameter as it stands on a command line.

    Parameters
    ----------
    found : Ageing

    Returns
    -------
    str
        ``device.retention={time:3e6,stretch:0.6}``.
    """
    values = ",".join(
        f"{name}:{'null' if value is None else f'{value:.{_SHOWN}g}'}"
        for name, value in found.values.items()
    )
    return f"device.{found.parameter}={{{values}}}"


def _sure(fit: Estimate, *names: tuple[str, str]) -> str:
    """Write values with their errors, by name and unit."""
    parts = []
    for name, unit in names:
        if np.isfinite(fit.errors[name]):
            text = f"{name} {fit.values[name]:.3g} ± {fit.errors[name]:.2g} {unit}"
        else:
            text = f"{name} not determined"
        parts.append(text.rstrip())
    return ", ".join(parts)


def _values(
    console: Console,
    title: str,
    values: Mapping[str, float],
    errors: Mapping[str, float],
    units: Mapping[str, str],
) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(title)
    for heading in ("value", "standard error"):
        table.add_column(heading, justify="right")
    for name, unit in units.items():
        label = f"{name} [{unit}]" if unit else name
        error = f"{errors[name]:.2g}" if np.isfinite(errors[name]) else "not determined"
        table.add_row(label, f"{values[name]:.{_SHOWN}g}", error)
    console.print(table)


def _line(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
