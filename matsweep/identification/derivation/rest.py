"""Retention of a population at rest, as one stretched exponential."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.devices.dynamics.model import CompiledModel, Forgetting

_EARLY, _LATE = 0.8, 0.3  # remaining shares that the stretched exponential goes through


class Forgotten(NamedTuple):
    """Decay exp(-(t / time)^stretch) of the distance from a conductance [S], t and time in s."""

    time: float
    activation_ev: float
    conductance: float
    stretch: float


def forgets(
    devices: CompiledModel,
    ends: tuple[FloatArray, FloatArray],
    temperature: float,
    *,
    read_voltage: float,
) -> Forgotten | None:
    """Fit the mean decay of a population; None where its physics has no law of retention.

    Each device forgets by its own law, from the one of its two end states that is farther from its
    resting state; the spread of barriers makes the mean's decay slower than exponential. The result
    is a stretched exponential through 0.8 and 0.3 of it.

    Parameters
    ----------
    devices : CompiledModel
        A population, with arrays (device,).
    ends : pair of (…, device) arrays
        The states after potentiation and after depression.
    temperature : float, K
    read_voltage : float, V

    Returns
    -------
    Forgotten or None
    """
    from scipy.optimize import brentq

    several = len(devices.components) > 1
    laws: list[Forgetting] = []
    settled: list[float] = []
    for index in range(ends[0].shape[-1]):
        device = devices.select(index)
        law = device.retention(temperature)
        if law is None:
            return None
        goes = float(np.mean(device.read_conductance(law.states, read_voltage)))
        states = np.stack([end[..., index] for end in ends], axis=-1)
        away = np.abs(device.read_conductance(states, read_voltage) - goes)
        start = states[..., int(np.argmax(away))]
        own = device.retention(temperature, start if several else np.asarray(start))
        assert own is not None
        laws.append(own)
        settled.append(goes)
    times, stretches = np.array([[law.time, law.stretch] for law in laws]).T

    def left(logarithm: float) -> float:
        return float(np.mean(np.exp(-((np.exp(logarithm) / times) ** stretches))))

    reach = np.log(times.min()) - 50, np.log(times.max()) + 50
    early, late = (brentq(lambda x, y=y: left(x) - y, *reach) for y in (_EARLY, _LATE))
    stretch = min(np.log(np.log(_LATE) / np.log(_EARLY)) / (late - early), 1.0)
    return Forgotten(
        time=float(np.exp(late) / (-np.log(_LATE)) ** (1 / stretch)),
        activation_ev=float(np.mean([law.activation_ev for law in laws])),
        conductance=float(np.mean(settled)),
        stretch=float(stretch),
    )
