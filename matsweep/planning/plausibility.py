"""Questions about a study's values before anything runs: its configurations and its axes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from matsweep.core.codec import numbers, numbers_at
from matsweep.core.plausible import Number, Question, doubts
from matsweep.planning.axes import Axis, Interval
from matsweep.planning.bases import SECTIONS
from matsweep.planning.quantities import section_hint

_TIMES = "times"


def questions(configs: Iterable[Mapping[str, Any]], axes: Sequence[Axis]) -> list[Question]:
    """Questions about implausible values of composed configurations and of their axes.

    Parameters
    ----------
    configs : iterable of mapping
        Plain, with all quantities as numbers; one for each combination of group choices.
    axes : sequence of Axis
        Whose values are numbers in the parameters' units; those of group choices are ignored.

    Returns
    -------
    list of Question
        Without repetitions; those of an axis begin with "axis".
    """
    found: dict[Question, None] = {}
    for config in configs:
        found.update(dict.fromkeys(doubts(_stated(config))))
        for axis in axes:
            found.update(dict.fromkeys(doubts(_swept(config, axis), "axis ")))
    return list(found)


def _stated(config: Mapping[str, Any]) -> Iterator[Number]:
    """Yield all numbers of the sections of a configuration, and its times."""
    for section in (*SECTIONS, _TIMES):
        if config.get(section) is not None:
            yield from numbers(section_hint(section), config[section], section)


def _swept(config: Mapping[str, Any], axis: Axis) -> Iterator[Number]:
    """Yield the numbers of an axis; of many plain ones, the smallest and the largest."""
    section, *keys = axis.name.split(".")
    if section not in SECTIONS or not keys or config.get(section) is None:
        return
    hint, node = section_hint(section), config[section]
    for value in _extremes(axis):
        yield from numbers_at(hint, keys, node, value, axis.name)


def _extremes(axis: Axis) -> list[object]:
    if isinstance(axis, Interval):
        return [axis.low, axis.high]
    plain = [value for value in axis.values if isinstance(value, (int, float))]
    others = [value for value in axis.values if not isinstance(value, (int, float))]
    return [*dict.fromkeys([min(plain), max(plain)] if plain else []), *others]
