"""`matsweep explore`: run a study, or resume it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from rich.console import Console

from matsweep.core.checks import UserError
from matsweep.core.command_line import command_line
from matsweep.planning.environment import flags
from matsweep.planning.grammar import as_typed
from matsweep.running.study import run_overrides
from matsweep.store import Place, summary


def run_study(overrides: Sequence[str], hydra: DictConfig) -> Place:
    """Run a study, or resume it, and print the place of its results.

    Parameters
    ----------
    overrides : sequence of str
        As on the command line, with or without values to sweep.
    hydra : DictConfig
        Hydra's own node; it holds the name of the primary configuration.

    Returns
    -------
    Place
        Of the store.

    Raises
    ------
    UserError
        If no candidate could be computed, or Hydra is asked to start jobs.
    """
    _check_jobs(hydra)
    console = Console(stderr=True)
    command = command_line("matsweep", "explore", *flags(), *map(as_typed, sys.argv[1:]))
    name = str(hydra.job.config_name).removesuffix(".yaml")
    path = run_overrides(overrides, console, command, config_name=name)
    progress = summary(path)
    if progress.failed:
        status = command_line("matsweep", "status", str(path))
        worst = progress.failures[0]
        failed = (
            f"{progress.failed} of {progress.total} candidates failed, {worst.count} with: "
            f"{worst.message}"
        )
        if not progress.done:
            raise UserError(f"{failed}; {status} lists the causes")
        console.print(f"{failed}; {status} lists all", soft_wrap=True, markup=False)
    report = command_line("matsweep", "report", str(path))
    console.print(f"results are in {path}; {report} ranks them", soft_wrap=True)
    return path


def explore(config: DictConfig) -> None:
    """Run `matsweep explore`.

    Parameters
    ----------
    config : DictConfig
        As composed by Hydra.

    Raises
    ------
    UserError
        If another sweeper than matsweep's runs it.
    """
    hydra: Any = HydraConfig.get()
    if hydra.mode == RunMode.MULTIRUN:  # here only if another sweeper started a job
        sweeper = hydra.runtime.choices["hydra/sweeper"]
        raise UserError(
            f"hydra/sweeper={sweeper} would make a study of each point: leave it out, as the "
            "default (hydra/sweeper=matsweep) makes one study of all"
        )
    run_study(hydra.overrides.task, hydra)


def _check_jobs(hydra: DictConfig) -> None:
    """Refuse a launcher: it would have no jobs."""
    launcher = hydra.runtime.choices["hydra/launcher"]
    if launcher != "basic":
        raise UserError(
            f"hydra/launcher={launcher} has nothing to launch, as a sweep is one study and not a "
            "job for each point: leave it out, and choose executor=ray or executor=serial"
        )
