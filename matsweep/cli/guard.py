"""Check of Hydra's own configuration: nothing in it may run code.

Hydra builds objects from the ``hydra`` node of the configuration (callbacks, launcher, sweeper,
logging), whichever file wrote it: an experiment that came by mail could name any function. So the
node is checked where Hydra composes it, each time and before anything is built from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, OmegaConf

from matsweep.core.checks import UserError
from matsweep.planning.environment import gated
from matsweep.planning.parsed import Loader

_LAUNCHER = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
_SWEEPER = "hydra_plugins.hydra_matsweep_sweeper.sweeper.MatsweepSweeper"
_SWEEPERS = (_SWEEPER, "hydra._internal.core_plugins.basic_sweeper.BasicSweeper")
_CLASSES = ("logging.StreamHandler", "logging.FileHandler", "logging.NullHandler")
# As in Hydra's own configurations of logging. Another name would let the log be appended to any
# file.
_FILES = ("${hydra.runtime.output_dir}/${hydra.job.name}.log", "hydra-${hydra.job.name}.log")
_STREAMS = ("ext://sys.stdout", "ext://sys.stderr")
_LOADER = "ConfigLoaderImpl"  # its name in Hydra's application module
_LONGEST = 60  # characters of a refused value


@contextmanager
def guarded() -> Iterator[None]:
    """Make Hydra's applications apply `check` to every configuration they compose.

    Raises
    ------
    AttributeError
        If this release of Hydra composes in another way, so that nothing would be checked.
    """
    import hydra._internal.hydra as application

    plain = getattr(application, _LOADER)
    setattr(application, _LOADER, _Guarded)
    try:
        with gated():
            yield
    finally:
        setattr(application, _LOADER, plain)


class _Guarded(Loader):
    """Hydra's loader of configurations, followed by the check."""

    def load_configuration(self, *given: Any, **named: Any) -> DictConfig:
        """Compose, and refuse a configuration that would run code."""
        config = super().load_configuration(*given, **named)
        check(config.hydra)
        return config


def check(hydra: DictConfig) -> None:
    """Refuse a ``hydra`` node that makes Hydra run other code than its own or matsweep's.

    Values are checked as written: a reference (``${…}``) could resolve to another value later, so
    it is refused too where it matters.

    Parameters
    ----------
    hydra : DictConfig
        As composed.

    Raises
    ------
    UserError
        With the forbidden entry.
    """
    node: Any = OmegaConf.to_container(hydra, resolve=False)
    if node["callbacks"] not in (None, {}):
        raise _refused("callbacks", "be empty", node["callbacks"])
    job = _mapping(node, "job")
    if job["env_set"] != {}:  # LD_PRELOAD, PYTHONPATH, … for the processes of Ray
        raise _refused("job.env_set", "be empty (set variables in the shell)", list(job["env_set"]))
    if not isinstance(node["verbose"], (bool, str, list)):  # Hydra asserts it
        raise _refused("verbose", "be true, false, or names of loggers", node["verbose"])
    _check_sweeper(_mapping(node, "sweeper"))
    _check_launcher(_mapping(node, "launcher"), node["sweeper"]["_target_"])
    for name in ("hydra_logging", "job_logging"):
        _check_logging(name, _mapping(node, name))
    for name in node.keys() - {"sweeper", "launcher"}:
        _check_plain(name, node[name], references=True)


def _check_sweeper(sweeper: Mapping[str, Any]) -> None:
    if sweeper.get("_target_") not in _SWEEPERS:
        raise _refused("sweeper._target_", f"be {_SWEEPER}", sweeper.get("_target_"))
    rest = {name: value for name, value in sweeper.items() if name != "_target_"}
    if unknown := sorted(rest.keys() - {"params", "max_batch_size"}):
        raise _refused(f"sweeper.{unknown[0]}", "not be set", rest[unknown[0]])
    _check_plain("sweeper", rest, references=False)


def _check_launcher(launcher: Mapping[str, Any], sweeper: str) -> None:
    if launcher == {"_target_": _LAUNCHER}:
        return
    # matsweep's sweeper starts no launcher, and reports a chosen one of those installed.
    known = {f"{each.__module__}.{each.__qualname__}" for each in Plugins.instance().discover(
        Launcher
    )}  # fmt: skip
    if launcher.get("_target_") not in known or sweeper != _SWEEPER:
        raise _refused("launcher", "be hydra/launcher=basic", launcher)
    rest = {name: value for name, value in launcher.items() if name != "_target_"}
    _check_plain("launcher", rest, references=True)


def _check_logging(name: str, logging: Mapping[str, Any]) -> None:
    """Refuse entries by which `logging.config` would import, call, or write to a chosen target."""
    for path, key, value in _walk(logging, name):
        if key in ("()", "."):
            raise _refused(path, "not be set", value)
        if key == "class" and value not in _CLASSES:
            raise _refused(path, f"be one of {', '.join(_CLASSES)}", value)
        if key == "filename" and value not in _FILES:
            raise _refused(path, f"be {_FILES[0]}, as Hydra has it", value)
        if not isinstance(value, str) or key == "filename":
            continue
        if "${" in value:
            raise _refused(path, "be written out", value)
        if value.startswith(("ext://", "cfg://")) and value not in _STREAMS:
            raise _refused(path, f"be {' or '.join(_STREAMS)}", value)


def _check_plain(name: str, node: object, *, references: bool) -> None:
    """Refuse entries from which Hydra would build objects, and, unless allowed, references."""
    for path, key, value in _walk(node, name):
        if key == "_target_":
            raise _refused(path, "not be set", value)
        if not references and isinstance(value, str) and "${" in value.replace("\\", ""):
            raise _refused(path, "be written out", value)


def _walk(node: object, path: str) -> Iterator[tuple[str, str, object]]:
    """Yield path, last name and value of every entry in a node, from the top."""
    if isinstance(node, dict):
        items = [(str(key), value) for key, value in node.items()]
    elif isinstance(node, list):
        items = [(str(number), value) for number, value in enumerate(node)]
    else:
        return
    for key, value in items:
        here = f"{path}.{key}"
        yield here, key, value
        yield from _walk(value, here)


def _mapping(node: Mapping[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(node[name], dict):
        raise _refused(name, "be a mapping that is written out", node[name])
    mapping: dict[str, Any] = node[name]
    return mapping


def _refused(path: str, rule: str, value: object) -> UserError:
    text = repr(value)
    short = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return UserError(
        f"hydra.{path} must {rule}, got {short}; leave it out: a configuration may not have Hydra "
        "run code"
    )
