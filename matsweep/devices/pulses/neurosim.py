"""NeuroSim's curves of potentiation and depression, and their labels."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np

from matsweep.core.checks import in_range, positive
from matsweep.core.kernel import Kernel
from matsweep.core.plausible import Plausible
from matsweep.core.quantities import Dimensionless
from matsweep.core.streams import FloatArray
from matsweep.devices.pulses.kernels import affine, columns
from matsweep.devices.pulses.model import Parameters, PulseModel

LABEL_SCALE = 10.1015
"""NeuroSim's label over the largest distance of the normalised curve from a straight line."""
_STRAIGHT = 1e-4  # distance below which it is curve / 8 to a relative 1e-7
_STEEPEST, _TABULATED = 100.0, 1000  # curvature of a label of 9.5; points, 1 % apart
_POLISHES = 3  # Newton steps from the table: to machine precision, its error of 1e-5 squared twice
_FLATTEST = 1e-9  # 1 / A of a straight line
_LEAST_STEP = 1e-6  # of the mean device's, so that counts of pulses are finite


@dataclass(frozen=True, kw_only=True)
class NeuroSim(PulseModel, kind="neurosim"):
    """Exponential saturation with the number of pulses, as NeuroSim describes it.

    x(p) = (1 - exp(-p / A)) / (1 - exp(-1 / A)) at the fraction p of all pulses, with a signed A
    for each polarity from its nonlinearity label. Potentiation goes up its curve by 1 / pulses_up
    a pulse, depression down its own. A negative label of depression is the usual saturating one
    (large steps first, from the top); a positive one retraces a curve of potentiation.

    Parameters
    ----------
    nonlinearity_up, nonlinearity_down : float
        Labels in [-9, 9]; 0 is a straight line.
    pulses_up, pulses_down : float
        From end to end of the range.

    References
    ----------
    P.-Y. Chen, X. Peng, Y. Luo, S. Yu, MLP+NeuroSim V3.0 user manual, eqs. (1)-(3).
    """

    absolute: ClassVar[frozenset[str]] = frozenset({"nonlinearity_up", "nonlinearity_down"})
    kernel: ClassVar[Kernel | None] = affine
    late: ClassVar[bool] = True
    scaled_by: ClassVar[tuple[str, str] | None] = ("pulses_up", "pulses_down")

    nonlinearity_up: Dimensionless
    nonlinearity_down: Dimensionless
    pulses_up: Annotated[Dimensionless, Plausible(1.0, 1e7)]
    pulses_down: Annotated[Dimensionless, Plausible(1.0, 1e7)]

    def check(self) -> None:
        """Refuse labels beyond 9 and counts of pulses that are not positive."""
        in_range("nonlinearity_up", self.nonlinearity_up, -9.0, 9.0)
        in_range("nonlinearity_down", self.nonlinearity_down, -9.0, 9.0)
        positive("pulses_up", self.pulses_up)
        positive("pulses_down", self.pulses_down)

    def cut(self, name: str, values: FloatArray) -> FloatArray:
        """Cut labels to [-9, 9], where the form is defined."""
        return np.clip(values, -9.0, 9.0)

    def scales(self, parameters: Parameters) -> tuple[Any, Any]:
        """Return the mean steps from end to end, at most the whole range."""
        if "scales" in parameters:
            return super().scales(parameters)
        up, down = parameters["pulses_up"], parameters["pulses_down"]
        return 1 / np.maximum(up, 1.0), 1 / np.maximum(down, 1.0)

    def scaled(self, parameters: Parameters, up: FloatArray, down: FloatArray) -> dict[str, Any]:
        """Return the parameters of devices that take as many pulses less."""
        return {
            **parameters,
            "pulses_up": parameters["pulses_up"] / np.maximum(up, _LEAST_STEP),
            "pulses_down": parameters["pulses_down"] / np.maximum(down, _LEAST_STEP),
        }

    @staticmethod
    def prepared(parameters: Parameters) -> Parameters:
        """Parameters with the curve of each label."""
        labels = np.broadcast_arrays(parameters["nonlinearity_up"], parameters["nonlinearity_down"])
        up, down = curvature(np.stack(labels))  # one search for both: its steps are what costs
        return {**parameters, "curve_up": up, "curve_down": down}

    def step(self, state: FloatArray, up: bool, parameters: Parameters) -> FloatArray:
        """Return the mean change of the state by one pulse."""
        way = "up" if up else "down"
        curve = np.asarray(parameters[f"curve_{way}"]).astype(state.dtype)
        whole = np.expm1(-curve)
        with np.errstate(divide="ignore"):
            position = np.asarray(np.clip(np.log1p(state * whole) / -curve, 0, 1))
        part = np.asarray(1 / np.asarray(parameters[f"pulses_{way}"])).astype(state.dtype)
        position += part if up else -part
        np.clip(position, 0, 1, out=position)
        return np.asarray(np.expm1(-curve * position) / whole - state)

    def flat(self, parameters: Parameters) -> FloatArray:
        """Return offset and slope of the potentiating step, then of the depressing one.

        The curves are exponentials in the number of pulses, so that one pulse takes
        x = (1 - e^{-c p}) / W, W = 1 - e^{-c}, to x + (1 - q)(1 / W - x) with q = e^{-c / pulses}
        when potentiating, and to x + (1 - 1 / q)(1 / W - x) when depressing: affine in x.
        """
        found: list[FloatArray | float] = []
        for way, sign in (("up", -1.0), ("down", 1.0)):
            curve = np.asarray(parameters[f"curve_{way}"], float)
            whole = -np.expm1(-curve)
            share = -np.expm1(sign * curve / parameters[f"pulses_{way}"])
            found += [share / whole, -share]
        return columns(*found)

    @property
    def pulses_across(self) -> tuple[float, float]:
        """Potentiating and depressing pulses from end to end of the range."""
        return float(self.pulses_up), float(self.pulses_down)


def curvature(label: FloatArray | float) -> FloatArray:
    """Curvature 1 / A of a NeuroSim nonlinearity label.

    label = 10.1015 max_p |x(p) - p| with x(p) = (1 - exp(-p / A)) / (1 - exp(-1 / A)), where the
    largest distance is at p = -A ln(A (1 - exp(-1 / A))). The sign of the label is A's. Computed
    to machine precision, where NeuroSim interpolates in a table of steps of 0.01.

    Parameters
    ----------
    label : (…) array or float, in [-9, 9]

    Returns
    -------
    (…) array, dimensionless
        At least 1e-9 in magnitude: a straight line.
    """
    label = np.asarray(label, dtype=float)
    distance = np.abs(label) / LABEL_SCALE
    bent = distance > _STRAIGHT
    curves, distances = _tabulated()
    wanted = np.where(bent, distance, distances[0])
    root = np.exp(np.interp(wanted, distances, np.log(curves)))
    for _ in range(_POLISHES):
        reached, slope = _largest(root)
        root = root - (reached - wanted) / slope
    curve = np.where(bent, root, 8 * distance)
    return np.asarray(np.copysign(np.maximum(curve, _FLATTEST), label))


@functools.cache
def _tabulated() -> tuple[FloatArray, FloatArray]:
    """Curvatures (n,), and the largest distances from a straight line that they have."""
    curves = np.geomspace(4 * _STRAIGHT, _STEEPEST, _TABULATED)
    return curves, _largest(curves)[0]


def _largest(curve: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Largest distance max_p |x(p) - p| of curves from a straight line, and its slope by them.

    At the largest distance the slope is that at the same p.
    """
    whole = -np.expm1(-curve)
    at = -np.log(whole / curve) / curve
    part = -np.expm1(-curve * at)
    slope = (at * (1 - part) * whole - part * np.exp(-curve)) / whole**2
    return np.asarray(part / whole - at), np.asarray(slope)
