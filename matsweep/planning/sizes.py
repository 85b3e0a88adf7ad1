"""Memory of a study, estimated before any is taken: its results, and one candidate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matsweep.core.sizes import check_memory, counted
from matsweep.crossbar import layout
from matsweep.metrics import COORDINATES, METRICS, available
from matsweep.planning.bounds import Bounds, check_store
from matsweep.scenario import DRAWS, Scenario
from matsweep.simulate import block_length
from matsweep.workloads import Workload

_ARRAYS = 3  # of a matrix's devices at a time, at least: as meant, as programmed, and aged
_CLEARED = 10_000  # parts remembered at most
_LISTED = 8  # layers in a message


@dataclass(slots=True, kw_only=True)
class Sizes:
    """Sizes of a study's results and of its candidates, compared with their bounds.

    Parameters
    ----------
    bounds : Bounds
    realisations : int
    times : int
        At which networks are read.
    metrics : sequence of str or None
        Those stored; None: all.
    draws : bool
        Whether draws of unknown parameters are stored.
    """

    bounds: Bounds
    realisations: int
    times: int
    metrics: Sequence[str] | None
    draws: bool
    _checked: dict[tuple[int, ...], tuple[Any, ...]] = field(default_factory=dict)
    _shapes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _lengths: dict[str, int] = field(default_factory=dict)

    def check_results(self, candidates: int, workloads: Iterable[Workload] = ()) -> None:
        """Refuse a study whose store would be larger than `limits.store`.

        Parameters
        ----------
        candidates : int
        workloads : iterable of Workload
            Besides those of the candidates checked so far.

        Raises
        ------
        UserError
            If it would be.
        """
        shapes, lengths = dict(self._shapes), dict(self._lengths)
        for workload in workloads:
            self._join(workload, shapes, lengths)
        lengths |= {**self._common(), "candidate": candidates}
        check_store(list(shapes.values()), lengths, COORDINATES.keys(), self.bounds.store)

    def check_candidate(self, scenario: Scenario) -> None:
        """Refuse a candidate that would need more memory than `limits.memory`.

        Candidates with the same parts are compared once.

        Parameters
        ----------
        scenario : Scenario
            Its parts must not change.

        Raises
        ------
        UserError
            If it would.
        """
        levels = scenario.device.levels
        parts = (scenario.workload, scenario.tile, scenario.protocol, levels)
        key = (*map(id, parts[:3]), levels or 0)
        if key in self._checked:
            return
        self._join(scenario.workload, self._shapes, self._lengths)
        self._check_workload(scenario.workload)
        self._check_tiles(scenario)
        if scenario.protocol is not None:
            self._check("protocol", scenario.protocol.footprint, scenario.protocol.extent)
        if len(self._checked) >= _CLEARED:
            self._checked.clear()
        self._checked[key] = parts

    def _check_workload(self, workload: Workload) -> None:
        shapes = workload.shapes
        layers = ", ".join(f"{counted(a)} × {counted(b)}" for a, b in shapes[:_LISTED])
        if len(shapes) > _LISTED:
            layers += f", … ({len(shapes):,} in all)"
        self._check("workload", workload.footprint, f"layers of {layers} and its samples")
        lengths = {**self._common(), **workload.lengths}
        values = 8 * sum(
            math.prod(lengths[dim] for dim in dims) for dims in self._stored(workload).values()
        )
        used = {"realisation", "time", *workload.lengths}
        factors = " × ".join(f"{name} {counted(lengths[name])}" for name in sorted(used))
        self._check("realisations", values, f"the metrics of one candidate ({factors})")

    def _check_tiles(self, scenario: Scenario) -> None:
        """Compare the memory of the devices of a block of realisations."""
        workload = scenario.workload
        tile = workload.tiled(scenario.tile)
        plans = [layout(*shape, tile, scenario.device.levels) for shape in workload.shapes]
        devices = sum(plan.devices for plan in plans)
        weights = sum(rows * columns for rows, columns in workload.shapes)
        block = min(block_length(weights), self.realisations)
        because = f"{counted(devices)} devices of {counted(block)} realisations at a time"
        self._check("tile", 4 * _ARRAYS * devices * block, because)

    def _check(self, name: str, needed: int, because: str) -> None:
        check_memory(name, needed, self.bounds.memory, "limits.memory", because)

    def _join(
        self, workload: Workload, shapes: dict[str, tuple[str, ...]], lengths: dict[str, int]
    ) -> None:
        """Add the metrics of a workload, and the lengths of its own dimensions."""
        shapes |= self._stored(workload)
        for name, length in workload.lengths.items():
            lengths[name] = max(length, lengths.get(name, 0))

    def _common(self) -> dict[str, int]:
        """Lengths of the dimensions that no workload brings."""
        known = {name: len(values) for name, values in COORDINATES.items()}
        return {**known, "realisation": self.realisations, "time": self.times}

    def _stored(self, workload: Workload) -> Mapping[str, tuple[str, ...]]:
        """Dimensions of the metrics that are stored of a workload."""
        measured = available(workload.measures | ({DRAWS} if self.draws else frozenset()))
        chosen = measured if self.metrics is None else set(self.metrics) & measured.keys()
        return {name: METRICS[name].dims for name in chosen or measured}
