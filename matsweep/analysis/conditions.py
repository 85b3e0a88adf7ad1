"""Candidates under each condition, such as a training of the network, equal in all else."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from matsweep.analysis.attributes import axes, resolve, short_names
from matsweep.analysis.labels import NONE, choice, setting
from matsweep.analysis.pairs import Values, finest_step, paired, student
from matsweep.analysis.view import Index, View
from matsweep.core.checks import UserError, in_range

LEAST = 3
"""Realisations from which equal differences have no error, and a correlation has one."""
_PLAIN = (NONE, "False", "false")


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One choice of all conditions of a study.

    Parameters
    ----------
    values : tuple of str
        As `labels.choice` writes them, in the order of `View.conditions`.
    words : str
        "training with noise 0.05".
    short : str
        For legends and columns: "0.05"; with names, where there are several conditions.
    """

    values: tuple[str, ...]
    words: str
    short: str

    @property
    def plain(self) -> bool:
        """Whether the network stays as it is."""
        return all(value in _PLAIN for value in self.values)


@dataclass(frozen=True, eq=False)
class Conditions:
    """Settings of a study under each of its conditions.

    Parameters
    ----------
    view : View
    """

    view: View

    @cached_property
    def names(self) -> list[str]:
        """Conditions that differ between candidates."""
        return [name for name in self.view.conditions if name in self.view.varied]

    @cached_property
    def all(self) -> tuple[Condition, ...]:
        """The conditions, the baseline first: the one that leaves the network as it is."""
        rows = sorted({tuple(row) for row in self._codes.tolist()})
        conditions = [_condition(self.view, self.names, self._values(row)) for row in rows]
        return tuple(sorted(conditions, key=lambda each: not each.plain))

    @cached_property
    def of_candidates(self) -> Index:
        """Number of the condition of each candidate, (candidate,)."""
        places = {each.values: place for place, each in enumerate(self.all)}
        return np.array([places[self._values(row)] for row in self._codes.tolist()], dtype=np.intp)

    @cached_property
    def rows(self) -> Index:
        """Candidates that are equal in all but the condition, (setting, condition) positions.

        -1: it is not done, or not in the study.
        """
        others = [name for name in self.view.parameters if name not in self.names]
        columns = [self.view.materials.astype(str)]
        columns += [np.asarray(self.view.ds[name].values).astype(str) for name in others]
        codes = [np.unique(column, return_inverse=True)[1].ravel() for column in columns]
        _, place = np.unique(np.stack(codes, axis=1), axis=0, return_inverse=True)
        count = int(place.max()) + 1 if place.size else 0
        rows = np.full((count, len(self.all)), -1, dtype=np.intp)
        known = self.view.compared & np.isfinite(self.view.column(self.view.merit))
        at = np.flatnonzero(known)[::-1]  # of equal ones the first
        rows[place.ravel()[at], self.of_candidates[at]] = at
        return rows

    def pairs(self, condition: int) -> Index:
        """Candidates under the baseline and under another condition, equal in all else.

        Parameters
        ----------
        condition : int
            Its number in `all`.

        Returns
        -------
        (pair, 2) array of int
            Positions.
        """
        both = self.rows[:, [0, condition]]
        return np.asarray(both[(both >= 0).all(axis=1)])

    @cached_property
    def _levels(self) -> list[list[str]]:
        return [ordered(self.view, name) for name in self.names]

    @cached_property
    def _codes(self) -> Index:
        """Place of each candidate's value among the levels, (candidate, condition's axis)."""
        columns = []
        for name, levels in zip(self.names, self._levels, strict=True):
            places = {level: place for place, level in enumerate(levels)}
            values = np.asarray(self.view.ds[name].values).tolist()
            columns.append([places[choice(value)] for value in values])
        return np.array(columns, dtype=np.intp).reshape(len(self.names), -1).T

    def _values(self, row: list[int] | tuple[int, ...]) -> tuple[str, ...]:
        return tuple(levels[at] for levels, at in zip(self._levels, row, strict=True))


def ordered(view: View, name: str) -> list[str]:
    """Values of a condition, the one that leaves the network as it is first.

    Parameters
    ----------
    view : View
    name : str

    Returns
    -------
    list of str
        As `labels.choice` writes them: numbers grow, then texts in the order of the axis.
    """
    here = {choice(value) for value in np.asarray(view.ds[name].values).tolist()}
    stated = [choice(value) for value in axes(view.ds).get(name) or ()]
    listed = [value for value in dict.fromkeys([*stated, *sorted(here)]) if value in here]
    return sorted(listed, key=lambda value: (value not in _PLAIN, _size(value)))


def _size(value: str) -> float:
    """Size of a value that is a number; infinite for a text."""
    try:
        return float(value)
    except ValueError:
        return math.inf


def _condition(view: View, names: list[str], values: tuple[str, ...]) -> Condition:
    short = short_names(names)
    parts = [setting(name, short[name], value) for name, value in zip(names, values, strict=True)]
    told = [
        value if len(names) == 1 else f"{short[name].replace('_', ' ')} {value}"
        for name, value in zip(names, values, strict=True)
    ]
    return Condition(values=values, words=" and ".join(parts), short=", ".join(told))


def conditions_of(view: View) -> Conditions | None:
    """Conditions of a study under which candidates can be compared.

    Parameters
    ----------
    view : View

    Returns
    -------
    Conditions or None
        None where no condition differs between the done candidates.
    """
    if not view.conditions or not view.compared.any() or view.merit not in view.summary:
        return None
    found = Conditions(view)
    if not found.names or len(set(found.of_candidates[view.compared].tolist())) < 2:
        return None
    return found


def effects(
    ds: xr.Dataset,
    metric: str | None = None,
    *,
    time: float | str | None = None,
    confidence: float = 0.95,
) -> xr.Dataset:
    """Differences that conditions make, between candidates that are equal in all else.

    Realisation r of both candidates draws the same random numbers, so that differences are taken
    realisation by realisation (`pairs.difference`).

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`, of a study with conditions.
    metric : str, optional
        Default: the merit of the study.
    time : float [s] or str, optional
        One of the stored times. Default: the last.
    confidence : float, in [0.5, 0.9999]
        Of the two-sided interval, Student's.

    Returns
    -------
    Dataset
        Along `pair`: `difference` from the baseline, its `standard_error`, `low` and `high` in the
        metric's unit, `realisations` that both have, the numbers of the `candidate` and of its
        `baseline`, its `condition` in words, and its `material`. Errors and intervals are NaN where
        they are unknown (`paired_difference`).

    Raises
    ------
    UserError
        If the study has no conditions, or no two candidates differ in them alone.
    """
    in_range("confidence", confidence, 0.5, 0.9999)
    view = View(ds, time)
    found = conditions_of(view)
    if found is None:
        raise UserError(
            "the results have no conditions, such as workload.training.noise=null,0.05: sweep one "
            "to compare devices under it"
        )
    name = resolve(view.summary, metric or view.merit)
    pairs = [found.pairs(place) for place in range(1, len(found.all))]
    rows = np.concatenate(pairs) if pairs else np.empty((0, 2), dtype=np.intp)
    if not len(rows):
        raise UserError(
            f"no two done candidates differ in {' and '.join(found.names)} alone: sweep it with "
            "design=grid to compare them in pairs"
        )
    words = np.repeat([each.words for each in found.all[1:]], [len(each) for each in pairs])
    mean, error, count = paired_difference(view, name, rows[:, 1], rows[:, 0])
    half = np.where(error > 0, student(1 - confidence, count) * error, error)  # NaN: unknown
    unit = {"units": view.unit(name)}
    return xr.Dataset(
        {
            "difference": ("pair", mean, {"long_name": f"difference of {name}", **unit}),
            "standard_error": ("pair", error, unit),
            "low": ("pair", mean - half, unit),
            "high": ("pair", mean + half, unit),
            "realisations": ("pair", count),
            "candidate": ("pair", view.numbers[rows[:, 1]]),
            "baseline": ("pair", view.numbers[rows[:, 0]]),
        },
        {
            "condition": ("pair", words),
            "material": ("pair", view.materials[rows[:, 1]].astype(str)),
        },
        {"metric": name, "baseline": found.all[0].words, "confidence": confidence},
    )


def paired_difference(
    view: View, metric: str, rows: Index, references: Index
) -> tuple[Values, Values, NDArray[np.int64]]:
    """Mean difference of candidates from others, realisation by realisation.

    Parameters
    ----------
    view : View
    metric : str
    rows : (pair,) array of int
        Positions.
    references : (pair,) array of int
        Positions of those that are subtracted.

    Returns
    -------
    mean : (pair,) array
    error : (pair,) array
        Standard error of the mean; 0 for a metric that does not depend on the realisation. NaN
        (unknown) for a single realisation of one that does, and for two that differ equally.
    count : (pair,) array of int
        Realisations that both have.
    """
    varies = "realisation" in view.ds[metric].dims
    values = view.realised(metric)
    count = np.minimum(view.given[rows], view.given[references])
    if not varies:
        values, count = values[:, :1], np.ones_like(count)
    step = finest_step(values) if varies else 0.0
    mean, error = paired(values[rows], values[references], count, step)
    # Two differences may agree by chance: their spread of 0 is no estimate.
    known = (count > 1) & ((count >= LEAST) | (error > 0))
    return mean, np.where(known, error, np.nan if varies else 0.0), count
