"""Write the pins again: python -m tests.pins.make [FILE]; it prints every number that moves.

FILE is for another kind of processor: write the pins of the unchanged code there to another file,
and name it in MATSWEEP_PINS when the changed code is tested.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

from .cases import CASES
from .pinning import FILE, arithmetic, computed, differences, load, text


def write(path: Path) -> None:
    """Compute all cases, print what moves, and write the file."""
    was: dict[str, Any] = load() if FILE.exists() else {"cases": {}}
    pins: dict[str, Any] = {"arithmetic": arithmetic(), "cases": {}}
    for name in CASES:
        start = time.process_time()
        pins["cases"][name] = found = computed(name)
        print(f"{name}: {time.process_time() - start:.1f} s of CPU", file=sys.stderr)
        if name in was["cases"]:
            for line in differences(was["cases"][name], found, exact=True):
                print(f"{name}: {line}")
        else:
            print(f"{name}: new")
    path.write_text(text(pins), encoding="utf-8")


if __name__ == "__main__":
    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory() as cache:
        os.environ["MATSWEEP_CACHE"] = cache
        write(Path(sys.argv[1]) if len(sys.argv) > 1 else FILE)
