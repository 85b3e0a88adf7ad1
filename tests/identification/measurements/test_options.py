"""Options of a calibration act on its kind of data, or are refused."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
import yaml

import matsweep
from matsweep.cli import main
from matsweep.core.checks import UserError
from matsweep.identification.calibration.options import ANY, APPLIES, WRITES, check_options
from matsweep.identification.measurements import (
    Reading,
    read_loops,
    read_pulse_files,
    read_retention,
)
from matsweep.planning.folders import conf_folder

VALUES = {
    "unit": "uS", "read_voltage": 0.1, "temperature": "85degC", "rate": 0.1, "compliance": 1e-3,
    "polarity": "stated", "reverse": "up", "model": "soft_bounds", "g_min": "1uS", "g_max": "9uS",
    "free": ["r_on"], "cell_size": 30, "label": "mine", "start": "hfox_vcm",
}  # fmt: skip
FILES = {
    "pulses": "pulse,polarity,G (uS)\n1,1,2\n2,1,3\n1,-1,2.5\n",
    "sweeps": "time [s],voltage [V],current [A]\n0,0,0\n1,1,1e-6\n2,-1,-1e-6\n",
    "retention": "time [s],G (uS)\n1,2\n2,1.9\n",
    "endurance": "cycle,LRS (ohm),HRS (ohm)\n1,1e4,1e6\n",
}
IDLE = [(kind, name) for kind in APPLIES for name in VALUES
        if name not in APPLIES[kind] | WRITES[kind]]  # fmt: skip
IDLE_IN_PYTHON = [(kind, name) for kind in APPLIES for name in VALUES
                  if name not in APPLIES[kind] and name not in ("cell_size", "label")
                  and (kind, name) != ("sweeps", "read_voltage")]  # fmt: skip


def test_the_tables_have_every_option():
    """Of `Reading`, of `calibrate` in Python, and of the command line."""
    applied = set().union(*APPLIES.values())
    reading = {field.name for field in dataclasses.fields(Reading)}
    assert reading <= ANY | applied
    assert ANY | applied == reading | {"model", "g_min", "g_max", "start", "free"}
    settings = yaml.safe_load((conf_folder() / "calibrate.yaml").read_text(encoding="utf-8"))
    own = set(settings) - {"data", "name", "folder", "pictures", "overwrite", "defaults", "hydra"}
    assert own == ANY | applied.union(*WRITES.values())
    assert own - ANY == set(VALUES)


@pytest.mark.parametrize(("kind", "name"), IDLE)
def test_an_option_that_does_nothing_is_refused(workplace, capsys, kind, name):
    """On the command line, before any fit."""
    (workplace / "m.csv").write_text(FILES[kind])
    value = "[r_on]" if name == "free" else VALUES[name]
    assert main(["calibrate", "m.csv", f"{name}={value}"]) == 2
    assert f"{name} must be left out: it belongs to" in capsys.readouterr().err


@pytest.mark.parametrize(("kind", "name"), IDLE_IN_PYTHON)
def test_an_option_that_does_nothing_is_refused_in_python(tmp_path, kind, name):
    path = tmp_path / "m.csv"
    path.write_text(FILES[kind])
    value = matsweep.load_material("hfox_vcm").physics if name == "start" else VALUES[name]
    with pytest.raises(UserError, match=f"{name} must be left out: it belongs to .* holds"):
        matsweep.calibrate(path, **{name: value})


@pytest.mark.parametrize("kind", APPLIES)
def test_options_that_act_pass(kind):
    check_options(kind, [*ANY, *APPLIES[kind]], ["m.csv"])
    check_options(kind, [*ANY, *APPLIES[kind], *WRITES[kind]], ["m.csv"], writes=True)


def test_a_temperature_next_to_its_column_is_refused(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("time [s],Ofen [°C],G (uS)\n1,85,2\n2,85,1.9\n", encoding="utf-8")
    words = r"temperature must be left out, got 300 K: column Ofen \[°C\] of .*m.csv has it"
    with pytest.raises(UserError, match=words):
        read_retention(path, Reading(temperature=300.0))
    stated = Reading(temperature=300.0, columns={"temperature": None})
    assert read_retention(path, stated).traces[0].temperature == 300.0


def test_values_that_columns_have_are_noted(tmp_path):
    """A read voltage of conductances, and a rate of timed sweeps."""
    path = tmp_path / "m.csv"
    path.write_text(FILES["retention"])
    words = "read_voltage is not used: column G (uS) has the conductance"
    assert read_retention(path, Reading(read_voltage=0.1)).notes == (words,)
    path.write_text(FILES["sweeps"])
    [loop] = read_loops([path], Reading(rate=0.1))
    assert loop.notes[0] == "rate is not used: the file has a column of times"
    with pytest.raises(UserError, match=r"sheet must be left out, got A: .*m.csv is no workbook"):
        read_loops([path], Reading(sheet="A"))


# ---------------------------------------------------------------------------- several files, data


def steps(seed, cycles=2):
    """Return a file of a device without a name, between 2 and 8 µS."""
    rng, g, lines = np.random.default_rng(seed), 2.0, ["pulse,polarity,G (uS)"]
    for sign in (1, -1) * cycles:
        for n in range(21):
            g += sign * 0.3 * (1 + 0.1 * rng.standard_normal()) * (n > 0)
            lines.append(f"{n},{sign},{g:.6g}")
    return "\n".join(lines) + "\n"


def test_files_of_pulses_are_devices(workplace, capsys):
    for k in range(2):
        (workplace / f"dev_D{k}.csv").write_text(steps(k))
    data = read_pulse_files(["dev_D0.csv", "dev_D1.csv"])
    assert data.devices == ("dev_D0", "dev_D1")
    assert data.name == "dev_D0.csv and dev_D1.csv"
    fit = matsweep.calibrate(["dev_D0.csv", "dev_D1.csv"], model="linear_step")
    assert len(fit.data.sequences) == 2
    arguments = ["calibrate", "dev_D0.csv", "dev_D1.csv", "name=mine", "model=linear_step"]
    assert main(arguments) == 0
    assert "dev_D0.csv and dev_D1.csv: 2 devices" in capsys.readouterr().out
    for name in ("dev_D0", "copy"):
        (workplace / f"{name}.csv").write_text(steps(0, 20))
    with pytest.raises(UserError, match=r"readings stand twice.*device dev_D0.*device copy"):
        read_pulse_files(["dev_D0.csv", "copy.csv"])


@pytest.mark.parametrize("kind", ["retention", "endurance"])
def test_other_files_are_one(tmp_path, kind):
    (tmp_path / "m.csv").write_text(FILES[kind])
    words = "data must be one file of .*, got 2: put their lines into one file, with a column dev"
    with pytest.raises(UserError, match=words):
        matsweep.calibrate([tmp_path / "m.csv"] * 2)


@pytest.mark.parametrize("data", [{"pulse": [1]}, np.ones(3), [], [1.0], None])
def test_data_that_are_no_path_are_explained(data):
    with pytest.raises(UserError, match="data must be the path of a file, or several paths, got"):
        matsweep.calibrate(data)


def test_quantities_have_units_in_python_too(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text(steps(0))
    text = matsweep.calibrate(path, model="linear_step", g_min="1uS", g_max="9 uS")
    number = matsweep.calibrate(path, model="linear_step", g_min=1e-6, g_max=9e-6)
    assert text.values == number.values
    with pytest.raises(UserError, match=re.escape("g_min [S] must be a conductance")):
        matsweep.calibrate(path, g_min="5 V")
    with pytest.raises(UserError, match=re.escape("g_max [S] must be a finite number, got 'much'")):
        matsweep.calibrate(path, g_max="much")
