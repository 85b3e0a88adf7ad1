"""`matsweep COMMAND --help` of the commands with few settings: each with its meaning."""

from __future__ import annotations

import re
from typing import Any

import yaml

from matsweep.planning.folders import conf_folder


def settings_told(command: str) -> str | None:
    """Return the help of a command: its usage, and its settings as its file explains them.

    Parameters
    ----------
    command : str

    Returns
    -------
    str or None
        None for a command composed of groups, of which Hydra shows the whole.
    """
    text = (conf_folder() / f"{command}.yaml").read_text(encoding="utf-8")
    config: dict[str, Any] = yaml.safe_load(text)
    section = config.get("hydra", {}).get("help", {})
    if "template" not in section or not all(map(_plain, config.get("defaults", []))):
        return None
    settings = re.split(r"^hydra:$", text, flags=re.MULTILINE)[0]
    settings = re.split(r"^defaults:\n(?:  .*\n)*", settings, flags=re.MULTILINE)[-1].strip()
    usage = str(section["template"]).replace("${hydra.help.header}", str(section["header"]))
    usage = usage.replace("$CONFIG", "").replace("${hydra.help.footer}", "").strip()
    return (
        f"{usage}\n\nSettings, given as NAME=VALUE (here with their defaults):\n\n{settings}\n\n"
        "--hydra-help describes Hydra's own flags.\n"
    )


def _plain(entry: Any) -> bool:
    if isinstance(entry, str):
        return entry == "_self_"
    return all(str(key).startswith("override hydra/") for key in entry)
