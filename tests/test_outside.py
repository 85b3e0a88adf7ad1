"""The example package, installed next to matsweep: it works by its entry points alone."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import matsweep
from matsweep.cli import main
from matsweep.core.checks import UserError
from matsweep.core.packages import Package, PartsError, Point
from matsweep.metrics import METRICS, Metric
from matsweep.planning.folders import outside_folders
from matsweep.running.executors import executor
from matsweep.running.executors.serial import SerialExecutor
from matsweep.running.parts import Parts, check_versions, lacking
from matsweep.running.study import Run
from matsweep.running.work import evaluate
from matsweep.store import open_store

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "matsweep_example"
pytestmark = pytest.mark.xdist_group("ray")

TOUR = """
import contextlib, io, json
import matsweep
from matsweep.catalogue import _row
from matsweep.planning.config import composer
from matsweep.cli import main

def said(*words):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(words))
    return code, out.getvalue(), err.getvalue()

found = {
    "material": said("materials", "example_film"),
    "help": said("explore", "--help"),
    "config": said("explore", "experiment=recall", "--cfg=job"),
    "nearly": said("explore", "workload=recal"),
    "validated": said("validate", "example_hyperbola"),
}
film = matsweep.load_material("example_film")
with composer():
    found["row"] = _row("example_film", film)
found["film"] = [type(film.physics).__name__, type(film.device.pulse_model).__name__]
json.dump(found, open("tour.json", "w"))
"""

STUDIES = """
import json
import matsweep
from matsweep.running.executors.cluster import start_local

start_local(workers=2, object_store_memory=80_000_000)  # once for all
SMALL = ["realisations=2", "times=[1]"]
STUDIES = {
    "recall": ["experiment=recall", "material=example_film,pcm_gst", "device.read_noise=0,0.05"],
    "learned": ["workload=digits_online", "material=example_film", "workload.samples=20",
                "workload.epochs=1"],
    "derived": ["experiment=recall", "material=example_film", "device.source=derived",
                "protocol.devices=4", "protocol.mixed=4"],
}
facts = {}
for name, study in STUDIES.items():
    stores = []
    for kind in ("serial", "ray"):
        path = matsweep.explore([*study, *SMALL, f"executor={kind}", f"store={name}-{kind}.zarr"])
        stores.append(matsweep.open_results(path))
    one, other = (ds.drop_vars("seconds").drop_attrs().compute() for ds in stores)
    facts[name] = {
        "same": bool(one.identical(other)),
        "done": bool((other["status"] == 1).all()),
        "metrics": [str(each) for each in other.data_vars],
        "outside": json.loads(stores[1].attrs["provenance"]).get("outside"),
        "sources": json.loads(stores[1].attrs["sources"])["references"],
        "identities": one["candidate_id"].values.tolist(),
        "recalled": float(one["recalled"].max()) if "recalled" in one else None,
    }
json.dump(facts, open("studies.json", "w"))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Install the example package, offline, in a folder."""
    folder = tmp_path_factory.mktemp("outside")
    source = shutil.copytree(EXAMPLE, folder / "source")
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", *offline]
    subprocess.run([*pip, "--target", folder / "site", source], check=True)
    return folder / "site"


def python(site, folder, *words, check=True):
    """Run Python with the packages of a folder installed next to matsweep."""
    found = subprocess.run(
        [sys.executable, *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, site)))},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not check or found.returncode == 0, found.stderr
    return found


@pytest.fixture(scope="module")
def tour(site, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tour")
    python(site, folder, "-c", TOUR)
    return json.loads((folder / "tour.json").read_text())


@pytest.fixture(scope="module")
def studies(site, tmp_path_factory):
    folder = tmp_path_factory.mktemp("studies")
    python(site, folder, "-c", STUDIES)
    return json.loads((folder / "studies.json").read_text())


def test_its_material_is_listed_with_its_package_and_its_sources(tour):
    code, out, _ = tour["material"]
    assert code == 0
    assert "brought by matsweep-example 0.1.0" in out
    assert "Journal of" in out
    assert tour["row"][1].endswith("(of matsweep-example 0.1.0)")
    assert tour["film"] == ["SinhDrift", "QuadraticBounds"]


def test_its_row_is_in_the_table_of_truth(tour):
    code, out, _ = tour["validated"]
    assert code == 0
    assert out.startswith("1 of 1 published or independently computed results agree.")


def test_help_and_messages_name_what_it_brings(tour):
    _, out, _ = tour["help"]
    groups = dict(line.split(": ", 1) for line in out.splitlines() if ": " in line)
    assert "example_film" in groups["material"].split(", ")
    assert "recall" in groups["workload"].split(", ")
    assert "recall" in groups["experiment"].split(", ")
    code, out, _ = tour["config"]
    assert code == 0
    assert "kind: recall" in out
    code, _, err = tour["nearly"]
    assert code == 2
    assert "did you mean recall?" in err


@pytest.mark.parametrize("name", ["recall", "learned", "derived"])
def test_it_is_swept_on_both_executors_with_the_same_bits(studies, name):
    found = studies[name]
    assert found["same"]
    assert found["done"]
    assert "energy_delay" in found["metrics"]
    assert found["outside"] == {"matsweep-example": "0.1.0"}
    assert "example_film" in found["sources"]


def test_what_it_stores_is_recalled(studies):
    assert studies["recall"]["recalled"] > 0.9


def test_another_version_of_the_package_is_another_candidate(site, studies, tmp_path, monkeypatch):
    newer = shutil.copytree(site, tmp_path / "newer")
    [facts] = newer.glob("*.dist-info")
    metadata = (facts / "METADATA").read_text().replace("Version: 0.1.0", "Version: 0.2.0")
    (facts / "METADATA").write_text(metadata)
    facts.rename(newer / "matsweep_example-0.2.0.dist-info")
    text = """
import dataclasses, json
import matsweep
from matsweep.identification.derivation.source import derived_device
from matsweep.planning.config import composer
from matsweep.planning.plan import plan
with composer():
    found = [plan(["experiment=recall", "material=example_film,pcm_gst", "device.read_noise=0,0.05",
                   "realisations=2", "times=[1]"]).identities,
             plan(["material=example_film"]).identities, plan(["material=pcm_gst"]).identities]
json.dump(found, open("identities.json", "w"))
film = matsweep.load_material("example_film")
protocol = dataclasses.replace(film.protocol, devices=2, mixed=2, pulses_up=10, pulses_down=10)
derived_device(film.physics, protocol, base=film.device)
"""
    monkeypatch.setenv("MATSWEEP_CACHE", str(tmp_path / "cache"))
    found = []
    for each in (site, newer):
        python(each, tmp_path, "-c", text)
        found.append(json.loads((tmp_path / "identities.json").read_text()))
    assert len(list((tmp_path / "cache").glob("derived-*.json"))) == 2
    assert found[0][0] == studies["recall"]["identities"]
    assert not set(found[0][0]) & set(found[1][0])
    assert found[0][1] != found[1][1]  # its pulse model is part of the device
    assert found[0][2] == found[1][2]  # of matsweep's own parts alone


def breaking(site, points):
    """Install a package with some entry points, and a material that has the name of one of ours."""
    facts = site / "breaks-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: breaks\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(points)
    folder = site / "clash" / "conf" / "material"
    folder.mkdir(parents=True)
    (site / "clash" / "__init__.py").touch()
    shutil.copy(ROOT / "conf" / "material" / "pcm_gst.yaml", folder)


STUDY = ["explore", "material=pcm_gst", "unknowns=neutral", "executor=serial", "store=x.zarr"]


def test_what_cannot_be_loaded_is_one_line(tmp_path):
    breaking(tmp_path, "[matsweep.metrics]\nx = gone:X\n")
    found = python(tmp_path, tmp_path, "-m", "matsweep", *STUDY, check=False)
    assert found.returncode == 2
    told = "matsweep: metric 'x' of the installed package breaks cannot be loaded from gone:X"
    assert found.stderr.startswith(told)
    assert found.stderr.count("\n") == 1
    assert not (tmp_path / "x.zarr").exists()


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("clash.conf", "material/pcm_gst.yaml of the installed package breaks .* one of matsweep;"),
        ("nowhere.conf", "matsweep.conf 'x' of the installed package breaks names no folder"),
    ],
)
def test_a_folder_that_clashes_or_is_none_is_one_line(workplace, monkeypatch, capsys, value, told):
    breaking(workplace, f"[matsweep.conf]\nx = {value}\n")
    monkeypatch.syspath_prepend(workplace)
    monkeypatch.setattr("matsweep.core.packages._known", None)
    outside_folders.cache_clear()
    try:
        assert main(STUDY) == 2
        said = capsys.readouterr().err
        assert re.match(f"matsweep: {told}", said)
        assert said.count("\n") == 1
        with pytest.raises(UserError, match=told):
            matsweep.load_material("pcm_gst")
    finally:
        outside_folders.cache_clear()


# ----------------------------------------------------------------------- parts by hand

SEVEN = Metric(
    name="seven", long_name="seven", units="1", better="higher", dims=(), compute=lambda run: 7.0
)
TINY = ["material=pcm_gst", "realisations=1", "times=[1]", "workload.hidden=[8]",
        "workload.epochs=2"]  # fmt: skip


def test_a_metric_by_hand_is_computed_here(workplace, monkeypatch):
    monkeypatch.setitem(METRICS, "seven", SEVEN)
    path = matsweep.explore([*TINY, "executor=serial", "store=x.zarr"])
    assert matsweep.open_results(path)["seven"].values.tolist() == [7.0]


def test_a_metric_by_hand_is_refused_where_workers_cannot_have_it(
    workplace, monkeypatch, local_ray
):
    monkeypatch.setitem(METRICS, "seven", SEVEN)
    with pytest.raises(UserError, match=r"^metric 'seven' was registered in this process only"):
        matsweep.explore([*TINY, "executor=ray", "store=x.zarr"])
    assert not (workplace / "x.zarr").exists()
    path = matsweep.explore([*TINY, "executor=ray", "store=x.zarr", "metrics=[accuracy]"])
    assert matsweep.open_results(path)["status"].values.tolist() == [1]


def test_a_metric_that_is_missing_in_an_outcome_is_an_error_with_its_name(workplace, monkeypatch):
    def forgetful(shared, chunk):
        outcomes = evaluate(shared, chunk)
        for outcome in outcomes:
            del outcome.values["latency"]
        return outcomes

    monkeypatch.setattr("matsweep.running.job.evaluate", forgetful)
    ds = matsweep.open_results(matsweep.explore([*TINY, "executor=serial", "store=x.zarr"]))
    assert ds["status"].values.tolist() == [2]
    assert "the metric latency is missing" in ds["error"].values[0]


def test_a_study_does_not_go_on_with_another_version_of_its_metrics(workplace, monkeypatch):
    path = matsweep.explore([*TINY, "executor=serial", "store=x.zarr"])
    facts = json.loads(matsweep.open_results(path).attrs["provenance"])
    extended = [{"outside": {"lonely": "2"}}]
    now = Parts(packages=(Package(name="lonely", version="1", points=()),), digests=("",))
    with open_store(path) as store:
        check_versions(now, store)
        store.update_attrs({"provenance": json.dumps({**facts, "extended": extended})})
        check_versions(Parts(), store)
    monkeypatch.setattr(Run, "_parts", now)
    with pytest.raises(UserError, match=r"was begun with lonely 2, this is 1, .*lonely==2"):
        matsweep.explore(
            [*TINY, "realisations=2", "extend=true", "executor=serial", "store=x.zarr"]
        )


# ------------------------------------------------------------------------------ workers


def parts(monkeypatch, tmp_path, **changed):
    """Parts of a package that only this process knows."""
    (tmp_path / "lonely.py").write_text("class Part: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    point = Point(group="matsweep.conf", name="x", value="lonely")
    package = Package(name="lonely", version="1", points=(point,))
    given = {"packages": (package,), "digests": (package.digest,), "classes": (("lonely", "Part"),)}
    return Parts(**{**given, **changed})


def test_a_process_says_what_it_lacks(monkeypatch, tmp_path):
    told = parts(monkeypatch, tmp_path)
    known = monkeypatch.setattr("matsweep.core.packages._known", {})
    assert known is None
    assert lacking(told) == ""
    assert lacking(parts(monkeypatch, tmp_path, digests=("0",))) == "package lonely 1 differs there"
    other = parts(monkeypatch, tmp_path, classes=(("lonely", "Other"),))
    assert lacking(other) == "module lonely has no Other there"
    assert lacking(parts(monkeypatch, tmp_path, metrics=("six",))) == "there is no metric 'six'"


def lacks(shared, chunk):
    raise PartsError("a part")


def test_a_task_that_lacks_a_part_stops_the_study(local_ray):
    runner = executor({"kind": "ray"})
    with pytest.raises(UserError, match=r"^a node cannot compute this study: a part; give all"):
        list(runner.run(lacks, None, [(1,)]))


def test_what_is_refused_on_the_nodes_leaves_no_store_behind(workplace, monkeypatch):
    def refuse(self, given):
        assert given.by_hand == ("metric 'seven'",)
        raise UserError("refused")

    monkeypatch.setitem(METRICS, "seven", SEVEN)
    monkeypatch.setattr(SerialExecutor, "verify", refuse)
    with pytest.raises(UserError, match=r"^refused"):
        matsweep.explore([*TINY, "executor=serial", "store=x.zarr"])
    assert not (workplace / "x.zarr").exists()


def test_nodes_that_lack_a_package_are_refused(monkeypatch, tmp_path, local_ray):
    runner = executor({"kind": "ray"})
    with pytest.raises(UserError, match=r"^a node cannot compute this study: module lonely is not"):
        runner.verify(parts(monkeypatch, tmp_path))
    runner.verify(Parts())
