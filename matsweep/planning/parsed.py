"""Configuration files, parsed once for all compositions of a process.

Hydra parses each file again in every composition, and a command composes once per choice that it
sweeps. libyaml's parser, where PyYAML was built with it, is several times faster than PyYAML's.
"""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from types import NoneType
from typing import Any

import yaml
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository, IConfigRepository
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.default_element import ResultDefault
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import ConfigCompositionException, HydraException
from hydra.plugins.config_source import ConfigResult, ConfigSource
from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf._utils import get_yaml_loader
from omegaconf.errors import OmegaConfBaseException

from matsweep.core.checks import UserError
from matsweep.core.printing import shown
from matsweep.core.yaml_bounds import check_nesting
from matsweep.planning.environment import check_file, check_kept, flags
from matsweep.planning.folders import check_names
from matsweep.planning.kinds import KIND, make_way, merge
from matsweep.planning.references import check_references, refers
from matsweep.planning.slips import check_written, slip

_RESTING = 2_000_000_000
"""ns after a change during which another may leave the same modification time."""

_LARGEST = 1 << 25  # bytes of a file

_BY_FILE = "hydra.searchpath in main"
"""Hydra's name for the search path that a file states."""

_UNREADABLE = (OSError, UnicodeError, yaml.YAMLError)

_ROOTS = {str: "text", list: "list", bool: "truth value", int: "number", float: "number"}

_MOST_MERGES = 64  # of about 40 kB each

_parsed: dict[tuple[object, ...], bytes] = {}
_merges: dict[tuple[object, ...], bytes] = {}


class Loader(ConfigLoaderImpl):
    """Hydra's configuration loader, which keeps parsed files, and replaces parts of other kinds."""

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        super().__init__(config_search_path)
        self._files = _Repository(config_search_path)
        self.repository = self._files
        self._given: list[str] = []

    def load_configuration(
        self, config_name: str | None, overrides: list[str], *rest: Any, **named: Any
    ) -> DictConfig:
        """Compose a configuration, and keep the overrides until its files are merged.

        Parameters
        ----------
        config_name : str or None
        overrides : list of str
        *rest
            As Hydra's.
        **named
            As Hydra's.

        Returns
        -------
        DictConfig

        Raises
        ------
        UserError
            For a slip that Hydra does not explain, and what a configuration must not hold.
        """
        self._given = overrides
        check_written(overrides)
        try:
            config = super().load_configuration(config_name, overrides, *rest, **named)
        except (UserError, HydraException, OmegaConfBaseException):
            raise
        except Exception as error:
            raise slip(error, overrides, self._options) from error
        check_kept(config)
        return config

    def _options(self, group: str) -> list[str]:
        return self.get_group_options(group, results_filter=ObjectType.CONFIG)

    def _compose_config_from_defaults_list(
        self, defaults: list[ResultDefault], repo: IConfigRepository
    ) -> DictConfig:
        """Merge the files of a defaults list, or copy an earlier merge; apply stated kinds."""
        key = _merge_key(defaults, self._files)
        if key is None:
            composed = self._merged(defaults, repo)
        else:
            if key not in _merges:
                while len(_merges) >= _MOST_MERGES:
                    del _merges[next(iter(_merges))]
                _merges[key] = pickle.dumps(self._merged(defaults, repo), pickle.HIGHEST_PROTOCOL)
            composed = pickle.loads(_merges[key])
        if copied := composed.hydra.job.env_copy:
            raise UserError(
                f"hydra.job.env_copy must be empty, got {list(copied)}: leave it out, as a file "
                "may not have environment variables copied"
            )
        for override in _stated_kinds(self._given):
            make_way(composed, override)
        return composed

    def _merged(self, defaults: list[ResultDefault], repo: IConfigRepository) -> DictConfig:
        """Merge the files of a defaults list, before overrides are applied."""
        composed = OmegaConf.create()
        with flag_override(composed, "no_deepcopy_set_nodes", True):
            for default in defaults:
                stated = super()._compose_config_from_defaults_list([default], repo)
                try:
                    merge(composed, stated)
                except OmegaConfBaseException as error:
                    raise ConfigCompositionException(
                        f"In '{default.config_path}': {type(error).__name__} raised while "
                        f"composing config:\n{error}"
                    ) from error
                if refers(stated):  # merging resolves references to mappings
                    check_references(composed)
        check_references(composed)
        return composed


def _stated_kinds(overrides: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the overrides that may give a part another kind, as nested mappings."""
    # Those without the word are not parsed, which takes longer than to compose.
    named = [each for each in overrides if KIND in each]
    for override in OverridesParser.create().parse_overrides(named):
        if override.is_sweep_override() or override.is_delete():
            continue
        stated: Any = override.value()
        for key in reversed(override.key_or_group.split(".")):
            stated = {key: stated}
        yield stated


class _Repository(ConfigRepository):
    """Hydra's configuration repository, which keeps parsed files.

    A composition writes into the configuration that it gets, so each gets a copy. Unpickling copies
    several times faster than `copy.deepcopy`.
    """

    def initialize_sources(self, config_search_path: ConfigSearchPath) -> None:
        """Create the sources of a search path; folders are read by libyaml."""
        for each in config_search_path.get_path():
            # Python would import a package that a file names.
            if each.provider == _BY_FILE and not str(each.path).startswith(("file://", "/", ".")):
                raise UserError(
                    f"hydra.searchpath must hold folders in a file (file://PATH), got "
                    f"{each.path}: give others as --config-dir"
                )
        super().initialize_sources(config_search_path)
        self.sources = [
            _Folder(source.provider, source.path) if source.scheme() == "file" else source
            for source in self.sources
        ]
        shipped: list[Path] = []
        for source in self.sources:
            if not isinstance(source, _Folder):
                continue
            if source.is_users():
                check_names(Path(source.path), shipped)
            else:
                shipped.append(Path(source.path))

    def _find_object_source(
        self, config_path: str, object_type: ObjectType | None
    ) -> ConfigSource | None:
        """Find the folder of a file or group; none lies outside of the folders."""
        inside = os.path.normpath(config_path)
        if inside.startswith("/") or inside.split("/")[0] == "..":
            raise UserError(
                f"{shown(config_path)} must lie in a configuration folder: give its folder as "
                "--config-dir"
            )
        return super()._find_object_source(config_path, object_type)

    def load_config(self, config_path: str) -> ConfigResult | None:
        """Parse a file, or copy its earlier parse."""
        source = self._find_object_source(config_path, ObjectType.CONFIG)
        key = None if source is None else _identity(source, config_path)
        if key is None:
            return self._load(config_path, source)
        if key not in _parsed:
            loaded = self._load(config_path, source)
            _parsed[key] = pickle.dumps(loaded, pickle.HIGHEST_PROTOCOL)
        parsed: ConfigResult = pickle.loads(_parsed[key])
        return parsed

    def _load(self, config_path: str, source: ConfigSource | None) -> ConfigResult | None:
        """Parse a file; one of a folder is checked as it is read."""
        loaded = super().load_config(config_path)
        own = source is None or source.provider in ("hydra", "schema")
        if loaded is not None and not own and not isinstance(source, _Folder):
            check_file(OmegaConf.to_container(loaded.config, resolve=False), config_path)
        return loaded


def file_content(loader: Any, config_path: str) -> dict[str, Any] | None:
    """Parse a file that is not composed: data that configurations name.

    Parameters
    ----------
    loader : Loader
        Of the present Hydra application.
    config_path : str
        Group and choice, "prior/pcm".

    Returns
    -------
    dict or None
        None where there is no such file, or it holds no mapping.
    """
    source = loader.repository._find_object_source(config_path, ObjectType.CONFIG)
    if not isinstance(source, _Folder):
        return None
    try:
        _, content = source.read(config_path)
    except _UNREADABLE:
        return None
    return content if isinstance(content, dict) else None


def plain_choice(loader: Any, config_path: str) -> dict[str, Any] | None:
    """Parse a file that is merged as it stands, without OmegaConf's objects.

    Building those takes most of the time of a composition.

    Parameters
    ----------
    loader : Loader
        Of the present Hydra application.
    config_path : str
        Group and choice, "material/pcm_gst".

    Returns
    -------
    dict or None
        None where Hydra is needed: the file has its own defaults, an interpolation or a missing
        value, lacks ``# @package _global_``, or is not read by libyaml.
    """
    source = loader.repository._find_object_source(config_path, ObjectType.CONFIG)
    if not isinstance(source, _Folder):
        return None
    try:
        text, content = source.read(config_path)
    except _UNREADABLE:
        return None
    header = ConfigSource._get_header_dict(text[:512])
    if not isinstance(content, dict) or "defaults" in content:
        return None
    if header.get("package") != "_global_" or "${" in text or "???" in text:
        return None
    return content


def _merge_key(defaults: list[ResultDefault], repository: _Repository) -> tuple[object, ...] | None:
    """Files of a defaults list with their packages and states; None where one must be read."""
    key: list[object] = []
    for default in defaults:
        path = default.config_path
        if path is None:
            return None
        source = repository._find_object_source(path, ObjectType.CONFIG)
        if source is None:
            return None
        # Structured configurations are Hydra's own classes, the same all along.
        state = (path,) if source.scheme() == "structured" else _identity(source, path)
        if state is None:
            return None
        key.append((state, default.package, default.is_self, default.primary, default.parent))
    return (*key, *flags())


def _identity(source: ConfigSource, config_path: str) -> tuple[object, ...] | None:
    """Source, path and state of a file, and the variables that it may read.

    None where its content must be read.

    Structured configurations, which are no files, and files changed within the last seconds must
    be.
    """
    name = ConfigSource._normalize_file_name(config_path)
    if source.scheme() == "file":
        file = os.path.realpath(os.path.join(source.path, name))
    elif source.scheme() == "pkg":
        file = str(resources.files(source.path).joinpath(name))
    else:
        return None
    if not Path(file).is_file():  # in a zip archive
        return None
    state = os.stat(file)
    if time.time_ns() - state.st_mtime_ns < _RESTING:
        return None
    return (source.provider, source.scheme(), source.path, config_path, file,
            state.st_mtime_ns, state.st_size, state.st_ino, *flags())  # fmt: skip


class _Folder(FileConfigSource):
    """Configurations in a folder."""

    def is_users(self) -> bool:
        """Whether the folder is the user's, and neither matsweep's nor an installed package's."""
        return self.provider in ("user", "command-line") or "searchpath" in self.provider

    def load_config(self, config_path: str) -> ConfigResult:
        """Parse a file by libyaml; Hydra reports the error where libyaml fails."""
        try:
            text, content = self.read(config_path)
        except _UNREADABLE:
            return self._plainly(config_path)
        if not isinstance(content, dict):
            return super().load_config(config_path)
        return ConfigResult(
            config=OmegaConf.create(content),
            path=f"{self.scheme()}://{self.path}",
            provider=self.provider,
            header=ConfigSource._get_header_dict(text[:512]),
        )

    def _plainly(self, config_path: str) -> ConfigResult:
        """Parse a file by Hydra's own parser, and check it."""
        try:
            loaded = super().load_config(config_path)
        except UnicodeError as error:
            file = Path(self.path, self._normalize_file_name(config_path))
            raise UserError(f"{file} is not in UTF-8 ({error}): save it as UTF-8") from None
        check_file(OmegaConf.to_container(loaded.config, resolve=False), config_path)
        return loaded

    def read(self, config_path: str) -> tuple[str, Any]:
        """Text and content of a file.

        Parameters
        ----------
        config_path : str

        Returns
        -------
        text : str
        content : object

        Raises
        ------
        OSError, UnicodeError, yaml.YAMLError
            If it cannot be read or parsed.
        UserError
            If it holds what a file must not hold.
        """
        file = Path(self.path, self._normalize_file_name(config_path))
        if self.is_users() and not file.resolve().is_relative_to(Path(self.path).resolve()):
            raise UserError(
                f"{file} is a link that leaves {self.path}, and results would keep what it leads "
                "to: copy the file there if you trust it"
            )
        if (size := file.stat().st_size) > _LARGEST:
            raise UserError(f"{file} must be a configuration of at most 32 MiB, got {size:,} bytes")
        text = file.read_text(encoding="utf-8")
        check_nesting(str(file), text)
        try:
            content = parsed_yaml(text)
        except yaml.YAMLError:
            raise
        except (ValueError, RecursionError) as error:
            why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise UserError(f"{file} cannot be read: {why}") from None
        if not isinstance(content, (dict, NoneType)):  # Hydra would take a text as a name
            kind = _ROOTS.get(type(content), "value")
            raise UserError(f"{file} must hold a mapping (NAME: VALUE), got a {kind}")
        check_file(content, config_path)
        return text, content


def parsed_yaml(text: str) -> Any:
    """Parse YAML as OmegaConf does, by libyaml where PyYAML was built with it.

    Parameters
    ----------
    text : str

    Returns
    -------
    object

    Raises
    ------
    yaml.YAMLError
        If it is no valid YAML.
    """
    return yaml.load(text, Loader=_loader())


@cache
def _loader() -> Any:
    """OmegaConf's YAML loader class on libyaml's parser; the plain one without libyaml."""
    plain: Any = get_yaml_loader()
    if not yaml.__with_libyaml__:
        return plain

    def start(self: Any, stream: str) -> None:
        yaml.cyaml.CParser.__init__(self, stream)
        yaml.constructor.SafeConstructor.__init__(self)
        yaml.resolver.Resolver.__init__(self)

    return type("Loader", (yaml.cyaml.CParser, plain), {"__init__": start})
