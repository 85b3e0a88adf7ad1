"""Parts that change their kind while a configuration is composed.

What a file states of a part (the crop of a dataset, the threshold of a learning rule) is meant for
the kind that it names. Where a later file or an override gives the part another kind, the part
begins empty: it has what is stated with the new kind, and defaults for the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

KIND = "kind"


def is_kind(name: str) -> bool:
    """Whether a dotted name is the kind of a part.

    Parameters
    ----------
    name : str

    Returns
    -------
    bool
    """
    return name.endswith(f".{KIND}")


def merge(config: DictConfig, stated: DictConfig) -> None:
    """Merge a configuration into another; a part of another kind replaces the earlier one.

    Parameters
    ----------
    config : DictConfig
        Changed in place.
    stated : DictConfig
        The later one.
    """
    make_way(config, stated)
    config.merge_with(stated)


def merged(base: Mapping[str, Any], stated: Mapping[str, Any]) -> dict[str, Any]:
    """Merge plain mappings as `merge` does: key by key, all else replaced.

    Parameters
    ----------
    base : mapping
        Not changed.
    stated : mapping
        The later one.

    Returns
    -------
    dict
    """
    result = dict(base)
    for key, value in stated.items():
        if isinstance(value, Mapping):
            earlier = result.get(key)
            if not isinstance(earlier, Mapping) or _changes_kind(earlier, value):
                earlier = {}
            value = merged(earlier, value)
        result[key] = value
    return result


def make_way(config: DictConfig, stated: Mapping[Any, Any] | DictConfig) -> None:
    """Empty the parts of a configuration that have another kind in a later one.

    Any parameter can then be given to them, as if the configuration had no schema.

    Parameters
    ----------
    config : DictConfig
        Changed in place.
    stated : mapping
        The later one.
    """
    items: Any = stated.items_ex(False) if isinstance(stated, DictConfig) else stated.items()
    for key, later in items:
        earlier: Any = config._get_node(key)
        if not (_is_filled(earlier) and _is_filled(later)):
            continue
        if _changes_kind(earlier, later):
            config[key] = {}
            OmegaConf.set_struct(config[key], False)
        else:
            make_way(earlier, later)


def _changes_kind(earlier: Any, later: Any) -> bool:
    return KIND in earlier and KIND in later and _kind(earlier) != _kind(later)


def _is_filled(node: object) -> bool:
    """Whether a node is a mapping that is written out."""
    if isinstance(node, DictConfig):
        return not (node._is_none() or node._is_missing() or node._is_interpolation())
    return isinstance(node, Mapping)


def _kind(node: Any) -> object:
    """Return a mapping's kind as written, references unresolved."""
    if not isinstance(node, DictConfig):
        return node[KIND]
    written: Any = node._get_node(KIND)
    return written._value()
