"""The inverse question: requirements on a device for a network to reach a target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from matsweep.analysis.attributes import resolve, short_names, sources, spoken
from matsweep.analysis.checked import Checked
from matsweep.analysis.conditions import conditions_of
from matsweep.analysis.families import Family, families
from matsweep.analysis.levelset import Box, Limit, Search, reach, sobol_points
from matsweep.analysis.selection import doubts, parse
from matsweep.analysis.studytable import Numbers
from matsweep.analysis.surrogate import Surrogate, surrogate_of
from matsweep.analysis.view import View
from matsweep.analysis.wording import limit_line, metric_text, quantity, side
from matsweep.analysis.yields import parse_chance
from matsweep.core.checks import UserError, in_range, near
from matsweep.core.units import read_quantity

POOR_R2 = 0.8
"""Cross-validated r2 below which a specification reports that the fit is poor."""
_TINY = 1e-9
_POINTS = 1024  # sample for the share of the box
COMPARED = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Requirements:
    """Requirements on the swept parameters for a target to be met.

    Parameters
    ----------
    target : str
    metric, unit, operator : str
    bound : float
        In the metric's unit.
    confidence : float
    material : str or None
        Material whose candidates were fitted; None: all.
    surrogate : Surrogate
    best : dict of str to float
        The reference: the best point of the fit, or the one given.
    best_metric : float
        Predicted there.
    share : float
        Share of the swept box (in its scales) in which the predicted mean meets the target.
    limits : tuple of Limit
        One or two for each parameter.
    jointly, surely : Box or None
        For all parameters at once, met with a probability of at least 0.5, and of `confidence`;
        None if not even the best point is.
    families : tuple of Family
    met : (row,) bool array
        Whether each fitted candidate (`surrogate.table.points`) meets the target itself.
    failed : int
        Failed candidates, which are not fitted.
    candidate : int
        Number of one of the fitted candidates.
    checked : Checked or None
        Results of new candidates at the edges of the region; None: none were simulated.
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
    candidate: int
    checked: Checked | None = None

    def probability(self, points: ArrayLike, paired: bool = False) -> Numbers:
        """Probability to meet the target.

        Parameters
        ----------
        points : (n, parameter) array
            In the order of `surrogate.names`, in the parameters' units.
        paired : bool
            Whether by the mean over the study's own realisations, which all candidates share.

        Returns
        -------
        (n,) array
        """
        return self.surrogate.probability(points, self.operator, self.bound, paired)

    def foreseen(self, points: Numbers, errors: Numbers) -> Numbers:
        """Probability that the results of new candidates of the study meet the target.

        Parameters
        ----------
        points : (n, parameter) array
        errors : (n,) array
            Standard error of each mean, without what all candidates share.

        Returns
        -------
        (n,) array
        """
        if not len(points):
            return np.empty(0)
        return self.surrogate.foreseen(points, self.operator, self.bound, errors)

    def shown(self, x: str | None = None, y: str | None = None) -> tuple[str, ...]:
        """Parameters to draw: those asked for, else the first with a limit.

        Parameters
        ----------
        x : str, optional
        y : str, optional

        Returns
        -------
        tuple of str
            Two, across and up; one where only one was swept.

        Raises
        ------
        UserError
            If they are no swept parameters.
        """
        limited = [limit.parameter for limit in self.limits if limit.direction in ("<=", ">=")]
        names = list(self.surrogate.names)
        if len(names) == 1:
            return tuple(names)
        chosen = list(dict.fromkeys([*limited, *names]))
        across = _named(names, x) if x else None
        up = _named(names, y) if y else None
        across = across or next(name for name in chosen if name != up)
        return across, up or next(name for name in chosen if name != across)

    def map(self, x: str, y: str, count: int = 61) -> xr.DataArray:
        """Map the probability over two parameters, all others at `best`.

        Parameters
        ----------
        x : str
            Parameter, or the end of its name.
        y : str
            Parameter, or the end of its name.
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

    def in_words(self, point: Mapping[str, float]) -> str:
        """Write a point: ``scale 3.1 %, bits 6``.

        Parameters
        ----------
        point : mapping of str to float
            In the parameters' units.

        Returns
        -------
        str
        """
        scales = {scale.name: scale for scale in self.surrogate.table.scales}
        short = spoken(short_names(scales))
        return ", ".join(f"{short[n]} {quantity(scales[n], v)}" for n, v in point.items())

    def specification(self) -> list[str]:
        """Limits in words: ``programming_error.scale <= 3.1 % (2.8 to 3.4 %)``.

        The first line states the target and the best point. A parameter of whole numbers is rounded
        to one that meets the target.

        Returns
        -------
        list of str
        """
        scales = {scale.name: scale for scale in self.surrogate.table.scales}
        short = spoken(short_names(scales))
        text = self.in_words(self.best)
        reached = metric_text(self.best_metric, self.unit)
        lines = [f"{self.target}: the fit reaches {reached} with {text}"]
        if self.jointly is None:
            lines[0] = (
                f"{self.target} is met nowhere: the fit reaches {reached} at best, with {text}"
            )
        if self.surrogate.r2 < POOR_R2:
            lines.append(f"the fit explains unseen candidates poorly (r2 {self.surrogate.r2:.2f}): "
                         "sweep more points before relying on what follows")  # fmt: skip
        lines += [limit_line(each, scales[each.parameter], short[each.parameter], self.confidence)
                  for each in self.limits]  # fmt: skip
        for box, how in ((self.jointly, "jointly"), (self.surely, "jointly and surely")):
            if box is not None:
                text = "; ".join(f"{short[n]} {side(scales[n], box)}" for n in scales)
                lines.append(f"{how} (P >= {box.probability:.4g} at every point): {text}")
        lines += self._outside()
        short_of = [short[name] for name in self.surrogate.contradicted]
        if short_of:
            lines.append(
                f"unseen candidates contradict the direction of {', '.join(short_of)}: the fit is "
                "free in it; sweep more points, or more realisations"
            )
        if self.checked is not None:
            lines += self.checked.lines()
        if self.failed:
            lines.append(f"{self.failed} candidates failed and were left out of the fit")
        return lines

    def _outside(self) -> list[str]:
        """State that candidates outside the joint box meet the target too, if any do."""
        if self.jointly is None:
            return []
        table, inside = self.surrogate.table, np.ones(len(self.met), dtype=np.bool_)
        for scale, values in zip(table.scales, table.points.T, strict=True):
            ends = (self.jointly.low[scale.name], self.jointly.high[scale.name])
            low, high = scale.to_unit(ends)
            u = scale.to_unit(values)
            inside &= (u >= low - _TINY) & (u <= high + _TINY)
        count = int(np.count_nonzero(self.met & ~inside))
        if not count:
            return []
        who = "1 candidate that meets it lies"
        who = who if count == 1 else f"{count} candidates that meet it lie"
        return [f"{who} outside the joint box: a box asks that all its points meet the target"]


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
    """Derive the requirements on the swept parameters for a metric to meet a target.

    The mean of the metric over realisations is fitted (`fit_surrogate`; its logarithm if it spans
    orders of magnitude) over all swept numbers. Probabilities are those of the fit: of
    the mean, not of one realisation, for which see `yields`.

    - `limits`: from the best value of each parameter outward, with all others at theirs, the first
      point that misses the target.
    - `jointly`: as parameters cannot all be at their own limits at once, all are relaxed in
      proportion, from the best point toward their limits (in the scales of the fit), as far as
      every one of a few hundred points of the box and its corners meets the target. Parameters of
      whole numbers end at whole ones; the others then go on.
    - `families`: places of the materials of the study, and the change that each would need.

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
        Material whose candidates to fit. Needed where the material is swept, as materials differ
        in more than the swept parameters; `families` then holds this one.
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
    view = View(ds, time)
    return requirements_of(view, target, reference, confidence, material, seed)


def requirements_of(
    view: View,
    target: str,
    reference: Mapping[str, float] | None = None,
    confidence: float = 0.95,
    material: str | None = None,
    seed: int = 0,
) -> Requirements:
    """Derive the requirements of a target in a view; see `requirements`.

    Parameters
    ----------
    view : View
    target : str
    reference : mapping of str to float, optional
    confidence : float, in [0.5, 0.9999]
    material : str, optional
    seed : int

    Returns
    -------
    Requirements

    Raises
    ------
    UserError
        If the candidates differ in a condition, under which requirements differ.
    """
    in_range("confidence", confidence, 0.5, 0.9999)
    view = of_material(view, material)
    metric, operator, bound = read_target(view, target)
    if (several := conditions_of(view)) is not None:
        raise UserError(
            f"{' and '.join(several.names)} is a condition, under which requirements differ: take "
            "requirements_by_condition, or select one value of it"
        )
    fitted = surrogate_of(view, metric, categorical="refuse", logarithmic=None, seed=seed)
    search = Search(surrogate=fitted, operator=operator, bound=bound, confidence=confidence)
    best = search.best(_reference(fitted, reference))
    limits = search.limits(best)
    point = search.point(best)
    low, high = reach(fitted.table.scales, best, limits)
    filled = search.margins(sobol_points(len(best), _POINTS))
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
        families=families(view, search, best, material),
        met=np.asarray(COMPARED[operator](fitted.table.values, bound), dtype=np.bool_),
        failed=view.count("failed"),
        candidate=int(view.numbers[fitted.table.rows[0]]),
    )


def of_material(view: View, material: str | None) -> View:
    """Select the candidates of one material; refuse to mix several.

    Parameters
    ----------
    view : View
    material : str or None

    Returns
    -------
    View

    Raises
    ------
    UserError
        If it is unknown, or not given where several were swept.
    """
    if not view.has_materials:
        known = list(sources(view.ds)["materials"])
        if material is not None and material not in known:
            raise UserError(f"material must be one of the study, {', '.join(known) or 'none named'}"
                            f"; got {material!r}{near(material, known)}")  # fmt: skip
        return view
    known = sorted(set(view.materials.tolist()))
    if material is None and len(known) > 1:
        raise UserError(
            "requirements of a study of several materials are of one of them, as they differ in "
            f"more than the swept parameters: give material=, one of {', '.join(known)}"
        )
    if material is not None and material not in known:
        raise UserError(
            f"material must be one of {', '.join(known)}; got {material!r}{near(material, known)}"
        )
    return view if material is None else view.rows(np.flatnonzero(view.materials == material))


def read_target(view: View, target: str) -> tuple[str, str, float]:
    """Read metric, operator and bound of a target.

    Parameters
    ----------
    view : View
    target : str

    Returns
    -------
    metric : str
    operator : {"<", "<=", ">", ">="}
    bound : float
        In the metric's unit.

    Raises
    ------
    UserError
        If it is no bound on a metric that these results hold, or can never be met.
    """
    example = "such as 'accuracy >= 95 %'"
    if parse_chance(target) is not None:
        raise UserError(
            f"a target is a bound on the mean of a metric, {example}; got {target!r}: for a share "
            "of the realisations see yields"
        )
    constraint = parse(target)
    if constraint.operator[0] not in "<>":
        raise UserError(f"a target is a bound (<, <=, >, >=), {example}; got {target!r}")
    summary = view.summary
    name = resolve(summary, constraint.name)
    if name not in summary.data_vars or summary[name].dtype.kind not in "fiu":
        raise UserError(f"a target is a bound on a metric, {example}; {name} is none")
    unit = summary[name].attrs.get("units")
    if doubt := next((each for each in doubts(summary, constraint) if "did you mean" in each), ""):
        raise UserError(f"target {target!r}: {doubt}")
    return name, constraint.operator, read_quantity(str(constraint.value), unit, name)


def _reference(fitted: Surrogate, given: Mapping[str, float] | None) -> dict[int, float]:
    """Given coordinates by the parameter's index, in the unit cube."""
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
    matches = [name for name in names if name == asked or name.endswith(f".{asked}")]
    if asked in matches:
        return asked
    if len(matches) == 1:
        return matches[0]
    listed = ", ".join(matches or names)
    rule = "may mean several" if matches else "is no swept number"
    raise UserError(f"{asked!r} {rule}: give one of {listed}{near(asked, names)}")
