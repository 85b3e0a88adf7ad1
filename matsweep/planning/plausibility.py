"""Questions about a study's values before anything runs: its configurations and its axes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from matsweep.core.checks import UserError
from matsweep.core.codec import numbers, numbers_at
from matsweep.core.plausible import Number, Question, doubts
from matsweep.materials.priors import Prior
from matsweep.planning.axes import Axis, Interval
from matsweep.planning.bases import SECTIONS
from matsweep.planning.quantities import section_hint
from matsweep.planning.unknowns import own_priors

_TIMES = "times"
_WRITTEN = (("value",), ("median",), ("mean",), ("min", "max"))  # names in laws


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
        found.update(_of_priors(config))
        for axis in axes:
            found.update(dict.fromkeys(doubts(_swept(config, axis), "axis ")))
    return list(found)


def _stated(config: Mapping[str, Any]) -> Iterator[Number]:
    """Yield all numbers of the sections of a configuration, and its times."""
    for section in (*SECTIONS, _TIMES):
        if config.get(section) is not None:
            yield from numbers(section_hint(section), config[section], section)


def _of_priors(config: Mapping[str, Any]) -> dict[Question, None]:
    """Questions about the user's priors, by the bounds of the parameters that they are for."""
    laws: Mapping[str, Prior | None] = {}
    with suppress(UserError):  # what is no prior is refused by its own rule
        laws = own_priors(config.get("prior") or {})
    found: dict[Question, None] = {}
    for path, law in laws.items():
        if law is not None:
            asked = _of_prior(path, law, config) or _of_draws(path, law, config)
            found.update(dict.fromkeys(asked))
    return found


def _of_prior(path: str, law: Prior, config: Mapping[str, Any]) -> list[Question]:
    """Questions about a number, the ends of a range, or the centre of a bell that is cut there."""
    names = next((names for names in _WRITTEN if hasattr(law, names[0])), ())
    return [each for name in names for each in _asked(path, getattr(law, name), config)]


def _of_draws(path: str, law: Prior, config: Mapping[str, Any]) -> list[Question]:
    """Questions about the draws: half of them lie between the quartiles."""
    quartiles = law.quantile(np.array([0.25, 0.75])).tolist()
    return [
        each._replace(text=f"{each.text}, beyond which a quarter of the draws lie", hint="")
        for value in quartiles
        for each in _asked(path, value, config)
    ]


def _asked(path: str, value: float, config: Mapping[str, Any]) -> list[Question]:
    section, *keys = path.split(".")
    place = numbers_at(section_hint(section), keys, config.get(section), value, f"prior.{path}")
    return doubts(place)


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
