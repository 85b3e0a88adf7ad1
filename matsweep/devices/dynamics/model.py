"""Base of dynamical memristors: dx/dt = f(x, v), i = g(x, v)."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.registry import Registry
from matsweep.core.streams import FloatArray

RULES: dict[str, Callable[[FloatArray], Any]] = {
    "> 0": lambda x: x > 0,
    "< 0": lambda x: x < 0,
    ">= 0": lambda x: x >= 0,
    "in [0, 0.1]": lambda x: (x >= 0) & (x <= 0.1),
    "in [0, 1]": lambda x: (x >= 0) & (x <= 1),
    "1 or -1": lambda x: np.abs(x) == 1,
    "finite": np.isfinite,
}


class Forgetting(NamedTuple):
    """Decay of a population's state at rest: exp(-(t / time)^stretch) of it is left.

    Parameters
    ----------
    time : float, s
    activation_ev : float, eV
        Activation energy of the time.
    states : (n,) or (component, n) array
        Final states of the devices, equally likely.
    stretch : float, dimensionless
    """

    time: float
    activation_ev: float
    states: FloatArray
    stretch: float = 1.0


class DynamicalModel(ABC):
    """A memristive system of one or more state variables (Chua, Kang, Proc. IEEE 64:209, 1976).

    Parameters may be numbers, or arrays that broadcast to a batch of devices.

    States of one variable have the shape of the batch; of several, those variables first:
    (component, …). Times, voltages and currents are SI; a state is the paper's own variable.
    """

    registry: ClassVar[Registry[type[DynamicalModel]]] = Registry(
        "dynamical model", "matsweep.dynamics"
    )
    # Every model is a dataclass.
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]
    components: ClassVar[tuple[str, ...]] = ("x",)
    unit: ClassVar[str] = "1"
    insulator: ClassVar[str | None] = None  # name of the parameter that is the film's thickness
    drive: ClassVar[str] = "voltage"  # or "current": then `current` takes one and gives a voltage

    def __init_subclass__(cls, kind: str | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if kind is not None:
            DynamicalModel.registry[kind] = cls

    @abstractmethod
    def initial_state(self, shape: tuple[int, ...] = ()) -> FloatArray:
        """State of devices at rest.

        Parameters
        ----------
        shape : tuple of int
            The batch.

        Returns
        -------
        (…) or (component, …) array
        """

    @abstractmethod
    def current(self, state: FloatArray, voltage: FloatArray | float) -> FloatArray:
        """Return the current at a state and a voltage.

        Parameters
        ----------
        state : (…) or (component, …) array
        voltage : float or (…) array, V

        Returns
        -------
        (…) array, A
        """

    @abstractmethod
    def rate(self, state: FloatArray, voltage: FloatArray | float) -> FloatArray:
        """Time derivative of the state.

        Parameters
        ----------
        state : (…) or (component, …) array
        voltage : float or (…) array, V

        Returns
        -------
        array of the shape of the state
            Unit of the state per s.
        """

    def voltage(self, state: FloatArray, current: FloatArray | float) -> FloatArray:
        """Voltage at a state and a current, in closed form.

        Compiled models need none: the solver inverts the current numerically.

        Parameters
        ----------
        state : (…) or (component, …) array
        current : float or (…) array, A

        Returns
        -------
        (…) array, V

        Raises
        ------
        UserError
            If the model has no closed form.
        """
        raise UserError(
            f"{type(self).__name__} has no compiled equations and takes a voltage [V] only: give "
            "voltage="
        )

    def under_current(self) -> DynamicalModel:
        """Model of the same device under a current source.

        A capacitance in parallel makes the voltage a state there.

        Returns
        -------
        DynamicalModel
            By default the model itself.
        """
        return self

    def current_loop(self) -> tuple[float, float] | None:
        """Loop that the test bench measures under a current.

        Returns
        -------
        (float, float) or None
            Largest current [A], and time at each current in which the device settles [s]; None:
            its voltage is no steady function of a current, or no loop is of interest.
        """
        return None

    def read_conductance(self, state: FloatArray, voltage: FloatArray | float) -> FloatArray:
        """Conductance of a read: current over voltage, or the channel's in a transistor.

        Parameters
        ----------
        state : (…) or (component, …) array
        voltage : float or (…) array, V

        Returns
        -------
        (…) array, S
            NaN at 0 V.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = self.current(state, voltage) / voltage
        return np.where(np.asarray(voltage) == 0, np.nan, ratio)

    def bounds(self) -> tuple[FloatArray | float, FloatArray | float]:
        """Return the smallest and the largest value of the state, where it stops."""
        return -np.inf, np.inf

    def scale(self) -> FloatArray | float:
        """Return the width of the state's range, to which errors are relative."""
        low, high = self.bounds()
        with np.errstate(invalid="ignore"):
            span = np.subtract(high, low)
        return np.where(np.isfinite(span), span, 1.0)

    def retention(self, temperature: float, state: FloatArray | None = None) -> Forgetting | None:
        """Loss of a state by devices of one parameter set at rest.

        A rate that vanishes at 0 V never loses it.

        Parameters
        ----------
        temperature : float, K
        state : () or (component,) array, optional
            By default the state of the highest conductance.

        Returns
        -------
        Forgetting or None
            None where the model does not describe retention.
        """
        return None

    def shape(self) -> tuple[int, ...]:
        """Return the batch shape that the parameters span."""
        fields = dataclasses.fields(self)
        return np.broadcast_shapes(*(np.shape(getattr(self, field.name)) for field in fields))

    def replace(self, **parameters: Any) -> Self:
        """Copy of the model with other parameters, checked again.

        Parameters
        ----------
        **parameters : float or (…) array
            By name.

        Returns
        -------
        DynamicalModel

        Raises
        ------
        UserError
            If a parameter is out of its range.
        """
        changed: Self = dataclasses.replace(self, **parameters)
        return changed

    def select(self, chosen: Any, shape: tuple[int, ...] | None = None) -> Self:
        """Copy of the model for some devices of a batch.

        Parameters
        ----------
        chosen : index or mask, of an array of the shape
        shape : tuple of int or None
            Shape to which the devices are repeated first; None: their own.

        Returns
        -------
        DynamicalModel
        """
        whole = self.shape() if shape is None else shape
        return self.replace(
            **{
                field.name: np.broadcast_to(value, whole)[chosen]
                for field in dataclasses.fields(self)
                if np.ndim(value := getattr(self, field.name)) > 0
            }
        )

    def _check(self, rule: str, **units: str) -> None:
        """Refuse parameters, numbers or arrays, that break a rule of `RULES`."""
        for name, unit in units.items():
            value = getattr(self, name)
            label = f"{name} [{unit}]" if unit else name
            try:
                numbers = np.asarray(value, np.float64)
            except (TypeError, ValueError):
                raise UserError(f"{label} must be a number or an array, got {value!r}") from None
            if not (np.isfinite(numbers) & RULES[rule](numbers)).all():
                also = "" if rule == "finite" else " and finite"
                raise UserError(f"{label} must be {rule}{also}, got {value!r}")

    def _check_order(self, low: str, high: str, unit: str) -> None:
        """Refuse a lower parameter that is not below the higher."""
        first, second = getattr(self, low), getattr(self, high)
        if np.any(np.asarray(first) >= np.asarray(second)):
            raise UserError(f"{low} [{unit}] must be < {high}, got {first!r} and {second!r}")


class CompiledModel(DynamicalModel):
    """Dynamical model whose equations are a scalar function that numba compiles.

    `kernel(state, voltage, p, up, down)` gets one device's state (component,), its voltage [V]
    and its `parameters` (p,); it writes the rates of rise and fall of each component separately,
    because a stochastic device may do both at once, and returns the current [A]. Functions that it
    calls are compiled with it. A model whose `drive` is a current takes one and returns a voltage.

    White noise, dx = (up - down) dt + spread dW: `noise(state, voltage, p, spread, unused)` writes
    the spread of each component [its unit/√s] and returns any number. The spread must not depend on
    components that have one themselves: Itô's and Stratonovich's integrals are then the same.
    """

    kernel: ClassVar[Callable[..., float]]
    noise: ClassVar[Callable[..., float] | None] = None

    @abstractmethod
    def parameters(self) -> tuple[FloatArray | float, ...]:
        """Return the parameters of the kernel, in its order: numbers or arrays over the batch."""

    def quantum(self) -> FloatArray | float | None:
        """Return the change of the state by one elementary event, None if none is random."""
        return None

    def pace(self) -> FloatArray | float:
        """Return the fastest time constant, s; transients with `noise` resolve it."""
        return np.inf

    def current(self, state: FloatArray, voltage: FloatArray | float) -> FloatArray:
        """Return the current at a state and a voltage."""
        return self._evaluate(state, voltage)[0]

    def rate(self, state: FloatArray, voltage: FloatArray | float) -> FloatArray:
        """Time derivative of the state."""
        return self._evaluate(state, voltage)[1]

    def _evaluate(
        self, state: FloatArray, voltage: FloatArray | float
    ) -> tuple[FloatArray, FloatArray]:
        from matsweep.devices.dynamics.equations import compiled_kernel, evaluate

        states = np.asarray(state, np.float64)
        several = len(self.components) > 1
        states = states if several else states[None]
        shape = np.broadcast_shapes(states.shape[1:], np.shape(voltage), self.shape())
        # Parameters and bounds of the devices are not repeated along axes before theirs.
        own = self.shape()
        own = own if shape[len(shape) - len(own) :] == own else shape
        low, high = (per_device(bound, own, len(states)) for bound in self.bounds())
        flat = np.stack([np.broadcast_to(each, shape).ravel() for each in states], axis=-1)
        drive = np.broadcast_to(np.asarray(voltage, np.float64), shape).ravel()
        current, rate = np.empty(drive.shape), np.empty(flat.shape)
        evaluate(
            compiled_kernel(type(self).kernel),
            np.require(flat, np.float64, ("C", "W")),
            np.require(drive, np.float64, ("C", "W")),
            self._flat(own),
            low,
            high,
            current,
            rate,
        )
        rates = np.moveaxis(rate.reshape(*shape, flat.shape[-1]), -1, 0)
        return current.reshape(shape), rates if several else rates[0]

    def _flat(self, shape: tuple[int, ...]) -> FloatArray:
        """Parameters of each device, (device, p) array."""
        columns = [
            np.broadcast_to(np.asarray(p, np.float64), shape).ravel() for p in self.parameters()
        ]
        return np.require(np.stack(columns, axis=-1), np.float64, ("C", "W"))


def per_device(value: FloatArray | float, shape: tuple[int, ...], components: int) -> FloatArray:
    """Array with the value of each device and component.

    Parameters
    ----------
    value : float, (…) or (component, …) array
        In the unit of the state.
    shape : tuple of int
        The batch.
    components : int
        Number of state variables.

    Returns
    -------
    (device, component) array
    """
    values = np.asarray(value, np.float64)
    each = (
        values
        if components > 1 and values.ndim > 0
        else np.broadcast_to(values, (components, *values.shape))
    )
    flat = [np.broadcast_to(one, shape).ravel() for one in each]
    return np.require(np.stack(flat, axis=-1), np.float64, ("C", "W"))
