"""Derive a behavioural device: simulate a population of devices, and fit what they do."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from matsweep.checks import UserError, near
from matsweep.derivation.protocol import Protocol
from matsweep.derivation.rest import forgets
from matsweep.derivation.verify import Verified, verify
from matsweep.devices import AnalogDevice, ProgrammingError, Retention, SinhIV, WritePulse
from matsweep.devices.dynamics.model import CompiledModel, DynamicalModel
from matsweep.devices.dynamics.protocols import respond
from matsweep.fitting import Fit, PulseData, fit_model, tabulate
from matsweep.streams import FloatArray

_LEAST_WINDOW = 1.05  # g_max over g_min
_BAKE = 358.15  # K, at which retention is stated
_TARGETS = np.linspace(0, 1, 9)
_MOST_BIAS = 0.2  # of the range: what programming may miss its targets by, root mean square
_MOST_ERROR = 0.5  # of a label's scale of -9 to 9: what is less certain says nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """What a population of simulated devices behaves like.

    Parameters
    ----------
    device : AnalogDevice
    traces : Dataset
        `up` and `down` (cycle, pulse, device) S, `energy_up` and `energy_down` (cycle, pulse,
        device) J, `mixed` (step, device) S with `polarity` (pulse_mixed,); `hottest` K, of any
        device before and after its pulses, where the model knows its heat.
    labels : Fit or None
        NeuroSim's curve fitted to the same pulses, for its nonlinearity labels; None where it
        cannot be fitted.
    figures : dict of str to float
        What a data sheet would say: `g_min`, `g_max` [S], `cycle_to_cycle` and
        `device_to_device` of either end (of the range), `levels` that verified programming tells
        apart by six standard deviations, `pulses` to program, `write_energy` [J].
    """

    device: AnalogDevice
    traces: xr.Dataset
    labels: Fit | None
    figures: dict[str, float]


def derive(
    physics: DynamicalModel, protocol: Protocol, *, base: AnalogDevice, labels: bool = True
) -> Derived:
    """Derive a behavioural device from a material's physics.

    The range is from the median conductance after depression to that after potentiation. The
    response to a pulse is the table of the changes met in it (`matsweep.fitting.tabulate`: an
    abrupt SET is no exponential), all devices together, so that the spread between devices
    counts as noise of a pulse. Programming is write and verify with that table, simulated on a
    grid of targets; what error it leaves becomes the programming error, a polynomial of the
    conductance. The I–V law is a sinh through the currents at the read voltage and half of it;
    retention is the physics' own where it has one; energies are ∫ v i dt.

    Parameters
    ----------
    physics : DynamicalModel
        The mean device.
    protocol : Protocol
    base : AnalogDevice
        For all that the physics says nothing of: read voltage, cell, read noise, drift, ….
    labels : bool
        Whether to fit NeuroSim's labels too (seconds).

    Returns
    -------
    Derived

    Raises
    ------
    UserError
        If a spread names no parameter, the pulses do not switch the device, or it cannot be
        solved; the message says which pulse to change.
    """
    if not isinstance(physics, CompiledModel) or physics.drive != "voltage":
        raise UserError(f"{type(physics).__name__} cannot be derived from: it takes no voltage")
    _refuse_field(physics, protocol)
    rng = np.random.default_rng(protocol.seed)
    devices = population(physics, protocol, rng)
    traces = _pulse(devices, protocol, base.read_voltage, rng)
    _refuse_heat(devices, protocol, traces)
    g_min, g_max = _window(traces, protocol)
    data = _changes(traces, g_min, g_max)
    table = tabulate(data, g_min=g_min, g_max=g_max, bins=16, own=True)
    targets = np.array([0.0, 1.0]) if base.levels == 2 else _TARGETS
    programmed = verify(
        devices, protocol, g_min + targets * (g_max - g_min), traces.state_down.values,
        span=g_max - g_min, read_voltage=base.read_voltage,
        binary=base.levels == 2, rng=rng,
    )  # fmt: skip
    _refuse_bias(programmed, g_max - g_min)
    energy_up, energy_down = (float(np.nanmean(traces[f"energy_{way}"])) for way in ("up", "down"))
    pulses, spent = float(programmed.pulses.mean()), float(programmed.energy.mean())
    device = dataclasses.replace(
        base,
        g_min=g_min,
        g_max=g_max,
        levels=2 if base.levels == 2 else None,
        pulse_model=table,
        programming_error=ProgrammingError(
            at=tuple(map(float, (g_min + targets * (g_max - g_min)) / g_max)),
            sigmas=tuple(map(float, programmed.error)),
            g_reference=g_max,
        ),
        device_to_device=0.0,  # in the error of programming, and in the table
        cycle_to_cycle=0.0,
        iv=_law(physics, traces, 0.5 * (g_min + g_max), base.read_voltage),
        write_pulse=WritePulse(
            voltage_up=protocol.pulse(True)[0],
            time_up=protocol.pulse(True)[1],
            voltage_down=protocol.pulse(False)[0],
            time_down=protocol.pulse(False)[1],
            energy=spent / pulses if pulses > 0 else 0.5 * (energy_up + energy_down),
            count=pulses,
        ),
        retention=_retention(devices, traces, base, g_min, g_max),
    )
    return Derived(
        device=device,
        traces=traces,
        labels=_labels(data, g_min, g_max) if labels else None,
        figures=_figures(device, traces, programmed, energy_up, energy_down),
    )


def _window(traces: xr.Dataset, protocol: Protocol) -> tuple[float, float]:
    """Return the range [S] that the median device goes through; refuse one that stays."""
    g_min, g_max = (float(np.median(traces[way].values[:, -1])) for way in ("down", "up"))
    if not g_max >= _LEAST_WINDOW * g_min > 0:
        (up, up_width), (down, down_width) = protocol.pulse(True), protocol.pulse(False)
        raise UserError(
            f"protocol does not switch the device: {g_min:.3g} S after {protocol.pulses_down} "
            f"pulses of {down:g} V, {down_width:g} s, {g_max:.3g} S after {protocol.pulses_up} of "
            f"{up:g} V, {up_width:g} s; raise a voltage, or a width"
        )
    return g_min, g_max


def _figures(
    device: AnalogDevice, traces: xr.Dataset, programmed: Verified, up: float, down: float
) -> dict[str, float]:
    """Return what a data sheet would say."""
    span = device.g_range
    apart = span / (6 * max(float(programmed.error.mean()), 1e-6 * span)) + 1
    figures = {
        "g_min": device.g_min,
        "g_max": device.g_max,
        "write_energy": float(programmed.energy.mean()),
        "energy_up": up,
        "energy_down": down,
        "pulses": float(programmed.pulses.mean()),
        "missed": float(programmed.missed.mean()),
        "levels": 2.0 if device.levels == 2 else float(apart),
    }
    for way in ("up", "down"):
        ends = traces[way].values[:, -1]
        figures[f"device_to_device_{way}"] = float(ends.mean(axis=0).std(ddof=1) / span)
        figures[f"cycle_to_cycle_{way}"] = (
            float(np.sqrt(ends.var(axis=0, ddof=1).mean()) / span) if len(ends) > 1 else 0.0
        )
    return figures


def population(
    physics: CompiledModel, protocol: Protocol, rng: np.random.Generator
) -> CompiledModel:
    """Return the protocol's devices, spread around the mean one: a model with arrays (device,).

    Raises
    ------
    UserError
        If a spread names no parameter.
    """
    known = [f.name for f in dataclasses.fields(physics)]
    drawn: dict[str, Any] = {}
    for name in known:  # in their order, whatever the mapping's
        if name in protocol.spread:
            factor = 1 + protocol.spread[name] * rng.standard_normal(protocol.devices)
            drawn[name] = getattr(physics, name) * np.maximum(factor, 0.1)
    for name in protocol.spread:
        if name not in known:
            raise UserError(
                f"protocol.spread.{name} is not a parameter of {type(physics).__name__}"
                f"{near(name, known)} (there are {', '.join(known)})"
            )
    return physics.replace(**drawn)


def _pulse(
    devices: CompiledModel, protocol: Protocol, read_voltage: float, rng: np.random.Generator
) -> xr.Dataset:
    """Give the population its pulses; return what was read after each."""
    jumps = protocol.stochastic and devices.quantum() is not None
    state = devices.initial_state((protocol.devices,))
    hot = getattr(devices, "device_temperature", None)
    hottest: list[float] = []

    def pulses(up: bool, count: int) -> xr.Dataset:
        nonlocal state
        voltage, width = protocol.pulse(up)
        found = respond(
            devices,
            voltage,
            width,
            count,
            read_voltage=read_voltage,
            state=state,
            rng=rng if jumps else None,
        )
        if hot is not None:
            states = found.state.values
            ordered = np.moveaxis(states, 1, 0) if len(devices.components) > 1 else states
            hottest.append(float(np.max(hot(ordered, voltage))))
        state = found.state.values[-1]
        return found

    halves: dict[str, list[FloatArray]] = {
        n: [] for n in ("up", "down", "energy_up", "energy_down")
    }
    for cycle in range(protocol.cycles + 1):
        for way, count in (("up", protocol.pulses_up), ("down", protocol.pulses_down)):
            found = pulses(way == "up", count)
            if way == "up":
                risen = found.state
            if cycle:
                halves[way].append(found.conductance.values)
                halves[f"energy_{way}"].append(found.energy.values)
    polarity = rng.random(protocol.mixed) < 0.5
    lowest = state
    mixed = [halves["down"][-1][-1]]
    for up in polarity:
        mixed.append(pulses(bool(up), 1).conductance.values[-1])
    over = ("cycle", "pulse", "device")
    return xr.Dataset(
        {
            "up": (over, np.array(halves["up"]), {"units": "S"}),
            "down": (("cycle", "pulse_down", "device"), np.array(halves["down"]), {"units": "S"}),
            "energy_up": (over, np.array(halves["energy_up"]), {"units": "J"}),
            "energy_down": (
                ("cycle", "pulse_down", "device"),
                np.array(halves["energy_down"]),
                {"units": "J"},
            ),
            "mixed": (("step", "device"), np.array(mixed), {"units": "S"}),
            "polarity": (("pulse_mixed",), polarity),
            "state_up": (("pulse", *risen.dims[1:]), risen.values),
            "state_down": (risen.dims[1:], lowest),
            **({"hottest": ((), max(hottest), {"units": "K"})} if hottest else {}),
        }
    )


def _refuse_heat(devices: CompiledModel, protocol: Protocol, traces: xr.Dataset) -> None:
    """Refuse pulses under which a device would have melted, where the model knows its heat."""
    if "hottest" in traces and float(traces.hottest) > protocol.hottest:
        raise UserError(
            f"protocol heats a device of {type(devices).__name__} to "
            f"{float(traces.hottest):.0f} K, above protocol.hottest = {protocol.hottest:g} K where "
            "it is destroyed: lower voltage_up or voltage_down, or give it a series resistance"
        )


def _refuse_field(physics: CompiledModel, protocol: Protocol) -> None:
    """Refuse pulses that break the insulator down, where the model knows its thickness."""
    if physics.insulator is None:
        return
    thinnest = float(np.min(getattr(physics, physics.insulator)))
    for up in (True, False):
        voltage, _ = protocol.pulse(up)
        if abs(voltage) > protocol.breakdown_field * thinnest:
            raise UserError(
                f"protocol breaks the device down: {voltage:g} V on {thinnest:g} m exceed "
                f"protocol.breakdown_field = {protocol.breakdown_field:g} V/m; lower "
                f"voltage_{'up' if up else 'down'}, or raise physics.{physics.insulator}"
            )


def _refuse_bias(programmed: Verified, span: float) -> None:
    """Refuse a device that write and verify does not bring to its targets."""
    bias = float(np.sqrt(np.mean(np.square(programmed.bias)))) / span
    if bias > _MOST_BIAS:
        raise UserError(
            f"protocol does not program the device: write and verify stays {bias:.0%} of the range "
            "off its targets on average, as single pulses jump too far or too little; change a "
            "voltage or a width, raise max_pulses, or set device.levels=2 for a device that only "
            "switches"
        )


def _changes(traces: xr.Dataset, g_min: float, g_max: float) -> PulseData:
    """Return every change met, inside the range; those that start at the end they go to, left out.

    A state beyond an end is at that end: the derived device reaches no further.
    """
    befores, afters, ups, devices = [], [], [], []

    def add(conductance: FloatArray, up: FloatArray) -> None:
        inside = np.clip(conductance, g_min, g_max)
        before, after = inside[:-1], inside[1:]
        going = np.broadcast_to(up[:, None], before.shape)
        slack = 1e-6 * (g_max - g_min)
        useful = np.where(going, before < g_max - slack, before > g_min + slack)
        befores.append(before[useful])
        afters.append(after[useful])
        ups.append(going[useful])
        devices.append(np.broadcast_to(np.arange(before.shape[1]), before.shape)[useful])

    for cycle in range(traces.sizes["cycle"]):
        up, down = traces.up.values[cycle], traces.down.values[cycle]
        add(up, np.ones(len(up) - 1, bool))
        add(down, np.zeros(len(down) - 1, bool))
    add(traces.mixed.values, traces.polarity.values)
    return PulseData(
        name="derived",
        devices=tuple(str(d) for d in range(traces.sizes["device"])),
        device=np.concatenate(devices),
        before=np.concatenate(befores),
        after=np.concatenate(afters),
        up=np.concatenate(ups),
    )


def _law(
    physics: CompiledModel, traces: xr.Dataset, middle: float, read_voltage: float
) -> SinhIV | None:
    """Return the sinh through the currents at the read voltage and half of it; None if ohmic.

    Its conductance is the one read there.

    In the state met whose conductance is nearest to the middle of the range. A device that is
    read at a channel of its own is ohmic there.
    """
    if type(physics).read_conductance is not DynamicalModel.read_conductance:
        return None
    seen = traces.up.values[-1]
    pulse, device = np.unravel_index(np.argmin(np.abs(seen - middle)), seen.shape)
    state = traces.state_up.values[pulse, ..., device]
    whole, half = (abs(float(physics.current(state, v))) for v in (read_voltage, read_voltage / 2))
    if not half > 0 or whole / half < 2 * (1 + 1e-3):
        return None
    v0 = float(read_voltage / (2 * np.arccosh(whole / half / 2)))
    return SinhIV(v0=v0, reference=read_voltage)


def _retention(
    devices: CompiledModel, traces: xr.Dataset, base: AnalogDevice, g_min: float, g_max: float
) -> Retention:
    """Return how the population forgets, in the terms of the behavioural model."""
    ends = traces.state_up.values[-1], traces.state_down.values
    found = forgets(devices, ends, _BAKE, read_voltage=base.read_voltage)
    if found is None:
        return base.retention
    return Retention(
        time=found.time,
        activation_ev=found.activation_ev,
        temperature=_BAKE,
        stable=float(np.clip((found.conductance - g_min) / (g_max - g_min), 0, 1)),
        stretch=found.stretch,
    )


def _labels(data: PulseData, g_min: float, g_max: float) -> Fit | None:
    """Return NeuroSim's curve; None where these pulses do not determine its labels."""
    try:
        fit = fit_model(data, "neurosim", g_min=g_min, g_max=g_max)
    except (UserError, np.linalg.LinAlgError):
        return None
    errors = [fit.errors[f"nonlinearity_{way}"] for way in ("up", "down")]
    return fit if max(errors) < _MOST_ERROR else None
