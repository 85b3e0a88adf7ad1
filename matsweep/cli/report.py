"""`matsweep report`: rank the candidates of a stored study and draw it."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console

from matsweep import analysis
from matsweep.checks import whole
from matsweep.cli.newest import store_of
from matsweep.store import open_results


def report(config: DictConfig) -> None:
    """Run the command."""
    top = whole("top", config.top, low=1)
    store = store_of(config)
    analysis.report(
        open_results(store),
        Console(),
        Path(config.folder or store.with_suffix("")),
        top=top,
        objectives=None if config.objectives is None else list(config.objectives),
        time=config.time,
    )
