"""Plans: the candidates of a composed configuration and its axes, all checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from omegaconf import DictConfig, OmegaConf

from matsweep.core.checks import UserError, finite, truth, whole
from matsweep.core.codec import build
from matsweep.core.plausible import Question, preferred, refuse
from matsweep.core.printing import shown
from matsweep.core.streams import FloatArray
from matsweep.core.units import value_in_unit
from matsweep.materials import Material
from matsweep.metrics import check_costs
from matsweep.planning.assembly import DERIVING, Assembly
from matsweep.planning.axes import Axis, Values, fixed_overrides, in_unit, parse_axes
from matsweep.planning.bases import SECTIONS, Base, Bases, at_point
from matsweep.planning.bounds import Bounds, check_candidates
from matsweep.planning.config import compose_with_choices, groups, plain_config
from matsweep.planning.constraints import PointConstraint, UnitOf, parse_constraint
from matsweep.planning.designs import Design, Drawn, Point
from matsweep.planning.designs.points import GridPoints
from matsweep.planning.environment import check_axis as check_references
from matsweep.planning.feasible import Feasibility
from matsweep.planning.kinds import is_kind
from matsweep.planning.plausibility import questions
from matsweep.planning.quantities import parameter_unit, parameter_worse, resolve_quantities
from matsweep.planning.sizes import Sizes
from matsweep.planning.swept import ChoiceError, check_axis
from matsweep.planning.unknowns import Unknowns
from matsweep.scenario import Scenario
from matsweep.workloads import Groundwork, Workload

_PARTS = (
    *SECTIONS, "material", "references", "times", "realisations", "seed", "axes", "constraints",
    "design", "racing", "metrics", "executor", "study", "store", "extend", "log", "retry_failed",
    "plausible", "unknowns", "prior", "limits",
)  # fmt: skip


class Dimension(NamedTuple):
    """A dimension that a workload brings: its values (n,), and their long name."""

    values: npt.NDArray[Any]
    long_name: str


def joined_names(
    known: npt.NDArray[np.generic], more: npt.NDArray[np.generic]
) -> npt.NDArray[np.generic]:
    """Append the names that are new to the names along a dimension.

    Parameters
    ----------
    known : (n,) array of str
    more : (m,) array of str

    Returns
    -------
    array of str
        `known` first.
    """
    return np.array(list(dict.fromkeys([*known.tolist(), *more.tolist()])))


class Laid(NamedTuple):
    """Groundwork with its result.

    Parameters
    ----------
    groundwork : Groundwork
    result : bytes
    error : str
        Why there is no result; empty if there is one.
    """

    groundwork: Groundwork
    result: bytes
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One point of a design.

    Parameters
    ----------
    position : int
        In the store.
    identity : str
        32 hexadecimal digits.
    scenario : Scenario
    first : int
        Realisations that were simulated before.
    known : mapping of str to array, or None
        Metrics of those realisations.
    laid : Laid or None
        Groundwork that it needs; None: none.
    """

    position: int
    identity: str
    scenario: Scenario
    first: int = 0
    known: Mapping[str, FloatArray] | None = None
    laid: Laid | None = None


@dataclass(slots=True, kw_only=True)
class Plan:
    """All candidates of a study.

    Parameters
    ----------
    config : DictConfig
        As composed without the axes.
    axes : tuple of Axis
    design : Design
    points : sequence of tuple
        One value per axis, for each candidate; those of a grid are made when they are asked for.
    times : tuple of float, s
    realisations, seed : int
    identities : list of str
        One per candidate.
    units : dict of str to str
        Units of the axes that have one, by name.
    facts : dict
        Record of the design for the store, JSON.
    notes : list of str
        Remarks for the user before the run, one line each.
    """

    config: DictConfig
    axes: tuple[Axis, ...]
    design: Design
    points: Sequence[Point]
    times: tuple[float, ...]
    realisations: int
    seed: int
    identities: list[str] = field(default_factory=list)
    units: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _assembly: Assembly
    _feasibility: Feasibility
    _sizes: Sizes
    _kept: dict[str, tuple[int, list[Any]]] = field(default_factory=dict, init=False)

    def __len__(self) -> int:
        """Return the number of candidates."""
        return len(self.points)

    @property
    def names(self) -> list[str]:
        """The axes' names."""
        return [axis.name for axis in self.axes]

    @property
    def materials(self) -> dict[str, Material]:
        """The material families among the candidates, by name."""
        return {base.material.name: base.material for base in self.bases}

    @property
    def workloads(self) -> list[Workload]:
        """The distinct workloads of the candidates; the configured one before a search asks."""
        if not self.points:
            return [build(Workload, plain_config(self.config)["workload"], "workload")]
        return self._of_workloads("workloads")

    @property
    def grounded(self) -> bool:
        """Whether candidates need groundwork."""
        return bool(self.points and self._of_workloads("grounded"))

    def _of_workloads(self, name: str) -> list[Any]:
        """Return the distinct workloads, or the groundwork of one candidate of each."""
        size, _ = self._kept.get(name, (-1, []))
        if size != len(self.points):  # none is added without its own, as `add` checks each
            workloads, grounded = {}, {}
            for point in self._distinct("workload"):
                scenario = self.scenario(point)
                workload = scenario.workload
                workloads[workload.key, workload.measures] = workload
                if (work := self.groundwork(scenario)) is not None:
                    grounded[work.key] = work
            self._kept["workloads"] = len(self.points), list(workloads.values())
            self._kept["grounded"] = len(self.points), list(grounded.values())
        return self._kept[name][1]

    def groundwork(self, scenario: Scenario) -> Groundwork | None:
        """Return the groundwork of a candidate.

        Parameters
        ----------
        scenario : Scenario
            From `scenario`.

        Returns
        -------
        Groundwork or None
        """
        return self._assembly.groundwork(scenario)

    @property
    def preparations(self) -> list[str]:
        """How the workloads change their data before networks see them, each way once."""
        return list(dict.fromkeys(each.preparation for each in self.workloads if each.preparation))

    @property
    def merit(self) -> str:
        """The metric that ranks the candidates.

        Raises
        ------
        UserError
            If the candidates' workloads are ranked by different metrics.
        """
        merits = dict.fromkeys((workload.kind, workload.merit) for workload in self.workloads)
        if len({merit for _, merit in merits}) > 1:
            ranked = ", ".join(f"{kind} by {merit}" for kind, merit in merits)
            raise UserError(
                f"workload: its values are ranked by different metrics ({ranked}): give each a "
                "separate study"
            )
        return next(iter(merits))[1]

    @property
    def worse(self) -> dict[str, str]:
        """Values of an axis that are never better for the merit, by its name, where that is known.

        As `matsweep.core.direction` has them, and only where all workloads and choices agree.
        """
        harmed = [each.harmed_by for each in self.workloads]
        known = {}
        for axis in self.axes:
            stated = {
                parameter_worse(axis.name, base.plain, each)
                for base in self.bases
                for each in harmed
            }
            if len(stated) == 1 and (direction := stated.pop()) is not None:
                known[axis.name] = direction
        return known

    @property
    def dimensions(self) -> dict[str, Dimension]:
        """Dimensions that the workloads bring, by name: the longest of any workload, or all names.

        Raises
        ------
        UserError
            If two workloads give the same dimension values that do not continue each other.
        """
        longest: dict[str, Dimension] = {}
        for workload in self.workloads:
            for name, values in workload.coordinates.items():
                new = Dimension(np.asarray(values), workload.dimensions.get(name, name))
                known = longest.setdefault(name, new)
                if known.values.dtype.kind == new.values.dtype.kind == "U":
                    longest[name] = known._replace(values=joined_names(known.values, new.values))
                    continue
                shared = min(len(known.values), len(new.values))
                if not np.array_equal(known.values[:shared], new.values[:shared]):
                    raise UserError(
                        f"workload: its values differ in {name}: give each a separate study"
                    )
                if len(new.values) > len(known.values):
                    longest[name] = new
        return longest

    @property
    def bases(self) -> list[Base]:
        """The composed configurations, one for each combination of group choices."""
        return self._assembly.bases.known()

    @property
    def group_axes(self) -> tuple[int, ...]:
        """Axes that are choices of a group, or kinds of a part."""
        return self._assembly.bases.groups

    @property
    def foreign(self) -> frozenset[type]:
        """Classes of the candidates' parts that are not matsweep's own."""
        return self._assembly.foreign

    @property
    def draws(self) -> bool:
        """Whether unknown parameters of candidates are drawn, and so are stored."""
        return bool(self.config.unknowns == "prior")

    @property
    def unknowns(self) -> Unknowns:
        """Unknown parameters of the candidates, with their priors."""
        return self._assembly.unknowns

    @property
    def factorial(self) -> list[tuple[object, ...]] | None:
        """Values of each axis if the candidates are all their combinations, else None."""
        values = self.design.factorial(self.axes)
        return None if self.facts.get("dropped") else values

    def candidate(self, position: int) -> Candidate:
        """Return the candidate at a position of the design.

        Parameters
        ----------
        position : int

        Returns
        -------
        Candidate
        """
        return Candidate(
            position=position,
            identity=self.identities[position],
            scenario=self.scenario(self.points[position]),
        )

    def add(self, points: Sequence[Point], where: Callable[[int], str] | None = None) -> None:
        """Add points; call it inside `composer`.

        Parameters
        ----------
        points : sequence of tuple
            The first are kept as they are, unlisted.
        where : callable or None
            Place in the user's file of a point, by its index among them.

        Raises
        ------
        UserError
            For the first invalid point; then none is added.
        """
        identities = []
        for position, point in enumerate(points):
            try:
                identities.append(self.identity(point))
            except UserError as error:
                place = where(position) if where is not None else ""
                raise UserError(f"{place}: {error}" if place else str(error)) from None
        if isinstance(self.points, list) and (self.points or isinstance(points, list)):
            self.points.extend(points)
        else:
            self.points = [*self.points, *points] if self.points else points
        self.identities.extend(identities)

    def base(self, point: Point) -> Base:
        """Return the composed configuration that a point starts from.

        Parameters
        ----------
        point : tuple
            One value per axis.

        Returns
        -------
        Base
        """
        return self._assembly.bases.of(point)

    def violated(self, point: Point) -> str | None:
        """Return the first constraint that a point violates.

        Parameters
        ----------
        point : tuple
            One value per axis.

        Returns
        -------
        str or None
            As the user wrote it; None: the point meets all.
        """
        return self._feasibility.violated(point)

    def feasible(self, point: Point) -> bool:
        """Return whether a point meets all constraints of the study.

        Parameters
        ----------
        point : tuple
            One value per axis.

        Returns
        -------
        bool
        """
        return self._feasibility.violated(point) is None

    def scenario(self, point: Point) -> Scenario:
        """Build the frozen objects of a point, checked but for the constraints.

        Parameters
        ----------
        point : tuple
            One value per axis.

        Returns
        -------
        Scenario

        Raises
        ------
        UserError
            If a value is out of its range; the message names the point.
        """
        try:
            scenario = self._assembly.scenario(point)
            check_costs(scenario)
            self._sizes.check_candidate(scenario)
            return scenario
        except UserError as error:
            raise at_point(error, self.axes, point) from None

    def identity(self, point: Point) -> str:
        """Return the identity of a point, checked as by `scenario`.

        Parameters
        ----------
        point : tuple
            One value per axis.

        Returns
        -------
        str
            32 hexadecimal digits.
        """
        return self._assembly.identity(self.scenario(point))

    def coordinates(self) -> dict[str, npt.NDArray[Any]]:
        """Return the values of each axis, and the materials' names.

        Returns
        -------
        dict of str to (candidate,) array
        """
        columns = {axis.name: self._column(index) for index, axis in enumerate(self.axes)}
        if "material" not in columns:
            names = {base.material.name for base in self.bases}
            if len(names) == 1:
                columns["material"] = np.full(len(self.points), names.pop())
            else:
                columns["material"] = column([self.base(p).material.name for p in self.points])
        return columns

    def _column(self, index: int) -> npt.NDArray[Any]:
        """Values of one axis, (candidate,)."""
        if isinstance(self.points, GridPoints):
            which, distinct = self.points.values(index)
            return column(distinct)[which]
        return column([point[index] for point in self.points])

    def _distinct(self, section: str) -> list[Point]:
        """Return a point for each combination of the values that decide a section."""
        deciding = {
            index for index, axis in enumerate(self.axes) if axis.name.split(".")[0] == section
        }
        deciding.update(self._assembly.bases.groups)
        deciding.update(index for base in self.bases for index in base.linked)
        chosen = sorted(deciding)
        if isinstance(self.points, GridPoints):
            return self.points.distinct(chosen)
        return list({repr([point[i] for i in chosen]): point for point in self.points}.values())


def plan(overrides: Sequence[str], *, config_name: str = "explore") -> Plan:
    """Plan a study: compose, read the axes, draw the design, check every candidate.

    Call it inside `composer`.

    Parameters
    ----------
    overrides : sequence of str
        As on Hydra's command line; sweeps become axes.
    config_name : str
        Primary configuration; a user's own has `explore` among its defaults.

    Returns
    -------
    Plan

    Raises
    ------
    UserError
        For the first invalid entry, before anything is computed.
    """
    fixed = fixed_overrides(overrides)
    start = _composed(overrides, fixed, config_name)
    config, _ = start
    _check_whole(config)
    resolve_quantities(config)
    configured = _written_axes(config.axes)
    plain = plain_config(config)
    bounds = build(Bounds, plain["limits"], "limits")
    axes = parse_axes(configured, overrides, bounds.candidates)
    design: Design = build(Design, plain["design"], "design")
    axes = design.axes(axes)
    known = groups()
    group_axes = tuple(
        index for index, axis in enumerate(axes) if axis.name in known or is_kind(axis.name)
    )
    swept = [axes[index].name for index in group_axes]
    for index, axis in enumerate(axes):
        try:
            check_references(axis.name, axis.values if isinstance(axis, Values) else ())
            check_axis(axis, known, plain, swept)
            _check_column(axis, fixed, design)
        except UserError as error:
            raise _placed(error, design, axes, index) from None
    opened = [*swept, *(("device", *DERIVING) if "material" in swept else ())]
    units = [
        None if index in group_axes else parameter_unit(axis.name, plain, opened)
        for index, axis in enumerate(axes)
    ]
    axes = tuple(_in_unit(design, axes, index, units[index], bounds) for index in range(len(axes)))
    rows = _counted(design, axes, bounds)
    times = _times(plain["times"])
    realisations = whole("realisations", plain["realisations"], low=1)
    sizes = Sizes(
        bounds=bounds,
        realisations=realisations,
        times=len(times),
        metrics=_named(plain["metrics"]),
        draws=plain["unknowns"] == "prior",
    )
    _check_results(sizes, plain, 1)
    bases = Bases(
        axes=axes,
        groups=group_axes,
        fixed=fixed,
        name=config_name,
        start=start,
        resolve=resolve_quantities,
    )
    stated = Unknowns.of([axis.name for axis in axes], fixed, start[1].get("experiment"))
    assembly = Assembly(bases=bases, times=times, unknowns=stated)
    limits = _constraints(plain["constraints"], lambda name: parameter_unit(name, plain, opened))
    feasibility = Feasibility(constraints=limits, assembly=assembly)
    drawn = design.draw(axes, (lambda p: feasibility.violated(p) is None) if limits else None)
    if drawn.dropped and not drawn.points:
        raise UserError(
            f"constraints: none of the {drawn.dropped:,} points of the design meet them"
        )
    _check_results(sizes, plain, len(drawn.points) or rows)
    study = Plan(
        config=config,
        axes=axes,
        design=design,
        points=[],
        times=times,
        realisations=realisations,
        seed=whole("seed", plain["seed"], low=0),
        units={axis.name: unit for axis, unit in zip(axes, units, strict=True) if unit},
        facts=_facts(design, axes, drawn, limits),
        notes=_notes(design, drawn),
        _assembly=assembly,
        _feasibility=feasibility,
        _sizes=sizes,
    )
    strict = truth("plausible", plain["plausible"])
    try:
        study.add(drawn.points, lambda position: design.where(drawn.first[position]))
        if study.points:
            feasibility.check_names()
        sizes.check_results(len(study) or rows)
    except UserError as error:
        raise preferred(error, _questions(study, plain) if strict else []) from None
    found = _questions(study, plain)
    if strict:
        refuse(found)
    study.notes += [f"implausible: {each.line}" for each in found]
    study.notes += stated.notes(len(times))
    return study


def _composed(
    overrides: Sequence[str], fixed: Sequence[str], name: str
) -> tuple[DictConfig, dict[str, str]]:
    """Compose what is not swept.

    With the first choices of swept groups, where an override needs what only they bring, such as
    workload.top.
    """
    try:
        return compose_with_choices(fixed, name)
    except UserError as error:
        known = groups()
        swept = [axis for axis in parse_axes({}, overrides) if axis.name in known]
        firsts = [f"{axis.name}={axis.values[0]}" for axis in swept if isinstance(axis, Values)]
        try:
            return compose_with_choices([*firsts, *fixed], name)
        except UserError:
            raise error from None


def _questions(study: Plan, plain: dict[str, Any]) -> list[Question]:
    """Questions about implausible values of a study.

    A search has no candidates yet: each choice of its groups is composed once.

    Parameters
    ----------
    study : Plan
    plain : dict
        The configuration without the axes.

    Returns
    -------
    list of Question
    """
    if not study.points:
        for index in study.group_axes:
            for value in study.axes[index].listed(1):
                point = tuple(axis.at(0.0) for axis in study.axes)
                with suppress(UserError):  # a search leaves out what cannot be composed
                    study.base((*point[:index], value, *point[index + 1 :]))
    return questions([base.plain for base in study.bases] or [plain], study.axes)


def _check_whole(config: DictConfig) -> None:
    """Refuse a configuration that lacks a part, as after `~adc` or with another's name."""
    for name in _PARTS:
        if name not in config:
            raise UserError(
                f"{name} is missing from the configuration: a study needs it (no ~{name})"
            )


def _written_axes(axes: object) -> dict[str, Any]:
    """Return the node `axes`, unresolved."""
    if axes is not None and not OmegaConf.is_dict(axes):
        raise UserError(f"axes must be a mapping, {{NAME: VALUES}}, got {shown(axes)}")
    return {} if axes is None else plain_config(axes, resolve=False)


def _check_column(axis: Axis, fixed: Sequence[str], design: Design) -> None:
    """Refuse a parameter that is a table's column and also set by an override."""
    for override in fixed:
        if design.source and override.lstrip("+").partition("=")[0] == axis.name:
            raise UserError(f"{axis.name} is a column, and set to {override}: leave one out")


def _placed(error: UserError, design: Design, axes: Sequence[Axis], index: int) -> UserError:
    """Add to an error of an axis its place in the table."""
    if not design.source:
        return error
    if not isinstance(error, ChoiceError):
        return UserError(f"{design.source}: {error}")
    points = enumerate(design.points(axes))
    row = next(row for row, point in points if point[index] == error.value)
    return UserError(f"{design.where(row)}: {error}")


def _counted(design: Design, axes: Sequence[Axis], bounds: Bounds) -> int:
    """Count the rows of a design, and refuse none or too many."""
    rows = design.size(axes)
    if rows < 1:
        raise UserError("the design is empty: give its axes values")
    check_candidates(rows, bounds.candidates, design.lengths(axes))
    return rows


def _check_results(sizes: Sizes, plain: Mapping[str, Any], candidates: int) -> None:
    """Compare the results of the configured workload; axes may make a valid one of an invalid."""
    try:
        workload: Workload = build(Workload, plain["workload"], "workload")
    except UserError:
        return
    sizes.check_results(candidates, [workload])


def _named(metrics: object) -> Sequence[str] | None:
    """Names of the wanted metrics, as far as they can be read here; None: all."""
    if isinstance(metrics, str):
        return [metrics]
    return [str(name) for name in metrics] if isinstance(metrics, (list, tuple)) else None


def _in_unit(
    design: Design, axes: Sequence[Axis], index: int, unit: str | None, bounds: Bounds
) -> Axis:
    """Convert an axis's quantities to numbers; a misfit is reported where it was written."""
    axis = axes[index]
    for value in axis.values if isinstance(axis, Values) and not axis.written else ():
        try:
            value_in_unit(value, unit, axis.name)
        except UserError as error:
            raise _placed(ChoiceError(str(error), value), design, axes, index) from None
    return in_unit(axis, unit, bounds.candidates)


def _constraints(written: object, unit_of: UnitOf) -> list[PointConstraint]:
    if written is None:
        return []
    texts = written if isinstance(written, list) else [written]
    return [parse_constraint(text, unit_of) for text in texts]


def _facts(
    design: Design, axes: Sequence[Axis], drawn: Drawn, limits: Sequence[PointConstraint]
) -> dict[str, Any]:
    facts = design.facts(axes, drawn)
    if "constraints" in facts:  # a search's, on metrics rather than parameters
        facts["metric_constraints"] = facts["constraints"]
    return {**facts, "constraints": [each.text for each in limits]}


def _notes(design: Design, drawn: Drawn) -> list[str]:
    """Remarks on the design: dropped and repeated rows, balance."""
    notes = []
    if drawn.dropped:
        notes.append(
            f"{drawn.dropped:,} of {drawn.rows + drawn.dropped:,} points violate a constraint and "
            f"are left out: {len(drawn.points):,} candidates"
        )
    if drawn.repeated:
        notes.append(
            f"{len(drawn.repeated):,} of {drawn.rows:,} points repeat others: "
            f"{len(drawn.points):,} candidates"
        )
    return [*notes, *filter(None, [design.advice()])]


def _times(value: object) -> tuple[float, ...]:
    times = value if isinstance(value, (list, tuple)) else [value]
    return tuple(finite("times", value_in_unit(time, "s", "times"), "s") for time in times)


def column(values: Sequence[object]) -> npt.NDArray[Any]:
    """Convert the values of one axis to an array of one type.

    Parameters
    ----------
    values : sequence of object
        (candidate,).

    Returns
    -------
    (candidate,) array
        bool, int64 or float64 if all values are, else text ("null" for None).
    """
    kinds = set(map(type, values))
    if kinds == {bool}:
        return np.array(values, dtype=bool)
    if all(issubclass(kind, int) and kind is not bool for kind in kinds):
        return np.array(values, dtype=np.int64)
    if all(issubclass(kind, (int, float)) and kind is not bool for kind in kinds):
        return np.array(values, dtype=np.float64)
    return np.array(["null" if v is None else str(v) for v in values])
