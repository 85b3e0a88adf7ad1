"""Facts that a results Dataset stores in its attributes, coordinates and status."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from matsweep.analysis.labels import AXES, elsewhere
from matsweep.core.checks import UserError, near

_RANKING = "accuracy"
"""Metric that ranks a study of labels, and one whose store names none."""
_STATES = ("pending", "done", "failed")
_NO_PARAMETER = ("candidate", "candidate_id", "material", "rank", "time", "realisation")


def stored_text(value: object) -> str:
    """Text of a value in the column of an axis whose values are of several kinds.

    Parameters
    ----------
    value : object
        Of an axis.

    Returns
    -------
    str

    Examples
    --------
    >>> stored_text(None), stored_text(0.05), stored_text("device")
    ('null', '0.05', 'device')
    """
    return "null" if value is None else str(value)


def axes(ds: xr.Dataset) -> dict[str, list[Any] | None]:
    """Swept parameters in order, each with its values (None: no value list).

    The attribute may be a mapping, a list of pairs, or a list of ``{"name":, "values":}``.

    Parameters
    ----------
    ds : Dataset

    Returns
    -------
    dict of str to list or None
    """
    stored = decoded(ds, "axes")
    if not stored:
        return {}
    if isinstance(stored, Mapping):
        return {str(name): values for name, values in stored.items()}
    result: dict[str, list[Any] | None] = {}
    for axis in stored:
        if isinstance(axis, Mapping):
            result[str(axis["name"])] = axis.get("values")
        elif isinstance(axis, str):
            result[axis] = None
        else:
            result[str(axis[0])] = axis[1]
    return result


def design(ds: xr.Dataset) -> dict[str, Any] | None:
    """Read the facts of the design: its kind and parameters, rows, dropped points, constraints.

    For a Saltelli design also `problem`, as SALib takes it.

    Parameters
    ----------
    ds : Dataset

    Returns
    -------
    dict or None
    """
    stored = decoded(ds, "design")
    return stored if isinstance(stored, dict) else None


def design_rows(ds: xr.Dataset) -> NDArray[np.int64]:
    """Candidate of each row of the design, in the design's order.

    Rows that are the same point are one candidate. Analysis of a Saltelli design needs one result
    a row: ``ds.accuracy.sel(candidate=design_rows(ds))``.

    Parameters
    ----------
    ds : Dataset

    Returns
    -------
    (row,) array of int

    Raises
    ------
    UserError
        If the rows are not stored: for a design other than Saltelli's where some repeat others.
    """
    facts = design(ds)
    if facts is None or ("repeated" not in facts and facts["rows"] != facts["candidates"]):
        raise UserError("the rows of the design are not stored: they are for design=saltelli")
    repeated = np.array(facts.get("repeated", []), dtype=np.int64).reshape(-1, 2)
    fresh = np.ones(facts["rows"], dtype=bool)
    fresh[repeated[:, 0]] = False
    rows = np.cumsum(fresh) - 1
    rows[repeated[:, 0]] = repeated[:, 1]
    return rows


def sources(ds: xr.Dataset) -> dict[str, Any]:
    """Read the sources: ``{"materials": {...}, "references": {...}}``.

    Parameters
    ----------
    ds : Dataset

    Returns
    -------
    dict
    """
    stored = decoded(ds, "sources") or {}
    return {name: stored.get(name) or {} for name in ("materials", "references")}


def material_label(ds: xr.Dataset, material: str) -> str:
    """Readable name of a material, or its name in the config.

    Parameters
    ----------
    ds : Dataset
    material : str

    Returns
    -------
    str
    """
    return str(sources(ds)["materials"].get(material, {}).get("label") or material)


def short_label(ds: xr.Dataset, material: str) -> str:
    """Short printed name of a material; its label, or its name in the config, without one.

    Parameters
    ----------
    ds : Dataset
    material : str

    Returns
    -------
    str
    """
    stored = sources(ds)["materials"].get(material, {})
    return str(stored.get("short") or stored.get("label") or material)


def merit(ds: xr.Dataset) -> str:
    """Name of the metric that ranks a study; "accuracy" for stores that name none.

    Parameters
    ----------
    ds : Dataset

    Returns
    -------
    str
    """
    stored = ds.attrs.get("merit")
    return stored if isinstance(stored, str) and stored.strip() else _RANKING


def conditions(ds: xr.Dataset) -> list[str]:
    """Swept settings that are no property of a device, but treatments of the network.

    Parameters
    ----------
    ds : Dataset

    Returns
    -------
    list of str
        Names of coordinates along `candidate`; empty where the store states none.

    Raises
    ------
    UserError
        If the attribute `conditions` is no list of names.
    """
    stored = decoded(ds, "conditions")
    if stored is None:
        return []
    if not isinstance(stored, list) or not all(isinstance(name, str) for name in stored):
        raise _unreadable("conditions", "a list of names", ds.attrs["conditions"])
    return [name for name in parameters(ds) if name in stored]


def references(ds: xr.Dataset) -> dict[str, float]:
    """Values that an ideal machine reaches.

    Stores that lack the attribute `reference` have that of their merit as `float_accuracy`.

    Parameters
    ----------
    ds : Dataset

    Returns
    -------
    dict of str to float
        By metric, in the metric's unit.

    Raises
    ------
    UserError
        If the attribute holds no numbers by metric.
    """
    stored = decoded(ds, "reference")
    if stored is None:
        value = ds.attrs.get("float_accuracy")
        stored = {} if value is None else {merit(ds): value}
        name, rule = "float_accuracy", "a number"
    else:
        name, rule = "reference", "numbers by metric"
    return _numbers(ds, name, stored, rule)


def chances(ds: xr.Dataset) -> dict[str, float]:
    """Values that guessing reaches, such as the share of the most frequent class.

    Parameters
    ----------
    ds : Dataset

    Returns
    -------
    dict of str to float
        By metric, in the metric's unit; empty where the store states none.

    Raises
    ------
    UserError
        If the attribute `chance` holds no numbers by metric.
    """
    return _numbers(ds, "chance", decoded(ds, "chance") or {}, "numbers by metric")


def _numbers(ds: xr.Dataset, name: str, stored: Any, rule: str) -> dict[str, float]:
    """Finite numbers by metric."""
    try:
        values = {str(metric): float(value) for metric, value in dict(stored).items()}
    except (TypeError, ValueError):
        raise _unreadable(name, rule, ds.attrs[name]) from None
    return {metric: value for metric, value in values.items() if math.isfinite(value)}


def converter_costs(ds: xr.Dataset) -> dict[str, Any] | None:
    """Cost of a conversion by each source, if it is stored.

    Parameters
    ----------
    ds : Dataset

    Returns
    -------
    dict or None
    """
    stored = decoded(ds, "converter_costs")
    return stored if isinstance(stored, dict) else None


def parameters(ds: xr.Dataset) -> list[str]:
    """Swept parameters, without the material, that are coordinates.

    Parameters
    ----------
    ds : Dataset

    Returns
    -------
    list of str
    """
    names = list(axes(ds)) or [str(name) for name in ds.coords if name not in _NO_PARAMETER]
    return [
        name
        for name in names
        if name in ds.coords and name != "material" and ds[name].dims == ("candidate",)
    ]


def short_names(names: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Map each dotted name to its shortest ending that no other and no `taken` name has.

    Nor is it the name of another parameter of a device; see `labels.SHARED`.

    Parameters
    ----------
    names : iterable of str
    taken : iterable of str

    Returns
    -------
    dict of str to str

    Examples
    --------
    >>> short_names(["device.noise.scale", "tile.scale", "tile.rows"])
    {'device.noise.scale': 'noise.scale', 'tile.scale': 'tile.scale', 'tile.rows': 'rows'}
    >>> short_names(["device.stuck_at.g_max"])
    {'device.stuck_at.g_max': 'stuck_at.g_max'}
    """
    everything = list(names)
    reserved = set(taken)
    return {name: _shortest(name, everything, reserved) for name in everything}


def spoken(short: Mapping[str, str]) -> dict[str, str]:
    """Names of parameters for sentences: words where the last part alone means another parameter.

    Parameters
    ----------
    short : mapping of str to str
        Of `short_names`.

    Returns
    -------
    dict of str to str

    Examples
    --------
    >>> spoken({"device.stuck_at.g_max": "stuck_at.g_max", "adc.bits": "bits"})
    {'device.stuck_at.g_max': 'share stuck at g_max', 'adc.bits': 'bits'}
    """
    return {
        name: AXES[name].label if name in AXES and elsewhere(name) else text
        for name, text in short.items()
    }


def _shortest(name: str, names: list[str], taken: set[str]) -> str:
    parts = name.split(".")
    for count in range(1, len(parts)):
        ending = ".".join(parts[-count:])
        shared = sum(other == ending or other.endswith("." + ending) for other in names)
        if shared == 1 and ending not in taken and not (count == 1 and elsewhere(name)):
            return ending
    return name


def resolve(ds: xr.Dataset, name: str) -> str:
    """Find the variable or coordinate along `candidate` that a name, or its ending, means.

    Parameters
    ----------
    ds : Dataset
    name : str

    Returns
    -------
    str
        The full name.

    Raises
    ------
    UserError
        If nothing, or more than one thing, has this name.
    """
    known = [str(key) for key, value in ds.variables.items() if "candidate" in value.dims]
    if name in known:
        return name
    matches = [key for key in known if key.endswith("." + name)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise UserError(f"{name!r} may mean {' or '.join(matches)}: write the longer name")
    instead = merit(ds)
    if name == _RANKING and instead in known:
        raise UserError(f"the results hold no {name}: the study is ranked by {instead}; write that")
    endings = [key.rsplit(".", 1)[-1] for key in known]
    close = near(name, [*known, *endings]) or f"; known are {', '.join(sorted(known))}"
    raise UserError(f"the results hold no metric or parameter {name!r}{close}")


def states(ds: xr.Dataset) -> NDArray[np.str_]:
    """State of each candidate, by the CF flags of `status`.

    Parameters
    ----------
    ds : Dataset

    Returns
    -------
    (candidate,) array of {"pending", "done", "failed"}
    """
    count = ds.sizes.get("candidate", 0)
    if "status" not in ds:
        return np.full(count, "done")
    status = ds["status"]
    values = np.asarray(status.attrs.get("flag_values", (0, 1, 2))).ravel()
    meanings = str(status.attrs.get("flag_meanings", " ".join(_STATES))).split()
    result = np.full(status.shape, "pending", dtype="<U16")
    for value, meaning in zip(values, meanings, strict=False):
        result[np.asarray(status.values) == value] = meaning
    return result


def numbered(ds: xr.Dataset) -> xr.Dataset:
    """Add the number of each candidate as the coordinate `candidate`, unless it exists.

    Parameters
    ----------
    ds : Dataset

    Returns
    -------
    Dataset

    Raises
    ------
    UserError
        If `ds` has no dimension `candidate`.
    """
    if "candidate" not in ds.dims:
        raise UserError(
            "the Dataset has no dimension 'candidate': use the accessor on the opened results "
            "(before .grid())"
        )
    if "candidate" in ds.coords:
        return ds
    return ds.assign_coords(candidate=np.arange(ds.sizes["candidate"]))


def decoded(ds: xr.Dataset, name: str) -> Any:
    """Decode an attribute that holds JSON.

    Parameters
    ----------
    ds : Dataset
    name : str

    Returns
    -------
    Any
        None if the attribute is missing.

    Raises
    ------
    UserError
        If it is no JSON.
    """
    stored = ds.attrs.get(name)
    if not isinstance(stored, str) or not stored.strip():
        return stored
    try:
        return json.loads(stored)
    except ValueError:
        raise _unreadable(name, "JSON", stored) from None


def _unreadable(name: str, rule: str, value: Any) -> UserError:
    return UserError(f"the attribute {name!r} of these results must be {rule}, got {value!r:.60}: "
                     "the store was written by something else, or is damaged")  # fmt: skip
