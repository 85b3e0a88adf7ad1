"""`matsweep select`: the candidates that meet a specification."""

from __future__ import annotations

from omegaconf import DictConfig
from rich.console import Console

from matsweep.analysis.dominance import EXACT, SENSE
from matsweep.cli.asked import names_of, time_of
from matsweep.cli.newest import store_of
from matsweep.core.checks import UserError, truth, whole
from matsweep.core.command_line import typed
from matsweep.reporting.choice import choose
from matsweep.store import open_results


def select(config: DictConfig) -> None:
    """Run `matsweep select`.

    Parameters
    ----------
    config : DictConfig
        As composed by Hydra.

    Raises
    ------
    UserError
        If a setting breaks its rule.
    """
    weights = config.weights
    if weights is not None and not isinstance(weights, DictConfig):
        way = typed("weights", {"accuracy": 2, "energy": 1})
        raise UserError(f"weights must be as in {way}, got {weights!r}")
    objectives, time = names_of("objectives", config.objectives), time_of(config)
    choose(
        open_results(store_of(config), damaged=config.damaged),
        Console(),
        names_of("constraints", config.constraints) or [],
        by=None if config.by is None else str(config.by),
        how=str(config.how),
        weights=None if weights is None else {str(name): w for name, w in weights.items()},
        objectives=objectives,
        sense=EXACT if truth("exact", config.exact) else SENSE,
        time=time,
        confidence=config.confidence,
        top=whole("top", config.top, low=1),
        why=_why(config.why),
    )


def _why(given: object) -> int | str | None:
    """Candidate whose place is explained: a number, or a material for its best one."""
    if given is None or isinstance(given, str):
        return given
    return whole("why", given, low=0)
