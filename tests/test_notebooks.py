"""Every notebook runs from top to bottom on a stored study."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import matsweep

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Return a small store of the quickstart study, with all its axes."""
    path = tmp_path_factory.mktemp("store") / "quickstart.zarr"
    return matsweep.explore(
        ["experiment=quickstart", "executor=serial", "realisations=2", f"store={path}"]
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, stored, monkeypatch):
    monkeypatch.setenv("MATSWEEP_STORE", str(stored))
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(FOLDER)}})
    client.execute()
    outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    assert not [output.text for output in outputs if output.get("name") == "stderr"]
    assert any("pcm_gst" in output.get("text", "") for output in outputs)
    assert any("image/png" in output.get("data", {}) for output in outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)


def test_there_are_notebooks():
    assert NOTEBOOKS
