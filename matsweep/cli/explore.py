"""`matsweep explore`: run a study, or resume it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich.console import Console

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
    """
    console = Console(stderr=True)
    path = run_overrides(overrides, console)
    console.print(f"results are in {path}; matsweep report {path} ranks them", soft_wrap=True)
    return path


def explore(config: DictConfig) -> None:
    """Run the command."""
    run_study(HydraConfig.get().overrides.task)
