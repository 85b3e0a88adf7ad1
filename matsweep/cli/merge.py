"""`matsweep merge`: several stores as one."""

from __future__ import annotations

from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from matsweep.core.checks import UserError
from matsweep.merging import merge as merge_stores
from matsweep.store import summary


def merge(config: DictConfig) -> None:
    """Run `matsweep merge`.

    Parameters
    ----------
    config : DictConfig
        As composed by Hydra.

    Raises
    ------
    UserError
        If fewer than two stores or no new one are named, or the merge is refused.
    """
    if not OmegaConf.is_list(config.stores) or len(config.stores) < 2 or not config.into:
        raise UserError("name two stores and a new one: matsweep merge A.zarr B.zarr into=M.zarr")
    with Console(stderr=True).status("merging"):
        path = merge_stores([str(store) for store in config.stores], str(config.into))
    counts = summary(path, slowest=0)
    text = f"{counts.done} done, {counts.failed} failed, {counts.pending} pending of {counts.total}"
    Console().print(f"{path}: {text}", markup=False, highlight=False, soft_wrap=True)
