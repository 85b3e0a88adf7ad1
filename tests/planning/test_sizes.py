"""Sizes are counted before memory is taken: designs, results, candidates, and lazy points."""

from __future__ import annotations

import itertools
import re
import tracemalloc
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsweep.cli import main
from matsweep.core.checks import UserError
from matsweep.core.codec import build
from matsweep.core.sizes import counted, in_bytes
from matsweep.crossbar import Tile, layout
from matsweep.machine.product import fractions
from matsweep.planning.axes import Interval, read_axis
from matsweep.planning.config import composer, plain_config
from matsweep.planning.designs.points import GridPoints
from matsweep.planning.plan import plan
from matsweep.running.limits import Limits
from matsweep.running.racing import Elimination, Racing
from matsweep.running.record import create_store
from matsweep.store import open_results
from matsweep.workloads import MLP
from tests.conftest import EXHAUSTIVE

BOUND = Limits(time=120.0, memory=10**9)
NOISE = "device.read_noise"


def planned(*overrides):
    """Plan a study within a gigabyte; a plan that hangs ends the process."""
    with composer():
        return BOUND.hold(lambda: plan(list(overrides)))


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ([f"{NOISE}=interval(0,0.1)", "design.intervals=1000000000"],
         r"^design must give at most 10,000,000 candidates \(limits.candidates\), got 1,000,000"),
        ([f"{NOISE}=range(0,1,1e-3)", "device.programming_error=range(0,1,1e-3)",
          "device.device_to_device=range(0,1,1e-3)"],
         r"1,000,000,000 \(device.read_noise 1,000 × device.programming_error 1,000 × dev"),
        ([f"{NOISE}=range(0,1,1e-300)"],
         r"^axis device.read_noise must have at most 10,000,000 values .*, got 1e\+300: take a l"),
        ([f"{NOISE}=shuffle(range(0,1000000000000000000))"], r"got 1e\+18: take a longer step"),
        (["device.g_max=range(1uS,1mS,1e-300S)"], r"^axis device.g_max .*, got 1e\+297"),
        ([f"+axes={{{NOISE}: 'range(0,1,1e-9)'}}"], r"got 1,000,000,000: take a longer step"),
        ([f"{NOISE}=range(0,1,0)"], r"a range with a step that is not 0, got 0$"),
        *(([f"{NOISE}=interval(0,0.1)", f"design={kind}", "design.samples=1000000000000"],
           r"at most 10,000,000 candidates \(limits.candidates\), got [\d.e+]+: give fewer")
          for kind in ("random", "lhs", "saltelli")),
        ([f"{NOISE}=interval(0,0.1)", "design=adaptive", "design.trials=1000000000000"],
         r"at most 10,000,000 candidates"),
        (["realisations=1000000000000"],
         r"^realisations must keep the results within 1 TB \(limits.store\), got \d+ TB \(reali"),
        (["realisations=1000000000"],
         r"^realisations must need at most 64 GB of memory \(limits.memory\), got \d+ GB or more"),
        (["workload.hidden=[10000000000,10000000000]"],
         r"^workload must need at most 64 GB .* layers of 64 × 10,000,000,000, 10,000,000,000 × 1"),
        (["workload=digits_online", "material=pcm_pulsed", "workload.samples=10000000000",
          "plausible=false"], r"^workload must need at most 64 GB of .*, got 160 GB"),
        (["workload=digits_online", "material=pcm_pulsed", "workload.epochs=1000000000000",
          "plausible=false"], r"^workload must keep the results within 1 TB .* got 64 TB \(epoch"),
        (["tile.cells=1000000000000", "tile.rows=1000000000000", "plausible=false"],
         r"^tile must need at most 64 GB of memory .* devices of \d+ realisations at a time: give"),
        (["tile.cells=1,1000000000000", "tile.rows=1000000000000", "plausible=false"],
         r"^tile must need .* raise limits.memory \(tile.cells=1000000000000\)$"),
        (["workload.epochs=1000000000000"], r"^workload.epochs should be in \[1, 100000\], got 1e"),
        ([f"{NOISE}=interval(0,0.1)", "design=lhs", "design.optimization=lloyd",
          "design.samples=20000"], r"samples must be <= 10,000 with optimization=lloyd"),
    ],
)  # fmt: skip
def test_what_is_too_large_is_counted_and_refused_in_one_line(overrides, said):
    with pytest.raises(UserError, match=said) as refused:
        planned(*overrides)
    assert "\n" not in str(refused.value)


def test_limits_move_the_bounds():
    overrides = ["unknowns=neutral", f"{NOISE}=0.01,0.02,0.03", "adc.bits=6,8"]
    assert len(planned(*overrides, "limits.candidates=6")) == 6
    with pytest.raises(UserError, match=r"at most 5 candidates .*, got 6 \(device.read_noise 3 × "):
        planned(*overrides, "limits.candidates=5")
    with pytest.raises(UserError, match=r"must have at most 2 values .*, got 3"):
        planned(f"{NOISE}=range(0,0.03,0.01)", "limits.candidates=2")
    with pytest.raises(UserError, match=r"^limits.memory must be >= 1, got 0"):
        planned("limits.memory=0")
    with pytest.raises(UserError, match=r"^limits\.candidates belongs to the study"):
        planned("limits.candidates=1,2")


def test_identities_do_not_depend_on_the_bounds():
    assert planned("limits.memory=1e12").identities == planned().identities


def test_the_bound_of_the_store_is_exactly_that_of_its_metrics(tmp_path):
    overrides = [
        "workload=digits_online",
        "material=pcm_pulsed",
        "workload.epochs=3",
        "adc.bits=6,8",
    ]
    study = planned(*overrides)
    create_store(study, tmp_path / "x.zarr")
    ds = open_results(tmp_path / "x.zarr")
    size = sum(ds[name].nbytes for name in ds.data_vars if ds[name].dtype == np.float64)
    assert len(planned(*overrides, f"limits.store={size}")) == 2
    with pytest.raises(UserError, match=r"^workload|^realisations|^design must keep the results"):
        planned(*overrides, f"limits.store={size - 1}")


@pytest.mark.parametrize("mapping", ["differential", "reference", "offset"])
@pytest.mark.parametrize(("levels", "cells"), [(None, 1), (4, 1), (None, 3)])
def test_devices_are_those_of_the_arrays(mapping, levels, cells):
    tile = Tile(rows=16, columns=16, mapping=mapping, cells=cells, weight_bits=5)
    plan_of = layout(37, 11, tile, levels)
    weights = np.random.default_rng(0).uniform(-1, 1, (37, 11)).astype(np.float32)
    assert plan_of.devices == fractions(weights, plan_of).size


def test_a_workloads_shapes_are_those_of_its_matrices():
    workload = MLP(hidden=(3, 5), epochs=1)
    matrices = workload.train().matrices
    assert workload.shapes == tuple(matrix.weight.shape for matrix in matrices)
    assert workload.footprint >= 4 * 8 * sum(matrix.weight.size for matrix in matrices)


VALUES = st.lists(
    st.lists(st.integers(), min_size=1, max_size=5, unique=True).map(tuple), max_size=4
)


@given(values=VALUES, data=st.data())
def test_grid_points_are_the_product_in_its_order(values, data):
    listed = list(itertools.product(*values))
    points = GridPoints(values)
    assert points == listed
    assert [points[i] for i in range(len(points))] == listed
    assert points[-1] == listed[-1]
    assert points[1:3] == listed[1:3]
    kept = points.kept(lambda point: sum(point) % 3 != 1)
    chosen = [point for point in listed if sum(point) % 3 != 1]
    assert kept == chosen
    assert [listed[row] for row in kept.rows] == chosen
    for axis in range(len(values)):
        which, distinct = kept.values(axis)
        assert [distinct[place] for place in which] == [point[axis] for point in chosen]
        assert set(distinct) == {point[axis] for point in chosen}
    axes = [axis for axis in range(len(values)) if data.draw(st.booleans())]
    first = {}
    for point in chosen:
        first.setdefault(tuple(point[axis] for axis in axes), point)
    assert kept.distinct(axes) == list(first.values())


def test_points_of_a_grid_take_no_memory_each():
    tracemalloc.start()
    try:
        points = GridPoints([tuple(range(3163))] * 2)
        assert points[9_999_999] == divmod(9_999_999, 3163)
        assert len(list(itertools.islice(points, 10_000))) == 10_000
        assert tracemalloc.get_traced_memory()[1] < 3e6
    finally:
        tracemalloc.stop()


def test_the_points_of_a_plan_are_those_and_its_columns_theirs():
    study = planned("unknowns=neutral", "material=pcm_gst,hfox_vcm", "adc.bits=4,6,8",
                    "constraints='adc.bits > 4 or material == \"pcm_gst\"'")  # fmt: skip
    assert isinstance(study.points, GridPoints)
    columns = study.coordinates()
    for index, name in enumerate(study.names):
        assert columns[name].tolist() == [point[index] for point in study.points]
    assert study.facts["dropped"] == 1
    assert study.factorial is None


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(-7, 7).filter(bool), st.booleans())
def test_a_range_is_counted_as_hydra_expands_it(start, stop, step, real):
    scale = 0.25 if real else 1  # exact in binary
    written = f"range({start * scale},{stop * scale},{step * scale})"
    length = len(range(start, stop, step))
    if not length:
        with pytest.raises(UserError, match="has no values"):
            read_axis("a.b", written)
        return
    assert len(read_axis("a.b", written, length).values) == length
    if length > 1:
        with pytest.raises(UserError, match=rf"at most {length - 1:,} values .*, got {length}:"):
            read_axis("a.b", written, length - 1)


@given(st.integers(-20, 20), st.integers(1, 30), st.integers(1, 60))
def test_whole_numbers_of_an_interval_are_counted_at_least(low, width, points):
    axis = Interval(name="a.b", low=low, high=low + width, whole=True)
    listed = axis.listed(points)
    assert len(listed) <= axis.count(points) <= min(points, width + 1)
    if points > width:
        assert listed == tuple(range(low, low + width + 1))
    assert len(axis.listed(10**12)) == width + 1


def test_a_race_of_endless_rounds_is_refused():
    with pytest.raises(UserError, match=r"racing.factor must give at most 1000 rounds, got 1\b"):
        Elimination(factor=1.0 + 1e-9).rounds(10**12)
    assert len(Elimination().rounds(10**6)) == 18


@pytest.mark.parametrize(
    ("number", "text", "size"),
    [(0, "0", "0 B"), (999, "999", "999 B"), (64 * 10**9, "64,000,000,000", "64 GB"),
     (10**12, "1e+12", "1 TB"), (15 * 10**17, "1.5e+18", "1.5 EB"), (10**30, "1e+30", "1e+30 B"),
     (10**300, "1e+300", "1e+300 B")],
)  # fmt: skip
def test_sizes_are_written_shortly(number, text, size):
    assert counted(number) == text
    assert in_bytes(number) == size


def test_a_count_of_more_digits_than_python_writes_is_written():
    assert counted(10**6000) == "1e+6000"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["bench.devices=1000000000000"],
         r"bench.devices must need at most 16 GB of memory \(limits.memory\), got .*, for 1e"),
        (["tile=analog_128", "tile.rows=1000000000", "plausible=false"],
         r"tile.rows must need at most 16 GB .*, got 8.19 TB or more, for an array of 1,000"),
        (["tile=analog_128", "limits.memory=1MB"], r"at most 1 MB of .*, got 1.05 MB or more"),
    ],
)  # fmt: skip
def test_a_test_bench_is_refused_before_it_measures(workplace, capsys, settings, said):
    bound = Limits(memory=10**9)
    assert bound.hold(lambda: main(["characterize", "material=pcm_gst", *settings])) == 2
    error = capsys.readouterr().err
    assert re.search(said, error)
    assert error.splitlines()[-1].startswith("matsweep: ")
    assert len(error.splitlines()) == 1 + error.count("implausible: ")
    assert not (workplace / "results").exists()


def test_a_derived_devices_protocol_is_counted():
    derived = ["material=hfox_vcm", "device.source=derived", "plausible=false"]
    assert len(planned(*derived)) == 1
    with pytest.raises(
        UserError, match=r"^protocol must need at most 64 GB .* for 1e\+15 devices wi"
    ):
        planned(*derived, "protocol.devices=1000000000000000")


STUDIES = (
    ("unknowns=neutral", "times=[1]"),
    ("workload=digits_online", "material=pcm_pulsed", "racing=elimination", "unknowns=neutral"),
    ("material=hfox_vcm", "device.source=derived", "design=adaptive", "adc.bits=6,8"),
    ("design=saltelli", f"{NOISE}=interval(0,0.1)", "unknowns=neutral"),
    ("design=sobol", f"{NOISE}=interval(0,0.1)", "unknowns=neutral"),
    ("design=lhs", f"{NOISE}=interval(0,0.1)", "unknowns=neutral"),
    ("tile.rows=int(interval(16,64))", "design=grid", "unknowns=neutral"),
)


def _whole_numbers(node, path=""):
    """Dotted names of a configuration's whole numbers, and of lists and nulls that may hold one."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _whole_numbers(value, f"{path}.{key}" if path else key)
    elif isinstance(node, int) and not isinstance(node, bool):
        yield path, "{}"
    elif isinstance(node, list) and node and isinstance(node[0], int):
        yield path, "[{}]"
    elif node is None and path in ("workload.test_samples", "workload.samples", "device.levels"):
        yield path, "{}"


@pytest.fixture(scope="module")
def places():
    """Studies, and their whole numbers."""
    with composer():
        return [
            (study, name, written)
            for study in STUDIES
            for name, written in _whole_numbers(plain_config(plan(list(study)).config))
        ]


NUMBERS = st.one_of(
    st.integers(0, 18).map(lambda power: 10**power),
    st.integers(1, 10**18),
    st.integers(0, 60).map(lambda power: 2**power),
)


@settings(max_examples=1000 if EXHAUSTIVE else 30, deadline=None, derandomize=not EXHAUSTIVE)
@given(data=st.data())
def test_any_whole_number_is_planned_or_refused_within_a_gigabyte(places, data):
    """Any other error than matsweep's own, and any hang, is a failure."""
    study, name, written = data.draw(st.sampled_from(places))
    number = data.draw(NUMBERS)
    more = data.draw(st.sampled_from([[], ["plausible=false"]]))
    few = [] if name == "limits.candidates" else ["limits.candidates=300"]
    with suppress(UserError):
        made = planned(*study, f"{name}={written.format(number)}", *more, *few)
        racing = build(Racing, plain_config(made.config)["racing"], "racing")
        assert len(racing.rounds(made.realisations)) <= 1000
