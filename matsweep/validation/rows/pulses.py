"""Trains of pulses, next to the published equations of conductance and of arrays of devices."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from matsweep.devices import NeuroSim, curvature
from matsweep.planning.loading import load_material
from matsweep.validation.row import Point, Row, Source, Tolerance, points

type Array = npt.NDArray[np.float64]

_NEUROSIM = Source(
    citation="MLP+NeuroSim V3.0 user manual, eqs. 1 to 3, and its table of nonlinearities; P.-Y. "
    "Chen, X. Peng, S. Yu, IEEE TCAD 37:3067, 2018",
    doi="10.1109/TCAD.2018.2789723",
)
_LABELS = {2.40: 0.4992, 4.88: 0.2003, 6.76: 0.1003, 0.5: 2.520, 9.0: 0.0228, -4.88: -0.2003}
"""Normalised A of labels of nonlinearity."""


def _labels() -> list[Point]:
    found = [1 / float(curvature(label)) for label in _LABELS]
    return points([f"label {each:g}" for each in _LABELS], list(_LABELS.values()), found)


def _curves() -> list[Point]:
    """G = B (1 - exp(-P / A)) up, G = 1 - B' (1 - exp((P - P_max) / A')) down, of Ag:a-Si."""
    model = NeuroSim(nonlinearity_up=2.4, nonlinearity_down=-4.88, pulses_up=97, pulses_down=100)
    rng = np.random.default_rng(0)
    found = []
    for pulses, start, sign in ((97, 0.0, 1), (100, 1.0, -1)):
        state = np.full((1, 1), start)
        for _ in range(pulses):
            state = model.apply(state, sign, rng=rng)
            found.append(float(state[0, 0]))
    up, down = np.arange(1, 98), 100 - np.arange(1, 101)
    a, b = 0.49918 * 97, 0.2003026 * 100
    rise = (1 - np.exp(-up / a)) / (1 - np.exp(-97 / a))
    fall = 1 - (1 - np.exp((down - 100) / b)) / (1 - np.exp(-100 / b))
    labels = [f"pulse {n} up" for n in up] + [f"pulse {n} down" for n in np.arange(1, 101)]
    return points(labels, np.concatenate([rise, fall]), found)


# ------------------------------------------------------------------------- arrays of devices


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """Array of devices with linear steps, in weights of [-1, 1], as published.

    A gain of each device scales its steps up and down, an asymmetry r splits them. A pulse changes
    the weight by (gain + r) step (1 - slope w) up, by -(gain - r) step (1 + slope w) down, and by
    noise: `cycle` of the device's own mean step, or, where `relative` is false, of `step`. The
    weight stays between bounds that differ between devices, too.

    Parameters
    ----------
    step : float
    gain, asymmetry : float
        Standard deviations between devices; the mean gain is 1, the mean asymmetry 0.
    cycle : float
        Standard deviation of a pulse.
    bounds : float
        Standard deviation of either bound between devices.
    slope : float
    relative : bool
    """

    step: float
    gain: float
    asymmetry: float
    cycle: float
    bounds: float
    slope: float = 0.0
    relative: bool = True


PRESETS = {
    "rpu_reference": Preset(step=0.0016, gain=0.3, asymmetry=0.01, cycle=0.3, bounds=0.3),
    "capacitor_3t1c": Preset(
        step=0.005, gain=0.1, asymmetry=0.06, cycle=0.3, bounds=0.07, slope=0.05, relative=False
    ),
}
_RUNS = (0.2, 0.4, -0.3, -0.6, 0.3)
"""Runs of pulses, as shares of those from end to end."""
_DEVICES = 5000


def _sampled(preset: Preset, counts: Sequence[int]) -> Array:
    """Weights of an array after each run of pulses, (run, device), from 0 on."""
    rng = np.random.default_rng(2)
    gain = 1 + preset.gain * rng.standard_normal(_DEVICES)
    split = preset.asymmetry * rng.standard_normal(_DEVICES)
    high, low = (np.abs(1 + preset.bounds * rng.standard_normal(_DEVICES)) for _ in range(2))
    weight, after = np.zeros(_DEVICES), []
    for count in counts:
        sign = np.sign(count)
        scale = preset.step * np.abs(gain + sign * split)
        for _ in range(abs(count)):
            mean = scale * (1 - sign * preset.slope * weight)
            noise = preset.cycle * rng.standard_normal(_DEVICES)
            noise *= mean if preset.relative else preset.step
            weight = np.clip(weight + sign * mean + noise, -low, high)
        after.append(weight)
    return np.array(after)


@functools.cache
def _trains(name: str) -> tuple[Array, Array, list[str]]:
    """Weights over the range, (run, device), as published and of the catalogue's devices."""
    preset = PRESETS[name]
    counts = [round(share * 2 / preset.step) for share in _RUNS]
    device, rng = load_material(name).device, np.random.default_rng(3)
    middle = (device.g_min + device.g_max) / 2
    g = np.full((_DEVICES, 1), middle)
    own, found = device.draw(g.shape, rng=rng), []
    for count in counts:
        g = device.pulse(g, count, rng=rng, devices=own).conductance
        found.append((g[:, 0] - middle) / device.g_range)
    labels = [
        f"{100 * abs(share):g} % of the range {'up' if share > 0 else 'down'}" for share in _RUNS
    ]
    return _sampled(preset, counts) / 2, np.array(found), labels


def _train(name: str, statistic: str) -> list[Point]:
    expected, found, labels = _trains(name)
    reduce: Callable[..., Array] = np.mean if statistic == "mean" else np.std
    error = np.std(expected, axis=1) * np.sqrt(2 / _DEVICES)
    return points(labels, reduce(expected, axis=1), reduce(found, axis=1), error)


def _ensemble(name: str, statistic: str, title: str, source: Source) -> Row:
    return Row(
        name=f"train_{name.split('_')[0]}_{statistic}",
        subject="Arrays of pulsed devices",
        title=f"{title}: {statistic} of the weights of an array after trains of pulses",
        unit="1",
        source=source,
        conditions="`" + name + "`; one gain a device for both directions, a small asymmetry that "
        "splits them, bounds that differ; 5,000 devices from the middle of the range on, up by 20 "
        "and 40 % of the pulses from end to end, down by 30 and 60 %, up by 30 %; weights over the "
        "range",
        tolerance=Tolerance(absolute=0.02, reason="2 % of the range; sampling leaves 0.3 %"),
        calculate=functools.partial(_train, name, statistic),
    )


PULSES = (
    Row(
        name="neurosim_labels",
        subject="Pulses",
        title="Nonlinearity labels: normalised A",
        unit="1",
        source=_NEUROSIM,
        conditions="labels of the tabulated devices",
        tolerance=Tolerance(relative=2e-3, reason="a table of four digits"),
        calculate=_labels,
    ),
    Row(
        name="neurosim_curves",
        subject="Pulses",
        title="Potentiation and depression of Ag:a-Si: state after each pulse",
        unit="1",
        source=_NEUROSIM,
        conditions="labels 2.4 and -4.88, 97 and 100 pulses, no noise",
        tolerance=Tolerance(absolute=3e-5, reason="A is taken with five digits"),
        calculate=_curves,
    ),
    *(
        _ensemble(name, statistic, title, source)
        for name, title, source in (
            (
                "rpu_reference", "Specification of Gokmen and Vlasov",
                Source(citation="T. Gokmen, Y. Vlasov, Front. Neurosci. 10:333, 2016, as in IBM's "
                       "aihwkit", doi="10.3389/fnins.2016.00333"),
            ),
            (
                "capacitor_3t1c", "Capacitor cell",
                Source(citation="Y. Li et al., VLSI 2018, as in IBM's aihwkit",
                       doi="10.1109/VLSIT.2018.8510648"),
            ),
        )
        for statistic in ("mean", "spread")
    ),
)  # fmt: skip
