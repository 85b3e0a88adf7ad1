"""Priors: distributions of numbers that a material does not state, and draws from them."""

from __future__ import annotations

import functools
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError, finite, non_negative, positive
from matsweep.core.registry import Registry
from matsweep.core.streams import FloatArray

DIMENSIONS = 64
"""Dimensions of the sequence of draws, more than there are parameters: one that comes later takes
the next, and moves no draw of another."""

_HALF = 2.0**-31  # half of the sequence's step: no draw is at 0, where quantiles may be infinite


class Prior(ABC):
    """Distribution of a parameter that is not known.

    Numbers are in the parameter's unit. Values beyond a bound are clipped to it.

    Attributes
    ----------
    kind : str
        Name in the registry.
    """

    __slots__ = ()

    registry: ClassVar[Registry[type[Prior]]] = Registry("prior")
    kind: ClassVar[str]

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        if "kind" in cls.__dict__:
            Prior.registry[cls.kind] = cls

    @abstractmethod
    def quantile(self, u: FloatArray) -> FloatArray:
        """Quantiles, the inverse of the cumulative distribution.

        Parameters
        ----------
        u : (…) array in (0, 1)

        Returns
        -------
        (…) array
            In the parameter's unit.
        """

    @property
    def interval(self) -> tuple[float, float]:
        """The central interval of 95 %, in the parameter's unit."""
        low, high = self.quantile(np.array([0.025, 0.975])).tolist()
        return low, high


@dataclass(frozen=True, slots=True, kw_only=True)
class LogNormal(Prior):
    """Log-normal distribution: ln x ~ Normal(ln median, log_sd).

    Parameters
    ----------
    median : float, > 0
    log_sd : float, >= 0
        Standard deviation of the natural logarithm.
    min, max : float or None
        Bounds to which values are clipped.
    """

    kind: ClassVar[str] = "lognormal"
    median: float
    log_sd: float
    min: float | None = None
    max: float | None = None

    def __post_init__(self) -> None:
        positive("median", self.median)
        non_negative("log_sd", self.log_sd)
        _check_bounds(self.min, self.max)

    def quantile(self, u: FloatArray) -> FloatArray:
        """Quantiles: median exp(log_sd z(u)), clipped.

        Parameters
        ----------
        u : (…) array in (0, 1)

        Returns
        -------
        (…) array
        """
        return _clipped(self.median * np.exp(self.log_sd * _normal(u)), self.min, self.max)


@dataclass(frozen=True, slots=True, kw_only=True)
class Normal(Prior):
    """Normal distribution.

    Parameters
    ----------
    mean : float
    sd : float, >= 0
    min, max : float or None
        Bounds to which values are clipped.
    """

    kind: ClassVar[str] = "normal"
    mean: float
    sd: float
    min: float | None = None
    max: float | None = None

    def __post_init__(self) -> None:
        finite("mean", self.mean)
        non_negative("sd", self.sd)
        _check_bounds(self.min, self.max)

    def quantile(self, u: FloatArray) -> FloatArray:
        """Quantiles: mean + sd z(u), clipped.

        Parameters
        ----------
        u : (…) array in (0, 1)

        Returns
        -------
        (…) array
        """
        return _clipped(self.mean + self.sd * _normal(u), self.min, self.max)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniform(Prior):
    """Uniform distribution.

    Parameters
    ----------
    min, max : float
    """

    kind: ClassVar[str] = "uniform"
    min: float
    max: float

    def __post_init__(self) -> None:
        _check_bounds(finite("min", self.min), finite("max", self.max))

    def quantile(self, u: FloatArray) -> FloatArray:
        """Quantiles: min + u (max - min).

        Parameters
        ----------
        u : (…) array in (0, 1)

        Returns
        -------
        (…) array
        """
        return np.asarray(self.min + np.asarray(u) * (self.max - self.min))


@dataclass(frozen=True, slots=True, kw_only=True)
class LogUniform(Prior):
    """Distribution whose logarithm is uniform: each decade of the range is as probable.

    Parameters
    ----------
    min, max : float, > 0
    """

    kind: ClassVar[str] = "loguniform"
    min: float
    max: float

    def __post_init__(self) -> None:
        _check_bounds(positive("min", self.min), finite("max", self.max))

    def quantile(self, u: FloatArray) -> FloatArray:
        """Quantiles: min (max / min)^u.

        Parameters
        ----------
        u : (…) array in (0, 1)

        Returns
        -------
        (…) array
        """
        return np.asarray(self.min * (self.max / self.min) ** np.asarray(u))


@dataclass(frozen=True, slots=True, kw_only=True)
class Value(Prior):
    """A number without a spread.

    Parameters
    ----------
    value : float
    """

    kind: ClassVar[str] = "value"
    value: float

    def __post_init__(self) -> None:
        finite("value", self.value)

    def quantile(self, u: FloatArray) -> FloatArray:
        """Quantiles: the value.

        Parameters
        ----------
        u : (…) array in (0, 1)

        Returns
        -------
        (…) array
        """
        return np.full(np.shape(u), self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A prior with the sources that it rests on.

    Parameters
    ----------
    law : Prior
    sources : dict of str to {"seen", "trend", "recalled"}
        By the key of a reference: a number that was read there, a trend without a number, or a
        number from memory.
    note : str or None
    """

    law: Prior
    sources: dict[str, str]
    note: str | None = None

    def __post_init__(self) -> None:
        for key, status in self.sources.items():
            if status not in ("seen", "trend", "recalled"):
                raise UserError(f"sources.{key} must be seen, trend or recalled, got {status!r}")

    @property
    def seen(self) -> int:
        """Number of sources in which a number was read."""
        return sum(status == "seen" for status in self.sources.values())

    @property
    def status(self) -> str:
        """Quality of the prior: seen where at least one source has a number, else recalled."""
        return "seen" if self.seen else "recalled"


def uniforms(
    seed: int, material: str, realisations: Sequence[int], dimensions: Sequence[int]
) -> FloatArray:
    """Points of a material's scrambled Sobol sequence, one for each realisation of a study.

    A material's points are the same in all candidates, and independent of those of other materials:
    sequences that are scrambled differently are still correlated, as long as they come in the same
    order, so each material has its own. Realisations 0 … 2^m - 1 have the first 2^m points, which
    fill the cube evenly. A realisation's point does not depend on the others that are drawn with
    it.

    Parameters
    ----------
    seed : int
        The study's.
    material : str
        Name of the family.
    realisations : sequence of int
        Their numbers.
    dimensions : sequence of int, below `DIMENSIONS`

    Returns
    -------
    (realisation, dimension) array in (0, 1)

    References
    ----------
    S. Joe, F. Y. Kuo, SIAM J. Sci. Comput. 30:2635, 2008, doi:10.1137/070709359; scrambled by a
    random matrix and a random shift: J. Matoušek, J. Complexity 14:527, 1998,
    doi:10.1006/jcom.1998.0489; shuffled as by B. Burley, J. Comput. Graph. Tech. 9(4):1, 2020.
    """
    numbers = np.asarray(realisations, dtype=np.uint64)
    power = max(int(numbers.max(initial=0)).bit_length(), 3)
    places = _shuffled(numbers, _words(seed, material)[0]).astype(np.intp)
    points: FloatArray = _points(seed, material, power)
    return np.asarray(points[np.ix_(places, list(dimensions))])


def _words(seed: int, material: str) -> npt.NDArray[np.uint64]:
    """Return the hash of a seed and a material, (2,)."""
    text = f"unknowns\0{seed}\0{material}".encode()
    return np.frombuffer(hashlib.blake2b(text, digest_size=16).digest(), "<u8").astype(np.uint64)


@functools.lru_cache(maxsize=64)
def _points(seed: int, material: str, power: int) -> FloatArray:
    """Return the first 2^power points in the sequence's order, (point, dimension) in (0, 1)."""
    from scipy.stats import qmc

    own = np.random.default_rng(np.random.SeedSequence(_words(seed, material).tolist()))
    points = qmc.Sobol(DIMENSIONS, scramble=True, rng=own).random_base2(power)
    return np.asarray(points + _HALF)


def _shuffled(numbers: npt.NDArray[np.uint64], key: np.uint64) -> npt.NDArray[np.uint64]:
    """Shuffle whole numbers so that those below each power of two stay among themselves.

    Bit j is flipped by a hash of j and of the bits above it, unless those are all zero.
    """
    out = numbers.copy()
    for bit in range(int(numbers.max(initial=0)).bit_length()):
        above = numbers >> np.uint64(bit + 1)
        flips = _mixed(above ^ key ^ (np.uint64(bit) << np.uint64(58))) & np.uint64(1)
        out ^= np.where(above > 0, flips, np.uint64(0)) << np.uint64(bit)
    return out


def _mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Hash 64-bit numbers: the finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    out = values + np.uint64(0x9E3779B97F4A7C15)
    out = (out ^ (out >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    out = (out ^ (out >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return out ^ (out >> np.uint64(31))


def _normal(u: FloatArray) -> FloatArray:
    """Quantiles (…) of the standard normal distribution."""
    from scipy.special import ndtri

    return np.asarray(ndtri(u))


def _clipped(values: FloatArray, low: float | None, high: float | None) -> FloatArray:
    if low is None and high is None:
        return np.asarray(values)
    return np.asarray(np.clip(values, low, high))


def _check_bounds(low: float | None, high: float | None) -> None:
    for name, bound in (("min", low), ("max", high)):
        if bound is not None:
            finite(name, bound)
    if low is not None and high is not None and low > high:
        raise UserError(f"max must be >= min ({low:g}), got {high:g}")
