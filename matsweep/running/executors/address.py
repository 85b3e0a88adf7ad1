"""Addresses of Ray clusters, and whether anyone answers there."""

from __future__ import annotations

import re
import socket

from matsweep.core.checks import UserError

_PATIENCE = 5.0  # s for a cluster to answer
_FORMS = "local, auto, HOST:PORT or ray://HOST:PORT"


def check_reachable(address: str) -> None:
    """Refuse an address where no one answers, within seconds: Ray itself waits for minutes.

    Parameters
    ----------
    address : str
        "HOST:PORT" or "ray://HOST:PORT".

    Raises
    ------
    UserError
    """
    place = address.removeprefix("ray://")
    host, _, port = place.rpartition(":")
    if not host or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65_535:
        raise UserError(f"executor.address must be {_FORMS}, got {address[:60]!r}")
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
    except (OSError, UnicodeError) as error:  # a label of a host's name has at most 63 letters
        raise unreachable(address, getattr(error, "strerror", None) or str(error)) from None


def answers(place: str | tuple[str, int]) -> bool:
    """Report whether a process accepts connections; true where that is unknown.

    Parameters
    ----------
    place : str or (str, int)
        A Unix socket's path, or a host and a port.

    Returns
    -------
    bool
    """
    family = socket.AF_UNIX if isinstance(place, str) else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.settimeout(_PATIENCE)
            probe.connect(place)
    except (ConnectionRefusedError, FileNotFoundError):
        return False
    except OSError:
        return True
    return True


def unreachable(address: str, reason: str) -> UserError:
    """Return the error of an address where no cluster answers.

    Parameters
    ----------
    address : str
    reason : str

    Returns
    -------
    UserError
    """
    return UserError(
        f"executor.address={address}: no Ray cluster answers there ({reason}); start one "
        "(ray start --head), or use executor.address=local"
    )
