"""Options of reading a laboratory's file: what the file itself does not say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated

from matsweep.core.checks import UserError, one_of, positive
from matsweep.core.codec import numbers
from matsweep.core.plausible import Plausible, doubts, refuse
from matsweep.core.quantities import Current, ReadVoltage, Surroundings, SweepRate
from matsweep.identification.measurements.quantities import QUANTITIES

KINDS = ("pulses", "sweeps", "retention", "endurance")
POLARITIES = ("stated", "inverted", "by_change")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a file is read, where the file does not say it.

    Parameters
    ----------
    kind : str or None
        "pulses", "sweeps", "retention" or "endurance"; None: by the columns.
    columns : mapping of str to (str, int or None)
        Heading, or number from 1, of the column of a quantity (`QUANTITIES`); None: the file has no
        such column. Quantities that are not named are recognised by their headings.
    header : bool
        Whether the columns have headings.
    unit : str or None
        Of the conductance (or resistance, or current), where the heading states none.
    decimal : str or None
        "point" or "comma"; None: by the numbers.
    sheet : str or None
        Of a workbook; None: the first one with a heading that is recognised.
    read_voltage : float or None, V
        At which a current was read, where no column has it.
    temperature : float or None, K
        Of a measurement without a column of temperatures.
    rate : float or None, V/s
        Of sweeps without a column of times; None: 1 V/s on average, points evenly spaced.
    compliance : float or None, A
        Current that the instrument did not exceed; 0: it had no limit; None: recognised by a flat
        top of the current.
    polarity : str or None
        "stated": as the file says, whatever the conductance does; "inverted": the other way round;
        "by_change": up where the conductance rises over a run of pulses. None: as the file says,
        refused where the conductance contradicts it.
    reverse : str or None
        "up" or "down": the lines of runs of this polarity are listed from the last to the first.
    plausible : bool
        Whether values that hardly any memristor has are refused, of the options and in the data,
        readings with noise that stand twice, and isolated readings of pulses off the course of
        their device.

    Raises
    ------
    UserError
        For an option that does not exist, or is out of its range.
    """

    kind: str | None = None
    columns: Mapping[str, str | int | None] = field(default_factory=dict)
    header: bool = True
    unit: str | None = None
    decimal: str | None = None
    sheet: str | None = None
    read_voltage: ReadVoltage | None = None
    temperature: Surroundings | None = None
    rate: Annotated[SweepRate, Plausible(1e-6, 1e12)] | None = None
    compliance: Current | None = None
    polarity: str | None = None
    reverse: str | None = None
    plausible: bool = True

    def __post_init__(self) -> None:
        choices = {"kind": KINDS, "decimal": ("point", "comma"), "polarity": POLARITIES,
                   "reverse": ("up", "down")}  # fmt: skip
        for name, known in choices.items():
            if getattr(self, name) is not None:
                one_of(name, getattr(self, name), known)
        for quantity in self.columns:
            one_of("columns", quantity, QUANTITIES)
        if self.read_voltage == 0:
            raise UserError("read_voltage [V] must not be 0: no current flows at it")
        for name, unit in (("rate", "V/s"), ("temperature", "K")):
            if getattr(self, name) is not None:
                positive(name, getattr(self, name), unit)
        if self.compliance is not None and self.compliance < 0:
            raise UserError(f"compliance [A] must be >= 0 (0: no limit), got {self.compliance!r}")
        if self.plausible:
            options = {each.name: getattr(self, each.name) for each in fields(self)}
            refuse(doubts(numbers(Reading, options)))
