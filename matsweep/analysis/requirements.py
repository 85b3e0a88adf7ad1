"""The question turned round: what a device must be like for a network to reach a target."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from matsweep.analysis.attributes import (
    material_label,
    numbered,
    resolve,
    short_names,
    sources,
    states,
)
from matsweep.analysis.selection import parse
from matsweep.analysis.summary import summarise
from matsweep.analysis.surrogate import Numbers, Scale, Surrogate, fit_surrogate
from matsweep.analysis.yields import parse_chance
from matsweep.checks import UserError, in_range, near
from matsweep.units import engineering, read_quantity

POOR_R2 = 0.8
"""Cross-validated r2 below which the lines of a specification say that the fit is poor."""
_LINE = 241  # points of a line along one parameter
_POINTS = 512  # points that fill a box
_CORNERS = 8  # parameters up to which all corners of a box are looked at
_HALVINGS = 12
_ROUNDS = 3
_COMPARED = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}
# Endings of parameters that are fractions: printed in percent. Stores keep no unit of parameters.
_FRACTIONS = ("scale", "cycle_to_cycle", "device_to_device", "read_noise")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A bound of one parameter, with all others at their reference values.

    Parameters
    ----------
    parameter : str
    direction : {"<=", ">=", "everywhere", "nowhere"}
        The last two: the target is met, or missed, in the whole swept range; no value then.
    value : float
        Where the fitted mean crosses the target, in the parameter's units.
    low, high : float
        Where the target is met with probability `confidence` and with 1 - `confidence`, lesser
        first; NaN: not within the swept range.
    """

    parameter: str
    direction: str
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Ranges that all parameters may have at once.

    Parameters
    ----------
    low, high : dict of str to float
        In the parameters' units.
    relaxed : float
        How far from the best point to the parameters' own limits all could go, 0 to 1.
    probability : float
        With which the target is met at every point that was looked at.
    """

    low: dict[str, float]
    high: dict[str, float]
    relaxed: float
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The one parameter that brings a family to the target, its new value, relative change."""

    parameter: str
    value: float
    relative: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Where a material stands.

    Parameters
    ----------
    material, label : str
    position : dict of str to float or None
        Its own value of each parameter; None: not known.
    beyond : tuple of str
        Parameters whose value lies outside the swept range: judged at the end of the range.
    metric, deviation : float
        As predicted there, what is not known at its best.
    inside : bool
        Whether the predicted mean meets the target.
    probability : float
        With which it does.
    change : Change or None
        What moves it inside with the least relative change of one known parameter; None if it is
        inside, or no parameter alone does.
    """

    material: str
    label: str
    position: dict[str, float | None]
    beyond: tuple[str, ...]
    metric: float
    deviation: float
    inside: bool
    probability: float
    change: Change | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Requirements:
    """What the swept parameters must be for a target to be met.

    Parameters
    ----------
    target : str
    metric, unit, operator : str
    bound : float
        In the metric's unit.
    confidence : float
    material : str or None
        Whose candidates were fitted; None: all.
    surrogate : Surrogate
    best : dict of str to float
        The reference: the best point of the fit, or what was given.
    best_metric : float
        As predicted there.
    share : float
        Part of the swept box (in its scales) in which the predicted mean meets the target.
    limits : tuple of Limit
        One or two for each parameter.
    jointly, surely : Box or None
        For all parameters at once, met with a probability of at least 0.5, and of `confidence`;
        None if not even the best point is.
    families : tuple of Family
    met : (row,) bool array
        Of each fitted candidate (`surrogate.table.points`), whether it meets the target itself.
    failed : int
        Candidates that failed, and count as nothing.
    """

    target: str
    metric: str
    unit: str
    operator: str
    bound: float
    confidence: float
    material: str | None
    surrogate: Surrogate
    best: dict[str, float]
    best_metric: float
    share: float
    limits: tuple[Limit, ...]
    jointly: Box | None
    surely: Box | None
    families: tuple[Family, ...]
    met: NDArray[np.bool_]
    failed: int

    def probability(self, points: ArrayLike) -> Numbers:
        """Return with which probability the target is met at points.

        Parameters
        ----------
        points : (n, parameter) array
            In the order of `surrogate.names`, in the parameters' units.

        Returns
        -------
        (n,) array
        """
        return self.surrogate.probability(points, self.operator, self.bound)

    def map(self, x: str, y: str, count: int = 61) -> xr.DataArray:
        """Return the probability over two parameters, all others at `best`.

        Parameters
        ----------
        x, y : str
            Parameters, or the ends of their names.
        count : int
            Points along each.

        Returns
        -------
        (y, x) DataArray
            Its coordinates are the parameters.

        Raises
        ------
        UserError
            If they are no swept parameters, or the same.
        """
        names = list(self.surrogate.names)
        first, second = (_named(names, each) for each in (x, y))
        if first == second:
            raise UserError(f"a map needs two parameters, got {first} twice")
        scales = self.surrogate.table.scales
        u = np.linspace(0, 1, count)
        along = {n: scales[names.index(n)].from_unit(u) for n in (first, second)}
        points = np.tile([self.best[name] for name in names], (count * count, 1))
        points[:, names.index(first)] = np.tile(along[first], count)
        points[:, names.index(second)] = np.repeat(along[second], count)
        return xr.DataArray(
            self.probability(points).reshape(count, count),
            coords={second: along[second], first: along[first]},
            dims=(second, first),
            name="probability",
            attrs={"long_name": f"probability of {self.target}", "units": "1"},
        )

    def specification(self) -> list[str]:
        """Return the limits in words: ``programming_error.scale <= 3.1 % (2.8 to 3.4 %)``.

        The first line says what all of it is for. A parameter of whole numbers is rounded to one
        that meets the target.
        """
        scales = {scale.name: scale for scale in self.surrogate.table.scales}
        short = short_names(scales)
        told = ", ".join(f"{short[n]} {quantity(scales[n], v)}" for n, v in self.best.items())
        reached = _metric_text(self.best_metric, self.unit)
        lines = [f"{self.target}: {reached} with {told}"]
        if self.jointly is None:
            lines[0] = f"{self.target} is met nowhere: at best {reached}, with {told}"
        lines += [_limit_line(limit, scales[limit.parameter], short) for limit in self.limits]
        for box, how in ((self.jointly, "jointly"), (self.surely, "jointly and surely")):
            if box is not None:
                told = "; ".join(f"{short[n]} {_range(scales[n], box)}" for n in scales)
                lines.append(f"{how} (P >= {box.probability:.4g}): {told}")
        if self.surrogate.r2 < POOR_R2:
            lines.append(f"the fit explains unseen candidates poorly (r2 {self.surrogate.r2:.2f}): "
                         "sweep more points before relying on this")  # fmt: skip
        if self.failed:
            lines.append(f"{self.failed} candidates failed and were left out of the fit")
        return lines


def requirements(
    ds: xr.Dataset,
    target: str,
    *,
    reference: Mapping[str, float] | None = None,
    time: float | str | None = None,
    confidence: float = 0.95,
    material: str | None = None,
    seed: int = 0,
) -> Requirements:
    """Return what the swept parameters must be for a metric to meet a target.

    The mean of the metric over realisations is fitted (`fit_surrogate`; its logarithm if it spans
    orders of magnitude) over all numbers that were swept. Probabilities are those of the fit: of
    the mean, not of one realisation, for which see `yields`.

    - `limits`: from the best value of each parameter outward, with all others at theirs, the first
      point that misses the target.
    - `jointly`: as parameters cannot all be at their own limits at once, all are relaxed in
      proportion, from the best point toward their limits (in the scales of the fit), as far as
      every one of a few hundred points of the box and its corners meets the target. Parameters of
      whole numbers end at such; the others then go on.
    - `families`: where the materials of the study stand, and what the nearest would have to mend.

    Parameters
    ----------
    ds : Dataset
        Results along `candidate`.
    target : str
        ``NAME OPERATOR VALUE [UNIT]``, a bound on a metric: ``accuracy >= 95 %``.
    reference : mapping of str to float, optional
        Values of some parameters, in place of the best ones.
    time : float [s] or str, optional
        One of the stored times. Default: the last.
    confidence : float
        Of the intervals of limits, and of `surely`.
    material : str, optional
        Whose candidates to fit. Needed where the material is swept, as materials differ in more
        than what is swept; `families` then holds this one.
    seed : int
        Of the fit.

    Returns
    -------
    Requirements

    Raises
    ------
    UserError
        If the target is no bound on a metric, a parameter of the reference is unknown or outside
        its swept range, something that is no number was swept, or candidates are too few.

    References
    ----------
    Level sets of Gaussian processes: J. Bect et al., Stat. Comput. 22:773, 2012,
    doi:10.1007/s11222-011-9241-4; largest boxes of good designs: M. Zimmermann, J. E. von
    Hoessle, Int. J. Numer. Methods Eng. 94:290, 2013, doi:10.1002/nme.4450.
    """
    in_range("confidence", confidence, 0.5, 0.9999)
    ds = _of_material(numbered(ds), material)
    metric, operator, bound = _read(ds, target, time)
    fitted = fit_surrogate(ds, metric, time=time, categorical="refuse", logarithmic=None, seed=seed)
    search = _Search(surrogate=fitted, operator=operator, bound=bound, confidence=confidence)
    best = search.best(_reference(fitted, reference))
    limits = search.limits(best)
    point = search.point(best)
    low, high = _reach(fitted.table.scales, best, limits)
    filled = search.margins(_sobol_points(len(best), 2 * _POINTS))
    return Requirements(
        target=target.strip(),
        metric=metric,
        unit=fitted.table.unit,
        operator=operator,
        bound=bound,
        confidence=confidence,
        material=material,
        surrogate=fitted,
        best=dict(zip(fitted.names, point.tolist(), strict=True)),
        best_metric=float(fitted.mean(point[None])[0]),
        share=float(np.mean(filled >= 0)),
        limits=limits,
        jointly=search.box(best, low, high, 0.5),
        surely=search.box(best, low, high, confidence),
        families=_families(ds, search, best, material),
        met=np.asarray(_COMPARED[operator](fitted.table.values, bound), dtype=np.bool_),
        failed=int(np.count_nonzero(states(ds) == "failed")),
    )


def quantity(scale: Scale, value: float) -> str:
    """Print a value of a parameter with its unit; fractions in percent."""
    if scale.unit == "1" and scale.name.rsplit(".", 1)[-1] in _FRACTIONS:
        return f"{100 * value:.3g} %"
    if scale.whole and value == round(value):
        return f"{value:.0f}"
    return engineering(value, scale.unit)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Search:
    """The fitted margin over the unit cube of the parameters: where it is, and crosses, zero."""

    surrogate: Surrogate
    operator: str
    bound: float
    confidence: float

    def point(self, u: Numbers) -> Numbers:
        """Return points of the unit cube, (..., parameter), in the parameters' units."""
        scales = self.surrogate.table.scales
        return np.stack([s.from_unit(u[..., i]) for i, s in enumerate(scales)], axis=-1)

    def margins(self, u: Numbers) -> Numbers:
        """Return by how much the mean meets the target at points of the unit cube."""
        return self.surrogate.margin_mean(self.point(u), self.operator, self.bound)

    def probabilities(self, u: Numbers) -> Numbers:
        """Return with which probability the target is met at points of the unit cube."""
        return self.surrogate.probability(self.point(u), self.operator, self.bound)

    def best(self, fixed: dict[int, float]) -> Numbers:
        """Return the best point, some coordinates being given.

        That is the one whose margin is largest even when it is as small as the fit's deviation
        allows: where no candidate is near, the mean alone promises too much.
        """
        from scipy.special import ndtri

        u = self._highest(fixed, float(ndtri(self.confidence)))
        return u if self.margins(u[None])[0] >= 0 else self._highest(fixed, 0.0)

    def _highest(self, fixed: dict[int, float], caution: float) -> Numbers:
        """Return the point of the largest margin less so many deviations."""
        table = self.surrogate.table
        scales = table.scales
        seen = np.stack([s.to_unit(table.points[:, i]) for i, s in enumerate(scales)], axis=1)
        tried = np.concatenate([_filling(len(scales)), seen])
        for index, value in fixed.items():
            tried[:, index] = value
        u: Numbers = tried[int(np.argmax(self._cautious(tried, caution)))].copy()
        free = [index for index in range(len(scales)) if index not in fixed]
        for _, index in itertools.product(range(_ROUNDS), free):
            line = self._line(u, index)
            u = line[int(np.argmax(self._cautious(line, caution)))].copy()
        for index in free:
            if scales[index].whole:
                u[index] = scales[index].to_unit(np.round(scales[index].from_unit(u[index])))
        return u

    def _cautious(self, u: Numbers, caution: float) -> Numbers:
        margin, deviation = self.surrogate.margin(self.point(u), self.operator, self.bound)
        return np.asarray(margin - caution * deviation)

    def limits(self, best: Numbers) -> tuple[Limit, ...]:
        """Return the limits of all parameters, the others at `best`."""
        return tuple(limit for index in range(len(best)) for limit in self._limits_of(best, index))

    def _limits_of(self, best: Numbers, index: int) -> list[Limit]:
        scale = self.surrogate.table.scales[index]
        line = self._line(best, index)
        margins, chance = self.margins(line), self.probabilities(line)
        # From the surest point on; probabilities of 1 leave the largest margin.
        start = int(np.lexsort((margins, np.round(chance, 3)))[-1])
        if margins[start] < 0:
            return [Limit(parameter=scale.name, direction="nowhere")]
        found = []
        for step, direction in ((-1, ">="), (1, "<=")):
            side = np.arange(start, len(line) if step > 0 else -1, step)
            across = line[side, index]
            value = _crossing(across, margins[side])
            if math.isnan(value):
                continue
            ends = [
                _crossing(across, chance[side] - level)
                for level in (self.confidence, 1 - self.confidence)
            ]
            low, high = ends if step > 0 else ends[::-1]
            numbers = scale.from_unit([value, low, high]).tolist()
            found.append(Limit(parameter=scale.name, direction=direction,
                               value=numbers[0], low=numbers[1], high=numbers[2]))  # fmt: skip
        return found or [Limit(parameter=scale.name, direction="everywhere")]

    def box(self, best: Numbers, low: Numbers, high: Numbers, level: float) -> Box | None:
        """Return the largest box between `best` and the limits that meets the target throughout.

        Sides on which a parameter has no limit of its own reach to the end of the swept range; if
        that is too far for all parameters at once, they are relaxed like the others. Parameters of
        whole numbers are drawn in to such, and the others then relaxed further.
        """
        free = np.where(low == 0, low, best), np.where(high == 1, high, best)
        for start in (free, (best, best)):
            relaxed = self._relaxed(start, (low, high), level)
            if relaxed is None:
                continue
            grown = [a + relaxed * (b - a) for a, b in zip(start, (low, high), strict=True)]
            names = self.surrogate.names
            bottom, top = (
                dict(zip(names, self.point(end).tolist(), strict=True))
                for end in self._whole(grown[0], grown[1], low, high, level)
            )
            return Box(low=bottom, high=top, relaxed=relaxed, probability=level)
        return None

    def _whole(
        self, bottom: Numbers, top: Numbers, low: Numbers, high: Numbers, level: float
    ) -> tuple[Numbers, Numbers]:
        """Return a box with whole numbers where only such make sense, and the rest grown again."""
        scales = self.surrogate.table.scales
        places = [index for index, scale in enumerate(scales) if scale.whole]
        if not places:
            return bottom, top
        low, high, bottom, top = low.copy(), high.copy(), bottom.copy(), top.copy()
        for index in places:
            scale = scales[index]
            for end, limit, down in ((bottom, low, False), (top, high, True)):
                value = _rounded(scale, float(scale.from_unit(end[index])), down)
                end[index] = limit[index] = float(scale.to_unit(value))
        more = self._relaxed((bottom, top), (low, high), level) or 0.0
        return bottom + more * (low - bottom), top + more * (high - top)

    def _relaxed(
        self, start: tuple[Numbers, Numbers], end: tuple[Numbers, Numbers], level: float
    ) -> float | None:
        """Return how far a box may grow from one to another; None if not even the first will do."""
        filling = _filling(len(start[0]))

        def meets(relaxed: float) -> bool:
            low, high = (a + relaxed * (b - a) for a, b in zip(start, end, strict=True))
            u = low + filling * (high - low)
            if level <= 0.5:
                return bool(np.all(self.margins(u) >= 0))
            return bool(np.all(self.probabilities(u) >= level))

        if not meets(0.0):
            return None
        if meets(1.0):
            return 1.0
        inside, outside = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if meets(middle) else (inside, middle)
        return inside

    def nearest(self, u: Numbers, index: int, value: float) -> float:
        """Return the nearest value of one parameter that meets the target; NaN if none does."""
        scale = self.surrogate.table.scales[index]
        if scale.whole:
            numbers = np.arange(scale.low, scale.high + 1)
            line = np.tile(u, (len(numbers), 1))
            line[:, index] = scale.to_unit(numbers)
        else:
            line = self._line(u, index)
            numbers = scale.from_unit(line[:, index])
        margins = self.margins(line)
        good = np.flatnonzero(margins >= 0)
        if not good.size:
            return math.nan
        nearest = int(good[np.argmin(np.abs(numbers[good] - value))])
        if scale.whole:
            return float(numbers[nearest])
        outside = nearest + (1 if numbers[nearest] < value else -1)
        if not 0 <= outside < len(line) or margins[outside] >= 0:
            return float(numbers[nearest])
        pair = np.array([nearest, outside])
        return float(scale.from_unit(_crossing(line[pair, index], margins[pair])))

    @staticmethod
    def _line(u: Numbers, index: int) -> Numbers:
        line = np.tile(u, (_LINE, 1))
        line[:, index] = np.linspace(0, 1, _LINE)
        return line


def _crossing(across: Numbers, values: Numbers) -> float:
    """Return where values first fall below 0, between points; NaN if never, or from the start."""
    below = np.flatnonzero(values < 0)
    if not below.size or below[0] == 0:
        return math.nan
    after = int(below[0])
    here, there = values[after - 1], values[after]
    return float(across[after - 1] + (across[after] - across[after - 1]) * here / (here - there))


def _filling(count: int) -> Numbers:
    """Return points that fill the unit cube, with its corners."""
    points = _sobol_points(count, _POINTS)
    ends = np.array([np.zeros(count), np.ones(count)])
    if count <= _CORNERS:
        ends = np.array(list(itertools.product((0.0, 1.0), repeat=count)))
    return np.concatenate([ends, points])


def _sobol_points(count: int, number: int) -> Numbers:
    from scipy.stats import qmc

    engine = qmc.Sobol(d=count, scramble=True, rng=np.random.default_rng(0))
    return np.asarray(engine.random(number), dtype=np.float64)


def _reach(
    scales: tuple[Scale, ...], best: Numbers, limits: tuple[Limit, ...]
) -> tuple[Numbers, Numbers]:
    """Return how far each parameter may go down and up by its own limits, in the unit cube."""
    low, high = np.zeros(len(best)), np.ones(len(best))
    places = {scale.name: index for index, scale in enumerate(scales)}
    for limit in limits:
        index = places[limit.parameter]
        if limit.direction in ("<=", ">="):
            end = float(scales[index].to_unit(limit.value))
            (high if limit.direction == "<=" else low)[index] = end
    return np.minimum(low, best), np.maximum(high, best)


def _of_material(ds: xr.Dataset, material: str | None) -> xr.Dataset:
    """Return the candidates of one material; refuse to mix several."""
    if "material" not in ds.coords or ds["material"].dims != ("candidate",):
        known = list(sources(ds)["materials"])
        if material is not None and material not in known:
            raise UserError(f"material must be one of the study, {', '.join(known) or 'none named'}"
                            f"; got {material!r}{near(material, known)}")  # fmt: skip
        return ds
    names = np.asarray(ds["material"].values).astype(str)
    known = sorted(set(names.tolist()))
    if material is None and len(known) > 1:
        raise UserError(
            "requirements of a study of several materials are of one of them, as they differ in "
            f"more than what is swept: give material=, one of {', '.join(known)}"
        )
    if material is not None and material not in known:
        raise UserError(
            f"material must be one of {', '.join(known)}; got {material!r}{near(material, known)}"
        )
    return ds if material is None else ds.isel(candidate=np.flatnonzero(names == material))


def _read(ds: xr.Dataset, target: str, time: float | str | None) -> tuple[str, str, float]:
    """Return metric, operator and bound of a target."""
    example = "such as 'accuracy >= 95 %'"
    if parse_chance(target) is not None:
        raise UserError(
            f"a target is a bound on the mean of a metric, {example}; got {target!r}: for a share "
            "of the realisations see yields"
        )
    constraint = parse(target)
    if constraint.operator[0] not in "<>":
        raise UserError(f"a target is a bound (<, <=, >, >=), {example}; got {target!r}")
    summary = summarise(ds, time)
    name = resolve(summary, constraint.name)
    if name not in summary.data_vars or summary[name].dtype.kind not in "fiu":
        raise UserError(f"a target is a bound on a metric, {example}; {name} is none")
    unit = summary[name].attrs.get("units")
    return name, constraint.operator, read_quantity(str(constraint.value), unit, name)


def _reference(fitted: Surrogate, given: Mapping[str, float] | None) -> dict[int, float]:
    """Return the coordinates that are given."""
    names = list(fitted.names)
    fixed = {}
    for asked, value in (given or {}).items():
        index = names.index(_named(names, asked))
        scale = fitted.table.scales[index]
        unit = "" if scale.unit == "1" else scale.unit
        in_range(f"reference {scale.name}", value, scale.low, scale.high, unit)
        fixed[index] = float(scale.to_unit(value))
    return fixed


def _named(names: list[str], asked: str) -> str:
    found = [name for name in names if name == asked or name.endswith(f".{asked}")]
    if asked in found:
        return asked
    if len(found) == 1:
        return found[0]
    listed = ", ".join(found or names)
    rule = "may mean several" if found else "is no swept number"
    raise UserError(f"{asked!r} {rule}: give one of {listed}{near(asked, names)}")


def _families(
    ds: xr.Dataset, search: _Search, best: Numbers, material: str | None
) -> tuple[Family, ...]:
    known = sources(ds)["materials"]
    swept = "material" in ds.coords and ds["material"].dims == ("candidate",)
    if material is not None:
        wanted = [material]
    elif swept:  # of one value, else it had to be given
        wanted = sorted(set(np.asarray(ds["material"].values).astype(str).tolist()))
    else:
        wanted = list(known)
    return tuple(
        _family(name, material_label(ds, name), known[name].get("numbers") or {}, search, best)
        for name in wanted
        if name in known
    )


def _family(
    name: str, label: str, numbers: Mapping[str, Any], search: _Search, best: Numbers
) -> Family:
    scales = search.surrogate.table.scales
    position = {scale.name: _own(numbers, scale.name) for scale in scales}
    u, beyond = best.copy(), []
    for index, scale in enumerate(scales):
        value = position[scale.name]
        if value is not None:
            u[index] = float(scale.to_unit(min(max(value, scale.low), scale.high)))
            if not scale.low <= value <= scale.high:
                beyond.append(scale.name)
    point = search.point(u)[None]
    mean, deviation = search.surrogate.predict(point)
    inside = bool(search.margins(u[None])[0] >= 0)
    return Family(
        material=name,
        label=label,
        position=position,
        beyond=tuple(beyond),
        metric=float(mean[0]),
        deviation=float(deviation[0]),
        inside=inside,
        probability=float(search.probabilities(u[None])[0]),
        change=None if inside else _change(position, search, u),
    )


def _change(position: dict[str, float | None], search: _Search, u: Numbers) -> Change | None:
    """Return the one parameter whose least relative change meets the target."""
    found = []
    for index, (name, value) in enumerate(position.items()):
        if value is None:
            continue
        new = search.nearest(u, index, value)
        if not math.isnan(new):
            relative = abs(new - value) / abs(value) if value else math.inf
            found.append((relative, abs(new - value), Change(parameter=name, value=new,
                                                             relative=relative)))  # fmt: skip
    return min(found, key=lambda each: each[:2])[2] if found else None


def _own(numbers: Mapping[str, Any], parameter: str) -> float | None:
    """Return a material's own value of a parameter; None if it is missing or no number.

    A number may stand within an object: ``device.drift.nu`` in that of ``device.drift``.
    """
    parts = parameter.split(".")
    for count in range(len(parts), 0, -1):
        entry = numbers.get(".".join(parts[:count]))
        if entry is None:
            continue
        if entry.get("status") == "missing":
            return None
        value = entry.get("value")
        for part in parts[count:]:
            value = value.get(part) if isinstance(value, Mapping) else None
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return float(value) if number and math.isfinite(value) else None
    return None


def _limit_line(limit: Limit, scale: Scale, short: dict[str, str]) -> str:
    name = short[limit.parameter]
    swept = f"{quantity(scale, scale.low)} to {quantity(scale, scale.high)}"
    if limit.direction == "everywhere":
        return f"{name}: met in the whole swept range, {swept}"
    if limit.direction == "nowhere":
        return f"{name}: met nowhere in the swept range, {swept}"
    upper = limit.direction == "<="
    value = _rounded(scale, limit.value, upper)
    sure, possible = (limit.low, limit.high) if upper else (limit.high, limit.low)
    ends = [
        "nowhere sure" if math.isnan(sure) else quantity(scale, sure),
        "beyond the swept range" if math.isnan(possible) else quantity(scale, possible),
    ]
    low, high = ends if upper else ends[::-1]
    return f"{name} {limit.direction} {quantity(scale, value)} ({low} to {high})"


def _range(scale: Scale, box: Box) -> str:
    """Tell one side of a box, without the ends that are those of the swept range."""
    low, high = box.low[scale.name], box.high[scale.name]
    tiny = 1e-9 * (scale.high - scale.low)
    from_low, to_high = low <= scale.low + tiny, high >= scale.high - tiny
    if from_low and to_high:
        return "as swept"
    bottom, top = (
        quantity(scale, _rounded(scale, value, upper))
        for value, upper in ((low, False), (high, True))
    )
    if bottom == top:
        return bottom
    return f"<= {top}" if from_low else f">= {bottom}" if to_high else f"{bottom} to {top}"


def _rounded(scale: Scale, value: float, down: bool) -> float:
    """Return a whole number on the side that meets the target, of a parameter that has only such.

    What rounding alone keeps from being whole is whole.
    """
    if not scale.whole:
        return value
    near_by = round(value, 6)
    return float(math.floor(near_by) if down else math.ceil(near_by))


def _metric_text(value: float, unit: str) -> str:
    return f"{100 * value:.2f} %" if unit == "1" and 0 <= value <= 1 else engineering(value, unit)
