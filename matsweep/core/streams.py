"""Random numbers that belong to a study's seed, a realisation and a purpose."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]


class Rng(Protocol):
    """Random number generator of a device model.

    `numpy.random.Generator` and `Streams` both are one.
    """

    def standard_normal(self, size: tuple[int, ...], dtype: Any) -> FloatArray:
        """Draw standard normal numbers.

        Parameters
        ----------
        size : tuple of int
        dtype : float32 or float64

        Returns
        -------
        array of the size
        """

    def random(self, size: tuple[int, ...], dtype: Any) -> FloatArray:
        """Draw uniform numbers in [0, 1).

        Parameters
        ----------
        size : tuple of int
        dtype : float32 or float64

        Returns
        -------
        array of the size
        """


class Streams:
    """Independent random streams, one for each realisation along the first axis.

    A batch of realisations then draws exactly what each of them would draw alone, so that the
    number of realisations computed together changes no bit. Numbers are counter-based (Philox
    4x32-10, normal ones from it by Box and Muller's transform) and single: the largest normal
    one is sqrt(64 ln 2) = 6.7, beyond which one falls in 5e10.

    `at` gives streams for one purpose, such as the noise of the reads of one layer: what is drawn
    for one purpose moves no number of another, so that candidates which differ in one noise share
    all others.

    Parameters
    ----------
    keys : (realisation, 2) array of uint64
        Key, and upper half of the counter, of each stream.
    path : tuple of str
        Purposes that led to these streams, outermost first.

    References
    ----------
    J. K. Salmon et al., SC 2011, doi:10.1145/2063384.2063405; G. E. P. Box, M. E. Muller,
    Ann. Math. Statist. 29:610, 1958, doi:10.1214/aoms/1177706645.
    """

    def __init__(self, keys: npt.NDArray[np.uint64], path: tuple[str, ...] = ()) -> None:
        self._root = keys
        self._path = path
        self._keys = keys ^ _words(path) if path else keys
        self._counter = 0
        self._purposes: dict[str, Streams] = {}
        self._used = 0

    def __len__(self) -> int:
        """Return the number of realisations."""
        return len(self._keys)

    @property
    def keys(self) -> npt.NDArray[np.uint64]:
        """Key, and upper half of the counter, of each stream, (realisation, 2)."""
        return self._keys.copy()

    def at(self, purpose: str) -> Streams:
        """Return the streams of a purpose.

        Each time the same, which go on where they were left.

        Parameters
        ----------
        purpose : str
            Within the purpose of these streams.

        Returns
        -------
        Streams
        """
        if purpose not in self._purposes:
            self._purposes[purpose] = Streams(self._root, (*self._path, purpose))
        return self._purposes[purpose]

    def alone(self, realisation: int) -> Streams:
        """Return the stream of one realisation, from its beginning.

        Parameters
        ----------
        realisation : int
            Index among these.

        Returns
        -------
        Streams
            One, which draws what that realisation drew among the others.
        """
        return Streams(self._root[realisation : realisation + 1], self._path)

    def next(self) -> Streams:
        """Return streams for one use of a purpose, new at each call.

        A use may draw more for one realisation than another needs; the next use then begins with
        the same numbers whatever realisations are computed together.

        Returns
        -------
        Streams
        """
        self._used += 1
        return Streams(self._root, (*self._path, f"use {self._used}"))

    def standard_normal(self, size: tuple[int, ...], dtype: npt.DTypeLike) -> FloatArray:
        """Draw standard normal numbers, (realisation, …).

        Parameters
        ----------
        size : tuple of int
            The first axis is the realisations.
        dtype : float32 or float64

        Returns
        -------
        (realisation, …) array

        Raises
        ------
        ValueError
            If the first axis is not the number of realisations.
        """
        from matsweep.core.philox import fill_normal

        return self._draw(fill_normal, size, np.float32).astype(dtype, copy=False)

    def random(self, size: tuple[int, ...], dtype: npt.DTypeLike) -> FloatArray:
        """Draw uniform numbers in [0, 1), (realisation, …).

        Parameters
        ----------
        size : tuple of int
            The first axis is the realisations.
        dtype : float32 or float64

        Returns
        -------
        (realisation, …) array

        Raises
        ------
        ValueError
            If the first axis is not the number of realisations.
        """
        from matsweep.core.philox import fill_bits

        bits = self._draw(fill_bits, size, np.uint32)
        numbers: FloatArray = (bits >> np.uint32(8)).astype(dtype)
        numbers *= numbers.dtype.type(2.0**-24)
        return numbers

    def _draw(
        self, fill: Callable[..., None], size: tuple[int, ...], dtype: npt.DTypeLike
    ) -> npt.NDArray[Any]:
        """Fill an array, four numbers a count; every realisation is at the same count."""
        if size[0] != len(self):
            raise ValueError(f"the first axis must be the {len(self)} realisations, got {size}")
        numbers = math.prod(size[1:])
        counts = -(-numbers // 4)
        out = np.empty((len(self), 4 * counts), dtype)
        for (key, high), part in zip(self._keys, out, strict=True):
            fill(np.uint64(self._counter), high, key, part.reshape(4, counts))
        self._counter += counts
        return out[:, :numbers].reshape(size)


def realisation_streams(seed: int, realisations: Sequence[int]) -> Streams:
    """Random streams of some realisations of a study.

    All candidates have the same, so that they are compared in pairs.

    Parameters
    ----------
    seed : int
        The study's.
    realisations : sequence of int
        Their numbers.

    Returns
    -------
    Streams
    """
    seeds = (np.random.SeedSequence(seed, spawn_key=(number,)) for number in realisations)
    return Streams(np.array([each.generate_state(2, np.uint64) for each in seeds]))


def aside(rng: Rng, purpose: str) -> Rng:
    """Return the random numbers of a purpose within a device model.

    Parameters
    ----------
    rng : Rng
    purpose : str

    Returns
    -------
    Rng
        `Streams.at`; any other generator as it is.
    """
    return rng.at(purpose) if isinstance(rng, Streams) else rng


def once(rng: Rng) -> Rng:
    """Return the random numbers of one use of a purpose.

    Parameters
    ----------
    rng : Rng

    Returns
    -------
    Rng
        `Streams.next`; any other generator as it is.
    """
    return rng.next() if isinstance(rng, Streams) else rng


def _words(path: tuple[str, ...]) -> npt.NDArray[np.uint64]:
    """Return the hash of purposes, (2,)."""
    text = "\0".join(path).encode()
    return np.frombuffer(hashlib.blake2b(text, digest_size=16).digest(), "<u8").astype(np.uint64)
