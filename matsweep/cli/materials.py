"""`matsweep materials`: list the families, or show one with its sources."""

from __future__ import annotations

from omegaconf import DictConfig
from rich.console import Console

from matsweep.catalogue import list_materials, show_material


def materials(config: DictConfig) -> None:
    """Run `matsweep materials`.

    Parameters
    ----------
    config : DictConfig
        As composed by Hydra.
    """
    if config.name is None:
        list_materials(Console())
    else:
        show_material(str(config.name), Console())
