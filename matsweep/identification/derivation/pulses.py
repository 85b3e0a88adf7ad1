"""The virtual experiment: a population of simulated devices, its pulses, and their changes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from matsweep.core.checks import UserError, near
from matsweep.core.streams import FloatArray
from matsweep.devices.dynamics.model import CompiledModel
from matsweep.identification.derivation.protocol import Protocol
from matsweep.identification.measurements import Changes
from matsweep.solving.protocols import respond

if TYPE_CHECKING:
    import xarray as xr


def population(
    physics: CompiledModel, protocol: Protocol, rng: np.random.Generator
) -> CompiledModel:
    """Draw the protocol's devices, spread around the mean one.

    Parameters
    ----------
    physics : CompiledModel
        The mean device.
    protocol : Protocol
    rng : Generator

    Returns
    -------
    CompiledModel
        With arrays (device,) for the parameters that spread.

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


def pulsed(
    devices: CompiledModel, protocol: Protocol, read_voltage: float, rng: np.random.Generator
) -> xr.Dataset:
    """Apply the protocol's pulses to the population, with a read after each.

    Parameters
    ----------
    devices : CompiledModel
        A population, with arrays (device,).
    protocol : Protocol
    read_voltage : float, V
    rng : Generator

    Returns
    -------
    Dataset
        As in `Derived.traces`.
    """
    import xarray as xr

    jumps = protocol.stochastic and devices.quantum() is not None
    state = devices.initial_state((protocol.devices,))
    hot = getattr(devices, "device_temperature", None)
    hottest: list[float] = []

    def pulses(up: bool, count: int) -> xr.Dataset:
        nonlocal state
        voltage, width = protocol.pulse(up)
        response = respond(
            devices,
            voltage,
            width,
            count,
            read_voltage=read_voltage,
            state=state,
            rng=rng if jumps else None,
        )
        if hot is not None:
            states = response.state.values
            ordered = np.moveaxis(states, 1, 0) if len(devices.components) > 1 else states
            hottest.append(float(np.max(hot(ordered, voltage))))
        state = response.state.values[-1]
        return response

    halves: dict[str, list[FloatArray]] = {
        n: [] for n in ("up", "down", "energy_up", "energy_down")
    }
    for cycle in range(protocol.cycles + 1):
        for way, count in (("up", protocol.pulses_up), ("down", protocol.pulses_down)):
            response = pulses(way == "up", count)
            if way == "up":
                risen = response.state
            if cycle:
                halves[way].append(response.conductance.values)
                halves[f"energy_{way}"].append(response.energy.values)
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


def changes(traces: xr.Dataset, g_min: float, g_max: float) -> Changes:
    """Collect all changes inside the range, but those that start at the end they go to.

    A state beyond an end is at that end: the derived device reaches no further.

    Parameters
    ----------
    traces : Dataset
        From `pulsed`.
    g_min : float, S
    g_max : float, S

    Returns
    -------
    Changes
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
    return Changes(
        name="derived",
        devices=tuple(str(d) for d in range(traces.sizes["device"])),
        device=np.concatenate(devices),
        before=np.concatenate(befores),
        after=np.concatenate(afters),
        up=np.concatenate(ups),
    )
