"""Settings that the commands on a store share: names of metrics, and a time."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, ListConfig

from matsweep.core.checks import UserError
from matsweep.core.command_line import typed


def names_of(setting: str, given: Any) -> list[str] | None:
    """Return a setting that is one text or a list of texts as a list; null as None.

    Parameters
    ----------
    setting : str
        Its name, for the message.
    given : str, list or None
        Its value.

    Returns
    -------
    list of str or None

    Raises
    ------
    UserError
        If it is neither a text nor a list.
    """
    if given is None:
        return None
    if isinstance(given, str):
        return [given]
    if not isinstance(given, ListConfig):
        raise UserError(
            f"{setting} must be a list, as in {typed(setting, ['accuracy', 'energy'])}, got {given}"
        )
    return [str(each) for each in given]


def time_of(config: DictConfig) -> float | str | None:
    """Return the time at which candidates are compared.

    Parameters
    ----------
    config : DictConfig
        With the setting ``time``.

    Returns
    -------
    float, s, or str such as ``1 day``, or None

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
