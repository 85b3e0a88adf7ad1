"""Every notebook runs from top to bottom on stored studies."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import matsweep

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))

# The studies that `make studies` computes, smaller where theirs take minutes.
STUDIES = {
    "quickstart": ["adc.bits=4,8", "tile.rows=choice(32)"],
    "limits": ["design.samples=16"],
    "activation": [
        "physics.activation_ev=1.1,1.2", "protocol.voltage_up=1.8,2.0", "workload.hidden=[16]",
    ],
    "wires": ["tile.rows=16,64", "periphery.node=2.2e-8,7e-9", "workload.hidden=[32]"],
}  # fmt: skip


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Return a folder with a store of each study, with all its axes."""
    folder = tmp_path_factory.mktemp("stores")
    for name, smaller in STUDIES.items():
        small = ["executor=serial", "realisations=2", f"store={folder / name}.zarr", *smaller]
        matsweep.explore([f"experiment={name}", *small])
    return folder


@pytest.mark.xdist_group("notebooks")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, stores, monkeypatch):
    monkeypatch.setenv("MATSWEEP_STORES", str(stores))
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=200, resources={"metadata": {"path": str(FOLDER)}})
    client.execute()
    outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    assert not [output.text for output in outputs if output.get("name") == "stderr"]
    assert any(output.get("text", "").strip() for output in outputs)
    if "%matplotlib" in notebook.cells[1].source and path.stem != "extend_and_resume":
        assert any("image/png" in output.get("data", {}) for output in outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)


def test_there_is_a_study_for_every_store_that_a_notebook_opens():
    makefile = (FOLDER.parent / "Makefile").read_text()
    assert len(NOTEBOOKS) >= 7
    for name in STUDIES:
        assert f"experiment={name}" in makefile
