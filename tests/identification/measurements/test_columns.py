"""Columns that no spelling names: taken by their unit, asked about, or reported as not used."""

from __future__ import annotations

import numpy as np
import pytest

import matsweep
from matsweep.cli import main
from matsweep.core.checks import UserError
from matsweep.identification.measurements import (
    Reading,
    measured_kind,
    read_endurance,
    read_loops,
    read_pulses,
    read_retention,
)


def bake(path, heading, warm=("100", "130"), rows="a,{T},{t},{g}"):
    """Write one device at two temperatures, whose conductance falls by a power law."""
    lines = [heading]
    for kelvin in warm:
        lines += [rows.format(T=kelvin, t=t, g=f"{50 * (t + 1) ** -0.05:.3f}")
                  for t in (1, 10, 100, 1000, 5000)]  # fmt: skip
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("heading", "warm", "kelvin"),
    [
        ("T (F)", ("212", "266"), (373.15, 403.15)),
        ("temp [°F]", ("212", "266"), (373.15, 403.15)),
        ("temperature [degF]", ("212", "266"), (373.15, 403.15)),
        ("Ofen [°C]", ("100", "130"), (373.15, 403.15)),
        ("baking temp [°C]", ("100", "130"), (373.15, 403.15)),
        ("oven / °F", ("212", "266"), (373.15, 403.15)),
        ("Stage [K]", ("373.15", "403.15"), (373.15, 403.15)),
    ],
)
def test_a_temperature_is_known_by_its_unit(tmp_path, heading, warm, kelvin):
    """Two traces of one device: without temperatures, the second is "a (2)"."""
    data = read_retention(bake(tmp_path / "m.csv", f"device,{heading},time (min),G (uS)", warm))
    assert [trace.device for trace in data.traces] == ["a", "a"]
    assert [trace.temperature for trace in data.traces] == pytest.approx(kelvin)
    named = heading.startswith(("T ", "temp"))
    assert data.notes == (() if named else (
        f"column {heading} is taken as the temperature, by its unit",))  # fmt: skip


def test_two_temperatures_are_asked_about(tmp_path):
    path = bake(
        tmp_path / "m.csv", "Ofen [°C],Tisch [°C],time (min),G (uS)", rows="{T},{T},{t},{g}"
    )
    with pytest.raises(UserError, match=r"Ofen \[°C\] and Tisch \[°C\] may both hold the temp"):
        read_retention(path)
    data = read_retention(path, Reading(columns={"temperature": "Tisch [°C]"}))
    assert [trace.temperature for trace in data.traces] == pytest.approx([373.15, 403.15])
    assert data.notes == ("not used: Ofen [°C]",)
    assert (
        read_retention(path, Reading(columns={"temperature": None})).traces[0].temperature is None
    )


def test_a_unit_that_is_none_of_temperature_names_those(tmp_path):
    path = bake(tmp_path / "m.csv", "device,temperature [V],time (min),G (uS)")
    with pytest.raises(UserError, match="no unit of temperature; there are °C, °F"):
        read_retention(path)


def test_a_missing_quantity_is_asked_about_by_its_unit(tmp_path):
    """The unit counts more than the likeness of the heading."""
    path = tmp_path / "m.csv"
    path.write_text("pulse,polarity,conductor,value [uS]\n1,1,2,3\n2,1,2,4\n", encoding="utf-8")
    with pytest.raises(UserError, match=r'conductance: "value \[uS\]"'):
        read_pulses(path)


FILES = {
    "pulses": ("pulse,polarity,G (uS),temperature [°C],chip\n"
               "1,1,2,25,x\n2,1,3,25,x\n1,-1,2.5,85,x\n", read_pulses,
               "not used: temperature [°C], chip "
               "(with 2 temperatures, whose lines are fitted together)"),
    "retention": ("time [s],G (uS),lot\n1,2,7\n2,1.9,7\n", read_retention, "not used: lot"),
    "endurance": ("cycle,LRS (ohm),HRS (ohm),Ofen [°C]\n1,1e4,1e6,25\n2,1e4,1e6,25\n",
                  read_endurance, "not used: Ofen [°C]"),
    "endurance by state": ("cycle,state,G (uS),lot\n1,on,9,7\n1,off,2,7\n", read_endurance,
                           "not used: lot"),
    "sweeps": ("time [s],voltage [V],current [A],temp [°C],lot\n0,0,0,25,\n1,1,1e-6,25,\n"
               "2,-1,-1e-6,25,\n", lambda path: read_loops([path])[0], "not used: temp [°C]"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_columns_that_are_not_used_are_reported(tmp_path, kind):
    """In every kind of file; a column without values is none."""
    text, read, note = FILES[kind]
    path = tmp_path / "m.csv"
    path.write_text(text, encoding="utf-8")
    assert [each for each in read(path).notes if each.startswith("not used")] == [note]


def test_the_way_to_a_temperature_names_the_columns_not_used(workplace, capsys):
    """Ten hours with a bend, at temperatures whose unit the heading does not have."""
    lines = ["device,Ofen,time [s],G (uS)"]
    for t in np.geomspace(10, 1e5, 20):
        lines += [f"{d},100,{t:.5g},{g * np.exp(-((t / 1e4) ** 0.9)) + 1:.5g}"
                  for d, g in (("a", 50), ("b", 60))]  # fmt: skip
    (workplace / "m.csv").write_text("\n".join(lines) + "\n")
    assert main(["calibrate", "m.csv", "name=m"]) == 0
    out = capsys.readouterr().out
    assert "note: not used: Ofen" in out
    assert "state the temperature, by a column (not used: Ofen) or as in" in out


# ------------------------------------------------------------------- one column per polarity


def wide(path, heading="Pulse;LTP (µS);LTD (µS)", first=1, down=55.0, count=60):
    """Write steps of 3 % up from 5 µS and of 5 % down from `down`, next to each other."""
    lines = [heading]
    for n in range(first, count + first):
        up = 5 + 50 * (1 - 0.97**n)
        lines.append(f"{n};{up:.3f};{5 + (down - 5) * 0.95**n:.3f}".replace(".", ","))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_columns_of_polarities_are_runs_one_after_the_other(tmp_path):
    """The usual export: the second run is a new record, as it begins above the first one's end."""
    path, reading = wide(tmp_path / "m.csv"), Reading(decimal="comma")
    assert measured_kind([path], reading) == "pulses"
    data = read_pulses(path, reading)
    [own] = data.sequences
    assert own.reads[[0, 59, 60, 119]] * 1e6 == pytest.approx([6.5, 46.96, 52.5, 7.303], abs=2e-3)
    assert own.pulses.tolist() == [0] + [1] * 59 + [0] + [-1] * 59
    assert np.flatnonzero(~own.linked).tolist() == [0, 60]
    assert data.notes[0] == (
        "columns LTP (µS) and LTD (µS) are taken as runs up and down, one after the other"
    )
    fit = matsweep.calibrate(path, model="soft_bounds", decimal="comma")
    assert fit.describes
    assert fit.values["step_up"] == pytest.approx(0.03, rel=0.01)
    assert fit.values["step_down"] == pytest.approx(0.05, rel=0.01)


def test_runs_that_follow_on_stay_linked(tmp_path):
    """LTD begins where LTP ends: its first value is behind its first pulse."""
    path = wide(tmp_path / "m.csv", down=5 + 50 * (1 - 0.97**60))
    [own] = read_pulses(path, Reading(decimal="comma")).sequences
    assert own.linked[1:].all()
    assert own.pulses[60] == -1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Cycle,LTP (uS),LTD (uS)\n1,2.5,3.5\n", "if Cycle is it, give 'columns={pulse: Cycle}'"),
        ("Pulse,LTP (uS),LTD (kohm)\n1,2.5,3.5\n", "must have one unit"),
        ("Pulse,LTP1 (uS),LTP2 (uS),LTD1 (uS)\n1,2.5,3.5,3\n", "several runs of one polarity"),
    ],
)
def test_columns_of_polarities_that_are_unclear_are_refused(tmp_path, text, message):
    path = tmp_path / "m.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        read_pulses(path)


def test_devices_and_cycles_of_columns_of_polarities(tmp_path):
    """Runs of unequal lengths alternate for each device and cycle; resistances fall upward."""
    path = tmp_path / "m.csv"
    path.write_text(
        "device,cycle,pulse,R LTD (kohm),R LTP (kohm)\na,1,1,500,300\na,1,2,600,250\na,1,3,,200\n"
        "a,2,1,400,300\nb,1,1,500,300\nb,1,2,550,250\n",
        encoding="utf-8",
    )
    first, second = read_pulses(path, Reading(polarity="stated")).sequences
    np.testing.assert_allclose(1e-3 / first.reads, [500, 600, 300, 250, 200, 400, 300])
    assert first.pulses.tolist() == [0, -1, 1, 1, 1, -1, 1]
    np.testing.assert_allclose(1e-3 / second.reads, [500, 550, 300, 250])
