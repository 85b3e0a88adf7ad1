"""The command line as a user meets it: commands, Hydra's habits, mistakes in one line."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import matsweep
from matsweep.cli import main
from matsweep.core.checks import UserError
from matsweep.planning.folders import conf_folder
from matsweep.running import study, work
from matsweep.store import summary
from matsweep.workloads.inference.workload import MLP

pytestmark = pytest.mark.xdist_group("ray")

SMALL = ["workload.hidden=[8]", "workload.epochs=5", "realisations=2", "times=[1]"]
SERIAL = [*SMALL, "executor=serial"]


def told(capsys) -> str:
    """Return the text on standard error, which must be one line."""
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    assert captured.err.count("\n") == 1, captured.err
    return captured.err


def test_explore_status_and_report_work_together(workplace, capsys):
    sweep = ["material=pcm_gst,hfox_vcm", "device.read_noise=0.01,0.02", "study=small"]
    assert main(["explore", "-m", *sweep, *SERIAL]) == 0
    assert sorted(path.name for path in workplace.iterdir()) == ["results"]
    assert [path.name for path in (workplace / "results").iterdir()] == ["small.zarr"]
    ds = matsweep.open_results("results/small.zarr")
    assert ds.matsweep.grid().sizes["device.read_noise"] == 2
    assert json.loads(ds.attrs["axes"])[1]["values"] == [0.01, 0.02]
    capsys.readouterr()
    assert main(["status", "results/small.zarr"]) == 0
    assert "4 done, 0 failed, 0 pending of 4" in capsys.readouterr().out
    for asked in (["--watch", "results/small.zarr"], ["results/small.zarr", "--watch=0.5"]):
        assert main(["status", *asked]) == 0
        assert "4 done, 0 failed, 0 pending of 4" in capsys.readouterr().out
    command = matsweep.open_results("results/small.zarr").attrs["command"]
    assert command == shlex.join(["matsweep", "explore", "-m", *sweep, *SERIAL])
    assert main(["export", "results/small.zarr", "to=out/small.csv"]) == 0
    assert capsys.readouterr().out == "out/small.csv\n"
    assert len((workplace / "out" / "small.csv").read_text().splitlines()) == 5
    given = ["accuracy >= 1 %", "P(energy <= 1 uJ) >= 50 %", "device.read_noise == 0.01"]
    assert main(["select", "results/small.zarr", *given, "how=mean - 1 std", "why=1"]) == 0
    text = capsys.readouterr().out
    assert "2 of 4 done candidates meet accuracy >= 1 % and" in text
    assert "candidate 1 (pcm_gst) does not meet device.read_noise == 0.01" in text
    chance = json.loads(matsweep.open_results("results/small.zarr").attrs["chance"])
    assert chance["accuracy"] == pytest.approx(0.1, abs=0.05)  # the largest of ten digits' classes
    for name in ("pcm_gst", "PCM_GST"):
        assert main(["select", "results/small.zarr", f"why={name}"]) == 0
        assert "(pcm_gst) is " in capsys.readouterr().out
    assert main(["select", "results/small.zarr", "why=pcm_gsd"]) == 2
    assert "did you mean pcm_gst?" in told(capsys)
    assert main(["select"]) == 0
    assert "the newest is results/small.zarr" in told(capsys)
    assert main(["select", "exact=perhaps"]) == 2
    assert "exact must be true or false" in capsys.readouterr().err
    assert main(["select", "accuracy>2", "weights={accuracy: 2, energy: 1}"]) == 0
    assert "None of 4 done candidates meet accuracy > 2" in capsys.readouterr().out
    assert main(["select", "acuracy > 2"]) == 2
    assert "did you mean accuracy" in capsys.readouterr().err
    assert main(["report"]) == 0
    text = capsys.readouterr().out
    assert "pcm_gst" in text
    assert "illustrative" in text
    assert "10.1109/ICECS46596.2019.8964852" in (
        workplace / "results" / "small" / "references.bib"
    ).read_text(encoding="utf-8")
    assert (workplace / "results" / "small" / "pareto.png").stat().st_size > 10_000
    assert (workplace / "results" / "small" / "pareto.pdf").is_file()


@pytest.mark.parametrize("command", ["explain", "report", "select", "status", "materials"])
def test_a_negative_number_is_no_word_of_a_command(workplace, capsys, command):
    assert main([command, "-1"]) == 2
    assert "got -1" in told(capsys)


@pytest.mark.parametrize(("failing", "code"), [(1, 0), (2, 2)])
def test_what_failed_is_said_at_the_end(workplace, capsys, monkeypatch, failing, code):
    """The exit status shows scripts that nothing at all was computed."""
    plain, started = work.simulate, []

    def simulate(*given, **named):
        started.append(1)
        if len(started) <= failing:
            raise ValueError("the device melts")
        return plain(*given, **named)

    monkeypatch.setattr(work, "simulate", simulate)
    assert main(["explore", "-m", "adc.bits=6,8", *SERIAL]) == code
    text = " ".join(capsys.readouterr().err.split())
    assert f"{failing} of 2 candidates failed, {failing} with: ValueError: the device melts" in text
    assert ("ranks them" in text) == (code == 0)


def test_data_that_are_refused_leave_no_store_behind(workplace, capsys):
    (workplace / "set.csv").write_text("1,2,0\n3,4,1\n1,2,0\n3,5,1\n")
    data = ["workload.data.kind=csv", "+workload.data.path=set.csv", "unknowns=neutral",
            "times=[1]"]  # fmt: skip
    assert main(["explore", "workload=digits_online", "material=epiram", *data]) == 2
    assert "give header=0" in told(capsys)
    assert not (workplace / "results").exists()


def test_without_m_one_candidate_or_the_axes_of_an_experiment(workplace, capsys):
    assert main(["explore", "material=pcm_gst", *SERIAL]) == 0
    assert summary("results/study.zarr").total == 1
    assert main(["report"]) == 0
    assert main(["explore", "experiment=quickstart", "--cfg", "job"]) == 0
    assert "study: quickstart" in capsys.readouterr().out


def test_a_material_of_ones_own_is_found_or_hinted_at(workplace, capsys):
    """The option may stand behind the overrides; without it, the folder that has it is named."""
    (workplace / "mine" / "material").mkdir(parents=True)
    text = (conf_folder() / "material" / "hfox_vcm.yaml").read_text(encoding="utf-8")
    own = workplace / "mine" / "material" / "walk.yaml"
    own.write_text(text.replace("name: hfox_vcm", "name: walk"), encoding="utf-8")
    for sweep in (["material=walk"], ["-m", "material=walk,pcm_gst"]):
        assert main(["explore", *sweep, *SERIAL]) == 2
        error = told(capsys)
        assert "material=walk: no such material; mine/material/walk.yaml is read with" in error
        assert "--config-dir mine" in error
        assert main(["explore", *sweep, *SERIAL, "study=own", "--config-dir", "mine"]) == 0
        capsys.readouterr()
        shutil.rmtree("results/own.zarr")


def test_a_file_is_named_wherever_it_stands(workplace, capsys):
    Path("measured.csv").write_text("device,pulse,polarity,conductance [uS]\n")
    for words in (["name=x", "measured.csv"], ["--config-dir", ".", "measured.csv", "name=x"]):
        assert main(["calibrate", *words]) == 2
        assert "measured.csv has no lines of numbers" in told(capsys)
    assert main(["calibrate", "mesured.csv"]) == 2
    assert "No such file or directory; did you mean measured.csv?" in told(capsys)


def test_near_names_of_an_absent_file_are_of_data(workplace, capsys):
    """Neither a folder, nor a page, nor a name that shares its ending only."""
    for other in ("m.docs", "a.csv", "measurement_of_may.csv", "pulsed.pdf"):
        Path(other).write_text("")
    Path("pulses.txt").mkdir()
    for absent in ("m.csv", "pulses.csv", "measured.csv"):
        assert main(["calibrate", absent]) == 2
        assert told(capsys).strip().endswith("No such file or directory")


@pytest.mark.parametrize("command", ["explore", "report", "select", "explain", "status"])
def test_hydras_own_flags_work(workplace, command):
    """In separate processes, as --info leaves Hydra's logging set up: so it comes last."""
    script = f"""
from contextlib import redirect_stdout
from io import StringIO
from matsweep.cli import main
for arguments in (["--help"], ["--cfg", "hydra"], ["--cfg", "job"], ["--info", "defaults"]):
    with redirect_stdout(StringIO()) as out:
        code = main([{command!r}, *arguments])
    print(code, len(out.getvalue()) > 30)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == 4 * "0 True\n", done.stderr
    assert done.stderr == ""
    assert list(workplace.iterdir()) == []


def test_help_without_a_command_lists_the_commands(capsys):
    assert main([]) == main(["--help"]) == 0
    assert "explore" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["explore", "material=pcm_gts"], "no such material; did you mean pcm_gst"),
        (["explore", "-m", "material=pcm_gts,hfox_vcm"], "no such material; did you mean"),
        (
            ["explore", "--config_dir", "conf"],
            "explore has no --config_dir; did you mean --config-dir",
        ),
        (
            ["calibrate", "m.csv", "label_column=x"],
            "name columns as in 'columns={conductance: HEADI",
        ),
        (["calibrate", "m.csv", "header=maybe"], "header must be true or none, got 'maybe'"),
        (
            ["explore", "device.write_verify=true"],
            "write_verify must be null without a pulse_model",
        ),
        (
            ["explore", "workload.dataset={kind: csv, path: a, label_column: species}"],
            "label_column must be the number of the column of the class, from 0",
        ),
        (
            ["explore", "material=pcm_gst,hfox_vcm", "seed=1"],
            "needs -m to sweep them: matsweep explore -m material=pcm_gst,hfox_vcm seed=1\n",
        ),
        (
            ["explore", "--config-dir", ".", "device.read_noise=range(0,1,0.5)"],
            "matsweep explore -m --config-dir . 'device.read_noise=range(0,1,0.5)'\n",
        ),
        (
            ["explore", "device.g_max=interval(10µS, 40 µS)"],
            "matsweep explore -m 'device.g_max=interval(10µS, 40 µS)'\n",
        ),
        (["characterize", "material=pcm_gst,pcmo"], "characterize takes one value"),
        (["explore", "material=PCM_GTS"], "no such material; did you mean pcm_gst"),
        (["explore", "device.Raed_Noise=1"], "did you mean device.read_noise"),
        (["explore", "device.raed_noise=1"], "did you mean device.read_noise"),
        (["explore", "-m", "device.raed_noise=1,2"], "did you mean device.read_noise"),
        (["explore", "device.g_min=1"], "device.g_min [S] must be < g_max"),
        (["explore", "device.read_noise=-0.1"], "must be >= 0, got -0.1"),
        (["explore", "device.levels=0"], "device.levels must be >= 2, got 0"),
        (["explore", "device.device_to_device=nan"], "must be a finite number, got nan"),
        (["explore", "-m", "device.read_noise=range(2,1)"], "has no values"),
        (["explore", "adc.bits=3"], "adc.bits must be in [4, 16], got 3"),
        (["explore", "periphery.node=1e-9"], "periphery.node [m] must be in"),
        (["explore", "material="], "material"),
        (["explore", "device.levels=["], ""),
        (["explore", "study="], "study must be a name of letters"),
        (["explore", "study=null"], "study must be a name of letters"),
        (["explore", "study=true"], "study must be a name of letters"),
        (["explore", "study=a/../../b"], "got 'a/../../b'"),
        (["explore", "store="], "store must be a path"),
        (["explore", "workload.test_samples=361"], "workload.test_samples must be <= 360"),
        (["explore", "wires.word_resistance=1"], "wires.word_resistance is not a parameter"),
        (
            ["explore", "wires=metal", "periphery.node=2.8e-8"],
            "periphery.node [m] must be one of 5e-09",
        ),
        (["explore", "wires=metal", "periphery.node=2.8e-8"], "or give wires.node one of these"),
        (["explore", "wires=metal", "wires.node=2.8e-8"], "wires.node [m] must be one of 5e-09"),
        (["explore", "wires=metal", "wires.node=22nV"], "wires.node [m] must be a length"),
        (
            ["explore", "wires=resistances", "wires.word_resistance=inf"],
            "wires.word_resistance [Ω] must be finite, got inf",
        ),
        (["characterize", "tile=analog_128", "array.node=22nV"], "array.node [m] must be a length"),
        (["characterize", "tile=analog_128", "array.node=null"], "array.node [m] must be a finite"),
        (["characterize", "tile=analog_128", "array.inputs=2"], "array.inputs must be in [0, 1]"),
        (
            ["characterize", "tile=analog_128", "wires=resistances", "wires.bit_resistance=inf"],
            "wires.bit_resistance [Ω] must be finite, got inf",
        ),
        (["explore", "wires=resistances", "wires.bit_resistance=-1"], "must be >= 0, got -1"),
        (["explore", "tile.mapping=ofset"], "did you mean offset"),
        (["explore", "unknowns=neutral", "executor.address=127.0.0.1:1"], "no Ray cluster answers"),
        (["explore", "experiment=quikstart"], "did you mean quickstart"),
        (["explore", "--config-dir", "nowhere"], "nowhere"),
        (["report", "nowhere.zarr"], "nowhere.zarr"),
        (["report"], "no store in results"),
        (["status", "."], "."),
        (["report", "top=many"], "top"),
        (["report", "a.zarr", "b.zarr"], "report takes one store, got a.zarr and b.zarr"),
        (["report", "--pfd"], "report has no --pfd; did you mean --pdf?"),
        (["select", "a.zarr", "accuracy"], "no results at a.zarr"),
        (["explain", "a.zarr", "1"], "no results at a.zarr"),
        (["explain", "1"], "no store in results"),
        (["explain", "a.zarr"], "candidate must be a number or a material"),
        (["report", "objectives=3"], "objectives must be a list, as in 'objectives=[accuracy"),
        (["select", "time=[1,2]"], "time [s] must be a number, or a text such as '1 day'"),
        (["explore", "retry_failed=1"], "retry_failed must be true or false, got 1"),
        (["explore", "log=3"], "log must be auto, a path, or null for none, got 3"),
        (["explore", "-m", "log=a,b"], "log belongs to the study and cannot be swept"),
        (["export", "a.zarr"], "to must name a file"),
        (["export", "a.zarr", "to=a.xls"], "to must end in .parquet, .csv, .nc"),
        (["export", "a.zarr", "to=a.csv"], "no results at a.zarr"),
        (["export", "a.zarr", "to=a.csv", "failed=1"], "failed must be true or false"),
        (["merge", "a.zarr", "into=m.zarr"], "name two stores and a new one"),
        (["merge", "a.zarr", "b.zarr"], "name two stores and a new one"),
        (["merge", "a.zarr", "b.zarr", "into=m.zarr"], "no results at a.zarr"),
        (["status", "--watch=soon"], "watch [s] must be a finite number"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(workplace, capsys, arguments, message):
    assert main(arguments) == 2
    assert message in told(capsys)
    assert [path for path in workplace.rglob("*.zarr")] == []


def test_what_is_no_constraint_is_told_as_one_that_cannot_be_read(workplace, capsys):
    from matsweep.cli.main import _specified, _words

    given = ["a.zarr", "accuracy", "energy = 1 nJ", "by=energy", "--config-dir", "mine"]
    assert _words(given) == ["a.zarr", "accuracy"]
    assert _specified(given, ["accuracy"]) == [
        "a.zarr", "by=energy", "--config-dir", "mine", 'constraints=["accuracy","energy = 1 nJ"]',
    ]  # fmt: skip


@pytest.mark.parametrize(
    "command", ["report", "select", "explain", "view", "status", "export", "merge"]
)
def test_help_explains_each_setting(capsys, command):
    """Each stands there as in its file, with what is said of it, and nothing of Hydra's does."""
    assert main([command, "--help"]) == 0
    said = capsys.readouterr().out
    file = (Path(matsweep.__file__).parents[1] / "conf" / f"{command}.yaml").read_text()
    lines = file.partition("hydra_logging: none\n\n")[2].partition("\n\nhydra:")[0].splitlines()
    assert len(lines) > 3
    assert "\n".join(lines) in said
    assert said.startswith(f"matsweep {command} ")
    assert "${" not in said
    assert "defaults:" not in said


def test_export_tells_what_can_be_set(capsys):
    assert main(["export", "--help"]) == 0
    assert "rows of the candidates that are done" in capsys.readouterr().out


def test_an_unknown_command_names_its_neighbours(capsys):
    assert main(["exlpore"]) == 2
    assert "did you mean explore" in capsys.readouterr().err


def test_a_users_own_folder_of_configurations(workplace, capsys):
    mine = workplace / "conf" / "material"
    mine.mkdir(parents=True)
    conf = Path(matsweep.__file__).parents[1] / "conf" / "material" / "pcm_gst.yaml"
    text = conf.read_text().replace("name: pcm_gst", "name: mine")
    (mine / "mine.yaml").write_text(text.replace("g_max: 2.5e-5", "g_max: 2.0e-5"))
    assert main(["explore", "--config-dir", "conf", "-m", "material=mine,pcm_gst", *SERIAL]) == 0
    ds = matsweep.open_results("results/study.zarr")
    assert list(ds.material.values) == ["mine", "pcm_gst"]


def run_process(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "matsweep", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )


@pytest.mark.parametrize("kind", ["serial", "ray"])
def test_ctrl_c_stops_cleanly_and_the_same_command_resumes(workplace, kind):
    command = ["explore", "-m", "material=pcm_gst", "device.read_noise=range(0.001,0.0405,0.001)",
               *SMALL, f"executor={kind}", "executor.chunk_size=1", "realisations=24"]  # fmt: skip
    process = run_process(*command)
    store = workplace / "results" / "study.zarr"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if store.exists() and summary(store).done >= 3:
            break
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to Ray's processes too
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "the same command resumes" in errors
    assert "Traceback" not in errors
    done = summary(store).done
    assert 3 <= done < 40
    resumed = run_process(*command, "executor.chunk_size=null")
    _, errors = resumed.communicate(timeout=300)
    assert resumed.returncode == 0, errors
    assert f"{done} of 40 candidates are there already" in errors
    assert summary(store).done == 40


def test_completion_knows_commands_and_overrides(workplace):
    def complete(line):
        environment = {**os.environ, "COMP_LINE": line, "COMP_POINT": str(len(line))}
        process = run_process("-sc", "query=bash", env=environment)
        out, _ = process.communicate(timeout=60)
        return out.split()

    assert complete("matsweep ex") == ["explore", "explain", "export"]
    assert complete("matsweep explo") == ["explore"]
    assert "material=pcm_gst" in complete("matsweep explore material=pcm")
    assert "device.read_noise." in " ".join(complete("matsweep explore device.read"))


def test_scripts_in_pipelines_are_the_commands(workplace):
    script = Path(matsweep.__file__).parents[1] / "pipelines" / "explore.py"
    done = subprocess.run(
        [sys.executable, str(script), "material=pcm_gst", *SERIAL],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert summary("results/study.zarr").done == 1


@pytest.mark.parametrize(
    "words", [["--version"], ["explore", "--version"], ["report", "--version"]]
)
def test_the_version_is_told(capsys, words):
    assert main(words) == 0
    assert capsys.readouterr().out == f"matsweep {matsweep.__version__}\n"


def test_a_refusal_of_what_is_there_comes_before_any_preparation(workplace, monkeypatch, capsys):
    """Nothing is trained, and no executor is loaded: that of Ray takes a second to import."""
    assert main(["explore", *SERIAL]) == 0
    capsys.readouterr()
    for name in ("executor", "create_store", "open_store"):
        monkeypatch.setattr(study, name, lambda *_, name=name: pytest.fail(name))
    monkeypatch.setattr(MLP, "prepare", lambda _: pytest.fail("prepared"))
    assert main(["explore", *SERIAL, "seed=1"]) == 2
    assert "holds another study (different: seed)" in told(capsys)
    searched = ["-m", "device.read_noise=interval(0,0.1)", "design=adaptive"]
    assert main(["explore", *searched, *SERIAL]) == 2
    assert "holds another study" in told(capsys)


@pytest.mark.parametrize(
    ("arguments", "there", "slow"),
    [
        (["explore", *SMALL, "seed=1"], "results/study.zarr", ("ray", "scipy.special", "numba")),
        (["characterize"], "results/characterize/hfox_vcm/bench.zarr", ("xarray", "matplotlib")),
        (["characterize", "device.source=derived"], "results/characterize/hfox_vcm/bench.zarr",
         ("xarray", "matplotlib", "numba")),
        (["calibrate", "data.csv", "name=a"], "conf/material/a.yaml", ("matplotlib", "pandas")),
    ],
)  # fmt: skip
def test_a_refusal_loads_no_slow_library(workplace, arguments, there, slow):
    """In a process that has loaded nothing yet."""
    if arguments[0] == "explore":
        assert main(["explore", *SERIAL]) == 0
    else:
        Path(there).parent.mkdir(parents=True)
        Path(there).touch()
    lines = [f"{i},up,{10 + i}" for i in range(9)] + [f"{i},down,{19 - i}" for i in range(9)]
    Path("data.csv").write_text("\n".join(["pulse,polarity,conductance [uS]", *lines]))
    script = f"""
import sys
from matsweep.cli import main
code = main({arguments!r})
print(code, *sorted(set({slow!r}) & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert there in done.stderr
    assert done.stdout == "2\n", (done.stdout, done.stderr)


def test_a_sweep_says_where_its_results_are(workplace, capsys):
    assert main(["explore", "-m", "material=pcm_gst,hfox_vcm", *SMALL, *SERIAL]) == 0
    assert "results are in results/study.zarr" in " ".join(capsys.readouterr().err.split())


def test_a_broken_file_of_the_users_is_one_line(workplace, capsys):
    mine = workplace / "conf" / "material"
    mine.mkdir(parents=True)
    (mine / "mine.yaml").write_text("# @package _global_\nmaterial:\n  name: [x\n")
    assert main(["explore", "--config-dir", "conf", "material=mine", *SERIAL]) == 2
    assert "mine.yaml" in told(capsys)


def test_a_report_lies_beside_its_store_never_in_one(workplace):
    from matsweep.cli.report import _folder

    (workplace / "r").mkdir()
    for name, folder in (("a.zarr", "r/a"), ("a.v2", "r/a.v2-report"), ("a", "r/a-report")):
        assert _folder(None, workplace / "r" / name) == workplace / folder
    assert _folder("paper", workplace / "r" / "a.zarr") == Path("paper")
    (workplace / "r" / "zarr.json").touch()
    for given, store in ((None, workplace / "r" / "b.zarr"), ("r", workplace / "a.zarr")):
        with pytest.raises(UserError, match="folder must not be a store or lie in one"):
            _folder(given, store)


def test_a_report_that_cannot_be_written_is_one_line(workplace, capsys):
    assert main(["explore", "material=pcm_gst", *SMALL, *SERIAL]) == 0
    capsys.readouterr()
    (workplace / "file").write_text("")
    assert main(["report", "results/study.zarr", "folder=file/below"]) == 2
    assert "file" in told(capsys)
