"""The door of the command line: whatever is raised leaves as one line and an exit code."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import matsweep
from matsweep.cli import door, main
from matsweep.core.checks import LARGEST, StoppedError, UserError, finite, whole
from matsweep.core.codec import build
from matsweep.core.files import open_plain
from matsweep.crossbar import ADC
from matsweep.planning.axes import read_axis
from matsweep.planning.config import compose, composer
from matsweep.planning.slips import check_written
from matsweep.running.executors import executor
from matsweep.running.executors.address import check_reachable

TINY = ["executor=serial", "workload.hidden=[4]", "workload.epochs=1", "realisations=1",
        "times=[1]", "unknowns=neutral"]  # fmt: skip
GROUPS = ("references", "device", "protocol", "material", "tile", "wires", "periphery", "workload",
          "design", "racing", "executor", "experiment", "prior")  # fmt: skip


def told(capsys) -> str:
    """Return the text on standard error, which must be one line of matsweep's."""
    text = capsys.readouterr().err
    assert re.fullmatch(r"matsweep: [^\n]+\n", text), text
    return text


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_takes_a_name(workplace, capsys, group):
    with composer():
        for written in ("null", "5"):
            with pytest.raises(UserError, match=f"^{group} must be a choice of conf/{group}, got"):
                compose([f"{group}={written}"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["explore", "material=null"], "material must be a choice of conf/material, got null"),
        (["explore", "hydra=null"], "hydra must be a choice of conf/hydra, got null"),
        (
            ["explore", "hydra.verbose=1e5"],
            "hydra.verbose must be true, false, or names of loggers",
        ),
        (["explore", "hydra.mode=foo"], "hydra.mode: Invalid value 'foo'"),
        (["explore", "hydra.run.dir=/proc/xx", *TINY], "cannot use /proc/xx: No such file"),
        (["explore", f"times={'[' * 300}{']' * 300}"], "times must be nested at most 40 deep"),
        (["explore", f"seed={'9' * 400}"], "seed must have numbers of at most 300 digits"),
        (["explore", f"seed={'9' * 5000}"], "got one of 5,000"),
        (["explore", "-m", f"adc.bits=4,{'9' * 5000}"], "adc.bits must have numbers of at most"),
        (["explore", "--foo"], "explore: unrecognized arguments: --foo"),
        (["explore", "--cfg=x"], "invalid choice: 'x'"),
        (["explore", "--config-dir"], "expected one argument"),
        (["explore", "--experimental-rerun=x"], "--experimental-rerun is not available"),
        (["explore", "--allow-env=²", *TINY], "--allow-env must be NAME"),
        (["characterize", "tile=analog_128", "array=null"], "array must be a mapping, got None"),
        (["select", "results=13"], "results must be a path, got 13"),
        (["status", "store='a\x00b'"], ""),
        (["report", "store=5"], "store must be a path, got 5"),
        (["characterize", "bench.temperatures=5"], "bench.temperatures [K] must be a list, got 5"),
        (["characterize", "limits=null"], "limits.memory must be a finite number, got None"),
        (["explore", "metrics=5", *TINY], "metrics must be names, or null for all, got 5"),
        (["explore", "axes=5", *TINY], "axes must be a mapping, {NAME: VALUES}, got 5"),
        (["materials", "-m", "name=range(0,1e12)"], "at most 10,000 runs, got 1e+12"),
        (["materials", "-m", "name=range(0,200)", "x=range(0,200)"], "got 40,000"),
        (["materials", "-m", "name=range(0,inf)"], "must be a range of finite ends"),
        (["\x1b[31mexplore\u202e"], r"no command '\x1b[31mexplore\u202e'"),
    ],
)
def test_slips_are_one_line_and_code_2(workplace, capsys, given, said):
    code = main(given)
    text = capsys.readouterr().err if "no command" in said else told(capsys)
    assert code == 2
    assert said in text


@pytest.mark.parametrize("sweep", [[], ["-m"]])
@pytest.mark.parametrize("store", ["/proc/self/x.zarr", f"{'n' * 300}.zarr"])
def test_the_system_refuses_a_store_with_and_without_a_sweep(workplace, capsys, sweep, store):
    assert main(["explore", *sweep, f"store={store}", *TINY]) == 2
    assert re.match("matsweep: cannot (use|write to) ", told(capsys))


def test_the_other_ways_in_have_the_same_door(workplace):
    command = ["explore", "-m", f"store={'n' * 300}.zarr", *TINY]
    done = subprocess.run(
        [sys.executable, "-m", "matsweep", *command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "File name too long" in done.stderr
    with pytest.raises(ValueError, match=r"adc\.bits must be a finite number, got inf"):
        matsweep.explore(["adc.bits=inf", *TINY])
    with pytest.raises(ValueError, match="material must be a choice of conf/material"):
        matsweep.explore(["material=null"])


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "a.zarr"), 2, "a.zarr: No space left"),
        (OSError(errno.EMFILE, "Too many open files"), 2, "ulimit -n"),
        (PermissionError(errno.EACCES, "Permission denied", "x"), 2, "cannot use x: Permission"),
        (MemoryError(), 2, "not enough memory"),
        (UserError("a\nb\x00"), 2, r"a b\x00"),
        (KeyError("source"), 70, "internal error, a mistake of matsweep and not yours: KeyError:"),
        (RecursionError("x" * 10_000), 70, "MATSWEEP_TRACEBACK=1"),
    ],
)
def test_what_is_raised_leaves_as_a_line_and_a_code(capsys, monkeypatch, error, code, said):
    def raising() -> int:
        raise error

    assert door.through(raising) == code
    assert said in told(capsys)
    monkeypatch.setenv(door.TRACEBACK, "1")
    assert door.through(raising) == code
    assert "in raising" in capsys.readouterr().err


def test_a_stopped_run_has_the_code_of_its_signal(capsys):
    def stopping() -> int:
        raise StoppedError("stopped by SIGTERM", 15)

    assert door.through(stopping) == 128 + 15
    assert "stopped by SIGTERM" in told(capsys)


def test_a_mistake_of_matsweep_names_its_line(capsys, monkeypatch):
    monkeypatch.setattr(sys.modules["matsweep.cli.main"], "check_written", lambda _: 1 / 0)
    assert main(["status"]) == 70
    assert re.search(
        r"ZeroDivisionError: division by zero \(matsweep/cli/main.py:\d+\)", told(capsys)
    )


NO_NUMBERS = (float("inf"), float("-inf"), float("nan"), 10**400, -(10**400), 10**5000, True, None,
              "1", [1])  # fmt: skip


@pytest.mark.parametrize("value", NO_NUMBERS, ids=range(len(NO_NUMBERS)))
def test_no_number_is_an_error_of_python(value):
    for check in (finite, whole):
        with pytest.raises(UserError, match=r"^x must be .*, got ") as caught:
            check("x", value)
        assert len(str(caught.value)) < 120
    with pytest.raises(UserError, match=r"^adc"):
        build(ADC, {"bits": value}, "adc")


def test_whole_numbers_fit_in_64_bits():
    assert whole("x", LARGEST) == LARGEST
    assert whole("x", 3.0) == 3
    with pytest.raises(UserError, match="must be in"):
        whole("x", LARGEST + 1)
    with pytest.raises(UserError, match="must be >= 0"):
        whole("x", -1)


@pytest.mark.parametrize(
    "written",
    ["range(0,1,nan)", "range(0,nan)", "range(0,inf,1)", "sort(a,1)", "range(0,1,0)",
     "interval(0,nan)", "choice()"],
)  # fmt: skip
def test_a_sweep_of_no_numbers_is_refused(written):
    with pytest.raises(UserError):
        read_axis("device.read_noise", written).listed(2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"object_store_memory": 1e18}, {"object_store_memory": float("nan")}, {"num_cpus": 1e-5},
        {"workers": 1e400}, {"workers": 10**400}, {"chunk_size": float("inf")}, {"kind": None},
    ],
)  # fmt: skip
def test_settings_of_ray_are_refused_before_it_starts(wrong):
    with pytest.raises(UserError, match=rf"executor\.{next(iter(wrong))}"):
        executor({"kind": "ray", **wrong})


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:²", "127.0.0.1:٣", "h:99999", "h:", ":1", f"{'a' * 99}:1", f"{'.' * 99}:1"],
)
def test_an_address_is_refused_before_ray_joins_it(address):
    with pytest.raises(UserError, match=r"executor\.address"):
        check_reachable(address)


def test_pipes_and_devices_are_no_files(tmp_path, workplace, capsys):
    os.mkfifo(tmp_path / "a.csv")
    for path in ("/dev/zero", tmp_path / "a.csv"):
        with pytest.raises(OSError, match=r"pipe|device|plain file"):
            open_plain(path)
    assert main(["calibrate", "a.csv"]) == 2
    assert re.search("pipe|device|plain file", told(capsys))
    for data in ("{kind: csv, path: a.csv}", "{kind: npz, path: /dev/zero}"):
        assert main(["explore", f"workload.dataset={data}", *TINY]) == 2
        assert re.search("pipe|device|plain file", told(capsys))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed: " + "9" * 5000, "x.yaml cannot be read"),
        ("seed: " + "9" * 900, "seed must be a number that a float holds"),
        ("seed: " + "[" * 100 + "]" * 100, "x.yaml must not be nested more than 64 times"),
        ("seed: " + "[" * 5000 + "]" * 5000, "nested"),
        ("a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "\n".join(
            f"{chr(97 + n)}{chr(97 + n)}: &x{n} [{','.join([f'*x{n - 1}' if n else '*a'] * 10)}]"
            for n in range(9)), "entries, got more"),
        ("seed: [1", "x.yaml"),
        ("\udcff", "x.yaml is not in UTF-8"),
        ("seed: ${", "the configuration cannot be composed"),
        ("seed: ${nope}", "Interpolation key 'nope' not found"),
        ("- 1", ""),
    ],
    ids=range(10),
)  # fmt: skip
def test_a_file_that_cannot_be_taken_in_is_one_line(workplace, capsys, text, said):
    folder = workplace / "conf" / "experiment"
    folder.mkdir(parents=True)
    (folder / "x.yaml").write_bytes(
        b"# @package _global_\n" + text.encode("utf-8", "surrogateescape")
    )
    assert main(["explore", "--config-dir", "conf", "experiment=x", *TINY]) == 2
    assert said in told(capsys)
    with pytest.raises(UserError):
        matsweep.explore(["experiment=x", *TINY], config_dir="conf")
    assert [path.name for path in Path().iterdir()] == ["conf"]


def test_brackets_and_digits_are_counted():
    check_written(["a=" + "[" * 40 + "]" * 40, "b=" + "9" * 300, "c=[[1],[2],[3]]"])
    with pytest.raises(UserError, match="got 41 open"):
        check_written(["a=" + "([{" * 13 + "[["])
