"""Columns that no spelling names: taken by their unit, asked about, or reported as not used."""

from __future__ import annotations

import numpy as np
import pytest

from matsweep.cli import main
from matsweep.core.checks import UserError
from matsweep.identification.measurements import (
    Reading,
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
