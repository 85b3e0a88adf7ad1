"""Laws of the catalogue's devices, next to the published equations written out again."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from matsweep.devices import AnalogDevice
from matsweep.planning.loading import load_material
from matsweep.validation.row import Point, Row, Source, Tolerance, points

type Array = npt.NDArray[np.float64]

_EXACT = Tolerance(relative=1e-5, reason="one equation, with constants of the same digits")
_AIHWKIT = "as in IBM's aihwkit (M. Rasch et al., AICAS 2021, doi:10.1109/AICAS51828.2021.9458494)"
_GONG = Source(
    citation=f"N. Gong et al., IEDM 2022, {_AIHWKIT}", doi="10.1109/IEDM45625.2022.10019569"
)
_LE_GALLO = Source(
    citation=f"M. Le Gallo et al., Nat. Electron. 6:680, 2023, {_AIHWKIT}",
    doi="10.1038/s41928-023-01010-1",
)
_SONOS = Source(citation="V. Agrawal et al., IEDM 2022", doi="10.1109/IEDM45625.2022.10019564")


@functools.cache
def _device(name: str) -> AnalogDevice:
    return load_material(name).device


def _span(name: str, count: int = 7) -> Array:
    """Conductances over the range of a device, S."""
    device = _device(name)
    return np.linspace(device.g_min, device.g_max, count)


def _at(conductance: Array) -> list[str]:
    return [f"{1e6 * each:.4g} µS" for each in conductance]


# ----------------------------------------------------------------------------- programming


def _error(name: str, law: Callable[[Array], Array]) -> list[Point]:
    """Compare a programming error, as a law of microsiemens, over the range."""
    g, device = _span(name), _device(name)
    found = device.programming_error.sigma(g, device.g_max) * 1e6
    return points(_at(g), law(g * 1e6), found)


def _sonos_error() -> list[Point]:
    """σ of the current at 0.1 V: A (1 - exp(-I / B)), in nA."""
    g, device = np.array([1e-6, 8e-6, 16e-6]), _device("sonos")
    published = 19.88665 * (1 - np.exp(-g * 1e8 / 176.3115))
    return points(_at(g), published, device.programming_error.sigma(g, device.g_max) * 1e8)


# ----------------------------------------------------------------------- drift and reading


type Branches = tuple[float, tuple[float, ...], tuple[float, ...]]
"""Edge in x = G / g_max; slope in ln x, value at x = 1, least and largest below it; the polynomial,
constant first, from it on."""
_NU: Branches = (0.0945, (-0.0387, -0.0182, 0.072, 0.13), (0.0736, -0.0126, -0.0436))
HERMES: dict[tuple[int, str], Branches] = {
    (1, "nu"): _NU,
    (2, "nu"): _NU,
    (1, "spread"): (0.3039, (-0.0120, -0.0023, 0.0124, 0.04), (0.0104, 0.0116, -0.0165)),
    (2, "spread"): (0.3055, (-0.0117, -0.0057, 0.0091, 0.04), (0.0073, 0.0093, -0.0118)),
    (1, "noise"): (0.1591, (-0.0078, 0.0038, 0.0179, 0.04), (0.0088, 0.0768, -0.1352, 0.0664)),
    (2, "noise"): (0.16, (-0.0117, -0.0069, 0.015, 0.04), (0.0123, 0.0211, -0.0280, 0.0069)),
}
"""By the number of devices that carry a weight, and the quantity."""


def _hermes(devices: int, quantity: str) -> list[Point]:
    """Compare both branches of a law: a clipped logarithm, then a polynomial."""
    device, x = _device(f"pcm_hermes_{devices}"), np.array([0.01, 0.05, 0.12, 0.2, 0.4, 0.7, 1.0])
    edge, (slope, last, low, high), polynomial = HERMES[devices, quantity]
    powers = sum(c * x**n for n, c in enumerate(polynomial))
    published = np.where(x < edge, np.clip(slope * np.log(x) + last, low, high), powers)
    if quantity == "noise":
        # Read as soon as it is programmed, so that no drift lies between the two.
        time, g = device.drift.time_zero, x * device.g_max
        published = published * np.sqrt(np.log((time + 5.12e-7) / (2 * 5.12e-7)))
        found = device.read_sigma(g, time) / g
    else:
        found = getattr(device.drift, quantity)(np.log(x))
    return points([f"x = {each:g}" for each in x], published, found)


def _cmo_noise() -> list[Point]:
    """K log10(G / µS) √(ln((t + t_r) / 2 t_r)), t_r = 1 µs, after an hour, in µS."""
    g, growth = np.linspace(9e-6, 89e-6, 7), np.sqrt(np.log((3600.0 + 1e-6) / 2e-6))
    published = 0.0277316483 * np.log10(g * 1e6) * growth
    return points(_at(g), published, _device("cmo_hfox").read_sigma(g, 3600.0) * 1e6)


def _sonos_noise() -> list[Point]:
    """σ of the current at 0.1 V: A (1 - exp(-I / B)), in nA."""
    g = np.linspace(1e-7, 16e-6, 7)
    published = 12.58037 * (1 - np.exp(-g * 1e8 / 215.36557))
    return points(_at(g), published, _device("sonos").read_sigma(g) * 1e8)


def _milo_current() -> list[Point]:
    """I = G V + a V² + b V³, a and b polynomials of log10 G, at 0.3 V."""
    g, voltage = np.array([50e-6, 120e-6, 225e-6]), 0.3
    log = np.log10(g)
    second = 0.0001388 * log**3 + 0.001541 * log**2 + 0.005711 * log + 0.007063
    third = 8.871e-05 * log**2 + 0.00067919 * log + 0.0012968
    published = g * voltage + second * voltage**2 + third * voltage**3
    return points(_at(g), published, _device("hfox_milo").current(g, voltage))


# ---------------------------------------------------------------------------------- pulses


def _steps(name: str, ends: tuple[float, float], up: Callable[[Array], Array],
           down: Callable[[Array], Array]) -> list[Point]:  # fmt: skip
    """Compare mean steps of a nominal device, as laws of the weight, inside its range."""
    model = _device(name).pulse_model
    assert model is not None
    low, high = ends
    w = np.linspace(low, high, 11)[1:-1]
    x = (w - low) / (high - low)
    found = [model.step(x, way, model.nominal) * (high - low) for way in (True, False)]
    labels = [f"w = {each:.3g}, {way}" for way in ("up", "down") for each in w]
    return points(labels, np.concatenate([up(w), down(w)]), np.concatenate(found))


def _linear(name: str, step: float, up: float, down: float, high: float, low: float) -> list[Point]:
    """Dw = step (1 - up w / high), -step (1 - down w / low)."""
    return _steps(
        name,
        (low, high),
        lambda w: step * (1 - up * w / high),
        lambda w: -step * (1 - down * w / low),
    )


def _soft(name: str, step: float) -> list[Point]:
    """Dw = ± step (1 ∓ w), w in [-1, 1]."""
    return _steps(name, (-1.0, 1.0), lambda w: step * (1 - w), lambda w: -step * (1 + w))


def _exponential() -> list[Point]:
    """Dw = ± dw_d max(1 - A exp(± γ z), 0), z = -w / 2 - 1/2, w in [-1, 1]."""
    return _steps(
        "hfox_gong",
        (-1.0, 1.0),
        lambda w: 0.00135 * (1 + 1.18445 * np.exp(5 * (-0.5 * w - 0.5))),
        lambda w: -0.00135 * (1 - 0.259359) * (1 + 0.081404 * np.exp(-5 * (-0.5 * w - 0.5))),
    )


# ------------------------------------------------------------------------------------ rows


def _row(
    name: str,
    title: str,
    unit: str,
    source: Source,
    conditions: str,
    calculate: Callable[[], Sequence[Point]],
    tolerance: Tolerance = _EXACT,
) -> Row:
    return Row(
        name=name, subject="Laws of devices", title=title, unit=unit, source=source,
        conditions=conditions, tolerance=tolerance, calculate=calculate,
    )  # fmt: skip


_FOUR = Tolerance(relative=2e-3, reason="weights are scaled to the range with four digits")
_STEP = Tolerance(relative=1e-4, reason="steps are stated with five digits")
LAWS = (
    _row(
        "error_pcm", "PCM: error of programming", "µS",
        Source(citation="S. R. Nandakumar et al., ICECS 2019",
               doi="10.1109/ICECS46596.2019.8964852"),
        "`pcm_gst`, over its range",
        lambda: _error(
            "pcm_gst", lambda g: 0.26348 + 1.965 * (g / 25) - 1.1731 * (g / 25) ** 2
        ),
    ),
    _row(
        "error_pcm_joshi", "PCM of Joshi: error of programming", "µS",
        Source(citation="V. Joshi et al., Nat. Commun. 11:2473, 2020, as in CrossSim",
               doi="10.1038/s41467-020-16108-9"),
        "`pcm_joshi`, over its range",
        lambda: _error(
            "pcm_joshi", lambda g: 0.28638599 + 0.07585724 * g - 0.00178767 * g**2
        ),
    ),
    _row(
        "error_hfox_milo", "HfOx of Milo: error of programming", "µS",
        Source(citation="V. Milo et al., IRPS 2021, as in CrossSim",
               doi="10.1109/IRPS46558.2021.9405119"),
        "`hfox_milo`, over its range",
        lambda: _error("hfox_milo", lambda g: 4.782321 - 0.009107 * g),
    ),
    _row(
        "error_neurram", "NeuRRAM: error 1 s after programming", "µS",
        Source(citation="W. Wan et al., Nature 608:504, 2022, as in aihwkit",
               doi="10.1038/s41586-022-04992-8"),
        "`hfox_vcm`, over its range of 40 µS",
        lambda: _error(
            "hfox_vcm",
            lambda g: (
                0.348 + 16.03 * (g / 40) - 43.853 * (g / 40) ** 2 + 45.393 * (g / 40) ** 3
                - 16.815 * (g / 40) ** 4
            ),
        ),
    ),
    _row(
        "error_sonos", "SONOS: error of programming, as a current", "nA", _SONOS,
        "`sonos`, read at 0.1 V", _sonos_error,
    ),
    *(
        _row(
            f"hermes_{devices}_{quantity}", f"HERMES chip, {words} a weight: {title}", "1",
            _LE_GALLO, f"`pcm_hermes_{devices}`, both branches of the law",
            functools.partial(_hermes, devices, quantity),
        )
        for devices, words in ((1, "one device"), (2, "two devices"))
        for quantity, title in (
            ("nu", "mean exponent of drift"), ("spread", "spread of the exponent of drift"),
            ("noise", "relative noise of a read"),
        )
    ),
    _row(
        "noise_cmo_hfox", "CMO/HfOx: noise of a read", "µS",
        Source(citation="D. F. Falcone et al., arXiv:2502.04524"),
        "`cmo_hfox`, 9 to 89 µS, after an hour", _cmo_noise,
    ),
    _row(
        "noise_sonos", "SONOS: noise of a read, as a current", "nA", _SONOS,
        "`sonos`, read at 0.1 V", _sonos_noise,
    ),
    _row(
        "current_hfox_milo", "HfOx of Milo: current", "A",
        Source(citation="V. Milo et al., IRPS 2021, as in CrossSim",
               doi="10.1109/IRPS46558.2021.9405119"),
        "`hfox_milo`, 50 to 225 µS at 0.3 V", _milo_current,
    ),
    _row(
        "step_ecram_li", "Li ECRAM: mean step of a pulse, in weights", "1",
        Source(citation=f"J. Tang et al., IEDM 2018, {_AIHWKIT}", doi="10.1109/IEDM.2018.8614551"),
        "`ecram_li`, nominal device",
        functools.partial(_linear, "ecram_li", 0.002, 0.1153, 0.5085, 1.1724, -0.8276), _FOUR,
    ),
    _row(
        "step_ecram_oxide", "Oxide ECRAM: mean step of a pulse, in weights", "1",
        Source(citation=f"S. Kim et al., IEDM 2019, {_AIHWKIT}",
               doi="10.1109/IEDM19573.2019.8993463"),
        "`ecram_oxide`, nominal device",
        functools.partial(_linear, "ecram_oxide", 0.00028214, 0.4152, 0.7342, 1.1714, -0.8286),
        _FOUR,
    ),
    _row(
        "step_capacitor", "Capacitor cell: mean step of a pulse, in weights", "1",
        Source(citation=f"Y. Li et al., VLSI 2018, {_AIHWKIT}", doi="10.1109/VLSIT.2018.8510648"),
        "`capacitor_3t1c`, nominal device",
        functools.partial(_linear, "capacitor_3t1c", 0.005, 0.05, 0.05, 1.0, -1.0), _FOUR,
    ),
    _row(
        "step_hfox_14nm", "14 nm HfOx array: mean step of a pulse, in weights", "1", _GONG,
        "`hfox_14nm`, nominal device",
        functools.partial(_soft, "hfox_14nm", 0.4622), _STEP,
    ),
    _row(
        "step_hfox_14nm_optimized", "Optimized 14 nm HfOx array: mean step of a pulse", "1", _GONG,
        "`hfox_14nm_optimized`, nominal device",
        functools.partial(_soft, "hfox_14nm_optimized", 0.0949), _STEP,
    ),
    _row(
        "step_hfox_gong", "HfOx of Gong: mean step of a pulse, in weights", "1",
        Source(citation=f"N. Gong et al., Nat. Commun. 9:2102, 2018, {_AIHWKIT}",
               doi="10.1038/s41467-018-04485-1"),
        "`hfox_gong`, nominal device", _exponential, _STEP,
    ),
)  # fmt: skip
