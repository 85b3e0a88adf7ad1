"""Overrides written from a study given as a mapping."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig

from matsweep.planning.config import groups, leaves, plain_config
from matsweep.running.record import value_at


def as_overrides(config: Mapping[str, Any] | DictConfig) -> list[str]:
    """Write a nested mapping as overrides; `axes` become sweeps.

    Parameters
    ----------
    config : mapping or DictConfig

    Returns
    -------
    list of str
        As on Hydra's command line.
    """
    nested: dict[str, Any] = (
        plain_config(config) if isinstance(config, DictConfig) else dict(config)
    )
    axes = dict(nested.pop("axes", {}))
    written = []
    known = groups()
    for key, value in nested.items():
        if isinstance(value, Mapping):
            flat = {path: value_at({key: value}, path) for path in leaves({key: value})}
            whole = [p for p, leaf in flat.items() if key == "prior" and _is_law(leaf)]
            written += [
                f"{path}={_written(leaf)}"
                for path, leaf in flat.items()
                if path in whole
                or not (isinstance(leaf, Mapping) or path.startswith(tuple(f"{p}." for p in whole)))
            ]
        else:
            written.append(f"{key}={_written(value, bare=key in known)}")
    for name, value in axes.items():
        if isinstance(value, (list, tuple)):
            choices = ",".join(_written(item, bare=name in known) for item in value)
            written.append(f"{name}=choice({choices})")
        else:
            written.append(f"{name}={value if isinstance(value, str) else _written(value)}")
    return written


def _is_law(value: object) -> bool:
    """Whether a value is a law, which replaces a text: a prior's."""
    return isinstance(value, Mapping) and "kind" in value


def _written(value: object, bare: bool = False) -> str:
    """Write a value in Hydra's grammar."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value if bare else json.dumps(value, ensure_ascii=False)
    if isinstance(value, (list, tuple)):
        return f"[{','.join(_written(item) for item in value)}]"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{key}:{_written(item)}' for key, item in value.items())}}}"
    return repr(value)
