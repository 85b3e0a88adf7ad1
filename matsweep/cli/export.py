"""`matsweep export`: stored results as a file that other programs read."""

from __future__ import annotations

from omegaconf import DictConfig
from rich.console import Console

from matsweep.cli.newest import store_of
from matsweep.core.checks import UserError, truth
from matsweep.exporting import export as export_results


def export(config: DictConfig) -> None:
    """Run `matsweep export`.

    Parameters
    ----------
    config : DictConfig
        As composed by Hydra.

    Raises
    ------
    UserError
        If no file is named, or the export is refused.
    """
    if not isinstance(config.to, str) or not config.to:
        raise UserError("to must name a file: matsweep export STORE to=results.parquet")
    choices = {name: truth(name, config[name]) for name in ("realisations", "failed", "overwrite")}
    with Console(stderr=True).status("exporting"):
        path = export_results(store_of(config), config.to, damaged=config.damaged, **choices)
    Console().print(str(path), markup=False, highlight=False, soft_wrap=True)
