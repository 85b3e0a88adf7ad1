"""`matsweep status`: the progress of a study."""

from __future__ import annotations

from omegaconf import DictConfig
from rich.console import Console

from matsweep.cli.newest import store_of
from matsweep.core.checks import positive, whole
from matsweep.reporting.status import show, watch


def status(config: DictConfig) -> None:
    """Run `matsweep status`.

    Parameters
    ----------
    config : DictConfig
        As composed by Hydra.
    """
    slowest = whole("slowest", config.slowest, low=0)
    every = None if config.watch is None else positive("watch", config.watch, "s")
    store = store_of(config)
    if every is None:
        show(store, Console(), slowest=slowest)
    else:
        watch(store, Console(), every=every, slowest=slowest)
