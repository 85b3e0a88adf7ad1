"""Small networks on analog hardware, next to plain calculations with the same weights."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from matsweep.devices import AnalogDevice, Drift, ProgrammingError, ReadNoise
from matsweep.planning.config import composer
from matsweep.planning.plan import plan
from matsweep.running.groundwork import laid_here
from matsweep.simulate import simulate
from matsweep.validation.row import Point, Row, Source, Tolerance, points
from matsweep.validation.rows.pcm import published
from matsweep.workloads.inference import Perceptron

type Array = npt.NDArray[np.float64]

_SUBJECT = "Small networks"
_TIMES = (25.0, 86_400.0, 3.1536e7)
_REALISATIONS = 64
# Fine converters, whole arrays, no compensation: devices as published alone decide.
_FINE = (
    "material=pcm_gst", "tile.rows=256", "tile.columns=256", "tile.weight_bits=null", "adc.bits=16",
    "adc.percentile=100", "dac.bits=16", f"times={list(_TIMES)}", "unknowns=neutral",
)  # fmt: skip
_JOSHI = "V. Joshi et al., Nat. Commun. 11:2473, 2020"
_RESIDUAL = (
    "workload=resnet_mnist", "material=pcm_joshi", "tile.rows=256", "tile.columns=256",
    "times=[30.0,86400.0]", "unknowns=neutral",
)  # fmt: skip

_FACTOR = ("tile.compensate_drift=true",)  # one factor a layer
_EXACT = 0.985  # of resnet_mnist in floating point on these images


def _simulated(
    change: Callable[[AnalogDevice], AnalogDevice] = lambda device: device,
) -> tuple[Perceptron, npt.NDArray[np.floating], AnalogDevice]:
    """Return the trained network, accuracies (realisation, time), and the devices."""
    with composer():
        study = plan(_FINE)
    scenario = study.scenario(study.points[0])
    scenario = dataclasses.replace(scenario, device=change(scenario.device))
    network = scenario.workload.prepare()
    assert isinstance(network, Perceptron)
    values = simulate(scenario, network, seed=0, realisations=_REALISATIONS)
    return network, values["accuracy"], scenario.device


def _plain(network: Perceptron, time: float, device: AnalogDevice) -> Array:
    """Accuracies of realisations whose devices follow the published equations, in plain NumPy.

    Each weight is the difference of two devices over the range, its layer's largest weight the
    whole of it; every read of a sample has its own noise.
    """
    low, high, rng = 1e6 * device.g_min, 1e6 * device.g_max, np.random.default_rng(11)
    accuracies = []
    for _ in range(_REALISATIONS):
        x = network.images.astype(float)
        for layer, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
            largest = np.abs(weight).max()
            shares = np.stack([np.maximum(weight, 0), np.maximum(-weight, 0)]) / largest
            pair = published(low + shares * (high - low), (time,), rng)
            aged, noise = pair.aged[0], pair.noise[0]
            out = x @ (aged[0] - aged[1])
            variance = np.square(x) @ np.square(noise).sum(axis=0)
            out += np.sqrt(variance) * rng.standard_normal(out.shape)
            x = out * largest / (high - low) + bias
            if layer < len(network.weights) - 1:
                x = np.maximum(x, 0)
        accuracies.append(np.mean(x.argmax(axis=1) == network.labels))
    return np.array(accuracies)


def _pcm() -> list[Point]:
    network, found, device = _simulated()
    plain = np.array([_plain(network, time, device) for time in _TIMES])
    error = np.hypot(plain.std(axis=1, ddof=1), found.std(axis=0, ddof=1)) / _REALISATIONS**0.5
    labels = ["25 s", "1 day", "1 year"]
    return points(labels, plain.mean(axis=1), found.mean(axis=0), error)


def _ideal() -> list[Point]:
    """Accuracy of the network in floating point, and on devices without any error."""
    network, found, _ = _simulated(
        lambda device: dataclasses.replace(
            device, programming_error=ProgrammingError(), read_noise=ReadNoise(), drift=Drift()
        )
    )
    x = network.images.astype(float)
    for layer, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        x = x @ weight.astype(float) + bias
        if layer < len(network.weights) - 1:
            x = np.maximum(x, 0)
    exact = float(np.mean(x.argmax(axis=1) == network.labels))
    return points([f"{time:g} s" for time in _TIMES], exact, found.mean(axis=0))


@functools.cache
def _residual(*overrides: str) -> npt.NDArray[np.floating]:
    """Accuracies (realisation, time) of the residual network on pairs of PCM."""
    with composer():
        study = plan((*_RESIDUAL, *overrides))
    scenario = study.scenario(study.points[0])
    prepared = scenario.workload.prepare()
    if (laid := laid_here(scenario)) is not None:
        prepared = laid.groundwork.applied(prepared, laid.result)
    return simulate(scenario, prepared, seed=0, realisations=8)["accuracy"]


def _error(values: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Return the standard errors of the mean over realisations, (time,)."""
    return np.asarray(values.std(axis=0, ddof=1) / len(values) ** 0.5)


def _kept() -> list[Point]:
    corrected = _residual("workload.adapt=statistics")
    first, last = corrected.mean(axis=0)
    error = float(np.hypot(*_error(corrected))) / first
    return points(["1 day"], 0.935 / 0.937, [last / first], error)


def _lowered() -> list[Point]:
    """Whether drift lowers the accuracy, and each compensation restores it: by five errors."""
    plain = _residual()
    changes = {
        "drift lowers it": plain[:, 0] - plain[:, 1],
        "one factor a layer restores it": _residual("tile.compensate_drift=true")[:, 1]
        - plain[:, 1],
        "statistics restore it": _residual("workload.adapt=statistics")[:, 1] - plain[:, 1],
    }
    found = [float(each.mean() > 5 * _error(each)) for each in changes.values()]
    return points(list(changes), 1.0, found)


def _trained() -> npt.NDArray[np.floating]:
    """Accuracies (realisation, time) of the network trained with noise, drift corrected."""
    return _residual(*_FACTOR, "workload.training.noise=0.038")


def _trained_kept() -> list[Point]:
    trained = _trained()
    first, last = trained.mean(axis=0)
    error = float(np.hypot(*_error(trained))) / first
    return points(["1 day"], 0.935 / 0.937, [last / first], error)


def _trained_gain() -> list[Point]:
    """Whether training keeps what is lost without it: by five errors of paired realisations."""
    plain, trained = _residual(*_FACTOR), _trained()
    lost = _EXACT - plain[:, 1]
    gained = trained[:, 1] - plain[:, 1]
    return points(
        ["lost without training", "gained by training"],
        1.0,
        [float(each.mean() > 5 * _error(each)) for each in (lost, gained)],
    )


NETWORKS = (
    Row(
        name="network_ideal",
        subject=_SUBJECT,
        title="Digits on a 64-54-10 perceptron with devices without error: accuracy",
        unit="1",
        source=Source(citation="limit: the same network in floating point"),
        conditions="16-bit converters, ideal wires, pairs of devices",
        tolerance=Tolerance(
            absolute=0.003, reason="one image of 360, which converters of 16 bits may turn over"
        ),
        calculate=_ideal,
    ),
    Row(
        name="network_pcm",
        subject=_SUBJECT,
        title="Digits on a 64-54-10 perceptron of PCM pairs, 25 s to a year: accuracy",
        unit="1",
        source=Source(
            citation="the equations of S. R. Nandakumar et al., ICECS 2019, applied to the same "
            "weights in plain NumPy; 64 realisations of each",
            doi="10.1109/ICECS46596.2019.8964852",
        ),
        conditions="`pcm_gst`, 16-bit converters, ideal wires, no compensation of drift",
        tolerance=Tolerance(
            absolute=0.02, reason="six standard errors of the difference after a year"
        ),
        calculate=_pcm,
    ),
    Row(
        name="network_joshi_kept",
        subject=_SUBJECT,
        title="Residual network on PCM, statistics corrected: accuracy after a day over the first",
        unit="1",
        source=Source(
            citation=f"{_JOSHI}: 93.7 %, and above 93.5 % over a day",
            doi="10.1038/s41467-020-16108-9",
        ),
        conditions="published: ResNet-32 with 361,722 weights on CIFAR-10, trained with noise, "
        "measured; here `resnet_mnist` with 30,992 weights on 1,000 images, trained without; the "
        "tolerance came after a first calculation",
        tolerance=Tolerance(
            absolute=0.01, reason="network, data and training differ; both keep their accuracy"
        ),
        calculate=_kept,
    ),
    Row(
        name="network_joshi_drift",
        subject=_SUBJECT,
        title="Residual network on PCM after a day: does drift lower its accuracy, and does "
        "compensation restore it? (1: by more than five standard errors)",
        unit="1",
        source=Source(citation=_JOSHI, doi="10.1038/s41467-020-16108-9"),
        conditions="as `network_joshi_kept`; `pcm_joshi`, 8-bit converters, 30 s and a "
        "day; the question came after a first calculation",
        tolerance=Tolerance(absolute=0.5, reason="a question of yes or no"),
        calculate=_lowered,
    ),
    Row(
        name="network_joshi_trained",
        subject=_SUBJECT,
        title="Residual network on PCM, trained with noise: accuracy after a day over the first",
        unit="1",
        source=Source(
            citation=f"{_JOSHI}: 93.7 %, and above 93.5 % over a day",
            doi="10.1038/s41467-020-16108-9",
        ),
        conditions="published: ResNet-32 on CIFAR-10, measured, batch normalisations corrected; "
        "here `resnet_mnist`, trained on with an error of each weight of 3.8 % of the largest, "
        "`pcm_joshi`, one factor a layer corrects drift; chosen after a first calculation",
        tolerance=Tolerance(
            absolute=0.01, reason="network, data and correction differ; both keep their accuracy"
        ),
        calculate=_trained_kept,
    ),
    Row(
        name="network_joshi_untrained",
        subject=_SUBJECT,
        title="Residual network on PCM after a day: is accuracy lost without training, and gained "
        "by it? (1: by more than five standard errors)",
        unit="1",
        source=Source(citation=_JOSHI, doi="10.1038/s41467-020-16108-9"),
        conditions="as `network_joshi_trained`; realisations are paired; the question came after a "
        "first calculation",
        tolerance=Tolerance(absolute=0.5, reason="a question of yes or no"),
        calculate=_trained_gain,
    ),
)
