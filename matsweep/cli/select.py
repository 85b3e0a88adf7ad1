"""`matsweep select`: the candidates that meet a specification."""

from __future__ import annotations

from omegaconf import DictConfig
from rich.console import Console

from matsweep.analysis.choice import choose
from matsweep.checks import UserError, whole
from matsweep.cli.newest import store_of
from matsweep.store import open_results


def select(config: DictConfig) -> None:
    """Run the command."""
    weights = config.weights
    if weights is not None and not isinstance(weights, DictConfig):
        raise UserError(f"weights must be as in {{accuracy: 2, energy: 1}}, got {weights!r}")
    choose(
        open_results(store_of(config)),
        Console(),
        [str(each) for each in config.constraints],
        by=str(config.by),
        how=str(config.how),
        weights=None if weights is None else {str(name): w for name, w in weights.items()},
        objectives=None if config.objectives is None else list(config.objectives),
        time=config.time,
        confidence=config.confidence,
        top=whole("top", config.top, low=1),
        why=None if config.why is None else whole("why", config.why, low=0),
    )
