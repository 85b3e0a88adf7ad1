"""Protocol of the virtual experiment that derives behaviour from physics."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from matsweep.core.checks import UserError, finite, in_range, non_negative, positive, whole
from matsweep.core.plausible import Plausible
from matsweep.core.quantities import (
    Dimensionless,
    Field,
    PulseVoltage,
    PulseWidth,
    Spread,
    Temperature,
)
from matsweep.core.sizes import counted

HOTTEST = 4500.0
"""K: above the boiling or sublimation of any oxide in use; a device that hot is destroyed.

The models' thermal resistances describe filaments of some nanometres, whose modelled peaks exceed
the melting points of the bulk (HfO2 3031 K, CRC Handbook) without harm in experiments; nothing
survives this.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """Pulses on a population of simulated devices.

    Each device first goes through one cycle that is not counted, then through `cycles` of
    potentiation and depression, then through a random sequence of single pulses, so that every
    state is reached from both sides.

    Parameters
    ----------
    voltage_up, voltage_down : float, V
        Of the potentiating and the depressing pulse; `voltage_down` None: minus `voltage_up`.
    width_up, width_down : float, s
        `width_down` None: as long as `width_up`.
    pulses_up, pulses_down : int
        Of each half of a cycle.
    mixed : int
        Single pulses of random polarity.
    devices : int
    cycles : int
    spread : dict of str to float
        Standard deviation between devices of a parameter of the physics, relative to its value.
        Gaussian, cut at a tenth of the value.
    stochastic : bool
        Let the state jump by its quanta where the physics has any; else only `spread` is random.
    tolerance : float, fraction of the range
        Of the write-verify that programs the derived device.
    max_pulses : int
        Its budget.
    ramp : int
        Pulses of one polarity in a row over which the voltage rises to the protocol's; 0: none.
        Abrupt devices reach states in between only so (incremental step pulses).
    ramp_from : float
        Fraction of the voltage that a ramp begins at.
    hottest : float, K
        A device that gets hotter is destroyed; acts on models that know their heat.
    breakdown_field : float, V/m
        An insulator under more breaks down; acts on models that know its thickness. The strongest
        oxides hold 0.7 (HfO2) to 1.5 GV/m (SiO2): J. McPherson et al., Appl. Phys. Lett. 82:2121,
        2003, doi:10.1063/1.1565180.
    seed : int
    """

    voltage_up: PulseVoltage
    width_up: PulseWidth
    voltage_down: PulseVoltage | None = None
    width_down: PulseWidth | None = None
    pulses_up: Annotated[int, Plausible(1, 1e5)] = 50
    pulses_down: Annotated[int, Plausible(1, 1e5)] = 50
    mixed: Annotated[int, Plausible(0, 1e5)] = 40
    devices: Annotated[int, Plausible(2, 1e5)] = 40
    cycles: Annotated[int, Plausible(1, 1e4)] = 2
    spread: dict[str, Spread] = field(default_factory=dict, hash=False)
    stochastic: bool = True
    tolerance: Dimensionless = 0.02
    max_pulses: int = 100
    hottest: Annotated[Temperature, Plausible(300.0, 1e4)] = HOTTEST
    breakdown_field: Annotated[Field, Plausible(1e7, 1e11)] = 1e9
    ramp: int = 0
    ramp_from: Dimensionless = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("voltage_up", "voltage_down"):
            value = getattr(self, name)
            if value is not None and finite(name, value, "V") == 0:
                raise UserError(f"{name} [V] must not be 0")
        # Phase change takes one polarity: an amplitude, or a width, separates its pulses.
        if self.pulse(True) == self.pulse(False):
            raise UserError(
                f"voltage_up and voltage_down must differ, or their widths, got "
                f"{self.voltage_up!r} V for {self.width_up!r} s twice"
            )
        positive("width_up", self.width_up, "s")
        if self.width_down is not None:
            positive("width_down", self.width_down, "s")
        for name, low in (("pulses_up", 1), ("pulses_down", 1), ("mixed", 0), ("cycles", 1),
                          ("max_pulses", 1), ("seed", 0)):  # fmt: skip
            whole(name, getattr(self, name), low=low)
        whole("devices", self.devices, low=2)
        for name, value in self.spread.items():
            non_negative(f"spread.{name}", value)
        in_range("tolerance", self.tolerance, 1e-4, 1.0)
        whole("ramp", self.ramp, low=0)
        in_range("ramp_from", self.ramp_from, 0.0, 1.0)
        positive("hottest", self.hottest, "K")
        positive("breakdown_field", self.breakdown_field, "V/m")

    @property
    def footprint(self) -> int:
        """Memory of the reads after all pulses of all devices, bytes, before and after each."""
        pulses = (self.cycles + 1) * (self.pulses_up + self.pulses_down) + self.mixed
        return 2 * 8 * self.devices * pulses

    @property
    def extent(self) -> str:
        """Numbers of devices, cycles and pulses in words."""
        return (
            f"{counted(self.devices)} devices with {counted(self.cycles)} cycles of "
            f"{counted(self.pulses_up)} and {counted(self.pulses_down)} pulses, and "
            f"{counted(self.mixed)} mixed ones"
        )

    def pulse(self, up: bool) -> tuple[float, float]:
        """Return the voltage and the width of a pulse.

        Parameters
        ----------
        up : bool
            Potentiating or depressing.

        Returns
        -------
        voltage : float, V
        width : float, s
        """
        if up:
            return self.voltage_up, self.width_up
        voltage = -self.voltage_up if self.voltage_down is None else self.voltage_down
        return voltage, self.width_up if self.width_down is None else self.width_down
