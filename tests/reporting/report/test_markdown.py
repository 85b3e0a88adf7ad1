"""Markdown: read back by a parser, it says what was to be said, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from matsweep.core.printing import printable
from matsweep.reporting.report.contents import document
from matsweep.reporting.report.document import Code, Document, Item, Items, Section, Table
from matsweep.reporting.report.markdown import escaped, render
from matsweep.reporting.report.study import studied
from tests.synthetic import study

from .hostile import TEXT, hidden, hostile


def parsed(text):
    return MarkdownIt("commonmark").enable("table").parse(text)


def of(*blocks):
    return Document(study="", state="s", sections=(Section(title="t", blocks=blocks),))


def inline(tokens):
    """Return the texts of paragraphs, headings and cells."""
    found = [token.children for token in tokens if token.type == "inline"]
    return ["".join(child.content for child in children) for children in found]


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_a_command_in_a_list_is_code_and_read_back_as_it_was(code):
    command = f"matsweep {code} 3"
    (line,) = (token for token in parsed(render(of(Items(items=(Item(text="It ages.",
               code=command),))), Path())) if token.type == "inline"
               and token.content.startswith("It ages"))  # fmt: skip
    text, span = line.children
    assert text.content == "It ages. "
    assert (span.type, span.content) == ("code_inline", " ".join(printable(command).split()))


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1))
def test_any_text_is_read_back_as_it_was(text):
    words = " ".join(printable(text).split())
    assert inline(parsed("x " + escaped(text))) == [f"x {words}".strip()]


def test_hostile_texts_stay_texts(tmp_path):
    page = render(document(studied(hostile())), tmp_path)
    assert hidden(page) == []
    tokens = parsed(page)
    found = [t.content for t in tokens if t.type == "html_block"]
    assert [re.sub(r"<summary>.*</summary>", "", text).strip() for text in found] == [
        "<details>", "</details>",
    ]  # fmt: skip
    inner = [c for t in tokens if t.type == "inline" for c in t.children]
    assert not [c for c in inner if c.type == "html_inline"]
    assert all(
        c.attrs["href"].startswith("https://doi.org/") for c in inner if c.type == "link_open"
    )
    assert inline(tokens)[0] == f"Study {' '.join(printable(TEXT).split())}"


def test_tables_keep_their_cells(tmp_path):
    rows = (("a|b", "*c*"), ("", "`d|`"))
    text = render(of(Table(headings=("x", "y|"), rows=rows)), tmp_path)
    assert inline(parsed(text))[-6:] == ["x", "y|", "a|b", "*c*", "", "`d|`"]


def test_code_with_fences_of_its_own(tmp_path):
    code = "a\n````\n<b>\n"
    tokens = parsed(render(of(Code(text=code)), tmp_path))
    assert [t.content for t in tokens if t.type == "fence"] == [code + "\n"]


def test_pictures_are_named_relative_to_the_text(tmp_path):
    import dataclasses

    chosen = dataclasses.replace(
        studied(study(realisations=2)), pictures={"pareto": tmp_path / "pareto.png"}
    )
    text = render(document(chosen), tmp_path)
    assert "](pareto.png)" in text
    assert str(tmp_path) not in text
