"""`matsweep report`: rank the candidates of a stored study, draw it, and write it as a document."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console

from matsweep import analysis
from matsweep.checks import truth, whole
from matsweep.cli.newest import store_of
from matsweep.status.once import rerun
from matsweep.store import attributes, open_results


def report(config: DictConfig) -> None:
    """Run the command."""
    top = whole("top", config.top, low=1)
    html, markdown, pdf = (truth(name, config[name]) for name in ("html", "markdown", "pdf"))
    store = store_of(config)
    analysis.report(
        open_results(store),
        Console(),
        Path(config.folder or (store.with_suffix("") if isinstance(store, Path) else store.stem)),
        top=top,
        objectives=None if config.objectives is None else list(config.objectives),
        time=config.time,
        html=html,
        markdown=markdown,
        pdf=pdf,
        rerun=rerun(attributes(store), store),
        target="" if config.target is None else str(config.target),
        sensitivity=truth("sensitivity", config.sensitivity),
    )
