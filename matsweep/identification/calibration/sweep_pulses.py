"""Pulses that program a model fitted to sweeps, found and verified on the model itself."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.codec import build, plain
from matsweep.core.streams import FloatArray
from matsweep.core.units import engineering
from matsweep.devices import AnalogDevice
from matsweep.devices.dynamics.model import CompiledModel, DynamicalModel
from matsweep.identification.calibration.material import Destination, shortened
from matsweep.identification.derivation import Protocol, derived_device
from matsweep.identification.fitting import LoopFit
from matsweep.identification.fitting.hysteresis import excursions, sets
from matsweep.identification.fitting.response import response
from matsweep.identification.measurements import Loop
from matsweep.identification.measurements.compliance import limits_in_words
from matsweep.solving import transient
from matsweep.solving.protocols import respond

_LEAST_WINDOW = 1.05  # g_max over g_min, as a derived device needs
_PULSES = 50  # of one polarity, through the range
_FINE, _RAMP = 200, 20  # pulses of finer trains; of a ramp of the voltage
_LONGER = (1.0, 1.3, 1.7, 2.2)  # times the time through the range of the sweep
_BINARY = 10  # pulses of a device that only switches
_FURTHER = 1.5  # times the range of the sweeps: pulses that go further are reported
_SHARE = 0.95  # of the way to a state that a held voltage only approaches
_ABOVE = 1.1  # times the switching voltage, where the instrument limited the current


@dataclass(frozen=True, slots=True, kw_only=True)
class Programming:
    """Pulses for the mean device of a fit, and the device that they make of it.

    Parameters
    ----------
    physics : CompiledModel
        The mean device, in the digits of the file.
    protocol : Protocol
    device : AnalogDevice
        Derived from both: the range that the pulses reach.
    notes : tuple of str
        For people.
    contradiction : str or None
        Statement on pulses that change the measured conductance the other way; None where they
        agree with the sweeps.
    """

    physics: CompiledModel
    protocol: Protocol
    device: AnalogDevice
    notes: tuple[str, ...]
    contradiction: str | None = None


def find_programming(loops: Sequence[Loop], fit: LoopFit, to: Destination) -> Programming:
    """Find pulses that program the mean device of a fit.

    Pulses have the largest voltages of the sweeps (just above the switching voltage where the
    instrument limited the current), and a width of which fifty go through the range of the sweep.
    Of several devices, voltages and range are medians: the mean device is driven through the sweep
    of each, from the state in which that device began. The polarity that raises the conductance is
    that under which the fitted state ends higher. A device is derived from the pulses as a study
    will derive it; where that fails, finer pulses, voltages that rise from pulse to pulse, and a
    device of two levels are tried in turn.

    Parameters
    ----------
    loops : sequence of Loop
    fit : LoopFit
    to : Destination
        Its read voltage and cell.

    Returns
    -------
    Programming

    Raises
    ------
    UserError
        If the model does not change in the sweeps, or no pulses program it.
    """
    physics: Any = build(DynamicalModel, shortened(plain(fit.mean())), "physics")
    way = _widened(physics, _through(physics, fit.states, loops, to.read_voltage), to)
    failure: UserError | None = None
    for changes, levels in _choices(way):
        try:
            protocol = Protocol(**shortened({**changes, "spread": fit.spread()}))
            base = AnalogDevice(g_min=way.low, g_max=way.high, cell_size=to.cell_size,
                                read_voltage=to.read_voltage, levels=levels)  # fmt: skip
            device = derived_device(physics, protocol, base=base)
        except UserError as error:
            failure = failure or error
            continue
        return Programming(
            physics=physics,
            protocol=protocol,
            device=device,
            notes=_notes(loops, way, protocol, device),
            contradiction=_contradiction(loops[0], protocol),
        )
    raise UserError(f"no pulses of the sweeps' voltages program the fitted model: {failure}")


@dataclass(frozen=True, slots=True, order=True)
class _Way:
    """Voltages [V] of both polarities, and the times [s] in which they cross a range [S]."""

    up: float
    down: float
    rise: float
    fall: float
    low: float
    high: float


def _through(
    model: CompiledModel, begin: Sequence[float], loops: Sequence[Loop], read_voltage: float
) -> _Way:
    """Return the voltages and the times that take a model through the range of the sweeps."""
    ends = np.array([_swept(model, state, loop, read_voltage)
                     for state, loop in zip(begin, loops, strict=True)])  # fmt: skip
    low, high, bottom, top, period = (float(np.median(each)) for each in ends.T)
    if not high > _LEAST_WINDOW * low > 0:
        raise UserError("the fitted model does not switch in these sweeps: no material is written")
    voltages = [float(np.median([_voltage(loop, sign) for loop in loops])) for sign in (1, -1)]
    held = {
        (voltage, state): _held(model, state, voltage, period, read_voltage)
        for voltage in voltages
        for state in (bottom, top)
    }
    up = max(voltages, key=lambda voltage: held[voltage, bottom][1].max())
    down = min(voltages, key=lambda voltage: held[voltage, top][1].min())
    if up == down:
        raise UserError(
            f"{up:g} V both sets and resets the fitted model: no material is written; the sweeps "
            "do not separate its polarities"
        )
    rise = _crossing(*held[up, bottom], high, up)
    return _Way(up, down, rise, _crossing(*held[down, top], low, down), low, high)


def _swept(
    model: CompiledModel, begin: float, loop: Loop, read_voltage: float
) -> tuple[float, float, float, float, float]:
    """Return the range [S] of a model in a sweep, the states at its ends, and the duration [s]."""
    low, high = (float(bound) for bound in model.bounds())
    swept = response(model, float(np.clip(begin, low, high)), loop).state
    if not np.isfinite(swept).all():
        raise UserError(
            f"{type(model).__name__} of the mean device cannot be solved under the sweeps of "
            f"{loop.device}: no material is written"
        )
    g = np.asarray(model.read_conductance(swept, read_voltage))
    bottom, top = float(swept[int(np.argmin(g))]), float(swept[int(np.argmax(g))])
    return float(g.min()), float(g.max()), bottom, top, float(loop.time[-1] - loop.time[0])


def _widened(model: CompiledModel, way: _Way, to: Destination) -> _Way:
    """Lengthen the times where the pulses of a device at rest then cross more of the range.

    They need not: in a sweep the device began elsewhere. The shortest times are taken with which
    pulses reach nearly as much as with any.
    """
    choices = []
    for rise, fall in itertools.product(_LONGER, repeat=2):
        longer = dataclasses.replace(way, rise=rise * way.rise, fall=fall * way.fall)
        choices.append((rise * fall, _share_reached(model, longer, to.read_voltage), longer))
    most = max(share for _, share, _ in choices)
    return min((length, longer) for length, share, longer in choices if share >= 0.95 * most)[1]


def _share_reached(model: CompiledModel, way: _Way, read_voltage: float) -> float:
    """Return the share of a range, of its logarithm, that trains of pulses go through."""
    state = model.initial_state()
    ends = []
    for voltage, time in 2 * ((way.up, way.rise), (way.down, way.fall)):
        train = respond(model, voltage, time / _PULSES, _PULSES, read_voltage=read_voltage,
                        state=state, on_failure="flag")  # fmt: skip
        state = train.state.values[-1]
        if not np.isfinite(state).all():
            return 0.0
        ends.append(float(train.conductance.values[-1]))
    top, bottom = min(ends[-2], way.high), max(ends[-1], way.low)
    return float(np.log(max(top / bottom, 1.0)) / np.log(way.high / way.low))


def _voltage(loop: Loop, sign: int) -> float:
    """Return the voltage [V] of pulses of one sign."""
    half = sign * loop.voltage > 0
    top = float(np.abs(loop.voltage[half]).max())
    if (loop.limited & half).any():
        switched = [abs(one.switching) for one in excursions(loop, loop.current, 0.2 * top)
                    if one.peak * sign > 0 and one.switches]  # fmt: skip
        if switched:
            top = min(top, _ABOVE * float(np.median(switched)))
    return sign * top


def _held(
    model: CompiledModel, state: float, voltage: float, period: float, read_voltage: float
) -> tuple[FloatArray, FloatArray]:
    """Return times [s] and conductances [S] under a held voltage."""
    time = np.concatenate([[0.0], period * np.logspace(-9, 1, 801)])
    solved = transient(model, time, np.full(time.size, voltage), state=state)
    return time, np.asarray(model.read_conductance(solved.state.values, read_voltage))


def _crossing(time: FloatArray, g: FloatArray, target: float, voltage: float) -> float:
    """Return the time [s] at which a held device reaches a conductance, or nearly its furthest."""
    whole = target - float(g[0])
    way = np.maximum.accumulate((g - g[0]) * np.sign(whole))
    if way[-1] <= 0:
        raise UserError(
            f"{voltage:g} V, held, does not move the fitted model from {engineering(g[0], 'S')} "
            f"towards {engineering(target, 'S')}: no material is written"
        )
    aim = abs(whole) if way[-1] >= abs(whole) else _SHARE * float(way[-1])
    last = int(np.argmax(way >= aim))
    share = (aim - way[last - 1]) / (way[last] - way[last - 1])
    return float(time[last - 1] + share * (time[last] - time[last - 1]))


def _choices(way: _Way) -> Iterator[tuple[dict[str, Any], int | None]]:
    """Yield parameters of protocols, and levels, in the order in which they are tried."""

    def train(pulses: int, **more: Any) -> dict[str, Any]:
        return {
            "voltage_up": way.up,
            "width_up": way.rise / pulses,
            "voltage_down": way.down,
            "width_down": way.fall / pulses,
            **more,
        }

    yield train(_PULSES), None
    yield train(_FINE, pulses_up=_FINE, pulses_down=_FINE, max_pulses=_FINE), None
    yield train(_PULSES, ramp=_RAMP), None
    yield train(_BINARY), 2


def _notes(
    loops: Sequence[Loop], way: _Way, protocol: Protocol, device: AnalogDevice
) -> tuple[str, ...]:
    """Return the pulses in words, with a warning where they go further than the sweeps."""
    (up, rise), (down, fall) = protocol.pulse(True), protocol.pulse(False)
    done = (
        f"set by pulses of {up:+.3g} V, {engineering(rise, 's')}, reset by {down:+.3g} V, "
        f"{engineering(fall, 's')}: {engineering(device.g_min, 'S')} to "
        f"{engineering(device.g_max, 'S')}"
    )
    if device.levels == 2:
        done += "; the device only switches: it has 2 levels"
    notes = [done]
    if max(device.g_max / way.high, way.low / device.g_min) > _FURTHER:
        limit = limits_in_words(loops)
        notes.append(
            f"these pulses go beyond the range of the sweeps, {engineering(way.low, 'S')} to "
            f"{engineering(way.high, 'S')}"
            + (f"; they have no limit of the current, the sweeps had {limit}" if limit else "")
        )
    return tuple(notes)


def _contradiction(loop: Loop, protocol: Protocol) -> str | None:
    """Return a statement on pulses that set under the polarity that resets the measured device."""
    up = protocol.pulse(True)[0]
    if np.sign(up) == sets(loop):
        return None
    return f"{up:+.3g} V sets the fitted model, and lowers the measured conductance"


def stated(protocol: Protocol) -> dict[str, Any]:
    """Return the parameters of a protocol that differ from its defaults, plain.

    Parameters
    ----------
    protocol : Protocol

    Returns
    -------
    dict of str to value
    """
    defaults = {
        field.name: field.default for field in dataclasses.fields(protocol)
        if field.default is not dataclasses.MISSING
    } | {"spread": {}}  # fmt: skip
    return {
        name: value for name, value in plain(protocol).items()
        if name not in defaults or value != defaults[name]
    }  # fmt: skip
