"""Regression of a metric on the draws of what is not known.

A realisation draws its unknown parameters, and its devices. Over realisations a metric is then
y = f(parameters) + chance; f is estimated here, with the doubt that a few draws leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

type Values = NDArray[np.float64]
type Whole = NDArray[np.intp]

SCREEN, RANK = 64, 256
"""Draws from which unknown parameters can be told from chance, and ranked by their worth."""

_DEGREE = 6  # functions of one parameter
_PAIRS = 6  # of parameters, whose interactions are fitted
_STEPS, _CLOSE = 60, 1e-2
_SMALL = 1e-2  # variance that moves nothing, in those of its standard errors
_DEPENDENT = 1e-9  # root mean square that rounding leaves of a function that others give
_LEAST = 1e-6  # variance of a group, in those of its standard errors
_SPARSE = (2.0, 1.0)  # pseudo-observations of no effect, for groups of several functions and of one
_CHOSEN = 2.0  # the same for pairs, which are the best of many


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """Posterior of the coefficients under one prior.

    Parameters
    ----------
    mean : (function,) array
    scale : (function,) array
        Standard deviations of the prior.
    smoother : (function, draw) array
        From values to the posterior mean.
    residuals : (draw,) array
        Enlarged for what the fit takes up of them.
    """

    mean: Values
    scale: Values
    smoother: Values
    residuals: Values


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """A metric as a function of the unknown parameters, from one candidate's realisations.

    f is a constant, a smooth function of each parameter, and products of the first two functions
    of parameters, of the six pairs that what is left follows most. Functions of a parameter are
    polynomials up to the sixth degree of its rank among the draws, the first one replaced by the
    normal score, orthonormal over the draws. Coefficients are normal about 0, with a variance for
    each straight line, for each parameter's other functions, and for each product, found by maximum
    likelihood (automatic relevance determination). Half of the sampled functions have these
    variances, the other half those of a prior that favours parameters without any effect: the first
    finds weak effects, and a little in pure chance, the second misses weak ones.

    Parameters
    ----------
    parameters : tuple of int
        Positions of the parameters among those that the study may draw.
    columns : (draw, function) array
        Values of the functions; empty without parameters.
    owner : (function,) array of int
        Index in `parameters` of a function of one parameter; -1: a product.
    values : (draw,) array
    fits : tuple of two _Fit
        Sparse, and dense.

    References
    ----------
    M. Strong, J. E. Oakley, A. Brennan, Med. Decis. Making 34:311, 2014,
    doi:10.1177/0272989X13505910 (worth of information by regression on draws); D. J. C. MacKay,
    Neural Comput. 4:415, 1992, doi:10.1162/neco.1992.4.3.415 (variances of coefficients from
    data).
    """

    parameters: tuple[int, ...]
    columns: Values
    owner: Whole
    values: Values
    fits: tuple[_Fit, _Fit]

    @property
    def draws(self) -> int:
        """Number of draws."""
        return int(self.values.size)

    @property
    def functions(self) -> int:
        """Number of functions of the parameters."""
        return int(self.columns.shape[1])

    def sampled(self, normals: Values, luck: Values) -> tuple[Values, Values]:
        """Draw functions that agree with the values: constants and coefficients.

        A draw of the prior is corrected by the fit to how it differs from the values (Matheron's
        rule). The noise of the values is drawn from the residuals, realisation by realisation, with
        random signs and sizes (the wild bootstrap), so that it may differ between realisations.
        With the same `luck` for several candidates what is lucky for all stays so.

        Parameters
        ----------
        normals : (sample, function or more) array
            Standard normal numbers. Candidates of one material share them, as they share what is
            not known.
        luck : (sample, draw or more) array
            Standard normal numbers.

        Returns
        -------
        constants : (sample,) array
        coefficients : (sample, function) array

        References
        ----------
        C. F. J. Wu, Ann. Statist. 14:1261, 1986, doi:10.1214/aos/1176350142 (the wild bootstrap).
        """
        shifts, parts = [], []
        half = (len(normals) + 1) // 2
        for fit, some in zip(self.fits, (slice(None, half), slice(half, None)), strict=True):
            noise = luck[some, : self.draws] * fit.residuals
            shifts.append(self.values.mean() - noise.mean(axis=1))
            prior = normals[some, : self.functions] * fit.scale
            taken = (fit.smoother @ self.columns).T
            parts.append(fit.mean + prior - prior @ taken - noise @ fit.smoother.T)
        return np.concatenate(shifts), np.concatenate(parts)

    def everywhere(self, constants: Values, coefficients: Values) -> Values:
        """Evaluate sampled functions at all draws, spread no further than the values.

        A value is a conditional mean and chance, so that conditional means are less spread than
        values in every sense: their k largest exceed the mean by no more, in sum, than the k
        largest values do (majorization), and the same of the k smallest. Smooth functions overshoot
        where a metric saturates; their excess is cut to that, and to the range of the values.

        Parameters
        ----------
        constants : (sample,) array
        coefficients : (sample, function) array

        Returns
        -------
        (sample, draw) array

        References
        ----------
        D. Blackwell, Ann. Math. Stat. 24:265, 1953, doi:10.1214/aoms/1177729032 (conditional means
        are dominated in convex order).
        """
        if not self.functions:
            return np.repeat(constants[:, None], self.draws, axis=1)
        means = constants[:, None] + coefficients @ self.columns.T
        centre = means.mean(axis=1, keepdims=True)
        order = np.argsort(-means, axis=1)
        excess = np.cumsum(np.take_along_axis(means, order, axis=1) - centre, axis=1)
        largest = np.cumsum(np.sort(self.values)[::-1] - self.values.mean())
        cut = np.diff(np.minimum(excess, largest), axis=1, prepend=0.0)
        result = np.empty_like(means)
        np.put_along_axis(result, order, cut + centre, axis=1)
        return np.asarray(np.clip(result, self.values.min(), self.values.max()))

    def at(self, draws: Whole, constants: Values, coefficients: Values) -> Values:
        """Evaluate sampled functions as `everywhere`, each at one draw.

        Parameters
        ----------
        draws : (sample,) array of int
        constants : (sample,) array
        coefficients : (sample, function) array

        Returns
        -------
        (sample,) array
        """
        if not self.functions:
            return constants
        every = self.everywhere(constants, coefficients)
        return np.asarray(every[np.arange(len(draws)), draws])

    def of_one(self, index: int, coefficients: Values) -> Values:
        """Part of functions that depends on one parameter alone: E[f | parameter] - E[f].

        Parameters
        ----------
        index : int
            In `parameters`.
        coefficients : (sample, function) array

        Returns
        -------
        (sample, draw) array
        """
        own = self.owner == index
        return np.asarray(coefficients[:, own] @ self.columns[:, own].T)

    def noise(self, rng: np.random.Generator, samples: int) -> Values:
        """Draw variances of chance: weighted means of the squared residuals (Bayesian bootstrap).

        Parameters
        ----------
        rng : numpy.random.Generator
        samples : int

        Returns
        -------
        (sample,) array
        """
        half = (samples + 1) // 2
        parts = []
        for fit, count in zip(self.fits, (half, samples - half), strict=True):
            weights = rng.exponential(size=(count, self.draws))
            parts.append((weights @ fit.residuals**2) / weights.sum(axis=1))
        return np.concatenate(parts)


def fitted(parameters: Sequence[int], draws: Values, values: Values) -> Response:
    """Fit a metric's dependence on the unknown parameters.

    Parameters
    ----------
    parameters : sequence of int
        Positions of the columns of `draws`.
    draws : (draw, parameter) array
        Of a scrambled Sobol sequence or the like; only their order in each column counts. Without
        columns the response is the mean.
    values : (draw,) array

    Returns
    -------
    Response
    """
    with threadpool_limits(1):  # sums of BLAS depend on the number of its threads
        basis = _basis(draws, values)
        fits = _fit(basis, values, sparse=True), _fit(basis, values, sparse=False)
    return Response(tuple(parameters), basis.columns, basis.owner, values, fits)


@dataclass(frozen=True, slots=True, eq=False)
class _Basis:
    """Functions of the parameters.

    Parameters
    ----------
    columns : (draw, function) array
        Values, of mean 0 and mean square 1.
    owner : (function,) array of int
    group : (function,) array of int
        Functions of a group share a variance.
    prior : (function,) array
        Variances relative to the group's.
    doubted : (group,) array
        Pseudo-observations of no effect.
    """

    columns: Values
    owner: Whole
    group: Whole
    prior: Values
    doubted: Values


def _basis(draws: Values, values: Values) -> _Basis:
    """Functions of one parameter, and of the pairs that matter most."""
    count, parameters = draws.shape
    single = [_functions(column) for column in draws.T]
    columns = np.concatenate([np.empty((count, 0)), *single], axis=1)
    owner = np.repeat(np.arange(parameters), _DEGREE)
    # Straight lines have a variance of their own; curved functions share one, and rougher ones
    # are smaller.
    group = 2 * owner + np.tile(np.arange(_DEGREE) > 0, parameters)
    prior = np.tile([1.0, *((2 / degree) ** 2 for degree in range(2, _DEGREE + 1))], parameters)
    main = _Basis(columns, owner, group, prior, np.zeros(2 * parameters))
    rest = values - values.mean() - columns @ _fit(main, values, sparse=False).mean
    products = _products(single, rest)
    pairs = len(products)
    return _Basis(
        np.concatenate([columns, *products], axis=1),
        np.concatenate([owner, np.full(4 * pairs, -1)]),
        np.concatenate([group, 2 * parameters + np.repeat(np.arange(pairs), 4)]),
        np.concatenate([prior, np.tile([1.0, 0.5, 0.5, 0.25], pairs)]),
        # The best of many pairs follow what is left by luck, too.
        np.concatenate([main.doubted, np.full(pairs, _CHOSEN)]),
    )


def _products(single: Sequence[Values], rest: Values) -> list[Values]:
    """Products of the first two functions of parameters, of the pairs that a rest follows most."""
    found = []
    for one, other in combinations(single, 2):
        each = (one[:, :2, None] * other[:, None, :2]).reshape(len(rest), 4)
        each = each - each.mean(axis=0)
        found.append(each / np.maximum(each.std(axis=0), 1e-9))
    follows = [-float(np.sum((each.T @ rest) ** 2)) for each in found]
    return [found[place] for place in np.argsort(follows, kind="stable")[:_PAIRS]]


def _functions(draws: Values) -> Values:
    """Orthonormal functions of one parameter over its draws, (draw, _DEGREE), rougher ones last.

    A parameter with fewer values than there are functions (most draws are at a bound) leaves no
    room for the roughest ones, which are 0.
    """
    from numpy.polynomial import legendre
    from scipy.special import ndtri

    _, place, equal = np.unique(draws, return_inverse=True, return_counts=True)
    share = ((np.cumsum(equal) - equal / 2) / draws.size)[place]
    higher = [legendre.legval(2 * share - 1, [0] * d + [1]) for d in range(2, _DEGREE + 1)]
    raw = np.stack([np.ones_like(share), ndtri(share), *higher], axis=1)
    basis, triangle = np.linalg.qr(raw)
    size = np.diag(triangle)
    independent = np.abs(size) > _DEPENDENT * np.sqrt(draws.size)
    basis *= np.where(independent, np.sign(size), 0.0) * np.sqrt(draws.size)
    return np.asarray(basis[:, 1:])


def _fit(basis: _Basis, values: Values, *, sparse: bool) -> _Fit:
    """Find the variances of the groups of coefficients and of the noise, and the posterior.

    Fixed-point steps of MacKay: v = sum(b² / prior) / (g + c) of a group, where g counts the
    coefficients that the data determine, and c adds observations of no effect, more of them for a
    sparse prior.
    """
    columns, group, prior = basis.columns, basis.group, basis.prior
    count = len(values)
    centred = values - values.mean()
    total = float(centred @ centred) / max(count - 1, 1)
    if not columns.shape[1] or not total:
        residuals = centred / np.sqrt(1 - 1 / max(count, 2))
        empty = np.zeros(columns.shape[1])
        return _Fit(empty, empty, np.zeros((columns.shape[1], count)), residuals)
    sizes = np.bincount(group)
    extra = basis.doubted + (np.where(sizes > 1, *_SPARSE) if sparse else 0)
    products, right = columns.T @ columns, columns.T @ centred
    variance = np.full(sizes.size, total / (2 * prior.size))
    noise = total
    for _ in range(_STEPS):
        scale = np.sqrt(prior * variance[group])
        inverse = _posterior(products, scale, noise)
        mean = scale * (inverse @ (scale * right)) / noise
        # What the data determine of each coefficient, from 0 to 1.
        determined = np.bincount(group, 1 - np.diag(inverse))
        found = np.bincount(group, mean**2 / prior) / np.maximum(determined + extra, 1e-9)
        rest = centred - columns @ mean
        freedom = max(count - 1 - determined.sum(), count / 20)
        new = max(float(rest @ rest) / freedom, 1e-12 * total)
        found = np.maximum(found, _LEAST * new / count)
        small = found < _SMALL * new / count
        settled = np.all(small | (np.abs(np.log(found / variance)) < _CLOSE))
        settled = settled and abs(np.log(new / noise)) < _CLOSE / 10
        variance, noise = found, new
        if settled:
            break
    scale = np.sqrt(prior * variance[group])
    inverse = _posterior(products, scale, noise)
    smoother = scale[:, None] * (inverse @ (scale[:, None] * columns.T)) / noise
    mean = smoother @ centred
    taken = np.einsum("ij,ji->i", columns, smoother) + 1 / count
    residuals = (centred - columns @ mean) / np.sqrt(np.maximum(1 - taken, 0.05))
    return _Fit(mean, scale, np.asarray(smoother), residuals)


def _posterior(products: Values, scale: Values, noise: float) -> Values:
    """Covariance of the coefficients in units of their prior's standard deviations."""
    matrix = products * (scale[:, None] * scale) / noise
    matrix[np.diag_indices_from(matrix)] += 1
    return np.asarray(np.linalg.inv(matrix))
