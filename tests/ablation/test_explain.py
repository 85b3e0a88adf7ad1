"""Causes of a loss: a planted one is found, with its number, and repeats are the stored numbers."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest

import matsweep
from matsweep.ablation.nuisances import NUISANCES, idealised
from matsweep.ablation.probe import Probe, _behind
from matsweep.ablation.repeats import Bench, at_one_time
from matsweep.cli import main
from matsweep.core.checks import UserError
from matsweep.crossbar import node_voltages
from matsweep.planning.config import composer
from matsweep.planning.plan import plan
from matsweep.store import open_results

pytestmark = pytest.mark.xdist_group("ray")

CLEAN = [
    "material=hfox_vcm", "unknowns=neutral", "device.g_min=0", "device.programming_error.scale=0",
    "device.device_to_device=0", "device.cycle_to_cycle=0", "device.read_noise=0",
    "device.retention.time=null", "device.stuck_at.g_min=0", "device.stuck_at.g_max=0",
    "adc.bits=14", "adc.percentile=100", "dac.bits=14", "plausible=false",
]  # fmt: skip
SMALL = ["workload.hidden=[16]", "workload.epochs=30", "realisations=4", "executor=serial",
         "times=[1d]", "log=null"]  # fmt: skip
PLANTED = {
    "wires": (["wires=resistances", "wires.word_resistance=400", "wires.bit_resistance=400"],
              r"the array's voltage drop is [5-9]\d"),
    "access devices": (["tile.access_resistance=3e6", "device.g_min=1e-9"],
                       r"access devices of 3.00 MΩ take 9\d"),
    "ADC": (["adc.bits=4", "adc.noise=3"], "the ADC has 4 bits and has a noise of 3 LSB"),
    "DAC": (["dac.bits=1"], "the DAC has 1 bits"),
    "read noise": (["device.read_noise=3"], r"a read of a device has a noise of \d"),
    "programming": (["device.cycle_to_cycle=0.3"], "devices are [23]"),
    "levels": (["device.levels=2", "tile.weight_bits=null"], "2 levels, 100 % of the range apart"),
    "drift": (["device.drift.nu=0.1", "device.drift.spread=0.2"], "drift leaves"),
    "retention": (["device.retention.time=17280", "device.retention.temperature=300"],
                  "retention leaves 0.67 % of the written state after 1 day at 27 °C"),
    "stuck devices": (["device.stuck_at.g_max=0.2"], "20 % of the devices are stuck"),
    "wear": (["device.cycles=1e8", "device.endurance.half_window=1e6"],
             r"1e\+08 cycles leave 0.99 % of the window"),
}  # fmt: skip


def study(name, *overrides):
    """Compute a study in the present folder, and return its store."""
    return matsweep.explore([*CLEAN, *SMALL, f"study={name}", *overrides])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("explained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        yield place


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_cause_is_the_one_that_is_named_with_its_number(folder, name):
    """It brings back all but 0.1 of the loss, alone; the others change a tenth of it at most."""
    overrides, number = PLANTED[name]
    found = matsweep.explain(study(name.replace(" ", "_"), *overrides), 0)
    assert "The plain repeat gives the stored numbers bit for bit." in found.notes
    assert found.loss > 0.03
    assert found.cause is not None
    assert found.cause.names == (name,), [(each.names, each.merit) for each in found.singles]
    assert found.part(found.cause) > 0.9
    assert re.search(number, found.cause.number), found.cause.number
    assert found.cause.number[1:] in found.sentence
    assert found.sentence.endswith(f"{found.cause.title} it reaches "
                                   f"{found.amount(found.cause.merit)}.")  # fmt: skip
    others = [each for each in found.singles if each is not found.cause]
    if name != "wear":  # of which nothing is left to classify: all else is chance
        assert all(abs(found.part(each)) < 0.3 for each in others)
    ideal, *_, last = found.chain
    assert ideal.merit == pytest.approx(found.reference, abs=0.01)
    assert last.merit == found.value


def test_a_candidate_without_nuisance_has_no_loss_to_explain(folder):
    found = matsweep.explain(study("clean"), 0)
    assert abs(found.loss) < 0.005
    if found.loss <= 0:
        assert "no loss to explain" in found.sentence


def test_two_causes_that_hide_each_other_are_seen_together(folder):
    """With coarse converters and levels, none of them alone brings the accuracy back."""
    coarse = ["adc.bits=4", "adc.noise=2", "dac.bits=1", "device.levels=2", "tile.weight_bits=null"]
    found = matsweep.explain(study("hidden", *coarse), 0)
    assert found.pair is not None
    assert found.gain(found.pair) > max(found.gain(each) for each in found.singles)
    merits = [each.merit for each in found.chain]
    assert merits[0] > merits[-1]
    assert found.chain[0].title == "all ideal"


def test_temperature_acts_through_retention(folder):
    """At 125 °C a state that lasts at 27 °C is lost: both changes bring it back."""
    hot = ["device.temperature=398.15", "device.retention.time=1e7",
           "device.retention.temperature=300", "device.retention.activation_ev=1.0"]  # fmt: skip
    found = matsweep.explain(study("hot", *hot), 0)
    gains = {each.names[0]: found.part(each) for each in found.singles}
    assert gains["retention"] == pytest.approx(gains["temperature"], abs=0.1)
    assert gains["temperature"] > 0.8
    assert "temperature" not in {name for each in found.chain for name in each.names}


def scenario_of(*overrides):
    with composer():
        planned = plan([*CLEAN, *SMALL, *overrides])
        return planned.scenario(planned.points[0])


def test_the_voltage_drop_is_that_of_the_exact_solution_of_the_array():
    """Mean over devices of the voltage that each lacks, weighted by its current without wires."""
    scenario = at_one_time(scenario_of(*PLANTED["wires"][0], "workload.hidden=[]"), 1.0)
    prepared = scenario.workload.prepare()
    probe = Probe(scenario, prepared.matrices, 0, 1.0, 1)
    [array] = probe.arrays
    wires = scenario.hardware.wires
    assert array.layout.row_tiles == array.layout.column_tiles == 1
    lines = np.moveaxis(array.aged[0, 0].astype(float), 0, 1).reshape(64, -1)
    cells = lines[:, array.layout.places()[0]]
    voltage = array.voltage[0].astype(float)
    nodes = node_voltages(cells, voltage[None], wires)
    across = (nodes.word - nodes.bit)[0]
    weight = cells * voltage[:, None]
    lost = 1 - (cells * across).sum() / weight.sum()
    assert 0.2 < lost < 0.95
    assert probe.wire_drop == pytest.approx(lost, rel=1e-4)
    np.testing.assert_allclose(_behind(array, None, 0.0), array.aged)


def test_numbers_of_a_probe_are_those_of_closed_forms():
    """Drift of (t / t0)^-nu, retention of exp(-t / tau), stuck devices, and noise of the range."""
    day = 86_400.0
    scenario = at_one_time(
        scenario_of(
            "device.drift.nu=0.1", "device.drift.time_zero=20", "device.read_noise=0.05",
            "device.retention.time=86400", "device.retention.temperature=300",
            "device.cycle_to_cycle=0.02", "workload.hidden=[]",
        ),
        day,
    )  # fmt: skip
    prepared = scenario.workload.prepare()
    probe = Probe(scenario, prepared.matrices, 0, day, 2)
    assert probe.drifted == pytest.approx((day / 20) ** -0.1, rel=1e-3)
    assert probe.kept == pytest.approx(np.exp(-1), rel=1e-6)
    device = scenario.device
    spread = np.mean([
        np.sqrt(np.mean(np.square((each.programmed - each.level) / device.g_range)))
        for each in probe.arrays
    ])  # fmt: skip
    assert probe.error == pytest.approx(spread)
    noise = np.mean([
        np.sqrt(np.mean(np.square(0.05 * each.aged.astype(float)))) / device.g_range
        for each in probe.arrays
    ])  # fmt: skip
    assert probe.read_noise == pytest.approx(noise, rel=1e-4)


def test_every_nuisance_of_a_catalogued_material_can_be_made_ideal():
    """Once made ideal it has no effect any more, and its unknown parameters are not drawn."""
    with composer():
        planned = plan(["material=pcm_gst", "wires=metal", "device.temperature=360", *SMALL])
        scenario = planned.scenario(planned.points[0]).resolved
    assert len(scenario.unknown) > 4
    for each in NUISANCES:
        once = each.idealised(scenario)
        assert each.idealised(once) == once
        assert not any(
            f"{unknown.path}.".startswith(f"{path}.")
            for unknown in once.unknown for path in each.unknown
        )  # fmt: skip
    everything = idealised(scenario, [each for each in NUISANCES if not each.overlaps])
    assert everything.unknown == ()


def test_repeats_draw_what_the_study_draws_whatever_is_unknown(folder):
    """A parameter that is known in a repeat leaves the draws of all others as they are."""
    with composer():
        planned = plan(["material=pcm_gst", *SMALL])
        scenario = planned.scenario(planned.points[0]).resolved
    [noise] = [each for each in NUISANCES if each.name == "read noise"]
    before, after = (each.drawn(0, range(4)) for each in (scenario, noise.idealised(scenario)))
    same = ~np.isnan(after)
    assert 0 < same.sum() < (~np.isnan(before)).sum()
    np.testing.assert_array_equal(before[same], after[same])


def test_nonlinear_pulses_explain_why_a_network_does_not_learn(folder):
    """Strongly nonlinear steps of both signs; equal ones learn as far as floating point does."""
    learning = ["workload=digits_online", "workload.hidden=[]", "workload.epochs=3",
                "workload.rule={kind: pulse_count}", "workload.learning_rate=[0.3]",
                "device.pulse_model={kind: neurosim, pulses_up: 100, pulses_down: 100, "
                "nonlinearity_up: 5, nonlinearity_down: -5}"]  # fmt: skip
    small = [each for each in SMALL if not each.startswith(("workload.", "realisations"))]
    store = matsweep.explore([*CLEAN, *small, "realisations=2", "study=learning", *learning])
    found = matsweep.explain(store, 0)
    assert "The plain repeat gives the stored numbers bit for bit." in found.notes
    gains = {each.names[0]: found.gain(each) for each in found.singles}
    assert max(gains, key=gains.__getitem__) == "nonlinear pulses"


def test_unknown_parameters_do_not_hide_the_nuisance_that_they_are_of(folder):
    """Drawn stuck devices are the cause, and the distance that they make is not programming's."""
    found = matsweep.explain(
        matsweep.explore([
            *[each for each in CLEAN if not each.startswith(("unknowns", "device.stuck_at"))],
            *SMALL, "study=drawn", "prior.device.stuck_at.g_max=0.2", "device.drift.nu=0",
            "device.drift.spread=0", "device.telegraph_noise.share=0", "device.cycle_to_cycle=0.03",
        ]), 0,
    )  # fmt: skip
    assert found.cause.names == ("stuck devices",)
    assert "share stuck at g_max" in found.cause.drawn
    assert found.unknowns is not None
    assert found.unknowns.names == ("unknowns",)
    assert "unknowns" not in {each.names[0] for each in found.singles}
    assert found.unknowns.number.startswith("share stuck at g_")
    assert "share stuck at g_max" in found.sentence
    [own] = [each for each in found.singles if each.names == ("programming",)]
    assert re.match(r"devices are [23]\.?\d* % of the range off their levels", own.number)


@pytest.fixture(scope="module")
def store(folder):
    """Two families that are swept, with what they do not state."""
    return matsweep.explore(["material=pcm_gst,stt_mram", "adc.bits=4,8", "study=small", *SMALL])


def test_swept_families_are_built_again_bit_for_bit(store):
    ds = open_results(store)
    for number in range(ds.sizes["candidate"]):
        found = matsweep.explain(ds, number)
        assert found.notes == ("The plain repeat gives the stored numbers bit for bit.",)
        here = ds.accuracy.isel(candidate=number, time=-1)
        assert found.value == float(here.mean())
    assert found.to_dataset()["nuisance"].values[-1] == "unknowns"
    assert found.available == ds.sizes["realisation"]
    few = matsweep.explain(ds, 0, realisations=2)
    assert few.realisations == 2
    assert few.value == float(ds.accuracy.isel(candidate=0, time=-1, realisation=slice(2)).mean())


def test_an_axis_that_others_follow_is_followed_again(folder):
    """The stored configuration is resolved: references are those of the study's own command."""
    small = [each for each in SMALL if not each.startswith("realisations")]
    store = matsweep.explore([
        *CLEAN, *small, "realisations=2", "tile.columns=${tile.rows}", "tile.rows=16,32",
        "study=linked",
    ])  # fmt: skip
    for number in (0, 1):
        found = matsweep.explain(store, number, realisations=1)
        assert found.notes == ("The plain repeat gives the stored numbers bit for bit.",)


def test_a_material_stands_for_its_best_candidate(store):
    ds = open_results(store)
    best = int(ds.matsweep.rank("accuracy").where(ds.material == "stt_mram", drop=True)
               ["candidate"].values[0])  # fmt: skip
    for name in ("stt_mram", "STT_MRAM", "STT-MRAM (magnetic tunnel junction)"):
        assert matsweep.explain(ds, name, realisations=1).candidate == best


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (99, "there is no candidate 99: the 4 candidates are numbered from 0 to 3"),
        ("stt_mran", "did you mean stt_mram"),
        (0, "candidate 0 failed: the device melts"),
        (1, "candidate 1 is pending"),
    ],
)
def test_a_candidate_that_cannot_be_explained_says_why(store, asked, message):
    ds = open_results(store).load()
    ds["status"].values[:2] = [2, 0]
    ds["error"].values[0] = "the device melts"
    with pytest.raises(UserError, match=message):
        matsweep.explain(ds, asked)
    with pytest.raises(UserError, match="realisations must be <= 4"):
        matsweep.explain(ds, 2, realisations=5)


def test_a_store_of_other_versions_is_said_to_be_one(store):
    ds = open_results(store)
    facts = json.loads(ds.attrs["provenance"])
    facts["versions"]["numpy"] = "1.0"
    other = ds.assign_attrs(provenance=json.dumps(facts))
    notes = matsweep.explain(other, 2, realisations=1).notes
    assert any("numpy 1.0 (now " in note for note in notes)
    changed = ds.assign_coords(candidate_id=("candidate", ["0" * 32] * 4))
    notes = matsweep.explain(changed, 2, realisations=1).notes
    assert "is not the stored one" in notes[0]
    moved = ds.assign(accuracy=ds.accuracy + 0.01)
    notes = matsweep.explain(moved, 2, realisations=1).notes
    assert any("does not give the stored numbers" in note for note in notes)


def test_texts_of_a_store_build_no_objects_and_follow_no_references(store):
    ds = open_results(store)
    for name, text in (
        ("config", "!!python/object/apply:os.system ['touch hit']"), ("axes", "{"),
        ("command", "matsweep explore 'material=x"),
    ):  # fmt: skip
        given = {name: text} if name != "config" else {name: text, "axes": "[]"}
        with pytest.raises(UserError):
            matsweep.explain(ds.assign_attrs(given), 0)
    assert not Path("hit").exists()
    reference = ds.attrs["config"].replace("seed: 0", "seed: ${oc.env:HOME}")
    with pytest.raises(UserError, match="without references"):
        matsweep.explain(ds.assign_attrs(config=reference, axes="[]"), 0)


def test_the_command_prints_cause_table_and_chain(store, folder, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["explain", str(store), "stt_mram"]) == 0
    text = capsys.readouterr().out
    assert "Candidate 3, STT-MRAM" in text or "Candidate 2, STT-MRAM" in text
    for part in ("with an ideal ADC", "of the loss", "all ideal", "bit for bit", "add up"):
        assert part in text
    assert max(map(len, text.splitlines())) <= 80
    for arguments, message in (
        (["explain", str(store)], "candidate must be a number or a material"),
        (["explain", str(store), "1", "2"], "explain takes a store and one candidate"),
        (["explain", str(store), "77"], "there is no candidate 77"),
        (["explain", str(store), "²"], "candidate must be a number, or a material"),
        (["explain", str(store), "candidate='--5'"], "candidate must be a number, or a material"),
        (["explain", "nowhere.zarr", "1"], "no results at nowhere.zarr"),
    ):
        assert main(arguments) == 2
        assert message in capsys.readouterr().err


def test_a_repeat_is_computed_once(monkeypatch):
    from matsweep.ablation import repeats

    calls = []

    def simulate(scenario, *given, **named):
        calls.append(scenario)
        return {"accuracy": np.zeros((2, 1))}

    monkeypatch.setattr(repeats, "simulate", simulate)
    scenario = at_one_time(scenario_of(), 1.0)
    bench = Bench(scenario=scenario, prepared=None, merit="accuracy", seed=0, realisations=2)
    bench.run(scenario)
    bench.run(dataclasses.replace(scenario))
    assert len(calls) == 1
