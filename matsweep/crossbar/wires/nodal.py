"""Direct solve of a wired array, exact for broken, shorted and widely different resistances.

Nodes are eliminated one after the other by the star-mesh transform: a node k with conductances
c_ki to its neighbours is replaced by conductances between these,

    c_ij += c_ki c_kj / Σ_l c_kl.

Nothing is ever subtracted, so that each conductance that is left, and with them each element of
the array's map, is right to its own size (about the number of eliminations times 1e-16), even if
the resistances differ by thirty orders of magnitude (for Markov chains: Grassmann, Taksar and
Heyman). Broken segments and open devices are no edges, and parts without a path to a driver or to
ground vanish; ideal segments and shorts merge their two nodes.

Blocks of cells are halved down to 8 × 8 and eliminated from there up (George's nested dissection):
O(n³) for n × n cells, some ten times the time of joining blocks (`matsweep.crossbar.wires.ports`).

References
----------
W. K. Grassmann, M. I. Taksar, D. P. Heyman, Oper. Res. 33:1107, 1985, doi:10.1287/opre.33.5.1107;
A. George, SIAM J. Numer. Anal. 10:345, 1973, doi:10.1137/0710032.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from matsweep.core.checks import UserError
from matsweep.core.streams import FloatArray

Index = npt.NDArray[np.int64]

BROKEN = 1e30
"""Resistances [Ω] from this value on are no edges."""
_LEAF = 8  # cells along a side


class Step(NamedTuple):
    """Nodes eliminated together, and their conductances.

    Parameters
    ----------
    ids : (node,) array
        The eliminated ones first.
    share : (eliminated, node) array
        Conductance of each to each later node, over their sum.
    total : (eliminated,) array, S
        Their sums; 0: no path leads anywhere.
    """

    ids: Index
    share: FloatArray
    total: FloatArray


class _Front(NamedTuple):
    """Nodes of a block that are visible outside: their numbers of edges, and their conductances.

    Only above the diagonal, or symmetric; the diagonal is meaningless.
    """

    ids: Index
    edges: Index
    between: FloatArray


class Network:
    """Array reduced to its drivers and grounds.

    Parameters
    ----------
    conductance : (row, column) array, S
        Of the devices, or their slopes.
    word, bit : (row, column) arrays, Ω
        Segment on the left of, and below, each cell; drivers and sense amplifiers included.
    right : (row,) array or None, Ω
        To the drivers on the right.
    solve : bool
        Keep the eliminations, for `nodes`.

    Raises
    ------
    UserError
        If shorts and ideal wires connect two drivers, or a driver to ground.
    """

    def __init__(
        self,
        conductance: FloatArray,
        word: FloatArray,
        bit: FloatArray,
        right: FloatArray | None,
        *,
        solve: bool,
    ) -> None:
        self.shape = rows, columns = conductance.shape
        self.terminals = rows + columns
        self._word = self.terminals + np.arange(rows * columns).reshape(rows, columns)
        self._bit = self._word + rows * columns
        first, second = self._ends()
        value = np.zeros((rows, columns, 4))
        with np.errstate(divide="ignore"):
            value[..., 0], value[..., 1], value[..., 2] = 1 / word, 1 / bit, conductance
            if right is not None:
                value[:, -1, 3] = 1 / right
        value[..., (0, 1, 3)] *= value[..., (0, 1, 3)] > 1 / BROKEN
        self.label = self._merged(first, second, np.isinf(value))
        first, second = self.label[first], self.label[second]
        value[(first == second) | np.isinf(value)] = 0
        there = value > 0
        self._degree = np.bincount(
            np.concatenate([first[there], second[there]]), minlength=self.label.size
        )
        self._edges = first, second, value
        self.steps: list[Step] | None = [] if solve else None
        top = self._block(0, rows, 0, columns)
        self.between = np.zeros((self.terminals, self.terminals))
        """Conductances between drivers (rows) and grounds (columns) [S]; its diagonal is 0."""
        self.between[np.ix_(top.ids, top.ids)] = top.between
        np.fill_diagonal(self.between, 0)

    def _ends(self) -> tuple[Index, Index]:
        """Both ends of word segment, bit segment, device, and segment on the right."""
        rows, columns = self.shape
        drivers, grounds = np.arange(rows), rows + np.arange(columns)
        before = np.column_stack([drivers, self._word[:, :-1]])
        below = np.vstack([self._bit[1:], grounds])
        driver = np.repeat(drivers[:, None], columns, axis=1)
        first = np.stack([before, self._bit, self._word, self._word], axis=-1)
        return first, np.stack([self._word, below, self._bit, driver], axis=-1)

    def _merged(self, first: Index, second: Index, same: npt.NDArray[np.bool_]) -> Index:
        """Return the number of each node after merging those without resistance between them."""
        count = self.terminals + 2 * self._word.size
        if not same.any():
            return np.arange(count)
        from scipy import sparse  # a fifth of a second, for a few arrays

        pairs = np.ones(int(same.sum()), bool), (first[same], second[same])
        graph = sparse.coo_array(pairs, (count, count))
        _, part = sparse.csgraph.connected_components(graph, directed=False)
        if np.unique(part[: self.terminals]).size < self.terminals:
            raise UserError("conductance must be finite where no wire has any resistance")
        named = np.full(count, count)
        np.minimum.at(named, part, np.arange(count))  # drivers and grounds keep their numbers
        return np.asarray(named[part])

    def _block(self, top: int, end: int, left: int, right: int) -> _Front:
        """Eliminate all nodes inside a block of cells."""
        height, width = end - top, right - left
        if max(height, width) <= _LEAF:
            front = self._leaf(slice(top, end), slice(left, right))
        elif width >= height:
            middle = left + width // 2
            front = _together(
                self._block(top, end, left, middle), self._block(top, end, middle, right)
            )
        else:
            middle = top + height // 2
            front = _together(
                self._block(top, middle, left, right), self._block(middle, end, left, right)
            )
        return self._eliminate(front)

    def _leaf(self, rows: slice, columns: slice) -> _Front:
        first, second, value = (x[rows, columns].ravel() for x in self._edges)
        there = value > 0
        ends = np.concatenate([first[there], second[there]])
        ids, place = np.unique(ends, return_inverse=True)
        count, half = ids.size, int(there.sum())
        cells = place[:half] * count + place[half:]
        between = np.bincount(cells, value[there], count * count).reshape(count, count)
        return _Front(ids, np.bincount(place, minlength=count), between + between.T)

    def _eliminate(self, front: _Front) -> _Front:
        from matsweep.crossbar.wires.compiled.mesh import star_mesh

        inner = (front.edges == self._degree[front.ids]) & (front.ids >= self.terminals)
        count = int(inner.sum())
        if not count:
            return front
        order = np.concatenate([np.flatnonzero(inner), np.flatnonzero(~inner)])
        ids, between = front.ids[order], front.between[np.ix_(order, order)]
        total = np.empty(count)
        star_mesh(between, total)
        star = between[:count]
        share = star / np.where(total > 0, total, 1)[:, None]
        if self.steps is not None:
            self.steps.append(Step(ids, share, total))
        left = between[count:, count:] + share[:, count:].T @ star[:, count:]
        return _Front(ids[count:], front.edges[order][count:], left)

    def nodes(
        self, voltage: FloatArray, ground: FloatArray, extra: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Voltages of word and bit lines at each cell.

        Parameters
        ----------
        voltage : (sample, row) array, V
        ground : (column,) array, V
        extra : (sample, row, column) array, A
            Current through each device in addition to its conductance times its voltage.

        Returns
        -------
        (sample, row, column) array, V
            Of word lines. Nodes without a path to any driver or ground: 0.
        (sample, row, column) array, V
            Of bit lines.
        """
        from matsweep.crossbar.wires.compiled.mesh import pull_voltages, push_currents

        assert self.steps is not None
        samples, rows = voltage.shape
        flowing = np.zeros((self.label.size, samples))
        taken = extra.reshape(samples, -1).T
        if taken.any():
            np.subtract.at(flowing, self.label[self._word.ravel()], taken)
            np.add.at(flowing, self.label[self._bit.ravel()], taken)
        for step in self.steps:
            push_currents(step.ids, step.share, flowing)
        voltages = np.zeros_like(flowing)
        voltages[:rows], voltages[rows : self.terminals] = voltage.T, ground[:, None]
        for step in reversed(self.steps):
            pull_voltages(step.ids, step.share, step.total, flowing, voltages)
        word, bit = (voltages[self.label[x]] for x in (self._word, self._bit))
        return np.moveaxis(word, -1, 0), np.moveaxis(bit, -1, 0)


def _together(first: _Front, second: _Front) -> _Front:
    """Put two blocks next to each other."""
    ids = np.union1d(first.ids, second.ids)
    edges, between = np.zeros(ids.size, np.int64), np.zeros((ids.size, ids.size))
    for front in (first, second):
        place = np.searchsorted(ids, front.ids)
        edges[place] += front.edges
        between[np.ix_(place, place)] += front.between
    return _Front(ids, edges, between)
