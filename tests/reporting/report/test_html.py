"""The page: it holds what it says, needs nothing else, and no text gets out of its place."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from matsweep.core.printing import printable
from matsweep.reporting.figures import marks as m
from matsweep.reporting.figures.interactive import least_width
from matsweep.reporting.report.contents import document
from matsweep.reporting.report.document import Document, Item, Items, Section
from matsweep.reporting.report.html import Live, render
from matsweep.reporting.report.study import studied
from tests.synthetic import study, with_status

from .hostile import TEXT, hidden, hostile, strings


class Page(HTMLParser):
    """The elements and texts of a page."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.scripts, self.data, self.text = [], [], {}, []
        self._in = None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.elements.append((tag, given))
        if tag == "script":
            self._in = given.get("data-plot") or given.get("id") or "script"

    def handle_endtag(self, tag):
        if tag == "script":
            self._in = None

    def handle_data(self, data):
        if self._in == "script":
            self.scripts.append(data)
        elif self._in:
            self.data[self._in] = json.loads(data)
        else:
            self.text.append(data)

    def every(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


def page_of(ds, live=None, **options):
    return Page(render(document(studied(ds, **options)), live))


@pytest.fixture(scope="module")
def plain():
    return page_of(study(realisations=2))


@pytest.fixture(scope="module")
def bad():
    return page_of(hostile())


def test_the_example_of_a_filter_is_of_the_study():
    ds = study(realisations=2)
    ds = ds.rename(accuracy="share", accuracy_std="share_std", accuracy_p05="share_p05")
    page = page_of(ds.assign_attrs(merit="share"))
    (wanted,) = [a["placeholder"] for a in page.every("input") if "placeholder" in a]
    assert re.fullmatch(r"share >= [\d.]+ %, energy <= [\d.]+ [pnµ]?J", wanted)
    names = [column["name"] for column in page.data["table-data"]["columns"]]
    values = page.data["table-data"]["values"][names.index("share")]
    bound = float(wanted.split()[2]) / 100
    assert 0.4 < sum(value >= bound for value in values) / len(values) < 0.6


@pytest.mark.parametrize("which", ["plain", "bad"])
def test_a_page_needs_nothing_else(which, request):
    page = request.getfixturevalue(which)
    assert len(page.scripts) == 2
    assert sum("plotly.js v" in code for code in page.scripts) == 1
    addresses = [a for _, attrs in page.elements for n, a in attrs.items() if n in ("src", "href")]
    assert {
        re.match(r"#|https://doi\.org/|data:", address) is not None for address in addresses
    } == {True}
    outside = {tag for tag, a in page.elements if (a.get("href") or "").startswith("https")}
    assert outside <= {"a"}


def test_the_policy_lets_only_these_scripts_run(bad):
    policy = bad.every("meta")[1]["content"]
    assert "default-src 'none'" in policy
    assert "connect-src 'none'" in policy
    for code in bad.scripts:
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "unsafe" not in policy.split("script-src", 1)[1].split(";", 1)[0]


def test_no_text_of_a_store_becomes_an_element(plain, bad):
    """The hostile study differs from a plain one in texts only, so its page has the same tags."""
    known = {tag for tag, _ in plain.elements} | {"details", "summary", "pre"}
    assert {tag for tag, _ in bad.elements} <= known
    assert not [n for _, attrs in bad.elements for n in attrs if n.startswith("on")]
    told = "".join(bad.text)
    for prefix in ("Study ", "matsweep explore ", "# ", "label "):
        assert prefix + printable(TEXT) in told


def test_no_text_of_a_store_is_hidden_or_reordered(bad):
    values = [value or "" for _, attrs in bad.elements for value in attrs.values()]
    assert hidden("".join([*bad.text, *values])) == []
    assert hidden("".join(strings(bad.data))) == []
    assert r"\u202e\u2066\u200b\u200f\u061c\x9b" in "".join(strings(bad.data))


def test_figures_escape_what_plotly_would_read(bad):
    names = {trace["name"] for trace in bad.data["plot-pareto"]["data"]}
    assert any("&lt;/script&gt;" in name for name in names)
    for plot, figure in bad.data.items():
        if plot.startswith("plot-"):
            known = r"<br>|</?b>|<extra></extra>|<span style=\\\"[a-z0-9:-]+\\\">|</span>"
            texts = re.sub(known, "", json.dumps(figure))
            assert "<" not in texts


def test_the_table_has_every_done_candidate_best_first(plain):
    ds = study(realisations=2)
    summary = ds.matsweep.summary()
    table = plain.data["table-data"]
    values = {c["name"]: v for c, v in zip(table["columns"], table["values"], strict=True)}
    best = summary["accuracy"].values[values["candidate"]]
    assert sorted(values["candidate"]) == list(range(120))
    assert values["accuracy"] == best.tolist()
    assert values["accuracy"] == sorted(values["accuracy"], reverse=True)
    front = set(ds.matsweep.pareto()["candidate"].values.tolist())
    marked = zip(values["candidate"], values["pareto"], strict=True)
    assert {number for number, on in marked if on} == front
    assert values["energy"] == summary["energy"].values[values["candidate"]].tolist()


def test_units_of_filters_are_those_of_constraints(plain):
    units = plain.data["table-data"]["units"]
    assert units["J"]["nJ"] == 1e-9
    assert units["1"]["%"] == 0.01
    assert units["m2"]["mm²"] == units["m2"]["mm2"] == 1e-6
    assert units["s"]["h"] == 3600.0


def test_the_whole_table_is_not_said_to_leave_candidates_out(plain):
    assert "not shown" not in "".join(plain.text)


def test_plots_have_the_width_that_their_texts_need():
    """Eight parallel axes need more than a phone has; the page scrolls them."""
    labels = ("a family with a long name", "b")
    y = m.Axis(ticks=tuple((float(at), text) for at, text in enumerate(labels)))
    short = m.Panel(x=m.Axis(title="energy"), y=m.Axis(), marks=())
    wide = m.Panel(x=m.Axis(title="energy", note="x" * 200), y=y, marks=())
    ticks = tuple((float(at), "axis") for at in range(8))
    parallel = m.Panel(x=m.Axis(ticks=ticks, bare=True), y=m.Axis(bare=True), marks=())
    few, more, most = (least_width(m.Picture(name="a", rows=((panel,),)))
                       for panel in (short, wide, parallel))  # fmt: skip
    assert few < 300 < 450 < more < most < 1200


def test_commands_in_lists_are_code():
    item = Item(text="It ages.", code="matsweep explain 'a <b>.zarr' 3")
    section = Section(title="Families", blocks=(Items(items=(item,)),))
    page = render(Document(study="a", state="", sections=(section,)))
    assert "It ages. <code>matsweep explain &#39;a &lt;b&gt;.zarr&#39; 3</code></li>" in page
    assert item.whole == "It ages. matsweep explain 'a <b>.zarr' 3"


def test_some_rows_are_there_without_scripts(plain):
    materials, candidates = (
        1 + 5,
        1 + 25,
    )  # with their headings; the materials' order has a table too
    assert len(plain.every("tr")) == 2 * materials + candidates


def test_a_live_page_asks_its_server_only():
    ds = with_status(study(realisations=2), pending=range(60))
    live = Live(revision="r<1", total=120, done=60, failed=0)
    page = page_of(ds, live)
    assert "connect-src 'self'" in page.every("meta")[1]["content"]
    assert page.every("body")[0] == {"data-revision": "r<1", "data-open": "60"}
    assert page.every("progress")[0]["value"] == "60"
    assert "60 of 120 candidates are still pending" in "".join(page.text)


def test_nothing_done():
    page = page_of(with_status(study(realisations=2), pending=range(120)))
    assert page.data == {}
    assert len(page.scripts) == 1  # no figures, so no plotly
    assert "there is no answer yet" in "".join(page.text)
