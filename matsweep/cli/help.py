"""`matsweep COMMAND --help`, of the commands that have few settings: each with what it means."""

from __future__ import annotations

import re
from typing import Any

import yaml

from matsweep.planning.folders import conf_folder


def settings_told(command: str) -> str | None:
    """Return the help of a command: its usage, and its settings as its file explains them.

    None of a command that is composed of groups, of which Hydra shows the whole.
    """
    text = (conf_folder() / f"{command}.yaml").read_text(encoding="utf-8")
    config: dict[str, Any] = yaml.safe_load(text)
    told = config.get("hydra", {}).get("help", {})
    if "template" not in told or not all(map(_plain, config.get("defaults", []))):
        return None
    settings = re.split(r"^hydra:$", text, flags=re.MULTILINE)[0]
    settings = re.split(r"^defaults:\n(?:  .*\n)*", settings, flags=re.MULTILINE)[-1].strip()
    usage = str(told["template"]).replace("${hydra.help.header}", str(told["header"]))
    usage = usage.replace("$CONFIG", "").replace("${hydra.help.footer}", "").strip()
    return (
        f"{usage}\n\nSettings, given as NAME=VALUE (here with their defaults):\n\n{settings}\n\n"
        "--hydra-help tells of Hydra's own flags.\n"
    )


def _plain(entry: Any) -> bool:
    if isinstance(entry, str):
        return entry == "_self_"
    return all(str(key).startswith("override hydra/") for key in entry)
