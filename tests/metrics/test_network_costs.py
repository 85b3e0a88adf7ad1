"""Costs of networks: convolutions, copies of layers, shared tiles, digital operations."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsweep.core.checks import UserError
from matsweep.crossbar import Tile, layout
from matsweep.machine import Matrix, Usage
from matsweep.machine.matrix import OPERATIONS
from matsweep.metrics import METRICS, Evaluation
from matsweep.metrics.costs import cited, components, digital
from matsweep.metrics.costs.baselines import BASELINES, baseline_energy, engine_energy
from matsweep.metrics.costs.bill import read_back
from matsweep.metrics.costs.layer import forward, latency
from matsweep.metrics.costs.periphery import circuits
from matsweep.metrics.costs.schedule import Stage, Station, balanced, interval
from matsweep.metrics.costs.settling import read_time
from matsweep.metrics.costs.sharing import shared_tiles
from matsweep.metrics.costs.terms import COMPONENTS, PLACES
from matsweep.planning.config import composer
from matsweep.planning.plan import plan
from matsweep.validation.graphs import RESNET18, RESNET50, VGG1, VGG8, convolution, dense

from .test_costs import near, scenario

NODE = 22e-9


def evaluated(usages, case=None, **periphery):
    """Return the evaluation of usages by hand on a scenario's tiles."""
    case = case or scenario()
    case = dataclasses.replace(case, periphery=dataclasses.replace(case.periphery, **periphery))
    parts = tuple(part for usage in usages for part in usage.split(case.tile, None))
    plans = tuple(layout(part.inputs, part.outputs, case.tile, None) for part in parts)
    measures = {"array_power": np.array([[1e-3]])}
    return Evaluation(scenario=case, usages=parts, layouts=plans, measures=measures)


def energy(evaluation, component):
    return evaluation.bill.energy[PLACES[component]]


def area(evaluation, component):
    return evaluation.bill.area[PLACES[component]]


def arrays(evaluation):
    """Return the number of arrays of one copy of a network."""
    bill = evaluation.bill
    return sum(n * count.tiles for n, count in zip(bill.copies, bill.census, strict=True))


def shared(**given):
    return scenario(tile=Tile(rows=128, columns=128, read_time=1e-8, packing="shared", **given))


# 3 × 3 on 4 channels of 8 × 8, 6 outputs: 36 inputs, 64 products, 256 values arrive, 76 are held.
CONVOLUTION, _ = convolution(4, 6, 3, 8)


def test_a_convolution_by_hand():
    """64 products of 36 inputs of 8 bits and 6 outputs on one tile."""
    assert (CONVOLUTION.uses, CONVOLUTION.arriving, CONVOLUTION.buffered) == (64, 256, 76)
    case = evaluated([CONVOLUTION])
    parts, buffer = circuits(case.scenario), cited.sram(76 * 8, NODE)
    wanted = {
        "dac": 64 * 36 * parts.dac.energy,
        "adc": 64 * 6 * parts.adc.energy,
        "shift_add": 64 * 6 * parts.shift_add.energy,
        "activation": 64 * 6 * parts.digital["comparison"].energy,
        "registers": 2 * 64 * 6 * parts.register.energy,
        "buffers": 8 * (256 + 64 * 36) * buffer.energy,  # written once, read by every product
    }
    for name, value in wanted.items():
        assert energy(case, name) == near(value), name
    # A product reads 288 bits in two accesses; the 4 new values that it takes are written in one.
    times = dict(zip(COMPONENTS, case.bill.latency, strict=True))
    assert times["buffers"] == near(64 * 3 * buffer.latency)
    assert times["adc"] == near(64 * 6e-9)
    assert times["cells"] == near(64e-8)
    assert times["activation"] == near(64 * parts.digital["comparison"].latency)
    # Six comparators keep up with one product.
    assert area(case, "activation") == near(6 * parts.digital["comparison"].area)
    assert area(case, "buffers") == near(76 * 8 * 280 * NODE**2)
    assert case.operations == 2 * 64 * 36 * 6


def test_a_pipelined_buffer_holds_what_arrives_during_a_product():
    """76 values, and the 4 of the next position; of a dense layer its inputs twice."""
    case = evaluated([CONVOLUTION, dense(384, 10)], pipelined=True)
    assert area(case, "buffers") == near((80 + 768) * 8 * 280 * NODE**2)
    # Of 9 × 9 values with a stride of 2, 324 arrive during 25 products: 13 places.
    strided, _ = convolution(4, 6, 3, 9, stride=2)
    case = evaluated([strided], pipelined=True)
    assert area(case, "buffers") == near((4 * (2 * 9 + 3) + 13) * 8 * 280 * NODE**2)


def test_a_convolution_with_one_position_is_a_dense_layer_to_the_bit():
    one = Usage(36, 6, False, 1, operations=(("comparison", 6),), fresh=36, held=36)
    plain = dense(36, 6)
    for periphery in ({}, {"pipelined": True}, {"pipelined": True, "balanced_over": 50}):
        first, second = (evaluated([each, dense(6, 4)], **periphery).bill for each in (one, plain))
        for name in ("energy", "latency", "area"):
            np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
        assert (first.leakage, first.interval) == (second.leakage, second.interval)
    assert engine_energy((one,), "int8", "sram", NODE) == engine_energy(
        (plain,), "int8", "sram", NODE
    )


@pytest.mark.parametrize("kind", OPERATIONS)
def test_each_kind_of_operation_has_units_and_a_component(kind):
    """130 operations in 64 products: 3 a product, by one unit in turns; comparisons by three."""
    counted = Usage(36, 6, False, 64, operations=((kind, 130),), fresh=256, held=76)
    plain, case = evaluated([counted._replace(operations=())]), evaluated([counted])
    unit, name = digital.unit(kind, 16, NODE), digital.UNITS[kind]
    assert energy(case, name) == near(130 * unit.energy)
    units = 3 if kind == "comparison" else 1
    assert area(case, name) == near(units * unit.area)
    assert case.bill.latency[PLACES[name]] == near(64 * 3 // units * unit.latency)
    assert case.bill.leakage - plain.bill.leakage == near(units * unit.leakage, rel=1e-4)
    others = [place for each, place in PLACES.items() if each not in (name, "network")]
    np.testing.assert_array_equal(case.bill.energy[others], plain.bill.energy[others])


def test_units_are_through_within_the_time_of_the_product_on_its_tiles():
    """As few as that takes; two kinds share the time, and a pipeline has that of its stage."""
    bare = Usage(36, 6, False, 64, fresh=256, held=76)
    times = latency(
        forward(scenario(), evaluated([bare]).layouts[0], bare, ends=1), read_time(scenario())
    )
    passed = digital.unit("multiplication", 16, NODE).latency
    turns = int(times.sum() / passed)
    assert turns > 4
    for each, units in ((turns, 1), (turns + 1, 2), (5 * turns, 5), (5 * turns + 1, 6)):
        case = evaluated([bare._replace(operations=(("multiplication", 64 * each),))])
        unit = digital.unit("multiplication", 16, NODE)
        assert area(case, "multiplications") == near(units * unit.area), each
        taken = case.bill.latency[PLACES["multiplications"]]
        assert taken == near(64 * -(-each // units) * passed)
        assert taken <= 64 * times.sum()
    both = (("division", 640), ("multiplication", 64 * turns))
    case = evaluated([bare._replace(operations=both)])
    digital_time = case.bill.latency[[PLACES["divisions"], PLACES["multiplications"]]].sum()
    assert area(case, "multiplications") > 1.5 * digital.unit("multiplication", 16, NODE).area
    assert digital_time <= 64 * times.sum()
    # In a pipeline they keep up with the slowest stage.
    plain, many = (
        evaluated([each], pipelined=True).bill
        for each in (bare, bare._replace(operations=(("addition", 64 * 30), *both)))
    )
    assert many.interval == plain.interval


def test_a_digital_layer_after_a_dense_one_has_few_multipliers():
    """840 products of a layer that stays digital, behind one product of 120 inputs."""
    case = evaluated([Usage(120, 84, False, operations=(("multiplication", 840),))])
    unit = digital.unit("multiplication", 16, NODE)
    units = round(area(case, "multiplications") / unit.area)
    analog = case.bill.latency.sum() - case.bill.latency[PLACES["multiplications"]]
    assert units == -(-840 // int(analog / unit.latency)) < 84


def test_weights_that_stay_digital_lie_in_memory():
    """840 of 8 bits behind a convolution: cells, leakage, and one read of each; twice here."""
    held = CONVOLUTION._replace(stored=840)
    plain, case = evaluated([CONVOLUTION] * 2), evaluated([held] * 2)
    memory = cited.sram(840 * 8, NODE)
    read = 2 * 8 * 840 * memory.energy
    assert energy(case, "buffers") - energy(plain, "buffers") == near(read)
    assert area(case, "buffers") - area(plain, "buffers") == near(2 * 8 * 840 * 280 * NODE**2)
    assert case.bill.leakage - plain.bill.leakage == near(2 * memory.leakage, rel=1e-6)
    np.testing.assert_array_equal(case.bill.latency, plain.bill.latency)
    # The engine has them too: all weights in one SRAM, one fetch and no product of its own.
    size = 8 * 2 * (CONVOLUTION.weights + 840)
    more, fewer = (engine_energy((u, u), "int8", "sram", NODE) for u in (held, CONVOLUTION))
    smaller = cited.sram(8 * 2 * CONVOLUTION.weights, NODE).energy
    wanted = size * cited.sram(size, NODE).energy - 16 * CONVOLUTION.weights * smaller
    assert more - fewer == near(wanted)
    # Copies share it, and packs of blocks share it out.
    copied = evaluated([held], pipelined=True, balanced_over=4)
    one = evaluated([held], pipelined=True)
    assert copied.bill.copies == (4,)
    assert area(copied, "buffers") == near(area(one, "buffers"))
    blocks = convolution(64, 64, 3, 16, groups=64)[0]._replace(stored=100)
    assert sum(usage.stored for usage in blocks.split(Tile(), None)) == 100


def test_figures_of_digital_units():
    """PUMA's and ISAAC's of 16 bits at their nodes, and multipliers of Horowitz's."""
    assert digital.divider(16, 45e-9).energy == near(1.52e-12)
    assert digital.divider(8, 45e-9).area == near(3344e-12 / 4)
    assert digital.function(16, 32e-9).energy + 1e-9 * digital.function(16, 32e-9).leakage == near(
        2.6e-13
    )
    assert digital.multiplier(16, 45e-9).energy == pytest.approx(0.795e-12, rel=0.01, abs=0)
    assert digital.multiplier(32, 45e-9).energy == pytest.approx(3.1e-12, rel=0.05, abs=0)
    assert digital.unit("addition", 16, NODE) == components.adder(16, NODE)
    with pytest.raises(UserError, match="kind of operation must be"):
        digital.unit("softmax", 16, NODE)


def test_depthwise_filters_lie_on_the_diagonal_of_tiles_that_work_at_once():
    """64 filters of 3 × 3 on 128 rows: 14 on a tile, 5 tiles; dense they would take 45."""
    one, _ = convolution(64, 64, 3, 16, groups=64)
    case = evaluated([one])
    assert [usage.blocks for usage in case.usages] == [14, 14, 14, 14, 8]
    assert sum(count.tiles for count in case.bill.census) == 5
    assert case.operations == 2 * 256 * 64 * 9
    alone = evaluated([case.usages[0]._replace(operations=())])
    plain = evaluated([one._replace(operations=())])
    np.testing.assert_allclose(plain.bill.latency, alone.bill.latency, rtol=1e-12)
    # One division has its place in the last pack, which all wait for.
    divided = evaluated([one._replace(operations=(("division", 1),))])
    assert [dict(usage.operations)["division"] for usage in divided.usages] == [0, 0, 0, 0, 1]
    passed = digital.unit("division", 16, NODE).latency
    assert divided.bill.latency[PLACES["divisions"]] == near(256 * passed)
    # Devices off the diagonal are programmed to weight zero, and hold none.
    assert case.bill.devices == 2 * 9 * (4 * 14**2 + 8**2)
    assert METRICS["utilisation"].compute(case) == near(2 * 9 * 64 / (5 * 128**2))
    # References are no part of the diagonal: one column a pack.
    referred = evaluated([one], scenario(tile=Tile(read_time=1e-8, mapping="reference")))
    assert [plan.references for plan in referred.layouts] == [1] * 5
    assert referred.bill.used == 9 * 64 + sum(9 * n for n in (14, 14, 14, 14, 8))


def test_devices_off_the_diagonal_are_programmed_too():
    from matsweep.devices import WritePulse

    case = scenario(write_pulse=WritePulse(energy=1e-12, count=10.0))
    found = evaluated([convolution(16, 16, 3, 8, groups=16)[0]], case)
    wanted = 2 * 9 * (14**2 + 2**2) * 1e-11
    assert METRICS["programming_energy"].compute(found) == near(wanted)


def test_packs_of_a_layer_begin_together_and_carry_errors_back_at_once():
    """64 filters on 5 tiles begin when 64 × (2 × 16 + 3) of 64 × 256 values are there."""
    before, filters = convolution(1, 64, 1, 16)[0], convolution(64, 64, 3, 16, groups=64)[0]
    filters = filters._replace(operations=())
    case = evaluated([before, filters], pipelined=True)
    assert len(case.usages) == 6
    first, second = (evaluated([each], pipelined=True).bill for each in (before, filters))
    begun = evaluated([before._replace(uses=35, fresh=35)], pipelined=True).bill
    one = evaluated([filters._replace(uses=1, fresh=64)], pipelined=True).bill
    wanted = max(
        begun.latency.sum() + second.latency.sum(), first.latency.sum() + one.latency.sum()
    )
    assert case.bill.latency.sum() == pytest.approx(wanted, rel=1e-3)
    back = evaluated([filters._replace(uses_back=2, operations=())])
    energy, time = read_back(back.scenario, back.layouts, back.usages)
    each = [
        read_back(back.scenario, (plan,), (usage._replace(part=0),))
        for plan, usage in zip(back.layouts, back.usages, strict=True)
    ]
    np.testing.assert_allclose(energy, sum(own for own, _ in each), rtol=1e-12)
    assert time == near(max(lasting for _, lasting in each))
    once = tuple(usage._replace(uses_back=1) for usage in back.usages)
    np.testing.assert_allclose(
        energy, 2 * read_back(back.scenario, back.layouts, once)[0], rtol=1e-12
    )
    assert time == near(2 * read_back(back.scenario, back.layouts, once)[1])


THREE = (convolution(1, 4, 5, 16)[0], convolution(4, 8, 3, 8)[0], dense(128, 10))
"""256, 64 and 1 products, on one tile each (the last: 128 rows, 20 columns)."""


def test_copies_balance_three_layers_as_by_hand():
    """All stages of a product take the 10 ns of a read and the time of a conversion, t.

    With 256 t and 64 t the first layer has to get copies until it takes 64 t: 4. Then both get more
    together: 8 and 2 make 32 t, 16 and 4 make 16 t, which takes 16 + 4 + 1 = 21 arrays.
    """
    case = scenario()
    times = {}
    for bound, wanted in ((3, (1, 1)), (4, (2, 1)), (6, (4, 1)), (12, (8, 2)), (21, (16, 4))):
        found = evaluated(THREE, case, pipelined=True, balanced_over=bound)
        times[bound] = found
        assert found.bill.copies == (*wanted, 1), bound
        read = read_time(case) + circuits(case).dac.latency
        assert found.bill.interval == near(max(256 // wanted[0], 64 // wanted[1]) * read)
    one, many = evaluated(THREE, case, pipelined=True), times[12]
    assert one.bill.copies == (1, 1, 1)
    for name in ("cells", "adc", "registers", "activation"):
        each = [area(evaluated([usage], pipelined=True), name) for usage in THREE]
        assert area(many, name) == near(8 * each[0] + 2 * each[1] + each[2]), name
    assert area(many, "buffers") == near(area(one, "buffers"))  # copies share out its places
    np.testing.assert_array_equal(many.bill.energy, one.bill.energy)
    each = [evaluated([usage], pipelined=True) for usage in THREE]
    buffers = [
        cited.sram(8 * (usage.buffered + -(-usage.arriving // usage.uses)), NODE).leakage
        for usage in THREE
    ]
    leaks = [case.bill.leakage - own for case, own in zip(each, buffers, strict=True)]
    assert many.bill.leakage == near(8 * leaks[0] + 2 * leaks[1] + leaks[2] + sum(buffers))
    assert many.bill.devices == 8 * 25 * 8 + 2 * 36 * 16 + 128 * 20
    assert METRICS["throughput"].compute(many) == near(1 / many.bill.interval)
    assert many.bill.static_energy == many.bill.leakage * many.bill.interval
    assert METRICS["utilisation"].compute(many) == near(many.bill.devices / (11 * 128**2))


def test_copies_are_programmed_too():
    from matsweep.devices import WritePulse

    case = scenario(write_pulse=WritePulse(energy=1e-12, count=10.0))
    found = evaluated(THREE, case, pipelined=True, balanced_over=12, replication=3)
    wanted = 3 * found.bill.devices * 1e-11
    assert METRICS["programming_energy"].compute(found) == near(wanted)


@settings(max_examples=100, deadline=None)
@given(
    uses=st.lists(st.integers(1, 300), min_size=1, max_size=4),
    tiles=st.lists(st.integers(1, 5), min_size=4, max_size=4),
    reads=st.lists(st.floats(1e-9, 1e-7), min_size=4, max_size=4),
    extra=st.integers(0, 60),
)
def test_no_other_copies_of_as_many_arrays_are_faster(uses, tiles, reads, extra):
    """Against the least arrays that reach any shorter interval, one stage at a time."""
    stages = [stage(n, reads[i]) for i, n in enumerate(uses)]
    stations = [Station(stages=(i,), tiles=tiles[i]) for i in range(len(uses))]
    bound = sum(tiles[: len(uses)]) + extra
    copies = balanced(stages, stations, bound)

    def slowest(numbers):
        return max(interval(stages, s, n) for s, n in zip(stations, numbers, strict=True))

    assert sum(n * s.tiles for n, s in zip(copies, stations, strict=True)) <= bound
    reached = slowest(copies)
    # The least copies with which every layer is faster than that.
    faster = []
    for each, station in zip(stages, stations, strict=True):
        turns = int(np.ceil(reached * (1 - 1e-12) / each.interval)) - 1
        if turns < 1:
            return  # one product takes as long: no copies help
        faster.append(-(-each.uses // turns) * station.tiles)
    assert sum(faster) > bound


def stage(uses, read, **given):
    time = np.zeros(len(COMPONENTS))
    time[PLACES["cells"]] = read
    values = {"held": 1, "arriving": uses, "recurrent": False, **given}
    return Stage(uses=uses, latency=time, **values)


def test_steps_of_a_recurrent_layer_cannot_be_shared_out():
    steps = Usage(32, 16, True, 50, recurrent=True)
    case = evaluated([steps, steps], pipelined=True, balanced_over=100)
    assert case.bill.copies == (1, 1)
    others = steps._replace(recurrent=False)
    free = evaluated([others], pipelined=True, balanced_over=10)
    assert free.bill.copies == (10,)
    assert free.bill.interval == near(evaluated([others], pipelined=True).bill.interval / 10)
    # On one tile with 64 products that can: two copies leave 50 + 32.
    mixed = evaluated([steps, THREE[1]], shared(), pipelined=True, balanced_over=2)
    plain = [evaluated([each], pipelined=True).bill.interval for each in (steps, THREE[1])]
    assert mixed.bill.copies == (2, 2)
    assert mixed.bill.interval == near(plain[0] + plain[1] / 2)


def test_a_step_of_a_recurrent_layer_waits_until_the_one_before_is_through():
    """50 steps take 50 whole products, in a pipeline as without one; others overlap."""
    steps = Usage(32, 16, True, 50, operations=(("function", 800),), recurrent=True)
    plain, piped = evaluated([steps]), evaluated([steps], pipelined=True)
    np.testing.assert_allclose(piped.bill.latency, plain.bill.latency, rtol=1e-12)
    assert piped.bill.interval == near(plain.bill.interval)
    free = evaluated([steps._replace(recurrent=False)], pipelined=True)
    assert free.bill.latency.sum() < piped.bill.latency.sum() / 1.5
    # Its inputs' products run ahead: the first step waits for one of them, the others for none.
    ahead = Usage(8, 32, True, 50)
    both = evaluated([ahead, steps], pipelined=True)
    first = evaluated([ahead._replace(uses=1)]).bill.latency.sum()
    assert both.bill.latency.sum() == near(first + plain.bill.latency.sum())


def test_vgg_needs_50_176_copies_of_its_first_layer():
    """ISAAC: more than 50 thousand, so that the last layer gets inputs in every cycle."""
    read = scenario().tile.read_time
    stages = [stage(usage.uses, read) for usage in VGG1]
    stations = [Station(stages=(i,), tiles=1) for i in range(len(stages))]
    assert balanced(stages, stations, 10**9)[0] == 224**2


def test_balancing_needs_a_pipeline():
    with pytest.raises(UserError, match="balanced_over must be null without a pipeline, got 5"):
        evaluated([CONVOLUTION], balanced_over=5)


def test_a_layer_of_a_pipeline_begins_when_its_buffer_is_filled():
    """Of 256 products of the first layer 2 × 16 + 3 of 256 values fill the second's lines.

    Products follow each other in the slowest stage's time s; t is that of a whole product. The
    first layer ends last: 256 products, and one of each of the others.
    """
    first, side = convolution(1, 4, 5, 16)
    second, _ = convolution(4, 8, 3, side)
    case = evaluated([first, second], pipelined=True)
    reading = read_time(case.scenario)
    stages = []
    for usage, placed in zip(case.usages, case.layouts, strict=True):
        whole = latency(forward(case.scenario, placed, usage, ends=1), reading)
        stages.append((whole.sum(), max(whole[PLACES["cells"]] + whole[PLACES["dac"]], 0)))
    (t1, s1), (t2, s2) = stages
    begin, through = t1 + 34 * s1, t1 + 255 * s1
    assert METRICS["latency"].compute(case) == near(max(begin + t2 + 255 * s2, through + t2))
    alone = evaluated([first], pipelined=True)
    assert METRICS["latency"].compute(alone) == near(through)
    assert case.bill.interval == near(256 * max(s1, s2))
    # A layer that is faster ends one product after the one before it.
    fast, _ = convolution(4, 8, 3, side, stride=2)
    last = latency(forward(case.scenario, case.layouts[1], fast, ends=1), reading)
    ended = evaluated([first, fast], pipelined=True)
    assert METRICS["latency"].compute(ended) == near(through + last.sum())
    # Without a pipeline one product after the other.
    plain = evaluated([first, second])
    assert METRICS["latency"].compute(plain) == near(256 * (t1 + t2))


def test_small_matrices_share_a_tile():
    """100 × 40 and 28 × 48 devices on one of 128 × 128, the others of 40 × 30 and 60 × 50."""
    usages = [dense(40, 15), dense(60, 25), dense(100, 20), dense(28, 24)]
    plain, packed = evaluated(usages), evaluated(usages, shared())
    assert shared_tiles(packed.layouts, packed.scenario.tile) == ((0, 1), (2, 3))
    assert sum(count.tiles for count in plain.bill.census) == 4
    assert sum(count.tiles for count in packed.bill.census) == 2
    for name in ("cells", "dac", "adc", "shift_add"):
        assert area(packed, name) == near(area(plain, name) / 2), name
    for name in ("registers", "buffers", "activation"):
        assert area(packed, name) == near(area(plain, name)), name
    np.testing.assert_array_equal(packed.bill.energy, plain.bill.energy)
    np.testing.assert_array_equal(packed.bill.latency, plain.bill.latency)
    assert packed.bill.leakage < plain.bill.leakage
    used = METRICS["utilisation"].compute
    assert used(packed) == near(2 * used(plain))


def test_layers_on_one_tile_take_turns_in_a_pipeline():
    usages = [dense(40, 15), dense(60, 25), dense(100, 20)]
    plain = evaluated(usages, pipelined=True)
    packed = evaluated(usages, shared(), pipelined=True)
    each = [evaluated([usage], pipelined=True).bill.interval for usage in usages]
    assert plain.bill.interval == near(max(each))
    assert packed.bill.interval == near(each[0] + each[1])
    assert packed.bill.copies == (1, 1, 1)
    # The second of two on one tile begins when the first is through; alone it begins earlier.
    two = [THREE[0], THREE[1]]
    apart, turns = evaluated(two, pipelined=True), evaluated(two, shared(), pipelined=True)
    spans = [evaluated([usage], pipelined=True).bill.latency.sum() for usage in two]
    assert turns.bill.latency.sum() == near(sum(spans))
    assert apart.bill.latency.sum() < 0.9 * sum(spans)


def test_copies_of_a_shared_tile_hold_all_of_its_layers():
    """256 + 64 products on one tile: two copies halve both."""
    packed = evaluated(THREE, shared(), pipelined=True, balanced_over=3)
    assert packed.bill.copies == (2, 2, 1)
    assert (
        sum(n * c.tiles for n, c in zip(packed.bill.copies, packed.bill.census, strict=True)) == 3
    )
    first, second = (evaluated([usage], pipelined=True).bill.interval for usage in THREE[:2])
    assert packed.bill.interval == near((first + second) / 2)


@settings(max_examples=60, deadline=None)
@given(
    shapes=st.lists(st.tuples(st.integers(1, 150), st.integers(1, 80)), min_size=1, max_size=12),
    mapping=st.sampled_from(["differential", "reference", "offset"]),
    cells=st.integers(1, 2),
)
def test_matrices_on_shared_tiles_have_rows_and_columns_for_themselves(shapes, mapping, cells):
    tile = Tile(mapping=mapping, cells=cells, packing="shared")
    plans = [layout(rows, columns, tile, None) for rows, columns in shapes]
    bins = shared_tiles(plans, tile)
    indices = [index for each in bins for index in each]
    assert len(set(indices)) == len(indices)
    for each in bins:
        assert len(each) > 1
        assert all(plans[index].tiles == 1 for index in each)
        assert sum(plans[index].inputs * cells for index in each) <= 128
        assert sum(plans[index].width for index in each) <= 128
    assert shared_tiles(plans, dataclasses.replace(tile, packing="none")) == ()


def test_sharing_tiles_moves_no_result():
    """The simulation knows of it in the tile alone, whose layouts are the same."""
    assert layout(40, 15, Tile(), None) == layout(40, 15, Tile(packing="shared"), None)
    with pytest.raises(UserError, match="packing must be"):
        Tile(packing="dense")


def test_baselines_count_the_same_graph():
    """Each weight is fetched once, each value moves once; the blocks of a diagonal count alone."""
    one, side = convolution(8, 8, 3, 16, groups=8)
    behind = {"addition": 100, "multiplication": 50, "division": 3, "function": 7}
    usage = one._replace(operations=tuple(sorted((behind | {"comparison": 999}).items())))
    weights, products, outputs = 72, 72 * side**2, 8 * side**2
    moved = 8 * 256 + outputs
    held = 8 * (2 * 16 + 3) + 8
    for number, bits, word in (("int8", 8, 16), ("fp32", 32, 32)):
        units = {kind: digital.unit(kind, word, NODE).energy for kind in behind}
        if number == "fp32":
            scale = cited.mac("fp32", NODE) / 4.6e-12
            units |= {"addition": 0.9e-12 * scale, "multiplication": 3.7e-12 * scale}
        wanted = products * cited.mac(number, NODE)
        wanted += sum(n * units[kind] for kind, n in behind.items())
        wanted += weights * bits * components.dram("lpddr4")
        wanted += moved * bits * cited.sram(held * bits, NODE).energy
        assert engine_energy((usage,), number, "lpddr4", NODE) == near(wanted)
    on_cpu = baseline_energy((usage,), NODE)[BASELINES.index("cpu")]
    assert on_cpu == near((2 * products + 160) * cited.OPERATION["cpu"])
    # A training sample takes three passes.
    plain = one._replace(operations=())
    for place in ("int8_sram", "fp32_sram", "cpu"):
        once, thrice = (
            baseline_energy((usage,), NODE, training=training)[BASELINES.index(place)]
            - baseline_energy((plain,), NODE, training=training)[BASELINES.index(place)]
            for training in (False, True)
        )
        assert thrice == pytest.approx(3 * once, rel=1e-6), place
    parts = usage.split(Tile(), None)
    assert engine_energy(parts, "int8", "lpddr4", NODE) <= engine_energy(
        (usage,), "int8", "lpddr4", NODE
    )


@pytest.mark.parametrize(
    ("usages", "weights", "products"),
    [(VGG8, 12.97e6, 0.616e9), (VGG1, 132.9e6, 7.61e9), (RESNET18, 11.68e6, 1.814e9),
     (RESNET50, 25.50e6, 4.09e9)],
)  # fmt: skip
def test_networks_have_as_many_weights_and_products_as_published(usages, weights, products):
    assert sum(usage.weights for usage in usages) == pytest.approx(weights, rel=1e-3)
    assert sum(usage.weights * usage.uses for usage in usages) == pytest.approx(products, rel=1e-3)


@pytest.mark.parametrize("usages", [VGG8, RESNET18, RESNET50])
def test_every_cost_of_a_network_adds_up(usages):
    """And copies, which take more area, never slow a pipeline down."""
    plain, piped = evaluated(usages), evaluated(usages, pipelined=True)
    tiles = sum(count.tiles for count in plain.bill.census)
    more = evaluated(usages, pipelined=True, balanced_over=2 * tiles)
    for case in (plain, piped, more):
        assert np.isfinite(case.energy_terms).all()
        assert case.energy_terms.sum(axis=-1) == case.energy
        assert 0 < METRICS["utilisation"].compute(case) <= 1
    assert piped.bill.interval < plain.bill.interval
    assert more.bill.interval < piped.bill.interval / 2
    assert more.bill.area.sum() > piped.bill.area.sum()
    assert piped.bill.latency.sum() < plain.bill.latency.sum()
    assert arrays(more) <= 2 * tiles


def test_an_evaluation_splits_block_diagonal_matrices():
    weight = np.ones((64, 9, 1), np.float32)
    matrix = Matrix(
        weight=weight, calibration=np.ones((2, 576), np.float32), signed=False, uses=4,
        operations={"addition": 64},
    )  # fmt: skip
    case = Evaluation.of(scenario(), (matrix,), {})
    assert case.usages == matrix.usage.split(case.scenario.tile, None)
    assert [plan.tiles for plan in case.layouts] == [1] * 5
    assert case.operations == 2 * 4 * 576


@pytest.fixture(scope="module")
def isaac():
    """Return ISAAC's arrays, converters and pipeline, as in its experiment."""
    with composer():
        study = plan(["experiment=isaac", "periphery.adc_source=isaac", "unknowns=neutral"])
    (point,) = study.points
    return study.scenario(point)


def on_isaac(usages, case, bound):
    """Return a network on ISAAC's arrays; half of the inputs' bits are set, weights are uniform."""
    device, tile = case.device, case.tile
    plans = tuple(layout(u.inputs, u.outputs, tile, device.levels) for u in usages)
    drawn = device.read_voltage**2 * (device.g_min + device.g_max) / 2 * case.dac.bits / 2
    cells = sum(u.uses * p.inputs * p.width for u, p in zip(usages, plans, strict=True))
    periphery = dataclasses.replace(case.periphery, balanced_over=bound)
    return Evaluation(
        scenario=dataclasses.replace(case, periphery=periphery), usages=usages, layouts=plans,
        measures={"array_power": np.array([[cells * drawn]])},
    )  # fmt: skip


CHIP = 168 * 96
ISAAC = {  # arrays of one copy, TOPS/W, TOPS/W and share of the peak on 16 chips
    "VGG-8": (VGG8, 6344, 0.750, 0.766, 0.58),
    "VGG-1": (VGG1, 64_892, 0.576, 0.748, 0.71),
    "ResNet-18": (RESNET18, 5724, 0.613, 0.733, 0.85),
    "ResNet-50": (RESNET50, 12_504, 0.638, 0.735, 0.85),
}


@pytest.mark.parametrize("name", list(ISAAC))
def test_networks_on_isaacs_arrays_come_near_its_peak(isaac, name):
    """Its peak is 41.3 TOPS and 0.63 TOPS/W a chip; a full array here has 0.747 TOPS/W."""
    usages, number, one, many, share = ISAAC[name]
    plain, spread = on_isaac(usages, isaac, None), on_isaac(usages, isaac, 16 * CHIP)
    assert arrays(plain) == number
    assert arrays(spread) <= 16 * CHIP
    efficiency = METRICS["tops_per_watt"].compute
    assert efficiency(plain).item() == pytest.approx(one, abs=6e-4)
    assert efficiency(spread).item() == pytest.approx(many, abs=6e-4)
    tops = spread.operations * METRICS["throughput"].compute(spread) / 1e12
    assert tops / (16 * 41.3) == pytest.approx(share, abs=6e-3)
    assert efficiency(spread).item() / 0.63 < 1.25


def test_baselines_of_published_networks():
    """ResNet-50: 25.6 mJ on a T4, on an int8 engine at 22 nm 0.41 mJ with SRAM, 1.95 with DRAM."""
    found = dict(zip(BASELINES, baseline_energy(RESNET50, NODE), strict=True))
    assert found["gpu"] == pytest.approx(25.6e-3, rel=0.01, abs=0)
    assert found["int8_sram"] == pytest.approx(0.41e-3, rel=0.02, abs=0)
    assert found["int8_lpddr4"] == pytest.approx(1.95e-3, rel=0.01, abs=0)
