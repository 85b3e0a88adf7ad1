"""Base of pulse models: parameters, their spread between devices, and the application of pulses."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError, in_range, near, non_negative
from matsweep.core.codec import later
from matsweep.core.direction import Worse
from matsweep.core.kernel import Kernel
from matsweep.core.plausible import Plausible
from matsweep.core.quantities import Dimensionless
from matsweep.core.registry import Registry
from matsweep.core.streams import FloatArray, Rng, aside, once
from matsweep.devices.pulses.kernels import affine, columns
from matsweep.devices.pulses.noise import CycleNoise
from matsweep.devices.pulses.population import SPREADS, Population

type Parameters = Mapping[str, Any]
"""By name: a number, the same for all devices, or an array with each device's own."""


@dataclass(frozen=True, kw_only=True)
class PulseModel(ABC):
    """Change of the state by pulses, on average and with noise.

    A model states its equation twice: `step` for arrays, and a `kernel` for compiled loops, without
    which it cannot learn in the crossbar. A kernel takes numbers that `flat` and `table` return;
    `matsweep.devices.pulses.kernels` describes it.

    Attributes
    ----------
    kernel : Kernel or None
        Change of the state by one pulse.
    draws : bool
        Whether the kernel takes a uniform random number for each pulse.
    late : bool
        Whether the pulses of one update continue along the curve beyond the bounds, and the state
        is cut to them after the last; else after each.
    scaled_by : tuple of (str, str) or None
        Parameters of potentiation and depression that the steps are proportional to. By default
        `step_up` and `step_down`, or `scale_up` and `scale_down`, if the model has them.

    Parameters
    ----------
    cycle_to_cycle : CycleNoise
    device_to_device : dict of str to float
        Standard deviation between devices of any parameter, by its name: relative to its value,
        but for those in `absolute`, whose spread is a difference. Gaussian. Also of the gain, the
        asymmetry and the bounds of each device, for all models alike: `Population`.
    zero : float, in [0, 1]
        State from which the spreads of the bounds are counted, and at which weights of the
        published form are zero.

    Notes
    -----
    A device with its own bounds makes the model's steps in its own range: x = lower + span y,
    dx = span step(y), with span = upper - lower. `bounded` changes the parameters where a
    published model states that its steps depend on the bounds otherwise.
    """

    registry: ClassVar[Registry[type[PulseModel]]] = Registry(
        "pulse model", "matsweep.pulse_models"
    )
    absolute: ClassVar[frozenset[str]] = frozenset()
    kernel: ClassVar[Kernel | None] = None
    draws: ClassVar[bool] = False
    late: ClassVar[bool] = False
    scaled_by: ClassVar[tuple[str, str] | None] = None

    cycle_to_cycle: CycleNoise = CycleNoise()
    device_to_device: Annotated[
        dict[str, Annotated[Dimensionless, Worse("higher")]],
        Plausible(0.0, 3.0, only=frozenset(SPREADS)),
    ] = field(default_factory=dict, hash=False)
    zero: Dimensionless = later(0.5)

    def __init_subclass__(cls, kind: str, **options: Any) -> None:
        super().__init_subclass__(**options)
        taken = {*SPREADS, "scales"} & set(cls.__annotations__)
        if taken:
            raise TypeError(f"{cls.__name__} must name {', '.join(sorted(taken))} otherwise")
        PulseModel.registry[kind] = cls

    def __post_init__(self) -> None:
        known = (*self.names(), *SPREADS)
        for name, spread in self.device_to_device.items():
            if name not in known:
                raise UserError(
                    f"device_to_device.{name} is not a parameter{near(name, known)} "
                    f"(there are {', '.join(known)})"
                )
            non_negative(f"device_to_device.{name}", spread)
        in_range("zero", self.zero, 0.0, 1.0)
        if (self.population.scales or self.cycle_to_cycle.of_scale) and self._scaled_by() is None:
            raise UserError(
                "device_to_device.gain, device_to_device.asymmetry and cycle_to_cycle.of_scale "
                "must be left out of a model whose steps have no factor (step_up and step_down, or "
                f"scaled_by), got {type(self).__name__}"
            )
        self.check()

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of the parameters that can differ between devices."""
        shared = {"cycle_to_cycle", "device_to_device", "zero"}
        return tuple(f.name for f in dataclasses.fields(cls) if f.name not in shared)

    @classmethod
    def _scaled_by(cls) -> tuple[str, str] | None:
        """Return the names of the parameters that the steps are proportional to."""
        pairs = (("step_up", "step_down"), ("scale_up", "scale_down"))
        named = (pair for pair in pairs if set(pair) <= set(cls.names()))
        return cls.scaled_by or next(named, None)

    @property
    def population(self) -> Population:
        """Spreads between devices that every model has: gain, asymmetry and bounds."""
        return Population.of(self.device_to_device)

    @property
    def nominal(self) -> Parameters:
        """The parameters of the mean device."""
        return self.prepared({name: getattr(self, name) for name in self.names()})

    @staticmethod
    def prepared(parameters: Parameters) -> Parameters:
        """Parameters with the derived quantities that `step` needs, computed once.

        Parameters
        ----------
        parameters : mapping

        Returns
        -------
        mapping
        """
        return parameters

    def draw(self, shape: tuple[int, ...], *, rng: Rng) -> Parameters:
        """Draw the parameters of devices.

        A parameter that has a sign keeps it: a draw beyond zero is cut to zero. Gains, asymmetries
        and bounds are drawn after the parameters, as `Population` describes.

        Parameters
        ----------
        shape : tuple of int
        rng : Rng

        Returns
        -------
        mapping
            Arrays of the shape for the parameters that differ between devices; `lower` and `upper`
            are their bounds, where these differ.
        """
        parameters = dict(self.nominal)
        for name in self.names():  # in their order, not in that of the mapping
            spread = self.device_to_device.get(name, 0.0)
            if spread == 0:
                continue
            value = float(parameters[name])
            draw = aside(rng, name).standard_normal(shape, np.float64)
            if name in self.absolute:
                parameters[name] = self.cut(name, value + spread * draw)
            else:
                parameters[name] = value * np.maximum(1 + spread * draw, 0)
        population = self.population
        if population.scales:
            factors = population.factors(self.scales(parameters), shape, rng=rng)
            parameters = self.scaled(parameters, *factors)
        if population.bounds:
            lower, upper = population.draw_bounds(self.zero, shape, rng=rng)
            own: dict[str, Any] = {"lower": lower, "upper": upper}
            if self.cycle_to_cycle.of_scale:  # of the steps before `bounded` rescales parameters
                own["scales"] = self.scales(parameters)
            parameters = {**self.bounded(parameters, lower, upper), **own}
        return self.prepared(parameters)

    def scales(self, parameters: Parameters) -> tuple[Any, Any]:
        """Magnitudes of both steps that gain and asymmetry refer to.

        By default the parameters that the steps are proportional to; published forms state them at
        `zero`.

        Parameters
        ----------
        parameters : mapping

        Returns
        -------
        tuple of (float or array, float or array), fractions of the range
        """
        if "scales" in parameters:
            up, down = parameters["scales"]
            return up, down
        names = self._scaled_by()
        assert names is not None
        return parameters[names[0]], parameters[names[1]]

    def scaled(self, parameters: Parameters, up: FloatArray, down: FloatArray) -> dict[str, Any]:
        """Parameters of devices whose steps are larger by a factor.

        Parameters
        ----------
        parameters : mapping
        up : (…) array
            Factors of potentiation, >= 0.
        down : (…) array
            Factors of depression, >= 0.

        Returns
        -------
        dict
        """
        names = self._scaled_by()
        assert names is not None
        first, second = names
        changed = {first: parameters[first] * up, second: parameters[second] * down}
        return {**parameters, **changed}

    def bounded(
        self, parameters: Parameters, lower: FloatArray, upper: FloatArray
    ) -> Mapping[str, Any]:
        """Parameters of devices with their own bounds, for their steps within these.

        By default unchanged: the curve is stretched to the device's own range.

        Parameters
        ----------
        parameters : mapping
        lower : (…) array, fraction of the nominal range
        upper : (…) array, fraction of the nominal range

        Returns
        -------
        mapping
        """
        return parameters

    def cut(self, name: str, values: FloatArray) -> FloatArray:
        """Drawn values of a parameter of `absolute`, cut to where it is defined.

        Parameters
        ----------
        name : str
        values : (…) array

        Returns
        -------
        (…) array
        """
        return values

    def flat(self, parameters: Parameters) -> FloatArray:
        """Return parameters of devices as the kernel takes them: those of `names`, in their order.

        Parameters
        ----------
        parameters : mapping
            `nominal`, or from `draw`.

        Returns
        -------
        (…, k) float32 array
            (k,) where all devices are alike.
        """
        return columns(*(np.asarray(parameters[name], float) for name in self.names()))

    def compiled(self, parameters: Parameters) -> FloatArray:
        """Numbers of devices as the compiled loops take them.

        Those of `flat`. Where devices have their own bounds, the affine form is converted to the
        nominal range (dx = span a - lower b + b x); other kernels act in the device's own range,
        and `lower` and span follow as two more numbers.

        Parameters
        ----------
        parameters : mapping
            `nominal`, or from `draw`.

        Returns
        -------
        (…, k) float32 array
        """
        flat = self.flat(parameters)
        if "lower" not in parameters:
            return flat
        lower = np.asarray(parameters["lower"], float)
        span = np.asarray(parameters["upper"] - lower)
        if self.kernel is not affine:
            return columns(*np.moveaxis(flat, -1, 0), lower, span)
        a, b, c, d = np.moveaxis(flat.astype(float), -1, 0)
        return columns(span * a - lower * b, b, span * c - lower * d, d)

    def added_noise(self, parameters: Parameters) -> tuple[Any, Any]:
        """Noise of a pulse that does not depend on its step: `of_scale` and `constant`.

        Parameters
        ----------
        parameters : mapping

        Returns
        -------
        tuple of (float or array, float or array), fractions of the range
            Standard deviations of a potentiating and a depressing pulse.
        """
        noise = self.cycle_to_cycle
        if not noise.of_scale:
            return noise.constant, noise.constant
        up, down = self.scales(parameters)
        return noise.constant + noise.of_scale * up, noise.constant + noise.of_scale * down

    @property
    def table(self) -> FloatArray:
        """Numbers that the kernel takes and all devices share, (n,)."""
        return np.zeros(1)

    @property
    def pulses_across(self) -> tuple[float, float]:
        """Potentiating and depressing pulses that the whole range is worth.

        One over the step in the middle of the range, of the mean device.

        Raises
        ------
        UserError
            If a polarity does not move a device there.
        """
        middle = np.array([0.5])
        up, down = (abs(float(self.step(middle, way, self.nominal)[0])) for way in (True, False))
        if not (up and down):
            raise UserError(
                "pulse_model must move a device in the middle of its range in both directions to "
                f"learn, got steps of {up:g} and -{down:g}"
            )
        return 1 / up, 1 / down

    @abstractmethod
    def check(self) -> None:
        """Refuse parameters out of their range.

        Raises
        ------
        UserError
            If a parameter is out of its range; the message names it.
        """

    @abstractmethod
    def step(self, state: FloatArray, up: bool, parameters: Parameters) -> FloatArray:
        """Mean change of the state by one pulse.

        Parameters
        ----------
        state : (…) array, in [0, 1]
            In the device's own range.
        up : bool
            Potentiating, else depressing.
        parameters : mapping
            From `nominal` or `draw`.

        Returns
        -------
        (…) array, fraction of the device's own range
            Negative for depression.
        """

    def change(self, state: FloatArray, up: bool, parameters: Parameters) -> FloatArray:
        """Mean change of the state by one pulse, in the nominal range.

        Parameters
        ----------
        state : (…) array, in the device's bounds
        up : bool
            Potentiating, else depressing.
        parameters : mapping
            From `nominal` or `draw`.

        Returns
        -------
        (…) array, fraction of the nominal range
        """
        own, span = own_range(state, parameters)
        change = self.step(own, up, parameters)
        return change if span is None else np.asarray(change * span)

    def noisy_step(
        self, state: FloatArray, up: bool, parameters: Parameters, rng: Rng
    ) -> FloatArray:
        """Change of the state by one pulse, with the noise of `CycleNoise`.

        Parameters
        ----------
        state : (…) array, in the device's bounds
        up : bool
            Potentiating, else depressing.
        parameters : mapping
        rng : Rng

        Returns
        -------
        (…) array, fraction of the range
        """
        change, noise = self.change(state, up, parameters), self.cycle_to_cycle
        if noise.adds:
            sigma = noise.of_step * np.abs(change) + noise.of_state * np.abs(state - self.zero)
            sigma += self.added_noise(parameters)[0 if up else 1]
            change += (sigma * _normal(state, rng)).astype(state.dtype)
        elif noise.of_step:
            change += noise.of_step * change * _normal(state, rng)
        if noise.of_range:
            change += noise.of_range * _normal(state, aside(rng, "range"))
        return change

    def apply(
        self,
        state: FloatArray,
        count: int | npt.NDArray[np.integer],
        *,
        rng: Rng,
        parameters: Parameters | None = None,
        least: float = -np.inf,
    ) -> FloatArray:
        """Apply pulses.

        Parameters
        ----------
        state : (…, row, column) array, in the devices' bounds
            Without the noise of writing (`written`).
        count : int or (…, row, column) array of int
            Pulses: potentiating if > 0, depressing if < 0.
        rng : Rng
        parameters : mapping, optional
            From `draw`; by default all devices are the mean one.
        least : float, fraction of the range
            State below which no device gets, whatever its bound.

        Returns
        -------
        (…, row, column) array, in the devices' bounds
        """
        parameters = self.nominal if parameters is None else parameters
        state = np.array(state)
        counts = np.asarray(count)
        low, high = limits(parameters, least)
        for up, pulses in ((True, counts), (False, -counts)):
            own, most = once(rng), int(pulses.max(initial=0))
            least = int(pulses.min(initial=most))
            for number in range(most):
                change = self.noisy_step(state, up, parameters, own)
                if number >= least:
                    change *= pulses > number
                state += change
                np.clip(state, low, high, out=state)
        return state

    def written(self, state: FloatArray, *, rng: Rng) -> FloatArray:
        """States that reads see after an update: with the noise of writing.

        Parameters
        ----------
        state : (…) array, fractions of the range
            After pulses.
        rng : Rng

        Returns
        -------
        (…) array, fractions of the range
            Not cut; `state` itself where there is no such noise.
        """
        sigma = self.cycle_to_cycle.of_writing
        if not sigma:
            return state
        return np.asarray(state + state.dtype.type(sigma) * _normal(state, rng))


def own_range(state: FloatArray, parameters: Parameters) -> tuple[FloatArray, FloatArray | None]:
    """State as a fraction of the device's own range, and that range's width.

    Parameters
    ----------
    state : (…) array, fractions of the nominal range
    parameters : mapping
        From `nominal` or `draw`.

    Returns
    -------
    state : (…) array, in [0, 1]
    span : (…) array or None
        In the nominal range; None where all devices have that range.
    """
    if "lower" not in parameters:
        return state, None
    span = np.asarray(parameters["upper"] - parameters["lower"]).astype(state.dtype)
    own = np.asarray((state - parameters["lower"]).astype(state.dtype) / span)
    return np.clip(own, 0, 1, out=own), span  # not beyond by rounding, where a power has no value


def limits(parameters: Parameters, least: float = -np.inf) -> tuple[Any, Any]:
    """Least and largest states of devices.

    Parameters
    ----------
    parameters : mapping
        From `nominal` or `draw`.
    least : float, fraction of the range
        State below which no device gets, whatever its bound.

    Returns
    -------
    tuple of (float or array, float or array), fractions of the nominal range
        0 and 1 where all devices have the nominal range.
    """
    if "lower" not in parameters:
        return 0, 1
    low = np.maximum(parameters["lower"], least)
    return low, np.maximum(parameters["upper"], low)


def _normal(state: FloatArray, rng: Rng) -> FloatArray:
    return rng.standard_normal(state.shape, state.dtype)
