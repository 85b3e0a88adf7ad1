"""Hydra's habits at the command line: overrides, experiments, sweeps, flags and completion.

The command runs in this process up to its plan; nothing is simulated.
"""

from __future__ import annotations

import pytest

from matsweep.cli import explore, main
from matsweep.core.checks import UserError
from matsweep.planning.plan import plan


@pytest.fixture
def planned(workplace, monkeypatch, capsys):
    """Return a function that takes a command's arguments, and gives the plan it comes to."""
    plans = []

    def stop(overrides, console, command, *, config_name):
        plans.append(plan(overrides, config_name=config_name))
        raise UserError("planned")

    monkeypatch.setattr(explore, "run_overrides", stop)

    def run(*arguments):
        assert main(["explore", *arguments]) == 2
        assert capsys.readouterr().err == "matsweep: planned\n"
        return plans.pop()

    return run


@pytest.fixture
def mine(workplace):
    """Return a folder of configurations: an experiment that sets axes, and a separate study."""
    folder = workplace / "conf"
    (folder / "experiment").mkdir(parents=True)
    (folder / "experiment" / "mine.yaml").write_text(
        "# @package _global_\n"
        "study: mine\n"
        "design: {intervals: 3}\n"
        "tile: {rows: 64}\n"
        "axes:\n"
        "  device.device_to_device: interval(0,0.2)\n"
        "  device.programming_error.scale: tag(log,interval(0.1,10))\n"
        "  material: pcm_gst,hfox_vcm\n"
        "  adc.bits: [6, 8]\n"
        "constraints: [adc.bits > 6]\n"
    )
    (folder / "whole.yaml").write_text(
        "defaults: [explore, _self_]\nstudy: whole\nseed: 5\naxes: {adc.bits: '6,8'}\n"
    )
    return folder


@pytest.mark.parametrize("flag", [[], ["--multirun"]])
def test_an_experiment_sets_axes_of_every_sort(planned, mine, flag):
    study = planned("--config-dir", str(mine), *flag, "experiment=mine")
    assert study.names == ["device.device_to_device", "device.programming_error.scale",
                           "material", "adc.bits"]  # fmt: skip
    assert len(study) == 3 * 3 * 2
    assert study.points[0] == (0.0, 0.1, "pcm_gst", 8)
    assert study.points[-1] == (0.2, 10.0, "hfox_vcm", 8)
    assert study.config.study == "mine"


def test_the_command_line_beats_the_experiment_which_beats_the_defaults(planned, mine):
    study = planned(
        "--config-dir", str(mine), "-m", "experiment=mine", "constraints=[]", "material=stt_mram",
        "adc.bits=range(7,9)", "device.device_to_device=choice(0.1,0.3)", "design.intervals=2",
    )  # fmt: skip
    assert study.names == ["device.device_to_device", "device.programming_error.scale", "adc.bits"]
    assert sorted({point[0] for point in study.points}) == [0.1, 0.3]
    assert sorted({point[2] for point in study.points}) == [7, 8]
    assert len(study) == 8
    scenario = study.scenario(study.points[0])
    assert scenario.material == "stt_mram"
    assert scenario.tile.rows == 64
    assert scenario.tile.columns == 128


def test_a_configuration_of_ones_own_is_the_primary_one(planned, mine):
    study = planned("--config-dir", str(mine), "--config-name", "whole", "material=pcm_gst")
    assert study.names == ["adc.bits"]
    assert study.seed == 5
    assert study.config.study == "whole"


def test_every_form_of_hydras_sweeps(planned):
    written = {
        "device.cycles": ("range(0,3)", (0, 1, 2)),
        "device.device_to_device": ("range(0.25,1,0.25)", (0.25, 0.5, 0.75)),
        "device.cycle_to_cycle": ("choice(0.1,0.3)", (0.1, 0.3)),
        "adc.bits": ("sort(8,6,7)", (6, 7, 8)),
        "dac.bits": ("sort(range(6,9),reverse=true)", (8, 7, 6)),
        "device.temperature": ("float(range(300,302))", (300.0, 301.0)),
        "tile.rows": ("int(32.2,64.4)", (32, 64)),
        "device.read_noise": ("tag(mine,choice(0.1,0.2))", (0.1, 0.2)),
        "device.programming_error.scale": ("interval(0,1)", (0, 0.5, 1)),
        "tile.columns": ("int(interval(32,64))", (32, 48, 64)),
        "tile": ("glob(*,exclude=offset*)", ("analog_128", "reference_128")),
    }
    given = [f"{name}={form}" for name, (form, _) in written.items()]
    given += ["workload.seed=shuffle(range(3))", "design=random", "design.samples=1"]
    study = planned("-m", *given)
    found = {axis.name: axis.listed(3) for axis in study.axes}
    assert sorted(found.pop("workload.seed")) == [0, 1, 2]
    assert found == {name: values for name, (_, values) in written.items()}


def test_sweeps_may_stand_where_hydras_own_sweeper_has_them(planned):
    study = planned("-m", "+hydra.sweeper.params={adc.bits: '6,8', device.cycles: '0,10'}",
                    "device.cycles=5")  # fmt: skip
    assert study.names == ["adc.bits"]
    assert study.scenario(study.points[0]).device.cycles == 5


def test_m_with_nothing_to_sweep_is_one_candidate(planned):
    assert planned("-m", "material=pcm_gst").points == [()]


@pytest.mark.parametrize("design", ["grid", "random", "lhs", "sobol", "saltelli"])
def test_every_design_can_be_chosen(planned, design):
    study = planned("-m", "adc.bits=range(4,12)", f"design={design}", "hydra/sweeper=matsweep")
    assert study.facts["kind"] == design
    assert len(study) == 8


def test_a_search_can_be_chosen(planned):
    study = planned("-m", "adc.bits=range(4,12)", "design=adaptive", "design.trials=6")
    assert study.facts["kind"] == "adaptive"
    assert sum(study.design.batches()) == 6
    assert not study.points  # they come with results


def test_parameters_can_be_added_and_taken_away(planned):
    study = planned("~tile.read_time", "++adc.bits=6", "+note=mine")
    assert study.scenario(()).adc.bits == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-m", "adc.bits=6,8", "hydra/launcher=joblib"], "hydra/launcher=joblib has nothing to"),
        (["-m", "adc.bits=6,8", "hydra/sweeper=basic"], "hydra/sweeper=basic would make a study"),
        (["-m", "adc.bits=6,8", "hydra/sweeper=foo"], "there are basic, matsweep"),
        (["-m", "+adc.foo=6,8"], "without + or ~: add it first (+adc.foo=VALUE"),
        (["~adc"], "adc is missing from the configuration"),
        (["~executor"], "executor is missing from the configuration"),
        (["~foo"], "'foo' does not exist"),
        (["+device.foo=1"], "device.foo is not a parameter (there are g_min"),
        (["+device.g_min=1"], "device.g_min"),
        (["-m", "experiment=quickstart,wires"], "experiment belongs to the study"),
        (["-m", "design=random,sobol"], "design belongs to the study"),
        (["--cfg", "job", "-m", "adc.bits=6,8"], "one of --run, --multirun, --cfg"),
        (["--config-name", "nowhere"], "nowhere"),
        (["--config-name", "report"], "is missing from the configuration"),
        (
            ["workload=digits_online", "material=epiram", "workload.data.path=x.csv"],
            "choose another workload=… or workload.data.kind=…, or add it: +workload.data.path=…",
        ),
        (["device.read_nois=1"], "did you mean device.read_noise"),
        (
            ["workload=digits_online", "material=epiram", "tile.phases=2"],
            "tile.phases must be 1 for a network that learns, got 2",
        ),
        (["wires=resistances", "wires.sense_resistence=1"], "mean wires.sense_resistance"),
        (["tiel.rows=1"], "did you mean tile"),
    ],
)
def test_mistakes_are_one_line(workplace, capsys, arguments, message):
    assert main(["explore", *arguments]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
    assert not (workplace / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--cfg", "job", "design=sobol", "-p", "design"], "kind: sobol"),
        (["--cfg", "job", "--resolve", "study=mine", "-p", "store"], "results/mine.zarr"),
        (["--cfg", "job", "experiment=quickstart"], "tile.rows: 32,128"),
        (["--cfg", "hydra", "-p", "hydra.sweeper"], "MatsweepSweeper"),
        (["--cfg", "all", "-p", "hydra.runtime.choices"], "hydra/sweeper: matsweep"),
        (["--help"], "grid, lhs, random, saltelli, sobol, table"),
        (["--hydra-help"], "hydra/sweeper: basic, matsweep"),
    ],
)
def test_flags_show_what_they_should(workplace, capsys, arguments, shown):
    assert main(["explore", *arguments]) == 0
    assert shown in capsys.readouterr().out
    assert list(workplace.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("matsweep ", ["explore", "report", "status", "materials"]),
        ("matsweep explore design=so", ["design=sobol"]),
        ("matsweep explore -m design=sa", ["design=saltelli"]),
        ("matsweep explore tile=r", ["tile=reference_128"]),
        ("matsweep explore experiment=quickstart mat", ["material="]),
        ("matsweep explore device.g_m", ["device.g_max=", "device.g_min="]),
        ("matsweep explore hydra/sw", ["hydra/sweeper="]),
        ("matsweep report to", ["top="]),
    ],
)
def test_the_tab_key_completes_commands_groups_and_values(capsys, monkeypatch, line, words):
    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setenv("COMP_POINT", str(len(line)))
    assert main(["-sc", "query=bash"]) == 0
    found = capsys.readouterr().out.split()
    assert set(words) <= set(found)
