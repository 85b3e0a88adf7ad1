"""Energy, latency and area of matrices on tiles, component by component.

All but the cells' energy, which needs the simulated currents, follows from the scenario and the
layouts alone. Left out everywhere: control, clocks, sample-and-holds (0.1 % of ISAAC's power),
links between chips, the buffers of images before the first layer's, and memory of values that
skip layers.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.crossbar import Layout
from matsweep.machine import Usage
from matsweep.metrics.costs import layer as parts
from matsweep.metrics.costs.census import Census
from matsweep.metrics.costs.layer import Layer
from matsweep.metrics.costs.schedule import Stage, Station, balanced, interval, passing
from matsweep.metrics.costs.settling import read_time
from matsweep.metrics.costs.sharing import shared_tiles
from matsweep.metrics.costs.terms import COMPONENTS, PLACES, exact
from matsweep.scenario import Scenario

_KEPT: dict[Hashable, Bill] = {}
_MOST_KEPT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """Energy, latency and area of one inference, and its circuits.

    Parameters
    ----------
    energy : (component,) array, J
        Without the cells' energy and without leakage.
    latency : (component,) array, s
        It adds up exactly, in any order.
    area : (component,) array, m²
        Of all copies; it adds up exactly, in any order.
    leakage : float, W
        Of one copy of the network.
    read_time : float, s
        Of one read.
    interval : float, s
        Between samples that a copy of the network takes.
    census : tuple of Census
        Of each layer, or pack of one; tiles that several share are those of the first of them.
    copies : tuple of int
        Of each layer or pack, in one copy of the network.
    used : int
        Devices of one copy of the network that hold weights, or are references: without those off
        the diagonal of blocks.
    """

    energy: FloatArray
    latency: FloatArray
    area: FloatArray
    leakage: float
    read_time: float
    interval: float
    census: tuple[Census, ...]
    copies: tuple[int, ...]
    used: int

    @property
    def static_energy(self) -> float:
        """Leakage energy during the time that one inference keeps its copy busy, J."""
        return self.leakage * self.interval

    @property
    def devices(self) -> int:
        """Programmed devices of one copy of the network."""
        return sum(n * count.devices for n, count in zip(self.copies, self.census, strict=True))

    @property
    def places(self) -> int:
        """Cross points of one copy of the network."""
        return sum(n * count.places for n, count in zip(self.copies, self.census, strict=True))


def bill(
    scenario: Scenario, layouts: tuple[Layout, ...], usages: tuple[Usage, ...], ends: int
) -> Bill:
    """Return the bill of matrices on tiles; candidates that differ only in devices share it.

    Parameters
    ----------
    scenario : Scenario
    layouts : tuple of Layout
        Of each matrix, or pack of one.
    usages : tuple of Usage
        Of each of them.
    ends : int
        Driven ends of a word line.

    Returns
    -------
    Bill
    """
    device = scenario.device
    key = (
        scenario.tile, scenario.dac, scenario.adc, scenario.periphery, scenario.wires,
        device.cell_size, device.read_voltage, layouts, usages, ends,
    )  # fmt: skip
    if key not in _KEPT:
        if len(_KEPT) >= _MOST_KEPT:
            _KEPT.clear()
        _KEPT[key] = _bill(scenario, layouts, usages, ends)
    return _KEPT[key]


def _bill(
    scenario: Scenario, layouts: tuple[Layout, ...], usages: tuple[Usage, ...], ends: int
) -> Bill:
    reading, periphery = read_time(scenario), scenario.periphery
    layers = [
        parts.forward(scenario, layout, usage, ends=ends)
        for layout, usage in zip(layouts, usages, strict=True)
    ]
    packs = matrices(usages)
    stages = [_stage([layers[i] for i in pack], reading) for pack in packs]
    tiles = shared_tiles(layouts, scenario.tile)
    census = _hosted([layer.count for layer in layers], tiles)
    stations = _stations(packs, tiles, census)
    each = [1] * len(stations)
    if periphery.balanced_over is not None:
        each = list(balanced(stages, stations, periphery.balanced_over))
    copies = {i: n for n, station in zip(each, stations, strict=True) for i in station.stages}
    energy, area, leakage, numbers = np.zeros(len(COMPONENTS)), np.zeros(len(COMPONENTS)), 0.0, []
    for matrix, pack in enumerate(packs):
        for place in pack:
            layer, count, number = layers[place], census[place], copies[matrix]
            energy = energy + parts.energy(layer, layer.pitch)
            area = area + _copied(parts.area(layer, count), number)
            leakage += parts.leakage(layer, count, number)
            numbers.append(number)
    latency, between = _time(stages, stations, each, pipelined=periphery.pipelined)
    return Bill(
        energy=energy,
        latency=latency,
        area=exact(area * periphery.replication),
        leakage=leakage,
        read_time=reading,
        interval=between,
        census=tuple(census),
        copies=tuple(numbers),
        used=sum(n * _held(p, u) for n, p, u in zip(numbers, layouts, usages, strict=True)),
    )


def _time(
    stages: Sequence[Stage], stations: Sequence[Station], copies: Sequence[int], *, pipelined: bool
) -> tuple[FloatArray, float]:
    """Return the time of one inference by component, and between inferences, s."""
    if not pipelined:
        total = np.zeros(len(COMPONENTS))
        for each in stages:
            total = total + each.uses * each.latency
        return exact(total), float(exact(total).sum())
    waits = [interval(stages, s, n) for s, n in zip(stations, copies, strict=True)]
    numbers, shared = [1] * len(stages), [False] * len(stages)
    for station, number in zip(stations, copies, strict=True):
        for stage in station.stages:
            numbers[stage], shared[stage] = number, len(station.stages) > 1
    return exact(passing(stages, numbers, shared)), max(waits, default=0.0)


def matrices(usages: Sequence[Usage]) -> list[list[int]]:
    """Return the indices of the packs of each matrix, which work at the same time.

    Parameters
    ----------
    usages : sequence of Usage

    Returns
    -------
    list of lists of int
    """
    packs: list[list[int]] = []
    for index, usage in enumerate(usages):
        if usage.part == 0:
            packs.append([])
        packs[-1].append(index)
    return packs


def _stage(layers: Sequence[Layer], reading: float) -> Stage:
    """Return the packs of one matrix as one stage: each part takes the time of the slowest pack."""
    first = layers[0].usage
    return Stage(
        uses=first.uses,
        latency=np.maximum.reduce([parts.latency(layer, reading) for layer in layers]),
        held=sum(layer.usage.buffered for layer in layers),
        arriving=sum(layer.usage.arriving for layer in layers),
        recurrent=first.recurrent,
    )


def _hosted(counts: Sequence[Census], tiles: Sequence[Sequence[int]]) -> list[Census]:
    """Return the census of each layer, in which only the first on a shared tile brings it."""
    guests = {index for shared in tiles for index in shared[1:]}
    return [
        replace(count, tiles=0, dacs=0, adcs=0, places=0) if index in guests else count
        for index, count in enumerate(counts)
    ]


def _stations(
    packs: Sequence[Sequence[int]], tiles: Sequence[Sequence[int]], counts: Sequence[Census]
) -> list[Station]:
    """Join the matrices that share tiles, directly or through others."""
    owner = {index: stage for stage, pack in enumerate(packs) for index in pack}
    joined = list(range(len(packs)))
    for shared in tiles:
        stages = {joined[owner[index]] for index in shared}
        joined = [min(stages) if each in stages else each for each in joined]
    numbers = [sum(counts[index].tiles for index in pack) for pack in packs]
    return [
        Station(
            stages=tuple(members := [i for i, each in enumerate(joined) if each == first]),
            tiles=sum(numbers[i] for i in members),
        )
        for first in sorted(set(joined))
    ]


def _held(layout: Layout, usage: Usage) -> int:
    """Return the devices of a layer that hold weights or are references."""
    columns = layout.columns * layout.mapping.arms // usage.blocks + layout.references
    return layout.inputs * layout.cells * columns


def _copied(area: FloatArray, copies: int) -> FloatArray:
    """Return the area of copies of a layer, which share out the places of one buffer."""
    every = area * copies
    every[PLACES["buffers"]] = area[PLACES["buffers"]]
    return every


def read_back(
    scenario: Scenario, layouts: tuple[Layout, ...], usages: tuple[Usage, ...]
) -> tuple[FloatArray, float]:
    """Return the cost of carrying one sample's errors back through the tiles, without the cells.

    Matrices with transposed uses are read with columns driven and rows converted
    (`transposed_census`). Errors have both signs, and are carried as the inputs of a layer of the
    swapped shape; the converters are taken to be the forward ones, switched over.

    Parameters
    ----------
    scenario : Scenario
    layouts : tuple of Layout
        Of each matrix, or pack of one.
    usages : tuple of Usage
        Of each of them.

    Returns
    -------
    energy : (component,) array, J
        Dynamic energy.
    time : float, s
    """
    tile = scenario.tile
    turned = replace(scenario, tile=replace(tile, rows=tile.columns, columns=tile.rows, cells=1))
    energy, time = np.zeros(len(COMPONENTS)), 0.0
    for pack in matrices(usages):
        longest = 0.0
        for index in pack:
            layout, usage = layouts[index], usages[index]
            if not usage.uses_back:
                continue
            pitch = parts.forward(scenario, layout, usage, ends=1).pitch
            layer = parts.transposed(scenario, layout, usage)
            energy += parts.energy(layer, pitch)
            passed = float(parts.latency(layer, read_time(turned)).sum())
            longest = max(longest, usage.uses_back * passed)
        time += longest
    return energy, time


def itemised(bill: Bill, power: FloatArray) -> FloatArray:
    """Return the energy of one inference by component.

    Cells: the total power dissipated by devices, access devices, wires, drivers and sense
    amplifiers' inputs (sum V² G of the devices without wires), averaged over the samples' real
    inputs, times the read time. Columns that share an ADC are sampled together and held, so the
    array is read once in each cycle and phase.

    Parameters
    ----------
    bill : Bill
    power : (…) array, W
        Of the arrays while they are read: all layers, products and cycles of one inference
        together.

    Returns
    -------
    (…, component) array, J
    """
    terms = np.empty((*power.shape, len(COMPONENTS)))
    terms[:] = bill.energy
    terms[..., PLACES["cells"]] = power * bill.read_time
    terms[..., PLACES["leakage"]] = bill.static_energy
    return exact(terms)
