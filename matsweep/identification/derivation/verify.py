"""Write and verify on simulated devices: pulse and read in turns, on the physics itself."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matsweep.core.streams import FloatArray, Rng
from matsweep.devices.dynamics.model import CompiledModel
from matsweep.identification.derivation.protocol import Protocol
from matsweep.solving.protocols import respond

_SIDE = 0.25  # of the range: distance from an end at which a binary device may stay
_AHEAD, _LATER = 32, 4  # pulses simulated before checking which read ended them


class Verified(NamedTuple):
    """Result of write and verify on a population, target by target.

    Parameters
    ----------
    error, bias : (target,) array, S
        Root mean square and mean of the distance from the target.
    missed : (target,) array
        Share of devices beyond the tolerance in the end.
    pulses, energy : (target, device) array
        Spent; J.
    """

    error: FloatArray
    bias: FloatArray
    missed: FloatArray
    pulses: FloatArray
    energy: FloatArray


def verify(
    devices: CompiledModel,
    protocol: Protocol,
    targets: FloatArray,
    state: FloatArray,
    *,
    span: float,
    read_voltage: float,
    binary: bool = False,
    rng: Rng,
) -> Verified:
    """Bring every device to every target by pulses of the protocol, with an exact read after each.

    A device gets pulses of the polarity that its target asks for until a read is within the
    tolerance, changes polarity where a pulse went beyond it, and stops when its budget is spent.
    With `ramp` the voltage begins low after every change, and rises with each pulse.

    Parameters
    ----------
    devices : CompiledModel
        A population, with arrays (device,).
    protocol : Protocol
    targets : (target,) array, S
    state : (…, device) array
        Before the first pulse.
    span : float, S
        The range; the tolerance is a fraction of it.
    read_voltage : float, V
    binary : bool
        Two targets, either reached by any state near enough to its outer side.
    rng : Rng

    Returns
    -------
    Verified
    """
    shape = (targets.size, protocol.devices)
    level = np.broadcast_to(targets[:, None], shape)
    several = len(devices.components) > 1
    states = np.array(
        np.broadcast_to(state[:, None] if several else state,
                        (len(devices.components), *shape) if several else shape)
    )  # fmt: skip
    conductance = np.array(devices.read_conductance(states, read_voltage))
    pulses, energy = np.zeros(shape), np.zeros(shape)
    tolerance = (_SIDE if binary else protocol.tolerance) * span
    upper = np.array([[False], [True]]) if binary else np.False_
    run = np.zeros(shape, np.int64)  # pulses of the same polarity before, in a row
    last = np.zeros(shape, bool)
    jumps = protocol.stochastic and devices.quantum() is not None
    for turn in range(protocol.max_pulses):
        missing = level - conductance
        if binary:
            missing = np.where((missing > 0) == upper, missing, 0.0)
        todo = (np.abs(missing) > tolerance) & (pulses < protocol.max_pulses)
        if not todo.any():
            break
        for up in (True, False):
            chosen = todo & ((missing > 0) == up)
            if not chosen.any():
                continue
            run[chosen & (last != up)] = 0
            last[chosen] = up
            voltage, width = protocol.pulse(up)
            share = np.ones(1)
            if protocol.ramp:
                share = np.minimum(run[chosen] / protocol.ramp, 1)
                share = protocol.ramp_from + (1 - protocol.ramp_from) * share
            ahead = 1 if protocol.ramp else _LATER if turn else _AHEAD
            response = respond(
                devices.select(chosen, shape), voltage * share, width, ahead,
                read_voltage=read_voltage, state=states[..., chosen], rng=rng if jumps else None,
            )  # fmt: skip
            after = response.conductance.values[1:]
            left = level[chosen] - after
            ends = (np.abs(left) <= tolerance) | ((left > 0) != up)
            taken = np.where(ends.any(axis=0), np.argmax(ends, axis=0), len(ends) - 1) + 1
            budget = protocol.max_pulses - pulses[chosen]
            taken = np.minimum(taken, budget).astype(np.int64)
            which = np.arange(taken.size)
            spent = np.cumsum(response.energy.values[1:], axis=0)
            conductance[chosen] = after[taken - 1, which]
            states[..., chosen] = np.moveaxis(response.state.values, 0, -2)[..., taken, which]
            pulses[chosen] += taken
            run[chosen] += taken
            energy[chosen] += spent[taken - 1, which]
    off = conductance - level
    beyond = np.where((off < 0) == upper, np.abs(off), 0.0) if binary else np.abs(off)
    return Verified(
        error=np.sqrt(np.mean(np.square(off), axis=1)),
        bias=off.mean(axis=1),
        missed=np.mean(beyond > tolerance, axis=1),
        pulses=pulses,
        energy=energy,
    )
