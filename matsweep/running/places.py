"""Places of a workload's named parts along a dimension of the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matsweep.core.streams import FloatArray
from matsweep.metrics import METRICS
from matsweep.store import Place, outline
from matsweep.workloads import Workload

type Index = npt.NDArray[np.int64]
type Indices = Mapping[str, Index]


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Places of the values of each workload in the arrays of a store.

    Values along a dimension of numbers, such as epochs, are its first ones. Those along one of
    names, such as the layers of a network, are where the store has the same names: other networks
    of the study have others.

    Parameters
    ----------
    names : mapping of str to (mapping of str to int)
        Place of each name, by dimension.
    """

    names: Mapping[str, Mapping[str, int]]

    @classmethod
    def of(cls, workloads: Iterable[Workload], path: Place) -> Places:
        """Read the names in a store.

        Parameters
        ----------
        workloads : iterable of Workload
        path : Path or ObjectPath
            Of the store.

        Returns
        -------
        Places
        """
        dims = {
            name
            for workload in workloads
            for name, values in workload.coordinates.items()
            if values.dtype.kind == "U"
        }
        stored = outline(path).coords if dims else {}
        return cls(
            names={
                dim: {name: place for place, name in enumerate(stored[dim].values.tolist())}
                for dim in dims
                if dim in stored
            }
        )

    def indices(self, workload: Workload) -> Indices:
        """Return the places of a workload's own names, by dimension.

        Parameters
        ----------
        workload : Workload

        Returns
        -------
        mapping of str to array of int
        """
        if not self.names:
            return {}
        return {
            dim: np.array([self.names[dim][name] for name in values.tolist()], np.int64)
            for dim, values in workload.coordinates.items()
            if dim in self.names
        }


def padded(
    values: Mapping[str, FloatArray] | None, name: str, shape: tuple[int, ...], places: Indices
) -> FloatArray:
    """Put a candidate's metric into an array of the store's shape; NaN elsewhere.

    Parameters
    ----------
    values : mapping of str to array, or None
        By metric; None where the candidate failed.
    name : str
        Of the metric.
    shape : tuple of int
    places : mapping of str to array of int
        From `Places.indices`.

    Returns
    -------
    array of the shape
    """
    array = np.full(shape, np.nan)
    if values is None or name not in values:
        return array
    value = np.asarray(values[name])
    dims = METRICS[name].dims
    if places.keys() & set(dims):
        own = [places.get(d, np.arange(n)) for d, n in zip(dims, value.shape, strict=True)]
        array[np.ix_(*own)] = value
    else:
        array[tuple(slice(0, size) for size in value.shape)] = value
    return array


def gathered(name: str, values: FloatArray, places: Indices) -> FloatArray:
    """Return the values of a candidate from an array of the store's shape.

    Parameters
    ----------
    name : str
        Of the metric.
    values : array
    places : mapping of str to array of int

    Returns
    -------
    array
        Whole along dimensions without names.
    """
    for axis, dim in enumerate(METRICS[name].dims):
        if dim in places:
            values = np.take(values, places[dim], axis=axis)
    return values
