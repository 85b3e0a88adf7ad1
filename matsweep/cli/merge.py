"""`matsweep merge`: several stores as one."""

from __future__ import annotations

from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from matsweep.core.checks import UserError
from matsweep.merging import merge as merge_stores
from matsweep.store import summary


def merge(config: DictConfig) -> None:
    """Run the command."""
    if not OmegaConf.is_list(config.stores) or len(config.stores) < 2 or not config.into:
        raise UserError("name two stores and a new one: matsweep merge A.zarr B.zarr into=M.zarr")
    with Console(stderr=True).status("merging"):
        path = merge_stores([str(store) for store in config.stores], str(config.into))
    found = summary(path, slowest=0)
    told = f"{found.done} done, {found.failed} failed, {found.pending} pending of {found.total}"
    Console().print(f"{path}: {told}", markup=False, highlight=False, soft_wrap=True)
