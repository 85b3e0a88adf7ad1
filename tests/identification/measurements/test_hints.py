"""Options that refusals of files show work as they are typed, and lead further."""

from __future__ import annotations

import re
import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from matsweep.cli import main
from matsweep.identification.measurements import (
    Reading,
    measured_kind,
    read_endurance,
    read_loops,
    read_pulses,
    read_retention,
)

READERS = {"pulses": read_pulses, "retention": read_retention, "endurance": read_endurance,
           "sweeps": lambda path, reading: read_loops([path], reading)}  # fmt: skip
HINT = re.compile(r"'[a-z_]+=(?:[^']|'\"'\"')*'|\b[a-z_]+=[^\s;,)]+")


def rows(heading, row, mark="."):
    """Return two runs of four reads, up and down."""
    lines = [heading]
    for sign, states in ((1, (1.0, 1.31, 1.57, 1.8)), (-1, (1.8, 1.3, 1.1, 1.02))):
        for n, g in enumerate(states):
            text = f"{g:g}".replace(".", mark)
            lines.append(row.format(n=n, s=sign, w="LTP" if sign > 0 else "LTD", g=text, r=4 - n))
    return "\n".join(lines) + "\n"


# Whether the first option of the message, alone, makes the file readable.
WRONG = {
    "foreign polarity": (rows("Gerät,Puls,Polarnosc,Leitwert [uS]", "a,{n},{w},{g}"), True),
    "spaces": (rows('device,pulse,The "way" it\'s going,G [uS]', "a,{n},{w},{g}"), True),
    "number": (rows("device,shot,polarity,value read,note", "a,{n},{w},{g},x"), False),
    "ambiguous": (rows("device,pulse,polarity,G [uS],conductance [uS]", "a,{n},{w},1,{g}"), True),
    "twice": (rows("device,pulse,polarity,G [uS],G [uS]", "a,{n},{w},{g},{g}"), True),
    "voltage": (rows("device,pulse,pulse polarity,G [uS]", "a,{n},{s}.5,{g}"), True),
    "unit": (rows("device,pulse,polarity,conductance", "a,{n},{w},{g}"), True),
    "headless": (rows("0,1", "{n},{g}"), False),
    "headless 3": ("".join(f"{n},{n % 2},1,{n}.5\n" for n in range(6)), True),
    "read voltage": (rows("device,pulse,polarity,I [uA]", "a,{n},{w},{g}"), True),
    "range": (rows("device,pulse,polarity,G [S]", "a,{n},{w},{g}"), True),
    "backwards": (rows("device,pulse,polarity,G [uS]", "a,{r},{w},{g}"), False),
    "clock": ("time [s],temperature [K],G [uS]\n0,12:30,1\n1,12:31,0.9\n", True),
    "swapped": ("cycle,LRS [kohm],HRS [kohm]\n1,100,10\n10,90,11\n", True),
}


def refusal(path, options=()):
    """Message of a file that is refused; empty if it is read."""
    try:
        reading = Reading(**dict(options))
        READERS[measured_kind([path], reading)](path, reading)
    except Exception as error:
        return str(error)
    return ""


@pytest.mark.parametrize("kind", WRONG)
def test_options_of_refusals_are_typed_as_shown(kind, tmp_path):
    """Each has its grammar; the first makes the file readable, or leads to another question."""
    text, readable = WRONG[kind]
    path = tmp_path / "m.csv"
    path.write_text(text)
    options = {"header": False} if kind == "headless 3" else {}
    message = refusal(path, options.items())
    hints = HINT.findall(message)
    assert hints, message
    parsed = []
    for hint in hints:
        [word] = shlex.split(hint)
        override = OverridesParser.create().parse_override(word)
        parsed.append((override.key_or_group, override.value()))
    name, value = parsed[0]
    value = value != "none" if name == "header" else value
    after = refusal(path, [*options.items(), (name, value)])
    assert (after == "") is readable, after
    assert after != message


def test_the_hint_names_the_column_that_is_meant(tmp_path):
    """A text for the polarity, a number for the conductance; the nearest name of several."""
    path = tmp_path / "m.csv"
    path.write_text(rows("Wafer,Puls,Poalrität,Leitwert [uS]", "a,{n},{w},{g}"))
    assert """'columns={polarity: "Poalrität"}'""" in refusal(path)
    path.write_text(rows("Wafer,shot,polarity,value", "a,{n},{w},{g}"))
    assert re.search(r"'columns=\{conductance: (shot|value)\}'", refusal(path))


def test_a_hint_is_typed_and_the_file_is_fitted(workplace, capsys):
    """From the refusal to the material, in a shell's words."""
    (workplace / "m.csv").write_text(
        "Gerät,Puls,Die 'Art' (Weg),Leitwert [uS]\n" + rows("", "a,{n},{w},{g}").lstrip() * 8
    )
    told = ["calibrate", "m.csv", "name=mine", "model=linear_step"]
    assert main(told) == 2
    hint = HINT.search(capsys.readouterr().err)
    assert hint is not None
    assert main([*told, *shlex.split(hint[0])]) == 0


@pytest.mark.parametrize(
    "heading",
    [
        "Gerät;Pulsnummer;Polarität;Leitwert [uS]",
        "Geraet;Puls-Nr.;Polaritaet;Leitwert in uS",
        "Bauelement;Impuls;Richtung;Leitwert (µS)",
        "Zelle;Pulszahl;Pulsart;Leitfähigkeit / µS",
        "Device No.;Pulse Index;Direction;Conductances (uS)",
        "dispositif;impulsion;polarité;conductance [uS]",
        "Cell ID;num pulses;pulse direction;measured conductance [uS]",
    ],
)
def test_headings_of_other_languages(heading, tmp_path):
    path = tmp_path / "m.csv"
    path.write_text(rows(heading, "a;{n};{w};{g}", mark=","))
    [own] = read_pulses(path).sequences
    assert own.device == "a"
    assert own.pulses.tolist() == [0, 1, 1, 1, 0, -1, -1, -1]
    assert own.reads[1] == pytest.approx(1.31e-6)


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("Zeit [s];Spannung [V];Strom [mA]", "sweeps"),
        ("Zeit in s;Spannung in V;Strom in µA;Zyklus", "sweeps"),
        ("timestamps;voltages;currents", "sweeps"),
        ("Zeit (h);Widerstand (kΩ);Temperatur (°C)", "retention"),
        ("Zyklus;Zustand;Widerstand [kOhm]", "endurance"),
        ("Puls;Pulsspannung [V];Leitwert [uS]", "pulses"),
        ("Puls;Pulshöhe [V];Strom [uA];Lesespannung [V]", "pulses"),
    ],
)
def test_kinds_by_headings_of_other_languages(heading, kind, tmp_path):
    path = tmp_path / "m.csv"
    path.write_text(heading + "\n" + ";".join("1" * len(heading.split(";"))) + "\n")
    assert measured_kind([path]) == kind
