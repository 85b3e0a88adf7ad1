"""Designs over mixed axes, drawn with and without constraints, and tables of points."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from SALib.analyze import sobol as analyze
from SALib.sample import sobol as sample
from scipy.stats import qmc

import matsweep
from matsweep.analysis.attributes import design, design_rows
from matsweep.core.checks import UserError
from matsweep.planning.axes import Interval, Values, read_axis
from matsweep.planning.config import compose, composer
from matsweep.planning.designs import (
    Design,
    Grid,
    LatinHypercube,
    Random,
    Saltelli,
    Sobol,
    Table,
)
from matsweep.planning.designs.contract import collect
from matsweep.planning.environment import gated, granted
from matsweep.planning.plan import plan
from matsweep.planning.swept import check_axis

NOISE = Interval(name="device.read_noise", low=1e-3, high=1e-1, logarithmic=True)
SPREAD = Interval(name="device.device_to_device", low=0.0, high=0.5)
ROWS = Interval(name="tile.rows", low=16, high=31, whole=True)
FAMILY = Values(name="material", values=("pcm_gst", "hfox_vcm"))
MIXED = (NOISE, FAMILY, SPREAD, ROWS)


def unit(points, axes):
    """Return numeric points as fractions of their axes."""
    columns = []
    for index, axis in enumerate(axes):
        values = np.array([point[index] for point in points], dtype=float)
        low, high = axis.low, axis.high
        if axis.logarithmic:
            values, low, high = np.log(values), np.log(low), np.log(high)
        columns.append((values - low) / (high - low))
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("kind", ["random", "lhs", "sobol", "saltelli"])
def test_every_sampler_stays_in_mixed_axes_and_repeats_itself(kind):
    design = Design.registry[kind](samples=64)
    points = list(design.points(MIXED))
    assert len(points) == design.size(MIXED)
    assert points == list(design.points(MIXED))
    noise, family, spread, rows = zip(*points, strict=True)
    assert 1e-3 <= min(noise) < 2e-3
    assert 5e-2 < max(noise) <= 1e-1
    assert set(family) == {"pcm_gst", "hfox_vcm"}
    assert 0 <= min(spread) < max(spread) <= 0.5
    assert {type(value) for value in rows} == {int}
    assert 16 <= min(rows) < max(rows) <= 31
    other = Design.registry[kind](samples=64, seed=1)
    assert points != list(other.points(MIXED))


@pytest.mark.parametrize("kind", ["random", "sobol"])
def test_more_samples_keep_those_drawn_before_with_constraints_too(kind):
    def feasible(point):
        return point[2] < 0.1 or point[1] == "pcm_gst"

    few = Design.registry[kind](samples=32).draw(MIXED, feasible)
    many = Design.registry[kind](samples=128).draw(MIXED, feasible)
    assert len(few.points) == few.rows == 32
    assert many.points[:32] == few.points
    assert all(map(feasible, many.points))
    # Feasible are 60 %: 85 of 128 + 85 on average.
    assert 40 < many.dropped < 140


@pytest.mark.parametrize("optimization", [None, "random-cd"])
def test_a_latin_hypercube_meets_every_slice_once(optimization):
    design = LatinHypercube(samples=16, optimization=optimization)
    points = list(design.points(MIXED))
    for column in unit([(p[0], p[2]) for p in points], (NOISE, SPREAD)).T:
        np.testing.assert_array_equal(np.sort((column * 16).astype(int)), np.arange(16))
    assert [p[1] for p in points].count("pcm_gst") == 8
    assert sorted(p[3] for p in points) == list(range(16, 32))


def test_optimisation_lowers_the_discrepancy_of_a_latin_hypercube():
    axes = (NOISE, SPREAD)

    def discrepancy(optimization):
        points = list(LatinHypercube(samples=20, optimization=optimization).points(axes))
        return qmc.discrepancy(unit(points, axes))

    assert discrepancy("random-cd") < discrepancy(None)


def test_a_latin_hypercube_drops_rows_and_draws_none_in_their_place():
    drawn = LatinHypercube(samples=100).draw(MIXED, lambda point: point[1] == "pcm_gst")
    assert (len(drawn.points), drawn.rows, drawn.dropped) == (50, 50, 50)


def test_a_sobol_sequence_is_balanced_at_powers_of_two_and_says_so_elsewhere():
    points = list(Sobol(samples=64).points((NOISE, SPREAD)))
    cells = (unit(points, (NOISE, SPREAD)) * 8).astype(int)
    assert set(map(tuple, cells)) == set(itertools.product(range(8), repeat=2))
    assert Sobol(samples=64).advice() == ""
    assert "64 or 128 samples" in Sobol(samples=100).advice()
    assert next(Sobol(samples=1, scramble=False).points((NOISE, SPREAD))) == (1e-3, 0.0)


@pytest.mark.parametrize("second_order", [True, False])
def test_saltelli_is_salibs_design_in_salibs_order(second_order):
    axes = (SPREAD, Interval(name="device.cycle_to_cycle", low=0, high=2))
    design = Saltelli(samples=8, second_order=second_order, seed=3)
    drawn = design.draw(axes)
    facts = json.loads(json.dumps(design.facts(axes, drawn)))
    expected = sample.sample(
        facts["problem"],
        facts["samples"],
        calc_second_order=facts["second_order"],
        seed=np.random.default_rng(facts["seed"]),
    )
    np.testing.assert_allclose(list(design.points(axes)), expected, rtol=1e-12)
    assert facts["rows"] == design.size(axes) == len(expected)
    # Of two axes, A with one value from B is B with the other from A.
    assert len(facts["repeated"]) == (16 if second_order else 0)


def test_sobol_indices_come_back_though_rows_share_candidates():
    """A model that is linear in a choice and a number: first-order shares 0.8 and 0.2."""
    axes = (Values(name="adc.bits", values=(4, 8)), SPREAD)
    design = Saltelli(samples=1024)
    drawn = design.draw(axes)
    facts = design.facts(axes, drawn)
    assert len(drawn.points) < drawn.rows == design.size(axes)
    of_row, repeated = [], dict(facts["repeated"])
    fresh = itertools.count()
    for row in range(facts["rows"]):
        of_row.append(repeated[row] if row in repeated else next(fresh))
    assert [drawn.points[c] for c in of_row] == list(design.points(axes))
    # Variances: of the choice 4², of the number 0.5² / 12 times 4 · 16² · 12 = 4.
    model = np.array([2 * bits + 27.7128129211 * spread for bits, spread in drawn.points])
    found = analyze.analyze(facts["problem"], model[of_row], print_to_console=False)
    share = 16 / (16 + 27.7128129211**2 / 48)
    np.testing.assert_allclose(found["S1"], [share, 1 - share], atol=0.02)


def test_saltelli_refuses_to_leave_rows_out():
    with pytest.raises(UserError, match=r"cannot leave out the .* or take design=sobol"):
        Saltelli(samples=8).draw(MIXED, lambda point: point[2] < 0.4)
    assert Saltelli(samples=8).draw(MIXED, lambda point: True).rows == 80


def test_rows_that_repeat_are_one_candidate():
    drawn = Random(samples=50).draw((FAMILY, Values(name="workload.hidden", values=([8], [9]))))
    assert len(drawn.points) == 4
    assert drawn.rows == 50
    assert len(drawn.repeated) == 46


@given(
    rows=st.lists(st.integers(0, 6), max_size=25),
    infeasible=st.sets(st.integers(0, 6)),
    wanted=st.none() | st.integers(1, 25),
    boxed=st.booleans(),
)
def test_rows_and_candidates_lead_to_each_other_whatever_is_dropped(
    rows, infeasible, wanted, boxed
):
    """`first` counts dropped rows, `repeated` does not; also where a value cannot be hashed."""
    points = [([row],) if boxed else (row,) for row in rows]
    outside = [([row],) if boxed else (row,) for row in infeasible]
    drawn = collect(points, lambda point: point not in outside, wanted)
    kept = [row for row, point in enumerate(points) if point not in outside][:wanted]
    assert drawn.rows == len(kept)
    read = kept[-1] + 1 if wanted is not None and len(kept) == wanted else len(rows)
    assert drawn.dropped == read - len(kept)
    assert list(drawn.first) == [points.index(point) for point in drawn.points]
    assert list(drawn.first) == sorted(drawn.first)
    repeated, fresh = dict(drawn.repeated), itertools.count()
    candidates = [repeated[row] if row in repeated else next(fresh) for row in range(drawn.rows)]
    assert [drawn.points[each] for each in candidates] == [points[row] for row in kept]
    assert next(fresh) == len(drawn.points)


def test_a_grid_leaves_out_what_is_not_feasible():
    axes = (FAMILY, Values(name="adc.bits", values=(4, 6, 8)))
    drawn = Grid().draw(axes, lambda point: point != ("pcm_gst", 6))
    assert len(drawn.points) == 5
    assert drawn.dropped == 1
    assert list(drawn.first) == [0, 2, 3, 4, 5]


@pytest.mark.parametrize("kind", ["random", "sobol"])
def test_too_small_a_feasible_share_is_told(kind):
    with pytest.raises(UserError, match=r"only . of 10,000 points meet them"):
        Design.registry[kind](samples=2).draw(MIXED, lambda point: point[2] > 0.49999)


# ------------------------------------------------------------------------------------- tables


def test_a_table_is_read_with_the_types_of_its_cells(workplace):
    (workplace / "points.csv").write_text(
        "material,device.g_max, adc.bits,workload.hidden,periphery.pipelined,device.levels\n"
        'pcm_gst,1e-6,8,"[8,4]",true,null\n'
        "\n"
        "hfox_vcm, 2.5e-5 ,6,[16],false,4\n"
    )
    design = Table(path="points.csv")
    axes = design.axes(())
    assert [axis.name for axis in axes][:3] == ["material", "device.g_max", "adc.bits"]
    assert list(design.points(axes)) == [
        ("pcm_gst", 1e-6, 8, [8, 4], True, None),
        ("hfox_vcm", 2.5e-5, 6, [16], False, 4),
    ]
    assert design.where(1) == "points.csv, line 4"


@pytest.mark.parametrize("cell", ["{relative: 0.1}", "[0.1,[1,{a: 2}]]", "{a: [1]}"])
def test_a_cell_of_a_table_may_hold_a_list_or_a_mapping(workplace, cell):
    (workplace / "points.csv").write_text(f'device.read_noise\n"{cell}"\n0.1\n"{cell}"\n')
    design = Table(path="points.csv")
    [axis] = design.axes(())
    value, other = axis.values
    assert (isinstance(value, (list, dict)), other) == (True, 0.1)
    assert list(design.points([axis])) == [(value,), (0.1,), (value,)]


def test_texts_within_a_cell_lose_their_quotes(workplace):
    (workplace / "points.csv").write_text("device.read_noise\n{law: 'power'}\n")
    [axis] = Table(path="points.csv").axes(())
    assert axis.values == ({"law": "power"},)


def test_a_cell_reads_no_variable_whatever_is_allowed(workplace):
    (workplace / "points.csv").write_text("adc.bits\n${oc.env:BITS}\n")
    given = ["material=pcm_gst", "design=table", "design.path=points.csv"]
    for allowed in ([], ["BITS"]):
        with (
            composer(),
            granted(allowed, given),
            gated(),
            pytest.raises(UserError, match=r"adc.bits may refer to other settings only"),
        ):
            plan(given)


def test_a_list_in_place_of_a_mapping_names_what_the_mapping_has():
    with composer(), pytest.raises(UserError, match=r"read_noise is a mapping with .*relative"):
        compose(["material=pcm_gst", "device.read_noise=[0.1]"])


@pytest.mark.parametrize("cell", ["[a]", "{a: 1}"])
def test_a_kind_is_no_list_or_mapping(cell):
    axis = read_axis("tile.mapping.kind", cell)
    with pytest.raises(UserError, match=r"tile.mapping.kind must be the name of a kind, got"):
        check_axis(axis, [], {}, [])


@pytest.mark.parametrize("mark", [";", "\t"])
def test_a_table_with_other_separators_is_refused(workplace, mark):
    (workplace / "points.csv").write_text(f"material{mark}adc.bits\npcm_gst{mark}8\n")
    with pytest.raises(UserError, match="line 1: cells must be separated by commas, got"):
        Table(path="points.csv").axes(())


def test_a_parquet_table_is_the_same(workplace):
    columns = {"material": ["pcm_gst", "hfox_vcm"], "adc.bits": [8, 6], "device.levels": [None, 4]}
    pyarrow.parquet.write_table(pyarrow.table(columns), "points.parquet")
    design = Table(path="points.parquet")
    assert list(design.points(design.axes(()))) == [("pcm_gst", 8, None), ("hfox_vcm", 6, 4)]
    assert design.where(1) == "points.parquet, row 2"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no rows"),
        ("material\n", "has no rows"),
        ("material,\npcm_gst,1\n", "a column has no header"),
        ("material,material\na,b\n", "two columns are material"),
        ("a.b,c.d\n1,2\n3\n", "line 3 has 1 cells, the header 2"),
        ("a.b,c.d\n1,2\n3,\n", "line 3: c.d is empty"),
        ("a.b,c.d\n1,2\n3,[1\n", "line 3: c.d .*grammar"),
        ('a.b\n1\n"2,3"\n', "line 3: a.b must be one value"),
    ],
)
def test_a_table_that_cannot_be_read_names_its_line(workplace, text, message):
    (workplace / "points.csv").write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        Table(path="points.csv").axes(())
    assert "\n" not in str(caught.value)


def test_a_table_takes_no_other_axes_and_needs_a_path_that_is_there(workplace):
    with pytest.raises(UserError, match=r"nowhere.csv cannot be read: No such file"):
        Table(path="nowhere.csv").axes(())
    with pytest.raises(UserError, match=r"must end in .csv or .parquet"):
        Table(path="points.xlsx")
    with pytest.raises(UserError, match="path must name a table"):
        Table()
    with pytest.raises(UserError, match=r"axis tile.rows: design=table takes all axes"):
        Table(path="points.csv").axes((ROWS,))
    (workplace / "broken.parquet").write_text("nonsense")
    with pytest.raises(UserError, match=r"broken.parquet cannot be read"):
        Table(path="broken.parquet").axes(())


def test_a_stored_saltelli_design_leads_from_candidates_back_to_its_rows(workplace):
    axes = ["adc.bits=6,8", "device.read_noise=interval(0.0,0.1)"]
    small = ["material=pcm_gst", "workload.hidden=[8]", "workload.epochs=5", "realisations=1"]
    path = matsweep.explore(
        [*axes, *small, "times=[1]", "design=saltelli", "design.samples=4", "executor=serial"]
    )
    ds = matsweep.open_results(path)
    facts = design(ds)
    rows = design_rows(ds)
    assert facts["rows"] == rows.size == 4 * 6
    assert ds.sizes["candidate"] == facts["candidates"] == rows.max() + 1 < rows.size
    expected = sample.sample(facts["problem"], 4, seed=np.random.default_rng(0))
    at = ds.sel(candidate=rows)
    np.testing.assert_allclose(at["device.read_noise"], expected[:, 1])
    np.testing.assert_array_equal(at["adc.bits"], np.where(expected[:, 0] < 1, 6, 8))
    found = analyze.analyze(facts["problem"], at.energy.mean(["realisation", "time"]).values)
    assert len(found["S1"]) == 2


def test_rows_of_a_design_that_are_not_stored_are_told():
    facts = {"kind": "random", "rows": 5, "candidates": 3}
    with pytest.raises(UserError, match="rows of the design are not stored"):
        design_rows(xr.Dataset(attrs={"design": json.dumps(facts)}))
    every = xr.Dataset(attrs={"design": json.dumps({**facts, "candidates": 5})})
    np.testing.assert_array_equal(design_rows(every), np.arange(5))
