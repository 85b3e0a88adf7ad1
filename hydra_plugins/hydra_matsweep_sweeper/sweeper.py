"""A Hydra sweeper that runs all points of a sweep as one study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


@dataclass
class SweeperConfig:
    """What Hydra needs to find the sweeper; it has no parameters of its own."""

    _target_: str = "hydra_plugins.hydra_matsweep_sweeper.sweeper.MatsweepSweeper"


ConfigStore.instance().store(
    group="hydra/sweeper", name="matsweep", node=SweeperConfig, provider="matsweep"
)


class MatsweepSweeper(Sweeper):
    """Turn the overrides after `-m`, with the axes of the config, into one design.

    Unlike Hydra's own sweepers it starts no job and makes no folder for a point.
    """

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Take what Hydra gives; nothing of it is needed beyond the overrides."""
        self.config = config

    def sweep(self, arguments: list[str]) -> Any:
        """Run the study of these overrides."""
        from matsweep.cli.explore import run_study

        return run_study(arguments)
