"""Rows of a tabulated model: quantiles of changes at knots, and their assembly to one table."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.devices import Tabulated
from matsweep.identification.fitting.curve import Curve, thinned

PROBABILITIES = np.array([0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1])
"""Probabilities of all rows: with the least and the largest change."""

_NORMAL = np.array([-3.0, -2.326, -1.645, -1.282, -0.674, 0, 0.674, 1.282, 1.645, 2.326, 3.0])
_NEAREST = 20, 400  # changes that a row's quantiles are taken from
_STILL = 1e-5  # of the range: steps up to here are alike
_MOST_RATIO = 3.0  # of the steps of a row and of its neighbours
_WIDE = 0.3  # spread of factors, from which on a Gaussian has devices that do not move
_LEAST_SPREAD = 1e-3
_THIN, _SMALL = 0.02, 0.05  # errors of numbers left out: of their own size, of the row's
_DIGITS = 7  # of a state


class Rows(NamedTuple):
    """Quantiles (knot, probability) of changes at knots (knot,)."""

    knots: FloatArray
    rows: FloatArray

    def at(self, states: FloatArray) -> FloatArray:
        """Interpolate at states, linearly for each probability.

        Parameters
        ----------
        states : (state,) array

        Returns
        -------
        (state, probability) array
        """
        columns = [np.interp(states, self.knots, column) for column in self.rows.T]
        return np.stack(columns, axis=1)


class Jumps(NamedTuple):
    """Chances (knot,) of jumps at knots (knot,), and quantiles (knot, probability) of changes."""

    knots: FloatArray
    chance: FloatArray
    rows: FloatArray


def measured_rows(
    state: FloatArray, rest: FloatArray, mean: FloatArray, curve: Curve
) -> tuple[Rows, float]:
    """Take quantiles of the noise of changes about a curve, at its knots.

    Parameters
    ----------
    state : (change,) array, fractions of the range
    rest : (change,) array, fractions of the range
        Noise of each change.
    mean : (change,) array, fractions of the range
        Its mean, by the curve.
    curve : Curve

    Returns
    -------
    Rows
    float
        Root mean square of the noise over the step.
    """
    least, most = _NEAREST
    edges = np.concatenate([[-np.inf], curve.knots, [np.inf]])
    rows = []
    grows = _grows(rest, mean)
    for k, (knot, step) in enumerate(zip(curve.knots, curve.steps, strict=True)):
        count = int(((state > edges[k]) & (state < edges[k + 2])).sum())
        count = min(max(count, least), most, state.size)
        near = np.argpartition(np.abs(state - knot), count - 1)[:count]
        noise = rest[near]
        if grows:
            ratio = (abs(step) + _STILL) / (np.abs(mean[near]) + _STILL)
            noise = noise * np.clip(ratio, 1 / _MOST_RATIO, _MOST_RATIO)
        rows.append(step + noise_shape(noise))
    relative = float(np.sqrt(np.mean((rest / (np.abs(mean) + _STILL)) ** 2)))
    return Rows(curve.knots, np.array(rows)), relative


def normal_rows(knots: FloatArray, steps: FloatArray, deviation: FloatArray) -> Rows:
    """Take quantiles of normal noise about steps at knots.

    Parameters
    ----------
    knots : (knot,) array
    steps : (knot,) array
    deviation : (knot,) array

    Returns
    -------
    Rows
    """
    return Rows(knots, steps[:, None] + deviation[:, None] * _unit(_NORMAL))


def noise_shape(rest: FloatArray) -> FloatArray:
    """Take quantiles of noise, of mean zero and with its standard deviation.

    Straight lines between quantiles alone would change both.

    Parameters
    ----------
    rest : (change,) array

    Returns
    -------
    (probability,) array
    """
    return float(rest.std()) * _unit(np.quantile(rest, PROBABILITIES))


def _unit(values: FloatArray) -> FloatArray:
    """Shift and scale quantiles (probability,) to mean zero and deviation one; 0 where alike."""
    widths = np.diff(PROBABILITIES)
    values = values - float((widths * (values[1:] + values[:-1]) / 2).sum())
    square = (values[1:] ** 2 + values[1:] * values[:-1] + values[:-1] ** 2) / 3
    deviation = float((widths * square).sum()) ** 0.5
    return np.asarray(values / deviation if deviation > 0 else 0 * values)


def _grows(rest: FloatArray, mean: FloatArray) -> bool:
    """Whether noise is in proportion to the step rather than alike, by the likelihood."""
    size = np.abs(mean) + _STILL
    alike, relative = (float(np.mean(each**2)) for each in (rest, rest / size))
    return relative > 0 and 0.5 * np.log(relative) + np.log(size).mean() < 0.5 * np.log(alike)


def assembled(
    up: Rows, down: Rows, jumps: Sequence[Jumps | None], between: FloatArray, *, quiet: bool,
    own: bool,
) -> Tabulated:  # fmt: skip
    """Assemble the model of steps and jumps at all their knots.

    Parameters
    ----------
    up : Rows
    down : Rows
    jumps : sequence of (Jumps or None)
        Of potentiation and depression.
    between : (2, 2) array
        Covariance of the logarithms of the devices' factors.
    quiet : bool
        Whether pulses have no noise.
    own : bool
        Whether the noise of a pulse grows with the device's factor.

    Returns
    -------
    Tabulated
    """
    rare = [each for each in jumps if each is not None]
    knots = np.concatenate([up.knots, down.knots, *(each.knots for each in rare)])
    states = np.unique(np.clip(knots, 0, 1).round(_DIGITS))
    tables = {"up": up.at(states), "down": down.at(states)}
    probabilities = PROBABILITIES
    if quiet and not rare:
        probabilities = np.array([0.5])
        tables = {way: rows.mean(axis=1, keepdims=True) for way, rows in tables.items()}
    if rare:
        none = Jumps(np.zeros(1), np.zeros(1), np.zeros((1, PROBABILITIES.size)))
        for way, each in zip(("up", "down"), jumps, strict=True):
            kind = each or none
            tables[f"jump_{way}"] = np.interp(states, kind.knots, kind.chance)[:, None]
            tables[f"jumps_{way}"] = Rows(kind.knots, kind.rows).at(states)
    whole = np.concatenate(list(tables.values()), axis=1)
    small = [_SMALL * np.abs(rows).max(axis=1, keepdims=True) + 0 * rows
             for rows in tables.values()]  # fmt: skip
    kept = thinned(states, whole, _THIN * (np.abs(whole) + np.concatenate(small, axis=1)) + _STILL)
    rows = {name: _tuples(table[kept]) for name, table in tables.items()}
    model = Tabulated(
        states=tuple(map(float, states[kept])), probabilities=tuple(map(float, probabilities)),
        up=rows["up"], down=rows["down"], counts=True, own_noise=own or quiet,
        device_to_device=_device_to_device(between),
    )  # fmt: skip
    if not rare:
        return model
    chances = {way: tuple(row[0] for row in rows[f"jump_{way}"]) for way in ("up", "down")}
    return dataclasses.replace(
        model, jump_up=chances["up"], jump_down=chances["down"], jumps_up=rows["jumps_up"],
        jumps_down=rows["jumps_down"],
    )  # fmt: skip


def _tuples(rows: FloatArray) -> tuple[tuple[float, ...], ...]:
    """Return a table as plain numbers that do not decrease along a row."""
    return tuple(tuple(map(float, row)) for row in np.maximum.accumulate(rows, axis=1))


def _device_to_device(between: FloatArray) -> dict[str, float]:
    """Return the spreads of factors: Gaussian, or lognormal and shared where they are wide.

    A polarity keeps what is not shared as a Gaussian about the shared factor: `Population` has no
    lognormal factor of one polarity. Up to 0.3 this serves (quantiles 5 and 95 %: 0.51 and 1.49,
    lognormal 0.61 and 1.64). Beyond, pulses of one polarity go the wrong way in some devices:
    0.04 % of them at 0.3, 2 % at 0.5, 16 % at 1.
    """
    variances = {"scale_up": float(between[0, 0]), "scale_down": float(between[1, 1])}
    spreads = dict[str, float]()
    if max(variances.values()) > _WIDE**2:
        shared = min(max(float(between[0, 1]), 0.0), *variances.values())
        spreads["log_scale"] = shared**0.5
        variances = {name: value - shared for name, value in variances.items()}
    spreads |= {name: value**0.5 for name, value in variances.items()}
    return {name: value for name, value in spreads.items() if value > _LEAST_SPREAD}
