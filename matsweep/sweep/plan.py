"""Plans: a composed configuration and its axes as candidates, all of them checked."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args, get_type_hints

import numpy as np
import numpy.typing as npt
from omegaconf import DictConfig, OmegaConf

from matsweep.build import build
from matsweep.checks import UserError, finite, near, whole
from matsweep.materials import Material
from matsweep.metrics import check_costs
from matsweep.scenario import Scenario
from matsweep.sweep.axes import Axis, parse_axes
from matsweep.sweep.config import (
    compose,
    groups,
    leaves,
    material_of,
    options,
    plain_config,
    set_path,
)
from matsweep.sweep.design import Design
from matsweep.workloads import InSitu

SECTIONS = (
    "device", "tile", "wires", "dac", "adc", "periphery", "workload", "physics", "protocol",
)  # fmt: skip
"""The parts of a configuration that make a candidate, besides its material and the times."""

DERIVING = ("physics", "protocol")
"""Those that count only where the device's source is derived."""

STUDY = ("study", "store", "seed", "realisations", "times", "design", "executor", "axes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The configuration of one combination of group choices, before numbers are replaced."""

    config: DictConfig
    plain: dict[str, Any]
    material: Material
    interpolated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One point of a design.

    Parameters
    ----------
    position : int
        In the design.
    identity : str
        32 hexadecimal digits.
    scenario : Scenario
    """

    position: int
    identity: str
    scenario: Scenario


@dataclass(slots=True, kw_only=True)
class Plan:
    """All candidates of a study.

    Parameters
    ----------
    config : DictConfig
        As composed without the axes.
    axes : tuple of Axis
    design : Design
    points : list of tuple
        One value for each axis, for each candidate.
    identities : list of str
        One for each candidate.
    """

    config: DictConfig
    axes: tuple[Axis, ...]
    design: Design
    points: list[tuple[object, ...]]
    times: tuple[float, ...]
    realisations: int
    seed: int
    _bases: dict[tuple[object, ...], Base]
    _group_axes: tuple[int, ...]
    identities: list[str] = field(default_factory=list)
    _parts: dict[Any, Any] = field(default_factory=dict)
    _epochs: int | None = None

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
        return {base.material.name: base.material for base in self._bases.values()}

    @property
    def epochs(self) -> int:
        """Most epochs that a candidate learns for on its devices; 0 if none does."""
        if self._epochs is None:
            found = (self.scenario(point).workload for point in self.points)
            self._epochs = max((w.epochs for w in found if isinstance(w, InSitu)), default=0)
        return self._epochs

    @property
    def bases(self) -> list[Base]:
        """The composed configurations, one for each combination of group choices."""
        return list(self._bases.values())

    def candidate(self, position: int) -> Candidate:
        """Return the candidate at a position of the design."""
        return Candidate(
            position=position,
            identity=self.identities[position],
            scenario=self.scenario(self.points[position]),
        )

    def base(self, point: tuple[object, ...]) -> Base:
        """Return the composed configuration that a point starts from."""
        return self._bases[tuple(point[index] for index in self._group_axes)]

    def scenario(self, point: tuple[object, ...]) -> Scenario:
        """Return the frozen objects of a point.

        Raises
        ------
        UserError
            If a value is out of its range; the message names the point.
        """
        base = self.base(point)
        changes = {
            axis.name: value
            for index, (axis, value) in enumerate(zip(self.axes, point, strict=True))
            if index not in self._group_axes
        }
        try:
            make = self._from_scratch if base.interpolated else self._from_parts
            made = make(base, changes)
            check_costs(made)
            return made
        except UserError as error:
            swept = ", ".join(
                f"{axis.name}={value}" for axis, value in zip(self.axes, point, strict=True)
            )
            raise UserError(f"{error}{f' ({swept})' if swept else ''}") from None

    def _from_parts(self, base: Base, changes: Mapping[str, object]) -> Scenario:
        """Rebuild only the parts that an axis touches; those seen before are kept."""
        parts: dict[str, Any] = {}
        for section in self._sections(base.plain, changes):
            own = tuple((k, v) for k, v in changes.items() if k.split(".")[0] == section)
            key = (id(base), section, repr(own))
            if key not in self._parts:
                if len(self._parts) > 10_000:
                    self._parts.clear()
                plain = _copy(base.plain[section]) if own else base.plain[section]
                for path, value in own:
                    _set(plain, path, value, section)
                self._parts[key] = build(_hint(section), plain, section)
            parts[section] = self._parts[key]
        return Scenario(material=base.material.name, times=self.times, **parts)

    def _sections(self, plain: Mapping[str, Any], changes: Mapping[str, object]) -> list[str]:
        """Return the sections that a candidate is made of; refuse an axis that changes nothing."""
        if changes.get("device.source", plain["device"]["source"]) == "derived":
            none = plain["physics"] is None
            return [name for name in SECTIONS if not (none and name in DERIVING)]
        for axis in self.axes:
            section = axis.name.partition(".")[0]
            if section in DERIVING and "device.source" not in self.names:
                raise UserError(
                    f"{axis.name} changes nothing while device.source is "
                    f"{plain['device']['source']}: give device.source=derived"
                )
        return [name for name in SECTIONS if name not in DERIVING]

    def _from_scratch(self, base: Base, changes: Mapping[str, object]) -> Scenario:
        """Resolve the whole configuration anew: values in it refer to each other."""
        config = OmegaConf.merge(base.config)
        for path, value in changes.items():
            OmegaConf.update(config, path, value, merge=False)
        plain = plain_config(config)
        chosen = {section: plain[section] for section in self._sections(plain, {})}
        return Scenario.from_config({"material": base.material.name, "times": self.times, **chosen})

    def coordinates(self) -> dict[str, npt.NDArray[Any]]:
        """Return each axis's value for each candidate, and the material's name: (candidate,)."""
        found = {
            axis.name: column([point[index] for point in self.points])
            for index, axis in enumerate(self.axes)
        }
        if "material" not in found:
            found["material"] = column([self.base(p).material.name for p in self.points])
        return found


def plan(overrides: Sequence[str]) -> Plan:
    """Plan a study: compose, read the axes, check every candidate.

    Call it inside `composer`.

    Parameters
    ----------
    overrides : sequence of str
        As on Hydra's command line; sweeps become axes.

    Raises
    ------
    UserError
        For the first thing that cannot be; nothing has been computed then.
    """
    _, fixed = parse_axes({}, overrides)
    config = compose(fixed)
    configured = {} if config.axes is None else plain_config(config.axes, resolve=False)
    axes, _ = parse_axes(configured, overrides)
    known = groups()
    plain = plain_config(config)
    swept = [axis.name for axis in axes if axis.name in known]
    for axis in axes:
        _check_axis(axis, known, plain, swept)
    design = build(Design, plain["design"], "design")
    size = design.size(axes)
    if size < 1:
        raise UserError("the design is empty: give its axes values")
    group_axes = tuple(index for index, axis in enumerate(axes) if axis.name in known)
    study = Plan(
        config=config,
        axes=axes,
        design=design,
        points=list(design.points(axes)),
        times=_times(plain["times"]),
        realisations=whole("realisations", plain["realisations"], low=1),
        seed=whole("seed", plain["seed"], low=0),
        _bases={},
        _group_axes=group_axes,
    )
    for point in study.points:
        choices = tuple(point[index] for index in group_axes)
        if choices not in study._bases:
            chosen = [
                f"{axes[i].name}={choice}" for i, choice in zip(group_axes, choices, strict=True)
            ]
            study._bases[choices] = _base(compose([*fixed, *chosen]) if chosen else config)
    study.identities.extend(study.scenario(point).identity for point in study.points)
    return study


def _base(config: DictConfig) -> Base:
    parts = OmegaConf.masked_copy(config, list(SECTIONS))
    raw = OmegaConf.to_yaml(parts, resolve=False)
    return Base(
        config=config,
        plain=plain_config(OmegaConf.create(plain_config(config))),
        material=material_of(config),
        interpolated="${" in raw,
    )


def _set(plain: dict[str, Any], path: str, value: object, section: str) -> None:
    """Set a value of a section; where what it has depends on its kind, say so."""
    name = path.partition(".")[2]
    kind = plain.get("kind")
    if kind is not None and name.split(".")[0] not in plain:
        there = [key for key in plain if key != "kind"]
        raise UserError(
            f"{path} is not a parameter of {section}={kind}, which has "
            f"{', '.join(there) or 'none'}{near(name, there)}: choose another {section}=…, and "
            f"leave {section}={kind} for a study of its own"
        )
    set_path(plain, name, value, section)


def _check_axis(
    axis: Axis, known_groups: Sequence[str], plain: dict[str, Any], swept: Sequence[str]
) -> None:
    section = axis.name.split(".")[0]
    if axis.name in known_groups:
        if axis.name in ("design", "executor", "experiment", "references"):
            raise UserError(f"{axis.name} belongs to the study and cannot be swept")
        listed = options(axis.name)
        for value in axis.listed(2):
            if value not in listed:
                raise UserError(
                    f"{axis.name}={value}: no such {axis.name}{near(value, listed)} "
                    f"(there are {', '.join(listed)})"
                )
        return
    if section in STUDY:
        raise UserError(f"{axis.name} belongs to the study and cannot be swept")
    candidates = {name: plain[name] for name in SECTIONS}
    if section not in SECTIONS or "." not in axis.name:
        known = [*leaves(candidates), *known_groups]
        raise UserError(f"axis {axis.name} names no parameter{near(axis.name, known)}")
    if section in swept or (section in DERIVING and "material" in swept):
        return  # what there is depends on the choice: checked for each
    if candidates[section] is None:
        raise UserError(
            f"axis {axis.name}: {section} is null, this material states none; choose one that does "
            "(matsweep materials lists them)"
        )
    _set(_copy(candidates[section]), axis.name, None, section)


def _times(value: object) -> tuple[float, ...]:
    times = value if isinstance(value, (list, tuple)) else [value]
    return tuple(finite("times", time, "s") for time in times)


@functools.cache
def _hint(section: str) -> type:
    found = get_type_hints(Scenario)[section]
    found = next(iter(get_args(found)), found)  # of `X | None`
    assert isinstance(found, type)
    return found


def _copy(node: Any) -> Any:
    return {key: _copy(value) for key, value in node.items()} if isinstance(node, dict) else node


def column(values: Sequence[object]) -> npt.NDArray[Any]:
    """Return the values of one axis as an array of one type: numbers if all are, else texts."""
    if all(isinstance(v, bool) for v in values):
        return np.array(values, dtype=bool)
    if all(isinstance(v, int) and not isinstance(v, bool) for v in values):
        return np.array(values, dtype=np.int64)
    if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
        return np.array(values, dtype=np.float64)
    return np.array(["null" if v is None else str(v) for v in values])
