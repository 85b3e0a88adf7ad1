"""What the commands that look at a store have in common: names of metrics, and a time."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, ListConfig

from matsweep.core.checks import UserError


def names_of(setting: str, given: Any) -> list[str] | None:
    """Return a list of texts that may be given as one text; None of null.

    Raises
    ------
    UserError
        If it is neither.
    """
    if given is None:
        return None
    if isinstance(given, str):
        return [given]
    if not isinstance(given, ListConfig):
        raise UserError(f"{setting} must be a list, as in {setting}=[accuracy,energy], got {given}")
    return [str(each) for each in given]


def time_of(config: DictConfig) -> float | str | None:
    """Return the time at which candidates are compared.

    Raises
    ------
    UserError
        If it is neither a number nor a text such as ``1 day``.
    """
    given = config.time
    if given is None or isinstance(given, str):
        return given
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        raise UserError(f"time [s] must be a number, or a text such as '1 day', got {given}")
    return float(given)
