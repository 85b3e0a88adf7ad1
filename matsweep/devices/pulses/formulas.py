"""Steps by a formula of the state: soft bounds, linear, exponential, and powers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy import float32

from matsweep.core.checks import UserError, finite, in_range, non_negative
from matsweep.core.kernel import Kernel, kernel
from matsweep.core.plausible import Plausible
from matsweep.core.quantities import Dimensionless
from matsweep.core.streams import FloatArray
from matsweep.devices.pulses.kernels import affine, columns
from matsweep.devices.pulses.model import Parameters, PulseModel

_CLOSEST = 1e-7  # of a bound to zero, fraction of the range, so that no slope is infinite


@dataclass(frozen=True, kw_only=True)
class SoftBounds(PulseModel, kind="soft_bounds"):
    """Steps proportional to the distance from the bound.

    dx = step_up (1 - x) and dx = -step_down x.

    Parameters
    ----------
    step_up, step_down : float, fraction of the range
        Of the first pulse from the other end.

    Notes
    -----
    A device with its own bounds keeps its steps at `zero`, and they vanish at its own bounds:
    dx = step_up (1 - zero) (upper - x) / (upper - zero), and likewise down.

    References
    ----------
    S. Fusi, L. Abbott, Nat. Neurosci. 10:485, 2007, doi:10.1038/nn1859; as in IBM's aihwkit.
    """

    kernel: ClassVar[Kernel | None] = affine

    step_up: Dimensionless
    step_down: Dimensionless

    def check(self) -> None:
        """Refuse steps beyond (0, 1]."""
        in_range("step_up", self.step_up, 1e-12, 1.0)
        in_range("step_down", self.step_down, 1e-12, 1.0)
        if self.population.bounds or self.cycle_to_cycle.of_scale:
            in_range("zero", self.zero, 1e-6, 1 - 1e-6)  # no step is left at a bound

    def scales(self, parameters: Parameters) -> tuple[Any, Any]:
        """Return the steps at `zero`."""
        if "scales" in parameters:
            return super().scales(parameters)
        return parameters["step_up"] * (1 - self.zero), parameters["step_down"] * self.zero

    def bounded(
        self, parameters: Parameters, lower: FloatArray, upper: FloatArray
    ) -> Mapping[str, Any]:
        """Return the parameters that keep the steps at `zero`."""
        above = np.maximum(upper - self.zero, _CLOSEST) / (1 - self.zero)
        below = np.maximum(self.zero - lower, _CLOSEST) / self.zero
        up, down = parameters["step_up"] / above, parameters["step_down"] / below
        return {**parameters, "step_up": up, "step_down": down}

    def step(self, state: FloatArray, up: bool, parameters: Parameters) -> FloatArray:
        """Return the mean change of the state by one pulse."""
        if up:
            return np.asarray(parameters["step_up"] * (1 - state)).astype(state.dtype)
        return np.asarray(-parameters["step_down"] * state).astype(state.dtype)

    def flat(self, parameters: Parameters) -> FloatArray:
        """Return offset and slope of the potentiating step, then of the depressing one."""
        up, down = parameters["step_up"], parameters["step_down"]
        return columns(up, -up, 0.0, -down)


@dataclass(frozen=True, kw_only=True)
class LinearStep(PulseModel, kind="linear_step"):
    """Steps that shrink linearly along the range, to a rest at the bound.

    dx = step_up (1 - slope_up (x - zero) / (1 - zero)) and dx = -step_down (1 - slope_down
    (zero - x) / zero). Slope 0 is the ideal constant step; slope 1 vanishes at the bound (soft
    bounds).

    Parameters
    ----------
    step_up, step_down : float, fraction of the range
        At `zero`, by default the middle of the range.
    slope_up, slope_down : float
        In [0, 1]; aihwkit's gamma.

    Notes
    -----
    A device with its own bounds makes the same steps as any other, up to its bounds (aihwkit's
    `mean_bound_reference`).

    References
    ----------
    M. Rasch et al., AICAS 2021, doi:10.1109/AICAS51828.2021.9458494.
    """

    kernel: ClassVar[Kernel | None] = affine

    step_up: Dimensionless
    step_down: Dimensionless
    slope_up: Annotated[Dimensionless, Plausible(-1e3, 1e3)] = 0.0
    slope_down: Annotated[Dimensionless, Plausible(-1e3, 1e3)] = 0.0

    def check(self) -> None:
        """Refuse steps beyond (0, 1] and slopes beyond [0, 1]."""
        in_range("step_up", self.step_up, 1e-12, 1.0)
        in_range("step_down", self.step_down, 1e-12, 1.0)
        in_range("slope_up", self.slope_up, 0.0, 1.0)
        in_range("slope_down", self.slope_down, 0.0, 1.0)
        if self.slope_up or self.slope_down:
            in_range("zero", self.zero, 1e-6, 1 - 1e-6)  # slopes are counted from there to a bound

    def step(self, state: FloatArray, up: bool, parameters: Parameters) -> FloatArray:
        """Return the mean change of the state by one pulse."""
        x, span = state, 1.0
        if "lower" in parameters:
            span = parameters["upper"] - parameters["lower"]
            x = parameters["lower"] + span * state
        if up:
            slope = np.minimum(parameters["slope_up"], 1)
            change = parameters["step_up"] * (1 - slope * ((x - self.zero) / self._above))
        else:
            slope = np.minimum(parameters["slope_down"], 1)
            change = -parameters["step_down"] * (1 + slope * ((x - self.zero) / self._below))
        return np.asarray(change / span).astype(state.dtype)

    def flat(self, parameters: Parameters) -> FloatArray:
        """Return offset and slope of the potentiating step, then of the depressing one."""
        lower = parameters.get("lower", 0.0)
        span = parameters.get("upper", 1.0) - lower
        up, down = parameters["step_up"], parameters["step_down"]
        rise = np.minimum(parameters["slope_up"], 1)
        fall = np.minimum(parameters["slope_down"], 1)
        a, b = up * (1 + rise * (self.zero / self._above)), -(1 / self._above) * rise * up
        c, d = -down * (1 - fall), -(1 / self._below) * fall * down
        return columns((a + b * lower) / span, b, (c + d * lower) / span, d)

    @property
    def _above(self) -> float:
        """Distance from `zero` to the upper end; not 0, where no slope needs it."""
        return max(1 - self.zero, 1e-6)

    @property
    def _below(self) -> float:
        """Distance from `zero` to the lower end; not 0, where no slope needs it."""
        return max(self.zero, 1e-6)


@kernel
def _exponential(x: Any, up: Any, p: Any, table: Any, chance: Any) -> Any:
    """Return the step of `ExponentialStep`; p (8,): its parameters in their order."""
    z = p[6] * (float32(2) * x - float32(1)) + p[7]
    if up:
        return p[0] * max(float32(1) - p[2] * np.exp(p[4] * z), float32(0))
    return -p[1] * max(float32(1) - p[3] * np.exp(-p[5] * z), float32(0))


@dataclass(frozen=True, kw_only=True)
class ExponentialStep(PulseModel, kind="exponential_step"):
    """Steps with an exponential part that fades along the range.

    dx = ± step max(1 - amplitude exp(± rate z), 0), z = scale (2 x - 1) + offset: the upper sign
    for potentiation, with separate parameters for each polarity.

    Parameters
    ----------
    step_up, step_down : float, fraction of the range
    amplitude_up, amplitude_down : float
        Negative: steps larger than `step` where the exponential is large.
    rate_up, rate_down : float
    scale, offset : float

    Notes
    -----
    A device with its own bounds keeps its steps, in the nominal range, and scales z by its
    range: z = 2 scale (x - zero) / (upper - lower) + offset + scale (2 zero - 1).

    References
    ----------
    M. Rasch et al., AICAS 2021, doi:10.1109/AICAS51828.2021.9458494; fitted to ReRAM in
    N. Gong et al., Nat. Commun. 9:2102, 2018, doi:10.1038/s41467-018-04485-1.
    """

    kernel: ClassVar[Kernel | None] = _exponential

    step_up: Dimensionless
    step_down: Dimensionless
    amplitude_up: Annotated[Dimensionless, Plausible(-1e3, 1e3)]
    amplitude_down: Annotated[Dimensionless, Plausible(-1e3, 1e3)]
    rate_up: Annotated[Dimensionless, Plausible(-1e3, 1e3)]
    rate_down: Annotated[Dimensionless, Plausible(-1e3, 1e3)]
    scale: Dimensionless = 1.0
    offset: Dimensionless = 0.0

    def check(self) -> None:
        """Refuse steps beyond (0, 1], negative rates and a polarity that never moves."""
        in_range("step_up", self.step_up, 1e-12, 1.0)
        in_range("step_down", self.step_down, 1e-12, 1.0)
        for name in ("amplitude_up", "amplitude_down", "scale", "offset"):
            finite(name, getattr(self, name))
        non_negative("rate_up", self.rate_up)
        non_negative("rate_down", self.rate_down)
        for up, way in ((True, "up"), (False, "down")):
            if not np.any(self.step(np.linspace(0, 1, 101), up, self.nominal)):
                raise UserError(
                    f"amplitude_{way} must leave a step somewhere in the range (1 - amplitude "
                    f"exp(…) is <= 0 everywhere), got {getattr(self, f'amplitude_{way}'):g}"
                )

    def bounded(
        self, parameters: Parameters, lower: FloatArray, upper: FloatArray
    ) -> Mapping[str, Any]:
        """Return the parameters that keep the steps, and scale z by the device's range."""
        span = upper - lower
        place = self.zero - (self.zero - lower) / span  # 0 for the nominal range
        return {
            **parameters,
            "step_up": parameters["step_up"] / span,
            "step_down": parameters["step_down"] / span,
            "offset": parameters["offset"] + 2 * parameters["scale"] * place,
        }

    def step(self, state: FloatArray, up: bool, parameters: Parameters) -> FloatArray:
        """Return the mean change of the state by one pulse."""
        way, sign = ("up", 1.0) if up else ("down", -1.0)
        z = parameters["scale"] * (2 * state - 1) + parameters["offset"]
        growth = np.exp(sign * parameters[f"rate_{way}"] * z)
        share = np.maximum(1 - parameters[f"amplitude_{way}"] * growth, 0)
        return np.asarray(sign * parameters[f"step_{way}"] * share).astype(state.dtype)


@kernel
def _power(x: Any, up: Any, p: Any, table: Any, chance: Any) -> Any:
    """Return the step of `PowerStep`; p (4,): its parameters in their order."""
    if up:
        return p[0] * (float32(1) - x) ** p[2]
    return -p[1] * x ** p[3]


@dataclass(frozen=True, kw_only=True)
class PowerStep(PulseModel, kind="power_step"):
    """Steps that are a power of the distance from the bound.

    dx = step_up (1 - x)^exponent_up and dx = -step_down x^exponent_down. Exponent 0 is the
    constant step, 1 soft bounds.

    Parameters
    ----------
    step_up, step_down : float, fraction of the range
        Of the first pulse from the other end.
    exponent_up, exponent_down : float

    Notes
    -----
    A device with its own bounds keeps its first steps, in the nominal range.

    References
    ----------
    As `PowStep` in IBM's aihwkit, M. Rasch et al., AICAS 2021,
    doi:10.1109/AICAS51828.2021.9458494.
    """

    kernel: ClassVar[Kernel | None] = _power

    step_up: Dimensionless
    step_down: Dimensionless
    exponent_up: Annotated[Dimensionless, Plausible(-1e3, 1e3)]
    exponent_down: Annotated[Dimensionless, Plausible(-1e3, 1e3)]

    def check(self) -> None:
        """Refuse steps beyond (0, 1] and negative exponents."""
        in_range("step_up", self.step_up, 1e-12, 1.0)
        in_range("step_down", self.step_down, 1e-12, 1.0)
        non_negative("exponent_up", self.exponent_up)
        non_negative("exponent_down", self.exponent_down)

    def bounded(
        self, parameters: Parameters, lower: FloatArray, upper: FloatArray
    ) -> Mapping[str, Any]:
        """Return the parameters that keep the first steps."""
        span = upper - lower
        up, down = parameters["step_up"] / span, parameters["step_down"] / span
        return {**parameters, "step_up": up, "step_down": down}

    def step(self, state: FloatArray, up: bool, parameters: Parameters) -> FloatArray:
        """Return the mean change of the state by one pulse."""
        if up:
            change = parameters["step_up"] * np.power(1 - state, parameters["exponent_up"])
        else:
            change = -parameters["step_down"] * np.power(state, parameters["exponent_down"])
        return np.asarray(change).astype(state.dtype)
