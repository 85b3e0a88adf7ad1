"""`matsweep explore`: run a study, or resume it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich.console import Console

from matsweep.checks import UserError
from matsweep.store import summary
from matsweep.sweep.study import run_overrides


def run_study(overrides: Sequence[str]) -> Path:
    """Run a study, or resume it, and tell where its results are.

    Parameters
    ----------
    overrides : sequence of str
        As on the command line, without or with values to sweep.

    Returns
    -------
    Path
        Of the store.

    Raises
    ------
    UserError
        If no candidate could be computed.
    """
    console = Console(stderr=True)
    path = run_overrides(overrides, console)
    found = summary(path)
    if found.failed:
        cause, number = found.failures[0]
        told = f"{found.failed} of {found.total} candidates failed, {number} with: {cause}"
        if not found.done:
            raise UserError(f"{told}; matsweep status {path} lists the causes")
        console.print(f"{told}; matsweep status {path} lists all", soft_wrap=True, markup=False)
    console.print(f"results are in {path}; matsweep report {path} ranks them", soft_wrap=True)
    return path


def explore(config: DictConfig) -> None:
    """Run the command."""
    run_study(HydraConfig.get().overrides.task)
