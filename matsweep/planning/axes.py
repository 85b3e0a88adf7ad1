"""Axes of a design, written in Hydra's sweep grammar."""

from __future__ import annotations

import functools
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import (
    ChoiceSweep,
    Glob,
    IntervalSweep,
    Override,
    QuotedString,
    RangeSweep,
    Transformer,
)
from hydra.errors import HydraException

from matsweep.core.checks import UserError
from matsweep.core.sizes import counted
from matsweep.core.units import value_in_unit
from matsweep.planning.bounds import MOST_CANDIDATES, check_values
from matsweep.planning.config import options
from matsweep.planning.environment import check_axis
from matsweep.planning.grammar import hydra_override, replace_quantities, written_sweep
from matsweep.planning.slips import check_written


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """An axis of listed values: numbers, texts, or choices of a configuration group.

    Parameters
    ----------
    name : str
    values : tuple
    written : str
        A sweep of quantities with units, ``interval(1uS,1mS)``, whose values are unknown until the
        parameter's unit is known (`in_unit`); else empty.
    unit : str or None
        Unit that quantities among the values were converted to; None: there were none.
    """

    name: str
    values: tuple[object, ...]
    written: str = ""
    unit: str | None = None

    def __post_init__(self) -> None:
        if not self.values:
            raise UserError(f"axis {self.name} has no values: give it at least one")
        known: set[Hashable] = set()
        for value in self.values:
            key = value if isinstance(value, Hashable) else repr(value)
            if key in known:
                raise UserError(f"axis {self.name} has the value {value!r} twice: leave one out")
            known.add(key)

    def count(self, points: int) -> int:
        """Return the number of the axis's values in a grid.

        Parameters
        ----------
        points : int
            Points per interval; listed values ignore it.

        Returns
        -------
        int
        """
        return len(self.values)

    def listed(self, points: int) -> tuple[object, ...]:
        """Return the axis's values in a grid.

        Parameters
        ----------
        points : int
            Points per interval; listed values ignore it.

        Returns
        -------
        tuple
        """
        return self.values

    def at(self, fraction: float) -> object:
        """Return the value at a fraction of the axis.

        Parameters
        ----------
        fraction : float
            In [0, 1).

        Returns
        -------
        object
        """
        return self.values[int(fraction * len(self.values))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An axis of all numbers between two, uniform or uniform in the logarithm.

    Parameters
    ----------
    name : str
    low, high : float
        Ends, in the parameter's unit; `low` < `high`, and > 0 if logarithmic.
    logarithmic : bool
    whole : bool
        Whether the numbers are integers.
    """

    name: str
    low: float
    high: float
    logarithmic: bool = False
    whole: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise UserError(
                f"axis {self.name} must be an interval from low to high, got "
                f"interval({self.low:g}, {self.high:g})"
            )
        if self.logarithmic and self.low <= 0:
            raise UserError(f"axis {self.name} is logarithmic: low must be > 0, got {self.low:g}")

    def count(self, points: int) -> int:
        """Return the number of evenly spaced points, at most, without making them.

        Parameters
        ----------
        points : int

        Returns
        -------
        int
        """
        return min(points, self._whole_numbers()) if self._is_counted() else points

    def listed(self, points: int) -> tuple[object, ...]:
        """Return evenly spaced points, ends included.

        Parameters
        ----------
        points : int
            1: the middle alone.

        Returns
        -------
        tuple of float or int
            Fewer where integers coincide.
        """
        if points == 1:
            return (self._between(0.5),)
        if (
            self._is_counted() and points >= self._whole_numbers()
        ):  # steps of 1 or less leave none out
            return tuple(range(int(self.low), int(self.high) + 1))
        numbers = [self._between(index / (points - 1)) for index in range(points)]
        return tuple(dict.fromkeys(numbers))

    def at(self, fraction: float) -> object:
        """Return the number at a fraction of the interval.

        Parameters
        ----------
        fraction : float
            In [0, 1).

        Returns
        -------
        float or int
        """
        if self.whole and not self.logarithmic:
            return int(self.low + math.floor(fraction * (self.high - self.low + 1)))
        return self._between(fraction)

    def _is_counted(self) -> bool:
        """Whether its points are whole numbers at equal distances."""
        return self.whole and not self.logarithmic

    def _whole_numbers(self) -> int:
        return int(self.high) - int(self.low) + 1

    def _between(self, fraction: float) -> float | int:
        if fraction in (0, 1):
            value = self.high if fraction else self.low
        elif self.logarithmic:
            value = math.exp((1 - fraction) * math.log(self.low) + fraction * math.log(self.high))
        else:
            value = (1 - fraction) * self.low + fraction * self.high
        return round(value) if self.whole else value


Axis = Values | Interval


def fixed_overrides(overrides: Sequence[str]) -> list[str]:
    """Return the overrides that sweep nothing.

    Parameters
    ----------
    overrides : sequence of str
        As on Hydra's command line.

    Returns
    -------
    list of str

    Raises
    ------
    UserError
        For an override outside Hydra's grammar.
    """
    parsed = _parse(list(overrides))
    return [str(each.input_line) for each in parsed if not each.is_sweep_override()]


def parse_axes(
    configured: Mapping[str, object], overrides: Sequence[str], most: int = MOST_CANDIDATES
) -> tuple[Axis, ...]:
    """Read the axes of a configuration and of the command line.

    Call it inside `composer`. An override replaces the axis of the same name: a sweep becomes the
    axis, a plain value ends the sweep over that name.

    Parameters
    ----------
    configured : mapping of str to str, number or list
        The node `axes`: ``{"device.read_noise": "0.01,0.02"}``.
    overrides : sequence of str
        As on Hydra's command line.
    most : int
        Values of an axis; a range of more is refused before its numbers are made.

    Returns
    -------
    tuple of Axis
        The configuration's first, in its order, then the command line's.

    Raises
    ------
    UserError
        For an override outside Hydra's grammar, and an empty, invalid or too long axis.
    """
    axes: dict[str, Axis] = {}
    for name, written in configured.items():
        axes[name] = _configured(name, written, most)
    for parsed in _parse(list(overrides)):
        if parsed.is_sweep_override():
            axes[_name(parsed)] = _axis(parsed, most)
        else:
            axes.pop(_name(parsed), None)
    for axis in axes.values():
        check_axis(axis.name, axis.values if isinstance(axis, Values) else ())
    return tuple(axes.values())


def _configured(name: str, written: object, most: int) -> Axis:
    if isinstance(written, (list, tuple)):
        return Values(name=name, values=tuple(written))
    if not isinstance(written, str):
        return Values(name=name, values=(written,))
    return read_axis(name, written, most)


def read_axis(name: str, written: str, most: int = MOST_CANDIDATES) -> Axis:
    """Read one axis from its text in Hydra's sweep grammar; a plain value is an axis of one.

    Parameters
    ----------
    name : str
    written : str
    most : int
        Values of the axis.

    Returns
    -------
    Axis

    Raises
    ------
    UserError
        For a text outside the grammar, or an invalid or too long axis.
    """
    [parsed] = _parse([f"{name}={written}"])
    if parsed.is_sweep_override():
        return _axis(parsed, most)
    return Values(name=name, values=(_plain(parsed.value()),))


def check_runs(overrides: Sequence[str], most: int) -> None:
    """Refuse sweeps of more runs than a command is repeated for, before any number is made.

    Parameters
    ----------
    overrides : sequence of str
        As on Hydra's command line; those outside its grammar are left to Hydra.
    most : int

    Raises
    ------
    UserError
        If a range is endless, or there are more runs.
    """
    runs = 1
    for each in overrides:
        try:
            [parsed] = _parse([each])
        except UserError:
            continue
        if isinstance(value := parsed.value(), RangeSweep):
            runs *= _length(_name(parsed), value)
        elif isinstance(value, ChoiceSweep):
            runs *= len(value.list)
    if runs > most:
        raise UserError(f"sweeps must give at most {counted(most)} runs, got {counted(runs)}")


def in_unit(axis: Axis, unit: str | None, most: int = MOST_CANDIDATES) -> Axis:
    """Convert an axis's quantities to numbers in a unit.

    Parameters
    ----------
    axis : Axis
    unit : str or None
        The parameter's; None: it has none, texts stay texts.
    most : int
        Values of the axis.

    Returns
    -------
    Axis

    Raises
    ------
    UserError
        If a unit does not fit the parameter, it takes none, or the axis is too long.
    """
    if isinstance(axis, Interval):
        return axis
    if axis.written:
        if unit is None:
            raise UserError(f"axis {axis.name} takes no unit, got {axis.written}")
        read = functools.partial(value_in_unit, unit=unit, name=axis.name)
        written = replace_quantities(axis.written, lambda text: repr(read(text)))
        return read_axis(axis.name, written, most)
    values = tuple(value_in_unit(value, unit, axis.name) for value in axis.values)
    return Values(name=axis.name, values=values, unit=unit) if values != axis.values else axis


def written_value(text: str) -> object:
    """Parse the one value that a text stands for in Hydra's grammar, as after a `=`.

    Parameters
    ----------
    text : str

    Returns
    -------
    object

    Raises
    ------
    UserError
        If the text is outside the grammar, or holds several values to sweep.
    """
    [parsed] = _parse([f"value={text}"])
    if parsed.is_sweep_override():
        raise UserError(f"must be one value, got {text!r}: put a text with commas in quotes")
    return _plain(parsed.value())


def _parse(overrides: list[str]) -> list[Override]:
    check_written(overrides)
    try:
        return OverridesParser.create().parse_overrides(list(map(hydra_override, overrides)))
    except (HydraException, ValueError, ArithmeticError, TypeError, RecursionError) as error:
        text = " ".join(str(error).split("\nSee https")[0].split())
        raise UserError(f"not in Hydra's grammar: {text}") from None


def _why(error: Exception) -> str:
    """Words of an error; those of decimal arithmetic, as with nan, have none."""
    if isinstance(error, ArithmeticError):
        return "its start, end and step must be finite numbers"
    return " ".join(str(error).split())


def _name(parsed: Override) -> str:
    return str(parsed.key_or_group) + (f"@{parsed.package}" if parsed.package else "")


def _axis(parsed: Override, most: int) -> Axis:
    name, value = _name(parsed), parsed.value()
    if parsed.is_add() or parsed.is_force_add() or parsed.is_delete():
        way = "" if parsed.is_delete() else f": add it first (+{name}=VALUE {name}=VALUE,VALUE)"
        raise UserError(f"axis {name} must be a parameter that exists, without + or ~{way}")
    if written := written_sweep(getattr(value, "tags", ())):
        return Values(name=name, values=(written,), written=written)
    if isinstance(value, IntervalSweep):
        start, end = value.start, value.end
        assert start is not None
        assert end is not None
        return Interval(
            name=name,
            low=float(start),
            high=float(end),
            logarithmic="log" in value.tags,
            whole=isinstance(start, int) and isinstance(end, int),
        )
    if isinstance(value, Glob):
        return Values(name=name, values=tuple(value.filter(options(name))))
    if isinstance(value, RangeSweep):
        check_values(name, _length(name, value), most)
    try:
        values = tuple(_plain(item) for item in parsed.sweep_iterator(Transformer.identity))
    except (HydraException, ValueError, ArithmeticError, TypeError) as error:
        raise UserError(f"axis {name} cannot be swept: {_why(error)}") from None
    return Values(name=name, values=values)


def _length(name: str, sweep: RangeSweep) -> int:
    """Count the numbers of a range."""
    ends = (sweep.start, sweep.stop, sweep.step)
    if not all(each is not None and math.isfinite(each) for each in ends):
        written = ", ".join(map(str, ends))
        raise UserError(
            f"axis {name} must be a range of finite ends and a finite step, got range({written})"
        )
    start, stop, step = (Fraction(each) for each in ends if each is not None)
    if step == 0:
        raise UserError(f"axis {name} must be a range with a step that is not 0, got 0")
    return max(0, math.ceil((stop - start) / step))


def _plain(value: object) -> object:
    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    return value
