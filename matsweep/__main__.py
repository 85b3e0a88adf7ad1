"""Run `python -m matsweep` as the command `matsweep`."""

from matsweep.cli import run

run()
