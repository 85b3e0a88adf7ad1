"""Hydra: search path, and composition of configurations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException, ValidationError

from matsweep.core.checks import UserError, near
from matsweep.core.command_line import typed
from matsweep.planning.environment import gated
from matsweep.planning.folders import conf_folder
from matsweep.planning.kinds import merged
from matsweep.planning.parsed import Loader, file_content, plain_choice


@contextmanager
def composer(config_dir: str | Path | None = None) -> Iterator[None]:
    """Make Hydra ready to compose; inside a Hydra application, leave it as it is.

    Parameters
    ----------
    config_dir : path or None
        The user's own configuration folder, searched after matsweep's and those of installed
        packages.

    Yields
    ------
    None

    Raises
    ------
    UserError
        If `config_dir` is no folder.
    """
    if GlobalHydra.instance().is_initialized():
        yield
        return
    if config_dir is not None and not Path(config_dir).is_dir():
        raise UserError(f"config_dir must be a folder, got {str(config_dir)!r}")
    with gated(), initialize_config_dir(str(conf_folder()), version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        search = hydra.config_loader.get_search_path()
        if config_dir is not None:
            # Before Hydra's own structured configurations, which must stay last.
            last = SearchPathQuery(provider="schema", path=None)
            search.prepend("user", f"file://{Path(config_dir).resolve()}", anchor=last)
        hydra.config_loader = Loader(search)
        yield


def compose(overrides: Sequence[str], config_name: str = "explore") -> DictConfig:
    """Compose a configuration; call it inside `composer`.

    Parameters
    ----------
    overrides : sequence of str
        As on Hydra's command line, without sweeps.
    config_name : str
        Primary configuration.

    Returns
    -------
    DictConfig

    Raises
    ------
    UserError
        If Hydra refuses an override; the message suggests near misses of an unknown name.
    """
    try:
        return hydra_compose(config_name, list(overrides))
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(explain(error, overrides, config_name)) from None


def compose_with_choices(
    overrides: Sequence[str], config_name: str = "explore"
) -> tuple[DictConfig, dict[str, str]]:
    """Compose a configuration, and list the choice of each group.

    Parameters
    ----------
    overrides : sequence of str
        As on Hydra's command line, without sweeps.
    config_name : str
        Primary configuration.

    Returns
    -------
    config : DictConfig
    choices : dict of str to str
        By group.

    Raises
    ------
    UserError
        As `compose` does.
    """
    try:
        config = hydra_compose(config_name, list(overrides), return_hydra_config=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(explain(error, overrides, config_name)) from None
    choices = {str(group): str(choice) for group, choice in config.hydra.runtime.choices.items()}
    with open_dict(config):
        del config["hydra"]
    return config, choices


def merge_choices(
    base: Mapping[str, Any], group: str, names: Sequence[str]
) -> Iterator[dict[str, Any] | None]:
    """Merge the file of each choice of a group into a configuration composed without the group.

    This is many times faster than `compose`, with the same result where a choice changes nothing
    that is composed after its group. Call it inside `composer`.

    Parameters
    ----------
    base : mapping
        Plain values, as composed with ``~group``; it is not changed.
    group : str
    names : sequence of str
        Choices of the group.

    Yields
    ------
    dict or None
        None where `compose` is needed, as for `plain_choice`.
    """
    loader = GlobalHydra.instance().config_loader()
    for name in names:
        stated = plain_choice(loader, f"{group}/{name}")
        yield None if stated is None else merged(base, stated)


def content_of(group: str, name: str) -> dict[str, Any] | None:
    """Return the content of a file of a group, uncomposed; call it inside `composer`.

    Parameters
    ----------
    group : str
    name : str

    Returns
    -------
    dict or None
        None where there is no such file, or it holds no mapping.
    """
    return file_content(GlobalHydra.instance().config_loader(), f"{group}/{name}")


def groups() -> list[str]:
    """Return the names of the configuration groups; call it inside `composer`.

    Returns
    -------
    list of str
    """
    names = GlobalHydra.instance().config_loader().list_groups("")
    return [name for name in names if name != "hydra"]


def options(group: str) -> list[str]:
    """Return the choices of a group; call it inside `composer`.

    Parameters
    ----------
    group : str

    Returns
    -------
    list of str
    """
    loader = GlobalHydra.instance().config_loader()
    return list(loader.get_group_options(group, results_filter=ObjectType.CONFIG))


def explain(error: Exception, overrides: Sequence[str], config_name: str = "explore") -> str:
    """Turn Hydra's error about an override into one line that says how to fix it.

    Parameters
    ----------
    error : Exception
    overrides : sequence of str
    config_name : str
        Primary configuration.

    Returns
    -------
    str
    """
    text = str(error) or f"the configuration cannot be composed: {error.__cause__}"
    if match := re.search(r"Could not find '([^']*)/([^'/]*)'", text):
        group, name = match.groups()
        known = options(group)
        listed = f" (there are {', '.join(known)})" if known else ""
        hint = elsewhere(group, name) or near(name, known)
        return f"{group}={name}: no such {group}{hint}{listed}"
    if match := re.search(r"(?:Could not override|Error merging override) '?\+*([^'=\s]+)", text):
        key, cause = match.group(1), error.__cause__
        if isinstance(cause, ValidationError):  # the name is right, and Hydra knows its values
            return f"{key}: {' '.join(str(cause).split(chr(10))[0].split())}"
        if full := re.search(r"full_key: (\S+)", str(cause)):
            key = full.group(1)
        return _absent(key, overrides, config_name)
    return " ".join(text.split("\nSee https")[0].split())


def elsewhere(group: str, name: str) -> str:
    """Hint at the option that reads a folder of the user's own, where it holds a choice.

    Parameters
    ----------
    group : str
        "material".
    name : str

    Returns
    -------
    str
        Empty where no folder in the working directory holds it.
    """
    if not re.fullmatch(r"[\w.-]+", name):
        return ""
    there = next(iter(sorted(Path().glob(f"*/{group}/{name}.yaml"))), None)
    return "" if there is None else f"; {there} is read with --config-dir {there.parts[0]}"


def _absent(key: str, overrides: Sequence[str], config_name: str) -> str:
    """Explain an unknown name: near misses, or how to add it."""
    others = [
        each for each in overrides if "=" in each and each.lstrip("+").partition("=")[0] != key
    ]
    config: Any = {}
    for tried in (others, []):  # the choices of groups decide what is there
        try:
            config = OmegaConf.to_container(hydra_compose(config_name, tried))
            break
        except (HydraException, OmegaConfBaseException):
            continue
    parent, _, last = key.rpartition(".")
    siblings = config
    for step in parent.split(".") if parent else []:
        siblings = siblings.get(step) if isinstance(siblings, dict) else None
    if key == "prior":
        return (
            "prior follows the material: material.prior=NAME chooses a mechanism of conf/prior, "
            "prior.device.read_noise=[0.01,0.05] gives one parameter a range"
        )
    if not parent and key.endswith("_column") and "columns" in config:
        way = typed("columns", {"conductance": "HEADING"})
        return f"{key} is not a parameter: name columns as in {way}"
    if isinstance(siblings, dict) and isinstance(held := siblings.get(last), dict):
        names = ", ".join(map(str, held)) or "nothing"
        return f"{key} is a mapping with {names}, and takes no list: give {key}.NAME=…"
    if not parent or not isinstance(siblings, dict):
        return f"{key} is not a parameter{near(key, leaves(config))}"
    close = near(last, siblings).replace(" or ", f" or {parent}.")
    if close:
        return f"{key} is not a parameter{close.replace('mean ', f'mean {parent}.', 1)}"
    section = key.partition(".")[0]
    other = f" or {parent}.kind=…" if "kind" in siblings and parent != section else ""
    return (
        f"{key} is not a parameter here, {parent} has {', '.join(map(str, siblings)) or 'none'}: "
        f"choose another {section}=…{other}, or add it: +{key}=…"
    )


def leaves(config: Any, path: str = "") -> list[str]:
    """Return the dotted paths of all values, and of the mappings that hold them.

    Parameters
    ----------
    config : dict or any value
        A value that is no dict has none.
    path : str
        Prefix of the paths.

    Returns
    -------
    list of str
    """
    if not isinstance(config, dict):
        return []
    paths = []
    for key, value in config.items():
        here = f"{path}.{key}" if path else str(key)
        paths += [here, *leaves(value, here)]
    return paths


def plain_config(config: Any, *, resolve: bool = True) -> dict[str, Any]:
    """Convert a composed configuration to plain containers.

    Parameters
    ----------
    config : DictConfig
    resolve : bool
        Whether interpolations (`${…}`) are resolved.

    Returns
    -------
    dict of str to any

    Raises
    ------
    UserError
        If a reference cannot be resolved.
    """
    try:
        container = OmegaConf.to_container(config, resolve=resolve)
    except OmegaConfBaseException as error:  # of a reference
        raise UserError(" ".join(str(error).split())) from error
    except RecursionError:
        raise UserError("the configuration is nested too deeply: simplify it") from None
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}


def set_path(config: dict[str, Any], path: str, value: object, within: str = "") -> None:
    """Set a value at a dotted path that exists; a number may replace a mapping.

    Parameters
    ----------
    config : dict
        Changed in place.
    path : str
    value : object
    within : str
        Section that `config` is, for messages.

    Raises
    ------
    UserError
        If there is nothing at that path; the message suggests near misses.
    """
    *parents, last = path.split(".")
    node: Any = config
    for parent in parents:
        node = node.get(parent) if isinstance(node, dict) else None
    if not isinstance(node, dict) or last not in node:
        whole = f"{within}.{path}" if within else path
        known = [f"{within}.{leaf}" if within else leaf for leaf in leaves(config)]
        raise UserError(f"{whole} is not a parameter{near(whole, known)}")
    node[last] = value
