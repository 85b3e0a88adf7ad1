"""Check by pydoclint that public functions document parameters, results and errors.

Functions and methods whose names begin with an underscore are exempt. So are methods that a base
class, or a protocol of the same module, documents: their one line gives the difference.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

_COMMON = (
    "--style=numpy", "--quiet", "--arg-type-hints-in-docstring=False",
    "--check-return-types=False", "--check-yield-types=False", "--check-class-attributes=False",
    "--allow-init-docstring=True", "--skip-checking-private-functions=True",
    "--check-arg-order=True", "--check-style-mismatch=False", "--generate-baseline=False",
)  # fmt: skip
_PARAMETERS = {"DOC103"}
_RESULTS = {"DOC201", "DOC202", "DOC402", "DOC501"}
_NOTE = re.compile(r"\. \(Or could be other .*? \)\.")
_LINE = re.compile(r"\s+(\d+): (DOC\d+): (Function|Method|Class) `([\w.]+)`(.*)")


def main(folder: str) -> int:
    """Print the missing sections below a folder.

    Parameters
    ----------
    folder : str

    Returns
    -------
    int
        Number of missing sections.
    """
    documented = _documented(Path(folder))
    count = 0
    for short, codes in (("False", _PARAMETERS), ("True", _RESULTS)):
        for path, line, code, name, text in _violations(folder, short):
            if code not in codes or _private(name):
                continue
            owner, _, method = name.rpartition(".")
            if owner and method in documented[owner, str(path)]:
                continue
            print(f"{path}:{line}: {code} {name}{_NOTE.sub(':', text)}")
            count += 1
    return count


def _private(name: str) -> bool:
    return any(part.startswith("_") for part in name.split("."))


def _violations(folder: str, short: str) -> Iterator[tuple[Path, int, str, str, str]]:
    """Yield file, line, code, name and text of pydoclint's messages."""
    command = [
        sys.executable, "-m", "pydoclint.main", *_COMMON,
        f"--skip-checking-short-docstrings={short}", folder,
    ]  # fmt: skip
    printed = subprocess.run(command, capture_output=True, text=True, check=False)
    path = Path(folder)
    for line in (printed.stdout + printed.stderr).splitlines():
        match = _LINE.match(line)
        if match is not None:
            number, code, _, name, text = match.groups()
            yield path, int(number), code, name, text
        elif line.strip().endswith(".py"):
            path = Path(line.strip())


def _documented(folder: Path) -> dict[tuple[str, str], set[str]]:
    """Return the methods that a base or protocol documents, by class name and file."""
    classes: dict[str, list[tuple[str, ast.ClassDef]]] = defaultdict(list)
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                classes[node.name].append((str(path), node))

    def own(node: ast.ClassDef) -> set[str]:
        methods = [each for each in node.body if isinstance(each, ast.FunctionDef)]
        return {each.name for each in methods if "Parameters\n" in (ast.get_docstring(each) or "")}

    def inherited(node: ast.ClassDef, seen: frozenset[str]) -> set[str]:
        names = {ast.unparse(base).split("[")[0].rpartition(".")[2] for base in node.bases} - seen
        methods: set[str] = set()
        for name in names:
            for _, base in classes.get(name, ()):
                methods |= own(base) | inherited(base, seen | names)
        return methods

    result: dict[tuple[str, str], set[str]] = defaultdict(set)
    for name, places in classes.items():
        for path, node in places:
            protocols = [
                other
                for others in classes.values()
                for place, other in others
                if place == path and any("Protocol" in ast.unparse(base) for base in other.bases)
            ]
            methods = inherited(node, frozenset({name}))
            for protocol in protocols:
                methods |= own(protocol) if protocol is not node else set()
            result[name, path] = methods
    return result


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1]) else 0)
