"""The documentation as a site: built without a warning, whole, and without the network."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
import yaml

import matsweep.analysis
import matsweep.crossbar
import matsweep.datasets
import matsweep.devices
import matsweep.devices.dynamics
import matsweep.identification.calibration
import matsweep.identification.derivation
import matsweep.identification.fitting
import matsweep.machine
import matsweep.metrics
import matsweep.reporting
import matsweep.solving
import matsweep.validation
import matsweep.workloads
from matsweep.cli.main import _COMMANDS

from .blocks import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


def test_every_page_is_built(site):
    pages = [page.relative_to(ROOT / "docs") for page in (ROOT / "docs").rglob("*.md")]
    assert {str(page.with_suffix(".html")) for page in pages} <= {
        str(page.relative_to(site)) for page in site.rglob("*.html")
    }
    assert not list(site.rglob("*.py"))


def test_nothing_is_loaded_from_elsewhere(site):
    """Scripts, styles, fonts and pictures are the site's own; links that are clicked may leave."""
    loads = re.compile(
        r"<(?:script|img|iframe|source)[^>]*\bsrc=[\"']?(?:https?:)?//"
        r"|<link[^>]*rel=[\"']?(?:stylesheet|preconnect|preload)[^>]*href=[\"']?(?:https?:)?//"
    )
    for page in site.rglob("*.html"):
        assert not loads.search(page.read_text()), page
    for style in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?(?:https?:)?//|@import", style.read_text()), style


def test_the_reference_has_every_public_function_and_class(site):
    for module, *pages in (
        (matsweep, "matsweep"),
        (matsweep.analysis, "analysis"),
        (matsweep.reporting, "reporting"),
        (matsweep.devices, "devices", "dynamics", "solving"),
        (matsweep.devices.dynamics, "dynamics", "solving"),
        (matsweep.solving, "solving"),
        (matsweep.identification.measurements, "identification"),
        (matsweep.identification.fitting, "identification"),
        (matsweep.identification.derivation, "identification"),
        (matsweep.identification.calibration, "identification"),
        (matsweep.crossbar, "crossbar", "devices"),
        (matsweep.machine, "machine"),
        (matsweep.datasets, "datasets"),
        (matsweep.workloads, "workloads"),
        (matsweep.metrics, "metrics"),
        (matsweep.validation, "validation"),
    ):
        text = "".join((site / f"reference/{page}.html").read_text() for page in pages)
        headed = re.findall(r'<h\d id="matsweep\.([\w.]+)"', text)
        functions = {name for name in module.__all__ if callable(getattr(module, name))}
        assert functions <= {name.rsplit(".", 1)[-1] for name in headed}


def test_the_reference_has_every_command_and_choice(site):
    commands = (site / "reference/commands.html").read_text()
    for name in _COMMANDS:
        assert f'<h2 id="{name}">' in commands
    choices = (site / "reference/groups.html").read_text()
    for path in (ROOT / "conf").glob("*/*.yaml"):
        if path.parent.name != "references":
            assert yaml.safe_load(path.read_text()) is not None
            assert f"<code>{path.stem}</code>" in choices


def test_the_pictures_are_small(site):
    pictures = [path for path in (site / "assets").iterdir() if path.suffix in (".png", ".svg")]
    assert len(pictures) > 5
    assert sum(path.stat().st_size for path in pictures) < 1_500_000
