"""Executors: one contract for running tasks, several implementations.

Ray takes a second to import, so each executor is imported when it is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from matsweep.core.checks import UserError, one_of
from matsweep.core.codec import build
from matsweep.core.printing import shown
from matsweep.planning.environment import check_cluster
from matsweep.running.executors.contract import NO_PARTS, Executor, Fault, LostError, Task


def _serial() -> type[Executor]:
    from matsweep.running.executors.serial import SerialExecutor

    return SerialExecutor


def _ray() -> type[Executor]:
    from matsweep.running.executors.ray import RayExecutor

    return RayExecutor


EXECUTORS: dict[str, Callable[[], type[Executor]]] = {"serial": _serial, "ray": _ray}


def executor(config: object) -> Executor:
    """Build the executor of a configuration's node `executor`.

    Parameters
    ----------
    config : mapping
        `kind`, and the parameters of that executor.

    Returns
    -------
    Executor

    Raises
    ------
    UserError
        If it is no mapping; for an unknown kind or an invalid parameter; for a cluster that only a
        file names.
    """
    if not isinstance(config, Mapping):
        raise UserError(f"executor must be a mapping, {{kind: …}}, got {shown(config)}")
    parameters = dict(config)
    check_cluster(parameters.get("address"))
    kind = one_of("executor.kind", parameters.pop("kind", None), EXECUTORS)
    return build(EXECUTORS[kind](), parameters, "executor")


__all__ = ["EXECUTORS", "NO_PARTS", "Executor", "Fault", "LostError", "Task", "executor"]
