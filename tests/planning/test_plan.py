"""From overrides to candidates: axes, designs, identities, and what is refused."""

from __future__ import annotations

import hashlib
import json
import pickle

import numpy as np
import pytest
from omegaconf import OmegaConf

from matsweep.core import codec as build
from matsweep.core.checks import UserError
from matsweep.planning.config import composer
from matsweep.planning.plan import column, plan
from matsweep.scenario import MODEL_VERSION, Scenario


def planned(*overrides):
    with composer():
        return plan(list(overrides))


def test_a_grid_is_all_combinations_with_the_last_axis_fastest():
    study = planned("material=pcm_gst,hfox_vcm", "device.read_noise=0.01,0.02,0.03")
    assert len(study) == 6
    coordinates = study.coordinates()
    assert list(coordinates["material"]) == ["pcm_gst"] * 3 + ["hfox_vcm"] * 3
    np.testing.assert_array_equal(coordinates["device.read_noise"], [0.01, 0.02, 0.03] * 2)
    scenario = study.scenario(study.points[4])
    assert scenario.material == "hfox_vcm"
    assert scenario.device.read_noise.relative == 0.02
    assert scenario.device.g_max == 4e-5


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ("1,2,4", [1, 2, 4]),
        ("range(1,2,0.5)", [1.0, 1.5]),
        ("choice(1.5,2.5)", [1.5, 2.5]),
        ("sort(3,1,2)", [1, 2, 3]),
        ("interval(1,3)", [1.0, 2.0, 3.0]),
        ("tag(log,interval(0.01,1))", [0.01, 0.1, 1.0]),
    ],
)
def test_axes_are_written_in_hydras_grammar_in_config_and_on_the_command_line(written, values):
    name = "device.programming_error.scale"
    swept = planned(f"{name}={written}", "design.intervals=3")
    configured = planned(f"+axes={{{name}: '{written}'}}", "design.intervals=3")
    for study in (swept, configured):
        found = study.coordinates()[name]
        np.testing.assert_allclose(found, values)
    assert swept.identities == configured.identities


def test_the_command_line_replaces_an_axis_of_the_experiment():
    study = planned("experiment=quickstart", "material=pcm_gst", "tile.rows=16,64")
    assert study.names == ["tile.rows", "tile.cells", "adc.bits"]
    assert set(study.coordinates()["material"]) == {"pcm_gst"}
    np.testing.assert_array_equal(np.unique(study.coordinates()["tile.rows"]), [16, 64])


def test_glob_sweeps_the_choices_of_a_group():
    assert len(planned("material=glob(p*)")) >= 5
    assert set(planned("material=glob(*_gst)").coordinates()["material"]) == {"pcm_gst"}


def test_a_group_choice_brings_all_its_numbers():
    study = planned("periphery=cmos_22nm", "tile=analog_128,reference_128")
    assert [study.scenario(p).tile.mapping for p in study.points] == ["differential", "reference"]


def test_random_samples_lie_in_their_axes_and_more_keep_those_before():
    axes = ["device.read_noise=tag(log,interval(1e-3,1e-1))", "material=pcm_gst,hfox_vcm",
            "tile.rows=int(interval(16,32))"]  # fmt: skip
    few = planned(*axes, "design=random", "design.samples=20")
    many = planned(*axes, "design=random", "design.samples=400")
    assert many.identities[:20] == few.identities
    noise = many.coordinates()["device.read_noise"]
    assert noise.min() >= 1e-3
    assert noise.max() <= 1e-1
    # Half of the logarithmic interval lies below 0.01: binomial, 6 standard deviations of 10.
    assert abs((noise < 1e-2).sum() - 200) < 60
    rows = many.coordinates()["tile.rows"]
    assert rows.dtype == np.int64
    assert rows.min() == 16
    assert rows.max() == 32
    assert len(set(many.identities)) == 400


def test_identity_is_of_the_numbers_not_of_how_they_are_written():
    one = planned("device.read_noise=0.01", "material=pcm_gst")
    same = planned(
        "device.read_noise={relative: 1e-2, exponent: 0, cap: 1, flicker_read_time: null}",
        "material=pcm_gst",
        "seed=5",
        "executor=serial",
    )
    assert one.identities == same.identities
    assert planned("material=pcm_gst", "device.read_noise=0.011").identities != one.identities
    assert planned("material=pcm_gst", "times=[1]").identities != one.identities


def test_values_that_refer_to_a_swept_one_follow_it():
    study = planned("tile.rows=32,64", "tile.columns=${tile.rows}")
    assert [study.scenario(p).tile.columns for p in study.points] == [32, 64]


def test_an_experiments_axes_can_be_taken_away():
    assert len(planned("experiment=wires", "axes=null")) == 1


def test_parameters_that_all_swept_choices_have_are_swept_with_them():
    study = planned("wires=metal,resistances", "wires.driver_resistance=0,100")
    assert [study.scenario(p).wires.driver_resistance for p in study.points] == [0, 100, 0, 100]


@pytest.mark.parametrize(
    ("overrides", "first", "all_of_them"),
    [
        (["material=pcm_gst"], "4ac78d8995d67e54831f4f5d51da1ad9", "63f0f35eeb25e619"),
        (["experiment=wires"], "5fa3f3b56f6266fcb3401afac2876cc8", "c86908198700b2ec"),
        (["experiment=activation"], "dcbbbb0f63a595296a535edcece1a9d4", "d7da83db82c28433"),
        (["experiment=nonlinearity"], "8ff2c3405ea84273e028f1582816d60b", "27ba0432a7c98cd2"),
        (
            ["material=pcm_gst,hfox_vcm", "device.read_noise=tag(log,interval(1e-3,1e-1))",
             "tile.rows=int(interval(16,32))", "design=random", "design.samples=50",
             "design.seed=3"],
            "9ea4eb86e036a48978ef687079661b6d",
            "73ca2f7ac3d6041e",
        ),
    ],
)  # fmt: skip
def test_identities_stay_what_they_are(overrides, first, all_of_them):
    """Stores hold candidates by their identities: where these change, a study does not resume.

    Where that is meant (a new parameter, a new model version), put the new ones here.
    """
    study = planned(*overrides)
    assert study.identities[0] == first
    text = "".join(study.identities).encode()
    assert hashlib.blake2b(text, digest_size=8).hexdigest() == all_of_them


def test_parts_that_candidates_share_are_what_each_would_be_alone():
    """Built together, in any order, or alone from its whole configuration: the same candidate."""
    study = planned(
        "unknowns=neutral",
        "material=pcm_gst,hfox_vcm",
        "device.programming_error.scale=0,1.5",
        "device.read_noise=0.01,{relative: 0.02, exponent: 0, cap: 1, flicker_read_time: null}",
        "device.pulse_model=null,{kind: linear_step, step_up: 0.1, step_down: 0.1}",
        "wires=ideal,metal",
        "tile.rows=64,128",
        "tile.columns=${tile.rows}",
    )
    assert len(set(study.identities)) == len(study) == 64
    for position in np.random.default_rng(0).permutation(len(study))[:20]:
        point = study.points[position]
        base = study.base(point)
        config = OmegaConf.merge(base.config)
        for name, value in zip(study.names, point, strict=True):
            if "." in name:
                OmegaConf.update(config, name, value, merge=False)
        plain = OmegaConf.to_container(config, resolve=True)
        parts = {name: plain[name] for name in
                 ("device", "tile", "wires", "dac", "adc", "periphery", "workload")}  # fmt: skip
        alone = Scenario.from_config(
            {"material": base.material.name, "times": study.times, **parts}
        )
        assert study.scenario(point) == alone
        assert study.identities[position] == alone.identity
        text = json.dumps(
            {"model_version": MODEL_VERSION, **build.plain(alone)},
            sort_keys=True,
            separators=(",", ":"),
        )
        assert alone.identity == hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@pytest.mark.parametrize(
    ("values", "kept", "kind"),
    [
        ([3, 1], [3, 1], "i"),
        ([3, 0.5], [3.0, 0.5], "f"),
        ([True, False], [True, False], "b"),
        ([True, 1], ["True", "1"], "U"),
        ([0.5, True], ["0.5", "True"], "U"),
        ([4, None], ["4", "null"], "U"),
        (["pcm", 2], ["pcm", "2"], "U"),
        ([[8, 4], [8]], ["[8, 4]", "[8]"], "U"),
    ],
)
def test_a_column_is_of_numbers_if_all_its_values_are(values, kept, kind):
    found = column(values)
    assert found.tolist() == kept
    assert found.dtype.kind == kind


def test_workloads_are_the_different_ones():
    study = planned("device.read_noise=range(0.01,0.1,0.01)", "workload.hidden=[8],[16]")
    assert sorted(each.hidden for each in study.workloads) == [(8,), (16,)]
    assert study.dimensions == {}
    assert study.merit == "accuracy"


def test_chunks_share_what_candidates_have_in_common():
    """A chunk is sent to a worker: 100 candidates that differ in two numbers take few bytes."""
    study = planned("device.device_to_device=range(0,0.1,0.01)",
                    "device.programming_error.scale=range(1,11)")  # fmt: skip
    chunk = tuple(study.candidate(position) for position in range(100))
    assert len(pickle.dumps(chunk)) < 400 * len(chunk)


# -------------------------------------------------------------------------------- constraints


def test_constraints_are_of_the_whole_configuration_swept_or_not():
    study = planned(
        "unknowns=neutral",
        "material=pcm_gst,hfox_vcm",
        "device.g_max=1e-6,2e-5",
        "device.programming_error.rescale=true",
        'constraints=["device.g_min * 15 < device.g_max", "material != hfox_vcm or adc.bits > 8",'
        " \"wires == 'ideal'\"]".replace("hfox_vcm", "'hfox_vcm'"),
    )
    assert study.points == [("pcm_gst", 2e-5)]
    assert study.factorial is None
    assert study.facts["dropped"] == 3
    assert study.facts["constraints"][2] == "wires == 'ideal'"
    assert study.notes == ["3 of 4 points violate a constraint and are left out: 1 candidates"]
    assert study.violated(("pcm_gst", 1e-6)) == "device.g_min * 15 < device.g_max"
    assert study.feasible(("pcm_gst", 2e-5))


def test_constraints_follow_references_and_parts():
    study = planned(
        "tile.rows=32,64",
        "tile.columns=${tile.rows}",
        "device.read_noise={relative: 0.01, exponent: 0},{relative: 0.3, exponent: 0}",
        'constraints=["tile.columns > 32", "device.read_noise.relative < 0.1"]',
    )
    assert [point[0] for point in study.points] == [64]


def test_points_that_could_not_be_built_are_left_out_by_a_constraint():
    axes = ["device.g_min=interval(1e-7,1e-4)", "device.g_max=tag(log,interval(1e-7,1e-4))",
            "device.programming_error.rescale=true"]  # fmt: skip
    rule = 'constraints=["device.g_min < device.g_max / 2"]'
    for design, samples in (("random", 16), ("sobol", 16)):
        study = planned(*axes, rule, f"design={design}", f"design.samples={samples}")
        assert len(study) == samples
        assert all(low < high / 2 for low, high in study.points)
        assert study.facts["dropped"] > 0
    assert 0 < len(planned(*axes, rule, "design=lhs", "design.samples=64")) < 64
    with pytest.raises(UserError, match=r"device.g_min \[S\] must be < g_max"):
        planned(*axes, "design=random", "design.samples=64")


def test_a_table_becomes_candidates_with_what_is_set_beside_it(workplace):
    (workplace / "points.csv").write_text(
        "material,device.read_noise,adc.bits\npcm_gst,0.01,8\nhfox_vcm,2e-2,6\npcm_gst,1e-2,8\n"
    )
    study = planned("design=table", "design.path=points.csv", "tile.rows=64")
    assert study.points == [("pcm_gst", 0.01, 8), ("hfox_vcm", 0.02, 6)]
    assert {study.scenario(point).tile.rows for point in study.points} == {64}
    same = planned("material=pcm_gst", "device.read_noise=0.01", "adc.bits=8", "tile.rows=64")
    assert study.identities[0] == same.identities[0]
    assert study.notes[:1] == ["1 of 3 points repeat others: 2 candidates"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("adc.bits\n6\n3\n", r"points.csv, line 3: adc.bits must be in \[4, 16\], got 3"),
        ("device.levels,adc.bits\n4,6\n1,8\n", r"points.csv, line 3: device.levels must be >= 2"),
        (
            "material\npcm_gst\npcm_gts\n",
            "line 3: material=pcm_gts: no such material; did you mean",
        ),
        (
            "device.raed_noise\n1\n",
            "points.csv: device.raed_noise is not a parameter; did you mean",
        ),
        ("seed\n1\n", "points.csv: seed belongs to the study"),
        ("tile.rows\n64\n", "points.csv: tile.rows is a column, and set to tile.rows=32"),
    ],
)
def test_a_table_is_checked_row_by_row(workplace, rows, message):
    (workplace / "points.csv").write_text(rows)
    with pytest.raises(UserError, match=message) as caught:
        planned("design=table", "design.path=points.csv", "tile.rows=32")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["material=pcm_gts"], "no such material; did you mean pcm_gst"),
        (["material=pcm_gts,hfox_vcm"], "no such material; did you mean pcm_gst"),
        (["device.raed_noise=0.1"], "device.raed_noise is not a parameter; did you mean"),
        (["device.raed_noise=0.1,0.2"], "device.raed_noise is not a parameter; did you mean"),
        (["foo=1,2"], "axis foo names no parameter"),
        (["seed=1,2"], "seed belongs to the study"),
        (["executor=ray,serial"], "executor belongs to the study"),
        (["device.g_min=1,2"], r"device.g_min \[S\] must be < g_max"),
        (["device.read_noise=-1,1"], "must be >= 0, got -1"),
        (["device.read_noise=nan,1"], "must be a finite number, got nan"),
        (["device.levels=0,4"], "device.levels must be >= 2, got 0"),
        (["device.read_noise=range(5,1)"], "has no values"),
        (
            ["wires=ideal,metal", "wires.driver_resistance=0,100"],
            "wires.driver_resistance is not a parameter of wires=ideal, which has none",
        ),
        (["wires.driver_resistance=0,100"], "not a parameter of wires=ideal"),
        (["wires=resistances", "wires.sense_resistence=0,1"], "did you mean sense_resistance"),
        (["wires=resistances", "wires.word_resistance=1,inf"], "must be finite, got inf"),
        (["device.read_noise=1,1"], "has the value 1 twice"),
        (["device.read_noise=interval(2,1)"], "must be an interval from low to high"),
        (["device.read_noise=tag(log,interval(0,1))"], "logarithmic"),
        (["device.read_noise=1,"], "grammar"),
        (["design=random", "design.samples=0"], "design.samples must be >= 1"),
        (["device.programming_error.scale=a,b"], "must be a finite number, got 'a'"),
        (["device.g_max=1e-3,2e-3"], "was fitted up to"),
        (["times=[]"], "times must hold at least one"),
        (["times=[0]"], r"times \[s\] must be > 0"),
        (["times=[1,1]"], "times must differ"),
        (["times=soon"], "times"),
        (["realisations=0"], "realisations must be >= 1"),
        (["tile.mapping=foo"], "tile.mapping must be one of"),
        (["workload.dataset=foo"], "workload.dataset must be one of cifar, csv, digits"),
        (["device.drift.nu={at_gmax: 1}"], "device.drift.nu.at_gmax"),
        (["periphery.node=-1"], r"periphery.node \[m\] must be > 0"),
        (['constraints=["device.g_mni > 1"]'], "g_mni is none; did you mean device.g_min"),
        (['constraints=["tile.rows > 4096"]'], "constraints: none of the 1 points"),
        (['constraints=["tile.rows >"]'], "no comparison that can be read"),
        (
            ["adc.bits=6,8", 'constraints=["device.levels > 2 * adc.bits"]'],
            r"null is no number; ask first.* \(adc.bits=6\)",
        ),
        (
            ["design=saltelli", "adc.bits=6,8", 'constraints=["adc.bits > 6"]'],
            "design=saltelli cannot leave out",
        ),
        (["design=saltelli"], "design=saltelli needs axes"),
        (["design=table", "design.path=x.csv", "adc.bits=6,8"], "axis adc.bits: design=table"),
        (["design=lhs", "design.optimization=best"], "design.optimization must be one of"),
        (["design=foo"], "no such design.*grid, lhs, random, saltelli, sobol, table"),
        (["constraints=adc.bits,2"], "grammar|constraints"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(overrides, message):
    with pytest.raises(UserError, match=message) as caught:
        planned(*overrides)
    assert "\n" not in str(caught.value)


def test_an_error_names_the_point_of_the_design():
    with pytest.raises(UserError, match=r"\(material=pcm_gst, device.levels=1\)"):
        planned("material=pcm_gst,hfox_vcm", "device.levels=1,4")


def test_a_setting_that_only_swept_workloads_have_is_taken():
    with composer():
        study = plan(["workload=cnn_series,lstm_series", "workload.top=3", "unknowns=neutral"])
        assert [study.scenario(point).workload.top for point in study.points] == [3, 3]
        with pytest.raises(UserError, match=r"^workload\.top is not a parameter.*digits_mlp\)$"):
            plan(["workload=cnn_series,digits_mlp", "workload.top=3"])
