"""The command line: `matsweep COMMAND [hydra overrides]`."""

from matsweep.cli.main import main, run

__all__ = ["main", "run"]
