"""Section of a report on the next measurement."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pytest
from rich.console import Console

from matsweep.reporting import report
from matsweep.reporting.report.contents import document
from matsweep.reporting.report.document import Code, Paragraph, Table
from matsweep.reporting.report.measuring import more_draws
from matsweep.reporting.report.study import studied
from tests.planted import PARAMETERS, Planted, planted
from tests.synthetic import study

NAMES = ("device.drift.nu", "device.retention.time", "device.read_noise")


def two(draws, gap=0.03, chance=0.01):
    """A material of which drift decides 6 points of accuracy, and one that is known."""
    ds = planted(
        {"ecram": Planted(lambda z: 0.7 + 0.06 * z[:, 0] + 0.03 * z[:, 1], chance, 3),
         "pcm": Planted(lambda z: np.full(len(z), 0.7 + gap), chance, 0)},
        draws, 1,
    )  # fmt: skip
    ds["accuracy"].values[:] = ds["accuracy"].clip(0, 1)
    ds = ds.assign_coords(parameter=[*NAMES, *PARAMETERS[3:]])
    command = "matsweep explore -m material=ecram,pcm realisations=8 extend=true"
    return ds.assign_attrs(command=command, axes=json.dumps({"material": ["ecram", "pcm"]}))


def section(ds):
    sections = document(studied(ds)).sections
    return next((each for each in sections if each.title == "What to measure next"), None)


def texts(found):
    return [block.text for block in found.blocks if isinstance(block, Paragraph)]


def test_the_measurement_of_most_worth_is_named_with_its_interval():
    found = section(two(256))
    first, alone, kinds = texts(found)
    assert alone == "This counts accuracy alone."
    match = re.match(
        r"Measure the drift exponent of ecram first: it decides the ranking in (\d+) % of cases "
        r"\((\d+) to (\d+) %\), worth \d\.\d+ points \(\d\.\d+ to \d\.\d+\) of accuracy\.",
        first,
    )
    assert match, first
    value, low, high = map(int, match.groups())
    assert low <= value <= high
    worth = two(256).matsweep.information().sel(option="ecram", parameter=NAMES[0])
    assert value == round(100 * float(worth["changed"]))
    assert re.search(r"ecram \d+ % \(\d+ to \d+ %\); the rest is chance", kinds), kinds
    assert "pcm" not in kinds  # nothing is unknown


def test_several_measurements_are_listed_by_worth():
    ds = two(256, gap=0.0)
    (table,) = (block for block in section(ds).blocks if isinstance(block, Table))
    assert [row[1] for row in table.rows][:1] == ["drift exponent"]
    assert len(table.rows) > 1


def test_what_decides_nothing_is_not_to_be_measured():
    first, *_ = texts(section(two(256, gap=0.25)))
    assert first.startswith("No measurement is worth 0.5 points of accuracy, so that pcm stays: ")


def test_what_is_worth_less_than_the_tolerance_is_not_proposed():
    """Drift decides in a good share of cases, and gains a tenth of a point."""
    ds = two(256, gap=0.1)
    worth = ds.matsweep.information().sel(option="ecram", parameter=NAMES[0])
    assert float(worth["changed"]) > 0.01
    assert 0 < float(worth["worth"]) < 0.005
    found = section(ds)
    assert texts(found)[0].startswith("No measurement is worth 0.5 points of accuracy")
    assert not [block for block in found.blocks if isinstance(block, Table)]
    screened = texts(section(two(64, gap=0.1)))[0]
    assert screened.startswith("No single parameter seems to be worth measuring. 64 realisations")


def test_few_realisations_ask_for_more():
    found = section(two(8))
    (code,) = (block for block in found.blocks if isinstance(block, Code))
    assert code.text == (
        "matsweep explore -m material=ecram,pcm realisations=256 extend=true"
    )  # fmt: skip
    assert texts(found)[0].startswith("8 realisations cannot show what is worth measuring")
    assert "8 draws of up to 3 parameters; 64 are needed" in texts(found)[2]


def test_64_realisations_give_names_only():
    first, _, kinds = texts(section(two(64)))
    assert first.startswith("May matter: drift exponent of ecram")
    assert "64 realisations only screen; 256 rank." in first
    assert "%" not in first
    assert "%" in kinds


def test_without_anything_unknown_there_is_no_section():
    assert section(study()) is None
    assert section(two(64).drop_vars("unknown")) is None


def test_of_one_material_there_is_no_choice_to_change():
    (kinds,) = texts(section(two(64).isel(candidate=[0])))
    assert kinds.startswith("Of the variance of accuracy")


def test_it_is_in_all_renderings_and_80_columns(tmp_path):
    console = Console(file=io.StringIO(), width=80)
    report(two(256), console, tmp_path, markdown=True)
    printed = console.file.getvalue()
    assert "Measure the drift exponent of ecram first" in printed
    part = printed.partition("What to measure next")[2].partition("●")[0]
    assert max(map(len, part.splitlines())) <= 80
    for name in ("report.md", "report.html"):
        assert "Measure the drift exponent of ecram first" in (tmp_path / name).read_text()


def test_how_sure_has_both_probabilities():
    found = next(each for each in document(studied(two(64))).sections
                 if each.title == "How sure is that?")  # fmt: skip
    table = found.blocks[0]
    assert table.headings[1:3] == ("best on average", "best once known")
    ends = [[float(each) for each in row[2].split(" to ")] for row in table.rows]
    assert sum(each[0] for each in ends) <= 1.02
    assert sum(each[-1] for each in ends) >= 0.98


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("matsweep explore experiment=quickstart retry_failed=true",
         "matsweep explore experiment=quickstart realisations=256 extend=true"),
        ("matsweep explore -m 'a=choice(1,2)' realisations=8 retry_failed=true",
         "matsweep explore -m 'a=choice(1,2)' realisations=256 extend=true"),
        ("the study's own command with retry_failed=true",
         "the study's own command with realisations=256 extend=true"),
        ("matsweep explore 'a", "the study's own command with realisations=256 extend=true"),
    ],
)  # fmt: skip
def test_the_command_for_more(command, expected):
    assert more_draws(command) == expected


def test_materials_have_short_names_everywhere():
    named = {"ecram": {"short": "Li ECRAM", "label": "Li electrochemical transistor"}}
    ds = two(256, gap=0.0).assign_attrs(sources=json.dumps({"materials": named}))
    found = section(ds)
    (table,) = (block for block in found.blocks if isinstance(block, Table))
    assert {row[0] for row in table.rows} == {"Li ECRAM"}
    first, _, kinds = texts(found)
    assert "Li ECRAM" in first
    assert "Li ECRAM" in kinds
