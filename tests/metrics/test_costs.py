"""Energy, latency and area by hand calculation.

Published figures of components are rows of `matsweep validate` (`tests/validation/test_rows.py`).
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.optimize import brentq

from matsweep.core.checks import UserError
from matsweep.crossbar import ADC, DAC, Gates, Ideal, Metal, Resistances, Tile, layout, sequence
from matsweep.devices import AnalogDevice, WritePulse
from matsweep.machine import Usage
from matsweep.metrics import COORDINATES, METRICS, Evaluation, available, check_costs, needs
from matsweep.metrics.costs import cited, components
from matsweep.metrics.costs.baselines import BASELINES, baseline_energy, engine_energy
from matsweep.metrics.costs.bill import read_back
from matsweep.metrics.costs.census import census, transposed_census
from matsweep.metrics.costs.periphery import ADC_SOURCES, circuits, converter_costs
from matsweep.metrics.costs.settling import elmore, settling_time
from matsweep.metrics.costs.technology import leakage
from matsweep.metrics.costs.terms import COMPONENTS, exact
from matsweep.scenario import Periphery, Scenario
from matsweep.workloads import COSTS, MLP, InSitu


def scenario(levels=None, tile=None, adc=None, dac=None, wires=None, gates=None, **device):
    return Scenario(
        material="test",
        device=AnalogDevice(
            **{
                "g_min": 1e-6,
                "g_max": 25e-6,
                "read_voltage": 0.2,
                "cell_size": 16.0,
                "levels": levels,
                **device,
            }
        ),
        tile=dataclasses.replace(tile or Tile(rows=128, columns=128, read_time=1e-8), gates=gates),
        dac=dac or DAC(bits=8),
        wires=wires or Ideal(),
        adc=adc or ADC(bits=8, sample_rate=1e9, sharing=8),
        periphery=Periphery(node=22e-9, accumulator_bits=16, adc_source="regression"),
        workload=MLP(),
        times=(1.0,),
    )


def inferred(correct, power):
    nothing = np.zeros_like(correct)
    return {"correct": correct, "array_power": power, "vmm_error": nothing, "saturated": nothing}


SHAPES = ((64, 54), (54, 10))


def near(value, rel=1e-6):
    """Compare relatively: pytest's absolute tolerance of 1e-12 exceeds most of these joules."""
    return pytest.approx(value, rel=rel, abs=0)


def used(shapes, signed, back=0):
    return tuple(
        Usage(i, o, sign, 1, back if layer else 0, (("comparison", o),))
        for layer, ((i, o), sign) in enumerate(zip(shapes, signed, strict=True))
    )


def run(case, shapes=SHAPES, power=1e-3, signed=(False, False)):
    plans = tuple(layout(i, o, case.tile, case.device.levels) for i, o in shapes)
    measures = inferred(np.array([[0.9]]), np.array([[power]]))
    return Evaluation(scenario=case, usages=used(shapes, signed), layouts=plans, measures=measures)


def value(name, case, **given):
    return float(np.asarray(METRICS[name].compute(run(case, **given))).squeeze())


def part(name, component, case, **given):
    """Return one component of a breakdown."""
    terms = np.asarray(METRICS[f"{name}_breakdown"].compute(run(case, **given))).squeeze()
    return float(terms[COMPONENTS.index(component)])


PARTS = (components.dac(8, 22e-9), components.adc(8, 22e-9, 1e9),
         components.shift_add(16, 22e-9), components.register(16, 22e-9))  # fmt: skip
ADDER, COMPARATOR = components.adder(16, 22e-9), components.comparator(16, 22e-9)


def test_energy_of_an_analog_perceptron_by_hand():
    """Two tiles: 64 + 54 input and 54 + 10 output conversions."""
    dac, adc, add, register = PARTS
    case = scenario()
    buffers = [cited.sram(64 * 8, 22e-9), cited.sram(54 * 8, 22e-9)]
    expected = {
        "cells": 1e-3 * 1e-8,
        "word_lines": 0.0,
        "dac": 118 * dac.energy,
        "adc": 64 * adc.energy,
        "shift_add": 64 * add.energy,
        "accumulation": 0.0,
        "activation": 64 * COMPARATOR.energy,
        "registers": 2 * 64 * register.energy,
        "buffers": 2 * 8 * (64 * buffers[0].energy + 54 * buffers[1].energy),
        "writing": 0.0,
    }
    for name, wanted in expected.items():
        assert part("energy", name, case) == near(wanted), name


def test_leakage_by_hand():
    """Of 16 ADCs, 64 comparators and two buffers, for as long as the inference takes."""
    _, adc, _, _ = PARTS
    buffers = sum(cited.sram(8 * units, 22e-9).leakage for units in (64, 54))
    power = 16 * adc.leakage + 64 * COMPARATOR.leakage + buffers
    assert value("static_power", scenario()) == near(power)
    wanted = power * value("latency", scenario())
    assert part("energy", "leakage", scenario()) == near(wanted)


def test_inputs_and_partial_sums_travel_along_tiles():
    """300 inputs of 8 bits pass 1 + 3/2 tiles; 2 × 10 sums of 16 bits one; a quarter rises."""
    case, shapes = scenario(), ((300, 10),)
    area = value("area", case, shapes=shapes, signed=(False,))
    moved = 300 * 8 * (1 + 1.5) + 20 * 16
    wanted = 0.25 * 2e-10 * 0.7**2 * np.sqrt(area / 3) * moved
    found = part("energy", "network", case, shapes=shapes, signed=(False,))
    assert found == near(wanted)


def test_partial_sums_of_tiles_are_added_in_pairs():
    """Of five tiles of rows: four additions for each output, three after one another."""
    case = scenario()
    given = {"shapes": ((600, 10),), "signed": (False,)}
    assert part("energy", "accumulation", case, **given) == near(40 * ADDER.energy)
    assert part("latency", "accumulation", case, **given) == near(3 * ADDER.latency)
    assert part("area", "accumulation", case, **given) == near(10 * ADDER.area)


def test_latency_of_an_analog_perceptron_by_hand():
    """Inputs of 512 and 432 bits go through a port of 256 twice: written, read."""
    dac, _, add, _ = PARTS
    cycle = cited.sram(512, 22e-9).latency
    expected = {
        "dac": 2 * dac.latency,
        "cells": 2 * 1e-8,
        "adc": 2 * 8e-9,
        "shift_add": 2 * add.latency,
        "activation": 2 * COMPARATOR.latency,
        "buffers": (2 + 2) * 2 * cycle,
    }
    for name, wanted in expected.items():
        assert part("latency", name, scenario()) == near(wanted), name
    assert value("latency", scenario()) == near(sum(expected.values()))


def test_area_of_an_analog_perceptron_by_hand():
    dac, adc, add, register = PARTS
    expected = {
        "cells": 2 * 128 * 128 * 16 * 22e-9**2,
        "dac": 2 * 128 * dac.area,
        "adc": 2 * 8 * adc.area,
        "shift_add": 2 * 8 * add.area,
        "activation": 64 * COMPARATOR.area,
        "registers": 64 * register.area,
        "buffers": (512 + 432) * 280 * 22e-9**2,
    }
    for name, wanted in expected.items():
        assert part("area", name, scenario()) == near(wanted), name
    assert value("area", scenario()) == near(sum(expected.values()))


@pytest.mark.parametrize("name", ["energy", "latency", "area"])
@pytest.mark.parametrize("rows", [16, 100, 128])
def test_components_add_up_exactly_in_any_order(name, rows):
    case = scenario(tile=Tile(rows=rows, columns=96), wires=Metal())
    terms = np.asarray(METRICS[f"{name}_breakdown"].compute(run(case, power=1.234567e-3)))
    total = np.asarray(METRICS[name].compute(run(case, power=1.234567e-3)))
    for order in range(len(COMPONENTS)):
        rolled = np.roll(terms, order, axis=-1).reshape(-1, len(COMPONENTS))
        assert all(sum(row) == found for row, found in zip(rolled, total.ravel(), strict=True))
        np.testing.assert_array_equal(rolled.sum(axis=-1), total.ravel())


def test_rounding_for_exact_sums_is_far_below_any_model():
    terms = np.random.default_rng(0).lognormal(-20, 5, (100, 12))
    assert np.abs(exact(terms) - terms).max(axis=-1) == pytest.approx(0, abs=terms.max() * 1e-14)
    assert not exact(np.zeros((1, 12))).any()
    assert np.isnan(exact(np.array([[1.0, np.nan]]))).any()


def test_bit_slicing_and_row_tiles_are_counted():
    """300 inputs on 3 tiles of rows; 50 outputs × 4 slices × 2 arms on 4 tiles of columns."""
    case = scenario(levels=2, tile=Tile(rows=128, columns=128, weight_bits=5))
    plan = layout(300, 50, case.tile, 2)
    counted = census(plan, case.tile, case.adc)
    assert counted.tiles == 3 * 4
    assert counted.dac_conversions == 300 * 4
    assert counted.adc_conversions == counted.additions == 50 * 4 * 3
    assert counted.adcs == 12 * 8
    assert counted.dacs == 12 * 128
    assert counted.turns == 8


@pytest.mark.parametrize("mapping", ["differential", "reference", "offset"])
@pytest.mark.parametrize(
    ("levels", "cells", "columns"), [(None, 1, 128), (None, 2, 16), (2, 3, 16)]
)
def test_devices_are_as_many_as_have_a_place_in_an_array(mapping, levels, cells, columns):
    """References of every slice in every tile of columns included."""
    case = scenario(
        levels=levels,
        tile=Tile(rows=24, columns=columns, mapping=mapping, weight_bits=3, cells=cells),
    )
    plan = layout(30, 25, case.tile, levels)
    places = plan.places()
    assert places.shape[0] == plan.column_tiles
    assert places.shape[1] <= columns
    counted = census(plan, case.tile, case.adc)
    assert counted.devices == 30 * cells * np.count_nonzero(places >= 0)
    assert counted.tiles == plan.row_tiles * plan.column_tiles
    assert counted.places == counted.tiles * 24 * columns
    assert counted.dacs == counted.tiles * (24 // cells)
    most = max(np.count_nonzero(array >= 0) for array in places)
    arms = plan.mapping.arms
    references = plan.slices if mapping == "reference" else 0
    assert most == plan.tile_outputs * plan.slices * arms + references
    assert plan.tile_outputs * plan.column_tiles >= 25 > plan.tile_outputs * (plan.column_tiles - 1)


def test_a_narrow_layer_takes_fewer_turns():
    case = scenario(adc=ADC(sharing=32))
    assert census(layout(54, 10, case.tile, None), case.tile, case.adc).turns == 10


@pytest.mark.parametrize(("name", "factor"), [("latency", 1), ("area", 1)])
def test_conductance_moves_neither_latency_nor_area(name, factor):
    assert value(name, scenario(g_max=50e-6)) == factor * value(name, scenario())


def test_array_energy_grows_with_read_time_and_cells_with_their_size():
    short, long = (scenario(tile=Tile(read_time=t)) for t in (1e-8, 3e-8))
    more = value("energy", long) - value("energy", short)
    leak = 2 * 2e-8 * value("static_power", long)
    assert more == near(1e-3 * 2e-8 + leak)
    grown = value("area", scenario(cell_size=32.0)) - value("area", scenario())
    assert grown == near(2 * 128 * 128 * 16 * 22e-9**2)


def test_a_serial_dac_pays_for_each_bit():
    """Seven bits of a signed input, eight of another: reads, conversions and additions alike."""
    _, adc, add, _ = PARTS
    one = components.dac(1, 22e-9)
    serial = scenario(dac=DAC(bits=8, serial=True))
    both = {"signed": (True, False)}
    assert part("latency", "cells", serial, **both) == near(15 * 1e-8)
    assert part("latency", "adc", serial, **both) == near(15 * 8e-9)
    assert part("latency", "shift_add", serial, **both) == near(15 * add.latency)
    inputs, outputs = 7 * 64 + 8 * 54, 7 * 54 + 8 * 10
    assert part("energy", "dac", serial, **both) == near(inputs * one.energy)
    assert part("energy", "adc", serial, **both) == near(outputs * adc.energy)
    assert part("energy", "shift_add", serial, **both) == near(outputs * add.energy)


def test_word_lines_are_charged_to_the_read_voltage():
    """118 lines of 128 segments, 0.2 V; 0.2 fF/µm of metal over cells of 4 F."""
    wires = Resistances(word_resistance=0.0, bit_resistance=0.0, capacitance=2e-17)
    charged = part("energy", "word_lines", scenario(wires=wires))
    assert charged == near(118 * 128 * 2e-17 * 0.2**2)
    metal = part("energy", "word_lines", scenario(wires=Metal()))
    assert metal == near(118 * 128 * 2e-10 * 4 * 22e-9 * 0.2**2)


def test_word_lines_are_charged_in_every_cycle_of_a_serial_dac():
    """Seven bits for 64 lines, eight for 54."""
    serial = DAC(bits=8, serial=True)
    wires = Resistances(word_resistance=0.0, bit_resistance=0.0, capacitance=2e-17)
    case = scenario(dac=serial, wires=wires)
    charged = part("energy", "word_lines", case, signed=(True, False))
    assert charged == near((7 * 64 + 8 * 54) * 128 * 2e-17 * 0.2**2)


@pytest.mark.parametrize(("raised", "times"), [("read", (7, 8)), ("product", (1, 1))])
def test_gates_of_access_transistors_are_raised_with_their_rows(raised, times):
    """Lines of 64 and 54 rows over 128 cells; none in an array without transistors."""
    gates, serial = Gates(raised=raised), DAC(bits=8, serial=True)
    both = {"signed": (True, False)}
    line = (128 * 2.1e-15 + 48e-15) * 22 / 130 * 2.2 * (2.2 - 0.9)
    found = part("energy", "word_lines", scenario(dac=serial, gates=gates), **both)
    assert found == near((times[0] * 64 + times[1] * 54) * line)
    for tile in (Tile(half_selected=1.0), Tile(half_selected=0.1)):
        passive = scenario(dac=serial, tile=tile, gates=gates)
        assert part("energy", "word_lines", passive, **both) == 0


def test_integrated_cycles_take_one_conversion_and_all_their_reads():
    """Seven and eight reads of 54 and 10 columns: a conversion, a turn and an addition for each."""
    _, adc, add, _ = PARTS
    both = {"signed": (True, False)}
    one = components.dac(1, 22e-9)
    case = scenario(
        dac=DAC(bits=8, serial=True),
        adc=ADC(bits=8, sample_rate=1e9, sharing=8, integrates="cycles"),
    )
    held = 54 * cited.integrator(7, 22e-9) + 10 * cited.integrator(8, 22e-9)
    assert part("energy", "adc", case, **both) == near(64 * adc.energy + held)
    neurons = dataclasses.replace(
        case, periphery=dataclasses.replace(case.periphery, adc_source="neuron")
    )
    own = cited.neuron(8, 22e-9, 1e9).energy  # which integrates by itself
    assert part("energy", "adc", neurons, **both) == near(64 * own)
    assert part("energy", "shift_add", case, **both) == near(64 * add.energy)
    assert part("energy", "dac", case, **both) == near((7 * 64 + 8 * 54) * one.energy)
    assert part("latency", "adc", case, **both) == near(2 * 8e-9)
    assert part("latency", "cells", case, **both) == near(15 * 1e-8)
    assert part("latency", "shift_add", case, **both) == near(2 * add.latency)


@pytest.mark.parametrize(
    ("phases", "integrates", "reads", "drives", "conversions"),
    [(2, "read", 2, 1, 2), (4, "read", 4, 2, 4), (4, "cycles", 4, 2, 4), (4, "product", 4, 2, 1)],
)
def test_phases_take_their_reads_and_conversions(phases, integrates, reads, drives, conversions):
    """Of 64 signed inputs: a row is driven in the phases of its input's sign alone."""
    dac, adc, _, _ = PARTS
    wires = Resistances(word_resistance=0.0, bit_resistance=0.0, capacitance=2e-17)
    case = scenario(
        tile=Tile(rows=128, columns=128, read_time=1e-8, phases=phases), wires=wires,
        adc=ADC(bits=8, sample_rate=1e9, sharing=8, integrates=integrates),
    )  # fmt: skip
    given = {"shapes": ((64, 54),), "signed": (True,)}
    assert part("latency", "cells", case, **given) == near(reads * 1e-8)
    assert part("latency", "dac", case, **given) == near(reads * dac.latency)
    assert part("latency", "adc", case, **given) == near(conversions * 8e-9)
    held = 0.0 if conversions == reads else reads // conversions * cited.integrator(1, 22e-9)
    assert part("energy", "adc", case, **given) == near(conversions * 54 * (adc.energy + held))
    assert part("energy", "dac", case, **given) == near(drives * 64 * dac.energy)
    lines = part("energy", "word_lines", case, **given)
    assert lines == near(drives * 64 * 128 * 2e-17 * 0.2**2)


def test_word_lines_driven_at_both_ends_have_two_dacs():
    """118 more conversions; 256 more DACs of area."""
    dac = PARTS[0]
    one, both = (
        scenario(wires=Resistances(word_resistance=1.0, bit_resistance=1.0, driven=driven))
        for driven in ("left", "both")
    )
    assert value("area", both) - value("area", one) == near(2 * 128 * dac.area)
    more = part("energy", "dac", both) - part("energy", "dac", one)
    assert more == near(118 * dac.energy)
    assert value("latency", both) == value("latency", one)


def test_a_read_lasts_until_its_lines_have_settled():
    """Elmore: 128 segments of 10 Ω and 1 fF behind 1 kΩ, twice; nine halvings to half an LSB."""
    wires = Resistances(
        word_resistance=10.0, bit_resistance=10.0, driver_resistance=1e3, sense_resistance=1e3,
        capacitance=1e-15,
    )  # fmt: skip
    delay = 128 * 1e-15 * 1e3 + 10 * 1e-15 * 128 * 129 / 2
    wanted = np.log(2) * 9 * 2 * delay
    slow = scenario(wires=wires, tile=Tile(rows=128, columns=128, read_time=1e-10))
    assert part("latency", "cells", slow) == near(2 * wanted)
    assert part("energy", "cells", slow) == near(1e-3 * wanted)
    patient = scenario(wires=wires, tile=Tile(rows=128, columns=128, read_time=1e-8))
    assert part("latency", "cells", patient) == near(2 * 1e-8)


def settled(lines, bits):
    """Return the exact time to half an LSB of RC ladders in a row, each (segments, R, C, end).

    A word line is driven at its end and passes on the voltage of its far node; by reciprocity a bit
    line passes the current of its far node on to its end in the same way.
    """
    size = sum(segments for segments, *_ in lines)
    system, steady, first = np.zeros((size, size)), np.ones(size), 0
    for segments, resistance, capacitance, end in lines:
        conductances = np.full(segments, 1 / resistance)
        conductances[0] = 1 / (end + resistance)
        for j, g in enumerate(conductances / capacitance):
            at = first + j
            system[at, at] -= g
            if j:
                system[at, at - 1] += g
                system[at - 1, at - 1] -= g
                system[at - 1, at] += g
            elif first:
                system[at, first - 1] += g
        first += segments
    values, vectors = np.linalg.eig(system)
    shares = np.linalg.solve(vectors, steady) * vectors[-1]

    def left(time):
        return abs((shares * np.exp(values * time)).sum())

    late = -np.log(2) * 4 * (bits + 1) / values.real.max()
    return brentq(lambda time: left(time) - 2.0 ** -(bits + 1), 0, late, xtol=1e-9 * late)


@pytest.mark.parametrize(
    ("both", "end", "ratio"), [(False, 0.0, 1.19), (False, 1e5, 1.0), (True, 0.0, 1.72),
                               (True, 1e5, 1.47)],
)  # fmt: skip
def test_settling_is_longer_than_the_exact_time_of_the_ladders(both, end, ratio):
    """Lines of 128 segments of 10 Ω and 1 fF, read to 8 bits; the second line is 1 % longer."""
    wires = Resistances(
        word_resistance=10.0, bit_resistance=10.1 if both else 0.0, driver_resistance=end,
        sense_resistance=end if both else 0.0, capacitance=1e-15,
    )  # fmt: skip
    tile = Tile(rows=128, columns=128, read_time=1e-15)
    estimate = settling_time(scenario(wires=wires, tile=tile))
    lines = [(128, 10.0, 1e-15, end)] + [(128, 10.1, 1e-15, end)] * both
    assert estimate / settled(lines, 8) == pytest.approx(ratio, abs=0.006)


@pytest.mark.parametrize("bits", [2, 4, 12])
@pytest.mark.parametrize("end", [0.0, 100.0, 1e4])
def test_the_estimate_of_settling_is_an_upper_bound_within_its_limits(bits, end):
    """Of one line 1 to π² / 8, of two 1 to twice that, whatever the resolution and the driver."""
    line = (64, 10.0, 1e-15, end)
    wanted = np.log(2) * (bits + 1) * elmore(*line)
    assert 1 <= wanted / settled([line], bits) < np.pi**2 / 8
    other = (64, 10.1, 1e-15, end)
    both = wanted + np.log(2) * (bits + 1) * elmore(*other)
    assert 1 < both / settled([line, other], bits) < np.pi**2 / 4


@pytest.mark.parametrize("node", [5e-9, 7e-9, 22e-9, 65e-9])
@pytest.mark.parametrize("cell_size", [4.0, 100.0, 280.0])
def test_metal_wires_settle_within_a_tenth_of_a_nanosecond(node, cell_size):
    tile = Tile(rows=128, columns=128, read_time=1e-8)
    case = scenario(wires=Metal(), tile=tile, cell_size=cell_size)
    case = dataclasses.replace(case, periphery=Periphery(node=node))
    assert 0 < settling_time(case) < 1e-10


def test_driving_both_ends_halves_the_segments_that_settle():
    def reading(driven):
        wires = Resistances(
            word_resistance=10.0, bit_resistance=0.0, capacitance=1e-14, driven=driven
        )
        return part("latency", "cells", scenario(wires=wires, tile=Tile(read_time=1e-12)))

    assert reading("left") / reading("both") == near(128 * 129 / (64 * 65))


def test_a_pipeline_takes_a_sample_each_time_its_slowest_stage_is_free():
    """Reads of 100 ns in both layers, or 54 conversions at 100 MHz; the latency stays."""

    def case(pipelined, **adc):
        return dataclasses.replace(
            scenario(tile=Tile(read_time=1e-7), adc=ADC(bits=8, sample_rate=1e9, **adc)),
            periphery=Periphery(pipelined=pipelined),
        )

    dac = PARTS[0]
    assert value("throughput", case(True, sharing=8)) == near(1 / (1e-7 + dac.latency))
    slow = ADC(bits=8, sample_rate=1e8, sharing=54)
    converting = dataclasses.replace(case(True), adc=slow)
    assert value("throughput", converting) == near(1 / (54 * 1e-8))
    assert value("throughput", case(False)) == near(1 / value("latency", case(False)))
    assert value("latency", case(True)) == value("latency", case(False))
    leak = value("static_power", case(True)) / value("throughput", case(True))
    assert part("energy", "leakage", case(True)) == near(leak)


def test_copies_multiply_area_power_and_throughput_but_not_energy_or_latency():
    one = scenario()
    four = dataclasses.replace(one, periphery=dataclasses.replace(one.periphery, replication=4))
    for name, factor in {
        "area": 4, "static_power": 4, "throughput": 4, "energy": 1, "latency": 1,
        "tops_per_watt": 1, "tops_per_mm2": 1, "utilisation": 1,
    }.items():  # fmt: skip
        assert value(name, four) == near(factor * value(name, one)), name


def test_operations_count_a_multiplication_and_an_addition_a_weight():
    operations = 2 * (64 * 54 + 54 * 10)
    case = scenario()
    assert value("tops_per_watt", case) == near(operations / value("energy", case) / 1e12)
    density = operations / value("latency", case) / 1e12 / (value("area", case) * 1e6)
    assert value("tops_per_mm2", case) == near(density)


def test_utilisation_counts_both_devices_of_a_weight():
    wanted = 2 * (64 * 54 + 54 * 10) / (2 * 128 * 128)
    assert value("utilisation", scenario()) == near(wanted)
    reference = scenario(tile=Tile(mapping="reference"))
    wanted = (64 * 55 + 54 * 11) / (2 * 128 * 128)
    assert value("utilisation", reference) == near(wanted)


def test_programming_by_hand():
    """2 × 3,996 devices, 20 pulses of 1 pJ; 254 cells at half of 2 V for 100 ns, 13 µS."""
    pulse = WritePulse(
        voltage_up=2.0, time_up=1e-7, voltage_down=2.0, time_down=1e-7, energy=1e-12, count=20
    )
    behind_transistors = scenario(write_pulse=pulse)
    assert value("programming_energy", behind_transistors) == near(7992 * 20e-12)
    passive = scenario(write_pulse=pulse, tile=Tile(half_selected=1.0))
    more = 254 * 1.0**2 * 13e-6 * 1e-7
    found = value("programming_energy", passive)
    assert found == near(7992 * 20 * (1e-12 + more))
    assert np.isnan(value("programming_energy", scenario()))
    unknown = scenario(write_pulse=WritePulse(energy=1e-12, count=1), tile=Tile(half_selected=0.1))
    assert np.isnan(value("programming_energy", unknown))


def test_spread_and_low_percentile_by_hand():
    accuracy = np.array([[0.9], [0.8], [1.0], [0.7]])
    assert METRICS["accuracy_std"].compute(accuracy) == near(np.sqrt(0.05 / 3))
    assert METRICS["accuracy_p05"].compute(accuracy) == near(0.7 + 0.15 * 0.1)
    assert METRICS["accuracy_std"].compute(accuracy[:1]) == 0


def test_leakage_follows_the_nodes_transistors_and_not_their_dynamic_energy():
    """Old nodes leak less: a sixth at 130 nm of what the same circuit leaks at 32 nm.

    By hand, from current per width, supply and feature size; dynamic factors gave 4.65.
    """
    assert leakage(32e-9, 32e-9) == 1
    current, supply = {32: 217.5e-3, 65: 236.9e-3}, {32: 0.9, 65: 1.1}
    wanted = current[65] * supply[65] * 65 / (current[32] * supply[32] * 32)
    assert leakage(65e-9, 32e-9) == near(wanted)
    assert leakage(130e-9, 32e-9) == near(0.16, rel=0.05)
    # FinFETs at 100 nA/µm: current, supply and feature size of 14 and 7 nm over those of 32 nm.
    for node, known, volts in ((14, 100.9e-3, 0.8), (7, 100e-3, 0.7)):
        wanted = known * volts * node / (current[32] * supply[32] * 32)
        assert leakage(node * 1e-9, 32e-9) == near(wanted)
    nodes = [65e-9, 90e-9, 130e-9, 180e-9]
    assert np.all(np.diff([leakage(node, 32e-9) for node in nodes]) < 0)
    assert cited.sram(1, 130e-9).leakage == near(leakage(130e-9, 32e-9) * 3.3e-4 / 2048 / 8)
    for make in (components.adder, components.comparator):
        ratio = make(16, 130e-9).leakage / make(16, 40e-9).leakage
        assert ratio == near(leakage(130e-9, 40e-9))


@pytest.mark.parametrize("node", [22e-9, 65e-9, 130e-9])
def test_the_static_part_of_an_adc_leaves_its_energy_at_full_rate(node):
    """The regression's; at 32 nm a fifth is static, elsewhere as much as transistors leak."""
    rates = (1e7, 1e9)
    for rate in rates:
        cost = components.adc(8, node, rate)
        model = components.SurveyADC(n_bits=8, tech_node=node, throughput=rate)
        assert cost.energy + cost.leakage / rate == near(
            model.convert().energy + model.leak_power / rate
        )
        there = components.adc(8, 32e-9, rate)
        assert there.leakage / (there.energy * rate + there.leakage) == near(0.2)
        assert cost.leakage == near(there.leakage * leakage(node, 32e-9))


def test_energy_by_source_is_the_energy_of_a_study_with_that_source():
    case = scenario(wires=Metal())
    found = METRICS["energy_by_source"].compute(run(case))
    assert found.shape == (1, 1, len(ADC_SOURCES))
    for source, energy in zip(ADC_SOURCES, found[0, 0], strict=True):
        periphery = dataclasses.replace(case.periphery, adc_source=source)
        assert energy == value("energy", dataclasses.replace(case, periphery=periphery)), source
    few = dataclasses.replace(case, adc=ADC(bits=12))
    few = dict(zip(ADC_SOURCES, METRICS["energy_by_source"].compute(run(few))[0, 0], strict=True))
    assert {name for name, energy in few.items() if np.isnan(energy)} == {"isaac", "neuron"}


def test_training_energy_by_source_is_that_of_a_study_with_that_source():
    case = run(scenario())
    case = dataclasses.replace(case, measures={**case.measures, **trained(1000.0)})
    found = METRICS["training_energy_by_source"].compute(case)
    assert found.shape == (1, len(ADC_SOURCES))
    for source, energy in zip(ADC_SOURCES, found[0], strict=True):
        periphery = dataclasses.replace(case.scenario.periphery, adc_source=source)
        other = dataclasses.replace(case.scenario, periphery=periphery)
        other = dataclasses.replace(case, scenario=other)
        assert energy == METRICS["training_energy"].compute(other)[0], source


def test_the_integrator_with_its_converter_is_most_of_a_measured_neuron():
    """0.3 pJ a decision (CiMLoop's library of the chip's circuits); inputs have 2 bits less."""
    for bits, measured in cited.NEURON.items():
        cycles = max(bits - 3, 1)
        parts = cited.integrator(cycles, 130e-9) + bits * 0.3e-12
        assert 0.74 < parts / measured < 0.97, bits


def test_each_phase_behind_a_conversion_is_integrated():
    """Seven cycles in two phases: one conversion of both takes twice the integration of one."""
    dac, given = DAC(bits=8, serial=True), {"shapes": ((64, 54),), "signed": (True,)}
    found = {}
    for phases, mode in ((1, "cycles"), (2, "cycles"), (2, "product")):
        case = scenario(
            dac=dac, tile=Tile(rows=128, columns=128, read_time=1e-8, phases=phases),
            adc=ADC(bits=8, sample_rate=1e9, sharing=8, integrates=mode),
        )  # fmt: skip
        found[phases, mode] = part("energy", "adc", case, **given)
    held = 54 * cited.integrator(7, 22e-9)
    converted = 54 * PARTS[1].energy
    assert found[1, "cycles"] == near(converted + held)
    assert found[2, "cycles"] == near(2 * (converted + held))
    assert found[2, "product"] == near(converted + 2 * held)


def test_medians_of_the_survey_are_those_of_its_bins_pooled_where_they_fall():
    """Medians [pJ] by effective bits and their rows; pools are means of logarithms, by rows."""
    every = {5: (55, 8.83), 6: (39, 6.9), 7: (37, 14.5), 8: (59, 37.5), 9: (97, 175),
             10: (83, 170), 11: (93, 253), 12: (91, 900)}  # fmt: skip
    sar = {6: (11, 3.61), 7: (9, 3.64), 8: (17, 13.3), 9: (19, 14.0), 10: (21, 11.0),
           11: (26, 17.9), 12: (19, 25.8)}  # fmt: skip
    for table, bins, pools in (
        (cited.SURVEY_ALL, every, ((7,), (8,), (9, 10), (11,), (12,))),
        (cited.SURVEY_SAR, sar, ((6,), (7,), (8, 9, 10), (11,), (12,))),
    ):
        for pool in pools:
            rows, medians = np.transpose([bins[bits] for bits in pool])
            wanted = 1e-12 * np.exp(np.average(np.log(medians), weights=rows))
            for bits in pool:
                assert table[bits] == near(wanted, rel=0.005)


def test_a_bit_more_never_takes_less_of_any_source():
    for source, cost in ADC_SOURCES.items():
        known = []
        for bits in range(4, 17):
            try:
                known.append(cost(bits, 22e-9, 1e9).energy)
            except UserError:
                continue
        assert np.all(np.diff(known) >= 0), source
        assert len(known) >= 7


def test_costs_that_are_figures_themselves():
    assert components.wire(22e-9) == near(2e-10 * 0.7**2)  # 0.2 fF/µm at 0.7 V
    assert components.dram("lpddr4") == near(8e-12)
    assert components.dram("hbm2") == near(6.25e-12)
    # NeuRRAM: 1.2 pJ a read; 0.25 pJ a step: one; one, two and four of three bits.
    assert cited.integrator(1, 130e-9) == near(1.45e-12)
    assert cited.integrator(3, 130e-9) == near(5.35e-12)


@pytest.mark.parametrize("make", [
    lambda bits, node: components.adc(bits, node, 1e9), components.dac,
    components.shift_add, components.register, components.adder, components.comparator,
    components.driver,
])  # fmt: skip
def test_costs_grow_with_bits_and_node(make):
    small, wide, coarse = make(6, 22e-9), make(12, 22e-9), make(6, 65e-9)
    assert 0 < small.energy < wide.energy
    assert 0 < small.area < wide.area
    assert small.energy < coarse.energy
    assert small.area < coarse.area


def test_what_no_model_supports_is_refused_with_what_is():
    with pytest.raises(UserError, match=r"adc.bits must be in \[4, 16\], got 3"):
        components.adc(3, 22e-9, 1e9)
    for node in (3e-9, 250e-9):
        with pytest.raises(UserError, match=r"periphery.node \[m\] must be in \[7e-09, 1.3e-07\]"):
            components.dac(8, node)


def test_sources_of_converters_can_be_chosen_and_differ_by_an_order_of_magnitude():
    case = scenario()
    found = {
        source: part(
            "energy", "adc", dataclasses.replace(case, periphery=Periphery(adc_source=source))
        )
        for source in ("regression", "survey_sar", "survey", "neuron")
    }
    assert found["survey"] == near(64 * 3.75e-11)
    assert found["survey_sar"] == near(64 * 1.26e-11)
    assert found["neuron"] == near(64 * cited.neuron(8, 22e-9, 1e9).energy)
    assert found["survey_sar"] > 10 * found["regression"]
    driven = dataclasses.replace(
        case, dac=DAC(bits=8, serial=True), periphery=Periphery(dac_source="driver")
    )
    one = components.driver(1, 22e-9)
    assert part("energy", "dac", driven) == near(8 * 118 * one.energy)


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (
            {"adc_source": "guess"},
            "periphery.adc_source must be one of isaac, neuron, regression, surv",
        ),
        ({"dac_source": "guess"}, "periphery.dac_source must be one of capacitive, driver"),
        (
            {"adc_source": "survey", "node": 5e-9},
            r"periphery.node \[m\] must be in \[7e-09, 1.3e-07",
        ),
    ],
)
def test_unknown_sources_and_nodes_are_refused_with_what_is_known(case, message):
    with pytest.raises(UserError, match=message):
        check_costs(dataclasses.replace(scenario(), periphery=Periphery(**case)))


def test_each_source_of_adc_costs_lists_its_bits():
    few = dataclasses.replace(scenario(adc=ADC(bits=3)), periphery=Periphery(adc_source="isaac"))
    with pytest.raises(UserError, match=r"one of 4, 5, 6, 7, 8, 9, 10 with periphery.adc_source=i"):
        check_costs(few)


def test_what_a_conversion_takes_by_each_source_is_told():
    case = scenario()
    told = converter_costs(case)
    adc = PARTS[1]
    assert told["joules"]["regression"] == near(adc.energy + adc.leakage * 1e-9)
    assert told["joules"]["survey"] == 3.75e-11
    assert (told["used"], told["bits"], told["node"]) == ("regression", 8, 22e-9)
    few = converter_costs(scenario(adc=ADC(bits=4)))
    assert set(few["joules"]) == {"regression", "isaac", "neuron", "survey", "survey_sar"}


def test_bits_that_the_survey_does_not_have_are_refused_with_those_it_has():
    case = dataclasses.replace(scenario(adc=ADC(bits=3)), periphery=Periphery(adc_source="survey"))
    with pytest.raises(UserError, match=r"adc.bits must be in \[4, 16\], got 3"):
        check_costs(case)


def trained(updates):
    return {
        "learning_correct": np.ones((1, 1)), "pulses_mean": np.array([5.0]),
        "pulses_high": np.array([9.0]), "write_energy": np.array([1e-4]),
        "write_time": np.array([1.0]), "updates": np.array([updates]),
    }  # fmt: skip


def test_training_by_hand():
    """1,000 samples: 0.1 mJ of pulses, a read forward and a digital way back for each."""
    case = run(scenario())
    learned = trained(1000.0)
    case = dataclasses.replace(case, measures={**case.measures, **learned})
    terms = METRICS["training_energy_breakdown"].compute(case)[0]
    assert terms[COMPONENTS.index("writing")] == near(1e-4)
    once = METRICS["energy_breakdown"].compute(case)[0, 0]
    leakage = COMPONENTS.index("leakage")
    assert terms[:leakage] == near(1000 * once[:leakage])
    busy = 1000 * METRICS["latency"].compute(case) + 1.0  # and a second of pulses
    assert terms[leakage] == near(METRICS["static_power"].compute(case) * busy)
    total = METRICS["training_energy"].compute(case)
    assert total[0] == sum(terms)
    engine = engine_energy(used(SHAPES, (False, False)), "fp32", "sram", 22e-9, training=True)
    found = METRICS["training_energy_advantage"].compute(case)
    assert found == near(1000 * engine / total)


def test_training_counts_every_way_back():
    """Three transposed products of the upper layer a step: energy, time and the cells' share."""
    case = run(scenario())
    usages = used(SHAPES, (False, False), back=3)
    case = dataclasses.replace(case, usages=usages, measures={**case.measures, **trained(1000.0)})
    terms = METRICS["training_energy_breakdown"].compute(case)[0]
    once = METRICS["energy_breakdown"].compute(case)[0, 0]
    single = read_back(case.scenario, case.layouts, used(SHAPES, (False, False), back=1))
    cells, leakage = COMPONENTS.index("cells"), COMPONENTS.index("leakage")
    assert terms[cells] == near(1000 * once[cells] * (1 + 3 * 540 / 3996))
    adc = COMPONENTS.index("adc")
    assert terms[adc] == near(1000 * (once[adc] + 3 * single[0][adc]))
    busy = 1000 * (METRICS["latency"].compute(case) + 3 * single[1]) + 1.0
    assert terms[leakage] == near(METRICS["static_power"].compute(case) * busy)


def test_errors_go_back_through_the_upper_layer():
    """54 rows of one tile are converted and ten columns driven (both of a pair), in both signs."""
    case = run(scenario())
    parts, cycles = circuits(case.scenario), case.scenario.dac.cycles(signed=True)
    energy, time = read_back(case.scenario, case.layouts, used(SHAPES, (False, False), back=1))
    found = dict(zip(COMPONENTS, energy, strict=True))
    arms = case.layouts[1].mapping.arms
    assert arms == 2
    assert found["adc"] == near(54 * cycles * parts.adc.energy)
    assert found["dac"] == near(10 * arms * cycles * parts.dac.energy)
    assert found["registers"] == near(2 * 54 * parts.register.energy)
    assert found["cells"] == found["writing"] == found["leakage"] == 0
    turns = min(case.scenario.adc.sharing, 54)
    assert time > cycles * turns / case.scenario.adc.sample_rate


def test_errors_go_back_through_rows_and_columns_of_tiles_by_hand():
    """300 × 50 weights on 3 × 2 tiles of 128 × 64: 50 errors in, 300 out, 7 cycles.

    Each tile is driven by 25 of its 32 pairs of columns, both of each, 128 segments long, and its
    100 of 128 rows are converted.
    """
    wires = Resistances(word_resistance=0.0, bit_resistance=0.0, capacitance=2e-17)
    tile = Tile(rows=128, columns=64, read_time=1e-8)
    case = scenario(wires=wires, tile=tile, dac=DAC(bits=8, serial=True))
    shapes = ((20, 300), (300, 50))
    plans = tuple(layout(*shape, tile, None) for shape in shapes)
    assert (plans[1].row_tiles, plans[1].column_tiles) == (3, 2)
    usages = used(shapes, (False, False), back=1)
    energy, time = read_back(case, plans, usages)
    found = dict(zip(COMPONENTS, energy, strict=True))
    parts, buffer = circuits(case), cited.sram(50 * 8, 22e-9)
    expected = {
        "dac": 7 * 50 * 3 * 2 * parts.dac.energy,
        "adc": 7 * 300 * 2 * parts.adc.energy,
        "shift_add": 7 * 300 * 2 * parts.shift_add.energy,
        "accumulation": 300 * parts.adder.energy,
        "activation": 300 * parts.digital["comparison"].energy,
        "registers": 2 * 300 * parts.register.energy,
        "buffers": 2 * 50 * 8 * buffer.energy,
        "word_lines": 7 * 100 * 3 * 128 * 2e-17 * 0.2**2,
    }
    # Errors pass 3 + 2 / 2 tiles, sums one each, of the pitch of the forward layer's circuits.
    pitch = np.sqrt(value("area", case, shapes=shapes[1:], signed=(False,)) / 6)
    moved = 50 * 8 * (3 + 2 / 2) + 300 * 16
    expected["network"] = 0.25 * 2e-10 * 0.7**2 * pitch * moved
    for name, wanted in expected.items():
        assert found[name] == near(wanted), name
    cycle = 1e-8 + parts.dac.latency + 8e-9 + parts.shift_add.latency
    compared = parts.digital["comparison"].latency
    wanted = 7 * cycle + parts.adder.latency + compared + 2 * buffer.latency
    assert time == near(wanted)
    alone = read_back(case, plans[:1], usages[:1])
    assert not alone[0].any()
    assert alone[1] == 0


def test_what_comes_back_at_overlapping_windows_is_added_up():
    """Twice 300 rows come back to a map of 250 values: 350 additions."""
    case, shapes = scenario(), ((20, 300), (300, 50))
    plans = tuple(layout(*shape, case.tile, None) for shape in shapes)
    apart = used(shapes, (False, False), back=2)
    energies = [
        read_back(case, plans, (apart[0], apart[1]._replace(fresh=fresh)))[0].sum()
        for fresh in (None, 600, 250)
    ]
    assert energies[0] == energies[1]
    addition = circuits(case).digital["addition"].energy
    assert energies[2] - energies[0] == near(350 * addition, rel=1e-6)


def test_a_transposed_read_lasts_until_the_turned_lines_have_settled():
    """Drivers of 50 kΩ charge lines of 256 cells where columns are driven, and of 32 else."""
    wires = Resistances(
        word_resistance=100.0, bit_resistance=100.0, driver_resistance=5e4, capacitance=1e-15
    )
    tile = Tile(rows=256, columns=32, read_time=1e-15)
    case = scenario(tile=tile, wires=wires)
    usages = (Usage(64, 16, signed=True, uses_back=1),)
    plans = (layout(64, 16, tile, None),)
    _, time = read_back(case, plans, usages)
    turned = dataclasses.replace(case, tile=Tile(rows=32, columns=256, read_time=1e-15))
    slower = settling_time(turned) - settling_time(case)
    _, quick = read_back(
        dataclasses.replace(case, wires=Ideal(), tile=dataclasses.replace(tile, read_time=0.5e-9)),
        plans, usages,
    )  # fmt: skip
    assert slower > 1e-8
    assert time - quick + 0.5e-9 == near(settling_time(turned))  # one read: a parallel DAC


@pytest.mark.parametrize("mapping", ["differential", "reference", "offset"])
def test_a_transposed_read_takes_every_slice_by_itself(mapping):
    """Four binary slices of 30 × 10 weights, three cells each: every column that has devices.

    The columns are counted from their places in the arrays; rows that share an input are converted
    together, but each has its own gate line.
    """
    tile = Tile(
        rows=24, columns=30, mapping=mapping, weight_bits=4, cells=3, gates=Gates(raised="read")
    )
    plan, adc = layout(30, 10, tile, 2), ADC(sharing=4)
    assert plan.slices > 1
    order = sequence(tile, DAC(bits=5, serial=True), adc, signed=True)
    counted = transposed_census(plan, tile, adc, order)
    columns = np.count_nonzero(plan.places() >= 0)
    assert counted.dac_conversions == counted.lines == 4 * columns * plan.row_tiles
    assert counted.reads == 4 * plan.slices
    assert counted.conversion_turns == 4 * plan.slices * 4
    assert counted.adc_conversions == 4 * plan.slices * 30 * plan.column_tiles
    assert counted.gates == 4 * plan.slices * 30 * 3 * plan.column_tiles
    assert counted.merges == 30 * (plan.column_tiles - 1)
    assert counted.places == census(plan, tile, adc).places


def test_training_half_selects_the_cells_of_passive_arrays():
    """7,992 devices of five pulses; 254 cells at half of 2 V for 100 ns, 13 µS."""
    pulse = WritePulse(voltage_up=2.0, time_up=1e-7, energy=1e-12)
    case = run(scenario(write_pulse=pulse, tile=Tile(half_selected=1.0)))
    learned = trained(1.0)
    terms = METRICS["training_energy_breakdown"].compute(
        dataclasses.replace(case, measures={**case.measures, **learned})
    )
    more = 7992 * 5 * 254 * 1.0**2 * 13e-6 * 1e-7
    assert terms[0, COMPONENTS.index("writing")] == near(1e-4 + more)


def test_an_engine_fetches_and_multiplies_every_weight_once():
    """3,996 weights and 182 values of 8 bits; training: 3 passes but for the first layer 2."""
    shapes, node = used(SHAPES, (False, False)), 22e-9
    weights, values = 3996, 182
    multiply = cited.mac("int8", node)
    fetch = cited.sram(8 * weights, node).energy
    local = 8 * values * cited.sram(8 * values, node).energy
    found = engine_energy(shapes, "int8", "sram", node)
    assert found == near(weights * (multiply + 8 * fetch) + local)
    far = engine_energy(shapes, "int8", "lpddr4", node)
    assert far == near(weights * (multiply + 8 * 8e-12) + local)
    products = 2 * 64 * 54 + 3 * 54 * 10
    wide = cited.sram(32 * weights, node).energy
    learned = products * cited.mac("fp32", node) + 32 * wide * (products + weights)
    learned += 3 * 32 * values * cited.sram(32 * values, node).energy
    found = engine_energy(shapes, "fp32", "sram", node, training=True)
    assert found == near(learned)


def test_published_machines_and_the_brain_go_by_operations():
    found = dict(zip(BASELINES, baseline_energy(used(SHAPES, (False, False)), 22e-9), strict=True))
    assert found["gpu"] == near(2 * 3996 / 0.32e12)
    assert found["cpu"] == near(2 * 3996 * 145 / 1.3e12)
    assert found["brain"] == near(3996 * 20 / (86e9 * 1e4))
    assert found["int8_sram"] < found["int8_hbm2"] < found["int8_lpddr4"] < found["fp32_lpddr4"]


def test_the_advantage_is_the_engines_energy_over_that_here():
    engine = engine_energy(used(SHAPES, (False, False)), "int8", "sram", 22e-9)
    found = value("energy_advantage", scenario())
    assert found == near(engine / value("energy", scenario()))


def test_energy_scales_with_rows_columns_and_bits_as_counted():
    """Twice the inputs, twice the DACs; twice the outputs, twice the ADCs; ADC as its model."""
    wide, tall = ((64, 100),), ((64, 50),)
    one = {"signed": (False,)}
    case = scenario(tile=Tile(rows=256, columns=256))
    ratio = part("energy", "adc", case, shapes=wide, **one)
    ratio /= part("energy", "adc", case, shapes=tall, **one)
    assert ratio == near(2)
    ratio = part("energy", "dac", case, shapes=((128, 50),), **one)
    ratio /= part("energy", "dac", case, shapes=tall, **one)
    assert ratio == near(2)
    ratio = part("energy", "adc", scenario(adc=ADC(bits=10)))
    ratio /= part("energy", "adc", scenario(adc=ADC(bits=6)))
    model = components.adc(10, 22e-9, 1e9).energy / components.adc(6, 22e-9, 1e9).energy
    assert ratio == near(model)


def test_every_metric_says_what_it_is():
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.long_name
        if name == "unknown":  # numbers of several units, by which nothing is judged
            assert (metric.units, metric.better) == ("", "")
            continue
        assert metric.units
        # What is better for it is what is better for the merit of its study.
        assert metric.better in (("",) if name == "float_merit" else ("higher", "lower"))
        assert set(metric.dims) <= {"realisation", "time", "epoch", "layer", *COORDINATES}


def test_a_metric_exists_where_its_needs_are_measured():
    """A statistic needs what its metric does; costs need matrices, whatever is measured."""
    inference, learning = MLP.measures, InSitu.measures
    programmed = {"programming_error", "missed_devices"}  # what learns has no target
    drawn = {"unknown"}  # a scenario's, not a workload's
    of_networks = {name for name, each in METRICS.items()
                   if each.compute.__module__ == "matsweep.metrics.network"}  # fmt: skip
    assert {"agreement", "layer_vmm_error", "nrmse"} <= of_networks
    assert set(available(learning)) == set(METRICS) - programmed - drawn - of_networks
    assert programmed < set(available(inference))
    assert set(available(inference)) - programmed < set(available(learning))
    assert "accuracy_std" not in available(inference - {"correct"})
    assert "energy" not in available(inference - {COSTS})
    assert "vmm_error" in available(inference - {COSTS})
    assert "learning_accuracy" not in available(inference)
    assert not any(needs(METRICS[name]) - inference for name in available(inference))


def test_twice_the_uses_take_twice_the_time_and_dynamic_energy():
    """Area and leakage power stay; a pipeline's interval is the slowest matrix's for all uses."""
    case = scenario()
    once, twice = run(case), run(case)
    usages = tuple(
        usage._replace(uses=2, operations=(("comparison", 2 * usage.outputs),))
        for usage in once.usages
    )
    twice = dataclasses.replace(twice, usages=usages)
    np.testing.assert_allclose(twice.bill.energy, 2 * once.bill.energy, rtol=1e-12)
    np.testing.assert_allclose(twice.bill.latency, 2 * once.bill.latency, rtol=1e-12)
    np.testing.assert_array_equal(twice.bill.area, once.bill.area)
    assert twice.bill.leakage == once.bill.leakage
    assert twice.operations == 2 * once.operations
    piped = dataclasses.replace(case, periphery=Periphery(node=22e-9, pipelined=True))
    slow, slower = run(piped), dataclasses.replace(run(piped), usages=usages)
    assert slower.bill.interval == near(2 * slow.bill.interval)
    first, second = (engine_energy(each, "int8", "sram", 22e-9) for each in (once.usages, usages))
    weights = 3996 * 8 * cited.sram(8 * 3996, 22e-9).energy  # fetched once
    moved = 8 * 182 * cited.sram(8 * 182, 22e-9).energy  # through the buffer of one use
    wanted = first + 3996 * cited.mac("int8", 22e-9) + moved
    assert weights < second == near(wanted)


def test_wide_wires_cost_area():
    """A pitch of twice the wire's width, where that is more than the cell's side."""
    from matsweep.crossbar import Metal

    base, wired = scenario(), scenario(wires=Metal(width=200e-9))
    cells = part("area", "cells", wired) - part("area", "cells", base)
    expected = (400e-9) ** 2 - base.device.cell_size * base.periphery.node**2
    devices = cells / expected
    assert devices == near(round(devices))
    assert devices >= 1
