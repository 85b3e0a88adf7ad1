"""Base of pulse models: parameters, their spread, and the application of pulses."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError, near, non_negative
from matsweep.core.kernel import Kernel
from matsweep.core.quantities import Dimensionless
from matsweep.core.registry import Registry
from matsweep.core.streams import FloatArray, Rng
from matsweep.devices.pulses.kernels import columns

type Parameters = Mapping[str, Any]
"""By name: a number, the same for all devices, or an array with each device's own."""


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

    of_step: Dimensionless = 0.0
    of_range: Dimensionless = 0.0

    def __post_init__(self) -> None:
        non_negative("of_step", self.of_step)
        non_negative("of_range", self.of_range)


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

    Parameters
    ----------
    cycle_to_cycle : CycleNoise
    device_to_device : dict of str to float
        Standard deviation between devices of any parameter, by its name: relative to its value,
        but for those in `absolute`, whose spread is a difference. Gaussian.
    """

    registry: ClassVar[Registry[type[PulseModel]]] = Registry(
        "pulse model", "matsweep.pulse_models"
    )
    absolute: ClassVar[frozenset[str]] = frozenset()
    kernel: ClassVar[Kernel | None] = None
    draws: ClassVar[bool] = False
    late: ClassVar[bool] = False

    cycle_to_cycle: CycleNoise = CycleNoise()
    device_to_device: dict[str, Dimensionless] = field(default_factory=dict, hash=False)

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

        A parameter that has a sign keeps it: a draw beyond zero is cut to zero.

        Parameters
        ----------
        shape : tuple of int
        rng : Rng

        Returns
        -------
        mapping
            Arrays of the shape for the parameters that differ between devices.
        """
        parameters = dict(self.nominal)
        for name in self.names():  # in their order, not in that of the mapping
            spread = self.device_to_device.get(name, 0.0)
            if spread == 0:
                continue
            value = float(parameters[name])
            draw = rng.standard_normal(shape, np.float64)
            if name in self.absolute:
                parameters[name] = self.cut(name, value + spread * draw)
            else:
                parameters[name] = value * np.maximum(1 + spread * draw, 0)
        return self.prepared(parameters)

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
        up : bool
            Potentiating, else depressing.
        parameters : mapping
            From `nominal` or `draw`.

        Returns
        -------
        (…) array, fraction of the range
            Negative for depression.
        """

    def noisy_step(
        self, state: FloatArray, up: bool, parameters: Parameters, rng: Rng
    ) -> FloatArray:
        """Change of the state by one pulse: mean (1 + of_step xi) + of_range xi'.

        Parameters
        ----------
        state : (…) array, in [0, 1]
        up : bool
            Potentiating, else depressing.
        parameters : mapping
        rng : Rng

        Returns
        -------
        (…) array, fraction of the range
        """
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
