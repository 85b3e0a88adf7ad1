"""Derive a behavioural device: simulate a population of devices, and fit what they do."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from matsweep.build import build, plain
from matsweep.cache import cache_folder, keep
from matsweep.checks import UserError, near
from matsweep.derivation.protocol import Protocol
from matsweep.devices import (
    AnalogDevice,
    ProgrammingError,
    PulseModel,
    Retention,
    SinhIV,
    WritePulse,
    WriteVerify,
)
from matsweep.devices.dynamics.model import CompiledModel, DynamicalModel
from matsweep.devices.dynamics.protocols import respond
from matsweep.fitting import (
    Fit,
    PulseData,
    compare,
    fit_model,
    read_pulses,
    recommend,
    tabulate,
)
from matsweep.streams import FloatArray

_VERSION = 1  # raised whenever a change of the code moves a derived number
_LEAST_WINDOW = 1.05  # g_max over g_min
HOTTEST = 4500.0
"""K: above the boiling or sublimation of any oxide in use; a device that hot is destroyed.

The models' thermal resistances describe filaments of some nanometres, whose modelled peaks exceed
the melting points of the bulk (HfO2 3031 K, CRC Handbook) without harm in experiments; nothing
survives this.
"""
_BAKE = 358.15  # K, at which retention is stated
_TARGETS = np.linspace(0, 1, 9)
_VERIFIED = 200  # devices for each target
_DEGREE = 2  # of the programming error's polynomial


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
    rng = np.random.default_rng(protocol.seed)
    devices = population(physics, protocol, rng)
    traces = _pulse(devices, protocol, base.read_voltage, rng)
    _refuse_heat(devices, traces)
    g_min = float(np.median(traces.down.values[:, -1]))
    g_max = float(np.median(traces.up.values[:, -1]))
    if not g_max >= _LEAST_WINDOW * g_min > 0:
        (up, up_width), (down, down_width) = protocol.pulse(True), protocol.pulse(False)
        raise UserError(
            f"protocol does not switch the device: {g_min:.3g} S after {protocol.pulses_down} "
            f"pulses of {down:g} V, {down_width:g} s, {g_max:.3g} S after {protocol.pulses_up} of "
            f"{up:g} V, {up_width:g} s; raise a voltage, or a width"
        )
    data = _changes(traces, g_min, g_max)
    table = tabulate(data, g_min=g_min, g_max=g_max, bins=16)
    energy_up, energy_down = (float(np.nanmean(traces[f"energy_{way}"])) for way in ("up", "down"))
    verified = dataclasses.replace(
        _bare(base, g_min, g_max, table),
        write_verify=WriteVerify(tolerance=protocol.tolerance, max_pulses=protocol.max_pulses),
    )
    error, pulses = _program(verified, rng)
    energy = 0.5 * (energy_up + energy_down)
    kept = physics.retention(_BAKE)
    device = dataclasses.replace(
        verified,
        write_verify=None,
        programming_error=error,
        iv=_law(physics, base.read_voltage),
        write_pulse=WritePulse(
            voltage_up=protocol.pulse(True)[0],
            time_up=protocol.pulse(True)[1],
            voltage_down=protocol.pulse(False)[0],
            time_down=protocol.pulse(False)[1],
            energy=energy,
            count=pulses,
        ),
        retention=base.retention
        if kept is None
        else Retention(time=kept[0], activation_ev=kept[1], temperature=_BAKE),
    )
    span = g_max - g_min
    sigma = error.sigma(g_min + _TARGETS * span, g_max)
    figures = {
        "g_min": g_min,
        "g_max": g_max,
        "write_energy": energy * pulses,
        "energy_up": energy_up,
        "energy_down": energy_down,
        "pulses": pulses,
        "levels": float(span / (6 * max(float(np.mean(sigma)), 1e-6 * span)) + 1),
    }
    for way in ("up", "down"):
        ends = traces[way].values[:, -1]
        figures[f"device_to_device_{way}"] = float(ends.mean(axis=0).std(ddof=1) / span)
        figures[f"cycle_to_cycle_{way}"] = (
            float(np.sqrt(ends.var(axis=0, ddof=1).mean()) / span) if len(ends) > 1 else 0.0
        )
    return Derived(
        device=device,
        traces=traces,
        labels=_labels(data, g_min, g_max) if labels else None,
        figures=figures,
    )


def derived_device(
    physics: DynamicalModel, protocol: Protocol, *, base: AnalogDevice
) -> AnalogDevice:
    """Return the derived device, from the cache if these contents were derived before.

    Parameters and errors as of `derive`; the cache is a folder of JSON texts, named by a hash of
    all that decides them.
    """
    facts = {"version": _VERSION, "numpy": np.__version__, "physics": plain(physics),
             "protocol": plain(protocol), "base": plain(base)}  # fmt: skip
    text = json.dumps(facts, sort_keys=True)
    return _kept(hashlib.blake2b(text.encode(), digest_size=16).hexdigest(), text)


@functools.lru_cache(maxsize=256)
def _kept(key: str, text: str) -> AnalogDevice:
    name = f"derived-{key}.json"
    try:
        found = json.loads((cache_folder() / name).read_text(encoding="utf-8"))
        return build(AnalogDevice, found)
    except (OSError, ValueError):
        pass  # not there, or damaged: derive it
    facts = json.loads(text)
    device = derive(
        build(DynamicalModel, facts["physics"], "physics"),  # type: ignore[type-abstract]
        build(Protocol, facts["protocol"], "protocol"),
        base=build(AnalogDevice, facts["base"], "device"),
        labels=False,
    ).device
    keep(name, json.dumps(plain(device), sort_keys=True).encode())
    return device


def measured_device(base: AnalogDevice) -> AnalogDevice:
    """Return a device that does what pulses measured on real ones did.

    The pulse response is the fitted model with the least BIC, or the table where no formula fits
    (`matsweep.fitting`); the range is that of the measurement, programming is simulated write and
    verify with that response, to 2 % of the range in at most 100 pulses.

    Parameters
    ----------
    base : AnalogDevice
        Its `measurements` name the file; for all that the pulses say nothing of.

    Raises
    ------
    UserError
        If the file cannot be read or fitted.
    """
    assert base.measurements is not None
    data = read_pulses(base.measurements)
    best = recommend(compare(data))
    model = tabulate(data) if best is None else best.model
    verified = dataclasses.replace(
        _bare(base, data.lowest, data.highest, model),
        write_verify=WriteVerify(tolerance=0.02, max_pulses=100),
        source="reported",
        measurements=None,
    )
    error, pulses = _program(verified, np.random.default_rng(0))
    return dataclasses.replace(
        verified,
        write_verify=None,
        programming_error=error,
        write_pulse=dataclasses.replace(base.write_pulse, count=pulses),
    )


def _bare(base: AnalogDevice, g_min: float, g_max: float, model: PulseModel) -> AnalogDevice:
    """Return a device without the base's own errors of programming; a binary one stays binary."""
    return dataclasses.replace(
        base,
        g_min=g_min,
        g_max=g_max,
        levels=2 if base.levels == 2 else None,
        pulse_model=model,
        programming_error=ProgrammingError(),
        device_to_device=0.0,
        cycle_to_cycle=0.0,
    )


def population(
    physics: CompiledModel, protocol: Protocol, rng: np.random.Generator
) -> CompiledModel:
    """Return the protocol's devices, spread around the mean one: a model with arrays (device,).

    Raises
    ------
    UserError
        If a spread names no parameter.
    """
    known = [f.name for f in dataclasses.fields(physics)]  # type: ignore[arg-type]
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
            if cycle:
                halves[way].append(found.conductance.values)
                halves[f"energy_{way}"].append(found.energy.values)
    polarity = rng.random(protocol.mixed) < 0.5
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
            **({"hottest": ((), max(hottest), {"units": "K"})} if hottest else {}),
        }
    )


def _refuse_heat(devices: CompiledModel, traces: xr.Dataset) -> None:
    """Refuse pulses under which a device would have melted, where the model knows its heat."""
    if "hottest" in traces and float(traces.hottest) > HOTTEST:
        raise UserError(
            f"protocol heats a device of {type(devices).__name__} to "
            f"{float(traces.hottest):.0f} K, above {HOTTEST:.0f} K where no oxide holds: lower "
            "voltage_up or voltage_down, or give the device a series resistance"
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


def _program(device: AnalogDevice, rng: np.random.Generator) -> tuple[ProgrammingError, float]:
    """Write and verify on a grid of targets; return the error that is left, and the mean pulses."""
    span = device.g_max - device.g_min
    target = np.repeat(device.g_min + _TARGETS[:, None] * span, _VERIFIED, axis=1)
    found = device.program(target, rng=rng)
    level = device.nearest_level(target)
    off = np.sqrt(np.mean(np.square(found.conductance - level), axis=1))
    scaled = level[:, 0] / device.g_max
    coefficients = np.polynomial.polynomial.polyfit(
        scaled, off, min(_DEGREE, np.unique(scaled).size - 1)
    )
    error = ProgrammingError(
        coefficients=tuple(float(c) for c in coefficients), g_reference=device.g_max
    )
    return error, float(np.mean(found.pulses))


def _law(physics: CompiledModel, read_voltage: float) -> SinhIV | None:
    """Return the sinh through the currents at the read voltage and half of it; None if ohmic."""
    low, high = (np.asarray(bound, np.float64) for bound in physics.bounds())
    if len(physics.components) > 1 or not np.isfinite([low, high]).all():
        return None
    middle = 0.5 * (low + high)
    whole, half = (abs(float(physics.current(middle, v))) for v in (read_voltage, read_voltage / 2))
    if not half > 0 or whole / half < 2 * (1 + 1e-3):
        return None
    return SinhIV(v0=float(read_voltage / (2 * np.arccosh(whole / half / 2))))


def _labels(data: PulseData, g_min: float, g_max: float) -> Fit | None:
    try:
        return fit_model(data, "neurosim", g_min=g_min, g_max=g_max)
    except (UserError, np.linalg.LinAlgError):
        return None
