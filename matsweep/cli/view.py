"""`matsweep view`: the report of a study in a browser, live."""

from __future__ import annotations

from omegaconf import DictConfig
from rich.console import Console

from matsweep.cli.asked import names_of, time_of
from matsweep.cli.newest import store_of
from matsweep.core.checks import whole
from matsweep.reporting.status.once import rerun
from matsweep.reporting.view import Pages, serve
from matsweep.store import attributes


def view(config: DictConfig) -> None:
    """Run `matsweep view`.

    Parameters
    ----------
    config : DictConfig
        As composed by Hydra.
    """
    port = whole("port", config.port, low=0, high=65_535)
    top = whole("top", config.top, low=1)
    objectives, time = names_of("objectives", config.objectives), time_of(config)
    store = store_of(config)
    pages = Pages(
        store,
        top=top,
        objectives=objectives,
        time=time,
        rerun=rerun(attributes(store), store),
    )
    serve(pages, Console(), port=port)
