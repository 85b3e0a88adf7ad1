"""Priors of what materials do not state: the files of mechanisms, and the user's own."""

from __future__ import annotations

import io
import itertools
import json
import math
from collections import defaultdict

import numpy as np
import pytest
from rich.console import Console

import matsweep
from matsweep.catalogue import show_material
from matsweep.core.checks import UserError
from matsweep.core.codec import build
from matsweep.devices import AnalogDevice, ProgrammingError
from matsweep.devices.unknown import PATHS, parameter_of, unknown_parameters, with_values
from matsweep.materials.priors import LogNormal, LogUniform, Normal, Uniform, Value
from matsweep.planning.config import compose, composer, leaves, options, plain_config
from matsweep.planning.folders import conf_folder
from matsweep.planning.loading import load_material, load_materials
from matsweep.planning.plan import plan
from matsweep.planning.unknowns import ANY, mechanism, priors
from matsweep.running.overrides import as_overrides
from matsweep.running.provenance import sources

with composer():
    MECHANISMS = {name: mechanism(name) for name in options("prior")}
    MATERIALS = dict(zip(options("material"), load_materials(options("material")), strict=True))
    REFERENCES = plain_config(compose([]).references)

FLOORS = defaultdict(lambda: (0.2, 0.5, 0.8))
FLOORS["device.retention.time"] = FLOORS["device.endurance.half_window"] = (1.0, 1.5, 2.3)


def scenario(*overrides, config_dir=None):
    """Return the first candidate of a study as frozen objects, and the remarks before it runs."""
    with composer(config_dir):
        study = plan(["unknowns=prior", *overrides])
        return study.candidate(0).scenario, study.notes


def drawn(*overrides):
    return {each.path: each.prior for each in scenario(*overrides)[0].unknown}


@pytest.mark.parametrize("name", MECHANISMS)
def test_every_prior_has_a_law_and_sources(name):
    for path, evidence in MECHANISMS[name].evidence.items():
        assert path in PATHS
        assert evidence.sources.keys() <= REFERENCES.keys(), path
        assert evidence.sources or name == ANY, path
        assert evidence.note if name == ANY else True


@pytest.mark.parametrize("name", [name for name in MECHANISMS if name != ANY])
def test_a_prior_is_as_wide_as_so_few_sources_allow(name):
    """A floor of ln x for three or more numbers that were read, for one or two, and for none."""
    for path, evidence in MECHANISMS[name].evidence.items():
        if isinstance(evidence.law, LogNormal):
            floor = FLOORS[path][0 if evidence.seen >= 3 else 1 if evidence.seen else 2]
            assert evidence.law.log_sd >= floor, path


@pytest.mark.parametrize("path", MECHANISMS[ANY].evidence)
def test_any_mechanism_is_one_more_of_its_kind(path):
    """Its spread is that between mechanisms, with the error of so few, and that within them."""
    laws = [m.evidence[path].law for name, m in MECHANISMS.items()
            if name != ANY and path in m.evidence]  # fmt: skip
    pooled, count = MECHANISMS[ANY].evidence[path].law, len(laws)
    if isinstance(pooled, LogNormal):
        centres = [math.log(law.median) for law in laws]
        variances = [law.log_sd**2 for law in laws]
        centre, spread = math.log(pooled.median), pooled.log_sd
    else:
        centres, variances = zip(*[moments(law) for law in laws], strict=True)
        centre, spread = pooled.mean, pooled.sd
    expected = np.var(centres, ddof=1) * (1 + 1 / count) + np.mean(variances)
    assert spread**2 == pytest.approx(expected, rel=0.02)
    assert centre == pytest.approx(np.mean(centres), rel=0.02, abs=0.005)
    bounds = [law.min for law in laws if law.min is not None]
    assert pooled.min == min(bounds)


def moments(law):
    """Return mean and variance of a law."""
    if isinstance(law, Normal):
        return law.mean, law.sd**2
    mean = law.median * math.exp(law.log_sd**2 / 2)
    return mean, mean**2 * math.expm1(law.log_sd**2)


def test_the_configuration_names_every_parameter():
    with composer():
        node = plain_config(compose([]).prior)
    parents = {path.rpartition(".")[0] for path in leaves(node)}
    assert set(leaves(node)) - parents == set(PATHS)


@pytest.mark.parametrize("name", MATERIALS)
def test_no_draw_of_a_material_makes_a_device_that_is_refused(name):
    """Both ends of every prior, in all parameters at once."""
    loaded = MATERIALS[name]
    statuses = unknown_parameters(loaded.device, loaded.material.origins)
    laws = priors(loaded.device, statuses, MECHANISMS[loaded.material.prior])
    for end in (1e-9, 0.5, 1 - 1e-9):
        values = np.full(len(PATHS), np.nan)
        for path, law in laws.items():
            parameter = parameter_of(path)
            number = float(law.quantile(np.array(end)))
            values[PATHS.index(path)] = np.clip(number, parameter.low, parameter.high)
        device = with_values(loaded.device, values)
        assert isinstance(device, AnalogDevice)
        assert np.isfinite(
            device.programming_sigma(np.linspace(device.g_min, device.g_max, 5))
        ).all()


def test_a_specification_and_a_digital_cell_have_nothing_unknown():
    for name in ("rpu_idealized", "rpu_reference", "sram_cmos"):
        assert not drawn(f"material={name}")
    assert drawn("material=hfox_vcm")
    assert not drawn("material=hfox_vcm", "material.prior=none")  # nor what is recalled


def test_what_makes_no_sense_for_a_mechanism_is_not_drawn():
    assert not any("pulse_model" in path for path in MECHANISMS["stt_mram"].evidence)
    assert not any("retention" in path for path in MECHANISMS["superconducting"].evidence)


def test_spreads_that_the_programming_error_contains_are_not_drawn_on_top():
    assert "device.device_to_device" not in drawn("material=fefet_hzo")
    assert "device.device_to_device" not in drawn("material=pcm_gst")
    without = drawn("material=fefet_hzo", "prior.device.programming_error=null")
    assert without["device.device_to_device"] == LogNormal(
        median=0.15, log_sd=0.8, min=0.02, max=1.0
    )
    own = drawn("material=pcm_gst", "prior.device.device_to_device=0.05")
    assert own["device.device_to_device"] == Value(value=0.05)


def test_a_prior_about_a_number_from_memory_is_wider_for_times():
    laws = drawn("material=hfox_vcm", "device.cycles=1")
    assert laws["device.retention.time"] == LogNormal(median=3.15576e8, log_sd=2.3)
    assert laws["device.retention.activation_ev"] == LogNormal(median=1.5, log_sd=0.2)
    assert laws["device.endurance.half_window"] == LogNormal(median=1e8, log_sd=2.3)


def test_what_has_no_effect_is_not_drawn():
    assert not any("endurance" in path for path in drawn("material=fefet_hzo"))
    pulses = [path for path in PATHS if "pulse_model" in path]
    assert not set(pulses) & drawn("material=fefet_hzo").keys()
    verified = drawn("material=fefet_hzo", "device.write_verify=true")
    assert pulses[0] in verified
    assert "device.programming_error" not in verified
    learning = drawn("material=fefet_hzo", "workload=digits_online")
    assert pulses[0] in learning


@pytest.mark.parametrize(
    ("given", "law"),
    [
        ("device.read_noise=0.02", Value(value=0.02)),
        ("device.read_noise=2%", Value(value=0.02)),
        ("device.read_noise=[0.01,0.05]", LogUniform(min=0.01, max=0.05)),
        ("device.read_noise=[1%,0.05]", LogUniform(min=0.01, max=0.05)),
        ("device.read_noise=[0,0.05]", Uniform(min=0.0, max=0.05)),
        ("device.retention.time=1d", Value(value=86400.0)),
        ("device.retention.time=[1h,1d]", LogUniform(min=3600.0, max=86400.0)),
        ("device.retention.time={kind: lognormal, median: 1d, log_sd: 1}",
         LogNormal(median=86400.0, log_sd=1.0)),
        ("device.drift.nu={kind: normal, mean: 0.01, sd: 0.02, min: 0}",
         Normal(mean=0.01, sd=0.02, min=0.0)),
        ("device.drift.nu=[-0.01,0.01]", Uniform(min=-0.01, max=0.01)),
        ("device.drift.nu=null", None),
    ],
)  # fmt: skip
def test_a_users_prior_takes_the_place_of_the_mechanisms(given, law):
    path = given.partition("=")[0]
    laws = drawn("material=fefet_hzo", f"prior.{given}")
    assert laws.get(path) == law
    assert laws.keys() | {path} == drawn("material=fefet_hzo").keys()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["prior.device.read_noise=-0.1"],
         r"prior.device.read_noise must be from 0 to 10, got -0.1"),
        (["prior.device.retention.time=-1"],
         r"prior.device.retention.time \[s\] must be from 1e-12"),
        (["prior.device.read_noise=[0.05,0.01]"], r"must be a range \[low, high\] with low < high"),
        (["prior.device.read_noise=[0.05]"], r"must be a range of two numbers, got \[0.05\]"),
        (["prior.device.read_noise=much"], r"must be a number, a range such as .*got 'much'"),
        (["prior.device.read_noise=1s"], r"prior.device.read_noise"),
        (["prior.device.read_noise={kind: lognormal, log_sd: 1}"],
         r"prior.device.read_noise.median is missing"),
        (["prior.device.read_noise={kind: gauss, median: 1}"],
         r"prior.device.read_noise.kind must be .*normal"),
        (["prior=pcm"], "prior follows the material: material.prior=NAME"),
        (["prior.device.read_nois=0.1"], r"did you mean prior.device.read_noise"),
        (["unknowns=none"], r"unknowns must be one of prior, neutral|unknowns must be"),
        (["unknowns=neutral", "prior.device.read_noise=0.1"],
         r"prior.device.read_noise has no effect with unknowns=neutral: give unknowns=prior"),
        (["+material.prior=pcn"], r"material.prior=pcn: no such mechanism.*pcm"),
    ],
)  # fmt: skip
def test_an_invalid_prior_is_refused_in_one_line(overrides, message):
    with pytest.raises(UserError, match=message) as caught:
        scenario(
            "material=fefet_hzo", *[each.replace("+material", "material") for each in overrides]
        )
    assert "\n" not in str(caught.value)


def test_a_prior_in_python_is_a_mapping():
    law = {"kind": "lognormal", "median": "1 %", "log_sd": 1.0}
    nested = {"prior": {"device": {"read_noise": law, "drift": {"nu": [0.0, 0.1]}}}}
    with composer():
        written = as_overrides(nested)
    laws = drawn("material=fefet_hzo", *written)
    assert laws["device.read_noise"] == LogNormal(median=0.01, log_sd=1.0)
    assert laws["device.drift.nu"] == Uniform(min=0.0, max=0.1)


def test_what_a_study_sets_or_sweeps_is_not_drawn():
    laws = drawn("material=fefet_hzo", "device.read_noise=0")
    assert "device.read_noise" not in laws
    with composer():
        study = plan(["unknowns=prior", "material=fefet_hzo", "device.drift.nu=0,0.01,0.02"])
    for point in study.points:
        laws = {each.path for each in study.scenario(point).unknown}
        assert "device.drift.nu" not in laws
        assert "device.drift.spread" in laws


def test_what_an_experiment_states_is_not_drawn(tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(
        "# @package _global_\ndevice: {read_noise: {relative: 0.0}}\n"
    )
    candidate, _ = scenario("experiment=mine", "material=fefet_hzo", config_dir=tmp_path)
    assert "device.read_noise" not in {each.path for each in candidate.unknown}


def test_a_users_material_and_mechanism_are_files_in_their_folder(tmp_path):
    (tmp_path / "material").mkdir()
    (tmp_path / "prior").mkdir()
    text = (conf_folder() / "material" / "fefet_hzo.yaml").read_text()
    named = text.replace("name: fefet_hzo", "name: mine").replace("prior: fefet", "prior: mine")
    (tmp_path / "material" / "mine.yaml").write_text(named)
    plain = text.replace("name: fefet_hzo", "name: bare").replace("  prior: fefet\n", "")
    (tmp_path / "material" / "bare.yaml").write_text(plain)
    (tmp_path / "prior" / "mine.yaml").write_text(
        "label: mine\ndevice:\n  read_noise:\n    law: {kind: value, value: 1%}\n"
        "    sources: {general: recalled}\n"
    )
    candidate, notes = scenario("material=mine", config_dir=tmp_path)
    assert [each.prior for each in candidate.unknown] == [Value(value=0.01)]
    assert not any("widest" in note for note in notes)
    candidate, notes = scenario("material=bare", config_dir=tmp_path)
    laws = {each.path: each.prior for each in candidate.unknown}
    assert laws["device.read_noise"] == MECHANISMS[ANY].evidence["device.read_noise"].law
    (note,) = (note for note in notes if note.startswith("bare: no priors are chosen"))
    assert "give material.prior=NAME" in note
    assert "material.mechanism is a text" in note
    assert set(note.rpartition(" of ")[2].split(", ")) == {*MECHANISMS, "mine"} - {ANY}


def test_neutral_unknowns_leave_the_identity_as_it_was():
    """An empty field is left out of the text that is hashed."""
    with composer():
        neutral = plan(["material=fefet_hzo", "unknowns=neutral"])
        prior = plan(["material=fefet_hzo", "unknowns=prior"])
        other = plan(["material=fefet_hzo", "unknowns=prior", "prior.device.read_noise=0.1"])
    candidate = neutral.candidate(0)
    assert candidate.scenario.unknown == ()
    assert len({*neutral.identities, *prior.identities, *other.identities}) == 3
    names = set(candidate.scenario.__dataclass_fields__) - {"unknown"}
    known = {name: getattr(candidate.scenario, name) for name in names}
    assert type(candidate.scenario)(**known).identity == candidate.identity


def test_a_study_says_what_it_draws_and_what_has_no_effect():
    _, notes = scenario("material=fefet_hzo")
    assert any("drawn for each realisation: fefet_hzo 10" in note for note in notes)
    _, notes = scenario("material=hfox_14nm", "device.temperature=85degC",
                        "prior.device.retention.activation_ev=null")  # fmt: skip
    assert "device.temperature has no effect on hfox_14nm: no activation energy is known" in notes
    _, notes = scenario("material=hfox_14nm", "device.temperature=85degC")
    assert not any("no effect" in note for note in notes)
    _, notes = scenario("unknowns=neutral", "material=ecram_li", "times=[1,1e6]")
    assert "times has no effect on ecram_li: neither drift nor retention is known" in notes


def test_a_study_says_which_of_the_users_priors_have_no_effect():
    """Each once, and only where no candidate takes it."""
    _, notes = scenario("material=pcm_gst,fefet_hzo", "adc.bits=6,8", "prior.device.read_noise=0.1",
                        "prior.device.endurance.half_window=1e6")  # fmt: skip
    assert [note for note in notes if "prior." in note] == [
        "prior.device.read_noise acts on fefet_hzo",
        "prior.device.read_noise has no effect on pcm_gst: the material states it, or what it "
        "belongs to",
        "prior.device.endurance.half_window has no effect on pcm_gst, fefet_hzo: no result here "
        "depends on it",
    ]
    _, notes = scenario("material=fefet_hzo", "device.read_noise=0", "prior.device.read_noise=0.1")
    assert (
        "prior.device.read_noise has no effect on fefet_hzo: the study sets or sweeps it" in notes
    )
    _, notes = scenario("material=fefet_hzo", "device.read_noise.relative=0",
                        "prior.device.read_noise=0.1")  # fmt: skip
    assert (
        "prior.device.read_noise has no effect on fefet_hzo: the study sets or sweeps it" in notes
    )
    _, notes = scenario("material=fefet_hzo", "device.cycles=0,1000",
                        "prior.device.endurance.half_window=1e6")  # fmt: skip
    assert not any("prior." in note for note in notes)  # one candidate takes it


def test_a_study_says_on_which_families_the_users_priors_act():
    _, notes = scenario("material=pcm_gst,ecram_li,fefet_hzo",
                        "prior.device.programming_error=0.02")  # fmt: skip
    assert (
        "prior.device.programming_error acts on ecram_li, fefet_hzo; a material's file states it "
        "for one family alone (docs/unknowns.md)"
    ) in notes
    _, notes = scenario("material=fefet_hzo", "prior.device.programming_error=0.02")
    assert not any("acts on" in note for note in notes)  # there is no other family


@pytest.mark.parametrize(
    "setting",
    ["prior.device.read_noise=0.02", "device.read_noise=0.02",
     "prior.device.read_noise={kind: uniform, min: 0.02, max: 0.02}"],
)  # fmt: skip
def test_a_number_that_the_user_states_is_not_unknown(setting):
    """Neither counted as drawn, nor as a number that no source states."""
    with composer():
        before = facts(plan(["material=fefet_hzo", "unknowns=prior"]))
        study = plan(["material=fefet_hzo", "unknowns=prior", setting])
        after = facts(study)
    assert "device.read_noise" in before["unknown"]
    assert before["numbers"]["device.read_noise"]["prior"]
    assert [*after["unknown"]] == [x for x in before["unknown"] if x != "device.read_noise"]
    assert after["numbers"]["device.read_noise"]["given"]
    assert "prior" not in after["numbers"]["device.read_noise"]
    assert any("drawn for each realisation: fefet_hzo 9" in note for note in study.notes)


def test_a_field_stated_in_part_is_still_unknown():
    with composer():
        study = plan(["material=fefet_hzo", "unknowns=prior", "prior.device.drift.nu=0.01"])
    drift = facts(study)["numbers"]["device.drift"]
    assert "given" not in drift
    assert drift["prior"].startswith("spread of drift exponents")
    assert "drift exponent " not in drift["prior"]


def facts(study):
    """Return the stored facts of a study's first material."""
    (name,) = study.materials
    return json.loads(sources(study))["materials"][name]


def test_one_number_of_one_family_is_a_short_file(tmp_path):
    """As docs/unknowns.md shows it."""
    page = (conf_folder().parent / "docs" / "unknowns.md").read_text()
    (block,) = (part for part in page.split("```") if "my_conf/material/my_fefet.yaml" in part)
    (tmp_path / "material").mkdir()
    (tmp_path / "material" / "my_fefet.yaml").write_text(block.removeprefix("yaml"))
    with composer(tmp_path):
        study = plan(["material=my_fefet,fefet_hzo", "unknowns=prior"])
        mine, shipped = (study.candidate(at).scenario for at in (0, 1))
    assert mine.device.programming_error == ProgrammingError.from_number(0.02)
    kept = [each.path for each in mine.unknown]
    assert kept == [each.path for each in shipped.unknown if "programming_error" not in each.path]


def test_the_catalogue_shows_each_prior_with_its_sources():
    out = io.StringIO()
    show_material("fefet_hzo", Console(file=out, width=200))
    shown = out.getvalue()
    assert "material.prior=fefet: ferroelectric transistors" in shown
    assert "not stated; 0.25 to 5.8 % (95 %), from 1 paper on ferroelectric transistors" in shown
    assert "halter2020: M. Halter et al." in shown
    assert "recalled; 110000 to 9.1e+08 (95 %) about the stated number" in shown
    assert "The programming error contains spread between devices" in shown
    assert "Unknown, so left out of any simulation: iv, short_term." in shown


def test_every_shipped_material_names_its_mechanism_once():
    for name, loaded in MATERIALS.items():
        text = (conf_folder() / "material" / f"{name}.yaml").read_text()
        assert text.count("\n  prior: ") == 1
        assert loaded.material.prior in MECHANISMS
    assert load_material("pcm_gst").material.prior == "pcm"
    assert build(matsweep.materials.Material, {"name": "x", "label": "", "mechanism": "",
                                               "role": ""}, "m").prior == ANY  # fmt: skip


@pytest.mark.parametrize(
    "axes",
    [
        {"device.cycles": ["0", "1e6"], "device.temperature": ["300", "350"]},
        {"device.write_verify": ["null", "{tolerance: 0.02, max_pulses: 20}"]},
    ],
    ids=["conditions", "programming"],
)
def test_a_candidate_draws_what_it_draws_alone(axes):
    """Unknowns of a candidate are not kept for another one on which more or less depends."""
    names = ["material", *axes]
    swept = [",".join(each) for each in (["epiram", "ecram_oxide"], *axes.values())]
    points = list(itertools.product(["epiram", "ecram_oxide"], *axes.values()))
    with composer():
        study, *alone = [
            plan([f"{name}={value}" for name, value in zip(names, each, strict=True)])
            for each in (swept, *points)
        ]
    assert study.identities == [each.identities[0] for each in alone]
