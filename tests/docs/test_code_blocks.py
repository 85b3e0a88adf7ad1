"""Commands and code in README and the documentation work as described.

The blocks of a page are run in order, in an empty folder. Studies are run as written but for
`SMALL` and `SMALLER`, or only planned where they are too long even so (`PLANNED`); `SUPPLIED` has
the files that a page needs. A command that none of these lists covers is an error.
"""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import yaml

import matsweep
from matsweep.cli import main
from matsweep.planning.config import composer
from matsweep.planning.environment import granted
from matsweep.planning.plan import plan
from tests.analysis.test_conditional import under_conditions
from tests.conditioned import conditioned, stored
from tests.networks.graphs import lenet
from tests.own_data import FILES

from .blocks import PAGES, ROOT, WALKED, blocks, commands

SMALL = ["workload.hidden=[8]", "workload.epochs=2", "executor=serial"]
FEW = "realisations=2"
"""Where a command says nothing else."""

SMALLER = {
    "design.samples=200": ["design.samples=4"],
    "design.samples=256": ["design.samples=4"],
    "design.trials=200": ["design.trials=4"],
    "material=glob(*)": ["material=glob(pcm_h*)"],
    "measured.csv": ["measured.csv", "model=linear_step"],
    "design.batch=20": ["design.batch=2"],
    "realisations=32": ["realisations=3"],
    "realisations=64": ["realisations=3"],
    "realisations=256": ["realisations=64"],
    "experiment=limits": ["experiment=limits", "design.samples=16"],
    "verify=20": ["verify=2"],
    "experiment=wires": ["-m", "experiment=wires", "tile.rows=16,32", "material=pcm_gst,hfox_milo"],
    "experiment=quickstart": [
        "-m",
        "experiment=quickstart",
        "tile.rows=choice(128)",
        "adc.bits=4,6",
    ],
}
"""Words of a command that are replaced."""

PLANNED = {
    "experiment=quickstart": "is run once, for all pages",
    "experiment=activation": "derives 24 devices",
    "device.source=derived": "derives devices",
    "workload=digits_online": "compiles the core of learning",
    "experiment=nonlinearity": "learns",
    "experiment=convolutions_online": "learns",
    "experiment=neurosim_online": "learns from MNIST, which is not here",
    "study=mapping": "solves wires, as experiment=wires does",
    "study=compensated": "solves wires, as experiment=wires does",
    "wires=ideal,metal": "solves wires, as experiment=wires does",
    "experiment=converters": "has large arrays with wires",
    "experiment=isaac": "has a large network",
    "experiment=trained": "trains seven networks",
    "study=trained_once": "trains three networks",
    "study=s_resnet_mnist": "trains two networks",
    "study=shipped": "runs larger networks",
    "experiment=trained_requirements": "trains a network",
    "racing=elimination": "has 64 realisations",
    "store=s3://BUCKET/PREFIX/NAME.zarr": "is for an object store",
    "executor.address=auto": "is for a cluster",
}
"""Words of studies that are composed and checked, candidate by candidate, but not run."""

COMPOSED = {
    r"materials": "composes all families: tests/planning/test_materials.py",
    r"characterize .*": "10 to 20 s each: tests/test_characterization.py",
    r"train .*": "trains a network: tests/test_train.py",
    r"validate.*": "a minute to an hour: tests/validation",
    r"view .*": "serves until it is stopped: tests/reporting/test_viewing.py",
    r"calibrate sweep.*": "fits models for long: tests/identification/test_loops.py",
    r"report results/activation\.zarr": "of a study that is only planned here",
    r"report results/trained.*": "draws what it does of others",
    r"report results/(quickstart\.zarr( top=5)?|with_mine\.zarr)": "draws what it does of others",
    r"status s3://BUCKET/.*": "an object store: tests/store/test_objects.py",
}
"""Commands, whole, whose configuration is composed, but which are not run."""

SAVED = {("docs/designs.md", "csv"): "points.csv"}
"""Files that a page shows and then uses."""


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory):
    """The quickstart study, small."""
    store = tmp_path_factory.mktemp("docs") / "quickstart.zarr"
    assert main(["explore", *shrunk(["experiment=quickstart", f"store={store}"])]) == 0
    return store


def measured(path):
    """Write the responses to pulses of two devices."""
    rng = np.random.default_rng(0)
    rows = ["device,pulse,polarity,conductance [uS]"]
    for device in ("a", "b"):
        state = 0.3
        for sign in (1, -1):
            rows.append(f"{device},0,{sign},{1 + 20 * state}")
            for pulse in range(1, 26):
                state += sign * 0.02 + 0.002 * rng.standard_normal()
                rows.append(f"{device},{pulse},{sign},{1 + 20 * state}")
    path.write_text("\n".join(rows) + "\n")


def baked(path):
    """Write the decay of a state at two temperatures."""
    rows = ["device,T (°C),time (h),R (kOhm)"]
    for warm, tau in ((100, 300), (150, 10)):
        for hours in (0, 1, 3, 10, 30, 100, 300):
            rows.append(f"d0,{warm},{hours},{1e3 / (1 + 99 * np.exp(-hours / tau)):.5g}")
    path.write_text("\n".join(rows) + "\n")


def cycled(path):
    """Write the closing of a window."""
    rows = ["cycle,LRS (ohm),HRS (ohm)"]
    for cycle in (1, 3, 10, 30, 100, 300, 1000, 3000, 10000, 30000, 100000):
        width = 1 / (1 + cycle / 3e4)
        rows.append(
            f"{cycle},{1e6 / (1 + 99 * (1 + width) / 2):.6g},{1e6 / (50.5 - 49.5 * width):.6g}"
        )
    path.write_text("\n".join(rows) + "\n")


def own_material(path):
    path.parent.mkdir(parents=True)
    text = (ROOT / "conf" / "material" / "hfox_vcm.yaml").read_text()
    path.write_text(text.replace("name: hfox_vcm", f"name: {path.stem}"))


def received(path):
    path.parent.mkdir(parents=True)
    path.write_text("# @package _global_\nworkload:\n  test_samples: 100\n")


def wired(path):
    assert main(["explore", *shrunk(["experiment=wires", f"store={path}"])]) == 0


def exported(path):
    """Write a network, as an export of its user would."""
    path.write_bytes(lenet().SerializeToString())


def scored(path):
    """Write samples for that network."""
    rng = np.random.default_rng(0)
    np.savez(path, inputs=rng.random((40, 1, 28, 28), np.float32), labels=np.arange(40) % 10)


def trained(path):
    """Write the results of families with and without a training."""
    merits = {"pcm_gst": (0.90, 0.94), "hfox_vcm": (0.80, 0.96), "sonos": (0.95, 0.95)}
    stored(conditioned(merits, own=0.004), path)


def requiring(path):
    """Write results over two parameters with and without a training."""
    stored(under_conditions(noise=0.004), path)


def rows_of_saltelli(path):
    words = [
        "-m",
        "device.read_noise=interval(0.01,0.1)",
        "device.device_to_device=interval(0,0.1)",
    ]
    design = ["design=saltelli", "design.samples=2", f"store={path}"]
    assert main(["explore", *words, *design, *shrunk([])]) == 0


SUPPLIED = {
    "README.md": {
        "results/quickstart.zarr": "quickstart",  # by make demo
        "my_conf/material/mine.yaml": own_material,
        "measured.csv": measured,
        "net.onnx": exported,
        "test.npz": scored,
    },
    "docs/calibration.md": {"measured.csv": measured, "bake.csv": baked, "cycling.csv": cycled},
    "docs/choosing.md": {"results/quickstart.zarr": "quickstart", "results/trained.zarr": trained},
    "docs/costs.md": {"results/converters.zarr": "quickstart"},
    "docs/designs.md": {"results/which.zarr": rows_of_saltelli},
    "docs/gallery.md": {"results/quickstart.zarr": "quickstart"},
    "docs/learning.md": FILES,
    "docs/networks.md": {"net.onnx": exported, "test.npz": scored},
    "docs/notebooks.md": {"results/quickstart.zarr": "quickstart"},
    "docs/requirements.md": {
        "results/quickstart.zarr": "quickstart",
        "results/trained_requirements.zarr": requiring,
    },
    "docs/running.md": {"here/noise.zarr": "quickstart", "there/noise.zarr": "quickstart"},
    "docs/training.md": {
        "results/trained_once.zarr": "quickstart",
        "results/trained.zarr": "quickstart",
    },
    "docs/tutorial.md": {"results/quickstart.zarr": "quickstart"},
    "docs/trust.md": {"theirs/experiment/their_study.yaml": received},
    "docs/wires.md": {"results/wires.zarr": wired},
}
"""What a page's blocks take for given: by other blocks that are only planned, or by its user."""


def smaller(words):
    """Return a study's words with those replaced that make it large, and -m, if any, first."""
    own = {word.partition("=")[0] for word in words}
    found = [
        small
        for word in words
        for small in SMALLER.get(word, [word])
        if (name := small.partition("=")[0]) == word.partition("=")[0] or name not in own
    ]
    several = ["-m"] if "-m" in found else []  # Hydra wants all overrides in one piece
    return [*several, *(word for word in found if word != "-m")]


def shrunk(words):
    """Return a study's words with what makes it small."""
    found = smaller(words)
    taken = {word.partition("=")[0] for word in found}
    columns = {"workload.hidden"} if "design=table" in words else set()
    if "workload=onnx" in words:  # it is not trained
        columns = {"workload.hidden", "workload.epochs"}
    extra = [each for each in [*SMALL, FEW] if each.partition("=")[0] not in taken | columns]
    return [*found, *extra]


def study(words):
    """Run `matsweep explore`, or plan it."""
    if not PLANNED.keys() & set(words):
        assert main(["explore", *shrunk(words)]) == 0
        return
    own = [word for word in smaller(words) if word != "-m"]
    folder = None
    if "--config-dir" in own:
        at = own.index("--config-dir")
        folder, own = own[at + 1], own[:at] + own[at + 2 :]
    with composer(folder), granted([], own):
        assert len(plan(own))


def command(words):
    """Run one line of a shell block, or see to it by its own means."""
    program, *rest = words
    if program == "matsweep":
        name, *own = rest
        if name == "explore":
            study(own)
        elif any(re.fullmatch(line, " ".join(rest)) for line in COMPOSED):
            assert main([name, *own, "--cfg=job"]) == 0
        else:
            assert main([name, *smaller(own)]) == 0
    elif program == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert set(rest) <= set(targets)
    elif program == "pip":
        assert rest[0] == "install"
        for package in rest[1:]:
            installable(package)
    elif program == "export":
        assert all(re.fullmatch(r"[A-Z_]+=\S+", word) for word in rest)
    else:
        pytest.fail(f"{' '.join(words)!r} is a command that this test cannot check")


def installable(package):
    """See that a package is this one, and has the extras that are asked for."""
    match = re.fullmatch(r"(?:matsweep|\.)(?:\[(?P<extras>[\w,]+)\])?", package)
    assert match, f"{package!r} is not matsweep"
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = set((match["extras"] or "").split(",")) - {""}
    assert asked <= set(known["optional-dependencies"])


def configuration(text):
    """Compose a configuration: as the file that its comment names, or else as an experiment."""
    assert isinstance(yaml.safe_load(text), dict)
    named = re.match(r"# @package _global_\n# (\S+)/(\S+)/(\S+)\.yaml: ", text)
    folder, group, name = named.groups() if named else ("shown", "experiment", "shown")
    path = Path(folder, group, f"{name}.yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text if named else f"# @package _global_\n{text}")
    with composer(folder):
        assert len(plan([f"{group}={name}"]))


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page != WALKED],  # tests/docs/test_measured.py runs its commands
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_every_block_of_a_page_runs(page, workplace, quickstart, monkeypatch, capsys):
    name = str(page.relative_to(ROOT))
    for place, source in SUPPLIED.get(name, {}).items():
        path = workplace / place
        if source == "quickstart":
            shutil.copytree(quickstart, path)
        else:
            source(path)
    monkeypatch.setenv("BUCKET", "bucket")
    explore = matsweep.explore
    monkeypatch.setattr(matsweep, "explore", lambda words: explore(shrunk(words)))
    plt.switch_backend("agg")
    namespace = {"__name__": "page"}
    for block in blocks(page.read_text()):
        try:
            if block.language == "python":
                padded = "\n" * (block.line - 1) + block.text
                exec(compile(padded, str(page), "exec"), namespace)  # of our own pages
            elif block.language == "sh":
                for words in commands(block.text):
                    command(words)
            elif block.language == "yaml":
                configuration(block.text)
            elif (name, block.language) in SAVED:
                Path(SAVED[name, block.language]).write_text(block.text)
            else:
                assert block.language in ("", "text"), f"a block of {block.language!r}"
        except BaseException as error:
            error.add_note(f"in the block of {name}, line {block.line}; {capsys.readouterr().err}")
            raise
    plt.close("all")
