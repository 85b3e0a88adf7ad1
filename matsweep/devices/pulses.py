"""What identical pulses do: potentiation and depression (LTP, LTD).

A pulse model works on the state x, the conductance as a fraction of the device's range: 0 at
g_min, 1 at g_max. Potentiating pulses move it up, depressing ones down; after every pulse it is
cut to [0, 1].
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy.optimize import elementwise

from matsweep.checks import UserError, finite, in_range, near, non_negative, positive
from matsweep.streams import FloatArray, Rng

type Parameters = Mapping[str, Any]
"""By name: a number, the same for all devices, or an array with each device's own."""

LABEL_SCALE = 10.1015
"""NeuroSim's label over the largest distance of the normalised curve from a straight line."""

_FLATTEST = 1e-9  # 1 / A of a straight line


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleNoise:
    """Cycle-to-cycle noise of a pulse, in the two meanings in use.

    Parameters
    ----------
    of_step : float, fraction of the step that the pulse makes
        Standard deviation; as in IBM's aihwkit.
    of_range : float, fraction of the range g_max - g_min
        Standard deviation, whatever the step; as in NeuroSim. After N pulses sqrt(N) of it.
    """

    of_step: float = 0.0
    of_range: float = 0.0

    def __post_init__(self) -> None:
        non_negative("of_step", self.of_step)
        non_negative("of_range", self.of_range)


@dataclass(frozen=True, kw_only=True)
class PulseModel(ABC):
    """What pulses do to the state, on average and with noise.

    Parameters
    ----------
    cycle_to_cycle : CycleNoise
    device_to_device : dict of str to float
        Standard deviation between devices of any parameter, by its name: relative to its value,
        but for those in `absolute`, whose spread is a difference. Gaussian.
    """

    registry: ClassVar[dict[str, type[PulseModel]]] = {}
    absolute: ClassVar[frozenset[str]] = frozenset()

    cycle_to_cycle: CycleNoise = CycleNoise()
    device_to_device: dict[str, float] = field(default_factory=dict, hash=False)

    def __init_subclass__(cls, kind: str, **options: Any) -> None:
        super().__init_subclass__(**options)
        PulseModel.registry[kind] = cls

    def __post_init__(self) -> None:
        for name, spread in self.device_to_device.items():
            if name not in self.names():
                raise UserError(
                    f"device_to_device.{name} is not a parameter{near(name, self.names())} "
                    f"(there are {', '.join(self.names())})"
                )
            non_negative(f"device_to_device.{name}", spread)
        self.check()

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of the parameters that can differ between devices."""
        shared = {"cycle_to_cycle", "device_to_device"}
        return tuple(f.name for f in dataclasses.fields(cls) if f.name not in shared)

    @property
    def nominal(self) -> Parameters:
        """The parameters of the mean device."""
        return self.prepared({name: getattr(self, name) for name in self.names()})

    @staticmethod
    def prepared(parameters: Parameters) -> Parameters:
        """Return the parameters with what `step` needs to be computed from them only once."""
        return parameters

    def draw(self, shape: tuple[int, ...], *, rng: Rng) -> Parameters:
        """Draw the parameters of devices: arrays of a shape where they differ.

        A parameter that has a sign keeps it: a draw beyond zero is cut to zero.
        """
        found = dict(self.nominal)
        for name in self.names():  # in their order, not in that of the mapping
            spread = self.device_to_device.get(name, 0.0)
            if spread == 0:
                continue
            value = float(found[name])
            draw = rng.standard_normal(shape, np.float64)
            if name in self.absolute:
                found[name] = self.cut(name, value + spread * draw)
            else:
                found[name] = value * np.maximum(1 + spread * draw, 0)
        return self.prepared(found)

    def cut(self, name: str, values: FloatArray) -> FloatArray:
        """Return drawn values (…) of a parameter of `absolute`, cut to where it is defined."""
        return values

    @abstractmethod
    def check(self) -> None:
        """Refuse parameters out of their range, naming them (`UserError`)."""

    @abstractmethod
    def step(self, state: FloatArray, up: bool, parameters: Parameters) -> FloatArray:
        """Return the mean change of the state (…) by one pulse; negative for depression."""

    def noisy_step(
        self, state: FloatArray, up: bool, parameters: Parameters, rng: Rng
    ) -> FloatArray:
        """Return the change of the state (…) by one pulse: mean (1 + of_step xi) + of_range xi'."""
        change = self.step(state, up, parameters)
        if self.cycle_to_cycle.of_step:
            change += self.cycle_to_cycle.of_step * change * _normal(state, rng)
        if self.cycle_to_cycle.of_range:
            change += self.cycle_to_cycle.of_range * _normal(state, rng)
        return change

    def apply(
        self,
        state: FloatArray,
        count: int | npt.NDArray[np.integer],
        *,
        rng: Rng,
        parameters: Parameters | None = None,
    ) -> FloatArray:
        """Apply pulses.

        Parameters
        ----------
        state : (…, row, column) array, in [0, 1]
        count : int or (…, row, column) array of int
            Pulses: potentiating if > 0, depressing if < 0.
        rng : Rng
        parameters : mapping, optional
            From `draw`; by default all devices are the mean one.

        Returns
        -------
        (…, row, column) array, in [0, 1]
        """
        parameters = self.nominal if parameters is None else parameters
        state = np.array(state)
        counts = np.asarray(count)
        for up, pulses in ((True, counts), (False, -counts)):
            most = int(pulses.max(initial=0))
            least = int(pulses.min(initial=most))
            for number in range(most):
                change = self.noisy_step(state, up, parameters, rng)
                if number >= least:
                    change *= pulses > number
                state += change
                np.clip(state, 0, 1, out=state)
        return state


def _normal(state: FloatArray, rng: Rng) -> FloatArray:
    return rng.standard_normal(state.shape, state.dtype)


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

    nonlinearity_up: float
    nonlinearity_down: float
    pulses_up: float
    pulses_down: float

    def check(self) -> None:
        """Refuse labels beyond 9 and counts of pulses that are not positive."""
        in_range("nonlinearity_up", self.nonlinearity_up, -9.0, 9.0)
        in_range("nonlinearity_down", self.nonlinearity_down, -9.0, 9.0)
        positive("pulses_up", self.pulses_up)
        positive("pulses_down", self.pulses_down)

    def cut(self, name: str, values: FloatArray) -> FloatArray:
        """Cut labels to those that the form is defined for."""
        return np.clip(values, -9.0, 9.0)

    @staticmethod
    def prepared(parameters: Parameters) -> Parameters:
        """Return the parameters with the curve of each label."""
        curves = {
            f"curve_{way}": curvature(parameters[f"nonlinearity_{way}"]) for way in ("up", "down")
        }
        return {**parameters, **curves}

    def step(self, state: FloatArray, up: bool, parameters: Parameters) -> FloatArray:
        """Return the mean change of the state by one pulse."""
        way = "up" if up else "down"
        curve = np.asarray(parameters[f"curve_{way}"]).astype(state.dtype)
        whole = np.expm1(-curve)
        with np.errstate(divide="ignore"):
            position = np.clip(np.log1p(state * whole) / -curve, 0, 1)
        part = np.asarray(1 / np.asarray(parameters[f"pulses_{way}"])).astype(state.dtype)
        position += part if up else -part
        np.clip(position, 0, 1, out=position)
        return np.asarray(np.expm1(-curve * position) / whole - state)


def curvature(label: FloatArray | float) -> FloatArray:
    """Return 1 / A of a NeuroSim nonlinearity label.

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

    def excess(curve: FloatArray, wanted: FloatArray) -> FloatArray:
        whole = -np.expm1(-curve)
        at = -np.log(whole / curve) / curve
        return np.asarray(-np.expm1(-curve * at) / whole - at - wanted)

    bent = distance > 1e-4  # below, the distance is curve / 8 to a relative 1e-7
    found = elementwise.find_root(
        excess, (np.full(distance.shape, 1e-4), np.full(distance.shape, 1e3)),
        args=(np.where(bent, distance, 0.1),),
    ).x  # fmt: skip
    curve = np.where(bent, found, 8 * distance)
    return np.asarray(np.copysign(np.maximum(curve, _FLATTEST), label))


@dataclass(frozen=True, kw_only=True)
class SoftBounds(PulseModel, kind="soft_bounds"):
    """Steps proportional to the distance from the bound.

    dx = step_up (1 - x) and dx = -step_down x.

    Parameters
    ----------
    step_up, step_down : float, fraction of the range
        Of the first pulse from the other end.

    References
    ----------
    S. Fusi, L. Abbott, Nat. Neurosci. 10:485, 2007, doi:10.1038/nn1859; as in IBM's aihwkit.
    """

    step_up: float
    step_down: float

    def check(self) -> None:
        """Refuse steps beyond (0, 1]."""
        in_range("step_up", self.step_up, 1e-12, 1.0)
        in_range("step_down", self.step_down, 1e-12, 1.0)

    def step(self, state: FloatArray, up: bool, parameters: Parameters) -> FloatArray:
        """Return the mean change of the state by one pulse."""
        if up:
            return np.asarray(parameters["step_up"] * (1 - state)).astype(state.dtype)
        return np.asarray(-parameters["step_down"] * state).astype(state.dtype)


@dataclass(frozen=True, kw_only=True)
class LinearStep(PulseModel, kind="linear_step"):
    """Steps that shrink linearly along the range, to a rest at the bound.

    dx = step_up (1 - slope_up (2 x - 1)) and dx = -step_down (1 + slope_down (2 x - 1)). Slope 0
    is the ideal constant step; slope 1 vanishes at the bound (soft bounds).

    Parameters
    ----------
    step_up, step_down : float, fraction of the range
        In the middle of the range.
    slope_up, slope_down : float
        In [0, 1]; aihwkit's gamma.

    References
    ----------
    M. Rasch et al., AICAS 2021, doi:10.1109/AICAS51828.2021.9458494.
    """

    step_up: float
    step_down: float
    slope_up: float = 0.0
    slope_down: float = 0.0

    def check(self) -> None:
        """Refuse steps beyond (0, 1] and slopes beyond [0, 1]."""
        in_range("step_up", self.step_up, 1e-12, 1.0)
        in_range("step_down", self.step_down, 1e-12, 1.0)
        in_range("slope_up", self.slope_up, 0.0, 1.0)
        in_range("slope_down", self.slope_down, 0.0, 1.0)

    def step(self, state: FloatArray, up: bool, parameters: Parameters) -> FloatArray:
        """Return the mean change of the state by one pulse."""
        centred = 2 * state - 1
        if up:
            slope = np.minimum(parameters["slope_up"], 1)
            change = parameters["step_up"] * (1 - slope * centred)
        else:
            slope = np.minimum(parameters["slope_down"], 1)
            change = -parameters["step_down"] * (1 + slope * centred)
        return np.asarray(change).astype(state.dtype)


@dataclass(frozen=True, kw_only=True)
class ExponentialStep(PulseModel, kind="exponential_step"):
    """Steps with an exponential part that fades along the range.

    dx = ± step max(1 - amplitude exp(± rate z), 0), z = scale (2 x - 1) + offset: the upper sign
    for potentiation, with parameters of its own for each polarity.

    Parameters
    ----------
    step_up, step_down : float, fraction of the range
    amplitude_up, amplitude_down : float
        Negative: steps larger than `step` where the exponential is large.
    rate_up, rate_down : float
    scale, offset : float

    References
    ----------
    M. Rasch et al., AICAS 2021, doi:10.1109/AICAS51828.2021.9458494; fitted to ReRAM in
    N. Gong et al., Nat. Commun. 9:2102, 2018, doi:10.1038/s41467-018-04485-1.
    """

    step_up: float
    step_down: float
    amplitude_up: float
    amplitude_down: float
    rate_up: float
    rate_down: float
    scale: float = 1.0
    offset: float = 0.0

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

    def step(self, state: FloatArray, up: bool, parameters: Parameters) -> FloatArray:
        """Return the mean change of the state by one pulse."""
        way, sign = ("up", 1.0) if up else ("down", -1.0)
        z = parameters["scale"] * (2 * state - 1) + parameters["offset"]
        growth = np.exp(sign * parameters[f"rate_{way}"] * z)
        share = np.maximum(1 - parameters[f"amplitude_{way}"] * growth, 0)
        return np.asarray(sign * parameters[f"step_{way}"] * share).astype(state.dtype)


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

    References
    ----------
    As `PowStep` in IBM's aihwkit, M. Rasch et al., AICAS 2021,
    doi:10.1109/AICAS51828.2021.9458494.
    """

    step_up: float
    step_down: float
    exponent_up: float
    exponent_down: float

    def check(self) -> None:
        """Refuse steps beyond (0, 1] and negative exponents."""
        in_range("step_up", self.step_up, 1e-12, 1.0)
        in_range("step_down", self.step_down, 1e-12, 1.0)
        non_negative("exponent_up", self.exponent_up)
        non_negative("exponent_down", self.exponent_down)

    def step(self, state: FloatArray, up: bool, parameters: Parameters) -> FloatArray:
        """Return the mean change of the state by one pulse."""
        if up:
            change = parameters["step_up"] * np.power(1 - state, parameters["exponent_up"])
        else:
            change = -parameters["step_down"] * np.power(state, parameters["exponent_down"])
        return np.asarray(change).astype(state.dtype)


@dataclass(frozen=True, kw_only=True)
class Tabulated(PulseModel, kind="tabulated"):
    """Steps as measured or simulated: quantiles of the change against the state.

    A pulse draws a probability and looks its change up, linearly between states and between
    probabilities, constant beyond the outermost of either. Its spread is the table's: there is
    no `cycle_to_cycle` besides.

    Parameters
    ----------
    states : tuple of float, in [0, 1], increasing
    probabilities : tuple of float, in [0, 1], increasing
    up, down : tuple of tuples of float, fraction of the range
        For each state, the change at each probability, never decreasing.
    scale_up, scale_down : float
        Factors on the tables, which may differ between devices.
    """

    states: tuple[float, ...]
    probabilities: tuple[float, ...]
    up: tuple[tuple[float, ...], ...]
    down: tuple[tuple[float, ...], ...]
    scale_up: float = 1.0
    scale_down: float = 1.0

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the factors: a table as a whole does not differ between devices."""
        return ("scale_up", "scale_down")

    def check(self) -> None:
        """Refuse tables of the wrong shape or order."""
        for name in ("states", "probabilities"):
            values = np.array(getattr(self, name), dtype=float)
            if values.size < 1 or np.any((values < 0) | (values > 1) | ~np.isfinite(values)):
                raise UserError(f"{name} must be in [0, 1], got {list(getattr(self, name))}")
            if np.any(np.diff(values) <= 0):
                raise UserError(f"{name} must increase, got {list(getattr(self, name))}")
        shape = (len(self.states), len(self.probabilities))
        for name in ("up", "down"):
            rows = getattr(self, name)
            if len(rows) != shape[0] or any(len(row) != shape[1] for row in rows):
                raise UserError(
                    f"{name} must have a row for each of the {shape[0]} states, with a number for "
                    f"each of the {shape[1]} probabilities"
                )
            if not np.all(np.isfinite(rows)) or np.any(np.diff(rows, axis=1) < 0):
                raise UserError(f"{name} must be finite and not decrease along a row")
        positive("scale_up", self.scale_up)
        positive("scale_down", self.scale_down)
        if self.cycle_to_cycle != CycleNoise():
            raise UserError(
                "cycle_to_cycle must be left out of a tabulated model: the table has the spread"
            )

    def step(self, state: FloatArray, up: bool, parameters: Parameters) -> FloatArray:
        """Return the mean change of the state by one pulse."""
        table = np.array(self.up if up else self.down)
        edges = np.concatenate([[0.0], self.probabilities, [1.0]])
        padded = np.concatenate([table[:, :1], table, table[:, -1:]], axis=1)
        means = np.trapezoid(padded, edges, axis=1)
        scale = parameters["scale_up" if up else "scale_down"]
        return np.asarray(scale * np.interp(state, self.states, means)).astype(state.dtype)

    def noisy_step(
        self, state: FloatArray, up: bool, parameters: Parameters, rng: Rng
    ) -> FloatArray:
        """Return the change of the state by one pulse, drawn from the table."""
        table = np.array(self.up if up else self.down).astype(state.dtype)
        uniform = rng.random(state.shape, state.dtype)
        row, along = _cell(state, self.states)
        column, across = _cell(uniform, self.probabilities)
        last_row, last_column = table.shape[0] - 1, table.shape[1] - 1
        next_row, next_column = np.minimum(row + 1, last_row), np.minimum(column + 1, last_column)
        low = table[row, column] * (1 - across) + table[row, next_column] * across
        high = table[next_row, column] * (1 - across) + table[next_row, next_column] * across
        scale = parameters["scale_up" if up else "scale_down"]
        return np.asarray(scale * (low * (1 - along) + high * along)).astype(state.dtype)


def _cell(values: FloatArray, edges: tuple[float, ...]) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Return the index of the edge below each value, and how far it is to the next one."""
    grid = np.array(edges)
    if grid.size == 1:
        return np.zeros(values.shape, np.int64), np.zeros(values.shape, values.dtype)
    place = np.interp(values, grid, np.arange(grid.size))
    index = np.minimum(place.astype(np.int64), grid.size - 2)
    return index, (place - index).astype(values.dtype)
