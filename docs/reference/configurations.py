"""A hook of MkDocs that writes commands, groups of `conf/` and public names into the reference.

A page has markers, such as `<!-- commands -->` or `<!-- names of matsweep.analysis, h3 -->`, that
are replaced by the text of configurations and packages.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "conf"
INTERNAL = ("references",)
_NAMES = re.compile(r"<!-- names of (?P<package>[\w.]+), h(?P<level>\d) -->")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the text in the place of its marker; MkDocs calls it for each page."""
    for marker, write in (("<!-- commands -->", commands), ("<!-- groups -->", groups)):
        if marker in markdown:
            markdown = markdown.replace(marker, write())
    return _NAMES.sub(lambda match: names(match["package"], int(match["level"])), markdown)


def names(package: str, level: int) -> str:
    """Return an entry for each public name that a package defines, under its whole path.

    The path of its module, as a function may have the name of its module. Names that the package
    takes from another one are in the reference of that one.
    """
    tree = ast.parse(ROOT.joinpath(*package.split("."), "__init__.py").read_text())
    homes = {
        alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    paths = [
        homes.get(name, f"{package}.{name}")
        for name in _assigned(tree, "__all__")
        if name != "Results"  # the accessor has a section for itself
    ]
    own = [path for path in paths if path.startswith(f"{package}.")]
    return "\n\n".join(f"::: {path}\n    options: {{heading_level: {level}}}" for path in own)


def commands() -> str:
    """Return a section for each command, in the order in which the command line lists them."""
    return "\n\n".join(command(name, (CONF / f"{name}.yaml").read_text()) for name in _names())


def command(name: str, text: str) -> str:
    """Return the section of a command: its head, its use, its settings.

    Raises
    ------
    ValueError
        If the configuration has no help, or nothing that can be set.
    """
    help_ = yaml.safe_load(text)["hydra"]["help"]
    use = re.search(r"Usage:\n(.*?)\n\n", help_["template"], re.DOTALL)
    head = " ".join(str(help_["header"]).split())
    parts = [f"## {name}", _sentence(head.partition(": ")[2])]
    if use:
        parts.append(f"```text\n{textwrap.dedent(use[1]).rstrip()}\n```")
    parts.append(f"```yaml\n{settings(text)}\n```")
    return "\n\n".join(parts)


def settings(text: str) -> str:
    """Return a top-level configuration without its nodes for Hydra."""
    kept, inside = [], False
    for line in text.splitlines()[1:]:  # the first is the command's purpose
        if re.match(r"\S", line) and not line.startswith("#"):
            inside = line.startswith(("hydra:", "defaults:"))
        if not inside:
            kept.append(line)
    written = "\n".join(kept).strip()
    if not written:
        raise ValueError("a configuration has nothing to set")
    return written


def groups() -> str:
    """Return a section for each group, with a line for each choice."""
    return "\n\n".join(
        group(folder)
        for folder in sorted(CONF.iterdir())
        if folder.is_dir() and folder.name not in INTERNAL
    )


def group(folder: Path) -> str:
    """Return a table of a group's choices, with the summary of each file and a material's label."""
    rows = [f"| `{path.stem}` | {_label(path)}{summary(path)} |" for path in _choices(folder)]
    return "\n".join([f"## {folder.name}", "", f"| `{folder.name}=` | |", "|---|---|", *rows])


def summary(path: Path) -> str:
    """Return the first sentence of a configuration's first comment.

    Raises
    ------
    ValueError
        If it begins without one.
    """
    lines = path.read_text().splitlines()
    lines = lines[1:] if lines[0].startswith("# @package") else lines
    comment = []
    for line in lines:
        if not line.startswith("#"):
            break
        comment.append(line.lstrip("# "))
    if not comment:
        raise ValueError(f"{path} does not begin with a comment that describes it")
    # A sentence ends after a lower-case word or a bracket: not so "Nat. Mater." and "et al."
    whole = " ".join(comment)
    first = re.match(r".*?(?:\b[a-z]{3,}|\))[.](?=\s+[A-Z]|$)", whole)
    return (first[0] if first else whole).replace("|", "\\|")


def _choices(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.yaml"))


def _label(path: Path) -> str:
    """Return the label of a material, which other configurations do not have."""
    material = (yaml.safe_load(path.read_text()) or {}).get("material")
    label = material.get("label") if isinstance(material, dict) else None
    return f"**{label}.** " if label else ""


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _names() -> tuple[str, ...]:
    """Return the commands, read from the source so that building needs no more than MkDocs."""
    tree = ast.parse((ROOT / "matsweep" / "cli" / "main.py").read_text())
    return tuple(_assigned(tree, "_COMMANDS"))


def _assigned(tree: ast.Module, name: str) -> Sequence[str]:
    """Return the texts that a module gives a name."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            found: Sequence[str] = ast.literal_eval(node.value)
            return found
    raise ValueError(f"there is no {name}")
