"""Parameters of a device that its material may leave unknown, and devices with drawn values."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.devices.analog import AnalogDevice
from matsweep.devices.laws import Law
from matsweep.devices.programming import ProgrammingError
from matsweep.devices.pulses import PulseModel
from matsweep.devices.pulses.noise import CycleNoise
from matsweep.materials.material import Origin
from matsweep.materials.priors import Prior, uniforms

CONTAINED = ("device.device_to_device", "device.cycle_to_cycle")
"""Spreads that an error of programming to a verified target contains: it is that of whatever
differs between devices and between programmings."""

_ROOM = 300.0  # K, of devices whose temperature is not given
_UNSURE = ("recalled", "illustrative")
_ABOUT = 0.8  # ln, of a number from memory: within a factor of 5 in 95 % of cases
_ABOUT_TIME = 2.3  # of retention and endurance: within two decades
_ABOUT_ENERGY = 0.2  # of an activation energy


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """Parameter that may be unknown.

    Parameters
    ----------
    path : str
        As in configurations, `device.read_noise`.
    label : str
    unit : str
        Of its number; "1" for none.
    get : function of an AnalogDevice
        Its number; None where it is not one number.
    put : function of an AnalogDevice and a number
        Returns the device with that number.
    neutral : function of an AnalogDevice
        Whether it changes no result.
    low, high : float
        Numbers that every device takes.
    share : bool
        Whether it is printed in per cent.
    log_sd : float
        Standard deviation of its natural logarithm about a number that is recalled or illustrative.
    within : bool
        Whether it may be unknown where the rest of its field is stated.
    """

    path: str
    label: str
    get: Callable[[AnalogDevice], float | None]
    put: Callable[[AnalogDevice, float], AnalogDevice]
    neutral: Callable[[AnalogDevice], bool]
    unit: str = "1"
    low: float = 0.0
    high: float = float("inf")
    share: bool = False
    log_sd: float = _ABOUT
    within: bool = False

    @property
    def field(self) -> str:
        """Field of the device that it belongs to, as in a material's origins."""
        return self.path.split(".")[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Unknown parameter of a device with its prior.

    Parameters
    ----------
    path : str
        Of a parameter in `PARAMETERS`.
    prior : Prior
    """

    path: str
    prior: Prior


def _programming(device: AnalogDevice, value: float) -> AnalogDevice:
    error = ProgrammingError(coefficients=(value * device.g_range,), g_reference=device.g_max)
    return dataclasses.replace(device, programming_error=error)


def _read_noise(device: AnalogDevice, value: float) -> AnalogDevice:
    noise = device.read_noise
    noise = dataclasses.replace(noise, relative=value, cap=max(noise.cap, value))
    return dataclasses.replace(device, read_noise=noise)


def _read_noise_of(device: AnalogDevice) -> float | None:
    noise = device.read_noise
    return noise.relative if noise.law is None and noise.absolute is None else None


def _simple(name: str) -> dict[str, Any]:
    """Return access to a number of the device itself."""
    return {
        "get": lambda device: getattr(device, name),
        "put": lambda device, value: dataclasses.replace(device, **{name: value}),
        "neutral": lambda device: getattr(device, name) == 0,
    }


def _part(field: str, name: str, none: float | None = 0.0) -> dict[str, Any]:
    """Return access to a number of a part of the device."""

    def put(device: AnalogDevice, value: float) -> AnalogDevice:
        part = dataclasses.replace(getattr(device, field), **{name: value})
        return dataclasses.replace(device, **{field: part})

    return {
        "get": lambda device: getattr(getattr(device, field), name),
        "put": put,
        "neutral": lambda device: getattr(getattr(device, field), name) == none,
    }


def _drift(name: str) -> dict[str, Any]:
    """Return access to a law of the drift's exponents."""

    def put(device: AnalogDevice, value: float) -> AnalogDevice:
        changed: Any = {name: Law.from_number(value)}
        return dataclasses.replace(device, drift=dataclasses.replace(device.drift, **changed))

    return {
        "get": lambda device: getattr(device.drift, name).constant,
        "put": put,
        "neutral": lambda device: getattr(device.drift, name).constant == 0,
    }


def _gain(device: AnalogDevice, value: float) -> AnalogDevice:
    return _with_pulses(device, {"device_to_device": {"gain": value}})


def _pulse_noise(device: AnalogDevice, value: float) -> AnalogDevice:
    return _with_pulses(device, {"cycle_to_cycle": CycleNoise(of_range=value)})


def _with_pulses(device: AnalogDevice, changes: Mapping[str, Any]) -> AnalogDevice:
    model: Any = device.pulse_model
    changed = dataclasses.replace(model, **changes)
    return dataclasses.replace(device, pulse_model=changed)


def _alike(device: AnalogDevice) -> bool:
    """Whether devices have the same pulses, and gains may differ."""
    model = device.pulse_model
    return model is not None and not any(model.device_to_device.values()) and _scales(model)


def _scales(model: PulseModel) -> bool:
    try:
        _changed(model, device_to_device={"gain": 0.1})
    except UserError:
        return False
    return True


def _quiet(device: AnalogDevice) -> bool:
    """Whether pulses have no noise, and may have some."""
    model = device.pulse_model
    if model is None or model.cycle_to_cycle != CycleNoise():
        return False
    try:
        _changed(model, cycle_to_cycle=CycleNoise(of_range=0.01))
    except UserError:
        return False
    return True


def _changed(model: Any, **changes: Any) -> None:
    dataclasses.replace(model, **changes)


PARAMETERS = (
    Parameter(
        path="device.programming_error", label="programming error", share=True, high=10.0,
        put=_programming, get=lambda device: None,
        neutral=lambda device: device.programming_error.absent,
    ),
    Parameter(path="device.device_to_device", label="spread between devices", share=True,
              high=10.0, **_simple("device_to_device")),
    Parameter(path="device.cycle_to_cycle", label="spread between programmings", share=True,
              high=10.0, **_simple("cycle_to_cycle")),
    Parameter(
        path="device.pulse_model.device_to_device.gain", label="spread of steps between devices",
        share=True, high=10.0, within=True, put=_gain, get=lambda device: None, neutral=_alike,
    ),
    Parameter(
        path="device.pulse_model.cycle_to_cycle.of_range", label="noise of a pulse", share=True,
        high=10.0, within=True, put=_pulse_noise, get=lambda device: None, neutral=_quiet,
    ),
    Parameter(
        path="device.read_noise", label="read noise", share=True, high=10.0, put=_read_noise,
        get=_read_noise_of, neutral=lambda device: device.read_noise.absent,
    ),
    Parameter(path="device.telegraph_noise.share", label="share of devices with telegraph noise",
              share=True, high=1.0, **_part("telegraph_noise", "share")),
    Parameter(path="device.telegraph_noise.amplitude", label="amplitude of telegraph noise",
              share=True, high=1.0, **_part("telegraph_noise", "amplitude")),
    Parameter(path="device.drift.nu", label="drift exponent", low=-1.0, high=1.0, **_drift("nu")),
    Parameter(path="device.drift.spread", label="spread of drift exponents", high=1.0,
              **_drift("spread")),
    Parameter(path="device.retention.time", label="retention time", unit="s", low=1e-12, high=1e30,
              log_sd=_ABOUT_TIME, **_part("retention", "time", None)),
    Parameter(path="device.retention.activation_ev", label="activation energy of retention",
              unit="eV", high=10.0, log_sd=_ABOUT_ENERGY, within=True,
              **_part("retention", "activation_ev")),
    Parameter(path="device.retention.temperature", label="temperature of the retention time",
              unit="K", low=1.0, high=5000.0, log_sd=0.0,
              **_part("retention", "temperature", 358.15)),
    Parameter(path="device.stuck_at.g_min", label="share stuck at g_min", share=True, high=0.5,
              **_part("stuck_at", "g_min")),
    Parameter(path="device.stuck_at.g_max", label="share stuck at g_max", share=True, high=0.5,
              **_part("stuck_at", "g_max")),
    Parameter(path="device.endurance.half_window", label="endurance", unit="1", low=1.0, high=1e30,
              log_sd=_ABOUT_TIME, **_part("endurance", "half_window", None)),
)  # fmt: skip
"""All parameters that may be unknown; each has a dimension of the draws, by its place."""

PATHS = tuple(parameter.path for parameter in PARAMETERS)
_PLACES = {path: place for place, path in enumerate(PATHS)}


def unknown_parameters(
    device: AnalogDevice,
    origins: Mapping[str, Origin],
    *,
    stated: Collection[str] = (),
    unused: Collection[str] = (),
) -> dict[str, str]:
    """Return the parameters of a device that are not known, or not confirmed.

    Parameters
    ----------
    device : AnalogDevice
    origins : mapping of str to Origin
        The material's, for each field of the device.
    stated : collection of str
        Parameters that a user gave, by their paths.
    unused : collection of str
        Fields of the device on which nothing depends.

    Returns
    -------
    dict of str to {"missing", "recalled", "illustrative"}
        By path. Missing ones are at a neutral value; of the others, the stated value is one
        number.
    """
    found = {}
    for parameter in _open(frozenset(stated), frozenset(unused)):
        origin = origins.get(parameter.field)
        status = "missing" if origin is None else origin.status
        if parameter.neutral(device):
            if status == "missing" or parameter.within:
                found[parameter.path] = "missing"
        elif status in _UNSURE and parameter.log_sd and (parameter.get(device) or 0.0) > 0:
            found[parameter.path] = status
    return found


@functools.lru_cache(maxsize=256)
def _open(stated: frozenset[str], unused: frozenset[str]) -> tuple[Parameter, ...]:
    """Parameters that the user does not state, of fields on which something depends."""
    return tuple(
        parameter
        for parameter in PARAMETERS
        if parameter.field not in unused
        and not any(overlap(parameter.path, path) for path in stated)
    )


def parameter_of(path: str) -> Parameter:
    """Return the parameter at a path.

    Parameters
    ----------
    path : str
        One of `PATHS`.

    Returns
    -------
    Parameter
    """
    return PARAMETERS[_PLACES[path]]


def in_words(path: str, prior: Prior) -> str:
    """Describe a prior by its interval of 95 %: "0.25 to 5.8 % (95 %)".

    Parameters
    ----------
    path : str
        Of the parameter.
    prior : Prior

    Returns
    -------
    str
    """
    parameter = parameter_of(path)
    bounds = np.clip(prior.interval, parameter.low, parameter.high).tolist()
    unit = "" if parameter.unit == "1" else f" {parameter.unit}"
    scale, unit = (100.0, " %") if parameter.share else (1.0, unit)
    low, high = (f"{float(f'{scale * bound:.2g}'):g}" for bound in bounds)
    return f"{low}{unit}" if low == high else f"{low} to {high}{unit} (95 %)"


def without_effect(device: AnalogDevice, drawn: Collection[str]) -> dict[str, str]:
    """Return the conditions of a device that change nothing, because too little is known of it.

    Parameters
    ----------
    device : AnalogDevice
        Of a reported source.
    drawn : collection of str
        Paths of its unknown parameters that are drawn.

    Returns
    -------
    dict of str to str
        By condition, why. A temperature at which everything is stated, no cycles, and times are
        no such conditions where they are left at their defaults.
    """
    retention, short = device.retention, device.short_term
    decays = retention.time is not None or "device.retention.time" in drawn
    activated = retention.activation_ev > 0 or "device.retention.activation_ev" in drawn
    relaxes = not short.absent
    drifts = not device.drift.absent or any(path.startswith("device.drift.") for path in drawn)
    wears = device.endurance.half_window is not None or "device.endurance.half_window" in drawn
    found = {}
    if device.temperature != _ROOM and not (
        (decays and activated) or (relaxes and short.activation_ev > 0)
    ):
        found["device.temperature"] = (
            "no retention time is known"
            if activated and not (decays or relaxes)
            else "no activation energy is known"
        )
    if device.cycles and not wears:
        found["device.cycles"] = "no endurance is known"
    if not (decays or relaxes or drifts):
        found["times"] = "neither drift nor retention is known"
    return found


@functools.lru_cache(maxsize=1024)
def _drawn(
    unknown: tuple[Unknown, ...], seed: int, material: str, realisations: tuple[int, ...]
) -> FloatArray:
    places = [_PLACES[each.path] for each in unknown]
    points = uniforms(seed, material, realisations, places)
    values = np.full((len(realisations), len(PARAMETERS)), np.nan)
    for column, (place, each) in enumerate(zip(places, unknown, strict=True)):
        bounds = PARAMETERS[place].low, PARAMETERS[place].high
        values[:, place] = np.clip(each.prior.quantile(points[:, column]), *bounds)
    return values


def drawn_values(
    unknown: Sequence[Unknown], seed: int, material: str, realisations: Sequence[int]
) -> FloatArray:
    """Draw the unknown parameters of a material for some realisations of a study.

    Parameters
    ----------
    unknown : sequence of Unknown
    seed : int
        The study's.
    material : str
        Name of the family, whose candidates all have the same draws.
    realisations : sequence of int
        Their numbers.

    Returns
    -------
    (realisation, parameter) array
        In the order of `PARAMETERS` and in their units; NaN where a parameter is known.
    """
    return _drawn(tuple(unknown), seed, material, tuple(realisations)).copy()


def with_values(device: AnalogDevice, values: FloatArray) -> AnalogDevice:
    """Return a device with drawn values.

    Parameters
    ----------
    device : AnalogDevice
        The neutral one.
    values : (parameter,) array
        In the order of `PARAMETERS`; NaN: as in the device.

    Returns
    -------
    AnalogDevice
    """
    for parameter, value in zip(PARAMETERS, values.tolist(), strict=True):
        if not np.isnan(value):
            device = parameter.put(device, value)
    return device


def overlap(one: str, other: str) -> bool:
    """Whether two dotted paths are the same, or one is within the other.

    Parameters
    ----------
    one : str
    other : str

    Returns
    -------
    bool
    """
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")
