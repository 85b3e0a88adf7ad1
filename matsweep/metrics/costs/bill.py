"""Energy, latency and area of matrices on tiles, component by component.

All but the cells' energy, which needs the simulated currents, follows from the scenario and the
layouts alone. Left out everywhere: control, clocks, sample-and-holds (0.1 % of ISAAC's power),
links between chips, and the buffers of images before the first layer's.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, replace

import numpy as np

from matsweep.core.streams import FloatArray
from matsweep.crossbar import Layout, Sequence, sequence
from matsweep.machine import Usage
from matsweep.metrics.costs.census import Census, census, row_sides, transposed_census
from matsweep.metrics.costs.cited import PORT, integrator, sram
from matsweep.metrics.costs.components import Cost
from matsweep.metrics.costs.periphery import INTEGRATING, Circuits, circuits
from matsweep.metrics.costs.settling import read_time
from matsweep.scenario import Scenario

COMPONENTS = (
    "cells",  # devices, with access devices, wires and drivers, while they are read
    "word_lines",  # charging them, and the gate lines of access transistors
    "dac",
    "adc",
    "shift_add",
    "accumulation",  # of the partial sums of several tiles
    "activation",
    "registers",  # of outputs
    "buffers",  # SRAM of each layer's inputs
    "network",  # wires between buffers and tiles, and between tiles
    "leakage",
    "writing",  # pulses, of training only
)
"""The coordinate `component`, in this order."""

_PLACES = {name: place for place, name in enumerate(COMPONENTS)}
_KEPT: dict[Hashable, Bill] = {}
_MOST_KEPT = 1000
_RISING = 0.25  # share of random bits that rise from one word to the next


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
        Of one copy.
    read_time : float, s
        Of one read.
    interval : float, s
        Between samples that a copy takes.
    census : tuple of Census
        Of each layer.
    """

    energy: FloatArray
    latency: FloatArray
    area: FloatArray
    leakage: float
    read_time: float
    interval: float
    census: tuple[Census, ...]

    @property
    def static_energy(self) -> float:
        """Leakage energy during the time that one inference keeps its copy busy, J."""
        return self.leakage * self.interval


def bill(
    scenario: Scenario, layouts: tuple[Layout, ...], usages: tuple[Usage, ...], ends: int
) -> Bill:
    """Return the bill of matrices on tiles; candidates that differ only in devices share it.

    Parameters
    ----------
    scenario : Scenario
    layouts : tuple of Layout
        Of each matrix.
    usages : tuple of Usage
        Of each matrix.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """One layer: its layout on tiles, the use of its parts, and the cost of each.

    `line_cells` is the number of cells along a driven line.
    """

    scenario: Scenario
    layout: Layout
    usage: Usage
    order: Sequence
    count: Census
    parts: Circuits
    buffer: Cost
    line_cells: int

    @property
    def comparisons(self) -> int:
        """Comparisons behind one product, each with its comparator."""
        return dict(self.usage.operations).get("comparison", 0)

    @property
    def words(self) -> int:
        """Number of bits of its inputs."""
        return self.layout.inputs * self.scenario.dac.bits

    @property
    def pitch(self) -> float:
        """Side of a tile with its circuits, taken as a square, m."""
        return math.sqrt(float(_area(self).sum()) / self.layout.tiles)


def _layer(scenario: Scenario, layout: Layout, usage: Usage, *, ends: int) -> _Layer:
    tile, adc = scenario.tile, scenario.adc
    order = sequence(tile, scenario.dac, adc, signed=usage.signed)
    # SRAM that holds the inputs, twice where the next ones arrive meanwhile.
    held = layout.inputs * scenario.dac.bits * (2 if scenario.periphery.pipelined else 1)
    return _Layer(
        scenario=scenario,
        layout=layout,
        usage=usage,
        order=order,
        count=census(layout, tile, adc, order, ends),
        parts=circuits(scenario),
        buffer=sram(held, scenario.periphery.node),
        line_cells=tile.columns // row_sides(layout, scenario.adc),
    )


def _transposed(scenario: Scenario, layout: Layout, usage: Usage) -> _Layer:
    """Return the layer as errors go back through it, of the swapped shape."""
    tile, adc = scenario.tile, scenario.adc
    order = sequence(tile, scenario.dac, adc, signed=True)
    back = replace(
        layout, inputs=layout.outputs, outputs=layout.inputs, row_tiles=layout.column_tiles,
        column_tiles=layout.row_tiles, tile_inputs=layout.tile_outputs,
        tile_outputs=layout.tile_inputs,
    )  # fmt: skip
    compared = (("comparison", usage.inputs),)
    return _Layer(
        scenario=scenario,
        layout=back,
        usage=Usage(usage.outputs, usage.inputs, signed=True, operations=compared),
        order=order,
        count=transposed_census(layout, tile, adc, order),
        parts=circuits(scenario),
        buffer=sram(back.inputs * scenario.dac.bits, scenario.periphery.node),
        line_cells=tile.rows,
    )


def _bill(
    scenario: Scenario, layouts: tuple[Layout, ...], usages: tuple[Usage, ...], ends: int
) -> Bill:
    reading = read_time(scenario)
    energy, latency, area = (np.zeros(len(COMPONENTS)) for _ in range(3))
    leakage, slowest, counts = 0.0, 0.0, []
    for layout, usage in zip(layouts, usages, strict=True):
        layer = _layer(scenario, layout, usage, ends=ends)
        passed = _latency(layer, reading)
        energy = energy + usage.uses * _energy(layer, layer.pitch)
        latency, area = latency + usage.uses * passed, area + _area(layer)
        leakage += _leakage(layer)
        slowest = max(slowest, usage.uses * _slowest(passed))
        counts.append(layer.count)
    passing = exact(latency)
    return Bill(
        energy=energy,
        latency=passing,
        area=exact(area * scenario.periphery.replication),
        leakage=leakage,
        read_time=reading,
        interval=slowest if scenario.periphery.pipelined else float(passing.sum()),
        census=tuple(counts),
    )


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
        Of each matrix.
    usages : tuple of Usage
        Of each matrix.

    Returns
    -------
    energy : (component,) array, J
        Dynamic energy.
    time : float, s
    """
    tile = scenario.tile
    turned = replace(scenario, tile=replace(tile, rows=tile.columns, columns=tile.rows, cells=1))
    energy, time = np.zeros(len(COMPONENTS)), 0.0
    for layout, usage in zip(layouts, usages, strict=True):
        if not usage.uses_back:
            continue
        pitch = _layer(scenario, layout, usage, ends=1).pitch
        layer = _transposed(scenario, layout, usage)
        energy += usage.uses_back * _energy(layer, pitch)
        time += usage.uses_back * float(_latency(layer, read_time(turned)).sum())
    return energy, time


def _by_component(**terms: float) -> FloatArray:
    """Order terms as `COMPONENTS`, 0 where there is none."""
    ordered = np.zeros(len(COMPONENTS))
    for name, value in terms.items():
        ordered[_PLACES[name]] = value
    return ordered


def _energy(layer: _Layer, pitch: float) -> FloatArray:
    """Return the dynamic energy of a layer in one inference, without its cells, J.

    Word lines: C V² for each driven one, over the whole width of its array, in every read: an upper
    bound, as an input below the largest charges to less; bit lines stay at their virtual ground.
    The gate lines of the rows' access transistors (`Gates`). Converters (with their integrators),
    additions and comparisons as counted; each output's register and each input's place in the
    buffer are written and read once. Network: each input travels along all tiles of its row, and to
    it past half of the rows; each partial sum travels to the next tile. Tiles are squares side by
    side, of `pitch` [m].
    """
    scenario, layout, count, parts = layer.scenario, layer.layout, layer.count, layer.parts
    voltage, tile, node = scenario.device.read_voltage, scenario.tile, scenario.periphery.node
    segment = scenario.wires.segment_capacitance(scenario.device.cell_size, node)
    gate = (
        0.0
        if tile.gated is None
        else tile.gated.energy(tile.columns // row_sides(layout, scenario.adc), node)
    )
    tiles = layout.column_tiles + layout.row_tiles / 2
    moved = layer.words * tiles + count.merges * scenario.periphery.accumulator_bits
    return _by_component(
        word_lines=count.lines * layer.line_cells * segment * voltage**2 + count.gates * gate,
        dac=count.dac_conversions * parts.dac.energy,
        adc=count.adc_conversions * (parts.adc.energy + _integration(layer)),
        shift_add=count.additions * parts.shift_add.energy,
        accumulation=count.merges * parts.adder.energy,
        activation=layer.comparisons * parts.comparator.energy,
        registers=2 * count.outputs * parts.register.energy,
        buffers=2 * layer.words * layer.buffer.energy,
        network=_RISING * parts.wire * pitch * moved,
    )


def _integration(layer: _Layer) -> float:
    """Return the energy of integrating the reads of one conversion, J.

    Each phase among them takes that of its cycles.
    """
    periphery, order = layer.scenario.periphery, layer.order
    if order.conversions == order.reads or periphery.adc_source in INTEGRATING:
        return 0.0
    phases = order.reads // order.conversions // order.cycles
    return phases * integrator(order.cycles, periphery.node)


def _latency(layer: _Layer, reading: float) -> FloatArray:
    """Return the time of a layer, s.

    All tiles work at once. Each read takes the conversion of the inputs (all rows at once) and the
    read; each conversion those of the columns that share an ADC one after the other, and one shift
    and addition after the last; earlier ones overlap the conversions. Then the partial sums of
    tiles are added in pairs and all outputs compared. Each row of tiles writes and reads its inputs
    through its own port.
    """
    scenario, count, parts = layer.scenario, layer.count, layer.parts
    words = math.ceil(layer.layout.tile_inputs * scenario.dac.bits / PORT)
    return _by_component(
        cells=count.reads * reading,
        dac=count.reads * parts.dac.latency,
        adc=count.conversion_turns / scenario.adc.sample_rate,
        shift_add=count.conversion_turns // count.turns * parts.shift_add.latency,
        accumulation=count.depth * parts.adder.latency,
        activation=parts.comparator.latency if layer.comparisons else 0.0,
        buffers=2 * words * layer.buffer.latency,
    )


def _slowest(latency: FloatArray) -> float:
    """Return the time between samples of a layer that works as a pipeline, s.

    Its stages: reads with the conversion of their inputs, conversions, additions within and between
    tiles, and the buffer.
    """
    by_name = dict(zip(COMPONENTS, latency.tolist(), strict=True))
    read = by_name["dac"] + by_name["cells"]
    merged = by_name["accumulation"] + by_name["activation"]
    return float(max(read, by_name["adc"], by_name["shift_add"], merged, by_name["buffers"]))


def _area(layer: _Layer) -> FloatArray:
    """Return the area of a layer, m².

    Whole tiles, used or not: their cells (cell_size F², or more where wires need a larger pitch), a
    DAC per row and driven end, their ADCs with a shift-and-add each; an adder, a comparator and a
    register for each output; the buffer's cells. Wires lie above.
    """
    scenario, count, parts = layer.scenario, layer.count, layer.parts
    cell = scenario.wires.pitch(scenario.device.cell_size, scenario.periphery.node) ** 2
    return _by_component(
        cells=count.places * cell,
        dac=count.dacs * parts.dac.area,
        adc=count.adcs * parts.adc.area,
        shift_add=count.adcs * parts.shift_add.area,
        accumulation=min(count.merges, count.outputs) * parts.adder.area,
        activation=layer.comparisons * parts.comparator.area,
        registers=count.outputs * parts.register.area,
        buffers=layer.buffer.area,
    )


def _leakage(layer: _Layer) -> float:
    """Return the static power of a layer's circuits, W."""
    count, parts = layer.count, layer.parts
    total = layer.buffer.leakage + count.dacs * parts.dac.leakage
    total += count.adcs * (parts.adc.leakage + parts.shift_add.leakage)
    total += min(count.merges, count.outputs) * parts.adder.leakage
    total += layer.comparisons * parts.comparator.leakage
    total += count.outputs * parts.register.leakage
    return total


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
        Of the arrays while they are read, all layers and cycles together.

    Returns
    -------
    (…, component) array, J
    """
    terms = np.empty((*power.shape, len(COMPONENTS)))
    terms[:] = bill.energy
    terms[..., _PLACES["cells"]] = power * bill.read_time
    terms[..., _PLACES["leakage"]] = bill.static_energy
    return exact(terms)


def exact(terms: FloatArray) -> FloatArray:
    """Round terms so that their sum is the same in any order, bit for bit.

    To multiples of 2^-48 of the sum's next power of two: by less than 1e-14 of the sum.

    Parameters
    ----------
    terms : (…, component) array
        Not negative; not a number where unknown.

    Returns
    -------
    (…, component) array
        In the terms' unit.
    """
    _, exponent = np.frexp(terms.sum(axis=-1, keepdims=True))
    return np.asarray(np.ldexp(np.rint(np.ldexp(terms, 48 - exponent)), exponent - 48))
