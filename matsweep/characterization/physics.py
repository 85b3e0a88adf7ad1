"""Measurement of a material's physics: loops, switching times, set and reset, retention."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray
from matsweep.devices.dynamics.model import CompiledModel, DynamicalModel
from matsweep.identification.derivation import Protocol, population
from matsweep.solving import respond, sine, staircase, transient, triangle

_DECADES = 4  # of frequency above the base one, at least
_MOST_DECADES = 9
_FALLEN = 0.1  # of the largest lobe area: where the search over frequencies ends
_VOLTAGES = np.linspace(0.5, 1.5, 21)  # of the protocol's, at which switching is timed
_TIMES = np.concatenate([[0.0], np.logspace(-6, 5, 331)])  # of the pulse's width
_SWEEPS = 3  # cycles of a quasi-static sweep
_SWEEP_POINTS = 600
_LOOP_POINTS = 400  # of a period
_STAIRS = 40  # currents on the way up, and on the way down
_REACHES = (1.3, 1.15, 1.0)  # of the protocol's voltages: the first sweep that is not too hot
_BAKES = np.linspace(300.0, 500.0, 9)  # K


def characterize_physics(
    physics: DynamicalModel, protocol: Protocol, *, read_voltage: float, seed: int = 0
) -> xr.Dataset:
    """Measure a material's physics on the test bench.

    Parameters
    ----------
    physics : DynamicalModel
    protocol : Protocol
        Its pulses set the scales: loops are sines whose half waves have the amplitude of their own
        polarity's pulse (of one polarity, both have the larger), the slowest one 100 pulses long,
        the others each 10 times as fast: five, or up to ten until the area of a lobe has fallen
        to a tenth of its largest. (Phase change switches within nanoseconds under pulses that are
        given for much longer, so its lobes grow with the frequency first.) Switching is timed at
        0.5 to 1.5 times each pulse voltage; set and reset are read from triangular sweeps to 1.3
        times the pulse voltages, or 1.15 or 1 where that is too hot, each as long as all pulses
        of a cycle.
    read_voltage : float, V
    seed : int

    Returns
    -------
    Dataset
        `loop_voltage`, `loop_current` (frequency, phase) V and A, of the third period: the current
        through the device, or that of its channel at the read voltage where it is read there;
        `lobe_area` (frequency,), ∮ i dv of the mean lobe over amplitude times largest current, or
        of a channel's loop over range of voltage times largest current; `switching_time`
        (polarity, drive) s, from the protocol's own end state to half of the window, at
        `switching_voltage` (polarity, drive) V, NaN where it takes longer than 1e5 pulses;
        `set_voltage`, `reset_voltage` (cycle, device) V, NaN where a sweep does not switch;
        `retention_time` (bake,) s where the physics knows it; `stair_voltage` (way, level) V, the
        mean at each `stair_current` (level,) A, rising and falling, where the physics has a loop
        under a current. Where the physics knows its heat,
        `loop_hottest` (frequency,), `switching_hottest` (polarity, drive), until it has switched,
        and `sweep_hottest` (device,) K: what exceeds the attribute `hottest`, the protocol's, is
        destroyed, and its values are NaN. Quantities that a model lacks are absent.

    Raises
    ------
    UserError
        If the physics is driven by a current.
    """
    if not isinstance(physics, CompiledModel) or physics.drive != "voltage":
        raise UserError(
            f"{type(physics).__name__} takes no voltage: use matsweep.devices.transient"
        )
    measured = xr.Dataset(attrs={"physics": type(physics).__name__, "seed": seed,
                              "hottest": protocol.hottest})  # fmt: skip
    _loops(measured, physics, protocol, read_voltage)
    _times(measured, physics, protocol, read_voltage)
    _sweeps(measured, physics, protocol, read_voltage, seed)
    _stairs(measured, physics)
    kept = [physics.retention(float(bake)) for bake in _BAKES]
    if kept[0] is not None:
        measured["retention_time"] = ("bake", [pair[0] for pair in kept if pair is not None])
        measured["bake"] = _BAKES
    for name, (unit, text) in _ATTRIBUTES.items():
        if name in measured.variables:
            measured[name].attrs.update({"units": unit, "long_name": text} | measured[name].attrs)
    return measured


def _amplitudes(protocol: Protocol) -> tuple[float, float]:
    """Return the most positive and most negative pulse voltage, V; of one polarity, mirrored."""
    pulses = [protocol.pulse(up)[0] for up in (True, False)]
    high, low = max(*pulses, 0.0), min(*pulses, 0.0)
    return high or -low, low or -high


def _hottest(physics: CompiledModel, traced: xr.Dataset) -> FloatArray | None:
    """Return the running maximum of the temperature, (time, …) array, K; None where unknown."""
    hot = getattr(physics, "device_temperature", None)
    if hot is None:
        return None
    heat = hot(_ordered(physics, traced.state.values), traced.voltage.values)
    return np.asarray(np.fmax.accumulate(heat, axis=0))


def _loops(
    measured: xr.Dataset, physics: CompiledModel, protocol: Protocol, read_voltage: float
) -> None:
    high, low = _amplitudes(protocol)
    channel = type(physics).read_conductance is not DynamicalModel.read_conductance
    base = 1 / (100 * protocol.width_up)
    voltages, currents, areas, heat = [], [], [], []
    for decade in range(_MOST_DECADES + 1):
        drive = sine(1.0, base * 10.0**decade, periods=3, points=_LOOP_POINTS)
        voltage = drive.voltage * np.where(drive.voltage > 0, high, -low)
        traced = transient(physics, drive.time, voltage, on_failure="flag")
        last = slice(2 * _LOOP_POINTS, None)
        current = traced.current.values[last].copy()
        if channel:
            current = read_voltage * _conductance(physics, traced.state.values[last], read_voltage)
        hottest = _hottest(physics, traced)
        if hottest is not None:
            heat.append(float(hottest[-1]))
            if heat[-1] > protocol.hottest:
                current[:] = np.nan
        voltages.append(voltage[last])
        currents.append(current)
        areas.append(float((_channel_area if channel else lobe_area)(voltage[last], current)))
        fallen = areas[-1] <= _FALLEN * np.nanmax([0.0, *areas])
        if decade >= _DECADES and (fallen or not np.isfinite(areas).any()):
            break
    channel_current = f"current of the channel at {read_voltage:g} V"
    loop = "area of the loop over range of voltage times largest current"
    named = ({"long_name": channel_current}, {"long_name": loop}) if channel else ({}, {})
    measured["loop_voltage"] = (("frequency", "phase"), np.array(voltages))
    measured["loop_current"] = (("frequency", "phase"), np.array(currents), named[0])
    measured["frequency"] = base * 10.0 ** np.arange(len(areas))
    measured["phase"] = 2 * np.pi * np.arange(_LOOP_POINTS + 1) / _LOOP_POINTS
    measured["lobe_area"] = ("frequency", np.array(areas), named[1])
    if heat:
        measured["loop_hottest"] = ("frequency", heat)


def _channel_area(voltage: FloatArray, current: FloatArray) -> FloatArray:
    """Return the area of an unpinched loop over range of voltage times largest current.

    A channel at rest has zero area.
    """
    largest = np.ptp(voltage, axis=-1) * np.abs(current).max(axis=-1)
    return np.asarray(np.abs(np.trapezoid(current, voltage, axis=-1)) / largest)


def lobe_area(voltage: FloatArray, current: FloatArray) -> FloatArray:
    """Return the area of a pinched loop's mean lobe over amplitude times largest current.

    Parameters
    ----------
    voltage : (…, phase) array, V
        One period of a sine, both ends included.
    current : (…, phase) array, A

    Returns
    -------
    (…) array
        Dimensionless.
    """
    middle = voltage.shape[-1] // 2
    lobes = [
        np.abs(np.trapezoid(current[..., part], voltage[..., part], axis=-1))
        for part in (slice(0, middle + 1), slice(middle, None))
    ]
    largest = np.abs(voltage).max(axis=-1) * np.abs(current).max(axis=-1)
    return np.asarray(0.5 * (lobes[0] + lobes[1]) / largest)


def _ordered(physics: CompiledModel, states: FloatArray) -> FloatArray:
    """Return states (time[, component], …) with their components first."""
    return np.moveaxis(states, 1, 0) if len(physics.components) > 1 else states


def _conductance(physics: CompiledModel, states: FloatArray, read_voltage: float) -> FloatArray:
    """Return the conductance, S, that a read measures at states (time[, component], …)."""
    return physics.read_conductance(_ordered(physics, states), read_voltage)


def _ends(
    physics: CompiledModel, protocol: Protocol, read_voltage: float
) -> dict[bool, tuple[FloatArray, float]]:
    """Return state and conductance after each half of the second pulse cycle, by polarity."""
    state, ends = physics.initial_state(), {}
    for _ in range(2):
        for up, count in ((True, protocol.pulses_up), (False, protocol.pulses_down)):
            voltage, width = protocol.pulse(up)
            traced = respond(physics, voltage, width, count, read_voltage=read_voltage, state=state)
            state = traced.state.values[-1]
            ends[up] = state, float(traced.conductance[-1])
    return ends


def _times(
    measured: xr.Dataset, physics: CompiledModel, protocol: Protocol, read_voltage: float
) -> None:
    ends = _ends(physics, protocol, read_voltage)
    half = 0.5 * (ends[True][1] + ends[False][1])
    times, voltages, heat = np.full((3, 2, _VOLTAGES.size), np.nan)
    for index, up in enumerate((True, False)):
        pulse, width = protocol.pulse(up)
        voltages[index] = pulse * _VOLTAGES
        time = width * _TIMES
        drive = np.broadcast_to(voltages[index], (time.size, _VOLTAGES.size))
        start = np.broadcast_to(
            ends[not up][0][..., None], (*ends[not up][0].shape, _VOLTAGES.size)
        )
        traced = transient(physics, time, drive, state=start, on_failure="flag")
        conductance = _conductance(physics, traced.state.values, read_voltage)
        beyond = (conductance >= half) if up else (conductance <= half)
        hottest = _hottest(physics, traced)
        for column in range(_VOLTAGES.size):
            times[index, column] = _crossing(time, conductance[:, column], beyond[:, column], half)
            if hottest is not None:
                until = int(np.argmax(beyond[:, column])) if beyond[:, column].any() else -1
                heat[index, column] = hottest[until, column]
    if np.isfinite(heat).any():
        measured["switching_hottest"] = (("polarity", "drive"), heat)
        times[heat > protocol.hottest] = np.nan
    measured["switching_time"] = (("polarity", "drive"), times)
    measured["switching_voltage"] = (("polarity", "drive"), voltages)
    measured["polarity"] = ["up", "down"]


def _crossing(x: FloatArray, y: FloatArray, beyond: npt.NDArray[np.bool_], level: float) -> float:
    """Interpolate linearly where y (n,) first crosses a level; NaN if it never does."""
    if not beyond.any() or beyond[0]:
        return float("nan")
    index = int(np.argmax(beyond))
    share = (level - y[index - 1]) / (y[index] - y[index - 1])
    return float(x[index - 1] + share * (x[index] - x[index - 1]))


def _sweeps(
    measured: xr.Dataset, physics: CompiledModel, protocol: Protocol, read_voltage: float, seed: int
) -> None:
    """Sweep a population; a device sets, and resets, where it first passes half of its window."""
    ups = protocol.pulse(True)[0]
    high, low = _amplitudes(protocol)
    if ups * protocol.pulse(False)[0] > 0:
        return  # one polarity: amplitudes separate set from reset, a sweep passes both at once
    rng = np.random.default_rng(seed)
    devices = population(physics, protocol, rng)
    period = protocol.width_up * (protocol.pulses_up + protocol.pulses_down)
    jumps = protocol.stochastic and physics.quantum() is not None
    for reach in _REACHES:
        drive = triangle(reach * high, reach * low, period, periods=_SWEEPS + 1,
                         points=_SWEEP_POINTS)  # fmt: skip
        state = devices.initial_state((protocol.devices,))
        traced = transient(devices, drive.time, drive.voltage, state=state, on_failure="flag",
                           rng=np.random.default_rng([seed, 1]) if jumps else None)  # fmt: skip
        hottest = _hottest(devices, traced)
        if hottest is None or not (hottest[-1] > protocol.hottest).any():
            break
    conductance = _conductance(devices, traced.state.values, read_voltage)
    points = drive.time.size // (_SWEEPS + 1)
    voltages: dict[bool, FloatArray] = {
        up: np.full((_SWEEPS, protocol.devices), np.nan) for up in (True, False)
    }
    for cycle in range(_SWEEPS):
        part = slice((cycle + 1) * points, (cycle + 2) * points)
        v, g = drive.voltage[part], conductance[part]
        half = 0.5 * (g.max(axis=0) + g.min(axis=0))
        clear = g.max(axis=0) > 1.05 * g.min(axis=0)
        for up in (True, False):
            # Each polarity has its own half of the sweep.
            chosen = np.flatnonzero(v * ups > 0 if up else v * ups < 0)
            for device in np.flatnonzero(clear):
                trace = g[chosen, device]
                beyond = trace >= half[device] if up else trace <= half[device]
                voltages[up][cycle, device] = _crossing(v[chosen], trace, beyond, half[device])
    if hottest is not None:
        measured["sweep_hottest"] = ("device", hottest[-1])
        for up in (True, False):
            voltages[up][:, hottest[-1] > protocol.hottest] = np.nan
    measured.attrs["sweep_reach"] = reach
    measured["set_voltage"] = (("cycle", "device"), voltages[True])
    measured["reset_voltage"] = (("cycle", "device"), voltages[False])


def _stairs(measured: xr.Dataset, physics: CompiledModel) -> None:
    """Raise the current step by step and lower it again, with the mean voltage of each step."""
    model = physics.under_current()
    loop = model.current_loop()
    if loop is None:
        return
    largest, dwell = loop
    rising = largest * np.arange(1, _STAIRS + 1) / _STAIRS
    currents = np.concatenate([rising, rising[::-1]])
    traced = staircase(model, currents, dwell, tolerance=1e-5, on_failure="flag")
    voltage = traced.voltage.values
    measured["stair_current"] = ("level", rising)
    measured["stair_voltage"] = (("way", "level"), [voltage[:_STAIRS], voltage[: _STAIRS - 1 : -1]])
    measured["way"] = ["rising", "falling"]


_ATTRIBUTES = {
    "loop_voltage": ("V", "voltage"),
    "loop_current": ("A", "current"),
    "lobe_area": ("1", "area of a lobe over amplitude times largest current"),
    "loop_hottest": ("K", "highest temperature in the loop"),
    "switching_hottest": ("K", "highest temperature until it has switched"),
    "sweep_hottest": ("K", "highest temperature in all sweeps"),
    "frequency": ("Hz", "frequency"),
    "phase": ("rad", "phase of the sine"),
    "switching_time": ("s", "time to half of the window"),
    "switching_voltage": ("V", "held voltage"),
    "set_voltage": ("V", "voltage of the set in a sweep"),
    "reset_voltage": ("V", "voltage of the reset in a sweep"),
    "stair_current": ("A", "current"),
    "stair_voltage": ("V", "mean voltage"),
    "retention_time": ("s", "retention"),
    "bake": ("K", "temperature"),
}
