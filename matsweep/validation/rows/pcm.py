"""Statistics of phase-change memory, through a matrix on tiles, next to the published equations."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from matsweep.core.streams import realisation_streams
from matsweep.core.units import duration
from matsweep.crossbar import ADC, DAC, Tile
from matsweep.machine import Hardware, Matrix, ProgrammedMatrix, map_matrices
from matsweep.planning.loading import load_material
from matsweep.validation.row import Point, Row, Source, Tolerance, points

type Array = npt.NDArray[np.float64]

TARGETS = np.array([1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 25.0])
"""µS."""
TIMES = (25.0, 3600.0, 86_400.0, 2.592e6, 3.1536e7)
"""s since programming."""
DEVICES = 200_000
"""Of each target, in the machine."""
SAMPLES = 1_000_000
"""Of the published equations, for each target."""
_REALISATIONS, _READS = 8, 4
_LOW = 0.1
"""µS: the other device of a pair, which a weight leaves at the lower end of the range."""


class Published(NamedTuple):
    """Samples of the published equations.

    Parameters
    ----------
    programmed : (…) array, µS
    aged : (time, …) array, µS
    noise : (time, …) array, µS
        Standard deviation of a read of each device.
    """

    programmed: Array
    aged: Array
    noise: Array


def published(target: Array, times: Sequence[float], rng: np.random.Generator) -> Published:
    """Sample the equations as they were published, in microsiemens and with their own numbers.

    Programming: σ = 0.26348 + 1.965 x - 1.1731 x², x = G / 25 µS of the target. Drift:
    G (t / 20 s)^-ν, ν the magnitude of a Gaussian whose mean and deviation follow ln x of the
    target. A read: σ = G_drifted Q √(ln((t + t_r) / 2 t_r)), Q = 0.0088 / x^0.65 of the programmed
    conductance, at most 0.2, t_r = 250 ns.

    Parameters
    ----------
    target : (…) array, µS
    times : sequence of float, s
        Since programming.
    rng : numpy.random.Generator

    Returns
    -------
    Published

    References
    ----------
    S. R. Nandakumar et al., ICECS 2019, doi:10.1109/ICECS46596.2019.8964852; V. Joshi et al., Nat.
    Commun. 11:2473, 2020, doi:10.1038/s41467-020-16108-9; as in IBM's aihwkit.
    """
    x = np.maximum(target / 25, 1e-3)
    sigma = 0.26348 + 1.965 * x - 1.1731 * x**2
    programmed = np.maximum(target + sigma * rng.standard_normal(target.shape), 0.0)
    mean = np.clip(-0.0155 * np.log(x) + 0.0244, 0.049, 0.1)
    spread = np.clip(-0.0125 * np.log(x) - 0.0059, 0.008, 0.045)
    nu = np.abs(mean + spread * rng.standard_normal(target.shape))
    aged = programmed * np.stack([(max(time, 20.0) / 20.0) ** -nu for time in times])
    share = np.minimum(0.0088 / np.maximum(programmed / 25, 1e-3) ** 0.65, 0.2)
    noise = [
        each * share * np.sqrt(np.log((time + 2.5e-7) / 5e-7))
        for each, time in zip(aged, times, strict=True)
    ]
    return Published(programmed, aged, np.stack(noise))


@functools.cache
def _machine() -> tuple[ProgrammedMatrix, Array]:
    """One row of weights on pairs of devices of `pcm_gst`; the target of each output [µS]."""
    device = load_material("pcm_gst", g_min=_LOW * 1e-6).device
    outputs = DEVICES // _REALISATIONS
    targets = np.tile(TARGETS, outputs)
    weight = ((targets - _LOW) / (25 - _LOW)).astype(np.float32)[None, :]
    # Reads take half of the largest input, so that noise saturates no converter.
    hardware = Hardware(
        device=device,
        tile=Tile(rows=4, columns=2 * weight.size, mapping="differential"),
        dac=DAC(bits=16),
        adc=ADC(bits=16, percentile=100.0),
    )
    matrix = Matrix(weight=weight, calibration=np.full((4, 1), 2, np.float32), signed=True)
    (mapped,) = map_matrices((matrix,), hardware)
    rng = realisation_streams(0, range(_REALISATIONS))
    return ProgrammedMatrix.program(mapped, hardware, rng=rng), targets


def _upper(conductance: npt.NDArray[np.floating]) -> Array:
    """Return the devices that carry the weight, (target, device) [µS]."""
    carrying = np.asarray(conductance[:, 0, 0, -1, : _machine()[1].size], np.float64) * 1e6
    return np.moveaxis(carrying.reshape(len(carrying), -1, TARGETS.size), -1, 0).reshape(
        TARGETS.size, -1
    )


@functools.cache
def _aged() -> dict[float, Array]:
    return {time: _upper(_machine()[0].at(time, power=False).conductance) for time in TIMES}


@functools.cache
def _sampled(target: float) -> dict[str, Array]:
    """Sample the equations at a target [µS]: mean and deviation, and the noise's mean square."""
    sample = published(np.full(SAMPLES, target), TIMES, np.random.default_rng(1))
    return {
        "programmed mean": np.asarray(sample.programmed.mean()),
        "programmed std": np.asarray(sample.programmed.std()),
        "aged mean": sample.aged.mean(axis=1),
        "aged std": sample.aged.std(axis=1),
        "noise": np.square(sample.noise).mean(axis=1),
    }


def _programming(statistic: str) -> list[Point]:
    found = getattr(_upper(_machine()[0].conductance), statistic)(axis=1)
    expected = [_sampled(each)[f"programmed {statistic}"] for each in TARGETS]
    return points([f"{each:g} µS" for each in TARGETS], expected, found, _errors(expected))


def _drift(statistic: str) -> list[Point]:
    expected = np.array([_sampled(each)[f"aged {statistic}"] for each in TARGETS]).T
    found = [getattr(_aged()[time], statistic)(axis=1) for time in TIMES]
    return points(_places(), expected.ravel(), np.concatenate(found), _errors(expected.ravel()))


def _errors(values: npt.ArrayLike) -> Array:
    """Return standard errors of standard deviations of both samples."""
    values = np.asarray(values, np.float64)
    return values * float(np.sqrt(0.5 / DEVICES + 0.5 / SAMPLES))


def _noise() -> list[Point]:
    """Root mean square of the noise of a pair, from the scatter of repeated reads."""
    matrix, _ = _machine()
    found = []
    for time in TIMES:
        rng = realisation_streams(1, range(_REALISATIONS))
        aged = matrix.at(time, power=False)
        values = aged.multiply(np.ones((_READS, 1), np.float32), rng=rng).values
        scatter = np.var(np.asarray(values, np.float64), axis=1, ddof=1)
        each = scatter.reshape(_REALISATIONS, -1, TARGETS.size).mean(axis=(0, 1))
        found += list(np.sqrt(each) * (25 - _LOW))
    squares = np.array([_sampled(each)["noise"] + _sampled(_LOW)["noise"] for each in TARGETS])
    expected = np.sqrt(squares.T).ravel()
    return points(_places(), expected, found, _errors(expected))


def _places() -> list[str]:
    return [f"{duration(time)}, {target:g} µS" for time in TIMES for target in TARGETS]


def _row(name: str, title: str, calculate: Callable[[], Sequence[Point]]) -> Row:
    return Row(
        name=name,
        subject="Statistics of PCM",
        title=title,
        unit="µS",
        source=Source(
            citation="S. R. Nandakumar et al., ICECS 2019; V. Joshi et al., Nat. Commun. 11:2473, "
            "2020 (doi:10.1038/s41467-020-16108-9); equations as in IBM's aihwkit",
            doi="10.1109/ICECS46596.2019.8964852",
        ),
        conditions="1 to 25 µS, 25 s to a year; 200,000 devices of each target on pairs in a "
        "matrix of `pcm_gst`, next to 1,000,000 samples of the equations in plain NumPy",
        tolerance=Tolerance(
            relative=0.01,
            reason="a standard deviation of both samples is known to 0.18 %; the chance that luck "
            "takes one beyond is 3e-8",
        ),
        calculate=calculate,
    )


PCM = (
    _row("pcm_programmed_mean", "Conductance after programming: mean",
         functools.partial(_programming, "mean")),
    _row("pcm_programmed_spread", "Conductance after programming: standard deviation",
         functools.partial(_programming, "std")),
    _row("pcm_drift_mean", "Conductance after drift: mean", functools.partial(_drift, "mean")),
    _row("pcm_drift_spread", "Conductance after drift: standard deviation",
         functools.partial(_drift, "std")),
    _row("pcm_read_noise", "1/f noise of a read: root mean square of a pair of devices", _noise),
)  # fmt: skip
