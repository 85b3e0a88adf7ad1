"""Measurement of a device model: pulses, programming, time and temperature, reads, I–V."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from matsweep.core.checks import UserError, positive, whole
from matsweep.core.quantities import Surroundings
from matsweep.core.streams import FloatArray
from matsweep.devices import AnalogDevice

_MOST_PULSES = 500
_LEVELS = np.linspace(0.0, 1.0, 21)
_KEPT_LEVELS = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
_READ_TIME = 60.0  # s after programming, when reads are taken
_SECOND, _YEAR = 1.0, 3.15576e7
_TIMES = 43  # of the retention measurement
_READS = 10  # of each level, per device


def characterize(
    device: AnalogDevice,
    *,
    devices: int = 200,
    pulses: int | None = None,
    temperatures: Sequence[Surroundings] = (300.0, 358.15, 398.15),
    seed: int = 0,
) -> xr.Dataset:
    """Measure a device model on the test bench.

    Parameters
    ----------
    device : AnalogDevice
    devices : int
        Number of devices measured, >= 2.
    pulses : int or None
        Of each polarity; None: until the mean device has come 99 % of its way, from 20 to 500.
    temperatures : sequence of float, K
        Of the retention measurement.
    seed : int

    Returns
    -------
    Dataset
        `conductance_pulsed` (pulse, device) S, first potentiated from g_min, then depressed,
        where a pulse response is known; `pulse_energy` (pulse,) J, the mean;
        `conductance_programmed` (target, device) S with `programming_sigma` (target,) S as the
        law states it; `conductance_aged` (temperature, level, time, device) S;
        `conductance_read` (level, read) S with `read_sigma` (level,) S;
        `current` (level, voltage) A.

    Raises
    ------
    UserError
        For fewer than two devices, no temperature, or a number out of its range.
    """
    whole("devices", devices, low=2)
    temperatures = [positive("temperatures", value, "K") for value in temperatures]
    if not temperatures:
        raise UserError("temperatures [K] must hold one or more values, got none")
    rng = np.random.default_rng(seed)
    measured = xr.Dataset(
        attrs={"g_min": device.g_min, "g_max": device.g_max, "devices": devices, "seed": seed}
    )
    if device.pulse_model is not None:
        _pulsed(measured, device, devices, _pulses(device, pulses), rng)
    _programmed(measured, device, devices, rng)
    _aged(measured, device, devices, temperatures, rng)
    _read(measured, device, devices, rng)
    for name, (unit, text) in _ATTRIBUTES.items():
        if name in measured.variables:
            measured[name].attrs.update(units=unit, long_name=text)
    return measured


def bench_footprint(devices: int, pulses: int, temperatures: int) -> int:
    """Memory of the measurements of a test bench, before they are made.

    Parameters
    ----------
    devices : int
    pulses : int
        Of each polarity.
    temperatures : int

    Returns
    -------
    int, bytes
    """
    aged = temperatures * len(_KEPT_LEVELS) * _TIMES
    reads = _READS * len(_KEPT_LEVELS)
    return 8 * devices * (2 * pulses + 1 + len(_LEVELS) + aged + reads)


def _pulses(device: AnalogDevice, pulses: int | None) -> int:
    if pulses is not None:
        return whole("pulses", pulses, low=1, high=100_000)
    model = device.pulse_model
    assert model is not None
    nominal = model.nominal  # computed by a search
    state, path = np.zeros(1), [0.0]
    for _ in range(_MOST_PULSES):
        state = np.clip(state + model.step(state, True, nominal), 0, 1)
        path.append(float(state[0]))
    return max(20, int(np.argmax(np.array(path) >= 0.99 * path[-1])))


def _pulsed(
    measured: xr.Dataset, device: AnalogDevice, devices: int, pulses: int, rng: np.random.Generator
) -> None:
    own = device.draw((devices, 1), rng=rng)
    conductance = np.full((devices, 1), device.g_min)
    trace, energy = [conductance[:, 0]], [0.0]
    for count in [1] * pulses + [-1] * pulses:
        pulsed = device.pulse(conductance, count, rng=rng, devices=own)
        conductance = pulsed.start
        trace.append(pulsed.conductance[:, 0])
        energy.append(float(np.mean(pulsed.energy)))
    measured["conductance_pulsed"] = (("pulse", "device"), np.array(trace))
    measured["pulse_energy"] = ("pulse", np.array(energy))
    measured["pulse"] = np.arange(2 * pulses + 1)
    measured.attrs["pulses"] = pulses


def _programmed(
    measured: xr.Dataset, device: AnalogDevice, devices: int, rng: np.random.Generator
) -> None:
    target = device.g_min + _LEVELS * device.g_range
    asked = np.repeat(target[:, None], devices, axis=1)[..., None]
    programmed = device.program(asked, rng=rng)
    measured["conductance_programmed"] = (("target", "device"), programmed.conductance[..., 0])
    measured["target"] = target
    if device.scheme is None:
        sigma = device.programming_sigma(device.nearest_level(target[:, None]))[:, 0]
        measured["programming_sigma"] = ("target", sigma)
    else:
        measured["programming_pulses"] = ("target", np.mean(programmed.pulses, axis=(1, 2)))
        measured["programming_energy"] = ("target", np.mean(programmed.energy, axis=(1, 2)))


def _aged(
    measured: xr.Dataset,
    device: AnalogDevice,
    devices: int,
    temperatures: Sequence[float],
    rng: np.random.Generator,
) -> None:
    from dataclasses import replace

    level = device.g_min + _KEPT_LEVELS * device.g_range
    start = np.repeat(level[:, None], devices, axis=1)[..., None]
    times = np.geomspace(_SECOND, 10 * _YEAR, _TIMES)
    aging = device.aging(start, rng=rng)
    aged = np.empty((len(temperatures), len(level), len(times), devices))
    for i, temperature in enumerate(temperatures):
        warm = replace(device, temperature=temperature)
        for k, time in enumerate(times):
            aged[i, :, k] = warm.aged(start, float(time), aging)[..., 0]
    measured["conductance_aged"] = (("temperature", "level", "time", "device"), aged)
    measured["level"], measured["time"] = level, times
    measured["temperature"] = np.array(temperatures)


def _read(measured: xr.Dataset, device: AnalogDevice, reads: int, rng: np.random.Generator) -> None:
    level: FloatArray = device.g_min + _KEPT_LEVELS * device.g_range
    start = np.repeat(level[:, None], _READS * reads, axis=1)[..., None]
    read = device.read(start, device.read_voltage, rng=rng, time=_READ_TIME)
    measured["conductance_read"] = (("level", "read"), read[..., 0])
    measured["read_sigma"] = ("level", device.read_sigma(level[:, None], _READ_TIME)[:, 0])
    voltage = np.linspace(-2 * device.read_voltage, 2 * device.read_voltage, 81)
    current = device.current(level[:, None], voltage)
    measured["current"] = (("level", "voltage"), current)
    measured["voltage"] = voltage


_ATTRIBUTES = {
    "conductance_pulsed": ("S", "conductance after each pulse"),
    "pulse_energy": ("J", "mean energy of the pulse"),
    "pulse": ("1", "pulse"),
    "conductance_programmed": ("S", "conductance as programmed"),
    "programming_sigma": ("S", "standard deviation of programming, as stated"),
    "programming_pulses": ("1", "mean number of write pulses"),
    "programming_energy": ("J", "mean energy of programming"),
    "target": ("S", "target conductance"),
    "conductance_aged": ("S", "conductance after programming"),
    "level": ("S", "conductance programmed"),
    "time": ("s", "time since programming"),
    "temperature": ("K", "temperature"),
    "conductance_read": ("S", "one read"),
    "read_sigma": ("S", "standard deviation of a read, as stated"),
    "current": ("A", "current"),
    "voltage": ("V", "read voltage"),
}
