"""Level set of a fitted metric: limits of single parameters, and boxes for all of them."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from matsweep.analysis.studytable import Numbers, Scale
from matsweep.analysis.surrogate import Surrogate

_LINE = 241  # points of a line along one parameter
_POINTS = 512  # points that fill a box
_CORNERS = 8  # parameters up to which all corners of a box are checked
_HALVINGS = 12
_WHOLE = 4001  # whole numbers that are tried; of a wider range, a sample
_ROUNDS = 3


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
        The interval of the crossing, lesser end first; NaN: not within the swept range. At its
        ends the target is met with a probability of (1 ± confidence) / 2.
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
        Distance from the best point toward the parameters' own limits that all can go, 0 to 1.
    probability : float
        Probability to meet the target at every point checked.
    """

    low: dict[str, float]
    high: dict[str, float]
    relaxed: float
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Search:
    """The fitted margin over the unit cube of the parameters: its maximum, and its zeros.

    Parameters
    ----------
    surrogate : Surrogate
    operator : {"<", "<=", ">", ">="}
    bound : float
        In the metric's unit.
    confidence : float
    """

    surrogate: Surrogate
    operator: str
    bound: float
    confidence: float

    def point(self, u: Numbers) -> Numbers:
        """Convert points of the unit cube to the parameters' units.

        Parameters
        ----------
        u : (..., parameter) array

        Returns
        -------
        (..., parameter) array
        """
        scales = self.surrogate.table.scales
        return np.stack([s.from_unit(u[..., i]) for i, s in enumerate(scales)], axis=-1)

    def margins(self, u: Numbers) -> Numbers:
        """Margin by which the mean meets the target.

        Parameters
        ----------
        u : (n, parameter) array
            Points of the unit cube.

        Returns
        -------
        (n,) array
            In the fitted scale; negative where it misses the target.
        """
        return self.surrogate.margin_mean(self.point(u), self.operator, self.bound)

    def probabilities(self, u: Numbers) -> Numbers:
        """Probability to meet the target.

        Parameters
        ----------
        u : (n, parameter) array
            Points of the unit cube.

        Returns
        -------
        (n,) array
        """
        return self.surrogate.probability(self.point(u), self.operator, self.bound)

    def best(self, fixed: dict[int, float]) -> Numbers:
        """Find the best point, with some coordinates given.

        It is the one whose margin is largest even when it is as small as the fit's deviation
        allows: where no candidate is near, the mean alone promises too much.

        Parameters
        ----------
        fixed : dict of int to float
            Given coordinates by the parameter's index, in the unit cube.

        Returns
        -------
        (parameter,) array
            In the unit cube.
        """
        from scipy.special import ndtri

        u = self._highest(fixed, float(ndtri(self.confidence)))
        return u if self.margins(u[None])[0] >= 0 else self._highest(fixed, 0.0)

    def _highest(self, fixed: dict[int, float], caution: float) -> Numbers:
        """Find the point of the largest margin minus `caution` deviations."""
        table = self.surrogate.table
        scales = table.scales
        measured = np.stack([s.to_unit(table.points[:, i]) for i, s in enumerate(scales)], axis=1)
        tried = np.concatenate([_filling(len(scales)), measured])
        # Of a parameter with a direction the harmless end is the best, whatever the others.
        sign = 1 if self.operator[0] == ">" else -1
        ends = {i: max(sign * rise, 0.0) for i, rise in enumerate(self.surrogate.rises) if rise}
        for index, value in (ends | fixed).items():
            tried[:, index] = value
        u: Numbers = tried[int(np.argmax(self._cautious(tried, caution)))].copy()
        free = [index for index in range(len(scales)) if index not in ends | fixed]
        for _, index in itertools.product(range(_ROUNDS), free):
            line = self._line(u, index)
            u = line[int(np.argmax(self._cautious(line, caution)))].copy()
        for index in free:
            if scales[index].whole:
                u[index] = scales[index].to_unit(np.round(scales[index].from_unit(u[index])))
        return u

    def _cautious(self, u: Numbers, caution: float) -> Numbers:
        return self.surrogate.cautious(self.point(u), self.operator, self.bound, caution)

    def limits(self, best: Numbers) -> tuple[Limit, ...]:
        """Limits of all parameters, the others at `best`.

        Parameters
        ----------
        best : (parameter,) array
            In the unit cube.

        Returns
        -------
        tuple of Limit
        """
        return tuple(limit for index in range(len(best)) for limit in self._limits_of(best, index))

    def _limits_of(self, best: Numbers, index: int) -> list[Limit]:
        from scipy.special import ndtri

        scale = self.surrogate.table.scales[index]
        line = self._line(best, index)
        margins, chance = self.margins(line), self.probabilities(line)
        quantile = float(ndtri(0.5 + self.confidence / 2))
        cautious = [self._cautious(line, each) for each in (quantile, -quantile)]
        # From the surest point on; probabilities of 1 leave the largest margin.
        start = int(np.lexsort((margins, np.round(chance, 3)))[-1])
        if margins[start] < 0:
            return [Limit(parameter=scale.name, direction="nowhere")]
        limits = []
        for step, direction in ((-1, ">="), (1, "<=")):
            side = np.arange(start, len(line) if step > 0 else -1, step)
            across = line[side, index]
            value = _crossing(across, margins[side])
            if math.isnan(value):
                continue
            ends = [_crossing(across, each[side]) for each in cautious]
            low, high = ends if step > 0 else ends[::-1]
            numbers = scale.from_unit([value, low, high]).tolist()
            limits.append(Limit(parameter=scale.name, direction=direction,
                               value=numbers[0], low=numbers[1], high=numbers[2]))  # fmt: skip
        return limits or [Limit(parameter=scale.name, direction="everywhere")]

    def box(self, best: Numbers, low: Numbers, high: Numbers, level: float) -> Box | None:
        """Grow the largest box between `best` and the limits that meets the target throughout.

        Sides on which a parameter has no limit reach to the end of the swept range; if that is too
        far for all parameters at once, they are relaxed like the others. Whole-number parameters
        are drawn in to whole values, and the others then relaxed further. Finally each side that
        can go on to the end of the swept range without cost to the others does.

        Parameters
        ----------
        best : (parameter,) array
            In the unit cube.
        low : (parameter,) array
            Lower limits, in the unit cube; 0: none.
        high : (parameter,) array
            Upper limits, in the unit cube; 1: none.
        level : float
            Probability to meet the target; up to 0.5 the fitted mean decides.

        Returns
        -------
        Box or None
            None if not even the best point meets the target.
        """
        free = np.where(low == 0, low, best), np.where(high == 1, high, best)
        for start in (free, (best, best)):
            relaxed = self._relaxed(start, (low, high), level)
            if relaxed is None:
                continue
            grown = [a + relaxed * (b - a) for a, b in zip(start, (low, high), strict=True)]
            ends = self._whole(grown[0], grown[1], low, high, level)
            bottom, top = (
                dict(zip(self.surrogate.names, self.point(end).tolist(), strict=True))
                for end in self._freed(*ends, level)
            )
            return Box(low=bottom, high=top, relaxed=relaxed, probability=level)
        return None

    def _whole(
        self, bottom: Numbers, top: Numbers, low: Numbers, high: Numbers, level: float
    ) -> tuple[Numbers, Numbers]:
        """Round the sides of whole-number parameters inward, and grow the others again."""
        scales = self.surrogate.table.scales
        places = [index for index, scale in enumerate(scales) if scale.whole]
        if not places:
            return bottom, top
        low, high, bottom, top = low.copy(), high.copy(), bottom.copy(), top.copy()
        for index in places:
            scale = scales[index]
            for end, limit, down in ((bottom, low, False), (top, high, True)):
                value = scale.rounded(float(scale.from_unit(end[index])), down=down)
                end[index] = limit[index] = float(scale.to_unit(value))
        more = self._relaxed((bottom, top), (low, high), level) or 0.0
        return bottom + more * (low - bottom), top + more * (high - top)

    def _freed(self, bottom: Numbers, top: Numbers, level: float) -> tuple[Numbers, Numbers]:
        """Move every side to the end of the swept range where the box still meets the target."""
        sides = [(at, index) for at in (0, 1) for index in range(len(bottom))]
        box = [bottom, top]
        for at, index in sides:
            trial = [end.copy() for end in box]
            trial[at][index] = float(at)
            if box[at][index] != at and self._meets(trial[0], trial[1], level):
                box = trial
        return box[0], box[1]

    def _meets(self, low: Numbers, high: Numbers, level: float) -> bool:
        """Check that every sampled point of a box meets the target."""
        from scipy.special import ndtri

        u = low + _filling(len(low)) * (high - low)
        if level <= 0.5:
            return bool(np.all(self.margins(u) >= 0))
        return bool(np.all(self._cautious(u, float(ndtri(level))) >= 0))

    def _relaxed(
        self, start: tuple[Numbers, Numbers], end: tuple[Numbers, Numbers], level: float
    ) -> float | None:
        """Find how far a box may grow from one to another; None if even the first fails."""

        def meets(relaxed: float) -> bool:
            low, high = (a + relaxed * (b - a) for a, b in zip(start, end, strict=True))
            return self._meets(low, high, level)

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
        """Nearest value of one parameter that meets the target, the others at `u`.

        Parameters
        ----------
        u : (parameter,) array
            In the unit cube.
        index : int
            Of the parameter.
        value : float
            Present value, in the parameter's unit.

        Returns
        -------
        float
            In the parameter's unit; NaN if none meets it.
        """
        scale = self.surrogate.table.scales[index]
        if scale.whole:
            numbers = (
                np.arange(scale.low, scale.high + 1)
                if scale.high - scale.low < _WHOLE
                else (np.unique(np.round(scale.from_unit(np.linspace(0, 1, _WHOLE)))))
            )
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
    """Place where values first fall below 0, interpolated; NaN if never, or from the start."""
    below = np.flatnonzero(values < 0)
    if not below.size or below[0] == 0:
        return math.nan
    after = int(below[0])
    here, there = values[after - 1], values[after]
    return float(across[after - 1] + (across[after] - across[after - 1]) * here / (here - there))


def _filling(count: int) -> Numbers:
    """Sample the unit cube, with its corners, (n, count)."""
    points = sobol_points(count, _POINTS)
    ends = np.array([np.zeros(count), np.ones(count)])
    if count <= _CORNERS:
        ends = np.array(list(itertools.product((0.0, 1.0), repeat=count)))
    return np.concatenate([ends, points])


def sobol_points(count: int, number: int) -> Numbers:
    """Points of Sobol's sequence that fill the unit cube.

    Parameters
    ----------
    count : int
        Coordinates of a point.
    number : int
        Points.

    Returns
    -------
    (number, count) array
    """
    from scipy.stats import qmc

    engine = qmc.Sobol(d=count, scramble=True, rng=np.random.default_rng(0))
    return np.asarray(engine.random(number), dtype=np.float64)


def reach(
    scales: tuple[Scale, ...], best: Numbers, limits: tuple[Limit, ...]
) -> tuple[Numbers, Numbers]:
    """Range of each parameter by its own limits, in the unit cube.

    Parameters
    ----------
    scales : tuple of Scale
    best : (parameter,) array
        In the unit cube.
    limits : tuple of Limit

    Returns
    -------
    low, high : (parameter,) array
    """
    low, high = np.zeros(len(best)), np.ones(len(best))
    places = {scale.name: index for index, scale in enumerate(scales)}
    for limit in limits:
        index = places[limit.parameter]
        if limit.direction in ("<=", ">="):
            end = float(scales[index].to_unit(limit.value))
            (high if limit.direction == "<=" else low)[index] = end
    return np.minimum(low, best), np.maximum(high, best)
