"""Settings that messages show come back from a shell and Hydra's grammar as they were."""

from __future__ import annotations

import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from matsweep.core.command_line import command_line, typed

TEXTS = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="$"), min_size=1
)  # fmt: skip
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)


def as_received(words):
    """Value of a setting, after a shell, Hydra and OmegaConf."""
    [word] = shlex.split(words)
    name, _, _ = word.partition("=")
    override = OverridesParser.create().parse_override(word)
    assert override.key_or_group == name
    return OmegaConf.to_container(OmegaConf.create({"is": override.value()}), resolve=True)["is"]


@given(TEXTS)
def test_any_text_comes_back(text):
    assert as_received(typed("data", text)) == text


@given(st.dictionaries(st.sampled_from(("pulse", "polarity")), TEXTS | NUMBERS | st.none()))
def test_any_mapping_comes_back(columns):
    assert as_received(typed("columns", columns)) == columns


@pytest.mark.parametrize(
    "value", [True, False, None, 3, 2.5e-7, ["accuracy", "energy"], "null", "TRUE", "3", "1e3",
              "a.csv", "/b/c-d.csv", "my file.csv", 'the "best"', "it's", "back\\slash\\", "${x}",
              "5uS", "Gerät", "a=b", "", "G (µS)", "x y,z"],
)  # fmt: skip
def test_values_of_every_kind_come_back(value):
    assert as_received(typed("x", value)) == value


def test_plain_words_stay_without_quotes():
    assert typed("study", "my_oxide") == "study=my_oxide"
    assert typed("columns", {"polarity": "Polarität"}) == """'columns={polarity: "Polarität"}'"""
    assert command_line("matsweep", "report", "my study.zarr") == "matsweep report 'my study.zarr'"
