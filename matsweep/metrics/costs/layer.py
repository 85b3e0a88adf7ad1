"""Costs of one matrix on its tiles: energy of an inference, time of a product, area, leakage."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from matsweep.core.streams import FloatArray
from matsweep.crossbar import Layout, Sequence, sequence
from matsweep.machine import Usage
from matsweep.metrics.costs.census import Census, census, row_sides, transposed_census
from matsweep.metrics.costs.cited import PORT, integrator, sram
from matsweep.metrics.costs.components import Cost
from matsweep.metrics.costs.digital import UNITS
from matsweep.metrics.costs.periphery import INTEGRATING, Circuits, circuits
from matsweep.metrics.costs.schedule import Stage
from matsweep.metrics.costs.settling import read_time
from matsweep.metrics.costs.terms import PLACES, by_component
from matsweep.scenario import Scenario

_DIGITAL_BITS = 8
"""Of a weight that stays digital, as those of the int8 engine (`baselines`)."""
_NONE = Cost(energy=0.0, latency=0.0, area=0.0, leakage=0.0)
_RISING = 0.25  # share of random bits that rise from one word to the next


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One matrix, or one pack of a block-diagonal one: its layout, its use, and its parts' costs.

    Parameters
    ----------
    scenario : Scenario
    layout : Layout
    usage : Usage
    order : Sequence
    count : Census
    parts : Circuits
    buffer : Cost
        SRAM of its inputs.
    memory : Cost
        SRAM of the weights behind it that stay digital.
    line_cells : int
        Cells along a driven line.
    """

    scenario: Scenario
    layout: Layout
    usage: Usage
    order: Sequence
    count: Census
    parts: Circuits
    buffer: Cost
    memory: Cost
    line_cells: int

    @property
    def operations(self) -> dict[str, int]:
        """Digital operations of one inference, by kind."""
        return {kind: number for kind, number in self.usage.operations if number}

    @property
    def units(self) -> dict[str, int]:
        """Digital units by kind.

        One comparator for each comparison of a product. Of the others as many as are through with
        the operations behind a product within that product's own time on the tiles, which the
        kinds share equally: they follow each other.
        """
        behind = {kind: -(-number // _products(self.usage))
                  for kind, number in self.operations.items()}  # fmt: skip
        others = [kind for kind in behind if kind != "comparison"]
        lasting = _lasting(self) / max(len(others), 1)
        return behind | {
            kind: _units(behind[kind], self.parts.digital[kind].latency, lasting) for kind in others
        }

    @property
    def turns(self) -> dict[str, int]:
        """Operations behind a product that each digital unit does, one after the other, by kind."""
        units = self.units
        return {
            kind: -(-number // (_products(self.usage) * units[kind]))
            for kind, number in self.operations.items()
        }

    @property
    def words(self) -> int:
        """Number of bits of the inputs of one product."""
        return self.layout.inputs * self.scenario.dac.bits

    @property
    def pitch(self) -> float:
        """Side of a tile with its circuits, taken as a square, m."""
        return math.sqrt(float(area(self).sum()) / self.layout.tiles)


def forward(scenario: Scenario, layout: Layout, usage: Usage, *, ends: int) -> Layer:
    """Return a matrix as inputs go through it.

    The SRAM of its inputs holds what one product after the other needs (`Usage.buffered`), and in a
    pipeline the values that arrive during one product.

    Parameters
    ----------
    scenario : Scenario
    layout : Layout
    usage : Usage
    ends : int
        Driven ends of a word line.

    Returns
    -------
    Layer
    """
    tile, adc = scenario.tile, scenario.adc
    order = sequence(tile, scenario.dac, adc, signed=usage.signed)
    held = usage.buffered
    if scenario.periphery.pipelined:
        held += -(-usage.arriving // _products(usage))
    return Layer(
        scenario=scenario,
        layout=layout,
        usage=usage,
        order=order,
        count=census(layout, tile, adc, order, ends),
        parts=circuits(scenario),
        buffer=sram(held * scenario.dac.bits, scenario.periphery.node),
        memory=_memory(usage, scenario.periphery.node),
        line_cells=tile.columns // row_sides(layout, scenario.adc),
    )


def transposed(scenario: Scenario, layout: Layout, usage: Usage) -> Layer:
    """Return a matrix as errors go back through it, of the swapped shape.

    What comes back at the positions of a convolution is added up to the map that it read.

    Parameters
    ----------
    scenario : Scenario
    layout : Layout
    usage : Usage
        All of the forward product.

    Returns
    -------
    Layer
        Its uses are the transposed ones.
    """
    tile, adc = scenario.tile, scenario.adc
    order = sequence(tile, scenario.dac, adc, signed=True)
    back = replace(
        layout, inputs=layout.outputs, outputs=layout.inputs, row_tiles=layout.column_tiles,
        column_tiles=layout.row_tiles, tile_inputs=layout.tile_outputs,
        tile_outputs=layout.tile_inputs,
    )  # fmt: skip
    values = usage.inputs * usage.uses_back
    added = 0 if usage.fresh is None else max(values - usage.fresh, 0)  # where windows overlap
    operations = (*((("addition", added),) if added else ()), ("comparison", values))
    return Layer(
        scenario=scenario,
        layout=back,
        usage=Usage(
            usage.outputs, usage.inputs, signed=True, uses=usage.uses_back, operations=operations
        ),
        order=order,
        count=transposed_census(layout, tile, adc, order),
        parts=circuits(scenario),
        buffer=sram(back.inputs * scenario.dac.bits, scenario.periphery.node),
        memory=_NONE,
        line_cells=tile.rows,
    )


def energy(layer: Layer, pitch: float) -> FloatArray:
    """Return the dynamic energy of a layer in one inference, without its cells.

    Word lines: C V² for each driven one, over the whole width of its array, in every read: an upper
    bound, as an input below the largest charges to less; bit lines stay at their virtual ground.
    The gate lines of the rows' access transistors (`Gates`). Converters (with their integrators),
    additions and digital operations as counted; each output's register is written and read once in
    a product. Buffer: each value that arrives is written once, each product reads its inputs, and
    each weight that stays digital is read once.
    Network: each input travels along all tiles of its row, and to it past half of the rows; each
    partial sum travels to the next tile. Tiles are squares side by side.

    Parameters
    ----------
    layer : Layer
    pitch : float, m
        Side of a tile.

    Returns
    -------
    (component,) array, J
    """
    scenario, layout, count, parts = layer.scenario, layer.layout, layer.count, layer.parts
    voltage, tile, node = scenario.device.read_voltage, scenario.tile, scenario.periphery.node
    segment = scenario.wires.segment_capacitance(scenario.device.cell_size, node)
    gate = (
        0.0
        if tile.gated is None
        else tile.gated.energy(tile.columns // row_sides(layout, scenario.adc), node)
    )
    uses = layer.usage.uses
    tiles = layout.column_tiles + layout.row_tiles / 2
    moved = layer.words * tiles + count.merges * scenario.periphery.accumulator_bits
    product = by_component(
        word_lines=count.lines * layer.line_cells * segment * voltage**2 + count.gates * gate,
        dac=count.dac_conversions * parts.dac.energy,
        adc=count.adc_conversions * (parts.adc.energy + _integration(layer)),
        shift_add=count.additions * parts.shift_add.energy,
        accumulation=count.merges * parts.adder.energy,
        registers=2 * count.outputs * parts.register.energy,
        network=_RISING * parts.wire * pitch * moved,
    )
    stored = layer.usage.arriving * scenario.dac.bits + uses * layer.words
    return uses * product + by_component(
        buffers=stored * layer.buffer.energy
        + _DIGITAL_BITS * layer.usage.stored * layer.memory.energy,
        **{UNITS[k]: n * parts.digital[k].energy for k, n in layer.operations.items()},
    )


def _integration(layer: Layer) -> float:
    """Return the energy of integrating the reads of one conversion, J.

    Each phase among them takes that of its cycles.
    """
    periphery, order = layer.scenario.periphery, layer.order
    if order.conversions == order.reads or periphery.adc_source in INTEGRATING:
        return 0.0
    phases = order.reads // order.conversions // order.cycles
    return phases * integrator(order.cycles, periphery.node)


def latency(layer: Layer, reading: float) -> FloatArray:
    """Return the time of one product of a layer.

    All tiles work at once. Each read takes the conversion of the inputs (all rows at once) and the
    read; each conversion those of the columns that share an ADC one after the other, and one shift
    and addition after the last; earlier ones overlap the conversions. Then the partial sums of
    tiles are added in pairs, and the digital operations follow kind by kind, those of a kind in as
    many turns as its units need (`Layer.turns`). Each row of tiles writes the inputs that arrive
    for a product, and reads all of them, through its own port.

    Parameters
    ----------
    layer : Layer
    reading : float, s
        Of one read.

    Returns
    -------
    (component,) array, s
    """
    digital = {UNITS[kind]: n * layer.parts.digital[kind].latency
               for kind, n in layer.turns.items()}  # fmt: skip
    return _analog(layer, reading) + by_component(**digital)


def _analog(layer: Layer, reading: float) -> FloatArray:
    """Return the time of one product without digital operations, (component,) array, s."""
    scenario, count, parts, usage = layer.scenario, layer.count, layer.parts, layer.usage
    bits, inputs = layer.layout.tile_inputs * scenario.dac.bits, usage.inputs * _products(usage)
    written = -(-bits * usage.arriving // (inputs * PORT))
    return by_component(
        cells=count.reads * reading,
        dac=count.reads * parts.dac.latency,
        adc=count.conversion_turns / scenario.adc.sample_rate,
        shift_add=count.conversion_turns // count.turns * parts.shift_add.latency,
        accumulation=count.depth * parts.adder.latency,
        buffers=(written + math.ceil(bits / PORT)) * layer.buffer.latency,
    )


def _lasting(layer: Layer) -> float:
    """Return the time that digital units have for the operations behind a product, s.

    That of the product on its tiles; in a pipeline that of the slowest stage, which they then do
    not slow down, less the additions and the comparison in their own stage.
    """
    times, usage = _analog(layer, read_time(layer.scenario)), layer.usage
    if not layer.scenario.periphery.pipelined or usage.recurrent:
        return float(times.sum())
    stage = Stage(uses=usage.uses, latency=times, held=0, arriving=0, recurrent=False)
    compared = "comparison" in layer.operations
    own = times[PLACES["accumulation"]] + compared * layer.parts.digital["comparison"].latency
    return stage.interval - float(own)


def _units(operations: int, latency: float, lasting: float) -> int:
    """Return the units that do operations within a time, each at least one of them."""
    turns = math.floor(lasting / latency * (1 + 1e-9))
    return -(-operations // max(turns, 1))


def area(layer: Layer, count: Census | None = None) -> FloatArray:
    """Return the area of a layer.

    Whole tiles, used or not: their cells (cell_size F², or more where wires need a larger pitch), a
    DAC per row and driven end, their ADCs with a shift-and-add each; an adder and a register for
    each output, and the digital units; the cells of the buffer and of the memory of digital
    weights. Wires lie above.

    Parameters
    ----------
    layer : Layer
    count : Census or None
        Another one than its own, such as without the tiles that another layer brings.

    Returns
    -------
    (component,) array, m²
    """
    scenario, count, parts = layer.scenario, count or layer.count, layer.parts
    cell = scenario.wires.pitch(scenario.device.cell_size, scenario.periphery.node) ** 2
    return by_component(
        cells=count.places * cell,
        dac=count.dacs * parts.dac.area,
        adc=count.adcs * parts.adc.area,
        shift_add=count.adcs * parts.shift_add.area,
        accumulation=min(count.merges, count.outputs) * parts.adder.area,
        registers=count.outputs * parts.register.area,
        buffers=layer.buffer.area + layer.memory.area,
        **{UNITS[kind]: n * parts.digital[kind].area for kind, n in layer.units.items()},
    )


def leakage(layer: Layer, count: Census | None = None, copies: int = 1) -> float:
    """Return the static power of a layer's circuits.

    Parameters
    ----------
    layer : Layer
    count : Census or None
        As in `area`.
    copies : int
        Of all but the buffer and the memory of digital weights.

    Returns
    -------
    float, W
    """
    count, parts = count or layer.count, layer.parts
    total = layer.buffer.leakage + layer.memory.leakage + copies * count.dacs * parts.dac.leakage
    total += copies * count.adcs * (parts.adc.leakage + parts.shift_add.leakage)
    total += copies * min(count.merges, count.outputs) * parts.adder.leakage
    for kind, number in layer.units.items():
        total += copies * number * parts.digital[kind].leakage
    return total + copies * count.outputs * parts.register.leakage


def _memory(usage: Usage, node: float) -> Cost:
    return sram(_DIGITAL_BITS * usage.stored, node) if usage.stored else _NONE


def _products(usage: Usage) -> int:
    """Return the products of one inference, at least one."""
    return max(usage.uses, 1)
