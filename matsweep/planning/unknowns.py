"""Priors of what materials do not state: from their mechanisms, and from the user."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matsweep.core.checks import UserError, near, one_of
from matsweep.core.codec import build
from matsweep.core.units import value_in_unit
from matsweep.devices import AnalogDevice
from matsweep.devices.dynamics.model import DynamicalModel
from matsweep.devices.unknown import (
    CONTAINED,
    PARAMETERS,
    Parameter,
    Unknown,
    overlap,
    parameter_of,
    unknown_parameters,
    without_effect,
)
from matsweep.materials import Material
from matsweep.materials.priors import Evidence, LogNormal, LogUniform, Prior, Uniform, Value
from matsweep.planning.config import content_of, leaves, options
from matsweep.workloads import Workload

CHOICES = ("prior", "neutral")
"""Values of `unknowns`."""

ANY = "any"
"""Mechanism of materials that name none."""

_MECHANISM = "mechanism"

_DECIDING = (
    "source", "write_verify", "pulse_model", "temperature", "cycles", "retention", "drift",
    "short_term", "endurance",
)  # fmt: skip
"""Fields of a device that decide which of its parameters have an effect, whoever states them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mechanism:
    """Priors of a mechanism.

    Parameters
    ----------
    name : str
        As in conf/prior.
    label : str
    evidence : dict of str to Evidence
        By the parameter's path.
    """

    name: str
    label: str
    evidence: dict[str, Evidence]


def mechanism(name: str) -> Mechanism:
    """Read the priors of a mechanism; call it inside `composer`.

    Parameters
    ----------
    name : str
        As in conf/prior, or in a folder of the user's own.

    Returns
    -------
    Mechanism

    Raises
    ------
    UserError
        If there is no such mechanism, or one of its priors is invalid.
    """
    content = content_of("prior", name)
    if content is None:
        known = options("prior")
        raise UserError(
            f"material.prior={name}: no such mechanism{near(name, known)} "
            f"(there are {', '.join(known)})"
        )
    evidence = {}
    for path, stated in _flat({"device": content.get("device") or {}}, "law"):
        parameter = _known(path, f"prior={name}: ")
        where = f"prior={name}: {path}"
        evidence[path] = build(
            Evidence, {**stated, "law": _law(stated["law"], parameter, where)}, where
        )
    return Mechanism(name=name, label=str(content.get("label", name)), evidence=evidence)


def _flat(node: Mapping[str, Any], leaf: str, path: str = "") -> Iterable[tuple[str, Any]]:
    """Yield the nodes that hold a key, or are no mappings, with their dotted paths."""
    for key, value in node.items():
        here = f"{path}.{key}" if path else str(key)
        if isinstance(value, Mapping) and leaf not in value:
            yield from _flat(value, leaf, here)
        else:
            yield here, value


def _known(path: str, where: str = "") -> Parameter:
    known = [parameter.path for parameter in PARAMETERS]
    if path not in known:
        raise UserError(
            f"{where}{path} cannot have a prior{near(path, known)} (there are {', '.join(known)})"
        )
    return parameter_of(path)


def _law(stated: Any, parameter: Parameter, path: str) -> Prior:
    """Build a prior as stated: a law, a number or a range; numbers may have units."""
    if isinstance(stated, Mapping):
        numbers = {
            key: value if key in ("kind", "log_sd") else _number(value, parameter, f"{path}.{key}")
            for key, value in stated.items()
        }
        prior: Prior = build(Prior, numbers, path)
        return prior
    if isinstance(stated, (list, tuple)):
        if len(stated) != 2:
            raise UserError(f"{path} must be a range of two numbers, got {list(stated)}")
        low, high = (_number(value, parameter, path) for value in stated)
        if not low < high:
            raise UserError(
                f"{path} must be a range [low, high] with low < high, got {list(stated)}"
            )
        return LogUniform(min=low, max=high) if low > 0 else Uniform(min=low, max=high)
    return Value(value=_number(stated, parameter, path))


def _number(value: Any, parameter: Parameter, path: str) -> Any:
    """Return a number within the parameter's bounds, in its unit."""
    if value is None:
        return None
    number = value_in_unit(value, parameter.unit, path)
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise UserError(
            f"{path} must be a number, a range such as [0.01,0.05], a law such as {{kind: "
            f"lognormal, median: 0.02, log_sd: 0.7}}, or null for none, got {value!r}"
        )
    if not parameter.low <= number <= parameter.high:
        unit = "" if parameter.unit == "1" else f" [{parameter.unit}]"
        raise UserError(
            f"{path}{unit} must be from {parameter.low:g} to {parameter.high:g}, got {value!r}"
        )
    return float(number)


@dataclass(slots=True)
class Unknowns:
    """The unknown parameters of a study's scenarios, with their priors.

    Parameters
    ----------
    stated : frozenset of str
        Parameters that the study sweeps or sets, by their paths.

    Attributes
    ----------
    drawn : dict of str to dict of str to Prior
        By material, the priors of the parameters that are drawn in the candidates seen so far.
    sources : dict of str to dict of str to tuple of str
        By material, the keys of the sources of these priors; none of a user's own.
    widest : dict of str to bool
        By material with such parameters, whether they have the priors of any mechanism.
    idle : dict of str to dict of str to str
        By condition and material, why the condition changes nothing in a candidate.
    passed : dict of str to dict of str to str
        By the path of a prior that the user gave, and by material, why no candidate takes it.
    given : dict of str to list of str
        By material, the drawn parameters to which the user's prior gives one value.
    """

    stated: frozenset[str]
    drawn: dict[str, dict[str, Prior]] = field(default_factory=dict)
    sources: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    widest: dict[str, bool] = field(default_factory=dict)
    idle: dict[str, dict[str, str]] = field(default_factory=dict)
    passed: dict[str, dict[str, str]] = field(default_factory=dict)
    given: dict[str, list[str]] = field(default_factory=dict)
    _taken: dict[str, dict[str, None]] = field(default_factory=dict)
    _materials: dict[str, None] = field(default_factory=dict)
    _kept: dict[Any, tuple[Any, tuple[Unknown, ...]]] = field(default_factory=dict)
    _mechanisms: dict[str, Mechanism] = field(default_factory=dict)
    _deciding: tuple[str, ...] = field(init=False)
    _own: tuple[object, dict[str, Prior | None]] = (None, {})
    _alike: dict[tuple[Unknown, ...], tuple[Unknown, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """List the fields of a device that decide which of its parameters are unknown."""
        free = (each.field for each in PARAMETERS if not _states(self.stated, each.path))
        fields = dict.fromkeys([*_DECIDING, *free])
        fields.pop("programming_error", None)  # decides by its absence alone, as one value is none
        self._deciding = tuple(fields)

    @classmethod
    def of(cls, axes: Iterable[str], fixed: Sequence[str], experiment: str | None) -> Unknowns:
        """Collect the parameters that a study states; call it inside `composer`.

        Parameters
        ----------
        axes : iterable of str
            Names of the swept parameters.
        fixed : sequence of str
            Overrides that sweep nothing.
        experiment : str or None
            The chosen one, whose file states some too.

        Returns
        -------
        Unknowns
        """
        given = [override.lstrip("+~").partition("=")[0] for override in fixed]
        content = content_of("experiment", experiment) if experiment else None
        written = leaves({"device": (content or {}).get("device") or {}})
        names = {*axes, *given, *written}
        return cls(frozenset(name for name in names if name.startswith("device.")))

    def clear(self) -> None:
        """Forget the scenarios seen so far."""
        self._kept.clear()
        self._alike.clear()

    def find(
        self,
        plain: Mapping[str, Any],
        material: Material,
        *,
        device: AnalogDevice,
        workload: Workload,
        physics: DynamicalModel | None,
    ) -> tuple[Unknown, ...]:
        """Return the unknown parameters of a candidate.

        Call it inside `composer`, unless the material was met before.

        Parameters
        ----------
        plain : mapping
            The configuration that the candidate is built from.
        material : Material
        device : AnalogDevice
        workload : Workload
        physics : DynamicalModel or None
            That the device is derived from.

        Returns
        -------
        tuple of Unknown

        Raises
        ------
        UserError
            If a prior is invalid, or the material's mechanism has none.
        """
        node, chosen = plain["prior"], plain["unknowns"]
        values = tuple([getattr(device, name) for name in self._deciding])
        key = (
            id(node), chosen, material.name, workload.pulsed, type(physics),
            device.programming_error.absent, *map(_same, values),
        )  # fmt: skip
        known = self._kept.get(key)
        if known is None:
            neutral = one_of("unknowns", chosen, CHOICES) == "neutral"
            if self._own[0] is not node:
                self._own = node, own_priors(node)
            own = self._own[1]
            if neutral and own:
                raise UserError(
                    f"prior.{next(iter(own))} has no effect with unknowns=neutral: give "
                    "unknowns=prior"
                )
            fields = unused(device, workload, physics)
            found = () if neutral else self._unknown(device, material, own, fields)
            found = self._alike.setdefault(found, found)  # one object, whose text is written once
            self._note(found, material, device)
            known = (node, device), found
            self._kept[key] = known
        return known[1]

    def _note(self, found: tuple[Unknown, ...], material: Material, device: AnalogDevice) -> None:
        """Remember what is drawn for a material, and the conditions without effect."""
        laws = {each.path: each.prior for each in found}
        if laws:
            self.drawn.setdefault(material.name, {}).update(laws)
            evidence = self._mechanisms[material.prior].evidence
            self.sources.setdefault(material.name, {}).update(
                (path, tuple(evidence[path].sources))
                for path, law in laws.items()
                if path in evidence and law is evidence[path].law
            )
            self.widest[material.name] = material.prior == ANY
        if device.source == "reported":
            for condition, why in without_effect(device, laws).items():
                self.idle.setdefault(condition, {})[material.name] = why

    def notes(self, times: int) -> list[str]:
        """Remarks for the user before the run.

        Parameters
        ----------
        times : int
            Number of times at which the network is read.

        Returns
        -------
        list of str
        """
        notes = []
        counts = ", ".join(
            f"{name} {count}"
            for name, laws in self.drawn.items()
            if (count := len(laws) - len(self.given.get(name, ())))
        )
        if counts:
            notes.append(
                f"unknown parameters, drawn for each realisation: {counts} (matsweep materials "
                "NAME shows their priors; unknowns=neutral leaves them out)"
            )
        if widest := [name for name, is_widest in self.widest.items() if is_widest]:
            notes.append(
                f"{', '.join(widest)}: no priors are chosen (material.prior), so that unknown "
                "parameters have the widest ones, those of any mechanism; material.mechanism is a "
                "text and chooses none: give material.prior=NAME, or `prior: NAME` in the "
                f"material's file, of {', '.join(_choices())}"
            )
        return [*notes, *self._own_priors(), *self.without_effect(times)]

    def _own_priors(self) -> list[str]:
        """Say which priors of the user act on which materials, on which not, and why."""
        sentences = []
        for path in dict.fromkeys([*self._taken, *self.passed]):
            taken = self._taken.get(path, {})
            if taken and len(self._materials) > 1:
                alone = "; a material's file states it for one family alone (docs/unknowns.md)"
                more = alone if len(taken) > 1 else ""
                sentences.append(f"prior.{path} acts on {', '.join(taken)}{more}")
            materials = self.passed.get(path, {})
            left = {name: why for name, why in materials.items() if name not in taken}
            for why in dict.fromkeys(left.values()):
                names = ", ".join(name for name, each in left.items() if each == why)
                sentences.append(f"prior.{path} has no effect on {names}: {why}")
        return sentences

    def _note_own(
        self, own: Iterable[str], statuses: Mapping[str, str], material: str, unused: set[str]
    ) -> None:
        """Remember which of the user's priors a candidate of a material takes."""
        for path in own:
            if path in statuses:
                self._taken.setdefault(path, {})[material] = None
            elif _states(self.stated, path):
                why = "the study sets or sweeps it"
                self.passed.setdefault(path, {})[material] = why
            elif parameter_of(path).field in unused:
                self.passed.setdefault(path, {})[material] = "no result here depends on it"
            else:
                why = "the material states it, or what it belongs to"
                self.passed.setdefault(path, {})[material] = why

    def without_effect(self, times: int) -> list[str]:
        """Conditions that change nothing in some materials.

        Parameters
        ----------
        times : int
            Number of times at which the network is read.

        Returns
        -------
        list of str
            One sentence each.
        """
        sentences = []
        for condition, materials in self.idle.items():
            if condition == "times" and times < 2:
                continue
            for why in dict.fromkeys(materials.values()):
                names = ", ".join(name for name, each in materials.items() if each == why)
                sentences.append(f"{condition} has no effect on {names}: {why}")
        return sentences

    def _unknown(
        self,
        device: AnalogDevice,
        material: Material,
        own: Mapping[str, Prior | None],
        fields: set[str],
    ) -> tuple[Unknown, ...]:
        name = material.prior
        if name not in self._mechanisms:
            self._mechanisms[name] = mechanism(name)
        statuses = unknown_parameters(device, material.origins, stated=self.stated, unused=fields)
        self._note_own(own, statuses, material.name, fields)
        laws = priors(device, statuses, self._mechanisms[name], own)
        self._materials[material.name] = None
        given = self.given.setdefault(material.name, [])
        given += [p for p in laws if p not in given and _is_one_value(own.get(p))]
        return tuple(Unknown(path=path, prior=law) for path, law in laws.items())


def _states(stated: Iterable[str], path: str) -> bool:
    """Whether a user states a parameter, part of it, or what it belongs to."""
    return any(overlap(path, each) for each in stated)


def _same(value: object) -> object:
    """Return a number or text itself, and of a part its identity."""
    return value if value is None or isinstance(value, (int, float, str)) else id(value)


def _is_one_value(law: Prior | None) -> bool:
    """Whether a prior is one value: a number that the user states, and nothing unknown."""
    return law is not None and law.interval[0] == law.interval[1]


def _choices() -> list[str]:
    """Mechanisms whose priors a material may choose, and `none`; call it inside `composer`."""
    return [name for name in options("prior") if name != ANY]


def priors(
    device: AnalogDevice,
    statuses: Mapping[str, str],
    of: Mechanism,
    own: Mapping[str, Prior | None] | None = None,
) -> dict[str, Prior]:
    """Return the priors of the unknown parameters of a device.

    Parameters
    ----------
    device : AnalogDevice
    statuses : mapping of str to str
        From `unknown_parameters`.
    of : Mechanism
        The material's.
    own : mapping of str to Prior or None
        The user's, which take the place of the mechanism's; None: nothing is drawn.

    Returns
    -------
    dict of str to Prior
        By path. Numbers that are recalled or illustrative have a log-normal prior about the stated
        value. Spreads that the error of programming contains have none, unless the user gives one.
    """
    own = own or {}
    found: dict[str, Prior] = {}
    for path, status in statuses.items():
        if path in own:
            law = own[path]
        elif status == "missing":
            law = of.evidence[path].law if path in of.evidence else None
        elif of.evidence:
            law = _about(device, parameter_of(path))
        else:
            law = None
        if law is not None:
            found[path] = law
    programmed = "device.programming_error" in found or not device.programming_error.absent
    contained = [path for path in CONTAINED if programmed and path not in own]
    return {path: law for path, law in found.items() if path not in contained}


def _about(device: AnalogDevice, parameter: Parameter) -> Prior:
    """Return the prior of a stated number that is not confirmed."""
    value = parameter.get(device)
    assert value is not None
    return LogNormal(median=value, log_sd=parameter.log_sd)


def own_priors(node: Mapping[str, Any]) -> dict[str, Prior | None]:
    """Build the priors that a user gave.

    Parameters
    ----------
    node : mapping
        `prior` of a study's configuration.

    Returns
    -------
    dict of str to Prior or None
        By path; None: nothing is drawn.

    Raises
    ------
    UserError
        If one is invalid.
    """
    given = {}
    for path, stated in _flat(node, "kind"):
        if stated == _MECHANISM:
            continue
        parameter = _known(path, "prior.")
        given[path] = None if stated is None else _law(stated, parameter, f"prior.{path}")
    return given


def unused(device: AnalogDevice, workload: Workload, physics: DynamicalModel | None) -> set[str]:
    """Return the fields of a device on which a candidate's results do not depend.

    Parameters
    ----------
    device : AnalogDevice
    workload : Workload
    physics : DynamicalModel or None
        That the device is derived from.

    Returns
    -------
    set of str
    """
    fields = set()
    if not device.cycles:
        fields.add("endurance")
    if device.source != "reported" or (device.write_verify is None and not workload.pulsed):
        fields.add("pulse_model")
    if device.source != "reported" or device.write_verify is not None:
        fields |= {"programming_error", *(path.split(".")[1] for path in CONTAINED)}
    if device.source == "measured":
        fields.add("read_noise")
    if physics is not None and type(physics).retention is not DynamicalModel.retention:
        fields.add("retention")
    return fields
