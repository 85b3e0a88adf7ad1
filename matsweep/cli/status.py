"""`matsweep status`: how far a study is."""

from __future__ import annotations

from omegaconf import DictConfig
from rich.console import Console

from matsweep.checks import whole
from matsweep.cli.newest import store_of
from matsweep.status import show


def status(config: DictConfig) -> None:
    """Run the command."""
    slowest = whole("slowest", config.slowest, low=0)
    show(store_of(config), Console(), slowest=slowest)
