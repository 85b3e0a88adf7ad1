"""`matsweep explain`: the causes of a candidate's loss, by controlled repeats."""

from __future__ import annotations

from omegaconf import DictConfig
from rich.console import Console

from matsweep import ablation
from matsweep.ablation.printed import show
from matsweep.cli.asked import time_of
from matsweep.cli.newest import store_of
from matsweep.core.checks import UserError, whole
from matsweep.core.command_line import typed
from matsweep.core.printing import one_line


def explain(config: DictConfig) -> None:
    """Run `matsweep explain`.

    Parameters
    ----------
    config : DictConfig
        As composed by Hydra.

    Raises
    ------
    UserError
        If no candidate is named, or it cannot be explained.
    """
    store, asked = store_of(config), config.candidate
    if asked is None or isinstance(asked, bool) or not isinstance(asked, (int, str)):
        raise UserError(
            "candidate must be a number or a material, as in matsweep explain "
            f"{store} 12, or {typed('candidate', 'pcm_gst')}"
        )
    count = config.realisations
    time = time_of(config)
    with Console(stderr=True).status("") as status:
        diagnosis = ablation.explain(
            store,
            asked,
            realisations=None if count is None else whole("realisations", count, low=1),
            time=time,
            progress=lambda what: status.update(one_line(f"repeating candidate {asked}: {what}")),
        )
    show(diagnosis, Console())
