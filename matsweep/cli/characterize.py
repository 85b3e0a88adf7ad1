"""`matsweep characterize`: measure a material's device, or an array of it, on a test bench."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from matsweep.core.checks import UserError
from matsweep.core.files import path_text


def characterize(config: DictConfig) -> None:
    """Run `matsweep characterize`.

    Parameters
    ----------
    config : DictConfig
        As composed by Hydra.

    Raises
    ------
    UserError
        If the results exist already, or a parameter breaks its rule.
    """
    path = Path(path_text("folder", config.folder)) / (
        "bench" if config.get("tile") is None else "array"
    )
    data = path.with_suffix(".zarr")
    if data.exists() and not config.overwrite:
        raise UserError(
            f"{data} is there already: give another folder=…, or overwrite=true to replace it"
        )
    from matsweep.cli.bench import measure  # slow to import

    measure(config, path)
