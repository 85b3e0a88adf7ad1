"""A study at one time, as analysis and reports look at it, with derived values cached."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from matsweep.analysis.attributes import (
    axes,
    chances,
    conditions,
    material_label,
    merit,
    numbered,
    parameters,
    references,
    short_label,
    short_names,
    sources,
    spoken,
    states,
)
from matsweep.analysis.labels import AXES
from matsweep.analysis.summary import at_time, course, given, realised, summarise
from matsweep.core.units import normal_unit

if TYPE_CHECKING:
    from matsweep.analysis.response import Response

type Index = NDArray[np.intp]

NO_MATERIAL = "candidates"
"""Placeholder for the material where none is stored."""


@dataclass(frozen=True, eq=False)
class View:
    """The results of a study at one time since programming; derived values are cached.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`; the view numbers its candidates.
    time : float [s], str or None
        One of the stored times. None: the last.
    mixed : bool
        Whether candidates that assume different sources of costs are compared; see `compared`.

    Raises
    ------
    UserError
        If `ds` has no dimension `candidate`; from `summary` on, if the time is not stored.
    """

    ds: xr.Dataset
    time: float | str | None = None
    mixed: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "ds", numbered(self.ds))

    @cached_property
    def summary(self) -> xr.Dataset:
        """Scalars along `candidate`; see `summarise`."""
        return summarise(self.ds, self.time)

    @cached_property
    def at_time(self) -> xr.Dataset:
        """Results at the time at which candidates are compared, with all realisations."""
        return at_time(self.ds, self.time)[0]

    @cached_property
    def chosen_time(self) -> float | None:
        """Time at which candidates are compared [s]; None where the results hold no times."""
        return float(self.summary["time"]) if "time" in self.summary.coords else None

    @cached_property
    def numbers(self) -> NDArray[np.int64]:
        """Number of each candidate in the store, (candidate,)."""
        return np.asarray(self.ds["candidate"].values)

    @cached_property
    def states(self) -> NDArray[np.str_]:
        """State of each candidate, "pending", "done" or "failed", (candidate,)."""
        return states(self.ds)

    @cached_property
    def done(self) -> NDArray[np.bool_]:
        """Whether each candidate is done, (candidate,)."""
        return np.asarray(self.states == "done")

    @cached_property
    def assumed(self) -> dict[str, str]:
        """Assumptions about costs that differ between candidates, each with the value compared.

        They are the swept sources of the costs of circuits, `periphery.*_source`. The value is the
        first one of the axis that the results hold. Empty where candidates are `mixed`.
        """
        chosen, stored = {}, axes(self.ds)
        for name in self._sources:
            values = np.asarray(self.ds[name].values).astype(str).tolist()
            listed = [str(each) for each in stored.get(name) or values]
            chosen[name] = next((each for each in listed if each in values), values[0])
        return chosen

    @cached_property
    def _sources(self) -> list[str]:
        """Swept sources of costs; none where candidates are `mixed`."""
        return [] if self.mixed else [name for name in self.varied if is_assumption(name)]

    @cached_property
    def assumptions(self) -> NDArray[np.str_]:
        """Sources of costs of each candidate as one text, (candidate,); see `assumed`.

        Only candidates with the same text are comparable.
        """
        columns = [np.asarray(self.ds[name].values).astype(str) for name in self._sources]
        texts = zip(*(column.tolist() for column in columns), strict=True)
        return np.array([", ".join(each) for each in texts] or [""] * self.done.size, dtype=str)

    @cached_property
    def compared(self) -> NDArray[np.bool_]:
        """Whether each candidate is done and assumes the same costs of circuits, (candidate,).

        An energy by another source of ADC costs is another estimate of the same circuit, not
        another choice: rankings, Pareto sets and probabilities are of candidates that share
        all assumptions; see `assumed`.
        """
        alike = self.done.copy()
        for name, value in self.assumed.items():
            alike &= np.asarray(self.ds[name].values).astype(str) == value
        return alike

    @cached_property
    def given(self) -> NDArray[np.int64]:
        """Number of realisations that each candidate was given, (candidate,)."""
        return given(self.ds)

    @cached_property
    def merit(self) -> str:
        """Name of the metric that ranks the study."""
        return merit(self.ds)

    @cached_property
    def references(self) -> dict[str, float]:
        """Values that an ideal machine reaches, by metric, in the metric's unit."""
        return references(self.ds)

    @cached_property
    def chances(self) -> dict[str, float]:
        """Values that guessing reaches, by metric, in the metric's unit."""
        return chances(self.ds)

    @cached_property
    def courses(self) -> dict[str, str]:
        """Metrics that run along their own coordinate, each with that dimension."""
        dimensions = {
            str(name): course(self.ds, values) for name, values in self.ds.data_vars.items()
        }
        return {name: dim for name, dim in dimensions.items() if dim is not None}

    @cached_property
    def responses(self) -> dict[tuple[str, int], Response]:
        """Regressions made so far, by metric and row; see `drawn.response_of`."""
        return {}

    @cached_property
    def parameters(self) -> list[str]:
        """Swept parameters along `candidate`, without the material."""
        return parameters(self.ds)

    @cached_property
    def varied(self) -> list[str]:
        """Swept parameters, without the material, that differ between candidates."""
        return [name for name in self.parameters if _differs(self.ds[name].values)]

    @cached_property
    def conditions(self) -> list[str]:
        """Parameters of the study that are treatments of the network, whether they differ or not.

        See `attributes.conditions`.
        """
        return conditions(self.ds)

    @cached_property
    def short(self) -> dict[str, str]:
        """Shortest unambiguous ending of the name of each parameter in `varied`."""
        return short_names(self.varied, taken=map(str, self.summary.data_vars))

    @cached_property
    def spoken(self) -> dict[str, str]:
        """Name of each parameter in `varied` for sentences; see `attributes.spoken`."""
        return spoken(self.short)

    @cached_property
    def has_materials(self) -> bool:
        """Whether each candidate has a material."""
        return "material" in self.ds.coords and self.ds["material"].dims == ("candidate",)

    @cached_property
    def materials(self) -> NDArray[Any]:
        """Material of each candidate, (candidate,) array of str; `NO_MATERIAL` without one."""
        if not self.has_materials:
            return np.full(self.ds.sizes["candidate"], NO_MATERIAL, dtype=object)
        return np.asarray(self.ds["material"].values).astype(str).astype(object)

    @cached_property
    def all_materials(self) -> set[str]:
        """Materials of the whole study, of which the results may be a part."""
        swept = map(str, axes(self.ds).get("material") or ())
        return {*swept, *sources(self.ds)["materials"], *self.materials.tolist()}

    def label(self, material: str) -> str:
        """Readable name of a material.

        Parameters
        ----------
        material : str

        Returns
        -------
        str
        """
        return material_label(self.ds, material)

    def brief(self, material: str) -> str:
        """Short printed name of a material; its label where none is stored.

        Parameters
        ----------
        material : str

        Returns
        -------
        str
        """
        return short_label(self.ds, material)

    def present(self, mask: NDArray[np.bool_]) -> list[str]:
        """Materials of the marked candidates, in alphabetic order.

        Parameters
        ----------
        mask : (candidate,) array of bool

        Returns
        -------
        list of str
        """
        return sorted(set(self.materials[mask].tolist())) if self.has_materials else []

    def count(self, state: str) -> int:
        """Count the candidates in a state.

        Parameters
        ----------
        state : {"pending", "done", "failed"}

        Returns
        -------
        int
        """
        return int(np.count_nonzero(self.states == state))

    def column(self, name: str) -> NDArray[np.float64]:
        """Values of a metric or parameter; NaN if the results do not hold it.

        Parameters
        ----------
        name : str

        Returns
        -------
        (candidate,) array
            In the unit of the metric.
        """
        if name not in self.summary.variables:
            return np.full(self.ds.sizes["candidate"], np.nan)
        return np.asarray(self.summary[name].values, dtype=np.float64)

    def realised(self, name: str) -> NDArray[np.float64]:
        """Values of a metric for each realisation; see `summary.realised`.

        Parameters
        ----------
        name : str

        Returns
        -------
        (candidate, realisation) array
            In the unit of the metric.
        """
        return realised(self.ds, name, self.time)

    def unit(self, name: str) -> str:
        """SI unit of a metric or parameter; "1" without one.

        Parameters
        ----------
        name : str

        Returns
        -------
        str
        """
        return str(self.summary[name].attrs.get("units", "1"))

    def title(self, name: str) -> str:
        """Title of a metric or swept parameter in words; where there are none, its name.

        The merit is named often, and its name is clear enough.

        Parameters
        ----------
        name : str

        Returns
        -------
        str
        """
        plain = name.replace("_", " ")
        stored = self.ds[name].attrs.get("long_name") if name in self.ds.variables else None
        if name in AXES and name in self.ds.coords:
            return AXES[name].label
        return plain if name == self.merit or not stored else str(stored).strip()

    def reference(self, name: str) -> float | None:
        """Value that an ideal machine reaches in a metric; for a course of the merit, the merit's.

        Parameters
        ----------
        name : str

        Returns
        -------
        float or None
            In the unit of the metric; None: unknown.
        """
        if name not in self.references and self._of_merit(name):
            name = self.merit
        return self.references.get(name)

    def is_share(self, name: str) -> bool:
        """Whether a metric is a share of successes, which people read in percent.

        That is the merit (its spread, percentile and course too), where it has no unit, is better
        the higher, and lies between 0 and 1; and a criterion on it (`robust`).

        Parameters
        ----------
        name : str

        Returns
        -------
        bool
        """
        if name in self.summary and (judged := self.summary[name].attrs.get("criterion_on")):
            return self.is_share(str(judged))
        base = _base(name)
        if not self._of_merit(base):
            return False
        known = base if base in self.summary else name
        if known not in self.summary:
            return False
        attrs, values = self.summary[known].attrs, self.column(known)
        if normal_unit(str(attrs.get("units", "1"))) != "1" or attrs.get("better") == "lower":
            return False
        values = values[np.isfinite(values)]
        return bool(np.all((values >= 0) & (values <= 1)))

    def rows(self, index: Iterable[int] | Index) -> View:
        """Select candidates.

        Parameters
        ----------
        index : (n,) array of int
            Positions.

        Returns
        -------
        View
        """
        chosen = np.asarray(index, dtype=np.intp)
        part = View(self.ds.isel(candidate=chosen), self.time, self.mixed)
        if "summary" in self.__dict__:  # every row of it is that of one candidate
            part.__dict__["summary"] = self.summary.isel(candidate=chosen)
        return part

    def assign(self, **columns: xr.DataArray) -> View:
        """Add scalars along `candidate`, or replace them.

        Parameters
        ----------
        **columns : (candidate,) DataArray

        Returns
        -------
        View
        """
        more = View(self.ds.assign(columns), self.time, self.mixed)
        more.__dict__["summary"] = self.summary.assign(columns)
        return more

    def _of_merit(self, name: str) -> bool:
        return name == self.merit or name.endswith(f"_{self.merit}")


def is_assumption(name: str) -> bool:
    """Whether a parameter is an assumption about costs: a source of the costs of circuits.

    Parameters
    ----------
    name : str
        Dotted.

    Returns
    -------
    bool
    """
    return name.startswith("periphery.") and name.endswith("_source")


def _base(name: str) -> str:
    return name.removesuffix("_std").removesuffix("_p05")


def _differs(values: NDArray[Any]) -> bool:
    return bool(values.size) and bool(np.any(values != values[0]))
