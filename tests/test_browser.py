"""The page of a report in a real browser: headless Chromium, where it is installed."""

from __future__ import annotations

import csv
import io
import json
import shutil
import threading

import numpy as np
import pytest
from rich.console import Console
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from matsweep import store as m
from matsweep.reporting import report
from matsweep.reporting.report.contents import document
from matsweep.reporting.report.html import write
from matsweep.reporting.report.study import studied
from matsweep.reporting.view import Pages, server_of
from tests.synthetic import study

from .reporting.report.hostile import hostile

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--window-size=1400,2000",
)  # fmt: skip

pytestmark = [
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium (a Debian package)"),
    pytest.mark.xdist_group("browser"),
]


@pytest.fixture(scope="module")
def downloads(tmp_path_factory):
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def browser(tmp_path_factory, downloads):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The address of the page of a study."""
    folder = tmp_path_factory.mktemp("page")
    report(study(realisations=2), Console(quiet=True), folder)
    return (folder / "report.html").as_uri()


@pytest.fixture
def opened(browser, page):
    browser.get(page)
    drawn(browser)
    return browser


def drawn(browser):
    """Wait until the figures are there."""
    script = """return [...document.querySelectorAll('.plot')]
        .every((plot) => plot.querySelector('.main-svg'))"""
    WebDriverWait(browser, 60).until(lambda driver: driver.execute_script(script))


def requests(browser):
    """Return the addresses that were asked for since the last call."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]


def rows(browser):
    """Return the texts of the table's cells, in one go: element by element takes seconds."""
    script = """return [...document.querySelectorAll('#candidates tbody tr')]
        .map((row) => [...row.cells].map((cell) => cell.textContent))"""
    return browser.execute_script(script)


def headings(browser):
    script = "return [...document.querySelectorAll('#candidates th')].map((th) => th.textContent)"
    return browser.execute_script(script)


def column(browser, name):
    at = headings(browser).index(name)
    return [row[at] for row in rows(browser)]


def enter(browser, text):
    box = browser.find_element(By.ID, "filter")
    box.clear()
    box.send_keys(text)


def paste(browser, text):
    """Enter a text at once: letter by letter its beginnings would be filters too."""
    script = """const box = document.getElementById('filter');
        box.value = arguments[0]; box.dispatchEvent(new Event('input'));"""
    browser.execute_script(script, text)


def told(browser):
    return browser.find_element(By.ID, "filter-told").text


def test_it_loads_quietly_and_asks_nobody(browser, page):
    requests(browser)
    browser.get_log("browser")
    browser.get(page)
    drawn(browser)
    assert browser.get_log("browser") == []
    asked = requests(browser)
    assert page in asked
    assert all(address.startswith(("file:", "data:", "blob:")) for address in asked)
    assert len(browser.find_elements(By.CSS_SELECTOR, ".plot .main-svg")) > 4


def test_nothing_is_wider_than_the_page(opened):
    for width in (1400, 800, 500):
        opened.set_window_size(width, 2000)
        WebDriverWait(opened, 20).until(
            lambda driver: driver.execute_script(
                "return document.documentElement.scrollWidth <= window.innerWidth"
            )
        )
    opened.set_window_size(1400, 2000)


@pytest.mark.parametrize(
    ("text", "constraints"),
    [
        ("accuracy >= 0.9", ["accuracy >= 0.9"]),
        ("accuracy >= 90 %", ["accuracy >= 0.9"]),
        ("energy < 10 nJ, bits = 6", ["energy < 10 nJ", "bits == 6"]),
        ("material == sonos and area <= 0.018 mm²", ["material == sonos", "area <= 0.018 mm2"]),
        ("material != sonos", ["material != sonos"]),
        ("accuracy > 2", ["accuracy > 2"]),
    ],
)
def test_filters_agree_with_constraints(opened, text, constraints):
    """The page and `ds.matsweep.select` choose the same candidates."""
    expected = study(realisations=2).matsweep.select(*constraints)["candidate"].values.tolist()
    enter(opened, text)
    assert told(opened) == f"{len(expected)} of 120 candidates"
    more = opened.find_element(By.ID, "more")
    if more.is_displayed():
        more.click()
    assert sorted(map(int, column(opened, "no."))) == expected


def test_words_filter_too(opened):
    enter(opened, "SONOS")
    assert told(opened) == "24 of 120 candidates"
    assert set(column(opened, "material")) == {"sonos"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("acuracy > 0.9", "no column is named acuracy"),
        ("energy < 5 s", "energy [J] is not measured in s"),
        ("energy < much", "energy is compared with a number, not with much"),
        ("material < 3", "material holds text: only == and != compare it"),
    ],
)
def test_a_mistake_in_a_filter_is_told_and_changes_nothing(opened, text, message):
    paste(opened, text)
    assert told(opened) == message
    assert opened.find_element(By.ID, "filter").get_attribute("aria-invalid") == "true"
    assert len(rows(opened)) == 100


def test_a_click_on_a_heading_sorts_and_a_second_one_turns_round(opened):
    summary = study(realisations=2).matsweep.summary()
    energies = summary["energy"].values
    for sort, sign in (("ascending", 1), ("descending", -1)):
        at = headings(opened).index("energy")
        cell = opened.find_elements(By.CSS_SELECTOR, "#candidates th")[at]
        cell.find_element(By.TAG_NAME, "button").click()
        cell = opened.find_elements(By.CSS_SELECTOR, "#candidates th")[at]
        assert cell.get_attribute("aria-sort") == sort
        shown = sign * energies[[int(number) for number in column(opened, "no.")]]
        assert shown.tolist() == np.sort(sign * energies)[:100].tolist()


def test_the_keyboard_sorts_too(opened):
    script = "document.querySelectorAll('#candidates th button')[arguments[0]].focus()"
    opened.execute_script(script, headings(opened).index("accuracy"))
    opened.switch_to.active_element.send_keys(" ")
    focused = opened.switch_to.active_element
    assert focused.text.startswith("accuracy")
    found = opened.find_elements(By.CSS_SELECTOR, "#candidates th[aria-sort]")
    assert [(cell.text, cell.get_attribute("aria-sort")) for cell in found] == [
        ("accuracy", "descending")
    ]


def test_all_columns_are_a_click_away(opened):
    before = set(headings(opened))
    opened.find_element(By.ID, "all").click()
    assert set(headings(opened)) > before
    assert {"seconds", "energy_std"} <= set(headings(opened))


def test_pointing_at_a_candidate_tells_what_it_is(opened):
    # The last one is on the front, over which nothing lies.
    point = opened.find_elements(By.CSS_SELECTOR, "#plot-pareto .scatterlayer .point")[-1]
    ActionChains(opened).move_to_element(point).perform()
    label = WebDriverWait(opened, 20).until(
        lambda driver: driver.find_elements(By.CSS_SELECTOR, "#plot-pareto .hovertext")
    )[0]
    text = label.text
    assert "no.:" in text
    assert "accuracy:" in text
    assert "bits:" in text
    assert any(name in text for name in ("SONOS", "PCM", "HfOx", "ECRAM", "FeFET"))


def test_the_csv_has_the_filtered_rows(opened, downloads):
    enter(opened, "material == sonos")
    opened.find_element(By.ID, "csv").click()
    path = downloads / "candidates.csv"
    WebDriverWait(opened, 30).until(lambda _: path.is_file() and path.stat().st_size)
    found = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    path.unlink()
    summary = study(realisations=2).matsweep.summary()
    chosen = np.flatnonzero(summary["material"].values == "sonos")
    assert sorted(int(row["candidate"]) for row in found) == chosen.tolist()
    for row in found:
        number = int(row["candidate"])
        assert float(row["energy"]) == float(summary["energy"][number])
        assert float(row["accuracy"]) == float(summary["accuracy"][number])
        assert row["material"] == "sonos"


def test_hostile_texts_do_nothing(browser, tmp_path):
    path = write(document(studied(hostile())), tmp_path)
    browser.get_log("browser")
    requests(browser)
    browser.get(path.as_uri())  # an alert would make the next line fail
    drawn(browser)
    assert browser.title.startswith("Study </script><script>alert(1)")
    assert browser.get_log("browser") == []
    assert all(address.startswith(("file:", "data:", "blob:")) for address in requests(browser))
    assert browser.execute_script("return document.images.length") == 0
    script = """return [...document.querySelectorAll('#plot-pareto .legendtext')]
        .map((entry) => entry.textContent)"""
    assert any("<img src=x onerror=alert(2)>" in name for name in browser.execute_script(script))


def test_a_live_page_loads_again_when_there_is_news(browser, tmp_path):
    path = m.create(
        tmp_path / "s.zarr",
        coordinates={
            "candidate_id": m.Coordinate(values=[f"{i:032x}" for i in range(4)]),
            "adc.bits": m.Coordinate(values=np.arange(4)),
            "realisation": m.Coordinate(values=[0], dims=("realisation",)),
        },
        variables=[m.Variable(name="accuracy", attrs={"units": "1", "better": "higher"})],
        attrs={"study": "live"},
    )

    def compute(positions):
        at = np.asarray(positions)
        with m.open_store(path) as store:
            store.write(
                m.Part(
                    positions=at, status=np.ones(at.size, int), error=[""] * at.size,
                    seconds=at / 8, values={"accuracy": at / 10},
                )
            )  # fmt: skip

    compute([0, 1])
    with server_of(Pages(path), 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            browser.get_log("browser")
            browser.get(f"http://127.0.0.1:{server.server_address[1]}/")
            assert browser.find_element(By.ID, "progress-text").text.startswith("2 of 4")
            enter(browser, "accuracy >= 0")
            compute([2, 3])
            wait = WebDriverWait(browser, 60, ignored_exceptions=[Exception])
            wait.until(
                lambda d: d.find_element(By.CSS_SELECTOR, ".state").text.startswith("4 done")
            )
            assert browser.find_element(By.ID, "filter").get_attribute("value") == "accuracy >= 0"
            assert browser.get_log("browser") == []
        finally:
            browser.get("about:blank")
            server.shutdown()
            thread.join()
