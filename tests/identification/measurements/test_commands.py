"""Files of every kind through the command line and through Python, as a user types it."""

from __future__ import annotations

import numpy as np
import pytest

import matsweep
from matsweep.cli import main
from matsweep.core.checks import UserError
from matsweep.devices import LinearStep
from matsweep.identification.measurements import Reading, read_pulses

FAST = ["model=linear_step"]


def lines(separator=",", mark=".", up="SET", down="RESET", runs=4):
    """Return two devices with steps of 0.3 uS between 2 and 11 uS, up and down."""
    rng, rows = np.random.default_rng(1), []
    for device in ("A1", "A2"):
        g = 2.0
        for way, sign in [(up, 1), (down, -1)] * runs:
            for n in range(31):
                g += sign * 0.3 * (1 + 0.1 * rng.standard_normal()) * (n > 0)
                rows.append(separator.join((device, way, str(n), f"{g:.6g}".replace(".", mark))))
    return "\n".join(rows) + "\n"


def test_named_columns_on_the_command_line(workplace, capsys):
    (workplace / "m.csv").write_text("Wafer,Way,No of shot,Value\n" + lines())
    named = 'columns={conductance: Value, pulse: "No of shot", polarity: Way, device: Wafer}'
    assert main(["calibrate", "m.csv", "name=mine", *FAST, named, "unit=uS"]) == 0
    loaded = matsweep.load_material("mine", config_dir=workplace / "conf")
    assert isinstance(loaded.device.pulse_model, LinearStep)
    assert loaded.device.g_max == pytest.approx(11e-6, rel=0.1)
    assert matsweep.load_material("mine", config_dir="conf", g_max="20uS").device.g_max == 2e-5
    with pytest.raises(UserError, match="mine"):
        matsweep.load_material("mine")
    with pytest.raises(UserError, match="config_dir must be a folder, got 'nowhere'"):
        matsweep.load_material("mine", config_dir="nowhere")
    capsys.readouterr()
    assert main(["calibrate", "m.csv", named.replace("Value", "Valve"), "unit=uS"]) == 2
    told = capsys.readouterr().err
    assert "columns.conductance must name a column" in told
    assert "did you mean Value" in told


def test_the_file_of_a_german_windows(workplace):
    """Semicolons, decimal commas, Windows-1252, and a stated separator."""
    text = "sep=;\nDeviceID;Operation;PulseNo;G (µS)\n" + lines(";", ",")
    (workplace / "m.csv").write_bytes(text.encode("cp1252"))
    assert main(["calibrate", "m.csv", "name=mine", *FAST]) == 0
    fit = matsweep.calibrate(workplace / "m.csv", model="linear_step")
    assert fit.values["step_up"] == pytest.approx(
        0.3 / (fit.chosen.g_max - fit.chosen.g_min) * 1e-6, rel=0.1
    )


def test_notes_are_printed_and_options_reach_the_reader(workplace, capsys):
    heading = "device,pulse voltage,pulse,I (nA)\n"
    (workplace / "m.csv").write_text(heading + lines(up="-1.5", down="1.2"))
    given = ["read_voltage=100mV", "plausible=false"]
    assert main(["calibrate", "m.csv", "name=a", *FAST, *given]) == 0
    told = capsys.readouterr().out
    assert "note: column pulse voltage has no unit: taken as V" in told
    assert "note: pulses of -1.5 V are up and of +1.2 V are down" in told
    assert matsweep.load_material("a", config_dir="conf").device.read_voltage == 0.1
    assert main(["calibrate", "m.csv", "name=b", *FAST]) == 2
    assert "no column read voltage" in capsys.readouterr().err
    assert main(["calibrate", "m.csv", "name=b", "polarity=inverse"]) == 2
    assert "did you mean inverted" in capsys.readouterr().err
    assert main(["calibrate", "m.csv", "rate=1mV"]) == 2
    assert "rate [V/s] must be" in capsys.readouterr().err


def test_columns_without_headings_on_the_command_line(workplace, capsys):
    rows = [line.split(",") for line in lines().splitlines() if line.startswith("A1")]
    (workplace / "m.txt").write_text("".join(f"{n}\t{g}\n" for _, _, n, g in rows))
    assert main(["calibrate", "m.txt", "header=none", "unit=uS", "name=mine", *FAST]) == 0
    told = capsys.readouterr().out
    assert "note: columns are taken as pulse and conductance" in told
    assert main(["calibrate", "m.txt", "unit=uS"]) == 2
    assert "no heading names the columns" in capsys.readouterr().err


def test_calibrate_in_python(workplace):
    (workplace / "m.csv").write_text("device,polarity,pulse,G [uS]\n" + lines())
    fit = matsweep.calibrate("m.csv", model="linear_step", g_min=1e-6, g_max=16e-6)
    assert fit.values["step_up"] == pytest.approx(0.02, rel=0.1)
    with pytest.raises(UserError, match="did you mean columns"):
        matsweep.calibrate("m.csv", column={"pulse": 3})
    with pytest.raises(UserError, match=r"there are pulses of device A1 in m.csv already"):
        matsweep.calibrate(["m.csv", "m.csv"])


def test_the_same_file_gives_the_same_reads_in_any_dress(tmp_path):
    """Resistance, current and conductance, three encodings: one measurement."""
    states = [line.split(",") for line in lines().splitlines()]
    plain = tmp_path / "a.csv"
    plain.write_text("device,operation,pulse,G [uS]\n" + lines())
    wanted = read_pulses(plain).sequences
    dresses = {
        "device;operation;pulse;R / kΩ": (lambda g: 1e3 / g, ";", "utf-16"),
        "device\toperation\tpulse\tI (nA)": (lambda g: 50 * g, "\t", "utf-8"),
        "device,operation,pulse,conductance_nS": (lambda g: 1e3 * g, ",", "cp1252"),
    }
    for heading, (value, separator, encoding) in dresses.items():
        path = tmp_path / "b.csv"
        rows = [separator.join((*row[:3], repr(value(float(row[3]))))) for row in states]
        path.write_bytes("\n".join([heading, *rows]).encode(encoding))
        found = read_pulses(path, Reading(read_voltage=0.05)).sequences
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_allclose(a.reads, b.reads, rtol=1e-12)
            np.testing.assert_array_equal(a.pulses, b.pulses)
