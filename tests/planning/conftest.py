"""Fixtures of the tests of planning."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def own(tmp_path):
    """Return a function that writes a file into a user's folder, and gives the folder."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / "own" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return tmp_path / "own"

    return write
