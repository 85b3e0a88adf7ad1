"""Hydra plugin for matsweep: `-m` makes one study of all axes, in one store."""

from hydra_plugins.hydra_matsweep_sweeper.sweeper import MatsweepSweeper

__all__ = ["MatsweepSweeper"]
