"""A Hydra sweeper that runs all points of a sweep as one study."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


@dataclass
class SweeperConfig:
    """Configuration by which Hydra finds the sweeper.

    `params` are overrides to sweep unless the command line sets them, as in Hydra's own sweeper:
    ``hydra.sweeper.params: {device.read_noise: "0.01,0.02"}``. In an experiment, `axes` have the
    same effect, with and without `-m`.
    """

    _target_: str = "hydra_plugins.hydra_matsweep_sweeper.sweeper.MatsweepSweeper"
    params: dict[str, Any] | None = field(default_factory=dict)


ConfigStore.instance().store(
    group="hydra/sweeper", name="matsweep", node=SweeperConfig, provider="matsweep"
)


class MatsweepSweeper(Sweeper):
    """Turn the overrides after `-m`, with the axes of the config, into one design.

    Unlike Hydra's own sweepers it starts no job and creates no folder for a point.

    Parameters
    ----------
    params : mapping or None
        See `SweeperConfig`.
    """

    def __init__(self, params: DictConfig | None = None) -> None:
        plain: Any = {} if params is None else OmegaConf.to_container(params)
        self.params: dict[str, Any] = plain

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Keep the configuration; the sweeper needs no launcher.

        Parameters
        ----------
        hydra_context : HydraContext
            Unused.
        task_function : function
            Unused.
        config : DictConfig
            As composed, with the node ``hydra``.
        """
        self.config = config
        self.hydra = config.hydra

    def sweep(self, arguments: list[str]) -> Any:
        """Run the study of these overrides.

        Parameters
        ----------
        arguments : list of str
            Overrides after `-m`.

        Returns
        -------
        Place
            Of the store.
        """
        from matsweep.cli.explore import run_study

        defaults = [f"{name}={value}" for name, value in self.params.items()]
        return run_study([*defaults, *arguments], self.hydra)
