"""A store's record of its study, and the comparison of a study with a store."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from matsweep.core.checks import UserError, near
from matsweep.core.printing import shown
from matsweep.core.yaml_bounds import check_yaml
from matsweep.metrics import COORDINATES, METRICS, Metric, available, converter_costs
from matsweep.planning.config import leaves, plain_config
from matsweep.planning.environment import kept_yaml
from matsweep.planning.parsed import parsed_yaml
from matsweep.planning.plan import Plan, joined_names
from matsweep.running.provenance import outside, provenance, sources
from matsweep.scenario import DRAWS
from matsweep.store import Coordinate, Place, Store, Variable, attributes, create, outline

_ANYWHERE = (
    "store", "executor", "study", "extend", "racing", "log", "retry_failed", "plausible",
    "limits",
)  # fmt: skip
"""Sections that may differ between runs: they change no number and no candidate."""

_FACTS = ("seed", "config", "axes", "sources", "provenance")
"""Attributes that every study has."""


def metrics_of(study: Plan) -> dict[str, Metric]:
    """Return the metrics that a study stores; a statistic brings its own metric.

    Parameters
    ----------
    study : Plan

    Returns
    -------
    dict of str to Metric
        By name.

    Raises
    ------
    UserError
        If a requested one is not measured.
    """
    draws = {DRAWS} if study.draws else set()
    measured = {name for each in study.workloads for name in available(each.measures | draws)}
    known = {name: metric for name, metric in METRICS.items() if name in measured}
    asked = plain_config(study.config)["metrics"]
    if asked is None:
        return known
    chosen = [asked] if isinstance(asked, str) else asked
    if not isinstance(chosen, (list, tuple)):
        raise UserError(f"metrics must be names, or null for all, got {shown(asked)}")
    for name in chosen:
        if name not in known:
            why = " by this workload" if name in METRICS else ""
            raise UserError(
                f"metrics: {name} is not measured{why}{near(name, known)} "
                f"(there are {', '.join(known)})"
            )
    if not chosen:
        raise UserError("metrics must name at least one, or be null for all")
    wanted = {*chosen, *(known[name].of for name in chosen), *draws}
    return {name: metric for name, metric in known.items() if name in wanted}


def create_store(study: Plan, path: Place) -> None:
    """Create the empty store of a study.

    Parameters
    ----------
    study : Plan
    path : Path or ObjectPath
    """
    worse = study.worse
    coordinates = {
        name: Coordinate(values=values, attrs=_axis_attrs(study, name, worse))
        for name, values in columns(study).items()
    }
    coordinates["realisation"] = Coordinate(
        values=np.arange(study.realisations), dims=("realisation",)
    )
    coordinates["time"] = Coordinate(
        values=np.array(study.times),
        dims=("time",),
        attrs={"long_name": "time since programming", "unit": "s"},
    )
    for name, dimension in study.dimensions.items():
        coordinates[name] = Coordinate(
            values=dimension.values, dims=(name,), attrs={"long_name": dimension.long_name}
        )
    metrics = metrics_of(study)
    coordinates |= coordinates_of(metrics.values())
    create(
        path, coordinates=coordinates, variables=variables(metrics.values()), attrs=_facts(study)
    )


def coordinates_of(metrics: Iterable[Metric]) -> dict[str, Coordinate]:
    """Coordinates of the dimensions that metrics bring along, such as the components of a cost.

    Parameters
    ----------
    metrics : iterable of Metric

    Returns
    -------
    dict of str to Coordinate
        By dimension.
    """
    used = {dim for metric in metrics for dim in metric.dims}
    return {
        name: Coordinate(values=np.array(values), dims=(name,))
        for name, values in COORDINATES.items()
        if name in used
    }


def _axis_attrs(study: Plan, name: str, worse: Mapping[str, str]) -> dict[str, str]:
    """Attributes of a swept parameter's coordinate: its unit and its direction, if it has them."""
    unit = {"units": study.units[name]} if name in study.units else {}
    return unit | ({"worse": worse[name]} if name in worse else {})


def columns(study: Plan, chosen: Sequence[int] | None = None) -> dict[str, npt.NDArray[Any]]:
    """Return the coordinates along `candidate` of a plan.

    Parameters
    ----------
    study : Plan
    chosen : sequence of int or None
        Positions in the plan; None: all.

    Returns
    -------
    dict of str to (candidate,) array
    """
    coordinates = {**study.coordinates(), "candidate_id": np.array(study.identities)}
    if chosen is None:
        return coordinates
    return {name: values[np.asarray(chosen, dtype=np.intp)] for name, values in coordinates.items()}


def variables(metrics: Any) -> list[Variable]:
    """Return the store's variables for metrics.

    Parameters
    ----------
    metrics : iterable of Metric

    Returns
    -------
    list of Variable
    """
    return [
        Variable(
            name=metric.name,
            dims=("candidate", *metric.dims),
            attrs={"long_name": metric.long_name, "units": metric.units}
            | ({"better": metric.better} if metric.better else {}),
        )
        for metric in metrics
    ]


def _facts(study: Plan) -> dict[str, Any]:
    """Attributes that describe a study in its store."""
    facts = {
        "study": str(study.config.study),
        "config": kept_yaml(study.config),
        "seed": study.seed,
        "merit": study.merit,
        "objectives": json.dumps(_objectives(study)),
        "data": json.dumps(study.preparations),
        "axes": _axes(study),
        "design": json.dumps(study.facts),
        "sources": sources(study),
        "converter_costs": json.dumps(converter_costs(study.scenario(study.points[-1]))),
        "provenance": json.dumps(provenance() | _outside(study)),
    }
    return facts | without_effect(study) | _conditions(study)


def without_effect(study: Plan) -> dict[str, str]:
    """Return the attribute of conditions that change nothing, because too little is known.

    Parameters
    ----------
    study : Plan

    Returns
    -------
    dict of str to str
        Empty if there are none.
    """
    sentences = study.unknowns.without_effect(len(study.times))
    return {"without_effect": json.dumps(sentences)} if sentences else {}


def _conditions(study: Plan) -> dict[str, str]:
    """Attribute of the axes that are conditions of a workload; empty if there are none."""
    paths = {path for each in study.workloads for path in each.conditions}
    names = [name for name in study.names if is_below(name, paths)]
    return {"conditions": json.dumps(names)} if names else {}


def is_below(name: str, paths: Iterable[str]) -> bool:
    """Whether a dotted name is one of some paths, or below one.

    Parameters
    ----------
    name : str
    paths : iterable of str

    Returns
    -------
    bool

    Examples
    --------
    >>> is_below("workload.training.noise", ["workload.training"])
    True
    >>> is_below("workload.training_data", ["workload.training"])
    False
    """
    return any(name == path or name.startswith(f"{path}.") for path in paths)


def _axes(study: Plan) -> str:
    """Axes of a study as JSON; with their values if the candidates are all combinations."""
    factorial = study.factorial
    return json.dumps(
        [
            {"name": axis.name, "values": None if factorial is None else list(factorial[index])}
            for index, axis in enumerate(study.axes)
        ]
    )


def _outside(study: Plan) -> dict[str, Any]:
    """Versions of the other packages that a study uses, if it uses any."""
    versions = outside(study, metrics_of(study))
    return {"outside": versions} if versions else {}


def _objectives(study: Plan) -> list[str]:
    """Metrics that candidates are judged by, of all workloads."""
    return list(dict.fromkeys(name for each in study.workloads for name in each.objectives))


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Difference between a study and a store.

    Parameters
    ----------
    rows : (plan's candidate,) array of int
        Row in the store of each of the study's candidates; -1 where it lacks one.
    beyond : int
        Candidates of the store that the study lacks.
    realisations : int
        Realisations of the study beyond the store's; negative if it has fewer.
    metrics : tuple of str
        Metrics of the study that the store lacks.
    unlike : tuple of str
        Differences that no addition can remove.
    """

    rows: npt.NDArray[np.int64]
    beyond: int
    realisations: int
    metrics: tuple[str, ...]
    unlike: tuple[str, ...]

    @property
    def missing(self) -> int:
        """Number of the study's candidates that the store lacks."""
        return int(np.count_nonzero(self.rows < 0))

    @property
    def none(self) -> bool:
        """Whether the two are the same."""
        return not (self.missing or self.beyond or self.realisations or self.metrics or self.unlike)


def difference(study: Plan, path: Place) -> Difference:
    """Compare a study with a store.

    Parameters
    ----------
    study : Plan
    path : Path or ObjectPath
        Of the store.

    Returns
    -------
    Difference
    """
    facts = attributes(path)
    ds = outline(path)
    _check_of_study(path, facts, ds)
    stored = ds["candidate_id"].values
    if len(stored) == len(study) and bool(np.all(stored == np.array(study.identities))):
        rows = np.arange(len(study), dtype=np.int64)
    else:
        places = {each: row for row, each in enumerate(_counted(stored.tolist()))}
        positions = [places.get(each, -1) for each in _counted(study.identities)]
        rows = np.array(positions, dtype=np.int64)
    unlike = []
    if int(facts["seed"]) != study.seed:
        unlike.append("seed")
    if ds["time"].values.tolist() != list(study.times):
        unlike.append("times")
    along = {str(n) for n, c in ds.coords.items() if c.dims == ("candidate",)} - {"candidate"}
    if len(study) and along != set(columns(study)):
        unlike.append("axes")
    return Difference(
        rows=rows,
        beyond=len(stored) - int(np.count_nonzero(np.unique(rows) >= 0)),
        realisations=study.realisations - ds.sizes["realisation"],
        metrics=tuple(name for name in metrics_of(study) if name not in ds),
        unlike=tuple(unlike),
    )


def _counted(identities: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Yield identities, each with the number of the same before it.

    Several candidates of a study are the same where settings are swept that have no effect in
    some, such as those of a training next to none: each has its own row.
    """
    before: Counter[str] = Counter()
    for each in identities:
        yield each, before[each]
        before[each] += 1


def _check_of_study(path: Place, facts: Mapping[str, Any], ds: xr.Dataset) -> None:
    """Refuse a store that no study made: it may come from elsewhere."""
    missing = [name for name in _FACTS if name not in facts]
    missing += [name for name in ("candidate_id", "time", "realisation") if name not in ds.coords]
    if missing:
        raise UserError(
            f"{path} is no store of a study, as it has no {', '.join(missing)}; give this one its "
            "own place with study=NAME or store=PATH"
        )


def check_same(study: Plan, path: Place, found: Difference) -> None:
    """Refuse a store that belongs to another study, and name the differences.

    Parameters
    ----------
    study : Plan
    path : Path or ObjectPath
        Of the store.
    found : Difference

    Raises
    ------
    UserError
    """
    if found.none:
        return
    parts = different(study, path)
    what = f" (different: {', '.join(parts[:5])})" if parts else ""
    if found.unlike:
        way = ""
    else:
        more = [f"{found.missing} candidates"] if found.missing else []
        more += [f"{found.realisations} realisations"] if found.realisations > 0 else []
        more += [f"the metrics {', '.join(found.metrics)}"] if found.metrics else []
        way = (
            f"add {' and '.join(more)} to it with extend=true, or "
            if more
            else "take what it has of this one with extend=true, or "
        )
    raise UserError(
        f"{path} holds another study{what}; {way}give this one its own place with "
        "study=NAME or store=PATH, or move that one away"
    )


def different(study: Plan, path: Place, ignored: Sequence[str] = ()) -> list[str]:
    """Return the parameters in which a study's configuration differs from a store's.

    Parameters
    ----------
    study : Plan
    path : Path or ObjectPath
        Of the store.
    ignored : sequence of str
        Dotted names that may differ.

    Returns
    -------
    list of str
        Dotted names; "axes" first where those differ.

    Raises
    ------
    UserError
        If the store's configuration is no mapping in YAML.
    """
    facts = attributes(path)
    text = str(facts.get("config", "{}"))
    check_yaml(f"the configuration in {path}", text)
    was = parsed_yaml(text)
    is_now = plain_config(study.config)
    if not isinstance(was, dict):
        raise UserError(f"the configuration in {path} must be a mapping, got {text[:60]!r}")
    names = [
        name
        for name in dict.fromkeys([*leaves(was), *leaves(is_now)])
        if name.split(".")[0] not in _ANYWHERE
        and name not in ignored
        and value_at(was, name) != value_at(is_now, name)
        and not isinstance(value_at(is_now, name), dict)
    ]
    if _axes_of(facts) != [axis.name for axis in study.axes] or (
        study.points and facts.get("axes") != _axes(study)
    ):
        names.insert(0, "axes")
    return names


def _axes_of(facts: dict[str, Any]) -> list[str]:
    return [axis["name"] for axis in json.loads(str(facts.get("axes", "[]")))]


def extend(study: Plan, store: Store, found: Difference) -> npt.NDArray[np.int64]:
    """Add to a store all parts of a study that it lacks; its contents stay unchanged.

    Parameters
    ----------
    study : Plan
    store : Store
    found : Difference
        Between the two.

    Returns
    -------
    (plan's candidate,) array of int
        Row in the store of each of the study's candidates.

    Raises
    ------
    UserError
        If a difference cannot be removed by addition; nothing is added then.
    """
    if found.unlike:
        names = " and ".join(found.unlike)
        raise UserError(
            f"extend=true cannot bring {store.path} and this study together: they differ in "
            f"{names}; give the same {names}"
            + (
                " (a parameter that is swept there needs a sweep here too, if only of one value: "
                "'NAME=choice(VALUE)')"
                if "axes" in found.unlike
                else ""
            )
            + ", or give this one its own place with study=NAME"
        )
    lengthen(study, store)
    if found.metrics:
        metrics = metrics_of(study)
        more = [metrics[name] for name in found.metrics]
        dims = {n: item for n, item in coordinates_of(more).items() if n not in store.shapes}
        store.reopen()  # before the addition: killed between the two, all is computed again
        store.add(variables(more), coordinates=dims)
    rows = found.rows.copy()
    missing = np.flatnonzero(rows < 0)
    facts = _joined_facts(study, store, store.shapes["status"][0] + len(missing))
    if missing.size:
        rows[missing] = store.append(columns(study, missing.tolist()), attrs=facts)
    else:
        store.update_attrs(facts)
    return rows


def lengthen(study: Plan, store: Store) -> None:
    """Lengthen a store's realisations, and the dimensions of workloads and metrics, to a study's.

    Parameters
    ----------
    study : Plan
    store : Store

    Raises
    ------
    UserError
        If the store lacks a dimension of the study's workloads.
    """
    wanted: dict[str, npt.NDArray[Any]] = {"realisation": np.arange(study.realisations)}
    wanted |= {name: dimension.values for name, dimension in study.dimensions.items()}
    named = [name for name, values in wanted.items() if values.dtype.kind == "U"]
    if named:  # what the store has stays first
        stored = outline(store.path)
        wanted |= {
            name: joined_names(stored[name].values, wanted[name])
            for name in named
            if name in stored.coords
        }
    wanted |= {n: np.array(values) for n, values in COORDINATES.items() if n in store.shapes}
    for dim, values in wanted.items():
        length = store.shapes.get(dim, (0,))[0]
        if len(values) > length:
            if not length:
                raise UserError(
                    f"{store.path} holds workloads without the dimension {dim}: give those that "
                    "have it a separate study (study=NAME)"
                )
            store.lengthen(dim, values)


def _joined_facts(study: Plan, store: Store, total: int) -> dict[str, Any]:
    """Attributes of a store of `total` candidates that describe its study and additions."""
    was, more = attributes(store.path), _facts(study)
    facts, news = json.loads(str(was["provenance"])), json.loads(more["provenance"])
    history = [*facts.get("extended", []), {**news, "config": more["config"]}]
    return {
        "axes": json.dumps(_joined_axes(json.loads(str(was["axes"])), study, total)),
        "sources": _joined_sources(str(was["sources"]), more["sources"]),
        "data": _joined_lists(str(was.get("data", "[]")), more["data"]),
        **_joined_idle(was, more),
        "provenance": json.dumps({**facts, "extended": history}),
    }


def _joined_axes(axes: list[dict[str, Any]], study: Plan, total: int) -> list[dict[str, Any]]:
    """Axes with all their values if all combinations are stored; else without values."""
    factorial = study.factorial
    new = {} if factorial is None else dict(zip(study.names, factorial, strict=True))
    joined: list[list[Any]] = []
    for axis in axes:
        if axis["values"] is None or axis["name"] not in new:
            return [{"name": each["name"], "values": None} for each in axes]
        joined.append(list(dict.fromkeys([*axis["values"], *new[axis["name"]]])))
    if math.prod(map(len, joined)) != total:
        return [{"name": each["name"], "values": None} for each in axes]
    return [
        {"name": axis["name"], "values": values} for axis, values in zip(axes, joined, strict=True)
    ]


def _joined_lists(was: str, more: str) -> str:
    return json.dumps(list(dict.fromkeys([*json.loads(was), *json.loads(more)])))


def _joined_idle(was: dict[str, Any], more: dict[str, Any]) -> dict[str, str]:
    name = "without_effect"
    if name not in was and name not in more:
        return {}
    return {name: _joined_lists(str(was.get(name, "[]")), str(more.get(name, "[]")))}


def _joined_sources(was: str, more: str) -> str:
    old, new = json.loads(was), json.loads(more)
    return json.dumps({key: {**old[key], **new[key]} for key in old})


def value_at(node: Any, path: str) -> Any:
    """Return the value at a dotted path of nested mappings.

    Parameters
    ----------
    node : dict or any value
    path : str

    Returns
    -------
    object
        None where there is none.
    """
    for key in path.split("."):
        node = node.get(key) if isinstance(node, dict) else None
    return node
