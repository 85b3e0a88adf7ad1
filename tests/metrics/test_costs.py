"""Energy, latency and area by hand calculation, and component costs beside published figures."""

from __future__ import annotations

import numpy as np
import pytest

from matsweep.checks import UserError
from matsweep.crossbar import ADC, DAC, Ideal, Metal, Resistances, Tile, layout
from matsweep.devices import AnalogDevice
from matsweep.metrics import METRICS, Run, components
from matsweep.metrics.census import census
from matsweep.scenario import Periphery, Scenario
from matsweep.workloads import MLP, Inference


def scenario(levels=None, tile=None, adc=None, dac=None, wires=None, **device):
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
        tile=tile or Tile(rows=128, columns=128, read_time=1e-8),
        dac=dac or DAC(bits=8),
        wires=wires or Ideal(),
        adc=adc or ADC(bits=8, sample_rate=1e9, sharing=8),
        periphery=Periphery(node=22e-9, accumulator_bits=16),
        workload=MLP(),
        times=(1.0,),
    )


def inferred(correct, power):
    nothing = np.zeros_like(correct)
    return Inference(correct=correct, array_power=power, vmm_error=nothing, saturated=nothing)


def run(case, shapes=((64, 54), (54, 10)), power=1e-3, signed=(False, False)):
    plans = tuple(layout(i, o, case.tile, case.device.levels) for i, o in shapes)
    inference = inferred(np.array([[0.9]]), np.array([[power]]))
    return Run(scenario=case, layouts=plans, signed=signed, inference=inference)


def value(name, case, **given):
    return float(np.asarray(METRICS[name].compute(run(case, **given))).squeeze())


PARTS = (components.dac(8, 22e-9), components.adc(8, 22e-9, 1e9),
         components.shift_add(16, 22e-9), components.register(16, 22e-9))  # fmt: skip


def test_energy_of_an_analog_perceptron_by_hand():
    """Two tiles: 64 + 54 input and 54 + 10 output conversions; 8 ADCs a tile leak throughout."""
    dac, adc, add, register = PARTS
    latency = 2 * (dac.latency + 1e-8 + 8e-9 + add.latency)
    dynamic = 118 * dac.energy + 64 * adc.energy + 64 * add.energy + 2 * 64 * register.energy
    leakage = latency * (2 * 8 * adc.leakage + 256 * dac.leakage)
    assert value("energy", scenario()) == pytest.approx(1e-3 * 1e-8 + dynamic + leakage)
    assert value("latency", scenario()) == pytest.approx(latency)


def test_area_of_an_analog_perceptron_by_hand():
    dac, adc, add, register = PARTS
    cells = 2 * 128 * 128 * 16 * 22e-9**2
    expected = cells + 2 * (128 * dac.area + 8 * (adc.area + add.area)) + 64 * register.area
    assert value("area", scenario()) == pytest.approx(expected)


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


def test_a_narrow_layer_takes_fewer_turns():
    case = scenario(adc=ADC(sharing=32))
    assert census(layout(54, 10, case.tile, None), case.tile, case.adc).turns == 10


@pytest.mark.parametrize(("name", "factor"), [("latency", 1), ("area", 1)])
def test_conductance_moves_neither_latency_nor_area(name, factor):
    assert value(name, scenario(g_max=50e-6)) == factor * value(name, scenario())


def test_array_energy_grows_with_read_time_and_cells_with_their_size():
    short, long = (scenario(tile=Tile(read_time=t)) for t in (1e-8, 3e-8))
    more = value("energy", long) - value("energy", short)
    leak = 2 * 2e-8 * 2 * 8 * PARTS[1].leakage
    assert more == pytest.approx(1e-3 * 2e-8 + leak)
    grown = value("area", scenario(cell_size=32.0)) - value("area", scenario())
    assert grown == pytest.approx(2 * 128 * 128 * 16 * 22e-9**2)


def test_a_serial_dac_pays_for_each_bit():
    """Seven bits of a signed input, eight of another: reads, conversions and additions alike."""
    _, adc, add, register = PARTS
    one = components.dac(1, 22e-9)
    serial = scenario(dac=DAC(bits=8, serial=True))
    latency = (7 + 8) * (one.latency + 1e-8 + 8e-9 + add.latency)
    assert value("latency", serial, signed=(True, False)) == pytest.approx(latency)
    dynamic = (7 * 64 + 8 * 54) * one.energy + (7 * 54 + 8 * 10) * (adc.energy + add.energy)
    leakage = latency * (2 * 8 * adc.leakage + 256 * one.leakage)
    found = value("energy", serial, signed=(True, False))
    assert found == pytest.approx(1e-3 * 1e-8 + dynamic + 2 * 64 * register.energy + leakage)


def test_word_lines_are_charged_to_the_read_voltage():
    """118 lines of 128 segments, 0.2 V; 0.2 fF/µm of metal over cells of 4 F."""
    wires = Resistances(word_resistance=0.0, bit_resistance=0.0, capacitance=2e-17)
    charged = value("energy", scenario(wires=wires)) - value("energy", scenario())
    assert charged == pytest.approx(118 * 128 * 2e-17 * 0.2**2)
    metal = value("energy", scenario(wires=Metal())) - value("energy", scenario())
    assert metal == pytest.approx(118 * 128 * 2e-10 * 4 * 22e-9 * 0.2**2)


def test_word_lines_are_charged_in_every_cycle_of_a_serial_dac():
    """Seven bits for 64 lines, eight for 54."""
    serial = DAC(bits=8, serial=True)
    wires = Resistances(word_resistance=0.0, bit_resistance=0.0, capacitance=2e-17)
    charged, plain = (
        value("energy", scenario(dac=serial, wires=w), signed=(True, False))
        for w in (wires, Ideal())
    )
    expected = (7 * 64 + 8 * 54) * 128 * 2e-17 * 0.2**2
    assert charged - plain == pytest.approx(expected, rel=1e-6)


def test_word_lines_driven_at_both_ends_have_two_dacs():
    """118 more conversions; 256 more DACs of area, and of leakage throughout."""
    dac, _, add, _ = PARTS
    one, both = (
        scenario(wires=Resistances(word_resistance=1.0, bit_resistance=1.0, driven=driven))
        for driven in ("left", "both")
    )
    assert value("area", both) - value("area", one) == pytest.approx(2 * 128 * dac.area)
    latency = 2 * (dac.latency + 1e-8 + 8e-9 + add.latency)
    more = 118 * dac.energy + latency * 256 * dac.leakage
    assert value("energy", both) - value("energy", one) == pytest.approx(more, rel=1e-6)
    assert value("latency", both) == value("latency", one)
    metal = scenario(wires=Metal(driven="both"))
    assert value("area", metal) - value("area", scenario(wires=Metal())) == pytest.approx(
        2 * 128 * dac.area
    )


def test_spread_and_low_percentile_by_hand():
    correct = np.array([[0.9], [0.8], [1.0], [0.7]])
    many = Run(
        scenario=scenario(),
        layouts=(),
        signed=(),
        inference=inferred(correct, correct),
    )
    assert METRICS["accuracy_std"].compute(many) == pytest.approx(np.sqrt(0.05 / 3))
    assert METRICS["accuracy_p05"].compute(many) == pytest.approx(0.7 + 0.15 * 0.1)
    one = Run(
        scenario=scenario(),
        layouts=(),
        signed=(),
        inference=inferred(correct[:1], correct[:1]),
    )
    assert METRICS["accuracy_std"].compute(one) == 0


@pytest.mark.parametrize(
    ("cost", "published", "tolerance"),
    [
        # ISAAC's 8-bit converter: 16 mW / (8 × 1.2 GS/s); the model's leakage is a fifth.
        (components.adc(8, 32e-9, 1.2e9).energy / 0.8, 1.667e-12, 0.25),
        # The converter inside a 40 nm SAR ADC: 0.32 mW / 1.1 GS/s.
        (components.dac(8, 40e-9).energy, 2.91e-13, 0.01),
        (components.dac(8, 40e-9).area, 438e-12, 0.01),
        # ISAAC's shift-and-add at 32 nm.
        (components.shift_add(16, 32e-9).energy, 2.1e-14, 0.01),
        # Aladdin's register bit at 40 nm.
        (components.register(1, 40e-9).energy, 9.0e-15, 0.01),
    ],
)
def test_component_costs_agree_with_published_figures(cost, published, tolerance):
    assert cost == pytest.approx(published, rel=tolerance)


@pytest.mark.parametrize("make", [
    lambda bits, node: components.adc(bits, node, 1e9), components.dac,
    components.shift_add, components.register,
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


def test_every_metric_says_what_it_is():
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.units
        assert metric.long_name
        assert metric.better in ("higher", "lower")
        assert set(metric.dims) <= {"realisation", "time", *(["epoch"] if metric.learning else [])}


def test_wide_wires_cost_area():
    """A pitch of twice the wire's width, where that is more than the cell's side."""
    from matsweep.crossbar import Metal

    base, wired = scenario(), scenario(wires=Metal(width=200e-9))
    cells = value("area", wired) - value("area", base)
    expected = (400e-9) ** 2 - base.device.cell_size * base.periphery.node**2
    devices = cells / expected
    assert devices == pytest.approx(round(devices))
    assert devices >= 1
